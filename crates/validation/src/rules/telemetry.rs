//! Rules about Telemetries.

pub(super) mod lightstep;
pub(super) mod no_pod;
pub(super) mod shared_pod;
pub(super) mod two_wide;
