//! What GPUs do, and to whom their bill belongs.
