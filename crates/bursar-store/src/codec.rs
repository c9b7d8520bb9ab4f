//! How nouns are written into the journal: private mirror structs that borrow, in postcard's compact form.
//! Enumerations are written by name, so that a journal outlives a new variant in the middle.

use std::collections::BTreeMap;

use bursar_core::ledger::Amounts;
use bursar_core::{
    Attribution, EndOfStream, KeyId, Meter, MeteredUsage, Money, Provenance, Quantities, RecordId, RequestId,
    ServiceTier, Timestamp, Timings, UsageException, UsageRecord,
};
use serde::{Deserialize, Serialize};

use crate::attempt::OpenAttempt;

/// Bytes that are no record.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(crate) struct BadRecord(pub(crate) String);

/// One entry of the journal.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Entry {
    Open(Box<OpenAttempt>),
    Progress(RecordId, Box<MeteredUsage>),
    Settle(Box<UsageRecord>),
}

pub(crate) const OPEN: u8 = 1;
pub(crate) const PROGRESS: u8 = 2;
pub(crate) const SETTLE: u8 = 3;

#[derive(Serialize, Deserialize)]
struct IdForm(u128, u16);

#[derive(Serialize, Deserialize)]
struct AttributionForm<'a> {
    #[serde(borrow)]
    fields: [Option<&'a str>; 9],
    tags: Vec<(&'a str, &'a str)>,
}

#[derive(Serialize, Deserialize)]
enum ExceptionForm<'a> {
    NotReported,
    TotalsDisagree(u64, u64),
    PartExceedsWhole(&'a str),
    Truncated,
    Unreadable(&'a str),
    NotUnderstood(&'a str),
}

#[derive(Serialize, Deserialize)]
struct UsageForm<'a> {
    #[serde(borrow)]
    quantities: Vec<(&'a str, u64, &'a str)>,
    exceptions: Vec<ExceptionForm<'a>>,
    model: Option<&'a str>,
    tier: Option<&'a str>,
    finish_reason: Option<&'a str>,
    response_id: Option<&'a str>,
    stated_nanos: Option<i64>,
}

#[derive(Serialize, Deserialize)]
struct OpenForm<'a> {
    id: IdForm,
    started_at: i64,
    #[serde(borrow)]
    key: Option<&'a str>,
    attribution: AttributionForm<'a>,
    provider: &'a str,
    surface: &'a str,
    region: Option<&'a str>,
    requested_model: Option<&'a str>,
    expected: UsageForm<'a>,
}

/// What budgets hold for an attempt. It stands behind the opening where anything is held; an opening without it is
/// whole, and is how openings were written before there were budgets.
#[derive(Serialize, Deserialize)]
struct HeldForm {
    /// Nano-dollars, where a price is known, and tokens.
    ceiling: Option<(Option<i64>, u64)>,
    lease_until: Option<i64>,
}

#[derive(Serialize, Deserialize)]
struct ProgressForm<'a> {
    id: IdForm,
    #[serde(borrow)]
    usage: UsageForm<'a>,
}

#[derive(Serialize, Deserialize)]
struct SettleForm<'a> {
    #[serde(borrow)]
    open: OpenForm<'a>,
    ended_at: i64,
    tier: &'a str,
    end: &'a str,
    status: Option<u16>,
    list_nanos: Option<i64>,
    contracted_nanos: Option<i64>,
    price_version: &'a str,
    reasons: Vec<&'a str>,
    timings: [Option<u64>; 4],
}

/// Appends an opening to `out`.
pub(crate) fn write_open(attempt: &OpenAttempt, out: &mut Vec<u8>) {
    append(&open_form(attempt), out);
    if attempt.ceiling.is_some() || attempt.lease_until.is_some() {
        let form = HeldForm {
            ceiling: attempt.ceiling.map(|c| (c.usd.map(Money::nanos), c.tokens)),
            lease_until: attempt.lease_until.map(Timestamp::micros),
        };
        append(&form, out);
    }
}

