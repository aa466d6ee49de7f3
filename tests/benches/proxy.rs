//! P14: what a request costs a sidecar, ours against stock Envoy. `cargo xtask bench proxy`.
//!
//! One mesh, fed by one control plane: a caller whose sidecar is `vigla-proxy`, a caller whose sidecar is Envoy, both
//! with the same config, metrics that are scraped, an access log, and spans of a tenth of the requests. They take turns
//! under the same load: to a server without sidecar (plain text), to one with a sidecar (mutual TLS), and to one that
//! speaks HTTP/2. Counted is the processor time of the
//! caller's sidecar alone; it has one core, everything else the other.
#![expect(clippy::print_stdout, reason = "a measurement prints its figures")]

#[path = "proxy/load.rs"]
mod load;
#[path = "proxy/mesh.rs"]
mod mesh;

use std::{process::ExitCode, time::Duration};

use anyhow::{Context, ensure};
use tokio::time::sleep;
use vigla_testing::{Report, median};
use vigla_tests::{Demo, Given, Options, given, usage};

use load::{Load, Version};
use mesh::{Caller, HTTP2, PLAIN, SECURE};

const ROUNDS: usize = 5;
const CONNECTIONS: usize = 32;
/// Of HTTP/2, each with so many streams.
const SHARED_CONNECTIONS: usize = 8;
const STREAMS: u32 = 4;
const BODY_BYTES: usize = 1024;
/// Before the part that counts: connections are made, and the balancer has met its endpoints.
const WARM: Duration = Duration::from_secs(1);
const MEASURED: Duration = Duration::from_secs(5);

/// One turn of one sidecar.
#[derive(Debug, Clone, Copy)]
struct Turn {
    /// Processor time of the sidecar for one request, in microseconds.
    cost: f64,
    /// Requests a second.
    rate: f64,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match measure().await {
        Ok(report) => {
            println!("{report}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            println!("P14 could not be measured: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn measure() -> anyhow::Result<Report> {
    let envoy = given(Given::Envoy).context("there is no Envoy")?;
    let folder = tempfile::tempdir()?;
    let outside = load::http2::serve(BODY_BYTES).context("the server of HTTP/2")?;
    mesh::write(folder.path(), BODY_BYTES, outside)?;
    let options = Options::arguments([
        "--mesh".into(),
        folder.path().as_os_str().to_owned(),
        "--rate".into(),
        "0".into(),
        "--envoy".into(),
        "caller-envoy".into(),
        "--envoy-program".into(),
        envoy.into_os_string(),
    ]);
    let demo = Demo::start(options).await.context("there is no vigla")?;
    let ours = Caller::find(&demo, "caller-vigla").await?;
    let peer = Caller::find(&demo, "caller-envoy").await?;
    let servers = Caller::find(&demo, "server").await?;
    // Two cores are the least: one for what is measured, one for all that it talks to.
    for (process, core) in [
        (ours.id, 0),
        (peer.id, 0),
        (servers.id, 1),
        (demo.id(), 1),
        (std::process::id(), 1),
    ] {
        mesh::pin(process, core)?;
    }
    sleep(Duration::from_secs(3)).await;
    let memory = |caller: &Caller| {
        Ok::<f64, anyhow::Error>(usage(caller.id).context("the sidecar died")?.rss_bytes as f64 / 1e6)
    };
    let idle = (memory(&ours)?, memory(&peer)?);

    let mut report = Report::new("proxy");
    let cases = [
        (PLAIN, Version::Http1, "HTTP/1.1, plain text", "≤ 0.4 ×"),
        (SECURE, Version::Http1, "HTTP/1.1, mutual TLS", "≤ 0.4 ×"),
        (HTTP2, Version::Http2(STREAMS), "HTTP/2, plain text", "≤ 0.8 ×"),
    ];
    for (host, version, what, bar) in cases {
        let (mut turns, mut ratios) = ((Vec::new(), Vec::new()), Vec::new());
        for round in 0..ROUNDS {
            // Who comes first changes, so that neither always meets a warmer machine.
            let (mine, theirs) = if round % 2 == 0 {
                let mine = turn(&ours, host, version).await?;
                (mine, turn(&peer, host, version).await?)
            } else {
                let theirs = turn(&peer, host, version).await?;
                (turn(&ours, host, version).await?, theirs)
            };
            println!("{what}, round {}: {mine:?} {theirs:?}", round + 1);
            ratios.push(mine.cost / theirs.cost);
            turns.0.push(mine);
            turns.1.push(theirs);
        }
        let middle = |turns: &[Turn], of: fn(&Turn) -> f64| {
            median(&turns.iter().map(of).collect::<Vec<_>>()).unwrap_or(f64::NAN)
        };
        let ratio = median(&ratios).context("there are rounds")?;
        let spread = ratios.iter().fold((f64::MAX, 0.0_f64), |(low, high), ratio| {
            (low.min(*ratio), high.max(*ratio))
        });
        report.row(
            "P14",
            &format!("processor time a request, vigla-proxy / Envoy, {what}"),
            format!("{ratio:.2} × ({:.2}–{:.2})", spread.0, spread.1),
            bar,
        );
        let both = |of: fn(&Turn) -> f64| (middle(&turns.0, of), middle(&turns.1, of));
        let (cost, rate) = (both(|turn| turn.cost), both(|turn| turn.rate));
        report.row("", "  each", format!("{:.0} / {:.0} µs", cost.0, cost.1), "");
        report.row(
            "",
            "  requests a second",
            format!("{:.0} / {:.0}", rate.0, rate.1),
            "",
        );
    }
    let loaded = (memory(&ours)?, memory(&peer)?);
    report.row(
        "P24",
        "a sidecar's memory idle, vigla-proxy / Envoy",
        format!("{:.0} / {:.0} MB", idle.0, idle.1),
        "≤ 18 MB",
    );
    report.row(
        "P24",
        "a sidecar's memory after the load",
        format!("{:.0} / {:.0} MB", loaded.0, loaded.1),
        "≤ 24 MB",
    );
    report.note(format!(
        "{BODY_BYTES} bytes, closed loop; HTTP/1.1 on {CONNECTIONS} connections, HTTP/2 on {SHARED_CONNECTIONS} with {STREAMS} streams each; metrics, access log, spans of a tenth of the requests; {ROUNDS} rounds of {} s in turns; median and spread of the rounds' ratios; memory is RSS",
        MEASURED.as_secs()
    ));
    Ok(report)
}

/// Loads one sidecar and tells what it used.
async fn turn(caller: &Caller, host: &str, version: Version) -> anyhow::Result<Turn> {
    let connections = match version {
        Version::Http1 => CONNECTIONS,
        Version::Http2(_) => SHARED_CONNECTIONS,
    };
    let load = Load::start(caller.outbound, host, version, connections);
    sleep(WARM).await;
    let cpu = || Ok::<Duration, anyhow::Error>(usage(caller.id).context("the sidecar died")?.cpu);
    let (before, done) = (cpu()?, load.done());
    sleep(MEASURED).await;
    let (used, done) = (cpu()? - before, load.done() - done);
    let failed = load.stop();
    ensure!(failed == 0, "{failed} of the requests to {host} failed");
    ensure!(done > 0, "nothing was answered");
    Ok(Turn {
        cost: used.as_secs_f64() * 1e6 / done as f64,
        rate: done as f64 / MEASURED.as_secs_f64(),
    })
}
