//! Virtual keys, for the API and the commands.

use axum::http::StatusCode;
use bursar_core::identity::{LabelField, LabelPolicy};
use bursar_core::{Attribution, KeyId, Timestamp};
use bursar_store::{KeyDirectory, KeySpec, StoreError, VirtualKey};

use crate::answer::{
    AttributionAnswer, CreateKeyBody, CreatedKeyAnswer, KeyAnswer, KeysAnswer, RotateKeyBody,
};
use crate::problem::Problem;
use crate::times;

/// All keys, the latest first.
pub fn list(keys: &KeyDirectory, now: Timestamp) -> Result<KeysAnswer, Problem> {
    let mut all = keys.list().map_err(Problem::store)?;
    all.sort_by(|a, b| b.created_at.cmp(&a.created_at).then_with(|| a.id.cmp(&b.id)));
    Ok(KeysAnswer { keys: all.iter().map(|k| answer(k, now)).collect() })
}

/// One key.
pub fn show(keys: &KeyDirectory, id: &str, now: Timestamp) -> Result<KeyAnswer, Problem> {
    find(keys, id).map(|key| answer(&key, now))
}

/// Makes a key. The answer holds its secret, the only time that it is shown.
pub fn create(
    keys: &KeyDirectory,
    body: &CreateKeyBody,
    now: Timestamp,
) -> Result<CreatedKeyAnswer, Problem> {
    let (key, secret) = keys.create(spec(body, now)?, now).map_err(|e| match e {
        StoreError::BadNetwork(_) => Problem::bad_value("ips", e),
        other => Problem::store(other),
    })?;
    Ok(CreatedKeyAnswer { key: answer(&key, now), secret: secret.reveal().to_owned() })
}

/// Ends a key now. A key that has ended already stays as it is.
pub fn revoke(keys: &KeyDirectory, id: &str, now: Timestamp) -> Result<KeyAnswer, Problem> {
    let key = find(keys, id)?;
    if state(&key, now) != "active" {
        return Ok(answer(&key, now));
    }
    let revoked = keys.revoke(&key.id, now).map_err(Problem::store)?;
    revoked.map(|k| answer(&k, now)).ok_or_else(|| unknown(id))
}

/// Puts a new key with the same labels and rules in the place of one, which goes on for the overlap.
pub fn rotate(
    keys: &KeyDirectory,
    id: &str,
    body: &RotateKeyBody,
    now: Timestamp,
) -> Result<CreatedKeyAnswer, Problem> {
    let old = find(keys, id)?;
    if state(&old, now) != "active" || old.replaced_by.is_some() {
        return Err(Problem::new(
            StatusCode::CONFLICT,
            "Key has ended",
            format!("{id} is {} and cannot be rotated", ended_how(&old, now)),
            "rotate the key that replaced it, or make a new one",
        ));
    }
    let until = match body.overlap.as_deref() {
        Some(text) => times::parse_after(text, now).map_err(|e| Problem::bad_value("overlap", e))?,
        None => now,
    };
    let rotated = keys.rotate(&old.id, until, now).map_err(Problem::store)?;
    let (key, secret) = rotated.ok_or_else(|| unknown(id))?;
    Ok(CreatedKeyAnswer { key: answer(&key, now), secret: secret.reveal().to_owned() })
}

fn find(keys: &KeyDirectory, id: &str) -> Result<VirtualKey, Problem> {
    let all = keys.list().map_err(Problem::store)?;
    all.into_iter().find(|k| k.id.0 == id).ok_or_else(|| unknown(id))
}

fn unknown(id: &str) -> Problem {
    let shown = if id.starts_with("bsk_") { "that (it looks like a secret; an id is asked for)" } else { id };
    Problem::not_found(format!("there is no key {shown}"), "bursar keys list shows the ids of all keys")
}

fn state(key: &VirtualKey, now: Timestamp) -> &'static str {
    if key.revoked_at.is_some_and(|at| at <= now) {
        "revoked"
    } else if key.expires_at.is_some_and(|at| at <= now) {
        "expired"
    } else {
        "active"
    }
}

fn ended_how(key: &VirtualKey, now: Timestamp) -> String {
    match &key.replaced_by {
        Some(KeyId(by)) => format!("replaced by {by}"),
        None => state(key, now).to_owned(),
    }
}

fn answer(key: &VirtualKey, now: Timestamp) -> KeyAnswer {
    KeyAnswer {
        id: key.id.0.clone(),
        prefix: key.prefix.clone(),
        state: state(key, now).to_owned(),
        attribution: AttributionAnswer::from(&key.fixed),
        may_set: key.may_set.fields().map(|f| f.name().to_owned()).collect(),
        models: key.models.clone(),
        ips: key.ips.clone(),
        created_at: times::text_of(key.created_at),
        expires_at: key.expires_at.map(times::text_of),
        revoked_at: key.revoked_at.map(times::text_of),
        last_used_at: key.last_used_at.map(times::text_of),
        replaced_by: key.replaced_by.as_ref().map(|k| k.0.clone()),
    }
}

fn spec(body: &CreateKeyBody, now: Timestamp) -> Result<KeySpec, Problem> {
    let expires = body.expires.as_deref().map(|text| times::parse_after(text, now));
    if body.models.iter().flatten().any(|m| m.trim().is_empty()) {
        return Err(Problem::bad_value(
            "models",
            "a pattern is a model's name; * in it stands for any characters",
        ));
    }
    Ok(KeySpec {
        fixed: Attribution {
            tenant: label("tenant", body.tenant.as_ref())?,
            team: label("team", body.team.as_ref())?,
            app: label("app", body.app.as_ref())?,
            workflow: label("workflow", body.workflow.as_ref())?,
            environment: label("environment", body.environment.as_ref())?,
            consumer: label("consumer", body.consumer.as_ref())?,
            ..Attribution::default()
        },
        may_set: body.may_set.as_deref().map_or_else(|| Ok(LabelPolicy::default()), policy)?,
        models: body.models.clone(),
        ips: body.ips.clone(),
        expires_at: expires.transpose().map_err(|e| Problem::bad_value("expires", e))?,
    })
}

fn label(name: &str, value: Option<&String>) -> Result<Option<String>, Problem> {
    match value {
        Some(v) if v.trim().is_empty() || v == "-" || v.chars().any(char::is_control) || v.len() > 200 => {
            Err(Problem::bad_value(
                name,
                "a label is 1 to 200 bytes without control characters, and not - alone",
            ))
        }
        other => Ok(other.cloned()),
    }
}

fn policy(names: &[String]) -> Result<LabelPolicy, Problem> {
    let field = |name: &String| {
        LabelField::from_name(name.trim()).ok_or_else(|| {
            let allowed: Vec<&str> = LabelField::ALL.iter().map(|f| f.name()).collect();
            Problem::bad_value("may_set", format!("{name:?} is none of {}", allowed.join(", ")))
        })
    };
    Ok(LabelPolicy::of(names.iter().map(field).collect::<Result<Vec<_>, _>>()?))
}
