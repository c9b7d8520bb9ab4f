//! GPUs, for the API and the commands.

use std::collections::BTreeMap;

use bursar_core::{Money, Timestamp};
use bursar_plan::gpu::bill::{
    Account, Rate, Span, Statement, TeamUse, Weights, statement, used_here, without,
};
use bursar_plan::gpu::dcgm::SLICES;
use bursar_plan::gpu::price::{Basis, ModelCost, model_costs};
use bursar_plan::gpu::shares::divide_money;
use bursar_plan::gpu::state::GpuState;
use bursar_plan::gpu::vllm::Tokens;
use bursar_store::{Dimension, GpuNode, GpuSpan, Reader, SpendQuery};

use crate::answer::{
    GpuAnswer, GpuBillAnswer, GpuGapAnswer, GpuNodeAnswer, GpuNodeBillAnswer, GpusAnswer, TokensAnswer,
};
use crate::params::Given;
use crate::problem::Problem;
use crate::times;

const HOUR: i64 = 3_600_000_000;
/// A GPU that was not seen for so long is not listed any more, in microseconds.
const LISTED: i64 = 24 * HOUR;
/// No more gaps of a node are given.
const MOST_GAPS: u32 = 50;
/// How far back a bill goes that says nothing.
const DEFAULT_SINCE: &str = "7d";

/// A node's account over a range, with what made it.
#[derive(Clone, Debug)]
pub struct NodeAccount {
    /// The node as it was last.
    pub node: GpuNode,
    /// Its bill.
    pub statement: Statement,
    /// What its models cost and made, on the basis that was asked for.
    pub costs: Vec<ModelCost>,
    /// Who counted the tokens of the prices: engine or bursar.
    pub counted_by: &'static str,
    /// Microseconds in which the engines' tokens are not known; their cost is in no price.
    pub uncounted: i64,
}

/// What accounts are asked for.
#[derive(Clone, Debug)]
pub struct AccountQuery<'a> {
    /// First moment, at the start of an hour; see [`whole_hours`].
    pub since: Timestamp,
    /// First moment after the range, at the end of an hour or now.
    pub until: Timestamp,
    /// Only this node.
    pub node: Option<&'a str>,
    /// What is in the prices of models.
    pub basis: Basis,
}

/// The GPUs as they are now.
pub fn list(reader: &Reader, node: Option<&str>, now: Timestamp) -> Result<GpusAnswer, Problem> {
    let nodes = reader.gpu_nodes((now, now.plus_micros(1))).map_err(Problem::store)?;
    check_name(node, nodes.iter().map(|n| n.node.as_str()))?;
    let known = |n: &&GpuNode| node.is_none_or(|name| name == n.node);
    let nodes = nodes.iter().filter(known).map(|n| node_answer(reader, n, now));
    Ok(GpusAnswer { at: times::text_of(now), nodes: nodes.collect::<Result<_, _>>()? })
}

/// A name that none of the nodes has is a mistake, unless there are none at all.
fn check_name<'n>(wanted: Option<&str>, names: impl Iterator<Item = &'n str>) -> Result<(), Problem> {
    let names: Vec<&str> = names.collect();
    match wanted {
        Some(name) if !names.is_empty() && !names.contains(&name) => {
            let known = names.join(", ");
            Err(Problem::bad_value(
                "node",
                format!("no node with GPUs is named {name:?} in this time; there are {known}"),
            ))
        }
        _ => Ok(()),
    }
}