/// Appends a progress to `out`.
pub(crate) fn write_progress(id: RecordId, usage: &MeteredUsage, out: &mut Vec<u8>) {
    append(&ProgressForm { id: id_form(id), usage: usage_form(usage) }, out);
}

/// Appends a settlement to `out`.
pub(crate) fn write_settle(record: &UsageRecord, out: &mut Vec<u8>) {
    let t = &record.timings;
    let form = SettleForm {
        open: OpenForm {
            id: id_form(record.id),
            started_at: record.started_at.micros(),
            key: record.key.as_ref().map(|k| k.0.as_str()),
            attribution: attribution_form(&record.attribution),
            provider: &record.provider,
            surface: &record.surface,
            region: record.region.as_deref(),
            requested_model: record.requested_model.as_deref(),
            expected: usage_form(&record.usage),
        },
        ended_at: record.ended_at.micros(),
        tier: record.tier.name(),
        end: record.end.name(),
        status: record.status,
        list_nanos: record.list_cost.map(Money::nanos),
        contracted_nanos: record.contracted_cost.map(Money::nanos),
        price_version: &record.price_version,
        reasons: record.reasons.iter().map(String::as_str).collect(),
        timings: [t.to_upstream_us, t.to_response_us, t.to_first_byte_us, t.total_us],
    };
    append(&form, out);
}

/// Reads an entry of a kind.
pub(crate) fn read_entry(kind: u8, bytes: &[u8]) -> Result<Entry, BadRecord> {
    Ok(match kind {
        OPEN => Entry::Open(Box::new(read_open(bytes)?)),
        PROGRESS => {
            let form: ProgressForm<'_> = read(bytes)?;
            Entry::Progress(id_of(&form.id), Box::new(usage_of(form.usage)?))
        }
        SETTLE => Entry::Settle(Box::new(record_of(read(bytes)?)?)),
        other => return Err(BadRecord(format!("there is no kind of entry {other}"))),
    })
}

/// Reads what [`write_open`] wrote.
pub(crate) fn read_open(bytes: &[u8]) -> Result<OpenAttempt, BadRecord> {
    let (form, rest) = postcard::take_from_bytes(bytes).map_err(|e| BadRecord(e.to_string()))?;
    let mut attempt = open_of(form)?;
    if !rest.is_empty() {
        let held: HeldForm = read(rest)?;
        let ceiling =
            |(nanos, tokens): (Option<i64>, u64)| Amounts { usd: nanos.map(Money::from_nanos), tokens };
        attempt.ceiling = held.ceiling.map(ceiling);
        attempt.lease_until = held.lease_until.map(Timestamp::from_micros);
    }
    Ok(attempt)
}

/// What a response used, by itself: for the table of attempts in flight.
pub(crate) fn usage_bytes(usage: &MeteredUsage) -> Vec<u8> {
    let mut out = Vec::new();
    append(&usage_form(usage), &mut out);
    out
}

/// Reads what [`usage_bytes`] wrote.
pub(crate) fn read_usage(bytes: &[u8]) -> Result<MeteredUsage, BadRecord> {
    usage_of(read(bytes)?)
}

fn append(form: &impl Serialize, out: &mut Vec<u8>) {
    // Writing into memory fails only for sequences of unknown length, and the forms have none.
    match postcard::to_extend(form, std::mem::take(out)) {
        Ok(written) => *out = written,
        Err(e) => unreachable!("a form of known length cannot be written: {e}"),
    }
}

fn read<'a, T: Deserialize<'a>>(bytes: &'a [u8]) -> Result<T, BadRecord> {
    postcard::from_bytes(bytes).map_err(|e| BadRecord(e.to_string()))
}

fn id_form(id: RecordId) -> IdForm {
    IdForm(id.request.0, id.attempt)
}

fn id_of(form: &IdForm) -> RecordId {
    RecordId { request: RequestId(form.0), attempt: form.1 }
}

