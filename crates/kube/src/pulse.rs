//! Whether the API server answers at all. A watch may be silent for a minute, and over a connection that leads nowhere
//! it is silent for ever: who looks at the mesh shall know earlier.

use std::{sync::Arc, time::Duration};

use tokio::{
    sync::watch,
    time::{sleep, timeout},
};

use crate::{
    board::Board,
    wire::{Server, WireError},
};

/// One small question each time.
const PERIOD: Duration = Duration::from_secs(3);
/// A server that is back shall be noticed well within five seconds.
const PERIOD_OF_SILENCE: Duration = Duration::from_secs(1);
/// A server that is well answers this question from memory.
const ANSWER: Duration = Duration::from_secs(2);
/// One answer that is missed may be chance.
const MISSES: u32 = 2;

/// Asks for ever. `back` counts the ends of silences.
pub(crate) async fn run(server: Server, board: Arc<Board>, back: watch::Sender<u64>) {
    let mut missed = 0;
    loop {
        let reason = match timeout(ANSWER, server.beat()).await {
            Err(_) => Some(format!("no answer within {} s", ANSWER.as_secs())),
            Ok(Err(WireError::Unreachable(reason))) => Some(reason),
            // A refusal is an answer.
            Ok(_) => None,
        };
        match reason {
            Some(reason) => {
                missed += 1;
                if missed == MISSES {
                    board.note_silence(Some(reason));
                }
                sleep(PERIOD_OF_SILENCE).await;
            }
            None => {
                // One miss is not told, but what was asked at that time may wait for ever.
                if missed > 0 {
                    board.note_silence(None);
                    back.send_modify(|count| *count += 1);
                }
                missed = 0;
                sleep(PERIOD).await;
            }
        }
    }
}
