//! Which part of the picture is on screen, and how large.

use vigla_layout::{Point, Rect, Size};

/// A view of the picture: `zoom` pixels of the screen for one of the picture, `origin` in the upper left corner.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Camera {
    /// Place of the picture at the upper left corner of the screen.
    pub origin: Point,
    /// Pixels of the screen for one of the picture.
    pub zoom: f32,
}

impl Default for Camera {
    fn default() -> Self {
        Self {
            origin: Point::default(),
            zoom: 1.0,
        }
    }
}

impl Camera {
    /// Least zoom: a thousand workloads fit a screen.
    pub const MIN_ZOOM: f32 = 0.05;
    /// Largest zoom.
    pub const MAX_ZOOM: f32 = 4.0;
    /// Fitting never enlarges: a small mesh keeps the size that text is made for.
    const MAX_FIT: f32 = 1.0;

    /// The view that shows all of `bounds` in the middle of the screen, with `margin` pixels around.
    pub fn fit(bounds: Rect, screen: Size, margin: f32) -> Self {
        let room = |side: f32| (side - 2.0 * margin).max(1.0);
        let zoom = (room(screen.width) / bounds.width.max(1.0))
            .min(room(screen.height) / bounds.height.max(1.0))
            .clamp(Self::MIN_ZOOM, Self::MAX_FIT);
        Self {
            zoom,
            ..Self::default()
        }
        .centred(bounds.middle(), screen)
    }

    /// The view with `place` in the middle of the screen.
    pub fn centred(self, place: Point, screen: Size) -> Self {
        let half = Point::new(screen.width / 2.0 / self.zoom, screen.height / 2.0 / self.zoom);
        Self {
            origin: Point::new(place.x - half.x, place.y - half.y),
            ..self
        }
    }

    /// The view `factor` times as large; what is at `at` on the screen stays there.
    pub fn zoomed(self, factor: f32, at: Point) -> Self {
        let fixed = self.to_picture(at);
        let zoom = (self.zoom * factor).clamp(Self::MIN_ZOOM, Self::MAX_ZOOM);
        Self {
            origin: Point::new(fixed.x - at.x / zoom, fixed.y - at.y / zoom),
            zoom,
        }
    }

    /// The view after the picture was dragged by so many pixels of the screen.
    pub fn panned(self, by: Point) -> Self {
        Self {
            origin: Point::new(self.origin.x - by.x / self.zoom, self.origin.y - by.y / self.zoom),
            ..self
        }
    }

    /// The view moved by as little as brings `rect` onto the screen.
    pub fn revealing(self, rect: Rect, screen: Size, margin: f32) -> Self {
        let seen = self.seen(screen).grown(-margin / self.zoom);
        let shift = |low: f32, high: f32, seen_low: f32, seen_high: f32| {
            if low < seen_low || high - low > seen_high - seen_low {
                low - seen_low
            } else {
                (high - seen_high).max(0.0)
            }
        };
        let by = Point::new(
            shift(rect.x, rect.right(), seen.x, seen.right()),
            shift(rect.y, rect.bottom(), seen.y, seen.bottom()),
        );
        Self {
            origin: self.origin.moved(by),
            ..self
        }
    }

    /// From the screen to the picture.
    pub fn to_picture(&self, at: Point) -> Point {
        Point::new(self.origin.x + at.x / self.zoom, self.origin.y + at.y / self.zoom)
    }

    /// From the picture to the screen.
    pub fn to_screen(&self, at: Point) -> Point {
        Point::new(
            (at.x - self.origin.x) * self.zoom,
            (at.y - self.origin.y) * self.zoom,
        )
    }

    /// The part of the picture that is on screen.
    pub fn seen(&self, screen: Size) -> Rect {
        Rect::new(
            self.origin.x,
            self.origin.y,
            screen.width / self.zoom,
            screen.height / self.zoom,
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SCREEN: Size = Size::new(800.0, 600.0);

    #[test]
    fn fitting_shows_all_in_the_middle() {
        let bounds = Rect::new(-100.0, 50.0, 3000.0, 900.0);
        let camera = Camera::fit(bounds, SCREEN, 20.0);
        let (upper, lower) = (
            camera.to_screen(Point::new(bounds.x, bounds.y)),
            camera.to_screen(Point::new(bounds.right(), bounds.bottom())),
        );
        assert!((upper.x - 20.0).abs() < 0.01 && (lower.x - 780.0).abs() < 0.01);
        assert!((upper.y + lower.y - 600.0).abs() < 0.01);
        assert_eq!(
            Camera::fit(Rect::new(0.0, 0.0, 10.0, 10.0), SCREEN, 20.0).zoom,
            1.0
        );
    }

    #[test]
    fn zooming_keeps_the_place_under_the_pointer() {
        let at = Point::new(300.0, 200.0);
        let camera = Camera::default().panned(Point::new(40.0, -30.0));
        let place = camera.to_picture(at);
        let near = camera.zoomed(2.5, at);
        assert!(near.to_screen(place).distance(at) < 0.01);
        assert_eq!(near.zoomed(1000.0, at).zoom, Camera::MAX_ZOOM);
    }

    #[test]
    fn revealing_moves_only_when_it_must() {
        let camera = Camera::default();
        assert_eq!(
            camera.revealing(Rect::new(100.0, 100.0, 50.0, 50.0), SCREEN, 10.0),
            camera
        );
        let moved = camera.revealing(Rect::new(900.0, 100.0, 50.0, 50.0), SCREEN, 10.0);
        assert_eq!(moved.origin, Point::new(160.0, 0.0));
    }
}
