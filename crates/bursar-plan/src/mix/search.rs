//! From the relaxation to whole nodes: the best of its neighbours, and theirs, until none is better.

use super::hour::Hours;
use super::relax::Relaxed;
use super::weigh::{Counts, Scales};

/// What has at most this many numbers of nodes is looked through.
const MOST_IN_A_BOX: u64 = 1_000;

/// One model's number of nodes of one kind changes.
type Step = (usize, usize, i64);

/// The best whole numbers of committed nodes that were found, from the relaxation's two answers on.
pub(crate) fn search(hours: &Hours, relaxed: &Relaxed, scales: &mut Scales<'_>) -> Counts {
    let down = |nodes: &Vec<f64>| nodes.iter().map(|n| (n + 1e-6).floor() as u32).collect();
    let floor: Counts = relaxed.nodes.iter().map(down).collect();
    let none: Counts = floor.iter().map(|nodes| vec![0; nodes.len()]).collect();
    let starts = [relaxed.whole.clone(), floor, none];
    let mut best: Option<(f64, Counts)> = None;
    // The last start always can be had, and is only walked from where the others cannot.
    for (i, start) in starts.into_iter().enumerate() {
        if i == 2 && best.is_some() {
            break;
        }
        let Some(cost) = scales.cost(&start) else { continue };
        let found = descend(hours, scales, (cost, start));
        if best.as_ref().is_none_or(|b| found.0 < b.0) {
            best = Some(found);
        }
    }
    best.map_or_else(Counts::new, |(_, counts)| counts)
}

/// Walks to the best neighbour as long as there is a better one, and where there is none, looks at everything that can
/// be looked at: with few nodes a better place may lie behind worse ones.
fn descend(hours: &Hours, scales: &mut Scales<'_>, start: (f64, Counts)) -> (f64, Counts) {
    let (moves, boxes) = (moves(hours), boxes(hours));
    let mut best = walk(scales, &moves, start);
    loop {
        let before = best.0;
        for models in &boxes {
            best = look_through(hours, scales, models, best);
        }
        if best.0 >= before {
            return best;
        }
        best = walk(scales, &moves, best);
    }
}

/// Groups of models whose nodes can be counted through together: all of them, or else each alone.
fn boxes(hours: &Hours) -> Vec<Vec<usize>> {
    let size = |m: usize| {
        let kinds =
            (0..hours.kinds()).map(|h| u64::from(hours.lanes[m].most[h]).min(hours.committed_limit(h)) + 1);
        kinds.fold(1, u64::saturating_mul)
    };
    let all: Vec<usize> = (0..hours.lanes.len()).collect();
    if all.iter().map(|&m| size(m)).fold(1, u64::saturating_mul) <= MOST_IN_A_BOX {
        return vec![all];
    }
    all.into_iter().filter(|&m| size(m) <= MOST_IN_A_BOX).map(|m| vec![m]).collect()
}

/// The best of all numbers of nodes of these models, the others as they are.
fn look_through(
    hours: &Hours,
    scales: &mut Scales<'_>,
    models: &[usize],
    mut best: (f64, Counts),
) -> (f64, Counts) {
    let places: Vec<(usize, usize)> =
        models.iter().flat_map(|&m| (0..hours.kinds()).map(move |h| (m, h))).collect();
    let most =
        |(m, h): (usize, usize)| u64::from(hours.lanes[m].most[h]).min(hours.committed_limit(h)) as u32;
    let mut counts = best.1.clone();
    places.iter().for_each(|&(m, h)| counts[m][h] = 0);
    loop {
        if let Some(cost) = scales.cost(&counts)
            && cost < best.0
        {
            best = (cost, counts.clone());
        }
        let Some(grows) = places.iter().position(|&(m, h)| counts[m][h] < most((m, h))) else { return best };
        counts[places[grows].0][places[grows].1] += 1;
        places[..grows].iter().for_each(|&(m, h)| counts[m][h] = 0);
    }
}

fn walk(scales: &mut Scales<'_>, moves: &[Vec<Step>], start: (f64, Counts)) -> (f64, Counts) {
    let (mut cost, mut counts) = start;
    loop {
        let mut best = (cost, None);
        for steps in moves {
            if let Some(neighbour) = moved(&counts, steps)
                && let Some(cost) = scales.cost(&neighbour)
                && cost < best.0
            {
                best = (cost, Some(neighbour));
            }
        }
        match best {
            (lower, Some(neighbour)) => (cost, counts) = (lower, neighbour),
            _ => return (cost, counts),
        }
    }
}

/// Nodes more or fewer of one kind, exchanged for another kind, handed from one model to another, or changed for two
/// models at once.
fn moves(hours: &Hours) -> Vec<Vec<Step>> {
    let places: Vec<(usize, usize)> = hours
        .lanes
        .iter()
        .enumerate()
        .flat_map(|(m, lane)| (0..hours.kinds()).filter(|&h| lane.runs_on(h)).map(move |h| (m, h)))
        .collect();
    let mut moves: Vec<Vec<Step>> = Vec::new();
    for &(m, h) in &places {
        moves.extend([1, -1, 2, -2, 4, -4, 16, -16].map(|n| vec![(m, h, n)]));
        for &(other, kind) in places.iter().filter(|&&place| place != (m, h)) {
            if other == m {
                moves.extend(
                    [(1, -1), (2, -1), (1, -2), (3, -1), (1, -3)].map(|(a, b)| vec![(m, h, a), (m, kind, b)]),
                );
            } else {
                moves.push(vec![(m, h, 1), (other, kind, -1)]);
                if (m, h) < (other, kind) {
                    moves.extend([1, -1].map(|n| vec![(m, h, n), (other, kind, n)]));
                }
            }
        }
    }
    moves
}

fn moved(counts: &Counts, steps: &[Step]) -> Option<Counts> {
    let mut moved = counts.clone();
    for &(m, h, n) in steps {
        moved[m][h] = u32::try_from(i64::from(moved[m][h]) + n).ok()?;
    }
    Some(moved)
}
