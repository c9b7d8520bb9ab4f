//! Least squares with unknowns that cannot be negative, for a handful of unknowns.
//!
//! The active-set method of Lawson and Hanson, on columns scaled to the same length. The systems of this crate have at
//! most four unknowns; each inner problem is solved by orthogonalisation, which also tells when a column says nothing
//! that the others do not say already.

/// A column whose part that no other column explains is shorter than this share of it is taken as dependent.
const DEPENDENT: f64 = 1e-9;

/// Rows of `columns · x ≈ target`, kept by column.
#[derive(Clone, Debug)]
pub(crate) struct System {
    columns: Vec<Vec<f64>>,
    target: Vec<f64>,
}

impl System {
    /// A system of `unknowns` columns without rows.
    pub(crate) fn new(unknowns: usize) -> System {
        System { columns: vec![Vec::new(); unknowns], target: Vec::new() }
    }

    /// Adds the row `coefficients · x ≈ target`, multiplied by `weight`.
    pub(crate) fn push(&mut self, coefficients: &[f64], target: f64, weight: f64) {
        for (column, value) in self.columns.iter_mut().zip(coefficients) {
            column.push(value * weight);
        }
        self.target.push(target * weight);
    }

    /// The `x ≥ 0` with the smallest sum of squared residuals. A column of zeros, or one that depends on columns
    /// already in use, gets 0.
    pub(crate) fn solve_non_negative(&self) -> Vec<f64> {
        let lengths: Vec<f64> = self.columns.iter().map(|c| length(c)).collect();
        let scaled: Vec<Vec<f64>> = self.columns.iter().zip(&lengths).map(|(c, l)| unit(c, *l)).collect();
        let x = ActiveSet::new(&scaled, &self.target).solve();
        x.iter().zip(&lengths).map(|(x, l)| if *l > 0.0 { x / l } else { 0.0 }).collect()
    }

    /// The share of a column that the other columns do not explain: 1 for one that stands alone, 0 for one that is a
    /// mixture of others or is empty.
    pub(crate) fn own_share(&self, index: usize) -> f64 {
        let mut rest = self.columns[index].clone();
        let whole = length(&rest);
        if whole == 0.0 {
            return 0.0;
        }
        let others = (0..self.columns.len()).filter(|i| *i != index);
        for direction in orthogonal(others.map(|i| self.columns[i].as_slice())) {
            remove(&mut rest, &direction);
        }
        length(&rest) / whole
    }
}

/// The state of the active-set method over columns of length 1.
struct ActiveSet<'a> {
    columns: &'a [Vec<f64>],
    target: &'a [f64],
    x: Vec<f64>,
    in_use: Vec<usize>,
    refused: Vec<usize>,
}

