//! Layered layout of nested boxes, stable from refresh to refresh.
