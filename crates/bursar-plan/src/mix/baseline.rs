//! What a plan is compared with: everything at the API, everything on nodes of its own, and the rule of thumb.
//!
//! All are fleets for the same problem and get their bill from the same [`Fleet::bill`] or [`super::replay::replay`].

use super::bill::Fleet;
use super::hour::{ALL, Hours, Lane};
use super::problem::{MixError, Problem};

/// The rule of thumb's ratio of the API's bill to the nodes' cost: the middle of 60 to 70 %.
pub const RULE_OF_THUMB: (i128, i128) = (65, 100);

/// How the rule of thumb is read. It says: when the cloud's bill reaches 60 to 70 % of what owning costs in total, move
/// the baseload to nodes of one's own and keep bursts at the API. It does not say of what the two bills are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reading {
    /// Node by node: a further node is had as long as the API's bill for what that node would carry is at least 65 % of
    /// its cost. The kindest reading: it differs from the optimum in nothing but the ratio.
    EachNode,
    /// All or nothing: where the API's bill is at least 65 % of the cost of enough nodes for the highest hour, those are
    /// had.
    WholeFleet,
    /// By the letter: where the API's bill is at least 65 % of the cost of enough nodes for the highest hour, as many are
    /// had as are full in half of the hours (the median load, rounded down), and the rest stays at the API.
    Baseload,
}

/// Everything at the API. Models that may not leave are unserved, and their bill says so.
///
/// # Errors
///
/// The problem's own.
pub fn all_api(problem: &Problem) -> Result<Fleet, MixError> {
    problem.check()?;
    Ok(Fleet::none(problem))
}

/// Enough nodes for the highest hour of each model, and one more, of the kind of which that costs least. Where fewer can
/// be had, nodes on demand are rented for the rest, and what is left then goes to the API.
///
/// # Errors
///
/// The problem's own.
pub fn all_dedicated(problem: &Problem) -> Result<Fleet, MixError> {
    let hours = Hours::new(problem)?;
    let mut fleet = Fleet::none(problem);
    for m in 0..hours.lanes.len() {
        if let Some(h) = cheapest_kind(&hours, m) {
            let free = free(&hours, &fleet, h);
            let nodes = u64::from(hours.lanes[m].most[h]);
            fleet.committed[m][h] = nodes.min(free) as u32;
            fleet.spare[m][h] = (free > nodes).into();
            rent_rest(&hours, &mut fleet, (m, h));
        }
    }
    Ok(fleet)
}

/// What the rule of thumb says, model by model in their order, on the kind of which enough nodes for the highest hour
/// cost least. A model that may not leave gets them all, as any rule would have it.
///
/// # Errors
///
/// The problem's own.
pub fn rule_of_thumb(problem: &Problem, reading: Reading) -> Result<Fleet, MixError> {
    let hours = Hours::new(problem)?;
    let mut fleet = Fleet::none(problem);
    for (m, lane) in hours.lanes.iter().enumerate() {
        let Some(h) = cheapest_kind(&hours, m) else { continue };
        let free = free(&hours, &fleet, h).min(u64::from(u32::MAX)) as u32;
        let nodes = match (&lane.api, reading) {
            (None, _) => lane.most[h],
            (Some(_), Reading::EachNode) => each_node(&hours, &fleet, (m, h), free),
            (Some(_), Reading::WholeFleet) if whole_pays(&hours, m, h) => lane.most[h],
            (Some(_), Reading::Baseload) if whole_pays(&hours, m, h) => median(&hours, lane, h),
            (Some(_), Reading::WholeFleet | Reading::Baseload) => 0,
        };
        fleet.committed[m][h] = nodes.min(free);
        if lane.api.is_none() {
            rent_rest(&hours, &mut fleet, (m, h));
        }
    }
    Ok(fleet)
}

