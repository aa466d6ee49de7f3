//! The layout engine behind a C interface, for a Web Worker: plain WebAssembly without glue code.
//!
//! The host writes a job (`vigla_layout::codec`) to the memory that [`alloc`] gives, calls [`run`], and reads as many
//! words as it returns from [`answer`]. What the engine remembers of each view stays here from job to job.

mod views;

pub use views::{MAX_VIEWS, Views};

use std::sync::{Mutex, MutexGuard};

/// The module is used by one thread; the lock makes that safe to say, and is free in WebAssembly.
static STATE: Mutex<State> = Mutex::new(State {
    job: Vec::new(),
    answer: Vec::new(),
    views: Views::new(),
});

struct State {
    job: Vec<u32>,
    answer: Vec<u32>,
    views: Views,
}

/// A panic ends the module, so that a poisoned lock has nobody to find it.
fn state() -> MutexGuard<'static, State> {
    STATE.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

/// Makes room for a job of so many words and says where it is. Null when the job is too long.
///
/// The place is good until the next call of `alloc`.
#[expect(
    unsafe_code,
    reason = "the name is the interface to JavaScript; nothing else exports it"
)]
#[unsafe(no_mangle)]
pub extern "C" fn alloc(words: usize) -> *mut u32 {
    if words > vigla_layout::codec::MAX_WORDS {
        return std::ptr::null_mut();
    }
    let mut state = state();
    state.job.clear();
    state.job.resize(words, 0);
    state.job.as_mut_ptr()
}

/// Does the job that was written to the memory of [`alloc`]; returns the number of words of the answer.
#[expect(
    unsafe_code,
    reason = "the name is the interface to JavaScript; nothing else exports it"
)]
#[unsafe(no_mangle)]
pub extern "C" fn run() -> usize {
    let state = &mut *state();
    state.answer = state.views.answer(&state.job);
    state.job.clear();
    state.answer.len()
}

/// Where the answer of the last [`run`] is, until the next one.
#[expect(
    unsafe_code,
    reason = "the name is the interface to JavaScript; nothing else exports it"
)]
#[unsafe(no_mangle)]
pub extern "C" fn answer() -> *const u32 {
    state().answer.as_ptr()
}

/// Lays out so many small made-up graphs, so that the browser has compiled the engine well before the first real job.
#[expect(
    unsafe_code,
    reason = "the name is the interface to JavaScript; nothing else exports it"
)]
#[unsafe(no_mangle)]
pub extern "C" fn warm(rounds: usize) {
    views::warm(rounds);
}

#[cfg(test)]
mod tests {
    use vigla_layout::{Input, NodeSpec, Size, codec};

    use super::*;

    #[test]
    fn a_job_goes_in_and_an_answer_comes_out() {
        let input = Input {
            nodes: vec![NodeSpec {
                id: 1,
                size: Size::new(120.0, 40.0),
                parent: None,
                pin: None,
            }],
            ..Input::default()
        };
        let job = codec::Job::Layout { view: 1, input }.encode();
        assert!(!alloc(job.len()).is_null());
        state().job.copy_from_slice(&job);
        let words = run();
        let answer = state().answer.clone();
        assert_eq!(words, answer.len());
        assert!(matches!(
            codec::Answer::decode(&answer),
            Ok(codec::Answer::Drawn(_))
        ));
        assert!(alloc(usize::MAX).is_null());
    }
}