impl<'a> ActiveSet<'a> {
    fn new(columns: &'a [Vec<f64>], target: &'a [f64]) -> ActiveSet<'a> {
        ActiveSet { columns, target, x: vec![0.0; columns.len()], in_use: Vec::new(), refused: Vec::new() }
    }

    /// Takes the column that lessens the residual most into use until none does.
    fn solve(mut self) -> Vec<f64> {
        while let Some(next) = self.steepest() {
            self.in_use.push(next);
            match self.least_squares() {
                Some(z) if *z.last().unwrap_or(&0.0) > 0.0 => {
                    self.refused.clear();
                    self.move_to(z);
                }
                _ => {
                    self.in_use.pop();
                    self.refused.push(next);
                }
            }
        }
        self.x
    }

    /// The unused column along which the residual falls fastest, where it falls at all.
    fn steepest(&self) -> Option<usize> {
        let residual = self.residual();
        let least = 1e-12 * length(self.target);
        (0..self.columns.len())
            .filter(|i| !self.in_use.contains(i) && !self.refused.contains(i))
            .map(|i| (i, dot(&self.columns[i], &residual)))
            .filter(|(_, slope)| *slope > least)
            .max_by(|a, b| a.1.total_cmp(&b.1))
            .map(|(i, _)| i)
    }

    /// Moves towards the unconstrained solution `z` of the columns in use, and drops every column that would turn
    /// negative on the way.
    fn move_to(&mut self, mut z: Vec<f64>) {
        while let Some((first, stop)) = self.first_at_zero(&z) {
            for (i, z) in self.in_use.iter().zip(&z) {
                self.x[*i] += stop * (z - self.x[*i]);
            }
            self.x[first] = 0.0;
            let x = &self.x;
            self.in_use.retain(|i| x[*i] > 0.0);
            z = self.least_squares().unwrap_or_default();
        }
        for (i, z) in self.in_use.iter().zip(z) {
            self.x[*i] = z;
        }
    }

    /// The column that reaches 0 first on the way to `z`, and after which part of the way.
    fn first_at_zero(&self, z: &[f64]) -> Option<(usize, f64)> {
        let falling = self.in_use.iter().zip(z).filter(|(_, z)| **z <= 0.0);
        falling.map(|(i, z)| (*i, self.x[*i] / (self.x[*i] - z))).min_by(|a, b| a.1.total_cmp(&b.1))
    }

    fn residual(&self) -> Vec<f64> {
        let mut rest = self.target.to_vec();
        for (column, x) in self.columns.iter().zip(&self.x) {
            for (r, c) in rest.iter_mut().zip(column) {
                *r -= c * x;
            }
        }
        rest
    }

    /// The unconstrained solution over the columns in use, in their order; `None` where they depend on one another.
    fn least_squares(&self) -> Option<Vec<f64>> {
        let count = self.in_use.len();
        let mut upper = vec![vec![0.0; count]; count];
        let mut columns: Vec<Vec<f64>> = self.in_use.iter().map(|i| self.columns[*i].clone()).collect();
        let mut rest = self.target.to_vec();
        let mut right = vec![0.0; count];
        for k in 0..count {
            let (done, open) = columns.split_at_mut(k + 1);
            let pivot = &mut done[k];
            upper[k][k] = length(pivot);
            if upper[k][k] < DEPENDENT {
                return None;
            }
            *pivot = unit(pivot, upper[k][k]);
            for (j, column) in open.iter_mut().enumerate() {
                upper[k][k + 1 + j] = remove(column, pivot);
            }
            right[k] = remove(&mut rest, pivot);
        }
        Some(back_substituted(&upper, right))
    }
}

fn back_substituted(upper: &[Vec<f64>], mut right: Vec<f64>) -> Vec<f64> {
    for k in (0..right.len()).rev() {
        let known: f64 = (k + 1..right.len()).map(|j| upper[k][j] * right[j]).sum();
        right[k] = (right[k] - known) / upper[k][k];
    }
    right
}

/// Directions of length 1, at right angles, that span the columns.
fn orthogonal<'a>(columns: impl Iterator<Item = &'a [f64]>) -> Vec<Vec<f64>> {
    let mut directions: Vec<Vec<f64>> = Vec::new();
    for column in columns {
        let whole = length(column);
        let mut rest = column.to_vec();
        // Twice, since the first pass leaves rounding errors along earlier directions.
        for _ in 0..2 {
            for direction in &directions {
                remove(&mut rest, direction);
            }
        }
        let left = length(&rest);
        if left > DEPENDENT * whole {
            directions.push(unit(&rest, left));
        }
    }
    directions
}

/// Takes the part along `direction` (of length 1) out of `column` and returns how long it was.
fn remove(column: &mut [f64], direction: &[f64]) -> f64 {
    let along = dot(column, direction);
    for (c, d) in column.iter_mut().zip(direction) {
        *c -= along * d;
    }
    along
}

