//! The map itself: a canvas for the eye, one tab stop for the keys.

use std::{cell::Cell, rc::Rc};

use leptos::{html, prelude::*};
use vigla_layout::{Point, Size};
use vigla_scene::Target;
use wasm_bindgen::{JsCast, closure::Closure};
use web_sys::{
    CanvasRenderingContext2d, HtmlElement, KeyboardEvent, PointerEvent, ResizeObserver, WheelEvent,
};

use super::{
    lens::Lens,
    painter::paint,
    picture::{Picture, selection},
    pointers::{Gesture, Pointers},
    speech::speak,
    walk::{Arrow, step},
};
use crate::{
    address::{Address, History, MapState},
    components::Announcer,
};

/// Largest number of pixels of a canvas; beyond it the picture is a little less sharp.
const MOST_PIXELS: f64 = 16e6;
/// How near the pointer must be to a line, in pixels of the screen.
const TOLERANCE: f32 = 6.0;

/// The map.
#[component]
pub(crate) fn Canvas(
    /// What is drawn.
    picture: Picture,
    /// Where the reader looks.
    lens: Lens,
) -> impl IntoView {
    let address = Address::get();
    let announcer = Announcer::get();
    let stage = NodeRef::<html::Div>::new();
    let canvas = NodeRef::<html::Canvas>::new();
    follow_size(stage, lens);

    let asked = Rc::new(Cell::new(false));
    Effect::new(move |_| {
        // Everything that changes the picture is read here; the frame itself reads it again, once.
        picture.scene.track();
        picture.palette.track();
        lens.camera.track();
        lens.screen.track();
        if asked.replace(true) {
            return;
        }
        let asked = Rc::clone(&asked);
        request_animation_frame(move || {
            asked.set(false);
            draw(canvas, picture, lens);
        });
    });

    let pointers = StoredValue::new_local(Pointers::default());
    let place = move |event: &PointerEvent| Point::new(event.offset_x() as f32, event.offset_y() as f32);
    let hit = move |at: Point| -> Option<Target> {
        let camera = lens.camera.get_untracked()?;
        let scene = picture.scene.get_untracked()?;
        scene.hit(camera.to_picture(at), TOLERANCE / camera.zoom)
    };
    let select = move |target: Option<Target>| {
        picture.focused.set(None);
        let chosen = target.and_then(selection);
        address.change::<MapState>(History::Replace, |map| map.selection = chosen);
    };
    let down = move |event: PointerEvent| {
        if event.button() != 0 {
            return;
        }
        if let Some(stage) = event
            .current_target()
            .and_then(|stage| stage.dyn_into::<HtmlElement>().ok())
        {
            let _ = stage.set_pointer_capture(event.pointer_id());
        }
        pointers.update_value(|pointers| pointers.down(event.pointer_id(), place(&event)));
    };
    let moved = move |event: PointerEvent| {
        let at = place(&event);
        let gesture = pointers.try_update_value(|pointers| pointers.moved(event.pointer_id(), at));
        match gesture.unwrap_or(Gesture::None) {
            Gesture::Pan(by) => lens.change(|camera| camera.panned(by)),
            Gesture::Pinch { factor, around, by } => {
                lens.change(|camera| camera.panned(by).zoomed(factor, around));
            }
            Gesture::Tap => {}
            Gesture::None => {
                let over = hit(at);
                if picture.hovered.get_untracked() != over {
                    picture.hovered.set(over);
                }
            }
        }
    };
    let up = move |event: PointerEvent| {
        let gesture = pointers.try_update_value(|pointers| pointers.up(event.pointer_id()));
        if gesture == Some(Gesture::Tap) {
            let target = hit(place(&event));
            select(target);
            if let Some(target) = target {
                speak(announcer, picture, target);
            }
        }
    };
    let left = move |_| picture.hovered.set(None);
    let wheel = move |event: WheelEvent| {
        event.prevent_default();
        let lines = if event.delta_mode() == WheelEvent::DOM_DELTA_LINE {
            16.0
        } else {
            1.0
        };
        let (dx, dy) = (event.delta_x() as f32 * lines, event.delta_y() as f32 * lines);
        // A pinch on a touch pad comes as a wheel with Ctrl; Shift turns a wheel sideways.
        if event.shift_key() {
            lens.change(|camera| camera.panned(Point::new(-dx - dy, 0.0)));
        } else {
            let speed = if event.ctrl_key() { 0.01 } else { 0.0015 };
            let at = Point::new(event.offset_x() as f32, event.offset_y() as f32);
            lens.change(|camera| {
                camera
                    .panned(Point::new(-dx, 0.0))
                    .zoomed((-dy * speed).exp(), at)
            });
        }
    };
    let key = move |event: KeyboardEvent| {
        if event.ctrl_key() || event.alt_key() || event.meta_key() || event.shift_key() {
            return;
        }
        let (Some(view), Some(layout)) = (picture.view.get_untracked(), picture.layout.get_untracked())
        else {
            return;
        };
        let selected = address
            .state::<MapState>()
            .get_untracked()
            .selection
            .as_ref()
            .and_then(super::picture::target);
        let here = picture.focused.get_untracked().or(selected);
        if let Some(arrow) = Arrow::of_key(&event.key()) {
            event.prevent_default();
            if let Some(next) = step(&view, &layout, here, arrow) {
                picture.focused.set(Some(next));
                lens.reveal(picture, next);
                speak(announcer, picture, next);
            }
        } else if event.key() == "Enter"
            && let Some(here) = here
        {
            event.prevent_default();
            select(Some(here));
            picture.focused.set(Some(here));
        }
    };
    let name = move || {
        let view = picture.view.get();
        let (nodes, edges) = view.map_or((0, 0), |view| (view.nodes.len(), view.edges.len()));
        format!("Traffic map: {nodes} nodes, {edges} calls")
    };
    let over = move || {
        picture
            .hovered
            .get()
            .is_some_and(|target| !matches!(target, Target::Box(_)))
    };
    view! {
        <div class="map-canvas" class:over=over node_ref=stage tabindex="0" role="application" aria-roledescription="map"
            aria-label=name aria-describedby="map-keys"
            on:pointerdown=down on:pointermove=moved on:pointerup=up on:pointercancel=up on:pointerleave=left
            on:wheel=wheel on:keydown=key on:blur=move |_| picture.focused.set(None)>
            <canvas node_ref=canvas aria-hidden="true"></canvas>
            <p id="map-keys" class="vh">"Left and right follow the calls, up and down go among neighbours, Enter opens. Shift M shows the same as a table."</p>
        </div>
    }
}

