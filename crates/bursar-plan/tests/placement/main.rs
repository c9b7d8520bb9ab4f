//! Placements of real demand: what they say, in all faces.

mod answers;
mod cases;
mod faces;
