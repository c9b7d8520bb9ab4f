//! One attempt at a provider, as it was recorded.

use std::collections::BTreeMap;

use bursar_core::{Attribution, Timings, UsageException, UsageRecord};
use serde::Serialize;
use utoipa::ToSchema;

use crate::times;

/// A page of attempts, the latest first.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct UsageAnswer {
    /// The attempts.
    pub records: Vec<RecordAnswer>,
    /// Give this as `cursor` for the next page; `null` on the last one.
    pub next_cursor: Option<String>,
}

/// One attempt at a provider, as it was recorded. It holds no prompt and no completion.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct RecordAnswer {
    /// The request that the attempt served.
    #[schema(example = "req_0198a5b2c3d47e8f9a0b1c2d3e4f5061")]
    pub request: String,
    /// The attempt's number within the request, from 0.
    pub attempt: u16,
    /// When the request arrived (RFC 3339).
    pub started_at: String,
    /// When the attempt ended (RFC 3339).
    pub ended_at: String,
    /// The virtual key's id; `null` where none was used.
    pub key: Option<String>,
    /// Whom the call is for.
    pub attribution: AttributionAnswer,
    /// The provider.
    pub provider: String,
    /// What was called.
    #[schema(example = "openai.chat_completions")]
    pub surface: String,
    /// The region, where one is configured.
    pub region: Option<String>,
    /// The model that the client asked for.
    pub requested_model: Option<String>,
    /// The model that the provider says served; `null` where it does not say.
    pub served_model: Option<String>,
    /// The service tier that the call was priced at.
    #[schema(example = "standard")]
    pub tier: String,
    /// How the attempt ended: complete, upstream_error, client_cancelled, timed_out or gateway_stopped.
    #[schema(example = "complete")]
    pub end: String,
    /// The provider's HTTP status; `null` where it gave none.
    pub status: Option<u16>,
    /// Why generation stopped, in the provider's words.
    pub finish_reason: Option<String>,
    /// The provider's own id of the response.
    pub response_id: Option<String>,
    /// Whether the cost is known in full. Where not, it is `null`, which is not zero.
    pub priced: bool,
    /// Cost at list prices in US dollars.
    #[schema(example = "0.0123")]
    pub list_cost: Option<String>,
    /// Cost at contracted prices in US dollars.
    #[schema(example = "0.0111")]
    pub contracted_cost: Option<String>,
    /// The cost that the provider itself states, for comparison only.
    pub provider_stated_cost: Option<String>,
    /// The price list that priced the record.
    pub price_version: String,
    /// Units by meter, and how they are known. Meters are disjoint; those at zero are left out.
    pub quantities: Vec<MeterAnswer>,
    /// What a reader must know about the quantities.
    pub exceptions: Vec<ExceptionAnswer>,
    /// Why the gateway did what it did, a sentence each.
    pub reasons: Vec<String>,
    /// How long it took.
    pub timings: TimingsAnswer,
}

/// Whom a call is for; `null` where nobody said.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct AttributionAnswer {
    /// The legal or billing entity.
    pub tenant: Option<String>,
    /// The team that owns the spend.
    pub team: Option<String>,
    /// The application.
    pub app: Option<String>,
    /// The workflow within the application.
    pub workflow: Option<String>,
    /// Such as production or staging.
    pub environment: Option<String>,
    /// The end customer or user.
    pub consumer: Option<String>,
    /// The agentic run.
    pub task: Option<String>,
    /// The step within the task.
    pub step: Option<String>,
    /// The step that caused this step.
    pub parent_step: Option<String>,
    /// Further labels.
    pub tags: BTreeMap<String, String>,
}

/// Units on one meter.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct MeterAnswer {
    /// The meter.
    #[schema(example = "cache_read")]
    pub meter: String,
    /// Units on it.
    pub units: u64,
    /// How they are known: reported by the provider, counted with the model's tokenizer, or estimated.
    #[schema(example = "reported")]
    pub provenance: String,
}

/// Something about the usage that a reader must see.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct ExceptionAnswer {
    /// Its stable name.
    #[schema(example = "truncated")]
    pub name: String,
    /// What it means here.
    pub detail: String,
    /// Whether quantities may be missing because of it, so that no total is given.
    pub hides_quantities: bool,
}

