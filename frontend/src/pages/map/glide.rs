//! Between two pictures: nodes travel, they never jump.

use vigla_layout::{Layout, Placed, Point, Rect};

/// The picture at `share` (0.0 to 1.0) of the way from `old` to `new`. What is new stands at its place at once.
pub(crate) fn between(old: &Layout, new: &Layout, share: f32) -> Layout {
    let mut layout = new.clone();
    // Slow at both ends.
    let share = share * share * (3.0 - 2.0 * share);
    travel(&mut layout.nodes, |id| old.find_node(id), share);
    travel(&mut layout.boxes, |id| old.find_box(id), share);
    for route in &mut layout.edges {
        let Some(from) = old.find_edge(route.id) else {
            continue;
        };
        if from.points.len() == route.points.len() {
            for (to, from) in route.points.iter_mut().zip(&from.points) {
                *to = from.towards(*to, share);
            }
        }
        if let (Some(to), Some(from)) = (&mut route.label, from.label) {
            *to = from.towards(*to, share);
        }
    }
    layout
}

fn travel(placed: &mut [Placed], old: impl Fn(u64) -> Option<Rect>, share: f32) {
    for placed in placed {
        if let Some(from) = old(placed.id) {
            let to = placed.rect;
            let corner = Point::new(from.x, from.y).towards(Point::new(to.x, to.y), share);
            let mix = |from: f32, to: f32| from + (to - from) * share;
            placed.rect = Rect::new(
                corner.x,
                corner.y,
                mix(from.width, to.width),
                mix(from.height, to.height),
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nodes_travel_from_the_old_place_to_the_new() {
        let at = |x| {
            let mut layout = Layout::default();
            layout.nodes.push(Placed {
                id: 1,
                rect: Rect::new(x, 0.0, 10.0, 10.0),
            });
            layout
        };
        let x = |share| between(&at(0.0), &at(100.0), share).nodes[0].rect.x;
        assert_eq!((x(0.0), x(0.5), x(1.0)), (0.0, 50.0, 100.0));
        assert_eq!(between(&Layout::default(), &at(7.0), 0.3).nodes[0].rect.x, 7.0);
    }
}
