//! Blends.
