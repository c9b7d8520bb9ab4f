//! Durable truth: the journal, the usage log, the cubes and the registry of keys, embedded in SQLite.
