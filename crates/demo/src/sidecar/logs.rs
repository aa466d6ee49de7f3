//! What sidecars write: their access logs in the run directory, and their last words in memory.

use std::{
    collections::VecDeque,
    fs::{self, File, OpenOptions},
    io::{self, Read, Seek, SeekFrom, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
};

use tokio::{
    io::{AsyncBufReadExt, AsyncRead, BufReader},
    process::{ChildStderr, ChildStdout},
};

use super::command::access_log_max_bytes;

/// Lines and bytes of each that are kept of what a sidecar writes to its error output.
const RING_LINES: usize = 100;
const RING_LINE_BYTES: usize = 2000;

/// The most that is read of a log file's end for one answer.
const TAIL_BYTES: u64 = 1 << 20;

/// The newest lines of an access log.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LogTail {
    /// Newest last.
    pub lines: Vec<String>,
    /// Whether older lines were left out.
    pub truncated: bool,
}

/// The newest lines of an output.
#[derive(Debug, Default)]
pub(crate) struct Ring(Mutex<VecDeque<String>>);

impl Ring {
    fn push(&self, line: String) {
        let mut lines = self.0.lock().expect("nothing panics while it holds the lines");
        if lines.len() == RING_LINES {
            lines.pop_front();
        }
        lines.push_back(line);
    }

    /// Newest last.
    pub(crate) fn lines(&self) -> Vec<String> {
        self.0
            .lock()
            .expect("nothing panics while it holds the lines")
            .iter()
            .cloned()
            .collect()
    }
}

/// Reads both outputs to their ends: errors into the ring, standard output into the access log if one is given.
pub(super) async fn read_output(
    out: Option<ChildStdout>,
    err: Option<ChildStderr>,
    access_log: Option<PathBuf>,
    words: Arc<Ring>,
) {
    let mut file = access_log.and_then(|path| Rotating::open(path).ok());
    let out = read_lines(out, |line| match &mut file {
        // A full disk must not stop the sidecar; the line is lost.
        Some(file) => drop(file.write_line(&line)),
        None => words.push(line),
    });
    tokio::join!(out, read_lines(err, |line| words.push(line)));
}

async fn read_lines(output: Option<impl AsyncRead + Unpin>, mut each: impl FnMut(String)) {
    let Some(output) = output else { return };
    let mut reader = BufReader::new(output);
    let mut line = Vec::new();
    // `fill_buf` bounds a line that never ends: what is longer than the bound is dropped up to its end.
    while let Ok(chunk) = reader.fill_buf().await {
        if chunk.is_empty() {
            return;
        }
        let end = chunk.iter().position(|byte| *byte == b'\n');
        let part = &chunk[..end.unwrap_or(chunk.len())];
        line.extend(part.iter().take((RING_LINE_BYTES * 8).saturating_sub(line.len())));
        let used = end.map_or(chunk.len(), |end| end + 1);
        reader.consume(used);
        if end.is_some() {
            let mut text = String::from_utf8_lossy(&line).into_owned();
            line.clear();
            if text.len() > RING_LINE_BYTES && !text.starts_with('{') {
                text.truncate(text.floor_char_boundary(RING_LINE_BYTES));
            }
            each(text);
        }
    }
}

/// A log file that begins anew at its bound and keeps one old file, `FILE.1`.
struct Rotating {
    path: PathBuf,
    file: File,
    size: u64,
}

impl Rotating {
    fn open(path: PathBuf) -> io::Result<Self> {
        let file = OpenOptions::new()
            .create(true)
            .append(true)
            .mode(0o600)
            .open(&path)?;
        let size = file.metadata()?.len();
        Ok(Self { path, file, size })
    }

    fn write_line(&mut self, line: &str) -> io::Result<()> {
        if self.size >= access_log_max_bytes() {
            fs::rename(&self.path, older(&self.path))?;
            *self = Self::open(std::mem::take(&mut self.path))?;
        }
        self.size += line.len() as u64 + 1;
        self.file.write_all(format!("{line}\n").as_bytes())
    }
}

/// The last `count` lines of an access log and of the file before it. No file means that nothing was logged yet.
///
/// # Errors
/// When a file is there and cannot be read.
pub(crate) fn read_tail(path: &Path, count: usize) -> io::Result<LogTail> {
    let (text, mut truncated) = read_end(path)?;
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    if lines.len() < count && !truncated {
        let (older, cut) = read_end(&older(path))?;
        truncated = cut;
        lines.splice(0..0, older.lines().map(str::to_owned));
    }
    let extra = lines.len().saturating_sub(count);
    lines.drain(..extra);
    Ok(LogTail {
        lines,
        truncated: truncated || extra > 0,
    })
}

/// The end of a file from the start of a line on, and whether that left something out.
fn read_end(path: &Path) -> io::Result<(String, bool)> {
    let mut file = match File::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok((String::new(), false)),
        file => file?,
    };
    let skipped = file.metadata()?.len().saturating_sub(TAIL_BYTES);
    file.seek(SeekFrom::Start(skipped))?;
    let mut bytes = Vec::new();
    file.take(TAIL_BYTES).read_to_end(&mut bytes)?;
    let text = String::from_utf8_lossy(&bytes);
    let whole = match text.find('\n') {
        Some(newline) if skipped > 0 => &text[newline + 1..],
        _ => &text[..],
    };
    Ok((whole.to_owned(), skipped > 0))
}

fn older(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".1");
    name.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tail_reaches_into_the_file_before() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("access.log");
        assert_eq!(read_tail(&path, 5).unwrap(), LogTail::default());
        fs::write(older(&path), "1\n2\n3\n").unwrap();
        fs::write(&path, "4\n5\n").unwrap();
        let tail = read_tail(&path, 4).unwrap();
        assert_eq!(
            tail,
            LogTail {
                lines: ["2", "3", "4", "5"].map(str::to_owned).into(),
                truncated: true
            }
        );
        assert!(!read_tail(&path, 9).unwrap().truncated);
    }

    #[test]
    fn a_log_begins_anew_at_its_bound_and_keeps_one_old_file() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("access.log");
        let mut log = Rotating::open(path.clone()).unwrap();
        log.write_line("old").unwrap();
        log.size = access_log_max_bytes();
        log.write_line("new").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "new\n");
        assert_eq!(fs::read_to_string(older(&path)).unwrap(), "old\n");
    }

    #[tokio::test]
    async fn a_line_without_end_is_bounded() {
        let text = format!("{}\nnext\n", "x".repeat(100_000));
        let mut lines = Vec::new();
        read_lines(Some(text.as_bytes()), |line| lines.push(line)).await;
        assert_eq!(lines.len(), 2);
        assert!(
            lines[0].len() <= RING_LINE_BYTES && lines[1] == "next",
            "{}",
            lines[0].len()
        );
    }
}
