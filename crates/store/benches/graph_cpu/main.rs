//! P3: the workload graph from the embedded store against the same answer from Prometheus. `cargo xtask bench graph-cpu`.
//!
//! One exporter plays a mesh's sidecars. Two processes scrape it at the same pace over the same minutes: this program
//! again with the store, which builds the graph after each round as the console does; and Debian's Prometheus, which is
//! asked for the edges by eight queries at each tick. Compared is the processor time of the two whole processes. What
//! it takes to make a graph of Prometheus's answers is not counted.
#![expect(clippy::print_stdout, reason = "a measurement prints its figures")]

mod exporter;
mod ours;
mod peer;

use std::{
    env, fs,
    net::SocketAddr,
    path::PathBuf,
    process::ExitCode,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, bail};
use vigla_testing::Report;

/// As the store scrapes by default; Prometheus does the same here.
const PERIOD: Duration = Duration::from_secs(2);
/// Over which both compute rates; it is full when the measurement begins.
const WINDOW: Duration = Duration::from_secs(60);
const WARM: Duration = Duration::from_secs(64);
const MEASURED: Duration = Duration::from_secs(60);
/// Both must tell the same traffic. Prometheus 2 counts a sample at the very start of a range, the store as
/// Prometheus 3 does not: with a scrape in 2 s that is one of thirty.
const TOLERANCE: f64 = 0.04;

/// What a side made of the last scrape.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
struct Answer {
    /// Edges of the workload graph.
    edges: usize,
    /// Requests a second that callers' sidecars counted.
    requests: f64,
    /// Answers so far.
    ticks: usize,
}

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let result = match arguments.iter().position(|argument| argument == ours::ROLE) {
        Some(at) => ours::run(&arguments[at + 1..]),
        None => measure().map(|report| println!("{report}")),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            println!("P3 could not be measured: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn measure() -> anyhow::Result<Report> {
    let prometheus = env::var_os("VIGLA_PROMETHEUS")
        .context("VIGLA_PROMETHEUS does not name a Prometheus; use `cargo xtask bench graph-cpu`")?;
    let (targets, series) = exporter::start()?;
    let ours = ours::Ours::start(&targets)?;
    let mut peer = peer::Prometheus::start(&PathBuf::from(prometheus), &targets)?;
    println!(
        "{series} series at {} targets; {} s until the window is full",
        targets.len(),
        WARM.as_secs()
    );
    peer.ask_for(WARM)?;
    let (ours_before, peer_before) = (cpu(ours.id())?, cpu(peer.id())?);
    let (ours_ticks, peer_ticks) = (ours.last().ticks, peer.last().ticks);
    println!("{} s that count", MEASURED.as_secs());
    peer.ask_for(MEASURED)?;
    let ours_cpu = cpu(ours.id())? - ours_before;
    let peer_cpu = cpu(peer.id())? - peer_before;
    let (ours_last, peer_last) = (ours.last(), peer.last());
    let (ours_ticks, peer_ticks) = (ours_last.ticks - ours_ticks, peer_last.ticks - peer_ticks);
    let off = (ours_last.requests - peer_last.requests).abs() / peer_last.requests;
    if ours_last.edges != peer_last.edges || off.is_nan() || off > TOLERANCE {
        bail!("the answers differ: ours {ours_last:?}, Prometheus {peer_last:?}");
    }
    let (ours_memory, peer_memory) = (rss(ours.id())?, rss(peer.id())?);

    let each = |cpu: Duration, ticks: usize| format!("{:.1} ms", cpu.as_secs_f64() * 1000.0 / ticks as f64);
    let mut report = Report::new("graph-cpu");
    let ratio = ours_cpu.as_secs_f64() / peer_cpu.as_secs_f64();
    report.row(
        "P3",
        "processor time, store / Prometheus",
        format!("{ratio:.3} ×"),
        "≤ 0.1 ×",
    );
    report.row(
        "",
        "  store: scrape, rates, graph, a tick",
        each(ours_cpu, ours_ticks),
        "",
    );
    report.row(
        "",
        "  Prometheus: scrape, 8 queries, a tick",
        each(peer_cpu, peer_ticks),
        "",
    );
    report.row(
        "",
        "resident memory, store / Prometheus",
        format!("{ours_memory:.0} / {peer_memory:.0} MB"),
        "",
    );
    report.note(format!(
        "{series} series, scraped every {} s; {} s; ticks {ours_ticks} / {peer_ticks}; both: {} edges, {:.0} / {:.0} requests/s",
        PERIOD.as_secs(), MEASURED.as_secs(), ours_last.edges, ours_last.requests, peer_last.requests
    ));
    Ok(report)
}

/// Processor time of a process so far.
fn cpu(process: u32) -> anyhow::Result<Duration> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).context("the process is gone")?;
    // The name in parentheses may hold spaces; the 14th and 15th fields of all are the two times, in hundredths.
    let fields: Vec<&str> = stat
        .rsplit(')')
        .next()
        .unwrap_or_default()
        .split_whitespace()
        .collect();
    let ticks = |at: usize| fields.get(at).and_then(|field| field.parse::<u64>().ok());
    let ticks = ticks(11).zip(ticks(12)).context("/proc tells processor times")?;
    Ok(Duration::from_millis((ticks.0 + ticks.1) * 10))
}

/// Resident memory of a process in MB.
fn rss(process: u32) -> anyhow::Result<f64> {
    let status = fs::read_to_string(format!("/proc/{process}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kilobytes: f64 = line
        .context("/proc tells memory")?
        .trim()
        .trim_end_matches(" kB")
        .parse()?;
    Ok(kilobytes * 1024.0 / 1e6)
}

/// Calls `act` at every period until a time is over. What comes late is not made up for: a busy machine answers fewer
/// times, and then Prometheus is charged for fewer answers.
fn every_period(length: Duration, mut act: impl FnMut() -> anyhow::Result<()>) -> anyhow::Result<()> {
    let end = Instant::now() + length;
    let mut next = Instant::now();
    while next < end {
        thread::sleep(next.saturating_duration_since(Instant::now()));
        act()?;
        next = (next + PERIOD).max(Instant::now());
    }
    thread::sleep(end.saturating_duration_since(Instant::now()));
    Ok(())
}

/// Where the exporter's targets are, as one argument of a command line.
fn join(targets: &[SocketAddr]) -> String {
    targets
        .iter()
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join(",")
}
