//! P24: what the laptop mesh costs. `cargo xtask bench demo`.
//!
//! From the start of the built `vigla demo` to all edges with traffic in the API; then memory (sum of the
//! shares of all its processes) and processor time at the default rate, over a minute.
#![expect(clippy::print_stdout, reason = "a measurement prints its figures")]

use std::time::{Duration, Instant};

use vigla_tests::{Demo, Usage, complete_graph, processes_that_mention, usage};

/// Runs of the start; the median is told.
const STARTS: usize = 5;

/// How long memory and processor are watched, after the start has settled.
const SETTLING: Duration = Duration::from_secs(15);
const WATCHED: Duration = Duration::from_secs(60);

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let mut starts = Vec::new();
    for _ in 0..STARTS {
        let Some(demo) = Demo::with(&[]).await else { return };
        complete_graph(&demo).await;
        starts.push(demo.started().elapsed());
    }
    starts.sort();
    println!(
        "P24 start to all edges: {:.1} s median of {STARTS}, worst {:.1} s (bar 10 s)",
        starts[STARTS / 2].as_secs_f64(),
        starts[STARTS - 1].as_secs_f64()
    );

    let Some(demo) = Demo::with(&[]).await else { return };
    tokio::time::sleep(SETTLING).await;
    let (before, started) = (total(&demo), Instant::now());
    tokio::time::sleep(WATCHED).await;
    let (after, elapsed) = (total(&demo), started.elapsed());
    let share = (after.cpu - before.cpu).as_secs_f64() / elapsed.as_secs_f64();
    println!(
        "P24 memory of all processes: {:.0} MB (bar 200 MB)",
        after.pss_bytes as f64 / 1e6
    );
    println!(
        "P24 processor at the default rate: {:.1} % of a core (bar 25 %)",
        share * 100.0
    );
}

/// What the demo and its sidecars have used together.
fn total(demo: &Demo) -> Usage {
    let sidecars = processes_that_mention(&demo.runtime().display().to_string());
    let ids = sidecars.iter().map(|process| process.id).chain([demo.id()]);
    ids.filter_map(usage).fold(Usage::default(), |sum, one| Usage {
        pss_bytes: sum.pss_bytes + one.pss_bytes,
        cpu: sum.cpu + one.cpu,
    })
}
