//! The report, put together.

use bursar_core::Money;

use super::answer::*;
use super::{bases, curves, dearer, figures, ledger, risk, table, verdict};
use crate::demand::Class;
use crate::mix::{Place, Unserved};
use crate::placement::{Inputs, PlacedModel, Placement};

impl Report {
    /// What a placement says.
    #[must_use]
    pub fn of(inputs: &Inputs<'_>, placement: &Placement) -> Report {
        let settings = inputs.settings;
        let futures = placement.futures.as_ref();
        Report {
            schema: SCHEMA,
            day: figures::day(settings.today),
            seed: settings.seed,
            draws: settings.draws,
            months: settings.months,
            verdict: verdict::verdict(placement, settings.months),
            demand: demand(inputs, placement),
            table: table::rows(placement),
            plan: plan(placement),
            baselines: baselines(placement),
            ledger: ledger::ledger(placement),
            owned: ledger::owned(inputs, placement),
            load_duration: curves::load_duration(placement),
            risk: futures.map(risk::risk),
            cumulative: futures.map(risk::cumulative).unwrap_or_default(),
            threshold: risk::threshold(placement),
            week_ahead: placement.week_ahead.map(|w| week_ahead(&w)),
            edge: edge(placement),
            assumptions: bases::assumptions(placement),
            facts: placement.staleness.facts,
            stale: bases::stale(placement),
            gaps: bases::gaps(placement),
            left_out: bases::left_out(placement),
            dearer: dearer::dearer(inputs),
        }
    }

    /// The report as JSON.
    ///
    /// # Errors
    ///
    /// None that is known: every key is text and every number finite.
    pub fn to_json(&self) -> serde_json::Result<String> {
        serde_json::to_string_pretty(self).map(|json| json + "\n")
    }
}

fn demand(inputs: &Inputs<'_>, placement: &Placement) -> DemandShown {
    let classes =
        placement.models.iter().flat_map(|m| Class::ALL.iter().filter_map(|class| model(m, *class)));
    DemandShown {
        from: figures::moment(inputs.demand.start),
        hours: placement.hours(),
        models: classes.collect(),
    }
}

/// The demand for a model in a class; `None` where there is none.
fn model(placed: &PlacedModel, class: Class) -> Option<ModelShown> {
    let points = placed.series.of(class);
    let total = placed.series.total(class).filter(|t| t.requests > 0)?;
    let peaks: Option<Vec<f64>> = points.iter().map(|p| p.peak_output_per_second).collect();
    let seconds = points.len() as f64 * 3_600.0;
    Some(ModelShown {
        model: placed.series.model.clone(),
        class: class.name(),
        requests: total.requests,
        input: total.input,
        cached_input: total.cached_input,
        output: total.output,
        output_per_second: figures::number(total.output as f64 / seconds),
        peak_output_per_second: peaks.and_then(|p| figures::number(p.into_iter().fold(0.0, f64::max))),
        priced_as: placed.price.as_ref().map(|p| p.name.clone()),
        runs_as: placed.runs_as.clone().unwrap_or_else(|| placed.series.model.clone()),
        place: match placed.place {
            Place::Anywhere => "anywhere",
            Place::StaysInside => "stays_inside",
            Place::ApiOnly => "api_only",
        },
    })
}

fn plan(placement: &Placement) -> PlanShown {
    let total = placement.replay.bill.total;
    let reasons = placement.plan.holdings.iter().filter(|h| {
        h.nodes() > 0
            || h.next.as_ref().is_some_and(|next| next.break_even.is_some() && next.utilisation > 0.0)
    });
    PlanShown {
        total: total.to_string(),
        per_month: figures::per_month(total, placement.hours()).to_string(),
        bound: placement.plan.bound.map(|b| b.to_string()),
        above_bound: placement.plan.gap().and_then(figures::number),
        reasons: reasons.map(ToString::to_string).collect(),
        unserved: unserved(&placement.replay.bill.unserved),
    }
}

pub(super) fn unserved(unserved: &[Unserved]) -> Vec<String> {
    let told = |u: &Unserved| {
        format!(
            "{}: in {} ten-minute steps something is not served ({:.1} steps' demand)",
            u.model, u.steps, u.demand
        )
    };
    unserved.iter().map(told).collect()
}

fn baselines(placement: &Placement) -> Vec<BaselineShown> {
    let plan = placement.replay.bill.total;
    let hours = placement.hours();
    let shown = |b: &crate::placement::Baseline| {
        let total = b.bill.total;
        let saved = total.checked_sub(plan).unwrap_or(Money::ZERO);
        let share = if total > Money::ZERO { saved.nanos() as f64 / total.nanos() as f64 } else { f64::NAN };
        BaselineShown {
            name: b.name,
            what: b.what,
            total: total.to_string(),
            per_month: figures::per_month(total, hours).to_string(),
            saving_per_month: figures::per_month(saved, hours).to_string(),
            saving: figures::number(share),
            unserved: unserved(&b.bill.unserved),
        }
    };
    placement.baselines.iter().map(shown).collect()
}

fn week_ahead(week: &crate::placement::WeekAhead) -> WeekAheadShown {
    WeekAheadShown {
        planned: week.planned.to_string(),
        by_rule: week.by_rule.to_string(),
        best: week.best.to_string(),
        regret: figures::number(week.regret(week.planned)),
        rule_regret: figures::number(week.regret(week.by_rule)),
    }
}

fn edge(placement: &Placement) -> Vec<EdgeShown> {
    let shown = |e: &crate::placement::EdgeWork| {
        let sentence = match &e.place {
            Some(p) => format!(
                "{} × {}, {}, ${} an hour: enough for {} output tokens in the highest hour",
                p.nodes,
                p.hardware,
                p.term.name(),
                p.per_hour,
                figures::grouped(i128::from(e.peak_hour))
            ),
            None => "cannot be placed; the gaps say why".to_owned(),
        };
        let amount = e.place.as_ref().map(|p| p.amount.to_string());
        EdgeShown { model: e.model.clone(), place: sentence, amount }
    };
    placement.edge.iter().map(shown).collect()
}
