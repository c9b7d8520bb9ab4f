//! Writing what GPUs did.

use std::path::Path;

use bursar_core::Timestamp;
use rusqlite::{Connection, params};

use super::{GpuGap, GpuModelTokens, GpuNode, GpuRound, GpuSpan, GpuUncounted};
use crate::beside::Beside;
use crate::error::StoreError;

/// The log of what GPUs did, beside a running server or without one. Clones share one connection.
#[derive(Clone)]
pub struct GpuLog {
    db: Beside,
}

impl GpuLog {
    /// The log of a data folder. Nothing is opened yet.
    #[must_use]
    pub fn of(folder: &Path) -> GpuLog {
        GpuLog { db: Beside::of(folder) }
    }

    /// Makes the log have exactly these nodes from now on: a node that is new begins, one that is not there any more
    /// ends, and one whose facts have changed ends and begins anew. What they were before stays.
    ///
    /// # Errors
    ///
    /// Where the database cannot be written.
    pub fn set_nodes(&self, nodes: &[GpuNode], now: Timestamp) -> Result<(), StoreError> {
        self.db.change(|db| {
            let held = super::read::nodes(db, "WHERE until IS NULL", &[])?;
            let facts = |n: &GpuNode| GpuNode { since: now, until: None, ..n.clone() };
            for old in &held {
                if !nodes.iter().any(|new| facts(new) == facts(old)) {
                    let end = now.max(old.since);
                    db.execute(
                        "UPDATE gpu_node SET until = ?3 WHERE node = ?1 AND since = ?2",
                        params![old.node, old.since.micros(), end.micros()],
                    )?;
                }
            }
            let is_new = |new: &&GpuNode| !held.iter().any(|old| facts(old) == facts(new));
            nodes.iter().filter(is_new).try_for_each(|node| insert_node(db, node, now))
        })
    }

    /// Adds rounds of samples, all of them or none.
    ///
    /// # Errors
    ///
    /// Where the database cannot be written; the same rounds can be added again.
    pub fn add(&self, rounds: &[GpuRound]) -> Result<(), StoreError> {
        self.db.change(|db| rounds.iter().try_for_each(|round| add_round(db, round)))
    }

    /// Takes out what ended before a moment; nodes and their prices stay.
    ///
    /// # Errors
    ///
    /// Where the database cannot be written.
    pub fn forget(&self, before: Timestamp) -> Result<(), StoreError> {
        self.db.change(|db| {
            for table in ["gpu_span", "gpu_uncounted", "gpu_gap"] {
                db.execute(&format!("DELETE FROM {table} WHERE until < ?1"), [before.micros()])?;
            }
            db.execute("DELETE FROM gpu_tokens WHERE hour < ?1", [before.hour().index()])?;
            Ok(())
        })
    }
}

fn insert_node(db: &Connection, n: &GpuNode, now: Timestamp) -> rusqlite::Result<()> {
    let weights = n.weights.map(|w| w.to_string()).join(" ");
    db.execute(
        "INSERT INTO gpu_node (node, since, per_hour, term, owner, accelerators, provider, weights, has_engines, longest)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)
         ON CONFLICT (node, since) DO UPDATE SET until = NULL, per_hour = ?3, term = ?4, owner = ?5, accelerators = ?6,
             provider = ?7, weights = ?8, has_engines = ?9, longest = ?10",
        params![
            n.node,
            now.micros(),
            n.per_hour.nanos(),
            n.term,
            n.owner,
            n.accelerators,
            n.provider,
            weights,
            n.has_engines,
            n.longest
        ],
    )?;
    Ok(())
}

fn add_round(db: &Connection, round: &GpuRound) -> rusqlite::Result<()> {
    round.spans.iter().try_for_each(|span| add_span(db, span))?;
    round.tokens.iter().try_for_each(|tokens| add_tokens(db, &round.node, tokens))?;
    round.uncounted.iter().try_for_each(|gone| add_uncounted(db, &round.node, gone))?;
    round.gaps.iter().try_for_each(|gap| add_gap(db, &round.node, gap))
}

/// A span that goes on where the last one ends, in the same state, makes it longer.
fn add_span(db: &Connection, s: &GpuSpan) -> rusqlite::Result<()> {
    let (evidence, pods) = (texts(&s.evidence), texts(&s.pods));
    let grown = db
        .prepare_cached(
            "UPDATE gpu_span SET until = ?4, evidence = ?7, pods = ?8 WHERE node = ?1 AND gpu = ?2
             AND since = (SELECT max(since) FROM gpu_span WHERE node = ?1 AND gpu = ?2)
             AND until = ?3 AND state = ?5 AND slices = ?6",
        )?
        .execute(params![
            s.node,
            s.gpu,
            s.since.micros(),
            s.until.micros(),
            s.state,
            s.slices,
            evidence,
            pods
        ])?;
    if grown == 0 {
        db.prepare_cached(
            "INSERT OR REPLACE INTO gpu_span (node, gpu, since, until, state, slices, gpu_index, product, evidence, pods)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
        )?
        .execute(params![
            s.node,
            s.gpu,
            s.since.micros(),
            s.until.micros(),
            s.state,
            s.slices,
            s.index,
            s.product,
            evidence,
            pods
        ])?;
    }
    Ok(())
}

fn texts(list: &[String]) -> String {
    serde_json::json!(list).to_string()
}

fn add_tokens(db: &Connection, node: &str, t: &GpuModelTokens) -> rusqlite::Result<()> {
    let whole = |n: u64| i64::try_from(n).unwrap_or(i64::MAX);
    let [input, cached, output] = t.tokens.map(whole);
    db.prepare_cached(
        "INSERT INTO gpu_tokens (node, hour, model, input, cached, output) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
         ON CONFLICT (node, hour, model)
         DO UPDATE SET input = input + ?4, cached = cached + ?5, output = output + ?6",
    )?
    .execute(params![node, t.at.hour().index(), t.model, input, cached, output])?;
    Ok(())
}

fn add_uncounted(db: &Connection, node: &str, gone: &GpuUncounted) -> rusqlite::Result<()> {
    let times = params![node, gone.model, gone.since.micros(), gone.until.micros()];
    let grown = db
        .prepare_cached("UPDATE gpu_uncounted SET until = ?4 WHERE node = ?1 AND model = ?2 AND until = ?3")?
        .execute(times)?;
    if grown == 0 {
        let sql = "INSERT OR REPLACE INTO gpu_uncounted (node, model, since, until) VALUES (?1, ?2, ?3, ?4)";
        db.prepare_cached(sql)?.execute(times)?;
    }
    Ok(())
}

fn add_gap(db: &Connection, node: &str, gap: &GpuGap) -> rusqlite::Result<()> {
    let given = params![node, gap.kind, gap.about, gap.since.micros(), gap.until.micros(), gap.detail];
    let grown = db
        .prepare_cached(
            "UPDATE gpu_gap SET until = ?5, detail = ?6 WHERE node = ?1 AND kind = ?2 AND about = ?3 AND until = ?4",
        )?
        .execute(given)?;
    if grown == 0 {
        db.prepare_cached(
            "INSERT OR REPLACE INTO gpu_gap (node, kind, about, since, until, detail)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        )?
        .execute(given)?;
    }
    Ok(())
}
