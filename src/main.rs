//! Narrows.
fn main() {}
