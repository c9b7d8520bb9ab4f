//! Which calls a budget covers.

use std::fmt;
use std::str::FromStr;

use crate::identity::{Attribution, KeyId};
use crate::usage::UsageRecord;

/// What a call is matched by: whom it is for and which model it asks for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Subject {
    /// Whom the call is for.
    pub attribution: Attribution,
    /// The virtual key, where one was used.
    pub key: Option<KeyId>,
    /// The provider's name in the price list.
    pub provider: String,
    /// The model that was asked for: it is known before the call, so that a hold and its settlement agree.
    pub model: Option<String>,
}

impl Subject {
    /// What a settled attempt was held by: the model that was asked for, or the one that served where nobody asked
    /// for one.
    #[must_use]
    pub fn of_record(record: &UsageRecord) -> Subject {
        Subject {
            attribution: record.attribution.clone(),
            key: record.key.clone(),
            provider: record.provider.clone(),
            model: record.requested_model.clone().or_else(|| record.usage.model.clone()),
        }
    }
}

/// A fact about a call that a scope can ask for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ScopeField {
    /// [`Attribution::task`].
    Task,
    /// [`Attribution::consumer`].
    Consumer,
    /// The virtual key's id.
    Key,
    /// A tag, by its name.
    Tag(String),
    /// [`Attribution::workflow`].
    Workflow,
    /// [`Attribution::app`].
    App,
    /// [`Attribution::team`].
    Team,
    /// The model that is asked for.
    Model,
    /// [`Attribution::environment`].
    Environment,
    /// The provider's name in the price list.
    Provider,
    /// [`Attribution::tenant`].
    Tenant,
    /// A class of models, as [`ModelTiers`] names them.
    ModelTier,
}

impl ScopeField {
    /// The fields without a name of their own, the one that usually tells most first.
    pub const PLAIN: [ScopeField; 11] = [
        ScopeField::Task,
        ScopeField::Consumer,
        ScopeField::Key,
        ScopeField::Workflow,
        ScopeField::App,
        ScopeField::Team,
        ScopeField::Model,
        ScopeField::Environment,
        ScopeField::Provider,
        ScopeField::Tenant,
        ScopeField::ModelTier,
    ];

    /// The name without the tag's own.
    const fn word(&self) -> &'static str {
        match self {
            ScopeField::Task => "task",
            ScopeField::Consumer => "consumer",
            ScopeField::Key => "key",
            ScopeField::Tag(_) => "tag",
            ScopeField::Workflow => "workflow",
            ScopeField::App => "app",
            ScopeField::Team => "team",
            ScopeField::Model => "model",
            ScopeField::Environment => "environment",
            ScopeField::Provider => "provider",
            ScopeField::Tenant => "tenant",
            ScopeField::ModelTier => "model_tier",
        }
    }

    /// What a call says about this; `None` where nobody said. [`ScopeField::ModelTier`] is asked of
    /// [`ModelTiers`] instead.
    #[must_use]
    pub fn of<'a>(&self, subject: &'a Subject) -> Option<&'a str> {
        let a = &subject.attribution;
        match self {
            ScopeField::Task => a.task.as_deref(),
            ScopeField::Consumer => a.consumer.as_deref(),
            ScopeField::Key => subject.key.as_ref().map(|k| k.0.as_str()),
            ScopeField::Tag(name) => a.tags.get(name).map(String::as_str),
            ScopeField::Workflow => a.workflow.as_deref(),
            ScopeField::App => a.app.as_deref(),
            ScopeField::Team => a.team.as_deref(),
            ScopeField::Model => subject.model.as_deref(),
            ScopeField::Environment => a.environment.as_deref(),
            ScopeField::Provider => Some(&subject.provider),
            ScopeField::Tenant => a.tenant.as_deref(),
            ScopeField::ModelTier => None,
        }
    }
}

impl fmt::Display for ScopeField {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ScopeField::Tag(name) => write!(f, "tag:{name}"),
            plain => f.pad(plain.word()),
        }
    }
}

