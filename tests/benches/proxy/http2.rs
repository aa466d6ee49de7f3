//! HTTP/2 on bare sockets, as much of it as a measurement needs: a load, and the server that it ends at. As with
//! HTTP/1.1, what makes the load must be cheap beside what is measured.

use std::{
    io::{self, Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    thread,
};

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const DATA: u8 = 0;
const HEADERS: u8 = 1;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const WINDOW_UPDATE: u8 = 8;
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;
const ACK: u8 = 1;
/// Bytes that may come before the next window update; the most that there is, so that hardly any is needed.
const WINDOW: u32 = (1 << 31) - 1;
/// Bytes after which the window of a connection is opened again.
const REFILL: u32 = 1 << 30;
/// Requests of one connection; ids of streams are 31 bits.
const MAX_STREAMS: u32 = 1 << 20;

/// A connection, and what was read of it.
struct Wire {
    stream: TcpStream,
    input: Vec<u8>,
    at: usize,
    received: u32,
}

/// A frame without its payload; that has been read, and is headers or bytes that nobody looks at.
struct Frame {
    kind: u8,
    flags: u8,
    stream: u32,
    length: u32,
}

impl Wire {
    fn new(stream: TcpStream) -> io::Result<Self> {
        stream.set_nodelay(true)?;
        Ok(Self {
            stream,
            input: Vec::new(),
            at: 0,
            received: 0,
        })
    }

    fn fill(&mut self, length: usize) -> io::Result<()> {
        while self.input.len() - self.at < length {
            self.input.drain(..self.at);
            self.at = 0;
            let mut buffer = [0; 16 << 10];
            let read = self.stream.read(&mut buffer)?;
            if read == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            self.input.extend_from_slice(&buffer[..read]);
        }
        Ok(())
    }

    fn skip(&mut self, length: usize) -> io::Result<()> {
        self.fill(length)?;
        self.at += length;
        Ok(())
    }

    /// The next frame that is no affair of the connection; those are answered here.
    fn next(&mut self) -> io::Result<Frame> {
        loop {
            self.fill(9)?;
            let head = &self.input[self.at..self.at + 9];
            let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
            let stream = u32::from_be_bytes([head[5], head[6], head[7], head[8]]) & WINDOW;
            let frame = Frame {
                kind: head[3],
                flags: head[4],
                stream,
                length,
            };
            self.at += 9;
            self.fill(length as usize)?;
            let payload = self.input[self.at..self.at + length as usize].to_vec();
            self.at += length as usize;
            match frame.kind {
                SETTINGS if frame.flags & ACK == 0 => self.send(SETTINGS, ACK, 0, &[])?,
                PING if frame.flags & ACK == 0 => self.send(PING, ACK, 0, &payload)?,
                DATA | HEADERS => {
                    self.received += length;
                    if self.received > REFILL {
                        self.send(WINDOW_UPDATE, 0, 0, &self.received.to_be_bytes())?;
                        self.received = 0;
                    }
                    return Ok(frame);
                }
                SETTINGS | PING | WINDOW_UPDATE => (),
                other => return Err(io::Error::other(format!("frame {other} on stream {stream}"))),
            }
        }
    }

    fn send(&mut self, kind: u8, flags: u8, stream: u32, payload: &[u8]) -> io::Result<()> {
        let bytes = frame(kind, flags, stream, payload);
        self.stream.write_all(&bytes)
    }
}

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap_or(u32::MAX).to_be_bytes();
    let mut bytes = length[1..].to_vec();
    bytes.extend([kind, flags]);
    bytes.extend(stream.to_be_bytes());
    bytes.extend(payload);
    bytes
}

/// Settings that open the windows of all streams, and the window of the connection.
fn opening() -> Vec<u8> {
    let mut settings = vec![0, 4];
    settings.extend(WINDOW.to_be_bytes());
    let mut bytes = frame(SETTINGS, 0, 0, &settings);
    bytes.extend(frame(WINDOW_UPDATE, 0, 0, &(WINDOW - 65_535).to_be_bytes()));
    bytes
}

/// `GET /load`, by numbers of the static table, and texts as they are.
fn request(host: &str) -> Vec<u8> {
    let mut block = vec![0x82, 0x86, 0x04, 5];
    block.extend(b"/load");
    block.extend([0x01, u8::try_from(host.len()).unwrap_or(u8::MAX)]);
    block.extend(host.as_bytes());
    block.extend([0x0f, 0x2b, 11]);
    block.extend(b"vigla-bench");
    block
}

/// Keeps this many streams of one connection busy until `goes_on` says no; `done` is called for each answer.
pub(crate) fn ask(
    address: SocketAddr,
    host: &str,
    streams: u32,
    body_bytes: u32,
    mut goes_on: impl FnMut() -> bool,
    mut done: impl FnMut(),
) -> io::Result<()> {
    let mut wire = Wire::new(TcpStream::connect(address)?)?;
    wire.stream.set_read_timeout(Some(super::DEADLINE))?;
    let block = request(host);
    let mut first = PREFACE.to_vec();
    first.extend(opening());
    for number in 0..streams {
        first.extend(frame(HEADERS, END_STREAM | END_HEADERS, 2 * number + 1, &block));
    }
    wire.stream.write_all(&first)?;
    let mut next = 2 * streams + 1;
    // What has come of each answer that is under way.
    let mut bodies = std::collections::HashMap::new();
    while goes_on() && next < MAX_STREAMS {
        let frame = wire.next()?;
        if frame.kind == DATA {
            *bodies.entry(frame.stream).or_insert(0) += frame.length;
        }
        if frame.flags & END_STREAM != 0 {
            // Only a good answer has the whole body.
            if bodies.remove(&frame.stream) != Some(body_bytes) {
                return Err(io::Error::other(format!("stream {} was refused", frame.stream)));
            }
            done();
            wire.send(HEADERS, END_STREAM | END_HEADERS, next, &block)?;
            next += 2;
        }
    }
    Ok(())
}

/// A server that answers every request with 200 and this many bytes. It ends with the process.
pub(crate) fn serve(body_bytes: usize) -> io::Result<SocketAddr> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            // A connection that breaks shows at those who wait for its answers.
            thread::spawn(move || answer(stream, body_bytes));
        }
    });
    Ok(address)
}

fn answer(stream: TcpStream, body_bytes: usize) -> io::Result<()> {
    let mut wire = Wire::new(stream)?;
    wire.skip(PREFACE.len())?;
    wire.stream.write_all(&opening())?;
    let body = vec![b'x'; body_bytes];
    loop {
        let asked = wire.next()?;
        if asked.flags & END_STREAM != 0 {
            let mut bytes = frame(HEADERS, END_HEADERS, asked.stream, &[0x88]);
            bytes.extend(frame(DATA, END_STREAM, asked.stream, &body));
            wire.stream.write_all(&bytes)?;
        }
    }
}
