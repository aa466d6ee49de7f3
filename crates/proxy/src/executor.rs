//! Tasks of one worker stay on its thread.

/// Runs what hyper starts on the worker's own thread.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Local;

impl<F: Future + 'static> hyper::rt::Executor<F> for Local {
    fn execute(&self, future: F) {
        tokio::task::spawn_local(async move {
            // What comes of it shows elsewhere: at the request that waits for it.
            drop(future.await);
        });
    }
}
