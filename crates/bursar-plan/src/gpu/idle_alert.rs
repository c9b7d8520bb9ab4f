//! GPUs that stand idle or broken while they are paid for: told once when it has gone on for a while, and once more
//! when it is over.

use std::collections::BTreeMap;

use bursar_core::{Money, Timestamp};

use super::state::GpuState;

/// When it is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IdleRule {
    /// A GPU is idle when it has been for so many microseconds without a break.
    pub after: i64,
    /// It is over when nothing has been idle for so many microseconds.
    pub over_after: i64,
    /// Less than this an hour is not told.
    pub least_per_hour: Money,
}

impl Default for IdleRule {
    fn default() -> IdleRule {
        IdleRule { after: 30 * 60_000_000, over_after: 10 * 60_000_000, least_per_hour: Money::ZERO }
    }
}

/// What is wasted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Waste {
    /// GPUs that could work and do not.
    Idle,
    /// GPUs that are broken and billed.
    Faulty,
}

impl Waste {
    /// Both.
    pub const ALL: [Waste; 2] = [Waste::Idle, Waste::Faulty];

    /// The rule's name in alerts.
    #[must_use]
    pub const fn rule(self) -> &'static str {
        match self {
            Waste::Idle => "gpu:idle",
            Waste::Faulty => "gpu:faulty",
        }
    }

    const fn is(self, state: GpuState) -> bool {
        match self {
            Waste::Idle => state.is_idle(),
            Waste::Faulty => matches!(state, GpuState::Faulty),
        }
    }
}

/// A GPU as it is now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Look {
    /// The node.
    pub node: String,
    /// The GPU.
    pub gpu: String,
    /// Its state now.
    pub state: GpuState,
    /// What it costs an hour.
    pub per_hour: Money,
}

/// Something to tell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdleEvent {
    /// The node.
    pub node: String,
    /// What is wasted.
    pub waste: Waste,
    /// Whether it begins; else it is over.
    pub begins: bool,
    /// Since when: of what begins the first GPU's beginning; of what is over its beginning too.
    pub since: Timestamp,
    /// When it was seen.
    pub at: Timestamp,
    /// The GPUs that are wasted; of what is over, none.
    pub gpus: Vec<String>,
    /// What they cost an hour.
    pub per_hour: Money,
    /// How often this node was told of before.
    pub episode: u32,
}

/// A node and what is wasted there.
type Place = (String, Waste);

#[derive(Clone, Copy, Debug)]
struct Raised {
    since: Timestamp,
    /// When nothing was wasted for the first time since; `None` while something is.
    calm_since: Option<Timestamp>,
}

/// What has been told, and since when each GPU is what it is.
#[derive(Clone, Debug, Default)]
pub struct IdleWatch {
    rule: IdleRule,
    /// Since when a GPU is wasted, without a break.
    wasted: BTreeMap<(Place, String), Timestamp>,
    raised: BTreeMap<Place, Raised>,
    episodes: BTreeMap<Place, u32>,
}

impl IdleWatch {
    /// A watch that has told nothing.
    #[must_use]
    pub fn new(rule: IdleRule) -> IdleWatch {
        IdleWatch { rule, ..IdleWatch::default() }
    }

    /// What was told before and is not over, so that it is not told again.
    pub fn restore(&mut self, node: &str, waste: Waste, since: Timestamp, episode: u32) {
        let place = (node.to_owned(), waste);
        self.episodes.insert(place.clone(), episode);
        self.raised.insert(place, Raised { since, calm_since: None });
    }

    /// Since when a GPU has been wasted, as far as the store knows it from before.
    pub fn restore_gpu(&mut self, node: &str, gpu: &str, state: GpuState, since: Timestamp) {
        for waste in Waste::ALL.into_iter().filter(|w| w.is(state)) {
            self.wasted.insert(((node.to_owned(), waste), gpu.to_owned()), since);
        }
    }

    /// Looks at all GPUs. One whose state is unknown stays what it was, in doubt for nobody.
    pub fn step(&mut self, looks: &[Look], at: Timestamp) -> Vec<IdleEvent> {
        self.note(looks, at);
        let mut places: Vec<Place> = self.raised.keys().cloned().collect();
        places.extend(self.wasted.keys().map(|(place, _)| place.clone()));
        places.sort();
        places.dedup();
        places.into_iter().filter_map(|place| self.place(place, looks, at)).collect()
    }

