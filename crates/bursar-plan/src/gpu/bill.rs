//! A node's bill, divided: to tenants what they used, to the owner what was idle, and a line each for what was broken
//! and what nobody knows. The lines add up to the bill to the last nano-dollar.

use std::collections::BTreeMap;

use bursar_core::{Money, Timestamp};

use super::dcgm::SLICES;
use super::gap::{Gap, GapKind};
use super::shares::{divide, divide_money};
use super::state::GpuState;
use super::vllm::Tokens;

/// Microseconds of an hour.
const HOUR: i128 = 3_600_000_000;

/// Spans without some stretches of time.
#[must_use]
pub fn without(spans: &[Span], gone: &[(Timestamp, Timestamp)]) -> Vec<Span> {
    let mut left: Vec<Span> = spans.to_vec();
    for &(since, until) in gone {
        let cut = |span: Span| {
            let before = Span { until: span.until.min(since), ..span.clone() };
            let after = Span { since: span.since.max(until), ..span };
            [before, after].into_iter().filter(|s| s.since < s.until)
        };
        left = left.into_iter().flat_map(cut).collect();
    }
    left
}

/// What a node costs from a moment on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rate {
    /// From when on.
    pub since: Timestamp,
    /// Until when; `None` for as long as nothing else is said.
    pub until: Option<Timestamp>,
    /// The whole node, per hour.
    pub per_hour: Money,
    /// How many GPUs the price is for.
    pub accelerators: u32,
    /// Whose it is.
    pub owner: String,
}

/// What a GPU, or a part of one, did over a stretch of time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Span {
    /// Which.
    pub gpu: String,
    /// How many of a GPU's [`SLICES`] it has.
    pub slices: u32,
    /// The state.
    pub state: GpuState,
    /// From when on.
    pub since: Timestamp,
    /// Until when.
    pub until: Timestamp,
}

/// How much GPU time a token takes, relative to the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Weights {
    /// An input token that is computed.
    pub input: u32,
    /// An input token that the prefix cache held.
    pub cached: u32,
    /// An output token.
    pub output: u32,
}

impl Default for Weights {
    /// Microseconds of one H100 a token, at 32 requests at once, from measured curves of an 8B model in FP8: an input
    /// token is computed once beside many others, an output token takes a step of its own. A token of the prefix cache is
    /// not computed.
    fn default() -> Weights {
        Weights { input: 23, cached: 0, output: 185 }
    }
}

impl Weights {
    /// The modelled GPU time of tokens, in units of these weights.
    #[must_use]
    pub fn of(&self, tokens: Tokens) -> u128 {
        let part = |count: u64, weight: u32| u128::from(count) * u128::from(weight);
        part(tokens.input, self.input) + part(tokens.cached, self.cached) + part(tokens.output, self.output)
    }
}

/// What a team used of a model, as Bursar has booked it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct TeamUse {
    /// The team; `None` where nobody said.
    pub team: Option<String>,
    /// The model.
    pub model: String,
    /// The tokens.
    pub tokens: Tokens,
}

/// What of a provider's calls was made on one of its nodes: by the tokens that the engines there counted of all that were
/// counted, each kind for itself; of a model that no engine counted, an even part.
#[must_use]
pub fn used_here(
    used: &[TeamUse],
    here: &BTreeMap<String, Tokens>,
    everywhere: &BTreeMap<String, Tokens>,
    nodes: u64,
) -> Vec<TeamUse> {
    let part = |count: u64, here: u64, all: u64, fallback: (u64, u64)| {
        let (a, b) = if all > 0 { (here, all) } else { fallback };
        let share = u128::from(count) * u128::from(a) / u128::from(b.max(1));
        u64::try_from(share).unwrap_or(u64::MAX)
    };
    let one = |team: &TeamUse| {
        let (t, all) = (team.tokens, everywhere.get(&team.model).copied().unwrap_or_default());
        let of = here.get(&team.model).copied().unwrap_or_default();
        let fallback = if all.total() > 0 { (of.total(), all.total()) } else { (1, nodes) };
        let tokens = Tokens {
            input: part(t.input, of.input, all.input, fallback),
            cached: part(t.cached, of.cached, all.cached, fallback),
            output: part(t.output, of.output, all.output, fallback),
        };
        TeamUse { tokens, ..team.clone() }
    };
    used.iter().map(one).filter(|t| t.tokens.total() > 0).collect()
}

/// Whom a line is charged to.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Payer {
    /// A team, for what it used of a model.
    Team {
        /// The team; `None` for calls of which nobody said whose they are.
        team: Option<String>,
        /// The model.
        model: String,
    },
    /// The owner, for tokens that the engine counted and that did not come through Bursar.
    Outside {
        /// The model.
        model: String,
    },
    /// The owner, for work of which no token is known.
    Unattributed,
    /// The owner, for what stood idle in this state.
    Idle(GpuState),
    /// Nobody's work: broken and billed.
    Faulty,
    /// Nobody knows what was done.
    Unknown,
}

