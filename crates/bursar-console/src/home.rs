//! The root page: where things are, and the last day's spend. Plain HTML, made here, no script.

use std::fmt::Write as _;

use crate::answer::{SpendAnswer, SpendMeasures, SpendRowAnswer};
use crate::shown::{amount, grouped, percent};

/// The page's own address, what is there, and how it is called in a list.
const ENDPOINTS: &[(&str, &str)] = &[
    ("/api/v1/spend?by=team,model&since=7d", "Spend of seven days by team and model"),
    ("/api/v1/usage?limit=20", "The latest attempts at a provider"),
    ("/api/v1/keys", "Virtual keys"),
    ("/api/openapi.json", "The OpenAPI document of this API"),
    ("/metrics", "Metrics for Prometheus"),
    ("/readyz", "Whether Bursar is ready, and why not"),
    ("/healthz", "Whether the process is alive"),
];

const STYLE: &str = "\
:root{color-scheme:light dark;--line:#8886;--soft:#8882;--warn:#a33c00}\
@media (prefers-color-scheme:dark){:root{--warn:#ffb27d}}\
body{font:1rem/1.5 system-ui,sans-serif;max-width:76rem;margin:0 auto;padding:1.5rem}\
h1{font-size:1.5rem;margin:0}h2{font-size:1.15rem;margin:2rem 0 .5rem}\
.wide{overflow-x:auto}table{border-collapse:collapse;width:100%}\
caption{text-align:left;padding:.25rem 0}\
th,td{padding:.35rem .6rem;border-bottom:1px solid var(--line);text-align:left}\
td.n,th.n{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}\
tbody td:first-of-type{overflow-wrap:anywhere;min-width:12rem}\
tfoot th,tfoot td{border-top:2px solid var(--line);font-weight:600}\
.flag{color:var(--warn);font-weight:600}code{background:var(--soft);padding:.1rem .3rem;border-radius:.2rem}\
a:focus-visible{outline:3px solid;outline-offset:2px}";

/// The page of an answer grouped by team and model; `problem` stands in its place where there is none.
#[must_use]
pub fn page(spend: Result<&SpendAnswer, &str>) -> String {
    let body = match spend {
        Ok(answer) if answer.rows.is_empty() => empty(),
        Ok(answer) => format!("{}{}", unpriced_note(&answer.total), table(answer)),
        Err(problem) => format!("<p role=\"alert\" class=\"flag\">{}</p>", escaped(problem)),
    };
    let links: String = ENDPOINTS
        .iter()
        .map(|(to, about)| format!("<li><a href=\"{to}\"><code>{to}</code></a> {about}</li>"))
        .collect();
    format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\
         <title>Bursar</title><style>{STYLE}</style></head><body>\
         <header><h1>Bursar</h1><p>What every call to a language model cost, and who it was for.</p></header>\
         <main><section aria-labelledby=\"spend\"><h2 id=\"spend\">Spend in the last 24 hours</h2>{body}</section>\
         <nav aria-labelledby=\"more\"><h2 id=\"more\">What can be read here</h2><ul>{}</ul>\
         <p>One request, with every number explained: <code>/api/v1/requests/{{id}}</code>. On the command line: \
         <code>bursar spend</code>, <code>bursar requests show ID</code>.</p></nav></main></body></html>\n",
        links.replace("&limit", "&amp;limit").replace("&since", "&amp;since"),
    )
}

fn empty() -> String {
    "<p>No call has been recorded in the last 24 hours. Point an SDK at the gateway, or run \
     <code>bursar demo</code>.</p>"
        .to_owned()
}

fn unpriced_note(total: &SpendMeasures) -> String {
    if total.unpriced == 0 {
        return String::new();
    }
    format!(
        "<p class=\"flag\">{} of {} attempts have no known price: the amounts are lower bounds. \
         <code>bursar doctor</code> says which models.</p>",
        grouped(total.unpriced),
        grouped(total.attempts)
    )
}

fn table(answer: &SpendAnswer) -> String {
    let rows: String = answer.rows.iter().map(row).collect();
    format!(
        "<div class=\"wide\" tabindex=\"0\" role=\"region\" aria-labelledby=\"spend\"><table>\
         <caption>US dollars at contracted prices, {} to {}, {}</caption><thead><tr>\
         <th scope=\"col\">Team</th><th scope=\"col\">Model</th><th scope=\"col\" class=\"n\">Spend</th>\
         <th scope=\"col\" class=\"n\">Share</th><th scope=\"col\" class=\"n\">Attempts</th>\
         <th scope=\"col\" class=\"n\">Tokens in</th><th scope=\"col\" class=\"n\">From cache</th>\
         <th scope=\"col\" class=\"n\">Tokens out</th><th scope=\"col\" class=\"n\">Unpriced</th>\
         <th scope=\"col\" class=\"n\">Estimated</th></tr></thead><tbody>{rows}</tbody>\
         <tfoot><tr><th scope=\"row\" colspan=\"2\">Total</th>{}</tr></tfoot></table></div>",
        answer.since,
        answer.until,
        answer.zone,
        cells(&answer.total, None),
    )
}

fn row(row: &SpendRowAnswer) -> String {
    let name = |field: &str| match row.group.get(field) {
        Some(Some(value)) => escaped(value),
        _ => "<i>not said</i>".to_owned(),
    };
    format!(
        "<tr><th scope=\"row\">{}</th><td>{}</td>{}</tr>",
        name("team"),
        name("model"),
        cells(&row.measures, row.share.as_deref())
    )
}

fn cells(m: &SpendMeasures, share: Option<&str>) -> String {
    let mut out = String::new();
    let spend = amount(&m.contracted_cost, m);
    let share = share.map_or(String::new(), percent);
    let flagged = |n: u64| if n > 0 { " flag" } else { "" };
    for (text, class) in [
        (spend, flagged(m.unpriced)),
        (share, ""),
        (grouped(m.attempts), ""),
        (grouped(m.tokens.input), ""),
        (grouped(m.tokens.cached), ""),
        (grouped(m.tokens.output), ""),
        (grouped(m.unpriced), flagged(m.unpriced)),
        (grouped(m.estimated), ""),
    ] {
        let _ = write!(out, "<td class=\"n{class}\">{text}</td>");
    }
    out
}

fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            _ => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use bursar_core::Money;
    use bursar_core::rollup::Cell;

    fn answer(team: &str) -> SpendAnswer {
        let cell = Cell {
            records: 1_234,
            unpriced: 2,
            contracted_cost: Money::from_nanos(1_500_000_000),
            ..Cell::default()
        };
        let groups = vec![(vec![Some(team.to_owned()), None], cell)];
        SpendAnswer::of(Default::default(), &["team", "model"], groups)
    }

    #[test]
    fn a_label_cannot_put_markup_into_the_page() {
        let html = page(Ok(&answer("<script>alert(1)</script>")));
        assert!(!html.contains("<script"), "{html}");
        assert!(html.contains("&lt;script&gt;alert(1)&lt;/script&gt;"));
    }

    #[test]
    fn unpriced_spend_is_shown_as_a_lower_bound() {
        let html = page(Ok(&answer("support")));
        assert!(
            html.contains("≥ $1.5000") && html.contains("2 of 1,234 attempts have no known price"),
            "{html}"
        );
    }

    #[test]
    fn an_empty_day_says_what_to_do() {
        let none = SpendAnswer::of(Default::default(), &["team", "model"], Vec::new());
        assert!(page(Ok(&none)).contains("bursar demo"));
        assert!(page(Err("the store <is> away")).contains("the store &lt;is&gt; away"));
    }
}
