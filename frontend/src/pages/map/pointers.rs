//! Fingers and mouse: what their moves mean.

use vigla_layout::Point;

/// Moves shorter than this are a tap.
const TAP: f32 = 4.0;

/// What a move means.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Gesture {
    /// Nothing is held, or it does not move yet.
    None,
    /// Held and let go at one place.
    Tap,
    /// The picture follows one pointer.
    Pan(Point),
    /// The picture follows two fingers.
    Pinch {
        /// How much larger.
        factor: f32,
        /// The middle between both.
        around: Point,
        /// How far the middle moved.
        by: Point,
    },
}

/// Pointers that are held down.
#[derive(Debug, Clone, Default)]
pub(super) struct Pointers {
    held: Vec<(i32, Point)>,
    start: Point,
    moving: bool,
}

impl Pointers {
    /// A pointer went down.
    pub(super) fn down(&mut self, id: i32, at: Point) {
        self.held.retain(|(held, _)| *held != id);
        if self.held.is_empty() {
            (self.start, self.moving) = (at, false);
        } else {
            // A second finger is never a tap.
            self.moving = true;
        }
        self.held.push((id, at));
    }

    /// A pointer moved.
    pub(super) fn moved(&mut self, id: i32, at: Point) -> Gesture {
        let Some(index) = self.held.iter().position(|(held, _)| *held == id) else {
            return Gesture::None;
        };
        let before = self.held[index].1;
        let other = self
            .held
            .iter()
            .find(|(held, _)| *held != id)
            .map(|(_, other)| *other);
        if !self.moving && self.start.distance(at) < TAP {
            return Gesture::None;
        }
        self.moving = true;
        self.held[index].1 = at;
        let by = Point::new(at.x - before.x, at.y - before.y);
        match other {
            None => Gesture::Pan(by),
            Some(other) => Gesture::Pinch {
                factor: at.distance(other) / before.distance(other).max(1.0),
                around: at.towards(other, 0.5),
                by: Point::new(by.x / 2.0, by.y / 2.0),
            },
        }
    }

    /// A pointer went up.
    pub(super) fn up(&mut self, id: i32) -> Gesture {
        let held = self.held.len();
        self.held.retain(|(held, _)| *held != id);
        if held == 1 && self.held.is_empty() && !self.moving {
            Gesture::Tap
        } else {
            Gesture::None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn at(x: f32, y: f32) -> Point {
        Point::new(x, y)
    }

    #[test]
    fn a_short_press_is_a_tap_and_a_long_way_is_a_pan() {
        let mut pointers = Pointers::default();
        pointers.down(1, at(10.0, 10.0));
        assert_eq!(pointers.moved(1, at(12.0, 10.0)), Gesture::None);
        assert_eq!(pointers.up(1), Gesture::Tap);
        pointers.down(1, at(10.0, 10.0));
        assert_eq!(pointers.moved(1, at(20.0, 15.0)), Gesture::Pan(at(10.0, 5.0)));
        assert_eq!(pointers.up(1), Gesture::None);
        assert_eq!(pointers.moved(1, at(0.0, 0.0)), Gesture::None);
    }

    #[test]
    fn two_fingers_zoom_around_their_middle() {
        let mut pointers = Pointers::default();
        pointers.down(1, at(0.0, 0.0));
        pointers.down(2, at(100.0, 0.0));
        let pinch = pointers.moved(2, at(200.0, 0.0));
        assert_eq!(
            pinch,
            Gesture::Pinch {
                factor: 2.0,
                around: at(100.0, 0.0),
                by: at(50.0, 0.0)
            }
        );
        assert_eq!((pointers.up(2), pointers.up(1)), (Gesture::None, Gesture::None));
    }
}