fn open_form(attempt: &OpenAttempt) -> OpenForm<'_> {
    OpenForm {
        id: id_form(attempt.id),
        started_at: attempt.started_at.micros(),
        key: attempt.key.as_ref().map(|k| k.0.as_str()),
        attribution: attribution_form(&attempt.attribution),
        provider: &attempt.provider,
        surface: &attempt.surface,
        region: attempt.region.as_deref(),
        requested_model: attempt.requested_model.as_deref(),
        expected: usage_form(&attempt.expected),
    }
}

fn open_of(form: OpenForm<'_>) -> Result<OpenAttempt, BadRecord> {
    Ok(OpenAttempt {
        id: id_of(&form.id),
        started_at: Timestamp::from_micros(form.started_at),
        key: form.key.map(|k| KeyId(k.to_owned())),
        attribution: attribution_of(&form.attribution),
        provider: form.provider.to_owned(),
        surface: form.surface.to_owned(),
        region: owned(form.region),
        requested_model: owned(form.requested_model),
        expected: usage_of(form.expected)?,
        ceiling: None,
        lease_until: None,
    })
}

fn record_of(form: SettleForm<'_>) -> Result<UsageRecord, BadRecord> {
    let open = open_of(form.open)?;
    let [to_upstream_us, to_response_us, to_first_byte_us, total_us] = form.timings;
    Ok(UsageRecord {
        id: open.id,
        started_at: open.started_at,
        ended_at: Timestamp::from_micros(form.ended_at),
        key: open.key,
        attribution: open.attribution,
        provider: open.provider,
        surface: open.surface,
        region: open.region,
        requested_model: open.requested_model,
        usage: open.expected,
        tier: tier_of(form.tier)?,
        end: EndOfStream::from_name(form.end).ok_or_else(|| unknown("end of stream", form.end))?,
        status: form.status,
        list_cost: form.list_nanos.map(Money::from_nanos),
        contracted_cost: form.contracted_nanos.map(Money::from_nanos),
        price_version: form.price_version.to_owned(),
        reasons: form.reasons.into_iter().map(str::to_owned).collect(),
        timings: Timings { to_upstream_us, to_response_us, to_first_byte_us, total_us },
    })
}

fn attribution_form(a: &Attribution) -> AttributionForm<'_> {
    let fields = [
        &a.tenant,
        &a.team,
        &a.app,
        &a.workflow,
        &a.environment,
        &a.consumer,
        &a.task,
        &a.step,
        &a.parent_step,
    ];
    AttributionForm {
        fields: fields.map(Option::as_deref),
        tags: a.tags.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect(),
    }
}

fn attribution_of(form: &AttributionForm<'_>) -> Attribution {
    let [tenant, team, app, workflow, environment, consumer, task, step, parent_step] =
        form.fields.map(owned);
    let tags: BTreeMap<_, _> = form.tags.iter().map(|&(k, v)| (k.to_owned(), v.to_owned())).collect();
    Attribution { tenant, team, app, workflow, environment, consumer, task, step, parent_step, tags }
}

fn usage_form(usage: &MeteredUsage) -> UsageForm<'_> {
    UsageForm {
        quantities: usage.quantities.iter().map(|(m, units, p)| (m.name(), units, p.name())).collect(),
        exceptions: usage.exceptions.iter().map(exception_form).collect(),
        model: usage.model.as_deref(),
        tier: usage.tier.map(ServiceTier::name),
        finish_reason: usage.finish_reason.as_deref(),
        response_id: usage.response_id.as_deref(),
        stated_nanos: usage.provider_stated_cost.map(Money::nanos),
    }
}

fn usage_of(form: UsageForm<'_>) -> Result<MeteredUsage, BadRecord> {
    let mut quantities = Quantities::none();
    for (meter, units, provenance) in form.quantities {
        let meter: Meter = meter.parse().map_err(|_| unknown("meter", meter))?;
        let provenance =
            Provenance::from_name(provenance).ok_or_else(|| unknown("provenance", provenance))?;
        quantities.set(meter, units, provenance);
    }
    Ok(MeteredUsage {
        quantities,
        exceptions: form.exceptions.iter().map(exception_of).collect(),
        model: owned(form.model),
        tier: form.tier.map(tier_of).transpose()?,
        finish_reason: owned(form.finish_reason),
        response_id: owned(form.response_id),
        provider_stated_cost: form.stated_nanos.map(Money::from_nanos),
    })
}