/// A text that is no field, pattern or scope.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadPattern {
    /// No such field.
    #[error(
        "{0:?} is none of tenant, team, app, workflow, environment, consumer, task, key, provider, model, model_tier, tag:NAME"
    )]
    Field(String),
    /// An empty pattern, or a `*` that does not stand at the end.
    #[error("{0:?} is no pattern: write a value, or its beginning with * at the end")]
    Pattern(String),
}

impl FromStr for ScopeField {
    type Err = BadPattern;

    fn from_str(text: &str) -> Result<ScopeField, BadPattern> {
        if let Some(name) = text.strip_prefix("tag:").filter(|n| !n.is_empty()) {
            return Ok(ScopeField::Tag(name.to_owned()));
        }
        let plain = ScopeField::PLAIN.into_iter().find(|f| f.word() == text);
        plain.ok_or_else(|| BadPattern::Field(text.to_owned()))
    }
}

/// A value, or the beginning of one.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Pattern {
    /// This value.
    Exact(String),
    /// Every value that begins so; written with a `*` at its end.
    Prefix(String),
}

impl Pattern {
    /// Whether a value fits.
    #[must_use]
    pub fn fits(&self, value: &str) -> bool {
        match self {
            Pattern::Exact(exact) => exact == value,
            Pattern::Prefix(stem) => value.starts_with(stem.as_str()),
        }
    }

    /// Whether every value that fits `other` fits this one too.
    #[must_use]
    pub fn contains(&self, other: &Pattern) -> bool {
        match (self, other) {
            (mine, Pattern::Exact(value)) => mine.fits(value),
            (Pattern::Prefix(stem), Pattern::Prefix(longer)) => longer.starts_with(stem.as_str()),
            (Pattern::Exact(_), Pattern::Prefix(_)) => false,
        }
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Pattern::Exact(value) => f.write_str(value),
            Pattern::Prefix(stem) => write!(f, "{stem}*"),
        }
    }
}

impl FromStr for Pattern {
    type Err = BadPattern;

    fn from_str(text: &str) -> Result<Pattern, BadPattern> {
        let (stem, is_prefix) = match text.strip_suffix('*') {
            Some(stem) => (stem, true),
            None => (text, false),
        };
        if stem.contains('*') || (stem.is_empty() && !is_prefix) {
            return Err(BadPattern::Pattern(text.to_owned()));
        }
        let stem = stem.to_owned();
        Ok(if is_prefix { Pattern::Prefix(stem) } else { Pattern::Exact(stem) })
    }
}

/// One condition of a scope: the field's value fits one of the patterns. A call that says nothing about the field
/// does not fit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Clause {
    /// What is asked for.
    pub field: ScopeField,
    /// What fits; at least one.
    pub any_of: Vec<Pattern>,
}

/// Which calls are covered: those that fit every clause. A scope without clauses covers every call.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scope {
    /// The conditions.
    pub clauses: Vec<Clause>,
}

impl Scope {
    /// Every call.
    #[must_use]
    pub const fn everything() -> Scope {
        Scope { clauses: Vec::new() }
    }

    /// This scope with one more condition: the field has this very value.
    #[must_use]
    pub fn and(mut self, field: ScopeField, value: impl Into<String>) -> Scope {
        self.clauses.push(Clause { field, any_of: vec![Pattern::Exact(value.into())] });
        self
    }

    /// Whether a call is covered.
    #[must_use]
    pub fn covers(&self, subject: &Subject, tiers: &ModelTiers) -> bool {
        self.clauses.iter().all(|clause| match clause.field {
            ScopeField::ModelTier => tiers.of(subject).any(|t| clause.any_of.iter().any(|p| p.fits(t))),
            ref field => field.of(subject).is_some_and(|v| clause.any_of.iter().any(|p| p.fits(v))),
        })
    }

    /// Whether every call that `other` covers is covered by this scope too, as far as the clauses tell.
    #[must_use]
    pub fn contains(&self, other: &Scope) -> bool {
        self.clauses.iter().all(|mine| {
            other.clauses.iter().any(|theirs| {
                let held = |p: &Pattern| mine.any_of.iter().any(|m| m.contains(p));
                theirs.field == mine.field && theirs.any_of.iter().all(held)
            })
        })
    }
}

