//! What the system tells of a process, and how it is asked to end.

use std::{fs, time::Duration};

use rustix::process::{Pid, Signal, kill_process};
use tokio::process::Child;

/// What a process uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Usage {
    pub(super) rss_bytes: u64,
    pub(super) cpu: Duration,
}

/// Reads `/proc`; `None` when the process is gone or the system has no `/proc`.
pub(super) fn usage(pid: u32) -> Option<Usage> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    Some(Usage {
        rss_bytes: parse_rss(&status)?,
        cpu: parse_cpu(&stat)?,
    })
}

fn parse_rss(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    Some(line.trim().strip_suffix(" kB")?.parse::<u64>().ok()? * 1024)
}

fn parse_cpu(stat: &str) -> Option<Duration> {
    // The name in brackets may hold spaces; user and system time are fields 14 and 15. Their unit is 10 ms for
    // programs on every architecture that we build for, whatever the kernel's own tick is.
    let after_name = &stat[stat.rfind(')')? + 1..];
    let mut times = after_name
        .split_ascii_whitespace()
        .skip(11)
        .map(str::parse::<u64>);
    let ticks = times.next()?.ok()? + times.next()?.ok()?;
    Some(Duration::from_millis(ticks * 10))
}

/// Sends SIGTERM. Nothing happens when the process has ended already.
pub(super) fn terminate(child: &Child) {
    let pid = child.id().and_then(|pid| Pid::from_raw(i32::try_from(pid).ok()?));
    if let Some(pid) = pid {
        let _ = kill_process(pid, Signal::TERM);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_and_time_are_read_whatever_the_name_of_the_process() {
        assert_eq!(
            parse_rss("Name:\tx\nVmRSS:\t   11904 kB\nThreads:\t3\n"),
            Some(11904 * 1024)
        );
        let stat = "42 (a) b) S 1 42 42 0 -1 4194560 100 0 0 0 7 5 0 0 20 0 3 0 100 1000 200";
        assert_eq!(parse_cpu(stat), Some(Duration::from_millis(120)));
        assert_eq!(parse_cpu("nonsense"), None);
    }
}
