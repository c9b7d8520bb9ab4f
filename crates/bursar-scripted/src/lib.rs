//! A scripted provider that keeps its own books, a trace replay and a load client: for the demo, benchmarks and
//! tests.
//!
//! * [`provider`]: a real HTTP server that speaks OpenAI, Anthropic and Gemini; a [`script`] per request says how
//!   it behaves.
//! * [`books`]: what the provider itself says was used and what it cost, by its own [`price_table`].
//! * [`trace`] and [`replay`]: real request traces, and their replay through a base URL.
//! * [`load`]: the load client, which measures what a gateway adds.
//! * [`soak`]: a long mix of calls, and the comparison of two accounts of it.
//! * [`storm`]: many streams at once against budgets that cannot hold them all, and the judgement afterwards.
//! * [`client`]: a light HTTP client that retries nothing.

mod compress;
mod dialect;
mod http1;
mod route;
mod schema_value;

pub mod books;
pub mod client;
pub mod load;
pub mod plan;
pub mod price_table;
pub mod provider;
pub mod replay;
pub mod sample_call;
pub mod script;
pub mod soak;
pub mod storm;
pub mod trace;
pub mod words;

pub use books::{Books, Ending, Entry, Totals};
pub use client::Client;
pub use provider::ScriptedProvider;
