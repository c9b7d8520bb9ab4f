//! A scripted provider that keeps its own books, a trace replay and a load client: for the demo, benchmarks and tests.
