//! From the relaxation to whole nodes: the best of its neighbours, and theirs, until none is better.

use super::hour::Hours;
use super::relax::Relaxed;
use super::weigh::{Counts, Scales};

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

/// Walks to the best neighbour as long as there is a better one.
fn descend(hours: &Hours, scales: &mut Scales<'_>, start: (f64, Counts)) -> (f64, Counts) {
    let moves = moves(hours);
    let (mut cost, mut counts) = start;
    loop {
        let mut best = (cost, None);
        for steps in &moves {
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

/// Nodes more or fewer of one kind, exchanged for another kind, or handed from one model to another.
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
            } else if kind == h {
                moves.push(vec![(m, h, 1), (other, h, -1)]);
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
