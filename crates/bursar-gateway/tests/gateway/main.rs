//! A real gateway on a loopback port, with real clients' bytes on one side and a provider on the other: the
//! scripted one, or a socket whose every byte the test writes itself.

mod bad_bodies;
mod bad_heads;
mod budgets;
mod callers;
mod fallback;
mod fetched_work;
mod identity;
mod key_rules;
mod paths;
mod policies;
mod provider;
mod relay;
mod retries;
mod rig;
mod settlements;
mod shutdown;
mod streams;
mod trouble_in_streams;
mod waiting;
mod wire;
