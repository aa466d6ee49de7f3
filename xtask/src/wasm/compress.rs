//! Precompressed twins of the files that the server sends, made once per content.
//!
//! Brotli at its highest level costs seconds for the application; a cache by content hash makes a
//! rebuild pay only for what changed.

use std::{
    fs,
    io::Write,
    path::Path,
    sync::Mutex,
    thread,
    time::{Duration, SystemTime},
};

use anyhow::Context;
use sha2::{Digest, Sha256};

use super::hex;

/// Below this a response does not get smaller in whole packets.
const SMALLEST: usize = 512;

/// Cached results that no build asked for in this time are removed.
const KEPT: Duration = Duration::from_secs(14 * 24 * 3600);

/// How a file is compressed, and what is added to its name.
#[derive(Clone, Copy)]
enum Method {
    Brotli,
    Gzip,
}

impl Method {
    fn extension(self) -> &'static str {
        match self {
            Self::Brotli => "br",
            Self::Gzip => "gz",
        }
    }

    fn compress(self, content: &[u8]) -> anyhow::Result<Vec<u8>> {
        let mut compressed = Vec::new();
        match self {
            Self::Brotli => {
                let parameters = brotli::enc::BrotliEncoderParams {
                    quality: 11,
                    lgwin: 24,
                    size_hint: content.len(),
                    ..Default::default()
                };
                brotli::BrotliCompress(&mut &content[..], &mut compressed, &parameters)?;
            }
            Self::Gzip => {
                let mut encoder = flate2::write::GzEncoder::new(&mut compressed, flate2::Compression::best());
                encoder.write_all(content)?;
                encoder.finish()?;
            }
        }
        Ok(compressed)
    }
}

/// The compressed twins of all files that gain by it, named `NAME.br` and `NAME.gz`.
pub(super) fn compress_all(
    files: &[(String, Vec<u8>)],
    cache: &Path,
) -> anyhow::Result<Vec<(String, Vec<u8>)>> {
    fs::create_dir_all(cache).with_context(|| format!("cannot make {}", cache.display()))?;
    let mut jobs: Vec<(&str, &[u8], Method)> = Vec::new();
    for (name, content) in files {
        if content.len() >= SMALLEST && gains_by_compression(name) {
            jobs.push((name, content, Method::Brotli));
            jobs.push((name, content, Method::Gzip));
        }
    }
    // The longest job goes first (taken from the end), so that all cores end at about the same time.
    jobs.sort_by_key(|(_, content, method)| (matches!(method, Method::Brotli), content.len()));
    let jobs = Mutex::new(jobs);
    let done = Mutex::new(Vec::new());
    let workers = thread::available_parallelism().map_or(1, usize::from);
    thread::scope(|scope| -> anyhow::Result<()> {
        let workers: Vec<_> = (0..workers)
            .map(|_| {
                scope.spawn(|| -> anyhow::Result<()> {
                    loop {
                        let Some((name, content, method)) = jobs.lock().expect("no worker panics").pop()
                        else {
                            return Ok(());
                        };
                        let compressed = compress_cached(content, method, cache)?;
                        if compressed.len() < content.len() {
                            let name = format!("{name}.{}", method.extension());
                            done.lock().expect("no worker panics").push((name, compressed));
                        }
                    }
                })
            })
            .collect();
        workers
            .into_iter()
            .try_for_each(|worker| worker.join().expect("no worker panics"))
    })?;
    remove_old(cache)?;
    Ok(done.into_inner().expect("no worker panics"))
}

fn compress_cached(content: &[u8], method: Method, cache: &Path) -> anyhow::Result<Vec<u8>> {
    let path = cache.join(format!(
        "{}.{}",
        hex(&Sha256::digest(content)),
        method.extension()
    ));
    if let Ok(compressed) = fs::read(&path) {
        // Its date says when it was last of use.
        if let Ok(file) = fs::File::options().append(true).open(&path) {
            file.set_modified(SystemTime::now()).ok();
        }
        return Ok(compressed);
    }
    let compressed = method.compress(content)?;
    crate::workspace::write_if_changed(&path, &compressed)?;
    Ok(compressed)
}

fn gains_by_compression(name: &str) -> bool {
    let extension = Path::new(name)
        .extension()
        .and_then(|extension| extension.to_str());
    matches!(
        extension,
        Some("html" | "js" | "css" | "wasm" | "svg" | "json" | "txt" | "webmanifest")
    )
}

fn remove_old(cache: &Path) -> anyhow::Result<()> {
    for entry in fs::read_dir(cache)? {
        let entry = entry?;
        let metadata = entry.metadata()?;
        let age = metadata.modified()?.elapsed().unwrap_or_default();
        if metadata.is_file() && age > KEPT {
            fs::remove_file(entry.path()).ok();
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_gets_twins_and_pictures_and_small_files_do_not() {
        let cache = tempfile::tempdir().unwrap();
        let long = vec![b'x'; 4000];
        let files = vec![
            ("a.css".into(), long.clone()),
            ("b.png".into(), long),
            ("c.js".into(), b"tiny".to_vec()),
        ];
        for _ in 0..2 {
            let mut twins: Vec<_> = compress_all(&files, cache.path())
                .unwrap()
                .into_iter()
                .map(|(name, _)| name)
                .collect();
            twins.sort();
            assert_eq!(twins, ["a.css.br", "a.css.gz"]);
        }
    }
}
