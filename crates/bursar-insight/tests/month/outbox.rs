//! What was told, as a store keeps it: each key once.

use std::collections::BTreeMap;

use bursar_core::Timestamp;
use bursar_insight::watch::{Event, Known, Phase};

#[derive(Default)]
pub(crate) struct Outbox {
    /// By key and whether it is a recovery.
    pub(crate) events: BTreeMap<(String, bool), Event>,
}

impl Outbox {
    /// Keeps events. One that is there already is a fault: a watch that knows what was told repeats nothing.
    pub(crate) fn keep(&mut self, events: Vec<Event>) {
        for event in events {
            let place = (event.case.key(), event.phase != Phase::Raised);
            let before = self.events.insert(place, event.clone());
            assert!(before.is_none(), "told twice: {before:?} {event:?}");
        }
    }

    /// What a new watch has to know at a moment: of every account and rule the latest case whose window is not over,
    /// and every case that has not recovered.
    pub(crate) fn known(&self, now: Timestamp) -> Vec<Known> {
        let mut latest: BTreeMap<_, Known> = BTreeMap::new();
        for ((key, is_recovery), event) in &self.events {
            if *is_recovery {
                continue;
            }
            let is_raised = !self.events.contains_key(&(key.clone(), true));
            if !is_raised && event.case.window.end <= now {
                continue;
            }
            let case = &event.case;
            let place = (case.budget.clone(), case.instance.clone(), case.window.start, case.rule);
            let known = Known {
                case: case.clone(),
                is_raised,
                audience: event.audience,
                figures: event.figures.clone(),
            };
            let is_later = latest.get(&place).is_none_or(|k| k.case.episode < case.episode);
            if is_later {
                latest.insert(place, known);
            }
        }
        latest.into_values().collect()
    }
}
