//! The budgets of the storm: every call is covered by six of them, with room for 10 to 500 calls.

use std::fmt::Write as _;

use super::mix::{StormCall, app_of, team_of};

/// What a budget of the storm is counted in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Nano-dollars.
    Nanos,
    /// Tokens.
    Tokens,
}

/// A budget of the storm.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Room {
    /// Its name.
    pub name: String,
    /// Whom it covers, as its definition says.
    pub scope: String,
    /// What it is per; empty where it is one for all.
    pub per: &'static str,
    /// Its unit.
    pub unit: Unit,
    /// Its amount, in the unit's smallest part.
    pub amount: i64,
}

/// For so many usual calls the budget of each app has room.
const APP_ROOM: [i64; 10] = [10, 15, 25, 40, 60, 90, 140, 220, 340, 500];
const TEAM_ROOM: [i64; 2] = [400, 500];
const ALL_ROOM: i64 = 500;
const KEY_ROOM: i64 = 40;
const CONSUMER_ROOM: i64 = 20;
const TOKEN_ROOM: i64 = 500;

/// The budgets, with room measured in the mean ceiling of these calls.
#[must_use]
pub fn rooms(calls: &[StormCall]) -> Vec<Room> {
    let count = i64::try_from(calls.len().max(1)).unwrap_or(i64::MAX);
    let mean = calls.iter().map(StormCall::ceiling_nanos).sum::<i64>() / count;
    let tokens = calls.iter().map(|c| i64::try_from(c.max_tokens).unwrap_or(0)).sum::<i64>() / count;
    let room = |name: String, scope: String, per, usual: i64| Room {
        name,
        scope,
        per,
        unit: Unit::Nanos,
        amount: usual * mean,
    };
    let mut rooms = Vec::new();
    for (app, usual) in APP_ROOM.into_iter().enumerate() {
        rooms.push(room(format!("app-{app}"), format!("{{ app = \"app-{app}\" }}"), "", usual));
    }
    for (team, usual) in TEAM_ROOM.into_iter().enumerate() {
        rooms.push(room(format!("team-{team}"), format!("{{ team = \"team-{team}\" }}"), "", usual));
    }
    rooms.push(room("all".to_owned(), "{}".to_owned(), "", ALL_ROOM));
    rooms.push(room("each-key".to_owned(), "{}".to_owned(), "key", KEY_ROOM));
    rooms.push(room("each-consumer".to_owned(), "{}".to_owned(), "consumer", CONSUMER_ROOM));
    rooms.push(Room {
        name: "tokens".to_owned(),
        scope: "{}".to_owned(),
        per: "",
        unit: Unit::Tokens,
        amount: TOKEN_ROOM * tokens,
    });
    rooms
}

/// The budgets as configuration. `zone` places midnight, and with it the end of the period.
#[must_use]
pub fn to_toml(rooms: &[Room], when_tight: &str, longest_wait: &str, zone: &str) -> String {
    let mut text = String::new();
    for room in rooms {
        let Room { name, scope, per, unit, amount } = room;
        let (unit, amount) = match unit {
            Unit::Nanos => ("usd", format!("\"{}.{:09}\"", amount / 1_000_000_000, amount % 1_000_000_000)),
            Unit::Tokens => ("tokens", amount.to_string()),
        };
        let per = if per.is_empty() { String::new() } else { format!("per = [\"{per}\"]\n") };
        // Writing to a string cannot fail.
        let _ = write!(
            text,
            "[[budget]]\nname = \"{name}\"\nscope = {scope}\n{per}unit = \"{unit}\"\namount = {amount}\n\
             period = {{ every = \"day\", zone = \"{zone}\" }}\nwhen_tight = \"{when_tight}\"\n\
             longest_wait = \"{longest_wait}\"\n\n"
        );
    }
    text
}

impl Room {
    /// Whether the budget covers a call of this key, and which share of it pays.
    #[must_use]
    pub fn share(&self, key: u64, consumer: &str) -> Option<String> {
        let app = app_of(key);
        match self.name.as_str() {
            "all" | "tokens" => Some(String::new()),
            "each-key" => Some(key.to_string()),
            "each-consumer" => Some(consumer.to_owned()),
            name => {
                let own = [format!("app-{app}"), format!("team-{}", team_of(app))];
                own.iter().any(|n| n == name).then(String::new)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::mix::planned;
    use super::*;

    #[test]
    fn every_call_is_covered_by_six_budgets() {
        let calls: Vec<StormCall> = (0..500).map(|n| planned(n, 1)).collect();
        let rooms = rooms(&calls);
        for call in &calls {
            assert_eq!(rooms.iter().filter(|r| r.share(call.key, "consumer-1").is_some()).count(), 6);
        }
        assert!(rooms.iter().all(|r| r.amount > 0));
    }

    #[test]
    fn amounts_are_written_exactly() {
        let room = Room {
            name: "all".into(),
            scope: "{}".into(),
            per: "key",
            unit: Unit::Nanos,
            amount: 12_000_000_345,
        };
        let text = to_toml(&[room], "clamp", "60s", "+05:30");
        assert!(text.contains("amount = \"12.000000345\"\n") && text.contains("per = [\"key\"]\n"), "{text}");
    }
}
