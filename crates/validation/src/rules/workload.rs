//! Rules about pods and how they join the mesh.

pub(super) mod image_auto;
pub(super) mod not_injected;
pub(super) mod proxy_user;
pub(super) mod two_modes;
pub(super) mod without_proxy;
