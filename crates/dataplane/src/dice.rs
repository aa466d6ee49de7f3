//! Chance as an argument.

/// A source of chance. The proxy passes a fast generator, tests and the simulator what they like.
pub trait Dice {
    /// A number from 0 to `sides - 1`, each as likely as the other. `sides` is at least 1.
    fn roll(&mut self, sides: u32) -> u32;
}

impl<F: FnMut(u32) -> u32> Dice for F {
    fn roll(&mut self, sides: u32) -> u32 {
        self(sides)
    }
}
