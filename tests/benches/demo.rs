//! P24: what the laptop mesh costs. `cargo xtask bench demo`.
//!
//! From the start of the built `vigla demo` to all edges with traffic in the API; then memory (sum of the
//! shares of all its processes) and processor time at the default rate, over a minute.
#![expect(clippy::print_stdout, reason = "a measurement prints its figures")]

use std::{
    process::ExitCode,
    time::{Duration, Instant},
};

use vigla_testing::{Report, median};
use vigla_tests::{Demo, Usage, complete_graph, processes_that_mention, usage};

/// Runs of the start; the median is told.
const STARTS: usize = 5;

/// How long memory and processor are watched, after the start has settled.
const SETTLING: Duration = Duration::from_secs(15);
const WATCHED: Duration = Duration::from_secs(60);

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match measure().await {
        Some(report) => {
            println!("{report}");
            ExitCode::SUCCESS
        }
        None => {
            println!("P24 could not be measured: there is no vigla; use `cargo xtask bench demo`");
            ExitCode::FAILURE
        }
    }
}

/// `None` when the programs are not there.
async fn measure() -> Option<Report> {
    let mut report = Report::new("demo");
    let mut starts = Vec::new();
    for _ in 0..STARTS {
        let demo = Demo::with(&[]).await?;
        complete_graph(&demo).await;
        starts.push(demo.started().elapsed().as_secs_f64());
    }
    let worst = starts.iter().copied().fold(0.0, f64::max);
    let start = format!("{:.1} s, worst of {STARTS} {worst:.1} s", median(&starts)?);
    report.row(
        "P24",
        "start of `vigla demo` to all edges in the API",
        start,
        "≤ 10 s",
    );

    let demo = Demo::with(&[]).await?;
    tokio::time::sleep(SETTLING).await;
    let (before, started) = (total(&demo), Instant::now());
    tokio::time::sleep(WATCHED).await;
    let (after, elapsed) = (total(&demo), started.elapsed());
    let share = (after.cpu - before.cpu).as_secs_f64() / elapsed.as_secs_f64();
    let memory = format!("{:.0} MB", after.pss_bytes as f64 / 1e6);
    report.row("P24", "memory (PSS) of all its processes", memory, "≤ 200 MB");
    let share = format!("{:.1} % of a core", share * 100.0);
    report.row("P24", "processor at the default rate", share, "≤ 25 %");
    Some(report)
}

/// What the demo and its sidecars have used together.
fn total(demo: &Demo) -> Usage {
    let sidecars = processes_that_mention(&demo.runtime().display().to_string());
    let ids = sidecars.iter().map(|process| process.id).chain([demo.id()]);
    ids.filter_map(usage).fold(Usage::default(), |sum, one| Usage {
        pss_bytes: sum.pss_bytes + one.pss_bytes,
        rss_bytes: sum.rss_bytes + one.rss_bytes,
        cpu: sum.cpu + one.cpu,
    })
}