fn unit(column: &[f64], length: f64) -> Vec<f64> {
    if length > 0.0 { column.iter().map(|v| v / length).collect() } else { column.to_vec() }
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

fn length(column: &[f64]) -> f64 {
    dot(column, column).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn system(rows: &[(Vec<f64>, f64)]) -> System {
        let mut system = System::new(rows[0].0.len());
        for (coefficients, target) in rows {
            system.push(coefficients, *target, 1.0);
        }
        system
    }

    fn squares(system: &System, x: &[f64]) -> f64 {
        (0..system.target.len())
            .map(|r| {
                let modelled: f64 = system.columns.iter().zip(x).map(|(c, x)| c[r] * x).sum();
                (system.target[r] - modelled).powi(2)
            })
            .sum()
    }

    /// The best over every choice of columns in use, by the unconstrained solution of each.
    fn best_of_all_choices(system: &System) -> f64 {
        let lengths: Vec<f64> = system.columns.iter().map(|c| length(c)).collect();
        let scaled: Vec<Vec<f64>> = system.columns.iter().zip(&lengths).map(|(c, l)| unit(c, *l)).collect();
        let mut best = dot(&system.target, &system.target);
        for choice in 1_u32..(1 << scaled.len()) {
            let mut set = ActiveSet::new(&scaled, &system.target);
            set.in_use = (0..scaled.len()).filter(|i| choice & (1 << i) != 0).collect();
            let Some(z) = set.least_squares() else { continue };
            if z.iter().all(|v| *v >= 0.0) {
                let mut x = vec![0.0; scaled.len()];
                for (i, z) in set.in_use.iter().zip(&z) {
                    x[*i] = z / lengths[*i];
                }
                best = best.min(squares(system, &x));
            }
        }
        best
    }

    #[test]
    fn exact_rows_are_solved_exactly() {
        let rows: Vec<(Vec<f64>, f64)> =
            (1..7).map(f64::from).map(|k| (vec![1.0, k, k * k], 2.0 + 0.5 * k + 0.25 * k * k)).collect();
        let x = system(&rows).solve_non_negative();
        for (found, meant) in x.iter().zip([2.0, 0.5, 0.25]) {
            assert!((found - meant).abs() < 1e-9, "{x:?}");
        }
    }

    #[test]
    fn an_unknown_that_would_be_negative_is_zero() {
        let rows: Vec<(Vec<f64>, f64)> = (1..7).map(f64::from).map(|k| (vec![1.0, k], 10.0 - k)).collect();
        let x = system(&rows).solve_non_negative();
        assert!((x[0] - 6.5).abs() < 1e-9 && x[1] == 0.0, "{x:?}");
    }

    #[test]
    fn a_column_that_repeats_another_is_left_at_zero_and_has_no_share_of_its_own() {
        let rows: Vec<(Vec<f64>, f64)> =
            (1..6).map(f64::from).map(|k| (vec![k, 3.0 * k, 0.0, 1.0], 2.0 * k + 1.0)).collect();
        let system = system(&rows);
        let x = system.solve_non_negative();
        assert!((x[0] + 3.0 * x[1] - 2.0).abs() < 1e-9 && (x[0] == 0.0 || x[1] == 0.0), "{x:?}");
        assert!(system.own_share(0) < 1e-9 && system.own_share(1) < 1e-9);
        assert!(system.own_share(2) == 0.0 && system.own_share(3) > 0.1);
    }

    proptest! {
        #[test]
        fn the_solution_meets_the_conditions_of_an_optimum(
            rows in prop::collection::vec((prop::collection::vec(0.0..10.0, 4), -5.0..20.0), 5..30)
        ) {
            let system = system(&rows);
            let x = system.solve_non_negative();
            let scale = length(&system.target).max(1.0);
            let residual: Vec<f64> = rows
                .iter()
                .map(|(c, t)| t - c.iter().zip(&x).map(|(c, x)| c * x).sum::<f64>())
                .collect();
            for (column, x) in system.columns.iter().zip(&x) {
                let slope = dot(column, &residual) / length(column).max(1e-300);
                prop_assert!(*x >= 0.0);
                prop_assert!(slope <= 1e-7 * scale, "an unused or used column still lessens the residual: {slope}");
                prop_assert!(*x == 0.0 || slope.abs() <= 1e-7 * scale, "a column in use is not at its best: {slope}");
            }
        }

        #[test]
        fn no_choice_of_columns_is_better(
            rows in prop::collection::vec((prop::collection::vec(-3.0..3.0, 4), -5.0..5.0), 5..20)
        ) {
            let system = system(&rows);
            let found = squares(&system, &system.solve_non_negative());
            prop_assert!(found <= best_of_all_choices(&system) * (1.0 + 1e-7) + 1e-9);
        }
    }
}
