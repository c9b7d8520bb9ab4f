//! The control plane over a real store.

mod api;
mod fixture;
mod keys;
mod listener;
mod openapi;