fn node_answer(reader: &Reader, node: &GpuNode, now: Timestamp) -> Result<GpuNodeAnswer, Problem> {
    let spans = reader.gpus_of(&node.node, now.plus_micros(-LISTED)).map_err(Problem::store)?;
    let recent = (now.plus_micros(-HOUR), now.plus_micros(1));
    let gaps = reader.gpu_gaps(&node.node, recent, MOST_GAPS).map_err(Problem::store)?;
    let mut units: Vec<u128> = spans.iter().map(|s| u128::from(s.slices)).collect();
    let paid = u128::from(node.accelerators.max(1)) * u128::from(SLICES);
    units.push(paid.saturating_sub(units.iter().sum()));
    let mut amounts = divide_money(node.per_hour, &units).unwrap_or_default();
    let nobody = amounts.pop().unwrap_or(Money::ZERO);
    let states: Vec<GpuState> = spans.iter().map(|s| state_now(s, node, now)).collect();
    let of = |wanted: &dyn Fn(GpuState) -> bool| -> Money {
        states.iter().zip(&amounts).filter(|(state, _)| wanted(**state)).map(|(_, amount)| *amount).sum()
    };
    let unknown: Money = [of(&|s| s == GpuState::Unknown), nobody].into_iter().sum();
    Ok(GpuNodeAnswer {
        node: node.node.clone(),
        owner: node.owner.clone(),
        term: node.term.clone(),
        accelerators: node.accelerators,
        provider: node.provider.clone(),
        per_hour: node.per_hour.to_string(),
        idle_per_hour: of(&GpuState::is_idle).to_string(),
        faulty_per_hour: of(&|s| s == GpuState::Faulty).to_string(),
        unknown_per_hour: unknown.to_string(),
        gpus: spans
            .iter()
            .zip(&states)
            .zip(&amounts)
            .map(|((s, state), m)| gpu_answer(s, *state, *m))
            .collect(),
        gaps: gaps
            .into_iter()
            .map(|g| GpuGapAnswer {
                kind: g.kind,
                about: g.about,
                since: Some(times::text_of(g.since)),
                until: Some(times::text_of(g.until)),
                detail: g.detail,
            })
            .collect(),
    })
}

/// The state now: unknown where no sample speaks for it any more.
fn state_now(span: &GpuSpan, node: &GpuNode, now: Timestamp) -> GpuState {
    let age = now.micros().saturating_sub(span.until.micros());
    let known = GpuState::from_name(&span.state).filter(|_| age <= node.longest);
    known.unwrap_or(GpuState::Unknown)
}

fn gpu_answer(span: &GpuSpan, state: GpuState, per_hour: Money) -> GpuAnswer {
    let is_stale = state.name() != span.state;
    let (since, evidence) = if is_stale {
        (span.until, vec![format!("no sample since; it was {} then", span.state)])
    } else {
        (span.since, span.evidence.clone())
    };
    GpuAnswer {
        gpu: span.gpu.clone(),
        index: span.index.clone(),
        product: span.product.clone(),
        part: (span.slices != SLICES).then(|| format!("{}/{SLICES}", span.slices)),
        state: state.name().to_owned(),
        since: times::text_of(since),
        last_seen: times::text_of(span.until),
        evidence,
        pods: span.pods.clone(),
        per_hour: per_hour.to_string(),
    }
}

/// The bill of nodes over a range.
pub fn bill(reader: &Reader, given: &Given, now: Timestamp) -> Result<GpuBillAnswer, Problem> {
    let since = match given.time("since", now)? {
        Some(since) => since,
        None => times::parse_time(DEFAULT_SINCE, now).map_err(|e| Problem::bad_value("since", e))?,
    };
    let until = given.time("until", now)?.unwrap_or(now);
    let basis = given.text("basis").map_or(Ok(Basis::Resident), basis)?;
    let Some((since, until)) = whole_hours(since, until, now) else {
        return Err(Problem::bad_value("until", "is not after since, or since is not past"));
    };
    let query = AccountQuery { since, until, node: given.text("node"), basis };
    let accounts = accounts(reader, &query)?;
    Ok(GpuBillAnswer {
        since: times::text_of(query.since),
        until: times::text_of(until),
        currency: "USD",
        basis: basis.name(),
        nodes: accounts.iter().map(GpuNodeBillAnswer::from).collect(),
    })
}

/// A range as whole hours, and up to now at most; `None` where none is left. Tokens are kept by the hour, so that part of
/// an hour's cost would stand against the tokens of all of it.
#[must_use]
pub fn whole_hours(since: Timestamp, until: Timestamp, now: Timestamp) -> Option<(Timestamp, Timestamp)> {
    let since = since.hour().start();
    let last = until.plus_micros(-1).hour().start();
    let until = last.plus_micros(HOUR).min(now);
    (since < until && since <= last).then_some((since, until))
}

