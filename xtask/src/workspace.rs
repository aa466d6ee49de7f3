//! Where things lie, and how other programs are called from here.

use std::{
    env,
    ffi::OsStr,
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context, bail};

/// The checkout that this xtask was built from.
pub(crate) struct Workspace {
    /// The folder of the root `Cargo.toml`.
    pub(crate) root: PathBuf,
    /// Where cargo puts what it builds for this machine; `CARGO_TARGET_DIR` moves it.
    pub(crate) cargo_target: PathBuf,
}

impl Workspace {
    pub(crate) fn find() -> anyhow::Result<Self> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"))
            .parent()
            .context("xtask lies in a folder of the workspace")?
            .to_owned();
        // Asked, not guessed: an environment variable and several settings files have a say.
        let metadata = cargo(&root)
            .args(["metadata", "--no-deps", "--offline", "--format-version=1"])
            .output()?;
        let metadata: serde_json::Value =
            serde_json::from_slice(&metadata.stdout).context("unexpected answer from `cargo metadata`")?;
        let cargo_target = metadata["target_directory"]
            .as_str()
            .context("cargo names its target directory")?;
        Ok(Self {
            root,
            cargo_target: cargo_target.into(),
        })
    }

    /// What we make for people lies here, wherever cargo's own files are.
    pub(crate) fn target(&self) -> PathBuf {
        self.root.join("target")
    }

    /// The browser part, as the server embeds it.
    pub(crate) fn web(&self) -> PathBuf {
        self.target().join("web")
    }

    /// The programs of a release.
    pub(crate) fn dist(&self) -> PathBuf {
        self.target().join("dist")
    }

    /// A call of cargo in the workspace.
    pub(crate) fn cargo<S: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = S>) -> Command {
        let mut command = cargo(&self.root);
        command.args(arguments);
        command
    }
}

fn cargo(root: &Path) -> Command {
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(root);
    // `cargo run` describes xtask to us; build scripts that read these would see another package than
    // in a plain `cargo build`, and everything would be compiled twice.
    for (name, _) in env::vars_os() {
        let name = name.to_string_lossy();
        if name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_") || name == "LD_LIBRARY_PATH"
        {
            command.env_remove(name.as_ref());
        }
    }
    command
}

/// Runs a program that talks to the terminal itself; anything but success is an error.
pub(crate) fn run(command: &mut Command) -> anyhow::Result<()> {
    let status = command
        .status()
        .with_context(|| format!("cannot start {}", in_words(command)))?;
    if !status.success() {
        bail!("{} ended with {status}", in_words(command));
    }
    Ok(())
}

/// Runs a program for its output; its errors are shown only when it fails.
pub(crate) fn output_of(command: &mut Command) -> anyhow::Result<String> {
    let output = command
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("cannot start {}", in_words(command)))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        bail!(
            "{} ended with {}: {}",
            in_words(command),
            output.status,
            said.trim()
        );
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// The path of a program that the shell would find, if there is one.
pub(crate) fn find_program(name: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH")?;
    env::split_paths(&path)
        .map(|folder| folder.join(name))
        .find(|path| path.is_file())
}

/// Writes a file unless it already has this content, so that nothing downstream is rebuilt for its date.
/// Readers see the old content or the new one, never a part.
pub(crate) fn write_if_changed(path: &Path, content: &[u8]) -> anyhow::Result<()> {
    if fs::read(path).is_ok_and(|old| old == content) {
        return Ok(());
    }
    let mut draft = path.as_os_str().to_owned();
    draft.push(".new");
    fs::write(&draft, content)
        .and_then(|()| fs::rename(&draft, path))
        .with_context(|| format!("cannot write {}", path.display()))
}

fn in_words(command: &Command) -> String {
    let program = Path::new(command.get_program())
        .file_name()
        .unwrap_or(command.get_program());
    let mut words = format!("`{}", program.to_string_lossy());
    for argument in command.get_args() {
        words.push(' ');
        words.push_str(&argument.to_string_lossy());
    }
    words + "`"
}