    fn note(&mut self, looks: &[Look], at: Timestamp) {
        let known = |place: &Place, gpu: &str| looks.iter().find(|l| l.node == place.0 && l.gpu == gpu);
        self.wasted.retain(|(place, gpu), _| {
            known(place, gpu).is_some_and(|l| place.1.is(l.state) || l.state == GpuState::Unknown)
        });
        for look in looks {
            for waste in Waste::ALL.into_iter().filter(|w| w.is(look.state)) {
                self.wasted.entry(((look.node.clone(), waste), look.gpu.clone())).or_insert(at);
            }
        }
    }

    fn place(&mut self, place: Place, looks: &[Look], at: Timestamp) -> Option<IdleEvent> {
        let here = || self.wasted.iter().filter(|((p, _), _)| *p == place);
        let long = here().filter(|(_, since)| at.micros().saturating_sub(since.micros()) >= self.rule.after);
        let gpus: Vec<(String, Timestamp)> = long.map(|((_, gpu), since)| (gpu.clone(), *since)).collect();
        let price = |gpu: &str| looks.iter().find(|l| l.node == place.0 && l.gpu == gpu).map(|l| l.per_hour);
        let per_hour: Money = gpus.iter().filter_map(|(gpu, _)| price(gpu)).sum();
        let first = gpus.iter().map(|(_, since)| *since).min();
        let is_told = first.filter(|_| per_hour >= self.rule.least_per_hour);
        let any = here().next().is_some();
        let episode = self.episodes.get(&place).copied().unwrap_or(0);
        let event = |begins, since, gpus: Vec<String>, per_hour| IdleEvent {
            node: place.0.clone(),
            waste: place.1,
            begins,
            since,
            at,
            gpus,
            per_hour,
            episode,
        };
        match (self.raised.get_mut(&place), is_told) {
            (None, None) => None,
            (None, Some(since)) => {
                let told = event(true, since, gpus.into_iter().map(|(gpu, _)| gpu).collect(), per_hour);
                self.raised.insert(place, Raised { since, calm_since: None });
                Some(told)
            }
            (Some(raised), _) if any => {
                raised.calm_since = None;
                None
            }
            (Some(raised), _) => {
                let calm = *raised.calm_since.get_or_insert(at);
                if at.micros().saturating_sub(calm.micros()) < self.rule.over_after {
                    return None;
                }
                let over = event(false, raised.since, Vec::new(), Money::ZERO);
                self.episodes.insert(place.clone(), episode + 1);
                self.raised.remove(&place);
                Some(over)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: i64 = 60;

    fn at(minute: i64) -> Timestamp {
        Timestamp::from_seconds(minute * MINUTE)
    }

    fn look(gpu: &str, state: GpuState) -> Look {
        let per_hour = "3.933".parse().unwrap();
        Look { node: "n".to_owned(), gpu: gpu.to_owned(), state, per_hour }
    }

    /// Steps once a minute; says when what was told.
    fn told(watch: &mut IdleWatch, from: i64, states: &[GpuState]) -> Vec<(i64, bool)> {
        let step = |(i, state): (usize, &GpuState)| {
            let minute = from + i64::try_from(i).unwrap();
            watch
                .step(&[look("a", *state)], at(minute))
                .into_iter()
                .map(move |e| (minute, e.begins))
                .collect::<Vec<_>>()
        };
        states.iter().enumerate().flat_map(step).collect()
    }

    use GpuState::{Active, Faulty, ResidentIdle, Unallocated, Unknown};

    #[test]
    fn a_gpu_that_idles_is_told_once_with_its_dollars_and_since_when_and_once_when_it_is_over() {
        let mut watch = IdleWatch::new(IdleRule::default());
        let looks = [look("a", ResidentIdle), look("b", Unallocated), look("c", Active)];
        for minute in 0..30 {
            assert_eq!(watch.step(&looks, at(minute)), []);
        }
        let event = watch.step(&looks, at(30)).remove(0);
        assert_eq!(
            (event.gpus.join(" "), event.since, event.per_hour),
            ("a b".into(), at(0), "7.866".parse().unwrap())
        );
        for minute in 31..200 {
            assert_eq!(watch.step(&looks, at(minute)), []);
        }
        let busy = [look("a", Active), look("b", Active)];
        let over: Vec<IdleEvent> = (200..220).flat_map(|m| watch.step(&busy, at(m))).collect();
        assert_eq!(over.len(), 1);
        assert_eq!((over[0].begins, over[0].at, over[0].since), (false, at(210), at(0)));
    }

    #[test]
    fn a_short_break_ends_nothing_and_a_short_rest_begins_nothing() {
        let mut watch = IdleWatch::new(IdleRule::default());
        assert_eq!(told(&mut watch, 0, &[Unallocated; 31]), [(30, true)]);
        assert_eq!(told(&mut watch, 31, &[Active; 9]), []);
        assert_eq!(told(&mut watch, 40, &[Unallocated; 60]), []);
        assert_eq!(told(&mut watch, 100, &[Active; 20]), [(110, false)]);
        let bursts: Vec<GpuState> =
            (0..200).map(|i| if i % 25 == 0 { Active } else { Unallocated }).collect();
        assert_eq!(told(&mut watch, 120, &bursts), []);
    }

    #[test]
    fn a_state_that_nobody_knows_neither_begins_nor_ends_anything() {
        let mut watch = IdleWatch::new(IdleRule::default());
        assert_eq!(told(&mut watch, 0, &[Unknown; 100]), []);
        assert_eq!(told(&mut watch, 100, &[Unallocated; 20]), []);
        assert_eq!(told(&mut watch, 120, &[Unknown; 9]), []);
        assert_eq!(told(&mut watch, 129, &[Unallocated; 2]), [(130, true)]);
        assert_eq!(told(&mut watch, 131, &[Unknown; 100]), []);
    }

    #[test]
    fn a_faulty_gpu_is_told_apart_from_an_idle_one() {
        let mut watch = IdleWatch::new(IdleRule::default());
        let looks = [look("a", Faulty), look("b", Unallocated)];
        let events: Vec<IdleEvent> = (0..40).flat_map(|m| watch.step(&looks, at(m))).collect();
        let rules: Vec<(&str, String)> = events.iter().map(|e| (e.waste.rule(), e.gpus.join(" "))).collect();
        assert_eq!(rules, [("gpu:idle", "b".to_owned()), ("gpu:faulty", "a".to_owned())]);
    }

    #[test]
    fn what_was_told_before_a_restart_is_not_told_again_and_ends_when_it_is_over() {
        let mut watch = IdleWatch::new(IdleRule::default());
        watch.restore("n", Waste::Idle, at(0), 3);
        watch.restore_gpu("n", "a", Unallocated, at(0));
        assert_eq!(told(&mut watch, 100, &[Unallocated; 60]), []);
        let over: Vec<IdleEvent> = (160..175).flat_map(|m| watch.step(&[look("a", Active)], at(m))).collect();
        assert_eq!((over.len(), over[0].episode, over[0].since), (1, 3, at(0)));
        let mut again = watch.clone();
        let next: Vec<IdleEvent> =
            (175..220).flat_map(|m| again.step(&[look("a", Unallocated)], at(m))).collect();
        assert_eq!((next.len(), next[0].episode), (1, 4));
    }

    #[test]
    fn a_node_that_is_gone_ends_what_was_told_of_it_and_little_money_is_not_told() {
        let mut watch = IdleWatch::new(IdleRule::default());
        assert_eq!(told(&mut watch, 0, &[Unallocated; 31]), [(30, true)]);
        let over: Vec<IdleEvent> = (31..60).flat_map(|m| watch.step(&[], at(m))).collect();
        assert_eq!((over.len(), over[0].at), (1, at(41)));
        let rule = IdleRule { least_per_hour: "5".parse().unwrap(), ..IdleRule::default() };
        assert_eq!(told(&mut IdleWatch::new(rule), 0, &[Unallocated; 100]), []);
    }
}
