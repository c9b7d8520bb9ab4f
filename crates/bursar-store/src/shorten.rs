//! A record that does not fit into the room set aside for it, made to fit.

use bursar_core::{UsageException, UsageRecord};

const LONGEST_TEXT: usize = 200;
const MOST_EXCEPTIONS: usize = 4;
const NOTE: &str = "notes of this record were left out or cut: it was too long for the room that was left";

/// The record with its notes cut. Quantities, amounts, attribution without tags, and times stay as they are.
pub(crate) fn shortened(record: &UsageRecord) -> UsageRecord {
    let mut short = record.clone();
    short.reasons = vec![NOTE.to_owned()];
    short.attribution.tags.clear();
    short.usage.exceptions.truncate(MOST_EXCEPTIONS);
    for exception in &mut short.usage.exceptions {
        match exception {
            UsageException::PartExceedsWhole { field: text }
            | UsageException::Unreadable { reason: text }
            | UsageException::NotUnderstood { what: text } => cut(text),
            UsageException::NotReported
            | UsageException::TotalsDisagree { .. }
            | UsageException::Truncated => {}
        }
    }
    let usage = &mut short.usage;
    for text in [&mut usage.model, &mut usage.finish_reason, &mut usage.response_id].into_iter().flatten() {
        cut(text);
    }
    short
}

fn cut(text: &mut String) {
    let end = (0..=LONGEST_TEXT.min(text.len())).rev().find(|&i| text.is_char_boundary(i));
    text.truncate(end.unwrap_or(0));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_text_is_cut_between_characters() {
        let mut text = "é".repeat(150);
        cut(&mut text);
        assert_eq!(text.len(), LONGEST_TEXT);
        let mut text = format!("a{}", "é".repeat(150));
        cut(&mut text);
        assert_eq!(text.len(), LONGEST_TEXT - 1);
    }
}
