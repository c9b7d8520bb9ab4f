//! `bursar serve` as its users meet it: a process, its memory, its log and its end.

mod bounded_memory;
mod gpus;
mod log;
mod process;
mod shutdown;
