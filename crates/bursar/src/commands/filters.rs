//! Time ranges and filters, as several commands take them. The control API reads the same names the same way.

use bursar_console::params::{Given, Parameter};
use clap::Args;

/// A time range.
#[derive(Clone, Debug, Args)]
pub(crate) struct RangeArgs {
    /// First moment: a duration before now (7d, 24h, 30m), a date (midnight UTC) or an RFC 3339 time
    #[arg(long, value_name = "TIME", default_value = "7d")]
    since: String,
    /// First moment after the range, written like --since [default: now]
    #[arg(long, value_name = "TIME")]
    until: Option<String>,
}

/// Which calls a question is about; a value of - stands for calls where nobody said.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Filters (exact; - for calls where nobody said)")]
pub(crate) struct FilterArgs {
    /// Only this tenant
    #[arg(long)]
    tenant: Option<String>,
    /// Only this team
    #[arg(long)]
    team: Option<String>,
    /// Only this app
    #[arg(long)]
    app: Option<String>,
    /// Only this workflow
    #[arg(long)]
    workflow: Option<String>,
    /// Only this environment
    #[arg(long)]
    environment: Option<String>,
    /// Only this consumer
    #[arg(long)]
    consumer: Option<String>,
    /// Only this provider
    #[arg(long)]
    provider: Option<String>,
    /// Only this model, as the provider names what it served
    #[arg(long)]
    model: Option<String>,
    /// Only this virtual key, by its id
    #[arg(long)]
    key: Option<String>,
}

/// Further filters where single attempts are read.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct RecordFilterArgs {
    /// Only this task
    #[arg(long)]
    task: Option<String>,
    /// Only attempts that ended so: complete, upstream_error, client_cancelled, timed_out, gateway_stopped
    #[arg(long)]
    end: Option<String>,
    /// Only attempts with this HTTP status from the provider
    #[arg(long)]
    status: Option<u16>,
    /// Only attempts whose cost is not known in full
    #[arg(long)]
    unpriced: bool,
}

/// Names and values, as a query of the control API has them.
pub(crate) type Pairs = Vec<(String, String)>;

impl RangeArgs {
    pub(crate) fn pairs(&self) -> Pairs {
        set(&[("since", Some(&self.since)), ("until", self.until.as_ref())])
    }
}

impl FilterArgs {
    pub(crate) fn pairs(&self) -> Pairs {
        set(&[
            ("tenant", self.tenant.as_ref()),
            ("team", self.team.as_ref()),
            ("app", self.app.as_ref()),
            ("workflow", self.workflow.as_ref()),
            ("environment", self.environment.as_ref()),
            ("consumer", self.consumer.as_ref()),
            ("provider", self.provider.as_ref()),
            ("model", self.model.as_ref()),
            ("key", self.key.as_ref()),
        ])
    }
}

impl RecordFilterArgs {
    pub(crate) fn pairs(&self) -> Pairs {
        let status = self.status.map(|s| s.to_string());
        let unpriced = self.unpriced.then(|| "true".to_owned());
        set(&[
            ("task", self.task.as_ref()),
            ("end", self.end.as_ref()),
            ("status", status.as_ref()),
            ("unpriced", unpriced.as_ref()),
        ])
    }
}

fn set(pairs: &[(&str, Option<&String>)]) -> Pairs {
    pairs.iter().filter_map(|(name, value)| Some(((*name).to_owned(), (*value)?.clone()))).collect()
}

/// The values as the control API would read them.
pub(crate) fn given(pairs: Vec<Pairs>, allowed: &[&[Parameter]]) -> anyhow::Result<Given> {
    Ok(Given::of(pairs.into_iter().flatten().collect(), allowed)?)
}
