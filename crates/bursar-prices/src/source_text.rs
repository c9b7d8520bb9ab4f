//! The sources of rows as texts: `litellm 1.109.1 and models.dev f3fc692 of 2026-07-02; https://…` names two lists,
//! which agree on what the row says, and a page.

/// The lists that a source names.
pub(crate) fn lists_of(source: &str) -> impl Iterator<Item = &str> {
    lists_part(source).split(" and ")
}

/// A source without the page that it names behind its lists.
#[must_use]
pub fn lists_part(source: &str) -> &str {
    source.split("; ").next().unwrap_or(source)
}

/// Whether two sources are versions of one list, by their first words.
pub(crate) fn is_same_list(a: &str, b: &str) -> bool {
    fn name(source: &str) -> Option<&str> {
        source.split([' ', ';']).next()
    }
    name(a) == name(b)
}

/// The lists of a source that are not among those that say otherwise; all of them where none would be left.
pub(crate) fn without(source: &str, others: &[&str]) -> String {
    let stays = |list: &&str| !others.iter().any(|other| is_same_list(other, list));
    let left: Vec<&str> = lists_of(source).filter(stays).collect();
    if left.is_empty() { source.to_owned() } else { left.join(" and ") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_that_says_otherwise_is_no_source_of_the_price() {
        let source = "litellm 1.109.1 and models.dev f3fc692 of 2026-07-02; https://example.test";
        let of = |other: &str| without(source, &[other]);
        assert_eq!(of("models.dev 9e"), "litellm 1.109.1");
        assert_eq!(of("litellm 2"), "models.dev f3fc692 of 2026-07-02");
        assert_eq!(of("an invoice"), "litellm 1.109.1 and models.dev f3fc692 of 2026-07-02");
        assert_eq!(without("the first list", &["the second list"]), "the first list");
    }
}
