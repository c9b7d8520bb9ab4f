//! The usage log: a row per attempt.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use bursar_core::{
    Attribution, EndOfStream, KeyId, Meter, MeteredUsage, Money, Provenance, Quantities, RecordId, RequestId,
    Timestamp, Timings, UsageException, UsageRecord,
};
use rusqlite::{Connection, Row, ToSql, params, params_from_iter};
use serde_json::{Map, Value, json};

use crate::error::StoreError;

/// The columns, in the order in which they are written and read.
pub(crate) const COLUMNS: &str = "request, attempt, started_at, ended_at, key_id, tenant, team, app, workflow, \
    environment, consumer, task, step, parent_step, tags, provider, surface, region, requested_model, \
    served_model, model, served_tier, tier, finish_reason, response_id, ended, status, quantities, exceptions, \
    list_cost, contracted_cost, provider_stated_cost, price_version, reasons, to_upstream_us, to_response_us, \
    to_first_byte_us, total_us";

static INSERT: LazyLock<String> = LazyLock::new(|| {
    let places: Vec<String> = (1..=COLUMNS.split(',').count()).map(|i| format!("?{i}")).collect();
    format!("INSERT OR IGNORE INTO usage_log ({COLUMNS}) VALUES ({})", places.join(", "))
});

/// Writes a record; `false` where its id is in the log already, which then stays as it is.
pub(crate) fn insert(db: &Connection, record: &UsageRecord) -> rusqlite::Result<bool> {
    let (a, u, t) = (&record.attribution, &record.usage, &record.timings);
    let request = request_bytes(record.id.request);
    let quantities = quantities_text(&u.quantities);
    let (tags, exceptions, reasons) =
        (tags_text(&a.tags), exceptions_text(&u.exceptions), reasons_text(&record.reasons));
    let micros = |us: Option<u64>| us.map(|us| i64::try_from(us).unwrap_or(i64::MAX));
    let (to_upstream, to_response) = (micros(t.to_upstream_us), micros(t.to_response_us));
    let (to_first_byte, total) = (micros(t.to_first_byte_us), micros(t.total_us));
    let money = |m: Option<Money>| m.map(Money::nanos);
    let (list, contracted) = (money(record.list_cost), money(record.contracted_cost));
    let values: [&dyn ToSql; 38] = [
        &request.as_slice(),
        &record.id.attempt,
        &record.started_at.micros(),
        &record.ended_at.micros(),
        &record.key.as_ref().map(|k| k.0.as_str()),
        &a.tenant,
        &a.team,
        &a.app,
        &a.workflow,
        &a.environment,
        &a.consumer,
        &a.task,
        &a.step,
        &a.parent_step,
        &tags,
        &record.provider,
        &record.surface,
        &record.region,
        &record.requested_model,
        &u.model,
        &record.model(),
        &u.tier.map(bursar_core::ServiceTier::name),
        &record.tier.name(),
        &u.finish_reason,
        &u.response_id,
        &record.end.name(),
        &record.status,
        &quantities,
        &exceptions,
        &list,
        &contracted,
        &money(u.provider_stated_cost),
        &record.price_version,
        &reasons,
        &to_upstream,
        &to_response,
        &to_first_byte,
        &total,
    ];
    Ok(db.prepare_cached(&INSERT)?.execute(params_from_iter(values))? == 1)
}

/// Whether a record is in the log.
pub(crate) fn holds(db: &Connection, id: RecordId) -> rusqlite::Result<bool> {
    db.prepare_cached("SELECT 1 FROM usage_log WHERE request = ?1 AND attempt = ?2")?
        .exists(params![request_bytes(id.request), id.attempt])
}

/// The place of the latest row; 0 in an empty log. Rows are never deleted, so that a later row has a larger place.
pub(crate) fn last_row(db: &Connection) -> rusqlite::Result<i64> {
    db.query_row("SELECT coalesce(max(rowid), 0) FROM usage_log", [], |r| r.get(0))
}

/// Reads a row of [`COLUMNS`].
pub(crate) fn read(row: &Row<'_>) -> Result<UsageRecord, StoreError> {
    let text = |name: &str| row.get::<_, Option<String>>(name).map_err(StoreError::Database);
    let number = |name: &str| row.get::<_, Option<i64>>(name).map_err(StoreError::Database);
    let needed = |name: &'static str| text(name)?.ok_or_else(|| bad(name, "it is missing"));
    let needed_number = |name: &'static str| number(name)?.ok_or_else(|| bad(name, "it is missing"));
    let money = |name: &str| number(name).map(|n| n.map(Money::from_nanos));
    let micros = |name: &str| number(name).map(|n| n.and_then(|n| u64::try_from(n).ok()));
    let request: Vec<u8> = row.get("request").map_err(StoreError::Database)?;
    Ok(UsageRecord {
        id: record_id(&request, needed_number("attempt")?)?,
        started_at: Timestamp::from_micros(needed_number("started_at")?),
        ended_at: Timestamp::from_micros(needed_number("ended_at")?),
        key: text("key_id")?.map(KeyId),
        attribution: read_attribution(row)?,
        provider: needed("provider")?,
        surface: needed("surface")?,
        region: text("region")?,
        requested_model: text("requested_model")?,
        usage: MeteredUsage {
            quantities: read_quantities(&needed("quantities")?)?,
            exceptions: text("exceptions")?.as_deref().map_or(Ok(Vec::new()), read_exceptions)?,
            model: text("served_model")?,
            tier: text("served_tier")?.map(|t| t.parse().map_err(|e| bad("served_tier", e))).transpose()?,
            finish_reason: text("finish_reason")?,
            response_id: text("response_id")?,
            provider_stated_cost: money("provider_stated_cost")?,
        },
        tier: needed("tier")?.parse().map_err(|e| bad("tier", e))?,
        end: needed("ended").and_then(|e| EndOfStream::from_name(&e).ok_or_else(|| bad("ended", e)))?,
        status: number("status")?.and_then(|s| u16::try_from(s).ok()),
        list_cost: money("list_cost")?,
        contracted_cost: money("contracted_cost")?,
        price_version: needed("price_version")?,
        reasons: text("reasons")?
            .map_or(Ok(Vec::new()), |r| serde_json::from_str(&r).map_err(|e| bad("reasons", e)))?,
        timings: Timings {
            to_upstream_us: micros("to_upstream_us")?,
            to_response_us: micros("to_response_us")?,
            to_first_byte_us: micros("to_first_byte_us")?,
            total_us: micros("total_us")?,
        },
    })
}

