//! `cargo xtask bench layout`: the engine as the browser runs it beside dagre and ELK: time, quality of the drawings,
//! and how still they stand.
//!
//! All engines draw the same graphs with the same direction, sizes and distances under the same node, in turns, and one
//! judge looks at all drawings. `VIGLA_LAYOUT_WASM` names our engine, `VIGLA_LAYOUT_PEERS` the folder with the peers
//! and their driver. The arguments `quality` and `still` measure that part alone.
#![expect(
    clippy::print_stdout,
    reason = "a measurement prints its table on standard output"
)]

use std::{
    env,
    error::Error,
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use vigla_layout::{
    Input, Layout,
    codec::{Answer, Job},
    layout,
    quality::{Quality, judge},
    relayout, sample,
};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// Calls of ours for each drawing; the best counts, and the first alone.
const ROUNDS: usize = 8;

fn main() -> Result<()> {
    let wanted = env::args().skip(1).find(|argument| !argument.starts_with('-'));
    let is_wanted = |part: &str| wanted.as_deref().is_none_or(|wanted| wanted == part);
    if is_wanted("quality") || is_wanted("time") {
        compare()?;
    }
    if is_wanted("still") {
        stand_still()?;
    }
    Ok(())
}

/// Milliseconds of one engine for one graph.
struct Times {
    cpu: f64,
    wall: f64,
    first_cpu: f64,
    first_wall: f64,
}

/// Time and quality of all engines.
fn compare() -> Result<()> {
    let bench = Bench::from_environment()?;
    println!(
        "CPU ms, best of {ROUNDS} calls of ours and one of a peer; first: in a new process after warm-up, wall ms"
    );
    println!("| graph | ours | dagre | ELK | of dagre | of ELK | first | warm | first / warm CPU |");
    println!("|---|---|---|---|---|---|---|---|---|");
    let mut judged = Vec::new();
    for (count, boxes, engines) in [
        (100, true, &["dagre", "elk"][..]),
        (300, true, &["dagre", "elk"]),
        (1000, true, &["dagre", "elk"]),
        (100, false, &["dagre", "elk"]),
        (300, false, &["dagre", "elk"]),
        (5000, true, &["elk"]),
    ] {
        let input = sample::mesh(count, boxes);
        let name = format!("{count} {}", if boxes { "boxed" } else { "flat" });
        let before = bench.draw("ours", &input, ROUNDS)?;
        let peers: Vec<(Times, Layout)> = engines
            .iter()
            .map(|engine| bench.draw(engine, &input, 1))
            .collect::<Result<_>>()?;
        let after = bench.draw("ours", &input, ROUNDS)?;
        let best = |time: fn(&Times) -> f64| time(&before.0).min(time(&after.0));
        let cpu = best(|times| times.cpu);
        let of = |engine: &str| {
            let at = engines.iter().position(|other| *other == engine)?;
            Some(peers[at].0.cpu)
        };
        let shown = |value: Option<f64>, digits: usize| {
            value.map_or_else(|| "–".to_owned(), |value| format!("{value:.digits$}"))
        };
        let (first, warm) = (best(|times| times.first_wall), best(|times| times.wall));
        println!(
            "| {name} | {cpu:.1} | {} | {} | {} | {} | {first:.1} ({:.1} CPU) | {warm:.1} | {:.2} |",
            shown(of("dagre"), 0),
            shown(of("elk"), 0),
            shown(of("dagre").map(|peer| cpu / peer), 4),
            shown(of("elk").map(|peer| cpu / peer), 4),
            best(|times| times.first_cpu),
            // By CPU: how long a call takes on a shared machine tells more of its load.
            best(|times| times.first_cpu) / cpu,
        );
        if count < 5000 {
            let drawings = std::iter::once(&before.1).chain(peers.iter().map(|peer| &peer.1));
            judged.push((
                name,
                drawings.map(|drawing| judge(&input, drawing)).collect::<Vec<_>>(),
            ));
        }
    }
    print_quality(&judged);
    Ok(())
}

/// One line for each figure, engines beside each other: ours, dagre, ELK.
fn print_quality(judged: &[(String, Vec<Quality>)]) {
    println!("\nours / dagre / ELK; of the better: crossings · length");
    println!(
        "| graph | crossings | length, kpx | shared, kpx | over nodes | over boxes | overlaps, strays | \
         width : height | area, Mpx² | of the better |"
    );
    println!("|---|---|---|---|---|---|---|---|---|---|");
    for (name, engines) in judged {
        let all =
            |figure: &dyn Fn(&Quality) -> String| engines.iter().map(figure).collect::<Vec<_>>().join(" / ");
        let of_better = |figure: fn(&Quality) -> f64| {
            let better = engines[1..].iter().map(figure).fold(f64::INFINITY, f64::min);
            figure(&engines[0]) / better
        };
        println!(
            "| {name} | {} | {} | {} | {} | {} | {} | {} | {} | {:.2} · {:.2} |",
            all(&|q| q.crossings.to_string()),
            all(&|q| format!("{:.0}", q.length / 1e3)),
            all(&|q| format!("{:.0}", q.shared / 1e3)),
            all(&|q| q.over_nodes.to_string()),
            all(&|q| q.over_boxes.to_string()),
            all(&|q| (q.node_overlaps + q.box_overlaps + q.strays).to_string()),
            all(&|q| format!("{:.2}", q.aspect)),
            all(&|q| format!("{:.1}", q.area / 1e6)),
            of_better(|q| q.crossings as f64),
            of_better(|q| q.length),
        );
    }
}

/// How far nodes move when one call in a hundred is replaced by a random one, over ten such changes.
fn stand_still() -> Result<()> {
    println!("\nmoves of nodes when 1 % of the calls change, % of the diagonal, ten changes: median (worst)");
    println!("| graph | half of the nodes | nine in ten | same graph again | crossings anew · kept |");
    println!("|---|---|---|---|---|");
    for count in [100, 300, 1000] {
        let input = sample::mesh(count, true);
        let first = layout(&input)?;
        let still = relayout(&first, &input)?.same_picture(&first);
        let (mut halves, mut ninths, mut anew, mut kept) = (Vec::new(), Vec::new(), 0, 0);
        for seed in 1..=10 {
            let changed = sample::churned(&input, 100, seed);
            let again = relayout(&first, &changed)?;
            let moves = moves(&first, &again);
            halves.push(moves[moves.len() / 2]);
            ninths.push(moves[moves.len() * 9 / 10]);
            kept += judge(&changed, &again).crossings;
            anew += judge(&changed, &layout(&changed)?).crossings;
        }
        let shown = |values: &mut Vec<f32>| {
            values.sort_by(f32::total_cmp);
            format!(
                "{:.2} ({:.2})",
                values[values.len() / 2] * 100.0,
                values[values.len() - 1] * 100.0
            )
        };
        println!(
            "| {count} boxed | {} | {} | {} | {} · {} |",
            shown(&mut halves),
            shown(&mut ninths),
            if still { "nothing moves" } else { "MOVES" },
            anew / 10,
            kept / 10,
        );
    }
    Ok(())
}

/// Ways of nodes from one picture to the next as shares of the diagonal, sorted.
fn moves(before: &Layout, after: &Layout) -> Vec<f32> {
    let diagonal = before.size.width.hypot(before.size.height);
    let mut moves: Vec<f32> = before
        .nodes
        .iter()
        .filter_map(|was| {
            let is = after.find_node(was.id)?;
            Some(was.rect.middle().distance(is.middle()) / diagonal)
        })
        .collect();
    moves.sort_by(f32::total_cmp);
    moves
}

/// Where the engines and their driver are.
struct Bench {
    wasm: PathBuf,
    peers: PathBuf,
    scratch: PathBuf,
}

impl Bench {
    fn from_environment() -> Result<Self> {
        let named = |variable: &str| {
            let path = env::var_os(variable)
                .ok_or_else(|| format!("{variable} is not set; run `cargo xtask bench layout`"));
            path.map(PathBuf::from)
        };
        let scratch = env::temp_dir().join(format!("vigla-bench-layout-{}", std::process::id()));
        fs::create_dir_all(&scratch)?;
        Ok(Self {
            wasm: named("VIGLA_LAYOUT_WASM")?,
            peers: named("VIGLA_LAYOUT_PEERS")?,
            scratch,
        })
    }

    /// Draws in a process of its own.
    fn draw(&self, engine: &str, input: &Input, rounds: usize) -> Result<(Times, Layout)> {
        let (job, answer) = (self.scratch.join("job"), self.scratch.join("answer"));
        write_words(
            &job,
            &Job::Layout {
                view: 1,
                input: input.clone(),
            }
            .encode(),
        )?;
        let output = Command::new("node")
            // ELK is recursive along long chains.
            .arg("--stack-size=8000")
            .arg(self.peers.join("layout.mjs"))
            .arg(engine)
            .args([&job, &answer])
            .arg(rounds.to_string())
            .env("VIGLA_LAYOUT_WASM", &self.wasm)
            .current_dir(&self.peers)
            .stderr(Stdio::inherit())
            .output()?;
        let printed = String::from_utf8(output.stdout)?;
        let figures: Vec<f64> = printed.split_whitespace().flat_map(str::parse).collect();
        let [cpu, wall, first_cpu, first_wall] = figures[..] else {
            return Err(format!("{engine} did not draw: {}, {printed:?}", output.status).into());
        };
        let Ok(Answer::Drawn(drawn)) = Answer::decode(&read_words(&answer)?) else {
            return Err(format!("{engine} did not answer with a drawing").into());
        };
        let times = Times {
            cpu,
            wall,
            first_cpu,
            first_wall,
        };
        Ok((times, drawn))
    }
}

impl Drop for Bench {
    fn drop(&mut self) {
        drop(fs::remove_dir_all(&self.scratch));
    }
}

fn write_words(path: &Path, words: &[u32]) -> Result<()> {
    let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
    Ok(fs::write(path, bytes)?)
}

fn read_words(path: &Path) -> Result<Vec<u32>> {
    let bytes = fs::read(path)?;
    let (words, _) = bytes.as_chunks::<4>();
    Ok(words.iter().copied().map(u32::from_le_bytes).collect())
}
