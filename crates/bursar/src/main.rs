//! The Bursar command line.
fn main() {}