/// One line of a statement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BillLine {
    /// Who pays.
    pub payer: Payer,
    /// GPU time in microseconds: measured for states, modelled for teams.
    pub gpu_micros: u64,
    /// The tokens that it is for, where it is for tokens.
    pub tokens: Option<Tokens>,
    /// The amount.
    pub amount: Money,
}

/// A node's bill over a stretch of time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Statement {
    /// What the node cost.
    pub bill: Money,
    /// The lines; they add up to the bill.
    pub lines: Vec<BillLine>,
    /// The bill by state.
    pub by_state: BTreeMap<GpuState, (u64, Money)>,
    /// What is not known.
    pub gaps: Vec<Gap>,
}

/// What a statement is made of.
#[derive(Clone, Copy, Debug)]
pub struct Account<'a> {
    /// The node's name.
    pub node: &'a str,
    /// From when on.
    pub since: Timestamp,
    /// Until when.
    pub until: Timestamp,
    /// What it costs, in the order of time.
    pub rates: &'a [Rate],
    /// What its GPUs did.
    pub spans: &'a [Span],
    /// What teams used, as Bursar has booked it.
    pub used: &'a [TeamUse],
    /// What the engines counted, by model; empty where none is asked.
    pub counted: &'a BTreeMap<String, Tokens>,
    /// Whether they counted all the time. Where they did not, that Bursar has booked more says nothing.
    pub counted_whole: bool,
    /// How much GPU time a token takes.
    pub weights: Weights,
}

/// Divides a node's bill. `None` where it is beyond the range of money.
#[must_use]
pub fn statement(account: &Account<'_>) -> Option<Statement> {
    let mut by_state: BTreeMap<GpuState, (u64, Money)> = BTreeMap::new();
    let mut bill = Money::ZERO;
    for rate in account.rates {
        let since = rate.since.max(account.since);
        let until = rate.until.map_or(account.until, |end| end.min(account.until));
        let elapsed = until.micros().saturating_sub(since.micros());
        let Ok(elapsed @ 1..) = u64::try_from(elapsed) else { continue };
        let piece = cost_of(rate.per_hour, elapsed)?;
        bill = bill.checked_add(piece)?;
        let times = times_of(account.spans, rate.accelerators, (since, until), elapsed);
        let weights: Vec<u128> = times.values().copied().collect();
        // The times together are all of the node's time, which is above zero.
        let amounts = divide_money(piece, &weights)?;
        for ((state, units), amount) in times.into_iter().zip(amounts) {
            let (time, sum) = by_state.entry(state).or_insert((0, Money::ZERO));
            *time = time.saturating_add(u64::try_from(units / u128::from(SLICES)).unwrap_or(u64::MAX));
            *sum = sum.checked_add(amount)?;
        }
    }
    by_state.retain(|_, (time, amount)| *time > 0 || *amount != Money::ZERO);
    let mut gaps = Vec::new();
    let lines = lines_of(account, &by_state, &mut gaps)?;
    Some(Statement { bill, lines, by_state, gaps })
}

/// What a stretch of time costs, rounded once, a tie to the even nano-dollar.
fn cost_of(per_hour: Money, micros: u64) -> Option<Money> {
    let product = i128::from(per_hour.nanos()).checked_mul(i128::from(micros))?;
    let (whole, rest) = (product.div_euclid(HOUR), product.rem_euclid(HOUR));
    let up = 2 * rest > HOUR || (2 * rest == HOUR && whole.rem_euclid(2) == 1);
    i64::try_from(whole + i128::from(up)).ok().map(Money::from_nanos)
}

/// Slice-microseconds of each state; together they are those of all GPUs that the price is for, or of all that were seen
/// where those are more. What no sample covers is unknown.
fn times_of(
    spans: &[Span],
    accelerators: u32,
    (since, until): (Timestamp, Timestamp),
    elapsed: u64,
) -> BTreeMap<GpuState, u128> {
    let mut by_gpu: BTreeMap<&str, Vec<&Span>> = BTreeMap::new();
    for span in spans.iter().filter(|s| s.since < until && s.until > since) {
        by_gpu.entry(&span.gpu).or_default().push(span);
    }
    let mut times: BTreeMap<GpuState, u128> = BTreeMap::new();
    let mut covered = 0u128;
    for spans in by_gpu.values_mut() {
        spans.sort_by_key(|s| (s.since, s.until));
        let mut from = since;
        for span in spans.iter() {
            let (start, end) = (span.since.max(from), span.until.min(until));
            let micros = u64::try_from(end.micros().saturating_sub(start.micros())).unwrap_or(0);
            let units = u128::from(micros) * u128::from(span.slices.min(SLICES));
            *times.entry(span.state).or_insert(0) += units;
            covered += units;
            from = from.max(end);
        }
    }
    let paid = u128::from(accelerators.max(1)) * u128::from(SLICES) * u128::from(elapsed);
    *times.entry(GpuState::Unknown).or_insert(0) += paid.saturating_sub(covered);
    times
}

