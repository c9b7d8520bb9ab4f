//! The report for a terminal.

use std::fmt::Write as _;

use comfy_table::presets::NOTHING;
use comfy_table::{CellAlignment, ContentArrangement, LineStyle, Table, TableStyle};

use super::answer::*;
use super::answer_risk::*;
use super::figures::{dollars_and_cents, dollars_of, grouped, percent};

const STYLE: TableStyle = NOTHING.header_separator(LineStyle::none().fill('─').junction('─'));
/// Bars of a curve, from low to high.
const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
const COLUMNS: usize = 60;
/// The longest lists are cut after so many in the text; JSON and HTML have all.
const SHOWN: usize = 12;

impl Report {
    /// The report for a terminal. Lists that would be long are cut, and say so.
    #[must_use]
    pub fn to_text(&self) -> String {
        let parts = [
            self.verdict_text(),
            self.table_text(),
            self.baselines_text(),
            self.curves_text(),
            self.risk_text(),
            self.threshold_text(),
            self.ledger_text(),
            self.rests_text(),
        ];
        let parts = parts.into_iter().filter(|part| !part.is_empty());
        plain(&parts.collect::<Vec<_>>().join("\n"))
    }

    fn verdict_text(&self) -> String {
        let mut out = format!("{}\n", self.verdict.sentence);
        for reason in &self.verdict.weakened_by {
            let _ = writeln!(out, "  weaker because {reason}");
        }
        out
    }

    fn table_text(&self) -> String {
        let row = |r: &TableRow| {
            let count = match (r.term, r.spare) {
                ("API", _) => String::new(),
                (_, 0) => r.nodes.to_string(),
                (_, spare) => format!("{} ({spare} spare)", r.nodes),
            };
            vec![
                r.model.clone(),
                r.hardware.clone(),
                r.term.to_owned(),
                count,
                r.utilisation.map(percent).unwrap_or_default(),
                r.share.map(percent).unwrap_or_default(),
                r.usd_per_million_output.as_deref().map(dollars_and_cents).unwrap_or_default(),
                dollars_of(&r.amount),
                r.throughput.unwrap_or_default().to_owned(),
            ]
        };
        let heads =
            ["model", "hardware", "term", "count", "busy", "output", "$/1M out", "amount", "throughput"];
        let mut out = table(&heads, &[3, 4, 5, 6, 7], self.table.iter().map(row));
        let _ = writeln!(
            out,
            "{} over {} hours, {} in a month of 730 hours",
            dollars_and_cents(&self.plan.total),
            self.demand.hours,
            dollars_of(&self.plan.per_month)
        );
        if let Some(above) = self.plan.above_bound {
            let _ =
                writeln!(out, "By the hour at most {} above the lowest cost of any plan.", percent(above));
        }
        self.plan.unserved.iter().for_each(|u| out.push_str(&format!("Not served: {u}\n")));
        for reason in self.plan.reasons.iter().take(SHOWN) {
            let _ = writeln!(out, "  {reason}");
        }
        for edge in &self.edge {
            let _ = writeln!(out, "Edge, {}: {}", edge.model, edge.place);
        }
        out
    }

    fn baselines_text(&self) -> String {
        if self.baselines.is_empty() {
            return String::new();
        }
        let row = |b: &BaselineShown| {
            vec![
                b.name.to_owned(),
                dollars_of(&b.per_month),
                dollars_of(&b.saving_per_month),
                b.saving.map(percent).unwrap_or_default(),
                if b.unserved.is_empty() { String::new() } else { "does not serve everything".to_owned() },
            ]
        };
        let heads = ["against", "a month", "the plan saves", "that is", ""];
        let mut out = table(&heads, &[1, 2, 3], self.baselines.iter().map(row));
        if let Some(week) = &self.week_ahead {
            let above = |share: Option<f64>| share.map_or_else(|| "unknown".to_owned(), percent);
            let _ = writeln!(
                out,
                "Machines chosen from one week and run on the next cost {} more than the best in hindsight; those that \
                 the rule of thumb chooses {} more, with the same freedom to rent by the hour.",
                above(week.regret),
                above(week.rule_regret)
            );
        }
        out
    }

