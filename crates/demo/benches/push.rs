//! P18: from a saved route to the acknowledgement of the last sidecar. `cargo xtask bench push`.
//!
//! The whole demo mesh runs with its default traffic: sidecars are real processes of the built `vigla-proxy`, the
//! folder source, compiler and control plane are this process. An edit is a file that is renamed into the mesh's
//! folder, as editors save; the clock starts before the rename and stops when the control plane tells that every
//! proxy has taken the revision.
#![expect(clippy::print_stdout, reason = "a measurement prints its figures")]

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::ExitCode,
    time::{Duration, Instant},
};

use anyhow::{Context, ensure};
use tokio::time::{sleep, timeout};
use vigla_demo::{Demo, DemoOptions};
use vigla_testing::{Report, median, quantile};

/// Edits that count. One before them brings the new file's name in.
const EDITS: u32 = 40;
/// Between two edits: longer than the time after which the control plane pushes a change at once, and never the same.
const PAUSE: Duration = Duration::from_millis(400);
/// Within this time all sidecars have their config.
const START: Duration = Duration::from_secs(30);
/// A push that takes longer was lost.
const LOST: Duration = Duration::from_secs(10);

/// What one edit took, in milliseconds.
struct Times {
    whole: f64,
    /// Until the control plane had the new snapshot: the folder's part.
    seen: f64,
    /// From then until every proxy's resources were made.
    built: f64,
}

fn main() -> ExitCode {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        // As `vigla demo` has it.
        .worker_threads(2)
        .enable_all()
        .build();
    let measured = runtime
        .map_err(Into::into)
        .and_then(|runtime| runtime.block_on(measure()));
    match measured {
        Ok(report) => {
            println!("{report}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            println!("P18 could not be measured: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn measure() -> anyhow::Result<Report> {
    let proxy = env::var_os("VIGLA_PROXY_BIN")
        .context("VIGLA_PROXY_BIN does not name the proxy; use `cargo xtask bench push`")?;
    let folder = tempfile::Builder::new().prefix("vg").tempdir_in("/tmp")?;
    let mesh = copy_of_the_mesh(folder.path())?;
    let options = DemoOptions {
        mesh_dir: Some(mesh.clone()),
        runtime_dir: Some(folder.path().join("run")),
        ..DemoOptions::new(PathBuf::from(proxy))
    };
    let demo = Demo::start(options).await.context("the demo cannot start")?;
    let measured = edit(&demo, &mesh).await;
    demo.shutdown().await;
    let (proxies, times) = measured?;
    let of = |part: fn(&Times) -> f64| times.iter().map(part).collect::<Vec<f64>>();
    let line = |values: &[f64]| -> anyhow::Result<String> {
        let (middle, high) = (median(values), quantile(values, 0.9));
        let (middle, high) = middle.zip(high).context("no edit was measured")?;
        let most = values.iter().copied().fold(0.0, f64::max);
        Ok(format!("{middle:.1} ms, p90 {high:.1}, worst {most:.1}"))
    };
    let mut report = Report::new("push");
    let what = format!("route edit saved to last of {proxies} sidecars acknowledged, median");
    report.row("P18", &what, line(&of(|times| times.whole))?, "≤ 50 ms");
    report.row(
        "",
        "  until the control plane has it",
        line(&of(|times| times.seen))?,
        "",
    );
    report.row(
        "",
        "  compile and encode for all",
        line(&of(|times| times.built))?,
        "",
    );
    report.note(format!("{EDITS} edits, traffic at the default rate"));
    Ok(report)
}

/// Number of sidecars, and what each edit took.
async fn edit(demo: &Demo, mesh: &Path) -> anyhow::Result<(usize, Vec<Times>)> {
    let wanted = demo.sidecars().len();
    let ready = async {
        let in_sync = || {
            demo.control_plane()
                .proxies()
                .iter()
                .filter(|proxy| proxy.in_sync)
                .count()
        };
        while in_sync() < wanted {
            sleep(Duration::from_millis(50)).await;
        }
    };
    timeout(START, ready).await.context("sidecars do not get ready")?;
    // Traffic starts, and what the start asks for is through.
    sleep(Duration::from_secs(3)).await;
    let mut pushes = demo.control_plane().pushes();
    let mut times = Vec::new();
    for number in 0..=EDITS {
        let draft = mesh.join(".reviews-routing.yaml.draft");
        fs::write(&draft, route(number))?;
        let started = Instant::now();
        fs::rename(&draft, mesh.join("reviews-routing.yaml"))?;
        let push = timeout(LOST, pushes.recv())
            .await
            .context("the edit was not pushed")??;
        let whole = started.elapsed();
        ensure!(
            push.proxies == wanted,
            "{} of {wanted} sidecars took the edit",
            push.proxies
        );
        if number > 0 {
            let ms = |time: Duration| time.as_secs_f64() * 1000.0;
            times.push(Times {
                whole: ms(whole),
                seen: ms(whole.saturating_sub(push.acknowledged)),
                built: ms(push.built),
            });
        }
        sleep(PAUSE + Duration::from_millis(u64::from(number * 37 % 100))).await;
    }
    Ok((wanted, times))
}

fn copy_of_the_mesh(folder: &Path) -> anyhow::Result<PathBuf> {
    let mesh = folder.join("mesh");
    fs::create_dir(&mesh)?;
    let embedded = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../assets/demo/mesh");
    for file in fs::read_dir(&embedded)?.flatten() {
        fs::copy(file.path(), mesh.join(file.file_name()))?;
    }
    Ok(mesh)
}

/// Other weights with each edit, so that every edit changes what proxies are told.
fn route(number: u32) -> String {
    let first = 10 + number % 50;
    format!(
        "apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {{name: reviews, namespace: bookinfo}}
spec:
  hosts: [reviews]
  http:
    - name: versions
      route:
        - destination: {{host: reviews, subset: v1}}
          weight: {first}
        - destination: {{host: reviews, subset: v2}}
          weight: {}
        - destination: {{host: reviews, subset: v3}}
          weight: 33
",
        67 - first
    )
}