impl fmt::Display for Scope {
    /// Such as `team=support, model=gpt-5*|o3`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.clauses.is_empty() {
            return f.write_str("every call");
        }
        for (i, clause) in self.clauses.iter().enumerate() {
            let comma = if i == 0 { "" } else { ", " };
            let values: Vec<String> = clause.any_of.iter().map(Pattern::to_string).collect();
            write!(f, "{comma}{}={}", clause.field, values.join("|"))?;
        }
        Ok(())
    }
}

/// Classes of models by name, such as `frontier`, that scopes can ask for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ModelTiers(Vec<(String, Vec<Pattern>)>);

impl ModelTiers {
    /// Classes with the patterns of their models. A model may be in several.
    #[must_use]
    pub fn new(tiers: Vec<(String, Vec<Pattern>)>) -> ModelTiers {
        ModelTiers(tiers)
    }

    /// The classes of the model that a call asks for.
    pub fn of<'a>(&'a self, subject: &'a Subject) -> impl Iterator<Item = &'a str> {
        let model = subject.model.as_deref();
        self.0
            .iter()
            .filter(move |(_, patterns)| model.is_some_and(|m| patterns.iter().any(|p| p.fits(m))))
            .map(|(name, _)| name.as_str())
    }

    /// The names of the classes.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|(name, _)| name.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn subject(team: &str, model: &str) -> Subject {
        let mut subject = Subject { model: Some(model.to_owned()), ..Subject::default() };
        subject.attribution.team = Some(team.to_owned());
        subject.attribution.tags.insert("cost-centre".to_owned(), "4711".to_owned());
        subject
    }

    fn clause(field: &str, patterns: &[&str]) -> Clause {
        Clause {
            field: field.parse().unwrap(),
            any_of: patterns.iter().map(|p| p.parse().unwrap()).collect(),
        }
    }

    #[test]
    fn a_scope_covers_a_call_that_fits_every_clause_and_no_call_that_says_nothing() {
        let tiers = ModelTiers::new(vec![("frontier".to_owned(), vec!["gpt-5*".parse().unwrap()])]);
        let scope = Scope {
            clauses: vec![
                clause("team", &["support", "sales"]),
                clause("model_tier", &["frontier"]),
                clause("tag:cost-centre", &["47*"]),
            ],
        };
        assert!(scope.covers(&subject("support", "gpt-5-mini"), &tiers));
        assert!(!scope.covers(&subject("support", "o3"), &tiers));
        assert!(!scope.covers(&subject("legal", "gpt-5"), &tiers));
        assert!(!scope.covers(&Subject::default(), &tiers));
        assert!(Scope::everything().covers(&Subject::default(), &tiers));
        assert_eq!(scope.to_string(), "team=support|sales, model_tier=frontier, tag:cost-centre=47*");
    }

    #[test]
    fn a_wider_scope_contains_a_narrower_one_and_not_the_other_way_round() {
        let team = Scope::default().and(ScopeField::Team, "support");
        let app = team.clone().and(ScopeField::App, "helpdesk");
        assert!(team.contains(&app) && !app.contains(&team));
        assert!(Scope::everything().contains(&app) && !app.contains(&Scope::everything()));
        let family = Scope { clauses: vec![clause("model", &["gpt-*", "o3"])] };
        assert!(family.contains(&Scope { clauses: vec![clause("model", &["gpt-5*", "o3"])] }));
        assert!(!family.contains(&Scope { clauses: vec![clause("model", &["gp*"])] }));
    }

    #[test]
    fn fields_and_patterns_are_read_as_they_are_written() {
        for field in ScopeField::PLAIN.into_iter().chain([ScopeField::Tag("x".to_owned())]) {
            assert_eq!(field.to_string().parse(), Ok(field));
        }
        for text in ["", "tag:", "colour"] {
            assert_eq!(text.parse::<ScopeField>(), Err(BadPattern::Field(text.to_owned())));
        }
        for text in ["gpt-5", "gpt-*", "*"] {
            assert_eq!(text.parse::<Pattern>().unwrap().to_string(), text);
        }
        assert!("".parse::<Pattern>().is_err() && "*-mini".parse::<Pattern>().is_err());
    }
}
