//! How a line runs between the points of a route.
//!
//! Points on one height are joined by a straight line. Points on different heights are joined by a curve that leaves
//! and arrives level, so that pieces join without a kink. Where a level piece is followed by an upright one, the
//! corner between them is rounded.

use crate::Point;

/// Radius of rounded corners.
const CORNER: f32 = 14.0;

/// A cubic Bézier curve. Straight pieces have their control points on the line.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Cubic {
    /// Start.
    pub from: Point,
    /// Control point of the start.
    pub c1: Point,
    /// Control point of the end.
    pub c2: Point,
    /// End.
    pub to: Point,
}

impl Cubic {
    /// A straight piece.
    pub fn line(from: Point, to: Point) -> Self {
        Self {
            from,
            c1: from.towards(to, 1.0 / 3.0),
            c2: from.towards(to, 2.0 / 3.0),
            to,
        }
    }

    /// A piece that leaves and arrives level.
    pub fn wave(from: Point, to: Point) -> Self {
        let middle = (from.x + to.x) / 2.0;
        Self {
            from,
            c1: Point::new(middle, from.y),
            c2: Point::new(middle, to.y),
            to,
        }
    }

    /// Whether it is a straight level or upright line.
    pub fn is_line(&self) -> bool {
        let level = |a: Point, b: Point| (a.y - b.y).abs() < 0.01;
        let upright = |a: Point, b: Point| (a.x - b.x).abs() < 0.01;
        level(self.from, self.to) && level(self.from, self.c1) && level(self.from, self.c2)
            || upright(self.from, self.to) && upright(self.from, self.c1) && upright(self.from, self.c2)
    }

    /// The place at `t` from 0 to 1.
    pub fn at(&self, t: f32) -> Point {
        let u = 1.0 - t;
        let (a, b, c, d) = (u * u * u, 3.0 * u * u * t, 3.0 * u * t * t, t * t * t);
        Point::new(
            a * self.from.x + b * self.c1.x + c * self.c2.x + d * self.to.x,
            a * self.from.y + b * self.c1.y + c * self.c2.y + d * self.to.y,
        )
    }

    /// Both halves at `t` from 0 to 1.
    pub fn split(&self, t: f32) -> (Self, Self) {
        let (p, q, r) = (
            self.from.towards(self.c1, t),
            self.c1.towards(self.c2, t),
            self.c2.towards(self.to, t),
        );
        let (s, u) = (p.towards(q, t), q.towards(r, t));
        let middle = s.towards(u, t);
        (
            Self {
                from: self.from,
                c1: p,
                c2: s,
                to: middle,
            },
            Self {
                from: middle,
                c1: u,
                c2: r,
                to: self.to,
            },
        )
    }

    /// Length, by eight straight pieces: exact enough for dashes and labels.
    pub fn length(&self) -> f32 {
        if self.is_line() {
            return self.from.distance(self.to);
        }
        let mut last = self.from;
        (1..=8).fold(0.0, |sum, step| {
            let next = self.at(step as f32 / 8.0);
            let sum = sum + last.distance(next);
            last = next;
            sum
        })
    }
}

/// The curves of a route. Empty for fewer than two points.
pub fn curve(points: &[Point]) -> Vec<Cubic> {
    let mut pieces = Vec::with_capacity(points.len() + 1);
    let mut pen = match points.first() {
        Some(first) => *first,
        None => return pieces,
    };
    for (at, &next) in points.iter().enumerate().skip(1) {
        if upright(pen, next) || points.get(at + 1).is_some_and(|&after| upright(next, after)) {
            // A corner lies at `next`, when the line turns there.
            let Some(&after) = points.get(at + 1) else {
                pieces.push(Cubic::line(pen, next));
                pen = next;
                continue;
            };
            let before = points[at - 1];
            let radius = CORNER
                .min(before.distance(next) / 2.0)
                .min(next.distance(after) / 2.0);
            let start = next.towards(pen, (radius / pen.distance(next).max(0.01)).min(1.0));
            let end = next.towards(after, (radius / next.distance(after).max(0.01)).min(1.0));
            pieces.push(Cubic::line(pen, start));
            pieces.push(Cubic {
                from: start,
                c1: start.towards(next, 0.56),
                c2: end.towards(next, 0.56),
                to: end,
            });
            pen = end;
        } else if (pen.y - next.y).abs() < 0.01 {
            pieces.push(Cubic::line(pen, next));
            pen = next;
        } else {
            pieces.push(Cubic::wave(pen, next));
            pen = next;
        }
    }
    pieces
}

fn upright(a: Point, b: Point) -> bool {
    (a.x - b.x).abs() < 0.01 && (a.y - b.y).abs() >= 0.01
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_join_and_keep_the_ends() {
        let points = [
            Point::new(0.0, 0.0),
            Point::new(20.0, 0.0),
            Point::new(60.0, 30.0),
            Point::new(90.0, 30.0),
            Point::new(90.0, 80.0),
            Point::new(60.0, 80.0),
        ];
        let pieces = curve(&points);
        assert_eq!(pieces[0].from, points[0]);
        assert_eq!(pieces[pieces.len() - 1].to, points[5]);
        for pair in pieces.windows(2) {
            assert!(pair[0].to.distance(pair[1].from) < 0.001);
        }
    }

    #[test]
    fn a_route_without_a_way_has_no_curve() {
        assert!(curve(&[]).is_empty());
        assert!(curve(&[Point::default()]).is_empty());
    }

    #[test]
    fn halves_of_a_wave_make_the_wave() {
        let wave = Cubic::wave(Point::new(0.0, 0.0), Point::new(100.0, 50.0));
        let (left, right) = wave.split(0.3);
        assert!(left.at(1.0).distance(wave.at(0.3)) < 0.001);
        assert!(right.at(0.5).distance(wave.at(0.65)) < 0.001);
        assert!((left.length() + right.length() - wave.length()).abs() < 1.0);
    }
}
