//! Load on one address: as many connections as asked for, each with one request under way at any time.
//!
//! Threads with plain sockets, because the standard library is optimised in every profile and a client library is not:
//! what makes the load must be cheap beside what is measured.

use std::{
    io::{self, Read, Write},
    net::{SocketAddr, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

#[path = "http2.rs"]
pub(crate) mod http2;

/// An answer that takes longer has failed.
const DEADLINE: Duration = Duration::from_secs(5);

#[derive(Default)]
struct Shared {
    stop: AtomicBool,
    done: AtomicU64,
    failed: AtomicU64,
}

/// What is spoken to the sidecar, and from it to the server.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Version {
    /// Each connection with one request under way.
    Http1,
    /// Each connection with this many.
    Http2(u32),
}

/// Connections under load.
pub(crate) struct Load {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
}

impl Load {
    pub(crate) fn start(address: SocketAddr, host: &str, version: Version, connections: usize) -> Self {
        let shared = Arc::<Shared>::default();
        let request = format!("GET /load HTTP/1.1\r\nHost: {host}\r\nUser-Agent: vigla-bench\r\n\r\n");
        let threads = (0..connections).map(|_| {
            let (shared, request, host) = (Arc::clone(&shared), request.clone(), host.to_owned());
            thread::spawn(move || {
                while !shared.stop.load(Ordering::Relaxed) {
                    let asked = match version {
                        Version::Http1 => ask(address, request.as_bytes(), &shared),
                        Version::Http2(streams) => http2::ask(
                            address,
                            &host,
                            streams,
                            u32::try_from(crate::BODY_BYTES).unwrap_or(u32::MAX),
                            || !shared.stop.load(Ordering::Relaxed),
                            || {
                                shared.done.fetch_add(1, Ordering::Relaxed);
                            },
                        ),
                    };
                    if asked.is_err() {
                        shared.failed.fetch_add(1, Ordering::Relaxed);
                        // One that fails at once must not become a load of its own.
                        thread::sleep(Duration::from_millis(20));
                    }
                }
            })
        });
        let threads = threads.collect();
        Self { shared, threads }
    }

    /// Good answers so far.
    pub(crate) fn done(&self) -> u64 {
        self.shared.done.load(Ordering::Relaxed)
    }

    /// Ends the load; gives the number of requests that failed.
    pub(crate) fn stop(self) -> u64 {
        self.shared.stop.store(true, Ordering::Relaxed);
        for thread in self.threads {
            thread.join().ok();
        }
        self.shared.failed.load(Ordering::Relaxed)
    }
}

/// Asks on one connection until the load ends.
fn ask(address: SocketAddr, request: &[u8], shared: &Shared) -> io::Result<()> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(DEADLINE))?;
    let mut buffer = vec![0; 16 << 10];
    while !shared.stop.load(Ordering::Relaxed) {
        stream.write_all(request)?;
        read_answer(&mut stream, &mut buffer)?;
        shared.done.fetch_add(1, Ordering::Relaxed);
    }
    Ok(())
}

/// Reads one whole answer, which must be a 200 with a length.
fn read_answer(stream: &mut TcpStream, buffer: &mut [u8]) -> io::Result<()> {
    let bad = |what: &str| io::Error::new(io::ErrorKind::InvalidData, what);
    let (mut filled, mut whole) = (0, None);
    while whole.is_none_or(|whole| filled < whole) {
        let read = stream.read(&mut buffer[filled..])?;
        if read == 0 {
            return Err(bad("the connection ended in an answer, or it is too long"));
        }
        filled += read;
        if whole.is_none() {
            whole = length(&buffer[..filled])?;
        }
    }
    if whole == Some(filled) {
        Ok(())
    } else {
        Err(bad("more than one answer came"))
    }
}

/// Length of the answer with its head; `None` while the head is not complete.
fn length(bytes: &[u8]) -> io::Result<Option<usize>> {
    let bad = |what: &str| io::Error::new(io::ErrorKind::InvalidData, what);
    let text = std::str::from_utf8(bytes).map_err(|_| bad("an answer is text here"))?;
    let Some((head, _)) = text.split_once("\r\n\r\n") else {
        return Ok(None);
    };
    if !head.starts_with("HTTP/1.1 200 ") {
        return Err(bad("the answer is not 200"));
    }
    let mut lines = head.split("\r\n");
    let body = lines.find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length")
            .then(|| value.trim().parse::<usize>().ok())?
    });
    let body = body.ok_or_else(|| bad("the answer has no length"))?;
    Ok(Some(head.len() + 4 + body))
}
