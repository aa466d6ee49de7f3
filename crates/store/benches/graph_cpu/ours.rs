//! The embedded store in a process of its own: scrapes, and builds the graph after each round.

use std::{
    env,
    io::{BufRead, BufReader, Read, Write},
    net::SocketAddr,
    process::{Child, Command, Stdio},
    sync::{Arc, Mutex, PoisonError},
    thread,
};

use anyhow::Context;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use vigla_graph::{Grain, Graph, Unidentified, View, quotient};
use vigla_model::Window;
use vigla_store::{MetricStore, StoreSettings, Target, run_scraper};

use crate::{Answer, PERIOD, WINDOW, join};

/// Argument that makes this program the process that is measured.
pub(crate) const ROLE: &str = "--store";

/// The measured process, seen from outside.
pub(crate) struct Ours {
    child: Child,
    last: Arc<Mutex<Answer>>,
}

impl Ours {
    pub(crate) fn start(targets: &[SocketAddr]) -> anyhow::Result<Self> {
        let mut child = Command::new(env::current_exe()?)
            .args([ROLE, &join(targets)])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let lines = BufReader::new(child.stdout.take().context("asked for above")?).lines();
        let last = Arc::<Mutex<Answer>>::default();
        let told = Arc::clone(&last);
        thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                let Some((edges, requests)) = line.split_once(' ') else {
                    continue;
                };
                let mut last = told.lock().unwrap_or_else(PoisonError::into_inner);
                last.edges = edges.parse().unwrap_or_default();
                last.requests = requests.parse().unwrap_or_default();
                last.ticks += 1;
            }
        });
        Ok(Self { child, last })
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn last(&self) -> Answer {
        *self.last.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Ours {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// The measured process, from inside: ends when its standard input does.
pub(crate) fn run(arguments: &[String]) -> anyhow::Result<()> {
    let targets = arguments.first().context("the targets come after the role")?;
    let targets: Vec<Target> = targets
        .split(',')
        .map(|address| {
            let address: SocketAddr = address.parse()?;
            Ok(Target {
                name: address.to_string().into(),
                address,
            })
        })
        .collect::<Result<_, std::net::AddrParseError>>()?;
    thread::spawn(|| {
        std::io::stdin().read_to_end(&mut Vec::new()).ok();
        std::process::exit(0);
    });
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let store = MetricStore::new(StoreSettings {
            period: PERIOD,
            ..StoreSettings::default()
        });
        let (_keep, targets) = watch::channel(targets);
        let mut rounds = store.rounds();
        tokio::spawn(run_scraper(store.clone(), targets, CancellationToken::new()));
        let window: Window = format!("{}s", WINDOW.as_secs()).parse()?;
        loop {
            rounds.changed().await?;
            // After the first round there is no rate yet.
            let Ok(traffic) = store.traffic_in(window, None) else {
                continue;
            };
            let view = Graph::build(std::slice::from_ref(&traffic), &Unidentified).into_view();
            let view = quotient(&view, Grain::Workload);
            let mut out = std::io::stdout();
            writeln!(out, "{} {}", view.edges.len(), requests(&view))?;
            out.flush()?;
        }
    })
}

fn requests(view: &View) -> f64 {
    let by_source = view.edges.values().filter_map(|edge| edge.by_source.as_ref());
    by_source.map(|side| side.traffic.requests).sum()
}
