//! The faces of a report: the same figures as text, JSON and page, and never a number that is none.

use bursar_plan::report::Report;

use crate::cases::{Case, facts, offer, one_model, supply};

fn small() -> Report {
    let mut case = one_model("m-small", "0.22");
    let offers = offer("on-demand", "6.88") + &offer("1-year", "3.20") + &offer("3-year", "1.90");
    case.supply = supply(&offers, "");
    case.report()
}

#[test]
fn the_text_leads_with_the_verdict_and_ends_with_what_it_rests_on() {
    insta::assert_snapshot!(small().to_text());
}

#[test]
fn the_json_has_every_figure_with_money_as_text() {
    insta::assert_snapshot!(small().to_json().unwrap());
}

#[test]
fn the_page_has_every_section_and_asks_nobody_for_anything() {
    let page = small().to_html().unwrap();
    let sections = [
        "verdict",
        "plan",
        "baselines",
        "load-duration",
        "cumulative",
        "risk",
        "threshold",
        "ledger",
        "demand",
        "assumptions",
        "gaps",
        "stale",
        "left-out",
    ];
    for section in sections {
        assert!(page.contains(&format!("id=\"{section}\"")), "{section} is missing");
    }
    assert_eq!(page.matches("<svg").count(), 4, "load-duration, cumulative, savings, tornado");
    for asks in ["<script", "<link", "<img", "<iframe", "@import", "url(", "src="] {
        assert!(!page.contains(asks), "{asks}");
    }
    insta::assert_snapshot!(page);
}

#[test]
fn a_name_from_outside_is_text_and_no_markup_and_cannot_steer_a_terminal() {
    let mut case = one_model("m-small", "0.22");
    let evil = "<script>alert(1)</script>\u{1b}[2J";
    case.demand.streams.iter_mut().for_each(|s| s.model = evil.to_owned());
    case.models = [(evil.to_owned(), facts("0.22"))].into();
    let report = case.report();
    let page = report.to_html().unwrap();
    assert!(!page.contains("<script>") && page.contains("&lt;script&gt;"));
    assert!(!report.to_text().contains('\u{1b}'));
}

/// Every number of the JSON is finite by its format; a word such as NaN in a sentence would be a slip.
#[test]
fn no_face_ever_shows_a_number_that_is_none() {
    let mut cheap = one_model("m-small", "0.002");
    cheap.supply = supply(&offer("3-year", "1.78"), "");
    let mut free = one_model("m-small", "0");
    free.supply = supply(&offer("on-demand", "6.88"), "");
    let mut unmeasured = one_model("m-small", "0.22");
    unmeasured.models.get_mut("m-small").unwrap().runs_as = None;
    let cases: [Case; 4] = [one_model("m-mid", "0.22"), cheap, free, unmeasured];
    for case in cases {
        let report = case.report();
        for face in [report.to_text(), report.to_json().unwrap(), report.to_html().unwrap()] {
            for word in ["NaN", "inf ", "Infinity", "-0 %", "null %"] {
                assert!(!face.contains(word), "{word} in {}", &face[..face.len().min(400)]);
            }
        }
    }
}
