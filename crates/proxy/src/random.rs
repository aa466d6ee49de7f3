//! The worker's source of chance: fast, seeded by the system.

use std::cell::RefCell;

use rand::{Rng, SeedableRng, rngs::SmallRng};
use vigla_dataplane::Dice;

/// Chance for one thread; balancing and request ids need no secrecy.
#[derive(Debug)]
pub(crate) struct Random(RefCell<SmallRng>);

impl Random {
    pub(crate) fn new() -> Self {
        Self(RefCell::new(SmallRng::from_os_rng()))
    }

    /// Id of a new trace; never zero.
    pub(crate) fn trace_id(&self) -> u128 {
        self.0.borrow_mut().random::<u128>().max(1)
    }

    /// Id of a new span; never zero.
    pub(crate) fn span_id(&self) -> u64 {
        self.0.borrow_mut().random::<u64>().max(1)
    }

    /// A random UUID (version 4) as text.
    pub(crate) fn uuid(&self) -> [u8; 36] {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let mut bits: u128 = self.0.borrow_mut().random();
        let mut text = [b'-'; 36];
        for (at, place) in text.iter_mut().enumerate() {
            if matches!(at, 8 | 13 | 18 | 23) {
                continue;
            }
            let digit = (bits & 15) as usize;
            bits >>= 4;
            *place = match at {
                14 => b'4',
                19 => DIGITS[8 | digit & 3],
                _ => DIGITS[digit],
            };
        }
        text
    }
}

impl Dice for &Random {
    fn roll(&mut self, sides: u32) -> u32 {
        self.0.borrow_mut().random_range(0..sides.max(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_id_is_a_uuid_of_version_4() {
        let random = Random::new();
        let text = String::from_utf8(random.uuid().to_vec()).unwrap();
        let lengths: Vec<_> = text.split('-').map(str::len).collect();
        assert_eq!(lengths, [8, 4, 4, 4, 12]);
        assert_eq!(&text[14..15], "4");
        assert!("89ab".contains(&text[19..20]), "{text}");
        assert_ne!(random.uuid(), random.uuid());
    }
}
