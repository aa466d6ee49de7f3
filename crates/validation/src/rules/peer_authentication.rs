//! Rules about PeerAuthentications and the mutual TLS that they ask for.

pub(super) mod no_pod;
pub(super) mod plain_to_strict;
pub(super) mod shared_pod;
pub(super) mod two_wide;
