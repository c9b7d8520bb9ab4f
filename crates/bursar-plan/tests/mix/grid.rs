//! Sizes of nodes and break-even points to try.

use bursar_core::{Money, UnitPrice};
use bursar_plan::mix::closed_form::OneNode;

/// Break-even utilisations in thousandths.
pub(crate) const BREAK_EVENS: [i64; 29] = [
    20, 40, 60, 80, 100, 150, 200, 250, 300, 350, 400, 450, 500, 550, 600, 650, 700, 750, 800, 850, 900, 920,
    940, 960, 980, 1_000, 1_050, 1_100, 1_200,
];
const SIZES: u32 = 25;

/// 25 sizes of nodes from a two-hundredth of the peak to one and a half of it.
pub(crate) fn sizes(peak: u64) -> impl Iterator<Item = u64> {
    let ratio = 300f64.powf(1.0 / f64::from(SIZES - 1));
    (0..SIZES).map(move |i| (peak as f64 / 200.0 * ratio.powi(i as i32)).ceil() as u64)
}

/// A node of this size that breaks even at this utilisation against $0.50 per million tokens, to the nano-dollar.
pub(crate) fn node(capacity: u64, thousandths: i64) -> OneNode {
    let per_hour = i128::from(capacity) * i128::from(thousandths) * 500_000_000 / 1_000_000_000;
    let api = UnitPrice::from_nanos_per_million(500_000_000).unwrap();
    OneNode { per_hour: Money::from_nanos(i64::try_from(per_hour).unwrap()), capacity, api }
}
