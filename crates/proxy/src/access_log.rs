//! The access log: one JSON object a line, with Istio's default keys.
//!
//! Lines are gathered per worker and handed, at most a second late, to one thread that writes them: a slow disk
//! must not hold up requests. The file rotates once: what is over the limit moves to `FILE.1`, so that two
//! times the limit is all the disk that it takes.

mod line;

use std::{
    cell::RefCell,
    fs::{File, OpenOptions},
    io::{self, Write},
    path::{Path, PathBuf},
    sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel},
};

pub(crate) use line::{Line, LineHead, Times};

/// Lines are handed on at the latest when this much has gathered.
const BUFFER_BYTES: usize = 32 << 10;
/// Buffers that may wait for the disk, 2 MiB in all; what comes when it is that far behind is lost, and said so.
const QUEUE: usize = 64;

/// What goes to the thread that writes.
#[derive(Debug)]
enum Message {
    Lines(Vec<u8>),
    /// Answered when all before it is written.
    Flush(SyncSender<()>),
}

/// The way to the file, for all workers. The thread behind it ends with the last copy.
#[derive(Debug, Clone)]
pub(crate) struct LogFile(SyncSender<Message>);

impl LogFile {
    /// Opens the file to append to it.
    pub(crate) fn open(path: &Path, max_bytes: u64) -> io::Result<Self> {
        let file = Rotating::open(path, max_bytes)?;
        let (sender, queue) = sync_channel(QUEUE);
        std::thread::Builder::new()
            .name("access-log".to_owned())
            .spawn(move || file.run(&queue))?;
        Ok(Self(sender))
    }

    /// Waits until everything that was handed on is in the file.
    pub(crate) fn flush(&self) {
        let (sender, done) = sync_channel(1);
        if self.0.send(Message::Flush(sender)).is_ok() {
            // An error means that the thread has ended: then there is nothing to wait for.
            let _ = done.recv();
        }
    }
}

/// The file, on its thread.
#[derive(Debug)]
struct Rotating {
    path: PathBuf,
    max_bytes: u64,
    file: File,
    written: u64,
}

impl Rotating {
    fn open(path: &Path, max_bytes: u64) -> io::Result<Self> {
        let file = OpenOptions::new().create(true).append(true).open(path)?;
        let written = file.metadata()?.len();
        Ok(Self {
            path: path.to_owned(),
            max_bytes: max_bytes.max(BUFFER_BYTES as u64),
            file,
            written,
        })
    }

    fn run(mut self, queue: &Receiver<Message>) {
        for message in queue {
            match message {
                Message::Lines(lines) => {
                    if let Err(error) = self.write(&lines) {
                        // Requests go on; what cannot be written is lost, and said so.
                        tracing::warn!(%error, path = %self.path.display(), "access log lines were lost");
                    }
                }
                Message::Flush(done) => drop(done.send(())),
            }
        }
    }

    fn write(&mut self, lines: &[u8]) -> io::Result<()> {
        if self.written > 0 && self.written + lines.len() as u64 > self.max_bytes {
            let mut old = self.path.clone().into_os_string();
            old.push(".1");
            std::fs::rename(&self.path, old)?;
            self.file = OpenOptions::new().create(true).append(true).open(&self.path)?;
            self.written = 0;
        }
        self.file.write_all(lines)?;
        self.written += lines.len() as u64;
        Ok(())
    }
}

/// One worker's end of the log.
#[derive(Debug)]
pub(crate) struct AccessLog {
    file: Option<LogFile>,
    lines: RefCell<Vec<u8>>,
    times: RefCell<Times>,
}

impl AccessLog {
    /// A log to a file; without file it costs nothing.
    pub(crate) fn new(file: Option<LogFile>) -> Self {
        Self {
            file,
            lines: RefCell::default(),
            times: RefCell::default(),
        }
    }

    /// Whether lines are wanted.
    pub(crate) fn is_on(&self) -> bool {
        self.file.is_some()
    }

    /// Adds a line.
    pub(crate) fn add(&self, line: &Line<'_>) {
        let mut lines = self.lines.borrow_mut();
        line.write(&mut lines, &mut self.times.borrow_mut());
        if lines.len() >= BUFFER_BYTES {
            self.hand_on(&mut lines);
        }
    }

    /// Hands on what has gathered.
    pub(crate) fn flush(&self) {
        let mut lines = self.lines.borrow_mut();
        if !lines.is_empty() {
            self.hand_on(&mut lines);
        }
    }

    fn hand_on(&self, lines: &mut Vec<u8>) {
        // Who fills a buffer will fill the next one too; a quiet worker keeps none.
        let next = if lines.len() < BUFFER_BYTES {
            0
        } else {
            BUFFER_BYTES + (4 << 10)
        };
        let full = std::mem::replace(lines, Vec::with_capacity(next));
        if let Some(LogFile(queue)) = &self.file
            && let Err(TrySendError::Full(_)) = queue.try_send(Message::Lines(full))
        {
            tracing::warn!("access log lines were lost: the disk is too slow");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_rotates_once_at_its_limit() {
        let directory = std::env::temp_dir().join(format!("vigla-access-log-{}", std::process::id()));
        std::fs::create_dir_all(&directory).unwrap();
        let path = directory.join("access.log");
        let mut file = Rotating::open(&path, BUFFER_BYTES as u64).unwrap();
        for byte in [b'a', b'b', b'c'] {
            file.write(&vec![byte; BUFFER_BYTES - 1]).unwrap();
        }
        let start = |path: &Path| std::fs::read(path).unwrap()[0];
        assert_eq!(start(&path), b'c');
        assert_eq!(start(&directory.join("access.log.1")), b'b');
        assert_eq!(std::fs::read_dir(&directory).unwrap().count(), 2);
        std::fs::remove_dir_all(&directory).unwrap();
    }
}