/// A basis by its name.
pub fn basis(name: &str) -> Result<Basis, Problem> {
    let all = [Basis::Work, Basis::Resident, Basis::Node];
    let wrong = || Problem::bad_value("basis", format!("{name:?} is none of work, resident, node"));
    all.into_iter().find(|b| b.name() == name).ok_or_else(wrong)
}

/// The accounts of nodes over a range, by name.
pub fn accounts(reader: &Reader, query: &AccountQuery<'_>) -> Result<Vec<NodeAccount>, Problem> {
    let range = (query.since, query.until);
    let rows = reader.gpu_nodes(range).map_err(Problem::store)?;
    let mut nodes: BTreeMap<&str, Vec<&GpuNode>> = BTreeMap::new();
    for row in &rows {
        nodes.entry(&row.node).or_default().push(row);
    }
    check_name(query.node, nodes.keys().copied())?;
    let mut counted: BTreeMap<&str, BTreeMap<String, Tokens>> = BTreeMap::new();
    for &name in nodes.keys() {
        counted.insert(name, counted_of(reader, name, range)?);
    }
    let wanted = nodes.iter().filter(|(name, _)| query.node.is_none_or(|n| n == **name));
    wanted.map(|(name, rows)| account_of(reader, query, (name, rows), (&nodes, &counted))).collect()
}

type Nodes<'a> = BTreeMap<&'a str, Vec<&'a GpuNode>>;
type CountedBy<'a> = BTreeMap<&'a str, BTreeMap<String, Tokens>>;

fn account_of(
    reader: &Reader,
    query: &AccountQuery<'_>,
    (name, rows): (&str, &[&GpuNode]),
    (nodes, counted): (&Nodes<'_>, &CountedBy<'_>),
) -> Result<NodeAccount, Problem> {
    let range = (query.since, query.until);
    // A node is there because it has a row.
    let Some(&node) = rows.last() else { return Err(Problem::store(format!("node {name} has no price"))) };
    let rates: Vec<Rate> = rows.iter().map(|n| rate_of(n)).collect();
    let spans: Vec<Span> =
        reader.gpu_spans(name, range).map_err(Problem::store)?.iter().filter_map(span_of).collect();
    let gone = reader.gpu_uncounted(name, range).map_err(Problem::store)?;
    let gone: Vec<(Timestamp, Timestamp)> = gone.iter().map(|g| (g.since, g.until)).collect();
    let nothing = BTreeMap::new();
    let here = counted.get(name).unwrap_or(&nothing);
    let used = match &node.provider {
        Some(provider) => {
            let booked = used_of(reader, provider, range)?;
            used_here(&booked, here, &everywhere(nodes, counted, provider), sharing(nodes, provider))
        }
        None => Vec::new(),
    };
    let [input, cached, output] = node.weights;
    let account = Account {
        node: name,
        since: query.since,
        until: query.until,
        rates: &rates,
        spans: &spans,
        used: &used,
        counted: here,
        counted_whole: gone.is_empty(),
        weights: Weights { input, cached, output },
    };
    let too_much = || Problem::store(format!("the bill of {name} is beyond the range of money"));
    let bill = statement(&account).ok_or_else(too_much)?;
    let costs = if node.has_engines {
        let covered = without(&spans, &gone);
        let priced = Account { used: &[], spans: &covered, ..account };
        model_costs(&statement(&priced).ok_or_else(too_much)?, account.weights, query.basis)
    } else {
        model_costs(&bill, account.weights, query.basis)
    };
    Ok(NodeAccount {
        node: node.clone(),
        statement: bill,
        costs,
        counted_by: if node.has_engines { "engine" } else { "bursar" },
        uncounted: length_of(&gone),
    })
}

