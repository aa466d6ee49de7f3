//! The sidecar: ADS client, listeners, load balancing, mTLS, telemetry.
