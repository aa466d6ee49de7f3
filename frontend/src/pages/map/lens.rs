//! Where the reader looks: the camera, kept in the address once it rests.

use std::time::Duration;

use leptos::prelude::*;
use vigla_layout::{Point, Size};
use vigla_scene::{Camera, Target};

use super::picture::Picture;
use crate::address::{Address, History, Look, MapState};

/// Room around a fitted picture: the bar above, legend and zoom below.
const MARGIN: f32 = 24.0;
/// How long the camera must rest before the address follows it; browsers refuse to be told more often.
const REST: Duration = Duration::from_millis(400);

/// Camera and screen.
#[derive(Clone, Copy)]
pub(crate) struct Lens {
    /// Absent until there is a picture to look at.
    pub(crate) camera: RwSignal<Option<Camera>>,
    /// Size of the canvas.
    pub(crate) screen: RwSignal<Size>,
    picture: Picture,
    address: Address,
    rest: StoredValue<Option<TimeoutHandle>>,
}

impl Lens {
    /// Looks at the picture: where the address says, else at all of it.
    pub(crate) fn follow(picture: Picture) -> Self {
        let address = Address::get();
        let state = address.state::<MapState>();
        let lens = Self {
            camera: RwSignal::new(None),
            screen: RwSignal::new(Size::default()),
            picture,
            address,
            rest: StoredValue::new(None),
        };
        let look = Memo::new(move |_| state.read().look);
        Effect::new(move |_| {
            let (look, screen) = (look.get(), lens.screen.get());
            // Fitted again when the window changes, as long as the reader has not moved the picture.
            if picture.scene.read().is_none() || screen.width <= 0.0 {
                return;
            }
            match look {
                Some(look) => lens.camera.set(Some(at_look(look, screen))),
                None => lens.fit_now(),
            }
        });
        // A new namespace or a removed one changes the whole picture.
        let bounds = Memo::new(move |_| picture.scene.read().as_ref().map(|scene| scene.bounds));
        Effect::new(move |_| {
            if bounds.get().is_some() && look.get_untracked().is_none() {
                lens.fit_now();
            }
        });
        lens
    }

    /// Changes the camera; the address follows when it rests.
    pub(crate) fn change(self, change: impl FnOnce(Camera) -> Camera) {
        let Some(camera) = self.camera.get_untracked() else {
            return;
        };
        self.camera.set(Some(change(camera)));
        if let Some(handle) = self.rest.get_value() {
            handle.clear();
        }
        let handle = set_timeout_with_handle(move || self.tell_address(), REST);
        self.rest.set_value(handle.ok());
    }

    /// Larger or smaller around the middle.
    pub(crate) fn zoom(self, factor: f32) {
        let screen = self.screen.get_untracked();
        let middle = Point::new(screen.width / 2.0, screen.height / 2.0);
        self.change(|camera| camera.zoomed(factor, middle));
    }

    /// The whole picture; the address forgets where the reader looked.
    pub(crate) fn fit(self) {
        if let Some(handle) = self.rest.get_value() {
            handle.clear();
        }
        self.address
            .change::<MapState>(History::Replace, |map| map.look = None);
        self.fit_now();
    }

    /// Moves only as far as needed to show a target.
    pub(crate) fn reveal(self, picture: Picture, target: Target) {
        let bounds = picture
            .scene
            .get_untracked()
            .and_then(|scene| scene.bounds_of(target));
        if let (Some(bounds), Some(camera)) = (bounds, self.camera.get_untracked()) {
            let screen = self.screen.get_untracked();
            let moved = camera.revealing(bounds, screen, MARGIN);
            if moved != camera {
                self.change(|_| moved);
            }
        }
    }

    fn fit_now(self) {
        let Some(scene) = self.picture.scene.get_untracked() else {
            return;
        };
        let screen = self.screen.get_untracked();
        // Bar and legend lie over the canvas: the picture is fitted between them.
        let (above, below) = (52.0, 52.0);
        let free = Size::new(screen.width, (screen.height - above - below).max(80.0));
        let camera = Camera::fit(scene.bounds, free, MARGIN / 2.0).panned(Point::new(0.0, above));
        if self.camera.get_untracked() != Some(camera) {
            self.camera.set(Some(camera));
        }
    }

    fn tell_address(self) {
        let Some(camera) = self.camera.try_get_untracked().flatten() else {
            return;
        };
        let screen = self.screen.get_untracked();
        let middle = camera.to_picture(Point::new(screen.width / 2.0, screen.height / 2.0));
        let look = Look {
            zoom: f64::from(camera.zoom),
            x: f64::from(middle.x),
            y: f64::from(middle.y),
        };
        // As the address will say it, so that reading it back moves nothing more.
        let look = Look {
            zoom: (look.zoom * 1000.0).round() / 1000.0,
            x: look.x.round(),
            y: look.y.round(),
        };
        self.address
            .change::<MapState>(History::Replace, |map| map.look = Some(look));
    }
}

fn at_look(look: Look, screen: Size) -> Camera {
    let zoom = (look.zoom as f32).clamp(Camera::MIN_ZOOM, Camera::MAX_ZOOM);
    Camera {
        zoom,
        ..Camera::default()
    }
    .centred(Point::new(look.x as f32, look.y as f32), screen)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_look_is_the_middle_of_the_screen() {
        let camera = at_look(
            Look {
                zoom: 2.0,
                x: 100.0,
                y: 50.0,
            },
            Size::new(400.0, 200.0),
        );
        assert_eq!(
            camera.to_screen(Point::new(100.0, 50.0)),
            Point::new(200.0, 100.0)
        );
        assert_eq!(
            at_look(
                Look {
                    zoom: 1e9,
                    x: 0.0,
                    y: 0.0
                },
                Size::new(1.0, 1.0)
            )
            .zoom,
            Camera::MAX_ZOOM
        );
    }
}
