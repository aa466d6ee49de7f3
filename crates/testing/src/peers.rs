//! Real programs as child processes: started on free ports of loopback, stopped and started again where they were,
//! ended when dropped. Which programs those are is the caller's affair: tests are told in variables.

mod cluster;
mod jaeger;

pub use cluster::{ADMIN, Cluster, VIEWER};
pub use jaeger::Jaeger;

use std::{
    fs,
    net::{Ipv4Addr, SocketAddr, TcpListener},
    path::Path,
    process::Stdio,
    time::{Duration, Instant},
};

use tokio::{
    process::{Child, Command},
    time::sleep,
};

/// A cold start on a busy machine.
const START: Duration = Duration::from_secs(60);

/// Free addresses, all different.
fn free<const N: usize>() -> [SocketAddr; N] {
    let held: Vec<TcpListener> = (0..N)
        .map(|_| TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("loopback has free ports"))
        .collect();
    std::array::from_fn(|index| held[index].local_addr().expect("it is bound"))
}

/// Starts a program that ends with its handle. What it says goes to the end of `log`.
fn run(command: &mut Command, log: &Path) -> Child {
    let log = fs::OpenOptions::new().create(true).append(true).open(log);
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(log.expect("the log can be written"))
        .kill_on_drop(true)
        .spawn()
        .expect("the program starts")
}

/// Waits until `look` says yes; panics with the end of the log after [`START`].
async fn until_ready(what: &str, log: &Path, mut look: impl AsyncFnMut() -> bool) {
    let started = Instant::now();
    while !look().await {
        let said = || {
            let log = fs::read_to_string(log).unwrap_or_default();
            log.lines().rev().take(5).collect::<Vec<_>>().join("\n")
        };
        assert!(
            started.elapsed() < START,
            "{what} is not ready within {START:?}:\n{}",
            said()
        );
        sleep(Duration::from_millis(100)).await;
    }
}
