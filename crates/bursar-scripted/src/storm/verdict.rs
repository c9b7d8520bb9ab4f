//! Whether a budget was overspent, and whether a call was refused that could have been served.

use std::collections::BTreeMap;

use serde::Serialize;

use super::budgets::{Room, Unit};

/// A record of the gateway for a call of the storm.
#[derive(Clone, Debug)]
pub struct Settled {
    /// The number of the call.
    pub number: u64,
    /// The key that sent it.
    pub key: u64,
    /// The consumer that it was for.
    pub consumer: String,
    /// Which period it began in: 0 before the rollover, 1 after it.
    pub period: usize,
    /// Its cost in the gateway's records, in nano-dollars.
    pub nanos: i64,
    /// Its tokens in the gateway's records.
    pub tokens: i64,
    /// What the provider's own books say that it cost; 0 where they do not know it.
    pub book_nanos: i64,
    /// The provider's tokens.
    pub book_tokens: i64,
}

/// A call that the gateway refused for a budget.
#[derive(Clone, Debug)]
pub struct Refused {
    /// The number of the call.
    pub number: u64,
    /// The key that sent it.
    pub key: u64,
    /// The consumer that it was for.
    pub consumer: String,
    /// The budget that the refusal names.
    pub budget: String,
    /// Which period it was refused in.
    pub period: usize,
    /// The least that it would have cost, in nano-dollars and in tokens.
    pub least: (i64, i64),
    /// The most that it would have cost.
    pub ceiling: (i64, i64),
}

/// How one share of one budget ended in one period.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Judged {
    /// The budget and its share.
    pub budget: String,
    /// The period.
    pub period: usize,
    /// The amount.
    pub amount: i64,
    /// What the gateway's records add up to.
    pub spent: i64,
    /// What the provider's books add up to.
    pub book_spent: i64,
}

/// What the storm came to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Verdict {
    /// Shares of budgets in periods, with anything spent.
    pub shares: usize,
    /// Of them, shares that were spent to more than nine tenths.
    pub nearly_spent: usize,
    /// The sum of what exceeds amounts, by the gateway's records: must be 0.
    pub overspent: i64,
    /// The same by the provider's own books.
    pub overspent_by_books: i64,
    /// Calls refused although the least that they would have cost was left in the end: must be 0 in `clamp`.
    pub refused_though_least_fitted: u64,
    /// Calls refused although their whole ceiling was left in the end.
    pub refused_though_ceiling_fitted: u64,
    /// The shares with the least left, for a reader.
    pub tightest: Vec<Judged>,
}

const SHOWN: usize = 8;

/// Adds everything up and judges.
#[must_use]
pub fn judge(rooms: &[Room], settled: &[Settled], refused: &[Refused]) -> Verdict {
    let mut sums: BTreeMap<(usize, String, usize), (i64, i64)> = BTreeMap::new();
    for call in settled {
        for (place, room) in rooms.iter().enumerate() {
            let Some(share) = room.share(call.key, &call.consumer) else { continue };
            let sum = sums.entry((place, share, call.period)).or_default();
            let (spent, books) = match room.unit {
                Unit::Nanos => (call.nanos, call.book_nanos),
                Unit::Tokens => (call.tokens, call.book_tokens),
            };
            sum.0 += spent;
            sum.1 += books;
        }
    }
    let mut verdict = Verdict { shares: sums.len(), ..Verdict::default() };
    let mut judged: Vec<Judged> = Vec::new();
    for ((place, share, period), (spent, book_spent)) in &sums {
        let room = &rooms[*place];
        verdict.overspent += (spent - room.amount).max(0);
        verdict.overspent_by_books += (book_spent - room.amount).max(0);
        verdict.nearly_spent += usize::from(*spent * 10 > room.amount * 9);
        let (budget, period) = (format!("{} {share}", room.name).trim().to_owned(), *period);
        judged.push(Judged { budget, period, amount: room.amount, spent: *spent, book_spent: *book_spent });
    }
    for call in refused {
        let Some((place, room)) = rooms.iter().enumerate().find(|(_, r)| r.name == call.budget) else {
            continue;
        };
        let share = room.share(call.key, &call.consumer).unwrap_or_default();
        let spent = sums.get(&(place, share, call.period)).map_or(0, |s| s.0);
        let of = |both: (i64, i64)| if room.unit == Unit::Nanos { both.0 } else { both.1 };
        let left = room.amount - spent;
        verdict.refused_though_least_fitted += u64::from(of(call.least) <= left);
        verdict.refused_though_ceiling_fitted += u64::from(of(call.ceiling) <= left);
    }
    judged.sort_by_key(|j| i128::from(j.amount - j.spent) * 1_000_000 / i128::from(j.amount.max(1)));
    judged.truncate(SHOWN);
    verdict.tightest = judged;
    verdict
}

#[cfg(test)]
mod tests {
    use super::*;

    fn room(name: &str, unit: Unit, amount: i64) -> Room {
        Room { name: name.into(), scope: String::new(), per: "", unit, amount }
    }

    fn settled(number: u64, period: usize, nanos: i64) -> Settled {
        let consumer = "c".to_owned();
        Settled {
            number,
            key: 3,
            consumer,
            period,
            nanos,
            tokens: nanos / 10,
            book_nanos: nanos + 1,
            book_tokens: 0,
        }
    }

    fn refused(budget: &str, least: i64, ceiling: i64) -> Refused {
        Refused {
            number: 9,
            key: 3,
            consumer: "c".into(),
            budget: budget.into(),
            period: 0,
            least: (least, least),
            ceiling: (ceiling, ceiling),
        }
    }

    #[test]
    fn what_exceeds_an_amount_in_one_period_is_overspent_whatever_is_left_in_the_other() {
        let rooms = [room("app-3", Unit::Nanos, 100), room("tokens", Unit::Tokens, 9)];
        let verdict = judge(&rooms, &[settled(1, 0, 60), settled(2, 0, 50), settled(3, 1, 10)], &[]);
        assert_eq!((verdict.shares, verdict.nearly_spent), (4, 2));
        assert_eq!((verdict.overspent, verdict.overspent_by_books), (12, 12));
        assert_eq!(verdict.tightest[0].spent, 11);
    }

    #[test]
    fn a_refusal_is_false_where_the_money_was_there_in_the_end() {
        let rooms = [room("app-3", Unit::Nanos, 100)];
        let calls = [settled(1, 0, 60)];
        let verdict = judge(
            &rooms,
            &calls,
            &[refused("app-3", 41, 80), refused("app-3", 40, 80), refused("app-3", 1, 40)],
        );
        assert_eq!((verdict.refused_though_least_fitted, verdict.refused_though_ceiling_fitted), (2, 1));
    }
}
