//! The report as one HTML page that asks nobody for anything.

use std::sync::OnceLock;

use minijinja::syntax::SyntaxConfig;
use minijinja::value::{Serde, Value};
use minijinja::{AutoEscape, Environment, UndefinedBehavior};
use serde::Serialize;

use super::answer::Report;
use super::chart::{self, Chart};
use super::figures::{dollars_and_cents, dollars_of, grouped, percent};

/// Why a page cannot be made: a mistake in its template, which the tests would show.
#[derive(Debug, thiserror::Error)]
#[error("the page of the plan cannot be made: {0}")]
pub struct HtmlError(#[from] minijinja::Error);

/// What the template is given.
#[derive(Serialize)]
struct Page<'r> {
    report: &'r Report,
    load_duration_charts: Vec<Chart>,
    cumulative_chart: Option<Chart>,
    savings_chart: Option<Chart>,
    tornado_chart: Option<Chart>,
}

fn environment() -> Result<&'static Environment<'static>, HtmlError> {
    static MADE: OnceLock<Environment<'static>> = OnceLock::new();
    if let Some(made) = MADE.get() {
        return Ok(made);
    }
    let mut environment = Environment::new();
    environment.set_auto_escape_callback(|_| AutoEscape::Html);
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_syntax(SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build()?);
    environment.add_filter("dollars", |text: String| dollars_of(&text));
    environment.add_filter("cents", |text: String| dollars_and_cents(&text));
    environment.add_filter("percent", |share: Option<f64>| share.map_or_else(|| "–".to_owned(), percent));
    environment.add_filter("grouped", |number: u64| grouped(i128::from(number)));
    environment
        .add_filter("tenths", |n: Option<f64>| n.map_or_else(|| "–".to_owned(), |n| format!("{n:.1}")));
    environment
        .add_filter("whole", |n: Option<f64>| n.map_or_else(|| "–".to_owned(), |n| grouped(n as i128)));
    environment.add_template("page.html", include_str!("page.html"))?;
    Ok(MADE.get_or_init(|| environment))
}

impl Report {
    /// The report as a page: self-contained, for light and dark, and for paper.
    ///
    /// # Errors
    ///
    /// A mistake in the template.
    pub fn to_html(&self) -> Result<String, HtmlError> {
        let page = Page {
            report: self,
            load_duration_charts: self.load_duration.iter().map(chart::load_duration).collect(),
            cumulative_chart: chart::cumulative(&self.cumulative, self.risk.as_ref()),
            savings_chart: self.risk.as_ref().map(chart::savings),
            tornado_chart: self.risk.as_ref().map(chart::tornado),
        };
        Ok(environment()?.get_template("page.html")?.render(Value::from(Serde(&page)))?)
    }
}