fn exception_form(exception: &UsageException) -> ExceptionForm<'_> {
    match exception {
        UsageException::NotReported => ExceptionForm::NotReported,
        UsageException::TotalsDisagree { reported, summed } => {
            ExceptionForm::TotalsDisagree(*reported, *summed)
        }
        UsageException::PartExceedsWhole { field } => ExceptionForm::PartExceedsWhole(field),
        UsageException::Truncated => ExceptionForm::Truncated,
        UsageException::Unreadable { reason } => ExceptionForm::Unreadable(reason),
        UsageException::NotUnderstood { what } => ExceptionForm::NotUnderstood(what),
    }
}

fn exception_of(form: &ExceptionForm<'_>) -> UsageException {
    match *form {
        ExceptionForm::NotReported => UsageException::NotReported,
        ExceptionForm::TotalsDisagree(reported, summed) => {
            UsageException::TotalsDisagree { reported, summed }
        }
        ExceptionForm::PartExceedsWhole(f) => UsageException::PartExceedsWhole { field: f.to_owned() },
        ExceptionForm::Truncated => UsageException::Truncated,
        ExceptionForm::Unreadable(r) => UsageException::Unreadable { reason: r.to_owned() },
        ExceptionForm::NotUnderstood(w) => UsageException::NotUnderstood { what: w.to_owned() },
    }
}

fn tier_of(name: &str) -> Result<ServiceTier, BadRecord> {
    name.parse().map_err(|_| unknown("service tier", name))
}

fn owned(text: Option<&str>) -> Option<String> {
    text.map(str::to_owned)
}

fn unknown(what: &str, name: &str) -> BadRecord {
    BadRecord(format!("there is no {what} {name:?}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An opening as it was written before attempts had a ceiling.
    const OLD: &str = "8580808080808080809a010280c0d081a2a9ab0601056b65795f31000107737570706f72740000000000000001\
        04726f6f6d0133066f70656e6169176f70656e61692e636861745f636f6d706c6574696f6e7300010a6770742d352d6d696e6901\
        05696e707574ac0609657374696d61746564000000000000";

    fn old_bytes() -> Vec<u8> {
        let digits: Vec<u8> = OLD.bytes().filter(u8::is_ascii_hexdigit).collect();
        let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
        digits.chunks(2).map(byte).collect()
    }

    #[test]
    fn an_opening_of_an_older_journal_is_read_and_holds_nothing() {
        let found = read_open(&old_bytes()).unwrap();
        assert_eq!((found.id.request, found.id.attempt), (RequestId(77 << 64 | 5), 2));
        assert_eq!(found.requested_model.as_deref(), Some("gpt-5-mini"));
        assert_eq!(found.expected.quantities.get(Meter::Input), 812);
        assert_eq!((found.ceiling, found.lease_until), (None, None));
        let mut again = Vec::new();
        write_open(&found, &mut again);
        assert_eq!(again, old_bytes());
    }

    #[test]
    fn what_is_held_for_an_opening_is_read_as_it_was_written_and_never_cut_off_in_silence() {
        let mut attempt = read_open(&old_bytes()).unwrap();
        attempt.lease_until = Some(Timestamp::from_seconds(1_784_117_400));
        for usd in [None, Some(Money::from_nanos(12_345_678))] {
            attempt.ceiling = Some(Amounts { usd, tokens: 4_812 });
            let mut bytes = Vec::new();
            write_open(&attempt, &mut bytes);
            assert_eq!(read_open(&bytes).unwrap(), attempt);
            bytes.pop();
            assert!(read_open(&bytes).is_err());
        }
    }
}
