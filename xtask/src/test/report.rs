//! How the steps of `cargo xtask test` went, with their times and the number of tests.

use std::{
    io::{BufRead, BufReader},
    process::{Command, ExitCode, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context, bail};

use crate::progress::in_words;

/// Collects outcomes; failing is the exit code's business at the end.
#[derive(Default)]
pub(super) struct Report {
    lines: Vec<Line>,
    /// What the running step said it could not do.
    skipped: Vec<String>,
    tests: Counts,
}

struct Line {
    name: String,
    took: Duration,
    error: Option<String>,
    skipped: Vec<String>,
}

/// Tests as cargo's result lines count them.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
struct Counts {
    passed: u64,
    failed: u64,
    ignored: u64,
}

impl Report {
    /// Runs one step; an error is noted and the next step runs all the same.
    pub(super) fn step(&mut self, name: &str, work: impl FnOnce(&mut Self) -> anyhow::Result<()>) {
        println!("== {name}");
        let started = Instant::now();
        let error = work(self).err().map(|error| format!("{error:#}"));
        if let Some(error) = &error {
            println!("== {name} failed: {error}");
        }
        let skipped = std::mem::take(&mut self.skipped);
        self.lines.push(Line {
            name: name.to_owned(),
            took: started.elapsed(),
            error,
            skipped,
        });
    }

    /// Says aloud that a part of the running step is left out, and why.
    pub(super) fn skip(&mut self, reason: &str) {
        println!("skipped: {reason}");
        self.skipped.push(reason.to_owned());
    }

    /// How many parts of the running step were left out.
    pub(super) fn skipped_parts(&self) -> usize {
        self.skipped.len()
    }

    /// Prints the summary; the exit code says whether all is well.
    pub(super) fn close(&self) -> ExitCode {
        println!("\n== summary");
        for line in &self.lines {
            let outcome = if line.error.is_some() { "FAILED" } else { "ok" };
            println!("  {:<14} {outcome:<7} {:>10}", line.name, in_words(line.took));
            for reason in &line.skipped {
                println!("  {:<14} skipped: {reason}", "");
            }
            if let Some(error) = &line.error {
                println!("  {:<14} {error}", "");
            }
        }
        let Counts {
            passed,
            failed,
            ignored,
        } = self.tests;
        println!("{passed} passed, {failed} failed, {ignored} skipped");
        if self.lines.iter().any(|line| line.error.is_some()) {
            ExitCode::FAILURE
        } else {
            ExitCode::SUCCESS
        }
    }
}

/// Runs `cargo test`, shows what it says and adds up its result lines.
pub(super) fn run_and_count(cargo: &mut Command, report: &mut Report) -> anyhow::Result<()> {
    let mut child = cargo
        .stdout(Stdio::piped())
        .spawn()
        .context("cannot start cargo")?;
    let stdout = child.stdout.take().expect("asked for above");
    for line in BufReader::new(stdout).lines() {
        let line = line?;
        println!("{line}");
        if let Some(counts) = read_counts(&line) {
            report.tests.passed += counts.passed;
            report.tests.failed += counts.failed;
            report.tests.ignored += counts.ignored;
        }
    }
    let status = child.wait()?;
    if !status.success() {
        bail!("`cargo test` ended with {status}");
    }
    Ok(())
}

/// The numbers of a line like `test result: ok. 3 passed; 0 failed; 1 ignored; …`.
fn read_counts(line: &str) -> Option<Counts> {
    let (_, counts) = line.strip_prefix("test result: ")?.split_once(". ")?;
    let count = |what: &str| {
        let part = counts.split("; ").find_map(|part| part.strip_suffix(what))?;
        part.trim().parse().ok()
    };
    Some(Counts {
        passed: count("passed")?,
        failed: count("failed")?,
        ignored: count("ignored")?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn result_lines_of_cargo_are_counted_and_other_lines_are_not() {
        let line = "test result: FAILED. 12 passed; 1 failed; 2 ignored; 0 measured; 0 filtered out; finished in 0.1s";
        assert_eq!(
            read_counts(line),
            Some(Counts {
                passed: 12,
                failed: 1,
                ignored: 2
            })
        );
        assert_eq!(read_counts("test a::b ... ok"), None);
    }
}
