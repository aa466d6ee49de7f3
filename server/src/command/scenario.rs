//! `vigla demo scenario NAME|undo`: starts and undoes scenarios of a running demo.

use std::time::Duration;

use anyhow::{Context, bail};
use clap::Args;
use reqwest::{Client, Method, RequestBuilder, Response};
use vigla_api::{ApplyScenario, Problem, ScenarioApplied, Scenarios};

use super::say;

/// What to do with which demo.
#[derive(Debug, Args)]
pub struct Arguments {
    /// Name of a scenario, or `undo` for all that are applied; without it they are listed.
    name: Option<String>,
    /// Step of the scenario.
    #[arg(long, default_value_t = 1)]
    step: u32,
    /// Where the demo's console answers.
    #[arg(long, default_value = "http://127.0.0.1:20001", value_name = "URL")]
    server: String,
}

/// Runs the command.
///
/// # Errors
/// When the demo does not answer or refuses.
pub async fn run(arguments: Arguments) -> anyhow::Result<()> {
    let client = Client::builder()
        .timeout(Duration::from_secs(15))
        .no_proxy()
        .build()?;
    let base = format!("{}/api/v1/scenarios", arguments.server.trim_end_matches('/'));
    let send = async |method: Method, url: String, body: Option<ApplyScenario>| -> anyhow::Result<Response> {
        let request = client.request(method, &url);
        let request = body.iter().fold(request, RequestBuilder::json);
        let response = request.send().await.with_context(|| {
            format!(
                "no demo answers at {}: start one with `vigla demo`, or name its address with --server",
                arguments.server
            )
        })?;
        if response.status().is_success() {
            return Ok(response);
        }
        let status = response.status();
        match response.json::<Problem>().await {
            Ok(problem) => bail!("{}", problem.detail),
            Err(_) => bail!("{url} answers {status}: is that a Vigla console?"),
        }
    };
    let list = async || -> anyhow::Result<Scenarios> {
        Ok(send(Method::GET, base.clone(), None).await?.json().await?)
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
                let undone = send(Method::DELETE, format!("{base}/{}", scenario.name), None).await?;
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
            let applied = send(Method::POST, format!("{base}/{name}"), Some(body)).await?;
            let applied: ScenarioApplied = applied.json().await?;
            say(&format!(
                "{} step {} of {}, config revision {}",
                applied.name, applied.step, applied.steps, applied.revision
            ));
        }
    }
    Ok(())
}
