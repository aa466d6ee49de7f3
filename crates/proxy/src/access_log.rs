//! The access log: one JSON object a line, with Istio's default keys.
//!
//! Lines are gathered per worker and written together, at most a second late. The file rotates once: what is
//! over the limit moves to `FILE.1`, so that two times the limit is all the disk that it takes.

mod line;

use std::{
    cell::RefCell,
    fs::{File, OpenOptions},
    io::{self, Write},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

pub(crate) use line::{Line, LineHead, Times};

/// Lines are written at the latest when this much has gathered.
const BUFFER_BYTES: usize = 32 << 10;

/// The file, shared by the workers.
#[derive(Debug)]
pub(crate) struct LogFile {
    path: PathBuf,
    max_bytes: u64,
    open: Mutex<Open>,
}

#[derive(Debug)]
struct Open {
    file: File,
    written: u64,
}

impl LogFile {
    /// Opens the file to append to it.
    pub(crate) fn open(path: &Path, max_bytes: u64) -> io::Result<Self> {
        let file = OpenOptions::new().create(true).append(true).open(path)?;
        let written = file.metadata()?.len();
        Ok(Self {
            path: path.to_owned(),
            max_bytes: max_bytes.max(BUFFER_BYTES as u64),
            open: Mutex::new(Open { file, written }),
        })
    }

    fn write(&self, lines: &[u8]) -> io::Result<()> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if open.written > 0 && open.written + lines.len() as u64 > self.max_bytes {
            let mut old = self.path.clone().into_os_string();
            old.push(".1");
            std::fs::rename(&self.path, old)?;
            open.file = OpenOptions::new().create(true).append(true).open(&self.path)?;
            open.written = 0;
        }
        open.file.write_all(lines)?;
        open.written += lines.len() as u64;
        Ok(())
    }
}

/// One worker's end of the log.
#[derive(Debug)]
pub(crate) struct AccessLog {
    file: Option<Arc<LogFile>>,
    lines: RefCell<Vec<u8>>,
    times: RefCell<Times>,
}

impl AccessLog {
    /// A log to a file; without file it costs nothing.
    pub(crate) fn new(file: Option<Arc<LogFile>>) -> Self {
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
            self.write_out(&mut lines);
        }
    }

    /// Writes what has gathered.
    pub(crate) fn flush(&self) {
        let mut lines = self.lines.borrow_mut();
        if !lines.is_empty() {
            self.write_out(&mut lines);
        }
    }

    fn write_out(&self, lines: &mut Vec<u8>) {
        if let Some(file) = &self.file
            && let Err(error) = file.write(lines)
        {
            // Requests go on; what cannot be written is lost, and said so.
            tracing::warn!(%error, path = %file.path.display(), "access log lines were lost");
        }
        lines.clear();
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
        let file = LogFile::open(&path, BUFFER_BYTES as u64).unwrap();
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
