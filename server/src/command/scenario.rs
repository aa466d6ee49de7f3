//! `vigla demo scenario NAME|undo`: starts and undoes scenarios of a running demo.

use clap::Args;
use reqwest::{Method, RequestBuilder};
use vigla_api::{ApplyScenario, ScenarioApplied, Scenarios};

use super::{
    console::{Console, DEFAULT},
    say,
};

/// What to do with which demo.
#[derive(Debug, Args)]
pub struct Arguments {
    /// Name of a scenario, or `undo` for all that are applied; without it they are listed.
    name: Option<String>,
    /// Step of the scenario.
    #[arg(long, default_value_t = 1)]
    step: u32,
    /// Where the demo's console answers.
    #[arg(long, default_value = DEFAULT, value_name = "URL")]
    server: String,
}

/// Runs the command.
///
/// # Errors
/// When the demo does not answer or refuses.
pub async fn run(arguments: Arguments) -> anyhow::Result<()> {
    let console = Console::new(&arguments.server)?;
    let send = async |method: Method, path: &str, body: Option<ApplyScenario>| {
        console
            .send(method, path, |request| {
                body.iter().fold(request, RequestBuilder::json)
            })
            .await
    };
    let list = async || -> anyhow::Result<Scenarios> {
        Ok(send(Method::GET, "scenarios", None).await?.json().await?)
    };
    match arguments.name.as_deref() {
        None => {
            for scenario in list().await?.scenarios {
                let mark = if scenario.step.is_some() { "*" } else { " " };
                say(&format!("{mark} {:<16} {}", scenario.name, scenario.title));
            }
        }
        Some("undo") => {
            for scenario in list()
                .await?
                .scenarios
                .into_iter()
                .filter(|scenario| scenario.step.is_some())
            {
                let undone = send(Method::DELETE, &format!("scenarios/{}", scenario.name), None).await?;
                let undone: ScenarioApplied = undone.json().await?;
                say(&format!(
                    "{} undone, config revision {}",
                    undone.name, undone.revision
                ));
            }
        }
        Some(name) => {
            let body = ApplyScenario {
                step: Some(arguments.step),
            };
            let applied = send(Method::POST, &format!("scenarios/{name}"), Some(body)).await?;
            let applied: ScenarioApplied = applied.json().await?;
            say(&format!(
                "{} step {} of {}, config revision {}",
                applied.name, applied.step, applied.steps, applied.revision
            ));
        }
    }
    Ok(())
}
