//! Least squares on a few columns: what a decision-maker can expect from what they see by then.

/// A fitted expectation.
pub(super) struct Expectation {
    /// For each column, its mean and standard deviation; `None` for one that does not vary.
    scales: Vec<Option<(f64, f64)>>,
    /// The constant, then one weight for each column.
    weights: Vec<f64>,
}

impl Expectation {
    /// Fits `y` on the columns of `rows`. Columns that do not vary are left out; a ridge of one part in 10⁹ keeps columns
    /// that say the same from spoiling the fit.
    pub(super) fn fit(rows: &[Vec<f64>], y: &[f64]) -> Expectation {
        let n = rows.len().max(1) as f64;
        let columns = rows.first().map_or(0, Vec::len);
        let scale = |c: usize| {
            let mean = rows.iter().map(|r| r[c]).sum::<f64>() / n;
            let squares: f64 = rows.iter().map(|r| (r[c] - mean).powi(2)).sum();
            let deviation = (squares / n).sqrt();
            (deviation > 1e-9 * (1.0 + mean.abs())).then_some((mean, deviation))
        };
        let scales: Vec<_> = (0..columns).map(scale).collect();
        let mut expectation = Expectation { scales, weights: Vec::new() };
        let size = columns + 1;
        let mut matrix = vec![vec![0.0; size + 1]; size];
        for (row, y) in rows.iter().zip(y) {
            let x = expectation.features(row);
            for i in 0..size {
                (0..size).for_each(|j| matrix[i][j] += x[i] * x[j]);
                matrix[i][size] += x[i] * y;
            }
        }
        (0..size).for_each(|i| matrix[i][i] += 1e-9 * n);
        expectation.weights = solve(matrix);
        expectation
    }

    /// What is expected of a row.
    pub(super) fn of(&self, row: &[f64]) -> f64 {
        self.features(row).iter().zip(&self.weights).map(|(x, w)| x * w).sum()
    }

    fn features(&self, row: &[f64]) -> Vec<f64> {
        let scaled =
            |(x, scale): (&f64, &Option<(f64, f64)>)| scale.map_or(0.0, |(mean, sd)| (x - mean) / sd);
        std::iter::once(1.0).chain(row.iter().zip(&self.scales).map(scaled)).collect()
    }
}

/// Solves a positive definite system by elimination; the last column is the right-hand side.
fn solve(mut matrix: Vec<Vec<f64>>) -> Vec<f64> {
    let size = matrix.len();
    for pivot in 0..size {
        let scale = matrix[pivot][pivot];
        for row in pivot + 1..size {
            let factor = matrix[row][pivot] / scale;
            (pivot..=size).for_each(|c| matrix[row][c] -= factor * matrix[pivot][c]);
        }
    }
    let mut solution = vec![0.0; size];
    for row in (0..size).rev() {
        let known: f64 = (row + 1..size).map(|c| matrix[row][c] * solution[c]).sum();
        solution[row] = (matrix[row][size] - known) / matrix[row][row];
    }
    solution
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plane_is_found_again_and_a_column_that_stands_still_is_left_out() {
        let rows: Vec<Vec<f64>> =
            (0..50).map(|i| vec![f64::from(i % 7), f64::from(i % 11), 4.0, f64::from(i % 7)]).collect();
        let y: Vec<f64> = rows.iter().map(|r| 3.0 - 2.0 * r[0] + 0.5 * r[1]).collect();
        let fit = Expectation::fit(&rows, &y);
        for (row, y) in rows.iter().zip(&y) {
            assert!((fit.of(row) - y).abs() < 1e-5, "{} {y}", fit.of(row));
        }
    }

    #[test]
    fn without_anything_to_see_the_mean_is_expected() {
        let fit = Expectation::fit(&[vec![1.0], vec![1.0]], &[2.0, 4.0]);
        assert!((fit.of(&[9.0]) - 3.0).abs() < 1e-6);
    }
}
