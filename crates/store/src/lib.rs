//! Embedded metric store with bounded memory behind the traits of sources.
