//! Which parts a level has, and where they go: the part with border ports over the whole width, the others below,
//! and single items in a grid at the end.

use super::{
    HintUse, Hints, Lanes, LevelDrawing, LevelSpec, Link,
    part::{Members, PartDrawing},
};
use crate::{
    Point, Size,
    sort::{by_key, height_key},
};

/// Connected parts, and the place of each vertex in its part. All that is tied to a border port is one part, because
/// ports share two columns.
pub(super) fn split(spec: &LevelSpec) -> (Vec<Members>, Vec<usize>) {
    let count = spec.vertex_count();
    let mut parent: Vec<usize> = (0..count).collect();
    let mut join = |a: usize, b: usize| {
        let (a, b) = (root(&mut parent, a), root(&mut parent, b));
        parent[a.max(b)] = a.min(b);
    };
    for link in &spec.links {
        join(link.from.vertex, link.to.vertex);
    }
    for port in 1..spec.ports.len() {
        join(spec.items.len(), spec.items.len() + port);
    }
    let mut number = vec![usize::MAX; count];
    let mut local = vec![0; count];
    let mut parts: Vec<Members> = Vec::new();
    for (vertex, local) in local.iter_mut().enumerate() {
        let top = root(&mut parent, vertex);
        if number[top] == usize::MAX {
            number[top] = parts.len();
            parts.push(Members {
                vertices: Vec::new(),
                links: Vec::new(),
            });
        }
        let vertices = &mut parts[number[top]].vertices;
        *local = vertices.len();
        vertices.push(vertex);
    }
    for (at, link) in spec.links.iter().enumerate() {
        let top = root(&mut parent, link.from.vertex);
        parts[number[top]].links.push(at);
    }
    (parts, local)
}

fn root(parent: &mut [usize], mut vertex: usize) -> usize {
    while parent[vertex] != vertex {
        parent[vertex] = parent[parent[vertex]];
        vertex = parent[vertex];
    }
    vertex
}

/// A part that is to be put somewhere; sizes without padding.
struct Piece {
    part: PartDrawing,
    size: Size,
    /// Single node: goes to the grid.
    lone: bool,
    /// Where it stood before.
    was: Option<f32>,
}

/// Puts parts side by side and writes them to the drawing.
pub(super) fn pack(spec: &LevelSpec, hints: &Hints, parts: Vec<PartDrawing>, drawing: &mut LevelDrawing) {
    let frame = spec.frame;
    let gap = spec.options.node_gap;
    let mut cursor = frame.header.max(frame.padding);
    let mut width = frame.min_width.max(2.0 * frame.padding);
    let mut pieces: Vec<Piece> = Vec::with_capacity(parts.len());
    let mut placed: Vec<(PartDrawing, Point)> = Vec::new();
    for part in parts {
        if part.has_ports {
            width = width.max(part.width);
            let height = part.height;
            placed.push((part, Point::new(0.0, cursor)));
            cursor += height + gap;
            continue;
        }
        let lone = part.routes.is_empty()
            && part.places.len() == 1
            && spec.items.get(part.places[0].0).is_some_and(|item| !item.is_box);
        pieces.push(Piece {
            size: Size::new(part.width - 2.0 * frame.padding, part.height),
            was: part
                .places
                .iter()
                .filter_map(|&(vertex, _)| hints.heights.get(vertex).copied().flatten())
                .min_by(f32::total_cmp),
            lone,
            part,
        });
    }
    // Single nodes go last. What was on screen keeps its order; otherwise high ones go first, because shelves of like
    // heights fill up better.
    let order = if hints.use_as == HintUse::Hold {
        by_key(pieces.len(), |at| {
            u64::from(pieces[at].lone) << 32 | height_key(pieces[at].was.unwrap_or(f32::MAX))
        })
    } else {
        let by_width = by_key(pieces.len(), |at| height_key(-pieces[at].size.width));
        let by_height = by_key(pieces.len(), |at| {
            let piece = &pieces[by_width[at] as usize];
            u64::from(piece.lone) << 32 | height_key(-piece.size.height)
        });
        by_height.into_iter().map(|at| by_width[at as usize]).collect()
    };
    let shelf = shelf_width(spec, &pieces, width - 2.0 * frame.padding, placed.is_empty());
    let cell = pieces
        .iter()
        .filter(|piece| piece.lone)
        .map(|piece| piece.size.width)
        .fold(0.0, f32::max);
    let (mut x, mut shelf_height) = (0.0, 0f32);
    let mut grid_began = false;
    let mut pieces: Vec<Option<Piece>> = pieces.into_iter().map(Some).collect();
    for piece in order.into_iter().filter_map(|at| pieces[at as usize].take()) {
        let wide = if piece.lone { cell } else { piece.size.width };
        let begins_grid = piece.lone && !std::mem::replace(&mut grid_began, piece.lone);
        if x > 0.0 && (x + wide > shelf || begins_grid) {
            cursor += shelf_height + gap;
            x = 0.0;
            shelf_height = 0.0;
        }
        placed.push((piece.part, Point::new(x, cursor)));
        width = width.max(x + wide + 2.0 * frame.padding);
        x += wide + gap;
        shelf_height = shelf_height.max(piece.size.height);
    }
    cursor += if shelf_height > 0.0 { shelf_height } else { -gap };
    let height = (cursor + frame.padding).max(frame.header + frame.padding);
    drawing.size = match hints.room {
        // Even heights keep middles, and with them ports, on whole pixels.
        None => Size::new(width.ceil(), ((height + slack(spec)) / 2.0).ceil() * 2.0),
        Some(room) => Size::new(
            in_room(width.ceil(), room.width, 0.0),
            (in_room(height, room.height, slack(spec)) / 2.0).ceil() * 2.0,
        ),
    };
    let mut lanes = Vec::new();
    for (part, shift) in placed {
        drawing.crossings += part.crossings;
        write(spec, part, shift, drawing, &mut lanes);
    }
    drawing.lanes = Lanes::new(lanes);
}

