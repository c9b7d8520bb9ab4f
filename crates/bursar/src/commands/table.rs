//! Tables for people to read in a terminal.

use comfy_table::presets::NOTHING;
use comfy_table::{CellAlignment, ContentArrangement, LineStyle, Table, TableStyle};

const STYLE: TableStyle = NOTHING.header_separator(LineStyle::none().fill('─').junction('─'));

/// A column: its heading, and whether it holds numbers (which stand on the right).
#[derive(Clone, Copy, Debug)]
pub(crate) struct Column {
    pub(crate) heading: &'static str,
    pub(crate) is_number: bool,
}

/// A column of text.
pub(crate) const fn text(heading: &'static str) -> Column {
    Column { heading, is_number: false }
}

/// A column of numbers.
pub(crate) const fn number(heading: &'static str) -> Column {
    Column { heading, is_number: true }
}

/// A table with its lines ended by a newline each; a total stands under a line of its own.
pub(crate) fn render(columns: &[Column], rows: Vec<Vec<String>>, total: Option<Vec<String>>) -> String {
    let mut table = Table::new();
    table.load_style(STYLE).set_content_arrangement(ContentArrangement::Disabled);
    table.set_header(columns.iter().map(|c| c.heading));
    let has_total = total.is_some();
    for row in rows.into_iter().chain(total) {
        table.add_row(row.iter().map(|cell| plain(cell)));
    }
    for (i, column) in columns.iter().enumerate() {
        if let Some(c) = table.column_mut(i) {
            c.set_cell_alignment(if column.is_number { CellAlignment::Right } else { CellAlignment::Left });
        }
    }
    let mut lines: Vec<String> = table.lines().map(|l| l.trim_end().to_owned()).collect();
    if has_total && lines.len() > 2 {
        lines.insert(lines.len() - 1, lines[1].clone());
    }
    lines.iter().map(|l| format!("{}\n", l.strip_prefix(' ').unwrap_or(l))).collect()
}

/// A text without control characters: a label comes from outside and must not steer the terminal.
pub(crate) fn plain(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

/// A duration in microseconds in the unit that reads best.
pub(crate) fn duration(micros: u64) -> String {
    match micros {
        0..1_000 => format!("{micros} µs"),
        1_000..1_000_000 => format!("{}.{} ms", micros / 1_000, micros % 1_000 / 100),
        _ => format!("{}.{:02} s", micros / 1_000_000, micros % 1_000_000 / 10_000),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_puts_numbers_on_the_right_and_a_line_above_the_total() {
        let rows = vec![vec!["support".into(), "1".into()], vec!["legal".into(), "20".into()]];
        let shown = render(&[text("team"), number("n")], rows, Some(vec!["total".into(), "21".into()]));
        insta::assert_snapshot!(shown);
    }

    #[test]
    fn a_label_cannot_steer_the_terminal() {
        let shown = render(&[text("team")], vec![vec!["\u{1b}[2Jgone\nline".into()]], None);
        assert!(!shown.contains('\u{1b}'), "{shown:?}");
        assert_eq!(shown.lines().count(), 3);
    }

    #[test]
    fn a_duration_is_in_the_unit_that_reads_best() {
        assert_eq!([7, 1_250, 61_030_000].map(duration), ["7 µs", "1.2 ms", "61.03 s"]);
    }
}
