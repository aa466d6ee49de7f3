//! How old the open map is: from requests that a sidecar has counted to their sight. `cargo xtask bench freshness`.
//!
//! In a quiet demo a few pages are asked for at the gateway, at moments that have nothing to do with the scrapes. The
//! clock starts when their last answer is there. It stops twice: when the graph's stream brings their counter to a
//! client, and when an open page in Chromium has painted another number. Without a browser the second is left out.
#![expect(clippy::print_stdout, reason = "a measurement prints its figures")]

use std::{
    net::SocketAddr,
    process::ExitCode,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use anyhow::{Context, bail, ensure};
use futures_util::{StreamExt, future::join_all};
use serde_json::Value;
use tokio::time::sleep;
use vigla_api::{Edge, Graph, GraphDelta};
use vigla_testing::{Report, median};
use vigla_tests::{Browser, Demo, GraphExt, listening_addresses, processes_that_mention};

const TRIES: u64 = 24;
/// Pages of one try, all at once: enough to move a rate that is shown with one decimal.
const PAGES: u64 = 12;
/// As the embedded store scrapes.
const PERIOD: Duration = Duration::from_secs(2);
/// What takes longer is lost.
const LOST: Duration = Duration::from_secs(15);
/// The call whose numbers are watched.
const CALL: (&str, &str) = ("istio-system/istio-ingressgateway", "bookinfo/productpage-v1");
/// Port of the gateway's listener.
const GATEWAY: u16 = 8080;

/// Milliseconds since 1970, the one clock that the browser has too.
type Moment = f64;

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() -> ExitCode {
    match measure().await {
        Ok(report) => {
            println!("{report}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            println!("freshness could not be measured: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn measure() -> anyhow::Result<Report> {
    let demo = Demo::with(&["--rate", "0", "--requests", "0"])
        .await
        .context("there is no vigla")?;
    let gateway = gateway(&demo).await?;
    let edge = first_pages(&demo, gateway).await?;
    let counts = Counts::default();
    let following = tokio::spawn(follow(
        demo.client.clone(),
        stream_of(&demo),
        edge,
        counts.clone(),
    ));
    let browser = Browser::open(1440, 900).await;
    if let Some(browser) = &browser {
        browser.goto(&format!("{}/map", demo.address())).await;
        browser.element(".twin tbody tr.level-2").await;
        browser.run(WATCH, Vec::new()).await;
    } else {
        println!("without a browser the page itself is not measured");
    }

    let (mut by_stream, mut asked_at) = (Vec::new(), Vec::new());
    for number in 0..TRIES {
        // Every phase of the scrapes has its turn.
        sleep(Duration::from_millis(400 + number * 137 % 2000)).await;
        let before = counts.newest();
        pages(&demo, gateway).await?;
        let asked = now();
        let arrived = counts.wait_for(before + PAGES).await?;
        by_stream.push(arrived - asked);
        asked_at.push(asked);
    }
    // The page may have something to paint yet.
    sleep(PERIOD).await;
    let seen = match &browser {
        Some(browser) => browser.run("return window.seenByVigla", Vec::new()).await,
        None => Value::Null,
    };
    following.abort();

    let mut report = Report::new("freshness");
    let bar = format!("≤ {} s", (2 * PERIOD).as_secs());
    report.row(
        "–",
        "counted to arrived by the graph's stream",
        line(&by_stream)?,
        &bar,
    );
    if browser.is_some() {
        let painted = painted(&seen, &asked_at)?;
        report.row(
            "–",
            "counted to painted on an open map in Chromium",
            line(&painted)?,
            &bar,
        );
    }
    report.note(format!(
        "{TRIES} tries of {PAGES} pages in a quiet demo, scraped every {} s; median and worst",
        PERIOD.as_secs()
    ));
    Ok(report)
}

fn line(milliseconds: &[f64]) -> anyhow::Result<String> {
    let middle = median(milliseconds).context("nothing was measured")?;
    let worst = milliseconds.iter().copied().fold(0.0, f64::max);
    Ok(format!("{:.2} s, worst {:.2} s", middle / 1000.0, worst / 1000.0))
}

/// Where the gateway's sidecar takes requests from outside.
async fn gateway(demo: &Demo) -> anyhow::Result<SocketAddr> {
    let started = Instant::now();
    while started.elapsed() < LOST {
        let processes = processes_that_mention(&demo.runtime().display().to_string());
        let listening = processes
            .iter()
            .flat_map(|process| listening_addresses(process.id));
        if let Some(address) = listening.into_iter().find(|address| address.port() == GATEWAY) {
            return Ok(address);
        }
        sleep(Duration::from_millis(100)).await;
    }
    bail!("no sidecar listens at port {GATEWAY}")
}

/// Asks for pages at the same time, and waits for all answers.
async fn pages(demo: &Demo, gateway: SocketAddr) -> anyhow::Result<()> {
    let asked = (0..PAGES).map(|_| {
        let page = demo.client.get(format!("http://{gateway}/productpage"));
        async {
            page.header("host", "bookinfo.example")
                .send()
                .await?
                .bytes()
                .await
                .map(drop)
        }
    });
    for answer in join_all(asked).await {
        answer.context("a page was not answered")?;
    }
    Ok(())
}

/// Makes the call known, and waits until the graph has it; gives the id of its edge.
async fn first_pages(demo: &Demo, gateway: SocketAddr) -> anyhow::Result<String> {
    let started = Instant::now();
    while started.elapsed() < LOST * 2 {
        pages(demo, gateway).await?;
        sleep(PERIOD).await;
        let Ok(graph) = demo.graph("view=workload&include=idle").await else {
            continue;
        };
        if let [edge] = graph.edges_between(CALL.0, CALL.1)[..] {
            return Ok(edge.id.clone());
        }
    }
    bail!("the graph does not show {} -> {}", CALL.0, CALL.1)
}

fn stream_of(demo: &Demo) -> String {
    format!(
        "{}/api/v1/graph/stream?view=workload&include=counters,idle",
        demo.address()
    )
}

/// Counters of the call, with the moment at which each arrived.
#[derive(Clone, Default)]
struct Counts(Arc<Mutex<Vec<(u64, Moment)>>>);

impl Counts {
    fn note(&self, count: u64) {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push((count, now()));
    }

    fn newest(&self) -> u64 {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.last().map_or(0, |(count, _)| *count)
    }

    /// The moment at which a count had arrived.
    async fn wait_for(&self, wanted: u64) -> anyhow::Result<Moment> {
        let started = Instant::now();
        while started.elapsed() < LOST {
            let all = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
            if let Some((_, at)) = all.iter().find(|(count, _)| *count >= wanted) {
                return Ok(*at);
            }
            sleep(Duration::from_millis(10)).await;
        }
        bail!(
            "the stream did not bring {wanted} requests within {} s; it has {}",
            LOST.as_secs(),
            self.newest()
        )
    }
}

/// Reads the stream as long as it lasts.
async fn follow(
    client: reqwest::Client,
    address: String,
    edge: String,
    counts: Counts,
) -> anyhow::Result<()> {
    // The demo's own client has a deadline for whole answers; a stream has no end.
    let asked = client.get(address).timeout(Duration::from_secs(600));
    let answer = asked.header("accept", "text/event-stream").send().await?;
    ensure!(
        answer.status().is_success(),
        "the stream answers {}",
        answer.status()
    );
    let (mut pieces, mut text) = (answer.bytes_stream(), String::new());
    while let Some(piece) = pieces.next().await {
        text += &String::from_utf8_lossy(&piece?);
        while let Some((event, rest)) = text.split_once("\n\n") {
            if let Some(count) = count_in(event, &edge) {
                counts.note(count);
            }
            text = rest.to_owned();
        }
    }
    Ok(())
}

/// The call's counter, if the event has it.
fn count_in(event: &str, edge: &str) -> Option<u64> {
    let data = event
        .lines()
        .find_map(|line| line.strip_prefix("data:"))?
        .trim_start();
    let edges: Vec<Edge> = match event.lines().find_map(|line| line.strip_prefix("event:"))?.trim() {
        "snapshot" => serde_json::from_str::<Graph>(data).ok()?.edges,
        "delta" => serde_json::from_str::<GraphDelta>(data).ok()?.edges.set,
        _ => return None,
    };
    let edge = edges.into_iter().find(|found| found.id == edge)?;
    edge.traffic.counters.map(|counters| counters.requests)
}

/// Notes every number that the page shows for the call, at the moment when it has been painted. The table twin is in
/// the document beside the canvas, made from the same values in the same step.
const WATCH: &str = "
    window.seenByVigla = [];
    const rate = () => {
        let gateway = false;
        for (const row of document.querySelectorAll('.twin tbody tr')) {
            if (row.classList.contains('level-1')) gateway = row.textContent.includes('ingressgateway');
            else if (gateway && row.classList.contains('level-2')) return parseFloat(row.querySelector('td').textContent);
        }
        return null;
    };
    let last = rate();
    window.seenByVigla.push([performance.timeOrigin + performance.now(), last]);
    new MutationObserver(() => {
        const next = rate();
        if (next === last) return;
        last = next;
        requestAnimationFrame(() => setTimeout(() =>
            window.seenByVigla.push([performance.timeOrigin + performance.now(), next])));
    }).observe(document.querySelector('.twin'), { subtree: true, childList: true, characterData: true });";

/// For each try, the time until the page showed more than before.
fn painted(seen: &Value, asked_at: &[Moment]) -> anyhow::Result<Vec<f64>> {
    let seen: Vec<(Moment, Option<f64>)> = serde_json::from_value(seen.clone())?;
    let rises: Vec<Moment> = seen
        .windows(2)
        .filter(|pair| pair[1].1.unwrap_or(0.0) > pair[0].1.unwrap_or(0.0))
        .map(|pair| pair[1].0)
        .collect();
    asked_at
        .iter()
        .map(|asked| {
            let rise = rises.iter().find(|rise| *rise > asked);
            rise.map(|rise| rise - asked)
                .context("the page did not show a try")
        })
        .collect()
}

fn now() -> Moment {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    since.as_secs_f64() * 1000.0
}