/// Durations in microseconds from the request's arrival; `null` where the moment never came.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct TimingsAnswer {
    /// To the first byte sent to the provider.
    pub to_upstream_us: Option<u64>,
    /// To the provider's response head.
    pub to_response_us: Option<u64>,
    /// To the first body byte of the response.
    pub to_first_byte_us: Option<u64>,
    /// To the end.
    pub total_us: Option<u64>,
}

impl From<&UsageRecord> for RecordAnswer {
    fn from(record: &UsageRecord) -> RecordAnswer {
        let usage = &record.usage;
        let quantities = usage.quantities.iter().map(|(meter, units, provenance)| MeterAnswer {
            meter: meter.name().to_owned(),
            units,
            provenance: provenance.name().to_owned(),
        });
        RecordAnswer {
            request: record.id.request.to_string(),
            attempt: record.id.attempt,
            started_at: times::text_of(record.started_at),
            ended_at: times::text_of(record.ended_at),
            key: record.key.as_ref().map(|k| k.0.clone()),
            attribution: AttributionAnswer::from(&record.attribution),
            provider: record.provider.clone(),
            surface: record.surface.clone(),
            region: record.region.clone(),
            requested_model: record.requested_model.clone(),
            served_model: usage.model.clone(),
            tier: record.tier.name().to_owned(),
            end: record.end.name().to_owned(),
            status: record.status,
            finish_reason: usage.finish_reason.clone(),
            response_id: usage.response_id.clone(),
            priced: !record.is_unpriced(),
            list_cost: record.list_cost.map(|m| m.to_string()),
            contracted_cost: record.contracted_cost.map(|m| m.to_string()),
            provider_stated_cost: usage.provider_stated_cost.map(|m| m.to_string()),
            price_version: record.price_version.clone(),
            quantities: quantities.collect(),
            exceptions: usage.exceptions.iter().map(ExceptionAnswer::from).collect(),
            reasons: record.reasons.clone(),
            timings: record.timings.into(),
        }
    }
}

impl From<&Attribution> for AttributionAnswer {
    fn from(a: &Attribution) -> AttributionAnswer {
        AttributionAnswer {
            tenant: a.tenant.clone(),
            team: a.team.clone(),
            app: a.app.clone(),
            workflow: a.workflow.clone(),
            environment: a.environment.clone(),
            consumer: a.consumer.clone(),
            task: a.task.clone(),
            step: a.step.clone(),
            parent_step: a.parent_step.clone(),
            tags: a.tags.clone(),
        }
    }
}

impl AttributionAnswer {
    /// The names and values that are set, tags included as `tags.<name>`.
    #[must_use]
    pub fn set(&self) -> Vec<(String, &str)> {
        let fields = [
            ("tenant", &self.tenant),
            ("team", &self.team),
            ("app", &self.app),
            ("workflow", &self.workflow),
            ("environment", &self.environment),
            ("consumer", &self.consumer),
            ("task", &self.task),
            ("step", &self.step),
            ("parent_step", &self.parent_step),
        ];
        let fields = fields.into_iter().filter_map(|(n, v)| Some((n.to_owned(), v.as_deref()?)));
        fields.chain(self.tags.iter().map(|(n, v)| (format!("tags.{n}"), v.as_str()))).collect()
    }
}

impl From<Timings> for TimingsAnswer {
    fn from(t: Timings) -> TimingsAnswer {
        TimingsAnswer {
            to_upstream_us: t.to_upstream_us,
            to_response_us: t.to_response_us,
            to_first_byte_us: t.to_first_byte_us,
            total_us: t.total_us,
        }
    }
}

impl From<&UsageException> for ExceptionAnswer {
    fn from(exception: &UsageException) -> ExceptionAnswer {
        let detail = match exception {
            UsageException::NotReported => {
                "the response carries no usage, and none could be counted or estimated".to_owned()
            }
            UsageException::TotalsDisagree { reported, summed } => {
                format!("the provider's own total is {reported}, its parts add up to {summed}")
            }
            UsageException::PartExceedsWhole { field } => {
                format!("the field {field} is larger than the whole that contains it")
            }
            UsageException::Truncated => {
                "the response ended before its usage came; the quantities are what was seen until then"
                    .to_owned()
            }
            UsageException::Unreadable { reason } => format!("the response could not be read: {reason}"),
            UsageException::NotUnderstood { what } => {
                format!("the response says something that has no price here: {what}")
            }
        };
        ExceptionAnswer {
            name: exception.name().to_owned(),
            detail,
            hides_quantities: exception.hides_quantities(),
        }
    }
}
