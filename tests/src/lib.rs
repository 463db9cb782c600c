//! Whole-workspace tests that need no server: see `tests/`.