    fn curves_text(&self) -> String {
        self.load_duration.iter().map(curve).collect::<Vec<_>>().join("\n")
    }

    fn risk_text(&self) -> String {
        let Some(risk) = &self.risk else { return String::new() };
        let s = &risk.savings;
        let mut out = format!(
            "Over {} months, {} futures (seed {}): saves {} at the 5th percentile, {} in the middle, {} at the 95th; \
             {} on average (±{})\n",
            self.months,
            grouped(i128::from(self.draws)),
            self.seed,
            dollars_of(&s.p5),
            dollars_of(&s.p50),
            dollars_of(&s.p95),
            dollars_of(&s.mean.mean),
            dollars_of(&s.mean.error)
        );
        let month = |m: Option<u32>| m.map_or_else(|| "never".to_owned(), |m| format!("month {m}"));
        let b = &risk.break_even;
        let _ = writeln!(
            out,
            "Ahead for good from {} (10th percentile {}, 90th {}); never in {}",
            month(b.p50),
            month(b.p10),
            month(b.p90),
            shared(&b.never)
        );
        out.push('\n');
        out.push_str(&purchases(risk));
        out.push('\n');
        out.push_str(&options(risk));
        let row = |t: &TornadoShown| {
            vec![t.factor.to_owned(), dollars_of(&t.at_p10), dollars_of(&t.at_median), dollars_of(&t.at_p90)]
        };
        out.push('\n');
        out.push_str(&table(
            &["one factor alone", "at its 10th percentile", "median", "at its 90th"],
            &[1, 2, 3],
            risk.tornado.iter().map(row),
        ));
        out
    }

    fn threshold_text(&self) -> String {
        let today = self.threshold.today.map_or_else(String::new, |today| {
            format!(
                "Today the API's bill is {} of what everything on machines of its own would cost.\n",
                percent(today)
            )
        });
        format!("{}\n{today}", self.threshold.sentence)
    }

    fn ledger_text(&self) -> String {
        let row = |l: &LedgerLineShown| vec![l.model.clone(), l.what.clone(), dollars_and_cents(&l.cents)];
        let total = vec!["total".to_owned(), String::new(), dollars_and_cents(&self.ledger.total_cents)];
        let rows = self.ledger.lines.iter().map(row).chain([total]);
        let mut out = table(&["model", "ledger", "amount"], &[2], rows);
        for owned in &self.owned {
            let lines: Vec<String> = owned
                .lines
                .iter()
                .map(|l| format!("{} {}", l.what, dollars_and_cents(&l.per_year)))
                .collect();
            let _ = writeln!(
                out,
                "Owning {}: {} a year ({})",
                owned.node,
                dollars_and_cents(&owned.per_year),
                lines.join(", ")
            );
        }
        out
    }

    fn rests_text(&self) -> String {
        let mut out = String::new();
        let mut list = |title: &str, lines: Vec<String>| {
            if lines.is_empty() {
                return;
            }
            let _ = writeln!(out, "{title}:");
            lines.iter().take(SHOWN).for_each(|line| out.push_str(&format!("  {line}\n")));
            if lines.len() > SHOWN {
                let _ = writeln!(out, "  and {} more, which --json and --html have", lines.len() - SHOWN);
            }
        };
        list("Not known", self.gaps.iter().map(|g| format!("{}; {}", g.what, g.hint)).collect());
        list("Taken for granted", self.assumptions.iter().map(assumption).collect());
        list(
            "Older than 180 days",
            self.stale.iter().map(|s| format!("{}: {} days ({})", s.what, s.days, s.source)).collect(),
        );
        list("Dearer than their price", self.dearer.iter().map(|d| d.note.clone()).collect());
        if !self.left_out.is_empty() {
            let _ =
                writeln!(out, "{} machines take no part; --json and --html say why.", self.left_out.len());
        }
        out
    }
}