/// Free height of a box with ports: one line more moves nothing outside of it.
fn slack(spec: &LevelSpec) -> f32 {
    let has_ports = !spec.ports.is_empty();
    if has_ports { spec.options.lane_gap } else { 0.0 }
}

/// A length that was on screen stays while what it holds fits and fills it about.
fn in_room(needed: f32, room: f32, slack: f32) -> f32 {
    /// A box that holds so much less shrinks.
    const LOOSE: f32 = 120.0;
    if (room - LOOSE..=room).contains(&needed) {
        room
    } else {
        needed + slack
    }
}

/// How wide a row of parts may be: as the part with ports, or so that the whole has the wanted shape.
fn shelf_width(spec: &LevelSpec, pieces: &[Piece], main: f32, nothing_above: bool) -> f32 {
    let gap = spec.options.node_gap;
    let area: f32 = pieces
        .iter()
        .map(|piece| (piece.size.width + gap) * (piece.size.height + gap))
        .sum();
    let widest = pieces.iter().map(|piece| piece.size.width).fold(0.0, f32::max);
    let shaped = (area * spec.options.aspect).sqrt();
    let wanted = if nothing_above { shaped } else { main };
    wanted.max(widest).max(main)
}

fn write(
    spec: &LevelSpec,
    part: PartDrawing,
    shift: Point,
    drawing: &mut LevelDrawing,
    lanes: &mut Vec<(u64, Vec<f32>)>,
) {
    for (vertex, place) in part.places {
        let place = place.moved(shift);
        match vertex.checked_sub(spec.items.len()) {
            Some(port) => drawing.ports[port] = place.y,
            None => drawing.items[vertex] = place,
        }
    }
    for (link, mut points) in part.routes {
        for point in &mut points {
            *point = point.moved(shift);
        }
        // A port of the right side reaches the border even where another part is wider.
        let Link { to, reversed, .. } = spec.links[link];
        let end = if reversed { points.first() } else { points.last() };
        if let Some(&end) = end
            && spec.port(to.vertex).is_some()
            && drawing.size.width - end.x > 0.01
        {
            let border = Point::new(drawing.size.width, end.y);
            points.insert(if reversed { 0 } else { points.len() }, border);
        }
        drawing.routes[link] = points;
    }
    for (key, mut lane) in part.lanes {
        lane.iter_mut().for_each(|height| *height += shift.y);
        lanes.push((key, lane));
    }
}
