//! The process: what it uses, and whom it dies with.

use std::{fmt::Write, io};

/// Ticks of the kernel's CPU clock in a second: 100 on every Linux that Rust runs on.
const TICKS: f64 = 100.0;

/// CPU time, memory and version as Prometheus text. What the system does not tell is left out.
pub(crate) fn metrics() -> String {
    let mut out = String::new();
    if let Some(seconds) = cpu_seconds() {
        let _ = writeln!(
            out,
            "# TYPE process_cpu_seconds_total counter\nprocess_cpu_seconds_total {seconds}"
        );
    }
    if let Some(bytes) = resident_bytes() {
        let _ = writeln!(
            out,
            "# TYPE process_resident_memory_bytes gauge\nprocess_resident_memory_bytes {bytes}"
        );
    }
    let version = env!("CARGO_PKG_VERSION");
    let _ = writeln!(
        out,
        "# TYPE vigla_proxy_build_info gauge\nvigla_proxy_build_info{{version=\"{version}\"}} 1"
    );
    out
}

fn cpu_seconds() -> Option<f64> {
    let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
    // Fields 14 and 15, counted behind the name, which may hold spaces.
    let mut fields = stat.rsplit_once(')')?.1.split_ascii_whitespace().skip(11);
    let user: u64 = fields.next()?.parse().ok()?;
    let system: u64 = fields.next()?.parse().ok()?;
    Some((user + system) as f64 / TICKS)
}

fn resident_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kibibytes * 1024)
}

/// Makes the kernel kill this process when its parent dies, even by `kill -9`. The setting survives `exec`.
///
/// The parent is the *thread* that started this process: it must live as long as the process should.
///
/// # Errors
/// When the kernel refuses.
pub fn die_with_parent() -> io::Result<()> {
    #[cfg(target_os = "linux")]
    rustix::process::set_parent_process_death_signal(Some(rustix::process::Signal::KILL))?;
    Ok(())
}

/// Keeps the kernel from backing memory by pages of 2 MB. The allocator asks for them, and a sidecar that uses a tenth
/// of each takes twice the memory: after a load 34 MB in place of 17.
pub fn use_small_pages() {
    // A kernel that does not know the request has no such pages; nothing depends on the answer.
    #[cfg(target_os = "linux")]
    let _ = rustix::thread::disable_transparent_huge_pages(true);
}

/// Waits until standard input ends: whoever holds the other end has gone.
pub async fn stdin_end() {
    let (sender, end) = tokio::sync::oneshot::channel::<()>();
    // A thread of its own: the runtime's blocking threads are waited for at the end, and this one may never come.
    let spawned = std::thread::Builder::new()
        .name("stdin".to_owned())
        .spawn(move || {
            let _ = io::copy(&mut io::stdin().lock(), &mut io::sink());
            drop(sender);
        });
    match spawned {
        Ok(_) => drop(end.await),
        Err(_) => std::future::pending().await,
    }
}