fn draw(canvas: NodeRef<html::Canvas>, picture: Picture, lens: Lens) {
    let Some(canvas) = canvas.try_get_untracked().flatten() else {
        return;
    };
    let (Some(scene), Some(camera)) = (picture.scene.get_untracked(), lens.camera.get_untracked()) else {
        return;
    };
    let screen = lens.screen.get_untracked();
    let pixels = f64::from(screen.width) * f64::from(screen.height);
    if pixels <= 0.0 {
        return;
    }
    let ratio = window().device_pixel_ratio().min((MOST_PIXELS / pixels).sqrt());
    let (width, height) = (
        (f64::from(screen.width) * ratio) as u32,
        (f64::from(screen.height) * ratio) as u32,
    );
    // Setting the size clears the canvas and costs memory, so only when it changed.
    if canvas.width() != width || canvas.height() != height {
        canvas.set_width(width);
        canvas.set_height(height);
        // The shown size follows with the picture, so that nothing is stretched in between.
        let style = HtmlElement::style(&canvas);
        let _ = style.set_property("width", &format!("{}px", screen.width));
        let _ = style.set_property("height", &format!("{}px", screen.height));
    }
    let context = canvas.get_context("2d").ok().flatten();
    if let Some(context) = context.and_then(|context| context.dyn_into::<CanvasRenderingContext2d>().ok()) {
        paint(
            &context,
            &scene,
            &camera,
            &picture.palette.get_untracked(),
            screen,
            ratio,
        );
    }
}

/// Keeps the lens's screen as large as the stage.
fn follow_size(stage: NodeRef<html::Div>, lens: Lens) {
    Effect::new(move |_| {
        let Some(stage) = stage.get() else { return };
        let measure = {
            let stage = stage.clone();
            move || {
                let size = Size::new(stage.client_width() as f32, stage.client_height() as f32);
                if lens.screen.try_get_untracked().is_some_and(|known| known != size) {
                    lens.screen.try_set(size);
                }
            }
        };
        measure();
        let callback = Closure::<dyn FnMut()>::new(measure);
        let Ok(observer) = ResizeObserver::new(callback.as_ref().unchecked_ref()) else {
            return;
        };
        observer.observe(&stage);
        let kept = StoredValue::new_local((observer, callback));
        on_cleanup(move || {
            kept.try_with_value(|(observer, _)| observer.disconnect());
        });
    });
}