fn lines_of(
    account: &Account<'_>,
    by_state: &BTreeMap<GpuState, (u64, Money)>,
    gaps: &mut Vec<Gap>,
) -> Option<Vec<BillLine>> {
    let worked = || by_state.iter().filter(|(state, _)| state.works()).map(|(_, sums)| *sums);
    let micros = worked().fold(0u64, |sum, (time, _)| sum.saturating_add(time));
    let mut lines = work_lines(account, (micros, Money::checked_sum(worked().map(|(_, m)| m))?), gaps)?;
    for (state, (gpu_micros, amount)) in by_state.iter().filter(|(s, _)| !s.works()) {
        let payer = match state {
            GpuState::Faulty => Payer::Faulty,
            GpuState::Unknown => Payer::Unknown,
            idle => Payer::Idle(*idle),
        };
        lines.push(BillLine { payer, gpu_micros: *gpu_micros, tokens: None, amount: *amount });
    }
    if let Some((time, _)) = by_state.get(&GpuState::Unknown).filter(|(time, _)| *time > 0) {
        let detail =
            format!("{} GPU-seconds are covered by no sample that can be believed", time / 1_000_000);
        gaps.push(Gap::new(GapKind::NotSampled, account.node, detail));
    }
    Some(lines)
}

/// The time in which GPUs worked, to those whose tokens they made.
fn work_lines(
    account: &Account<'_>,
    (gpu_micros, amount): (u64, Money),
    gaps: &mut Vec<Gap>,
) -> Option<Vec<BillLine>> {
    if gpu_micros == 0 && amount == Money::ZERO {
        return Some(Vec::new());
    }
    let users = users_of(account, gaps);
    let weights: Vec<u128> = users.iter().map(|(_, tokens)| account.weights.of(*tokens)).collect();
    let Some(amounts) = divide_money(amount, &weights) else {
        let detail =
            format!("GPUs worked for {} s, and no token is known that they made", gpu_micros / 1_000_000);
        gaps.push(Gap::new(GapKind::NobodyKnown, account.node, detail));
        return Some(vec![BillLine { payer: Payer::Unattributed, gpu_micros, tokens: None, amount }]);
    };
    let times = divide(gpu_micros, &weights)?;
    let lines = users.into_iter().zip(times).zip(amounts);
    let line = |(((payer, tokens), gpu_micros), amount)| BillLine {
        payer,
        gpu_micros,
        tokens: Some(tokens),
        amount,
    };
    Some(lines.map(line).filter(|l| l.gpu_micros > 0 || l.amount != Money::ZERO).collect())
}

/// Everybody whose tokens are known: teams from Bursar's own log, and what the engines counted beyond it.
fn users_of(account: &Account<'_>, gaps: &mut Vec<Gap>) -> Vec<(Payer, Tokens)> {
    let mut users: BTreeMap<Payer, Tokens> = BTreeMap::new();
    let mut booked: BTreeMap<&str, Tokens> = BTreeMap::new();
    for part in account.used {
        let payer = Payer::Team { team: part.team.clone(), model: part.model.clone() };
        let tokens = part.tokens;
        let sum = users.entry(payer).or_default();
        *sum = sum.plus(tokens);
        let sum = booked.entry(&part.model).or_default();
        *sum = sum.plus(tokens);
    }
    let nothing = Tokens::default();
    // Where no engine is asked nobody has counted, and where one is, a model that none of them knows is a disagreement.
    let booked_alone =
        booked.keys().copied().filter(|m| !account.counted.is_empty() && !account.counted.contains_key(*m));
    let counted = account.counted.iter().map(|(model, tokens)| (model.as_str(), tokens));
    for (model, counted) in counted.chain(booked_alone.map(|m| (m, &nothing))) {
        let booked = booked.get(model).copied().unwrap_or_default();
        let outside = counted.beyond(booked);
        if outside.total() > 0 {
            users.insert(Payer::Outside { model: model.to_owned() }, outside);
        }
        let over = booked.beyond(*counted).total();
        // A call counts in the hour in which it began, and its tokens when they are made: a little is no disagreement.
        if account.counted_whole && over > counted.total() / 20 {
            let detail =
                format!("{over} tokens of {model} went through Bursar that no engine of the node counted");
            gaps.push(Gap::new(GapKind::TokensDisagree, account.node, detail));
        }
    }
    users.into_iter().collect()
}
