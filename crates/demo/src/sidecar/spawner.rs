//! The thread from which sidecars are forked.
//!
//! Linux sends a child its parent-death signal when the *thread* that forked it ends, not the process. The threads of
//! an async runtime come and go; this one lives as long as the demo.

use std::{io, sync::mpsc, thread};

use tokio::{
    process::{Child, Command},
    runtime::Handle,
    sync::oneshot,
};

type Request = (Command, oneshot::Sender<io::Result<Child>>);

/// Forks children from one thread.
#[derive(Debug)]
pub(crate) struct Spawner {
    requests: mpsc::Sender<Request>,
}

impl Spawner {
    /// Starts the thread; it ends when the value is dropped.
    ///
    /// # Errors
    /// When the system has no thread left.
    pub(crate) fn start() -> io::Result<Self> {
        let (requests, received) = mpsc::channel::<Request>();
        let runtime = Handle::current();
        thread::Builder::new()
            .name("sidecars".to_owned())
            .spawn(move || {
                let _in_runtime = runtime.enter();
                for (mut command, answer) in received {
                    // Nobody waits for the answer when the demo ends meanwhile; the child is then killed by its drop.
                    let _ = answer.send(command.spawn());
                }
            })?;
        Ok(Self { requests })
    }

    /// Spawns a child.
    pub(crate) async fn spawn(&self, command: Command) -> io::Result<Child> {
        let (answer, answered) = oneshot::channel();
        let gone = || io::Error::other("the thread that starts sidecars has ended");
        self.requests.send((command, answer)).map_err(|_| gone())?;
        answered.await.map_err(|_| gone())?
    }
}
