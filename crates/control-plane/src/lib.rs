//! ADS server, push loop and certificate service.
