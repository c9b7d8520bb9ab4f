//! The Bursar command line: one binary that serves, reads and explains.

// `print!` panics on a closed pipe; `commands::context::print_text` does not.
#![deny(clippy::print_stdout)]

mod cli;
mod commands;
mod compose;
mod config;

use std::process::ExitCode;

/// Small and quick under many short-lived allocations; keeps the resident memory of a busy gateway low.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    // Huge pages would make each small arena of the allocator resident as a whole: measured, they cost 17 MB. A
    // kernel that cannot turn them off costs memory and nothing else.
    let _ = rustix::thread::disable_transparent_huge_pages(true);
    match cli::run() {
        Ok(code) => code,
        Err(error) => {
            eprintln!("bursar: {}", cli::told(&error));
            ExitCode::from(cli::FAILED)
        }
    }
}
