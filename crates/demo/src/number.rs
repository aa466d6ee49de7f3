//! The number of a demo (64 to 127): a lock file, a claimed address, and the private run directory.
//!
//! The kernel frees the lock when its holder dies, however it dies; so a run directory whose lock is free
//! belongs to a demo that is gone, and the next start removes it.

use std::{
    fs::{self, DirBuilder, File, OpenOptions, TryLockError},
    io,
    net::{Ipv4Addr, SocketAddr, SocketAddrV4, TcpListener},
    os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
};

use rustix::fs::OFlags;

use crate::{CaptureMode, DemoError};

/// Numbers that demos may have; as second byte of a loopback address they are far from what others use.
const NUMBERS: std::ops::RangeInclusive<u8> = 64..=127;

/// Port of the address by which a number is claimed across users, whose lock files do not see each other.
const CLAIM_PORT: u16 = 15099;

/// Name of the config socket in the run directory.
const SOCKET: &str = "ads.sock";

/// Longest path of a Unix socket, without the zero byte at its end.
const SOCKET_PATH_LIMIT: usize = if cfg!(target_os = "linux") { 107 } else { 103 };

/// A number that belongs to this process until the value is dropped.
#[derive(Debug)]
pub(crate) struct Number {
    number: u8,
    run_dir: PathBuf,
    lock_path: PathBuf,
    _lock: File,
    _claim: TcpListener,
}

impl Number {
    /// Takes the lowest free number and makes its run directory; removes what dead demos left behind.
    ///
    /// # Errors
    /// When no number is free, the folder is not private, or this machine has no such addresses.
    pub(crate) fn take(base: &Path, capture: CaptureMode) -> Result<Self, DemoError> {
        make_private(base)?;
        let mut taken = None;
        for number in NUMBERS {
            let lock_path = base.join(format!("{number}.lock"));
            let run_dir = base.join(number.to_string());
            let used = lock_path.exists() || run_dir.symlink_metadata().is_ok();
            // Numbers above ours are only visited to clean up after their dead owners.
            if taken.is_some() && !used {
                continue;
            }
            let Some(lock) = lock(&lock_path)? else { continue };
            remove(&run_dir)?;
            if taken.is_none()
                && let Some(claim) = claim(number, capture)?
            {
                taken = Some((number, run_dir, lock_path, lock, claim));
            } else {
                fs::remove_file(&lock_path).map_err(DemoError::file(lock_path))?;
            }
        }
        let (number, run_dir, lock_path, lock, claim) = taken.ok_or(DemoError::NoNumberFree)?;
        let held = Self {
            number,
            run_dir,
            lock_path,
            _lock: lock,
            _claim: claim,
        };
        let socket = held.socket();
        // Envoy's admin sockets lie beside it; their names are at most one byte longer.
        let length = socket.as_os_str().len() + 1;
        if length > SOCKET_PATH_LIMIT {
            return Err(DemoError::SocketPath {
                path: socket,
                length,
                limit: SOCKET_PATH_LIMIT,
            });
        }
        let mut builder = DirBuilder::new();
        builder
            .mode(0o700)
            .create(&held.run_dir)
            .map_err(DemoError::file(&held.run_dir))?;
        Ok(held)
    }

    /// The number, from 64 to 127.
    pub(crate) fn get(&self) -> u8 {
        self.number
    }

    /// The private directory of this run.
    pub(crate) fn run_dir(&self) -> &Path {
        &self.run_dir
    }

    /// Where the control plane's socket belongs.
    pub(crate) fn socket(&self) -> PathBuf {
        self.run_dir.join(SOCKET)
    }
}

impl Drop for Number {
    fn drop(&mut self) {
        // Both go while the lock is held. What cannot be removed now, the next start removes.
        let _ = remove(&self.run_dir);
        let _ = fs::remove_file(&self.lock_path);
    }
}

/// Where lock files and run directories lie: `$XDG_RUNTIME_DIR/vigla`, else `TEMP/vigla-UID`.
pub(crate) fn runtime_dir() -> PathBuf {
    match std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from) {
        Some(dir) if dir.is_absolute() && dir.is_dir() => dir.join("vigla"),
        _ => std::env::temp_dir().join(format!("vigla-{}", rustix::process::getuid().as_raw())),
    }
}

/// Makes the folder, or checks that nobody else can have prepared it.
fn make_private(path: &Path) -> Result<(), DemoError> {
    match DirBuilder::new().mode(0o700).create(path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
            return Err(DemoError::file(path)(error));
        }
        _ => (),
    }
    let meta = fs::symlink_metadata(path).map_err(DemoError::file(path))?;
    let refuse = |reason| {
        Err(DemoError::UnsafeFolder {
            path: path.to_owned(),
            reason,
        })
    };
    if meta.file_type().is_symlink() {
        return refuse("it is a symbolic link");
    }
    if !meta.is_dir() {
        return refuse("it is not a folder");
    }
    if meta.uid() != rustix::process::getuid().as_raw() {
        return refuse("it belongs to another user");
    }
    if meta.mode() & 0o077 != 0 {
        fs::set_permissions(path, fs::Permissions::from_mode(0o700)).map_err(DemoError::file(path))?;
    }
    Ok(())
}