/// Committed nodes of kind `h` that can still be had.
fn free(hours: &Hours, fleet: &Fleet, h: usize) -> u64 {
    let had: u64 = fleet.committed.iter().chain(&fleet.spare).map(|nodes| u64::from(nodes[h])).sum();
    hours.committed_limit(h).saturating_sub(had)
}

/// The kind of which enough nodes for the highest hour of model `m` cost least, at its cheapest term.
fn cheapest_kind(hours: &Hours, m: usize) -> Option<usize> {
    let price = |h: usize| {
        let committed = hours.committed[h].first().map(|p| p.nanos);
        committed.or(hours.on_demand[h].map(|p| p.nanos))
    };
    let kinds = (0..hours.kinds()).filter(|&h| hours.lanes[m].runs_on(h));
    kinds
        .filter_map(|h| Some((i128::from(price(h)?) * i128::from(hours.lanes[m].most[h]), h)))
        .min()
        .map(|(_, h)| h)
}

/// Rents, hour by hour, what the committed nodes of this kind do not carry.
fn rent_rest(hours: &Hours, fleet: &mut Fleet, (m, h): (usize, usize)) {
    let (lane, kinds) = (&hours.lanes[m], hours.kinds());
    let Some(price) = hours.on_demand[h] else { return };
    for t in (0..hours.hours).filter(|&t| !lane.idle[t]) {
        let rented: u64 = fleet.rented.iter().map(|r| u64::from(r[t * kinds + h])).sum();
        let free = u64::from(price.limit).saturating_sub(rented);
        let share = lane.shares[t * kinds + h];
        if share > 0 {
            let nodes = lane.rest(t, &fleet.committed[m]).div_ceil(share).min(free);
            fleet.rented[m][t * kinds + h] = nodes as u32;
        }
    }
}

/// Whether the API's bill is 65 % of the cost of enough nodes for the highest hour.
fn whole_pays(hours: &Hours, m: usize, h: usize) -> bool {
    let lane = &hours.lanes[m];
    let bill: i128 = lane.api.iter().flatten().map(|&nanos| i128::from(nanos)).sum();
    hours
        .committed_cost(h, u64::from(lane.most[h]))
        .is_some_and(|cost| reaches(bill, cost * hours.hours as i128))
}

fn reaches(bill: i128, cost: i128) -> bool {
    let (over, under) = RULE_OF_THUMB;
    bill * under >= cost * over
}

/// The nodes that are full in half of the hours.
fn median(hours: &Hours, lane: &Lane, h: usize) -> u32 {
    let loads = (0..hours.hours).map(|t| match lane.shares[t * hours.kinds() + h] {
        share if share > 0 && !lane.idle[t] => ALL / share,
        _ => 0,
    });
    let mut loads: Vec<u64> = loads.collect();
    loads.sort_unstable();
    loads.get((loads.len() - 1) / 2).map_or(0, |&n| n as u32)
}

/// Nodes are had one after the other as long as what each would carry costs 65 % of it at the API.
fn each_node(hours: &Hours, fleet: &Fleet, (m, h): (usize, usize), free: u32) -> u32 {
    let lane = &hours.lanes[m];
    let had: u64 = fleet.committed.iter().map(|nodes| u64::from(nodes[h])).sum();
    let cost = |n: u32| hours.committed_cost(h, had + u64::from(n));
    let mut nodes = vec![0; hours.kinds()];
    for n in 0..lane.most[h].min(free) {
        nodes[h] = n;
        let left = |t: usize| lane.rest(t, &nodes);
        let bill: i128 = (0..hours.hours)
            .filter(|&t| !lane.idle[t])
            .map(|t| {
                let rest = left(t);
                let after = rest.saturating_sub(lane.shares[t * hours.kinds() + h]);
                lane.api_cost(t, rest) - lane.api_cost(t, after)
            })
            .sum();
        let node = cost(n + 1).zip(cost(n)).map(|(more, fewer)| (more - fewer) * hours.hours as i128);
        if !node.is_some_and(|node| bill > 0 && reaches(bill, node)) {
            return n;
        }
    }
    lane.most[h].min(free)
}
