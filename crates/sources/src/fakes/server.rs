//! A web server that gets into any trouble a test wants.

use std::{
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional},
    net::{TcpListener, TcpStream},
    sync::watch,
    task::JoinHandle,
};

/// Makes an answer's body of a request's first line and body.
pub type AnswerTo = Arc<dyn Fn(&str) -> String + Send + Sync>;
/// Makes the pieces of an endless body, by their number.
pub type Piece = Arc<dyn Fn(usize) -> Option<String> + Send + Sync>;

/// What the server does with requests.
#[derive(Clone)]
pub enum Behaviour {
    /// Answers 200.
    Answer(AnswerTo),
    /// Answers with this status and body.
    Fail(u16, String),
    /// Takes connections and requests, and says nothing.
    BlackHole,
    /// Answers byte by byte, each after 20 ms.
    Drip(AnswerTo),
    /// Answers with half of the body and closes.
    Truncate(AnswerTo),
    /// Answers 200 with pieces until there is none.
    Stream(Piece),
    /// Stands aside: what comes is passed on to another server, until it behaves otherwise.
    Pass(SocketAddr),
}

/// A server on a loopback port.
pub struct FakeServer {
    address: SocketAddr,
    shared: Arc<Shared>,
    listening: Mutex<Option<JoinHandle<()>>>,
}

struct Shared {
    behaviour: watch::Sender<Behaviour>,
    requests: AtomicUsize,
    now: AtomicUsize,
    most: AtomicUsize,
}

impl FakeServer {
    /// Listens on a free port.
    pub async fn start(behaviour: Behaviour) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0")
            .await
            .expect("loopback has ports");
        let address = listener.local_addr().expect("the listener is bound");
        let server = Self {
            address,
            shared: Arc::new(Shared {
                behaviour: watch::Sender::new(behaviour),
                requests: AtomicUsize::new(0),
                now: AtomicUsize::new(0),
                most: AtomicUsize::new(0),
            }),
            listening: Mutex::default(),
        };
        server.listen(listener);
        server
    }

    fn listen(&self, listener: TcpListener) {
        let shared = self.shared.clone();
        let task = tokio::spawn(async move {
            let mut connections = tokio::task::JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let shared = shared.clone();
                connections.spawn(async move {
                    let _ = shared.serve(stream).await;
                });
            }
        });
        *self.listening.lock().expect("no test panics here") = Some(task);
    }

    /// Its address as a URL.
    pub fn url(&self) -> String {
        format!("http://{}/", self.address)
    }

    /// Behaves so from now on. Connections that were passed on are cut.
    pub fn set(&self, behaviour: Behaviour) {
        self.shared.behaviour.send_replace(behaviour);
    }

    /// Closes the port and all connections: refused from now on.
    pub fn close(&self) {
        if let Some(task) = self.listening.lock().expect("no test panics here").take() {
            task.abort();
        }
    }

    /// Opens the port again.
    pub async fn open(&self) {
        let mut tries = 0;
        let listener = loop {
            match TcpListener::bind(self.address).await {
                Ok(listener) => break listener,
                Err(error) if tries == 100 => panic!("the port is not free again: {error}"),
                Err(_) => tries += 1,
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        };
        self.listen(listener);
    }

    /// Requests so far.
    pub fn requests(&self) -> usize {
        self.shared.requests.load(SeqCst)
    }

    /// The most requests that were under way at the same time.
    pub fn most_at_once(&self) -> usize {
        self.shared.most.load(SeqCst)
    }
}

impl Drop for FakeServer {
    fn drop(&mut self) {
        self.close();
    }
}

/// Counts a request while it is under way, however it ends.
struct UnderWay<'a>(&'a Shared);

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        self.0.now.fetch_sub(1, SeqCst);
    }
}

impl Shared {
    async fn serve(&self, mut stream: TcpStream) -> std::io::Result<()> {
        let mut behaviours = self.behaviour.subscribe();
        loop {
            let passed_to = match &*behaviours.borrow_and_update() {
                Behaviour::Pass(address) => Some(*address),
                _ => None,
            };
            if let Some(address) = passed_to {
                let mut other = TcpStream::connect(address).await?;
                tokio::select! {
                    _ = copy_bidirectional(&mut stream, &mut other) => (),
                    _ = behaviours.changed() => (),
                }
                return Ok(());
            }
            let stands_aside = behaviours.wait_for(|behaviour| matches!(behaviour, Behaviour::Pass(_)));
            let request = tokio::select! {
                request = read_request(&mut stream) => request?,
                _ = stands_aside => return Ok(()),
            };
            let Some(request) = request else { return Ok(()) };
            self.requests.fetch_add(1, SeqCst);
            self.most.fetch_max(self.now.fetch_add(1, SeqCst) + 1, SeqCst);
            let _under_way = UnderWay(self);
            let behaviour = self.behaviour.borrow().clone();
            let head = |status: u16, length: usize| {
                format!(
                    "HTTP/1.1 {status} X\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n"
                )
            };
            match behaviour {
                Behaviour::Answer(answer) => {
                    let body = answer(&request);
                    stream
                        .write_all((head(200, body.len()) + &body).as_bytes())
                        .await?;
                }
                Behaviour::Fail(status, body) => {
                    stream
                        .write_all((head(status, body.len()) + &body).as_bytes())
                        .await?;
                }
                Behaviour::BlackHole => {
                    // Ends when the caller hangs up.
                    let _ = stream.read(&mut [0]).await;
                    return Ok(());
                }
                Behaviour::Drip(answer) => {
                    let body = answer(&request);
                    for byte in (head(200, body.len()) + &body).bytes() {
                        stream.write_all(&[byte]).await?;
                        tokio::time::sleep(Duration::from_millis(20)).await;
                    }
                }
                Behaviour::Truncate(answer) => {
                    let body = answer(&request);
                    let half = &body.as_bytes()[..body.len() / 2];
                    stream.write_all(head(200, half.len()).as_bytes()).await?;
                    stream.write_all(half).await?;
                }
                Behaviour::Stream(piece) => {
                    stream
                        .write_all(b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n")
                        .await?;
                    let mut number = 0;
                    while let Some(text) = piece(number) {
                        stream.write_all(text.as_bytes()).await?;
                        number += 1;
                    }
                    return Ok(());
                }
                // It changed while the request was read.
                Behaviour::Pass(_) => return Ok(()),
            }
        }
    }
}

/// First line and body of a request; `None` when the caller has hung up.
async fn read_request(stream: &mut TcpStream) -> std::io::Result<Option<String>> {
    let mut bytes = Vec::new();
    loop {
        if let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
            let length = head
                .lines()
                .filter_map(|line| line.split_once(':'))
                .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
                .and_then(|(_, value)| value.trim().parse::<usize>().ok())
                .unwrap_or(0);
            if bytes.len() >= end + 4 + length {
                let body = String::from_utf8_lossy(&bytes[end + 4..]).into_owned();
                return Ok(Some(format!(
                    "{}\n{body}",
                    head.lines().next().unwrap_or_default()
                )));
            }
        }
        if stream.read_buf(&mut bytes).await? == 0 {
            return Ok(None);
        }
    }
}