fn assumption(a: &AssumptionShown) -> String {
    let entries = match a.entries.as_slice() {
        [] => String::new(),
        [one] => format!(", {one}"),
        [one, others @ ..] => format!(", {one} and {} more entries", others.len()),
    };
    match (&a.source, &a.as_of) {
        (Some(source), Some(day)) => format!("{} [{}: {source}{entries}, {day}]", a.what, a.rests_on),
        _ => format!("{} [{}]", a.what, a.rests_on),
    }
}

fn purchases(risk: &RiskShown) -> String {
    let row = |p: &PurchaseShown| {
        vec![
            p.name.clone(),
            shared(&p.regret),
            dollars_of(&p.expected_regret.mean),
            dollars_of(&p.expected_saving.mean),
        ]
    };
    table(
        &["purchase", "P(regret)", "regret on average", "saving on average"],
        &[1, 2, 3],
        risk.purchases.iter().map(row),
    )
}

fn options(risk: &RiskShown) -> String {
    let mut out = String::new();
    for w in &risk.waiting {
        let _ = writeln!(
            out,
            "Deciding in {} months is worth {} on average (±{}); the plan is then taken in {}",
            w.months,
            dollars_of(&w.value.mean),
            dollars_of(&w.value.error),
            shared(&w.buys_then)
        );
    }
    match &risk.renewable {
        Some(r) => {
            let _ = writeln!(
                out,
                "One-year terms, taken anew each year, are worth {} on average (±{})",
                dollars_of(&r.value.mean),
                dollars_of(&r.value.error)
            );
        }
        None => out.push_str("One-year terms: no price is known for all of these machines\n"),
    }
    out
}

fn shared(share: &ShareShown) -> String {
    share.share.map_or_else(|| "unknown".to_owned(), percent)
}

/// A load-duration curve as a row of bars, with the mark of `u*` under it.
fn curve(shown: &LoadDurationShown) -> String {
    let most = shown.points.iter().map(|p| p[1]).fold(0.0, f64::max);
    if most <= 0.0 {
        return String::new();
    }
    let load_at = |share: f64| {
        shown.points.iter().find(|p| p[0] >= share - 1e-9).or(shown.points.last()).map_or(0.0, |p| p[1])
    };
    let bar = |column: usize| {
        let load = load_at((column as f64 + 0.5) / COLUMNS as f64);
        BARS[((load / most * 8.0).ceil().clamp(1.0, 8.0) as usize) - 1]
    };
    let bars: String = (0..COLUMNS).map(bar).collect();
    let mut out = format!(
        "{} in machines of {} ({}), highest {most:.2}, over the share of the time:\n  {bars}\n",
        shown.model, shown.hardware, shown.term
    );
    if let Some(break_even) = shown.break_even {
        if break_even <= 1.0 {
            let place = ((break_even * COLUMNS as f64) as usize).min(COLUMNS - 1);
            let _ = writeln!(out, "  {}↑ u* = {}", " ".repeat(place), percent(break_even));
        } else {
            let _ = writeln!(out, "  u* = {}: no machine can be that busy", percent(break_even));
        }
        let _ = writeln!(out, "  best number on this kind alone: {}", shown.nodes);
    }
    out
}

fn table(heads: &[&str], numbers: &[usize], rows: impl Iterator<Item = Vec<String>>) -> String {
    let mut table = Table::new();
    table.load_style(STYLE).set_content_arrangement(ContentArrangement::Disabled);
    table.set_header(heads.iter());
    rows.for_each(|row| {
        table.add_row(row);
    });
    for &place in numbers {
        if let Some(column) = table.column_mut(place) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    table
        .lines()
        .map(|line| format!("{}\n", line.trim_end().strip_prefix(' ').unwrap_or(line.trim_end())))
        .collect()
}

/// A text that cannot steer the terminal: names come from outside.
fn plain(text: &str) -> String {
    text.chars().map(|c| if c.is_control() && c != '\n' { '\u{fffd}' } else { c }).collect()
}
