//! The throughput model against the measurements that come with Bursar, and against engines whose parameters are known.

mod bars;
mod capacity;
mod catalogue;
mod fitting;
mod live;
mod rows;