/// Locks a file, or `None` when another process has it.
fn lock(path: &Path) -> Result<Option<File>, DemoError> {
    loop {
        let file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .mode(0o600)
            .custom_flags(OFlags::NOFOLLOW.bits().cast_signed())
            .open(path)
            .map_err(DemoError::file(path))?;
        match file.try_lock() {
            Ok(()) => (),
            Err(TryLockError::WouldBlock) => return Ok(None),
            Err(TryLockError::Error(error)) => return Err(DemoError::file(path)(error)),
        }
        // The holder before us removes the file before it lets go; then this lock is on a file that no other
        // process will ever see, and the next round makes a new one.
        let opened = file.metadata().map_err(DemoError::file(path))?;
        match fs::symlink_metadata(path) {
            Ok(named) if named.ino() == opened.ino() && named.dev() == opened.dev() => return Ok(Some(file)),
            _ => (),
        }
    }
}

/// Binds the number's own address; `None` when another user's demo has it.
fn claim(number: u8, capture: CaptureMode) -> Result<Option<TcpListener>, DemoError> {
    let address = SocketAddr::V4(match capture {
        CaptureMode::Bind => SocketAddrV4::new(Ipv4Addr::new(127, number, 0, 1), CLAIM_PORT),
        CaptureMode::Ports => SocketAddrV4::new(Ipv4Addr::LOCALHOST, crate::address::first_port(number)),
    });
    match TcpListener::bind(address) {
        Ok(listener) => Ok(Some(listener)),
        Err(error) if error.kind() == io::ErrorKind::AddrInUse => Ok(None),
        Err(error) => Err(DemoError::NoLoopback(address, error)),
    }
}

/// Removes a run directory if it is there.
fn remove(run_dir: &Path) -> Result<(), DemoError> {
    match fs::remove_dir_all(run_dir) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(DemoError::file(run_dir)(error)),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn take(base: &Path) -> Number {
        Number::take(base, CaptureMode::Bind).unwrap()
    }

    #[test]
    fn two_demos_get_two_numbers_and_private_directories() {
        let base = tempfile::tempdir().unwrap();
        let (one, two) = (take(base.path()), take(base.path()));
        assert_ne!(one.get(), two.get());
        for demo in [&one, &two] {
            let mode = fs::metadata(demo.run_dir()).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o700);
        }
    }

    #[test]
    fn a_number_is_free_again_and_its_directory_gone_when_its_owner_ends() {
        let base = tempfile::tempdir().unwrap();
        let number = take(base.path());
        fs::write(number.run_dir().join("token"), "x").unwrap();
        drop(number);
        assert_eq!(fs::read_dir(base.path()).unwrap().count(), 0);
    }

    #[test]
    fn what_a_killed_demo_left_is_removed_by_the_next_start() {
        let base = tempfile::tempdir().unwrap();
        // A lock file without a lock is all that is left of a killed process.
        for number in ["64", "99"] {
            fs::create_dir_all(base.path().join(number).join("tokens")).unwrap();
            fs::write(base.path().join(format!("{number}.lock")), "").unwrap();
        }
        let number = take(base.path());
        assert!(!number.run_dir().join("tokens").exists());
        assert!(!base.path().join("99").exists() || number.get() == 99);
        assert!(!base.path().join("99.lock").exists() || number.get() == 99);
    }

    #[test]
    fn a_folder_that_is_a_link_is_refused_and_a_loose_one_is_closed() {
        let dir = tempfile::tempdir().unwrap();
        let (real, link) = (dir.path().join("real"), dir.path().join("link"));
        fs::create_dir(&real).unwrap();
        fs::set_permissions(&real, fs::Permissions::from_mode(0o777)).unwrap();
        std::os::unix::fs::symlink(&real, &link).unwrap();
        let refused = Number::take(&link, CaptureMode::Bind).unwrap_err();
        assert!(refused.to_string().contains("symbolic link"), "{refused}");
        drop(take(&real));
        assert_eq!(fs::metadata(&real).unwrap().permissions().mode() & 0o777, 0o700);
    }

    #[test]
    fn a_path_too_long_for_a_socket_is_told_before_anything_is_made() {
        let dir = tempfile::tempdir().unwrap();
        let base = dir.path().join("x".repeat(120));
        let error = Number::take(&base, CaptureMode::Bind).unwrap_err();
        assert!(
            matches!(error, DemoError::SocketPath { limit: 107, .. }),
            "{error}"
        );
        assert_eq!(fs::read_dir(&base).unwrap().count(), 0);
    }
}
