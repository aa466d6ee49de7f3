//! The control plane's end of one ADS stream.
