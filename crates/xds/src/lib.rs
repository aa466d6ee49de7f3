//! Envoy v3 messages from and to Plan; the ADS state machines of both ends, without sockets.
