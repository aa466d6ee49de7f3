//! Says how far a long command is: `[2/7, 1 m 12 s] compile the browser part`.

use std::time::{Duration, Instant};

/// Counts the steps of one command, over all the parts that it calls.
pub(crate) struct Progress {
    started: Instant,
    done: usize,
    total: usize,
}

impl Progress {
    pub(crate) fn new(total: usize) -> Self {
        Self {
            started: Instant::now(),
            done: 0,
            total,
        }
    }

    /// Announces the next step; what cargo prints until the next one belongs to it.
    pub(crate) fn step(&mut self, what: &str) {
        self.done += 1;
        debug_assert!(
            self.done <= self.total,
            "step {} of {}: {what}",
            self.done,
            self.total
        );
        println!(
            "[{}/{}, {}] {what}",
            self.done,
            self.total,
            in_words(self.started.elapsed())
        );
    }

    /// Closes the command with the time that it took.
    pub(crate) fn finish(&self, what: &str) {
        println!(
            "[{}/{}, {}] {what}",
            self.done,
            self.total,
            in_words(self.started.elapsed())
        );
    }
}

/// `4 s`, `1 m 12 s`, `1 h 2 m`.
pub(crate) fn in_words(duration: Duration) -> String {
    let seconds = duration.as_secs();
    match (seconds / 3600, seconds / 60 % 60, seconds % 60) {
        (0, 0, seconds) => format!("{seconds} s"),
        (0, minutes, seconds) => format!("{minutes} m {seconds} s"),
        (hours, minutes, _) => format!("{hours} h {minutes} m"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_told_in_the_two_largest_units() {
        for (seconds, words) in [(4, "4 s"), (72, "1 m 12 s"), (3725, "1 h 2 m")] {
            assert_eq!(in_words(Duration::from_secs(seconds)), words);
        }
    }
}