/// Reads the columns of an attribution, which the usage log and the registry of keys have alike.
pub(crate) fn read_attribution(row: &Row<'_>) -> Result<Attribution, StoreError> {
    let text = |name: &str| row.get::<_, Option<String>>(name).map_err(StoreError::Database);
    let tags: BTreeMap<String, String> = text("tags")?
        .map_or(Ok(BTreeMap::new()), |t| serde_json::from_str(&t).map_err(|e| bad("tags", e)))?;
    Ok(Attribution {
        tenant: text("tenant")?,
        team: text("team")?,
        app: text("app")?,
        workflow: text("workflow")?,
        environment: text("environment")?,
        consumer: text("consumer")?,
        task: text("task")?,
        step: text("step")?,
        parent_step: text("parent_step")?,
        tags,
    })
}

/// A request id as it is stored: 16 bytes, the most significant first, so that bytes sort as ids do.
pub(crate) fn request_bytes(id: RequestId) -> [u8; 16] {
    id.0.to_be_bytes()
}

pub(crate) fn record_id(request: &[u8], attempt: i64) -> Result<RecordId, StoreError> {
    let bytes: [u8; 16] = request.try_into().map_err(|_| bad("request", "it has not 16 bytes"))?;
    let attempt = u16::try_from(attempt).map_err(|e| bad("attempt", e))?;
    Ok(RecordId { request: RequestId(u128::from_be_bytes(bytes)), attempt })
}

pub(crate) fn tags_text(tags: &BTreeMap<String, String>) -> Option<String> {
    (!tags.is_empty()).then(|| json!(tags).to_string())
}

fn reasons_text(reasons: &[String]) -> Option<String> {
    (!reasons.is_empty()).then(|| json!(reasons).to_string())
}

/// `{"input":[812,"reported"],…}`; meters at zero are left out.
fn quantities_text(quantities: &Quantities) -> String {
    use std::fmt::Write as _;
    let mut text = String::from("{");
    for (meter, units, provenance) in quantities.iter() {
        let comma = if text.len() > 1 { "," } else { "" };
        let _ = write!(text, "{comma}\"{}\":[{units},\"{}\"]", meter.name(), provenance.name());
    }
    text.push('}');
    text
}

pub(crate) fn read_quantities(text: &str) -> Result<Quantities, StoreError> {
    let pairs: BTreeMap<String, (u64, String)> =
        serde_json::from_str(text).map_err(|e| bad("quantities", e))?;
    let mut quantities = Quantities::none();
    for (meter, (units, provenance)) in pairs {
        let meter: Meter = meter.parse().map_err(|e| bad("quantities", e))?;
        let provenance = Provenance::from_name(&provenance).ok_or_else(|| bad("quantities", &provenance))?;
        quantities.set(meter, units, provenance);
    }
    Ok(quantities)
}

fn exceptions_text(exceptions: &[UsageException]) -> Option<String> {
    let one = |e: &UsageException| {
        let mut map = Map::new();
        map.insert("name".to_owned(), json!(e.name()));
        let mut add = |name: &str, value: Value| drop(map.insert(name.to_owned(), value));
        match e {
            UsageException::TotalsDisagree { reported, summed } => {
                add("reported", json!(reported));
                add("summed", json!(summed));
            }
            UsageException::PartExceedsWhole { field: text }
            | UsageException::Unreadable { reason: text }
            | UsageException::NotUnderstood { what: text } => add("detail", json!(text)),
            UsageException::NotReported | UsageException::Truncated => {}
        }
        Value::Object(map)
    };
    (!exceptions.is_empty()).then(|| Value::Array(exceptions.iter().map(one).collect()).to_string())
}

fn read_exceptions(text: &str) -> Result<Vec<UsageException>, StoreError> {
    let all: Vec<Value> = serde_json::from_str(text).map_err(|e| bad("exceptions", e))?;
    all.iter().map(|v| read_exception(v).ok_or_else(|| bad("exceptions", v))).collect()
}

fn read_exception(value: &Value) -> Option<UsageException> {
    let detail = || value.get("detail").and_then(Value::as_str).map(str::to_owned);
    let number = |name: &str| value.get(name).and_then(Value::as_u64);
    Some(match value.get("name")?.as_str()? {
        "not_reported" => UsageException::NotReported,
        "totals_disagree" => {
            UsageException::TotalsDisagree { reported: number("reported")?, summed: number("summed")? }
        }
        "part_exceeds_whole" => UsageException::PartExceedsWhole { field: detail()? },
        "truncated" => UsageException::Truncated,
        "unreadable" => UsageException::Unreadable { reason: detail()? },
        "not_understood" => UsageException::NotUnderstood { what: detail()? },
        _ => return None,
    })
}

#[expect(clippy::needless_pass_by_value, reason = "takes errors by value, to stand in map_err")]
pub(crate) fn bad(what: &'static str, why: impl ToString) -> StoreError {
    StoreError::Unreadable { what, why: why.to_string() }
}