/// How long stretches of time are together, each moment counted once.
fn length_of(stretches: &[(Timestamp, Timestamp)]) -> i64 {
    let mut sorted = stretches.to_vec();
    sorted.sort_unstable();
    let (mut length, mut from) = (0, Timestamp::from_micros(i64::MIN));
    for (since, until) in sorted {
        let start = since.max(from);
        length += until.micros().saturating_sub(start.micros()).max(0);
        from = from.max(until);
    }
    length
}

fn rate_of(node: &GpuNode) -> Rate {
    Rate {
        since: node.since,
        until: node.until,
        per_hour: node.per_hour,
        accelerators: node.accelerators,
        owner: node.owner.clone(),
    }
}

/// A state that this version does not know is time that nobody knows.
fn span_of(span: &GpuSpan) -> Option<Span> {
    let state = GpuState::from_name(&span.state)?;
    Some(Span { gpu: span.gpu.clone(), slices: span.slices, state, since: span.since, until: span.until })
}

fn counted_of(
    reader: &Reader,
    node: &str,
    range: (Timestamp, Timestamp),
) -> Result<BTreeMap<String, Tokens>, Problem> {
    let rows = reader.gpu_tokens(node, range).map_err(Problem::store)?;
    let of = |[input, cached, output]: [u64; 3]| Tokens { input, cached, output };
    Ok(rows.into_iter().map(|t| (t.model, of(t.tokens))).collect())
}

/// What all nodes of a provider counted.
fn everywhere(nodes: &Nodes<'_>, counted: &CountedBy<'_>, provider: &str) -> BTreeMap<String, Tokens> {
    let mut all: BTreeMap<String, Tokens> = BTreeMap::new();
    for (_, tokens) in counted.iter().filter(|(name, _)| serves(nodes, name, provider)) {
        for (model, tokens) in tokens {
            let sum = all.entry(model.clone()).or_default();
            *sum = sum.plus(*tokens);
        }
    }
    all
}

fn sharing(nodes: &Nodes<'_>, provider: &str) -> u64 {
    nodes.keys().filter(|name| serves(nodes, name, provider)).count() as u64
}

fn serves(nodes: &Nodes<'_>, name: &str, provider: &str) -> bool {
    nodes.get(name).and_then(|rows| rows.last()).is_some_and(|n| n.provider.as_deref() == Some(provider))
}

/// What teams used of a provider's models, as Bursar has booked it.
fn used_of(
    reader: &Reader,
    provider: &str,
    (since, until): (Timestamp, Timestamp),
) -> Result<Vec<TeamUse>, Problem> {
    let query = SpendQuery {
        since,
        until,
        by: vec![Dimension::Team, Dimension::Model],
        filter: vec![(Dimension::Provider, Some(provider.to_owned()))],
    };
    let rows = reader.spend(&query).map_err(Problem::store)?;
    let mut used: Vec<TeamUse> = Vec::new();
    for row in rows {
        let mut group = row.group.into_iter();
        let (team, model) = (group.next().flatten(), group.next().flatten());
        let TokensAnswer { input, cached, output } = TokensAnswer::of(|m| row.cell.units[m as usize]);
        let tokens = Tokens { input, cached, output };
        if tokens.total() > 0 {
            used.push(TeamUse { team, model: model.unwrap_or_default(), tokens });
        }
    }
    Ok(used)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_is_whole_hours_and_ends_now_at_the_latest() {
        let at = |minute: i64| {
            Timestamp::from_seconds(1_790_000_000).hour().start().plus_micros(minute * 60_000_000)
        };
        let now = at(200);
        assert_eq!(whole_hours(at(10), at(70), now), Some((at(0), at(120))));
        assert_eq!(whole_hours(at(60), at(120), now), Some((at(60), at(120))));
        assert_eq!(whole_hours(at(61), at(190), now), Some((at(60), at(200))));
        assert_eq!(whole_hours(at(70), at(65), now), Some((at(60), at(120))));
        assert_eq!(whole_hours(at(120), at(120), now), None);
        assert_eq!(whole_hours(at(250), at(300), now), None);
    }
}
