//! `vigla graph`: the map without a browser.

use clap::{Args, ValueEnum};
use reqwest::Method;
use vigla_api::GraphQuery;

use super::{
    console::{Console, DEFAULT},
    say,
};

/// What to print of which console.
#[derive(Debug, Args)]
pub struct Arguments {
    /// Format of the output.
    #[arg(short, long, value_enum, default_value_t = Output::Mermaid)]
    output: Output,
    /// Namespaces, with commas; all when absent.
    #[arg(long, value_name = "NS,…")]
    namespaces: Option<String>,
    /// finest, app, versioned_app, workload or service.
    #[arg(long, default_value = "workload")]
    view: String,
    /// Time over which traffic is counted, such as 5m.
    #[arg(long, default_value = "1m")]
    window: String,
    /// Expression of what to leave out, such as `healthy` or `rate < 1`.
    #[arg(long, value_name = "EXPRESSION")]
    hide: Option<String>,
    /// Shows nodes and edges without traffic too.
    #[arg(long)]
    idle: bool,
    /// Where the console answers.
    #[arg(long, default_value = DEFAULT, value_name = "URL")]
    server: String,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Output {
    /// The API's own answer.
    Json,
    /// One row an edge.
    Csv,
    /// Graphviz.
    Dot,
    /// A flowchart for wikis.
    Mermaid,
    /// A picture.
    Svg,
}

/// Runs the command.
///
/// # Errors
/// When the console does not answer or refuses.
pub fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let format = arguments.output.to_possible_value();
    let query = GraphQuery {
        namespaces: arguments.namespaces.clone(),
        view: Some(arguments.view.clone()),
        window: Some(arguments.window.clone()),
        hide: arguments.hide.clone(),
        include: arguments.idle.then(|| "idle".to_owned()),
        format: format.map(|format| format.get_name().to_owned()),
        ..GraphQuery::default()
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let text = runtime.block_on(async {
        let console = Console::new(&arguments.server)?;
        let answer = console.send(Method::GET, "graph/export", |request| request.query(&query));
        anyhow::Ok(answer.await?.text().await?)
    })?;
    say(text.trim_end());
    Ok(())
}
