//! Budgets in front of a provider: held before a call, settled after it, and what happens when they are tight.

use bursar_core::budget::{Budget, BudgetUnit, Scope, ScopeField, WhenTight};
use bursar_core::ledger::Balance;
use bursar_core::{LabelField, Money};
use bursar_gateway::{BudgetStatus, OrRefuse};
use bursar_store::Change;

use crate::callers::{CALLERS, Caller, gateway};
use crate::provider::Provider;
use crate::rig::{CHAT_ANSWER, CHAT_PATH, Rig, Setup, now, three_providers};
use crate::wire::post;

/// gpt-4o-mini costs $0.15 per million tokens in and $0.60 out.
pub(crate) const IN: i64 = 150;
pub(crate) const OUT: i64 = 600;

pub(crate) fn budget(name: &str, amount: i64, when_tight: WhenTight) -> Budget {
    let mut budget = Budget::new(name.parse().unwrap(), BudgetUnit::Usd, amount);
    budget.when_tight = when_tight;
    budget.owner = Some("finance@example.org".to_owned());
    budget
}

pub(crate) fn define(rig: &Rig, budget: &Budget) {
    rig.store.budgets().create(budget, &change()).unwrap();
}

pub(crate) fn change() -> Change {
    Change { who: "a test".to_owned(), why: None, at: now() }
}

pub(crate) fn balance(rig: &Rig, name: &str) -> Balance {
    rig.store.budgets().lock().balances(&name.parse().unwrap(), now()).remove(0)
}

/// What is held of a budget, and what is spent.
pub(crate) fn held_and_spent(rig: &Rig, name: &str) -> (i64, i64) {
    let balance = balance(rig, name);
    assert_eq!(balance.limit - balance.held - balance.spent, balance.available);
    (balance.held, balance.spent)
}

/// The most that a body can cost with so many output tokens.
pub(crate) fn ceiling(body: &str, output: i64) -> i64 {
    i64::try_from(body.len()).unwrap() * IN + output * OUT
}

pub(crate) fn chat(max_tokens: i64) -> String {
    format!(
        r#"{{"model":"gpt-4o-mini","max_tokens":{max_tokens},"messages":[{{"role":"user","content":"Hi."}}]}}"#
    )
}

pub(crate) fn answer_of(input: i64, output: i64) -> String {
    CHAT_ANSWER
        .replace("\"prompt_tokens\":10", &format!("\"prompt_tokens\":{input}"))
        .replace("\"completion_tokens\":2", &format!("\"completion_tokens\":{output}"))
        .replace("\"total_tokens\":12", &format!("\"total_tokens\":{}", input + output))
}

pub(crate) async fn by_hand() -> (Rig, Provider) {
    let provider = Provider::bind().await;
    let rig = Setup::of(three_providers(&provider.base_url())).start().await;
    (rig, provider)
}

#[tokio::test]
async fn a_call_is_held_before_it_goes_out_and_settled_once_at_its_true_cost() {
    let (rig, provider) = by_hand().await;
    define(&rig, &budget("all", 1_000_000_000, WhenTight::Refuse));
    let body = chat(100);
    let mut wire = rig.connect().await;
    wire.send(post(CHAT_PATH, &[], &body)).await;
    let mut exchange = provider.request().await;
    assert_eq!(exchange.body, body.as_bytes(), "what fits goes out as it came");
    assert_eq!(held_and_spent(&rig, "all"), (ceiling(&body, 100), 0));
    exchange.answer(200, &["content-type: application/json"], answer_of(10, 20)).await;
    let answer = wire.answer().await;
    assert_eq!(answer.status(), 200, "{}", answer.text());
    let cost = 10 * IN + 20 * OUT;
    assert_eq!(held_and_spent(&rig, "all"), (0, cost));
    assert_eq!(answer.header("x-bursar-budget"), Some("all"));
    assert_eq!(answer.header("x-bursar-budget-remaining"), Some("0.9999865 USD"));
    let record = rig.record(&answer).await;
    assert_eq!(record.contracted_cost.map(Money::nanos), Some(cost));
    let reason = format!("held ${} of budget all", Money::from_nanos(ceiling(&body, 100)));
    assert!(record.reasons.contains(&reason), "{:?}", record.reasons);
}

#[tokio::test]
async fn a_budget_that_refuses_says_what_is_left_what_is_needed_when_it_resets_and_whom_to_ask() {
    let (rig, provider) = gateway(|s| s).await;
    define(&rig, &budget("tiny", 1, WhenTight::Refuse));
    for caller in CALLERS {
        let answer = rig.call(caller.call()).await;
        caller.is_refused(&answer, 429, "quota_exhausted");
        assert_eq!(answer.header("x-should-retry"), Some("false"));
        assert_eq!(answer.header("x-bursar-budget"), Some("tiny"));
        assert_eq!(answer.header("x-bursar-budget-remaining"), Some("0.000000001 USD"));
        let text = answer.text();
        for part in
            ["Budget \\\"tiny\\\" has $0.000000001 left", "finance@example.org", "resets_at", "needed"]
        {
            assert!(text.contains(part), "{part}: {text}");
        }
    }
    assert_eq!(provider.books.entries().len(), 0);
    assert_eq!(held_and_spent(&rig, "tiny"), (0, 0));
    assert_eq!(balance(&rig, "tiny").refused, 3);
}

#[tokio::test]
async fn refusals_have_status_402_where_the_policy_says_so() {
    let (rig, _provider) = gateway(|mut s| {
        s.config.policies.budgets.status = BudgetStatus::PaymentRequired;
        s
    })
    .await;
    define(&rig, &budget("tiny", 1, WhenTight::Refuse));
    for caller in CALLERS {
        caller.is_refused(&rig.call(caller.call()).await, 402, "payment_required");
    }
}

#[tokio::test]
async fn budgets_that_do_not_enforce_let_everything_through_and_count() {
    let (rig, _provider) = gateway(|s| s).await;
    define(&rig, &budget("seen", 1, WhenTight::Observe));
    define(&rig, &budget("told", 1, WhenTight::Alert));
    for caller in CALLERS {
        let answer = rig.call(caller.call()).await;
        assert_eq!(answer.status(), 200, "{}", answer.text());
        assert!(answer.header("x-bursar-budget-remaining").unwrap().starts_with('-'));
    }
    rig.idle().await;
    let (seen, told) = (held_and_spent(&rig, "seen"), held_and_spent(&rig, "told"));
    assert_eq!(seen, told);
    assert!(seen.0 == 0 && seen.1 > 0, "{seen:?}");
}

#[tokio::test]
async fn a_clamping_budget_lowers_the_output_limit_to_what_is_left() {
    let (rig, provider) = by_hand().await;
    let body = chat(5_000);
    define(&rig, &budget("clamp", ceiling(&body, 812), WhenTight::Clamp));
    let mut wire = rig.connect().await;
    wire.send(post(CHAT_PATH, &[], &body)).await;
    let mut exchange = provider.request().await;
    // The input is counted exactly before the output is cut, so there is a little more room than by its bytes.
    let limit = exchange.json()["max_tokens"].as_i64().unwrap();
    assert!((812..850).contains(&limit), "{limit}");
    assert_eq!(exchange.body, body.replace("5000", &limit.to_string()).as_bytes());
    exchange.answer(200, &["content-type: application/json"], answer_of(10, limit)).await;
    let answer = wire.answer().await;
    let record = rig.record(&answer).await;
    let reason = format!("output limited to {limit} tokens by budget clamp");
    assert!(record.reasons.contains(&reason), "{:?}", record.reasons);
    let after = balance(&rig, "clamp");
    assert!(after.available >= 0 && after.held == 0 && after.overrun == 0, "{after:?}");
}

#[tokio::test]
async fn every_dialect_is_clamped_in_its_own_words() {
    let (rig, provider) = by_hand().await;
    // Room for the input and about a thousand tokens of gpt-4o-mini's output; less for the dearer models.
    define(&rig, &budget("clamp", 2_000_000, WhenTight::Clamp));
    for (path, body, at) in [
        ("/v1/chat/completions", r#"{"model":"gpt-4o-mini","messages":[]}"#, "/max_completion_tokens"),
        ("/v1/responses", r#"{"model":"gpt-4o-mini","input":"Hi."}"#, "/max_output_tokens"),
        ("/v1/messages", r#"{"model":"claude-haiku-4-5","max_tokens":9000,"messages":[]}"#, "/max_tokens"),
        (
            "/v1beta/models/gemini-2.5-flash:generateContent",
            r#"{"contents":[]}"#,
            "/generationConfig/maxOutputTokens",
        ),
    ] {
        let mut wire = rig.connect().await;
        wire.send(post(path, &[], body)).await;
        let mut exchange = provider.request().await;
        let limit = exchange.json().pointer(at).and_then(serde_json::Value::as_i64);
        assert!(limit.is_some_and(|l| (100..9_000).contains(&l)), "{path}: {limit:?}");
        exchange.answer(400, &["content-type: application/json"], "{}").await;
        assert_eq!(wire.answer().await.status(), 400, "{path}");
    }
    rig.idle().await;
    assert_eq!(held_and_spent(&rig, "clamp"), (0, 0));
}

#[tokio::test]
async fn thinking_that_does_not_fit_is_refused_and_no_invalid_request_is_sent() {
    let (rig, provider) = gateway(|s| s).await;
    define(&rig, &budget("clamp", 10_000_000, WhenTight::Clamp));
    let body = r#"{"model":"claude-haiku-4-5","max_tokens":9000,"thinking":{"type":"enabled","budget_tokens":8000},"messages":[]}"#;
    Caller::Anthropic.is_refused(&rig.call(Caller::Anthropic.post(body)).await, 429, "quota_exhausted");
    let body = body.replace("8000", "1024");
    let answer = rig.call(Caller::Anthropic.post(body)).await;
    assert_eq!(answer.status(), 200, "{}", answer.text());
    assert_eq!(provider.books.entries().len(), 1);
}

#[tokio::test]
async fn a_downgrading_budget_is_answered_by_the_first_model_of_its_ladder_that_fits() {
    let (rig, provider) = by_hand().await;
    let body = chat(1_000).replace("gpt-4o-mini", "gpt-4o");
    let mut downgrade = budget("down", ceiling(&body, 1_000) + 1_000, WhenTight::Downgrade);
    downgrade.ladder = vec!["gpt-4.1".to_owned(), "no-such-model".to_owned(), "gpt-4o-mini".to_owned()];
    define(&rig, &downgrade);
    let mut wire = rig.connect().await;
    wire.send(post(CHAT_PATH, &[], &body)).await;
    let mut exchange = provider.request().await;
    assert_eq!(exchange.body, chat(1_000).as_bytes(), "the model's name is the only edit");
    exchange.answer(200, &["content-type: application/json"], answer_of(10, 20)).await;
    let answer = wire.answer().await;
    let record = rig.record(&answer).await;
    assert_eq!(record.requested_model.as_deref(), Some("gpt-4o"));
    assert_eq!(record.contracted_cost.map(Money::nanos), Some(10 * IN + 20 * OUT));
    let reason = "answered by gpt-4o-mini instead of gpt-4o: a budget is tight";
    assert!(record.reasons.iter().any(|r| r == reason), "{:?}", record.reasons);
    // The next one is clamped by the cheapest model.
    let mut wire = rig.connect().await;
    let longer = body.replace("1000", "9000");
    wire.send(post(CHAT_PATH, &[], &longer)).await;
    let mut exchange = exchange.next_request().await;
    assert_eq!(exchange.json()["model"], "gpt-4o-mini");
    assert!(exchange.json()["max_tokens"].as_i64().unwrap() < 1_100, "{}", exchange.json());
    exchange.answer(200, &["content-type: application/json"], answer_of(10, 20)).await;
    assert_eq!(wire.answer().await.status(), 200);
}

#[tokio::test]
async fn the_model_in_a_path_is_downgraded_in_the_path() {
    let (rig, provider) = by_hand().await;
    let mut downgrade = budget("down", 3_000_000, WhenTight::Downgrade);
    downgrade.ladder = vec!["gemini-2.5-flash-lite".to_owned()];
    define(&rig, &downgrade);
    let body = r#"{"generationConfig":{"maxOutputTokens":5000},"contents":[]}"#;
    let mut wire = rig.connect().await;
    wire.send(post("/v1beta/models/gemini-2.5-pro:generateContent", &[], body)).await;
    let mut exchange = provider.request().await;
    assert!(
        exchange.line.contains("/v1beta/models/gemini-2.5-flash-lite:generateContent"),
        "{}",
        exchange.line
    );
    assert_eq!(exchange.body, body.as_bytes());
    exchange.answer(400, &["content-type: application/json"], "{}").await;
    wire.answer().await;
}

#[tokio::test]
async fn a_call_is_held_in_every_budget_that_covers_it_or_in_none() {
    let (rig, _provider) = gateway(|s| s).await;
    define(&rig, &budget("wide", 1_000_000_000, WhenTight::Refuse));
    let mut narrow = budget("narrow", 1, WhenTight::Refuse);
    narrow.scopes = vec![Scope::everything().and(ScopeField::Team, "search")];
    define(&rig, &narrow);
    let mut tokens = budget("tokens", 1_000_000, WhenTight::Refuse);
    tokens.unit = BudgetUnit::Tokens;
    define(&rig, &tokens);
    let refused = rig.call(Caller::OpenAi.call_with(&["x-bursar-team: search"])).await;
    Caller::OpenAi.is_refused(&refused, 429, "quota_exhausted");
    assert_eq!((held_and_spent(&rig, "wide"), held_and_spent(&rig, "tokens")), ((0, 0), (0, 0)));
    let answer = rig.call(Caller::OpenAi.call_with(&["x-bursar-team: sales"])).await;
    assert_eq!(answer.status(), 200, "{}", answer.text());
    let record = rig.record(&answer).await;
    let cost = record.contracted_cost.unwrap().nanos();
    let used = i64::try_from(record.usage.quantities.total_tokens()).unwrap();
    assert_eq!((held_and_spent(&rig, "wide").1, held_and_spent(&rig, "tokens").1), (cost, used));
}

#[tokio::test]
async fn a_paused_budget_refuses_and_goes_on_when_it_is_resumed() {
    let (rig, _provider) = gateway(|s| s).await;
    define(&rig, &budget("all", 1_000_000_000, WhenTight::Alert));
    let name = "all".parse().unwrap();
    rig.store.budgets().pause(&name, &change()).unwrap();
    let refused = rig.call(Caller::Gemini.call()).await;
    Caller::Gemini.is_refused(&refused, 429, "quota_exhausted");
    assert!(refused.text().contains("is paused."), "{}", refused.text());
    rig.store.budgets().resume(&name, &change()).unwrap();
    assert_eq!(rig.call(Caller::Gemini.call()).await.status(), 200);
}

#[tokio::test]
async fn what_cannot_be_judged_is_refused_under_a_budget_that_enforces_unless_the_policy_says_otherwise() {
    let nameless = post(CHAT_PATH, &[], r#"{"model":"nameless","max_tokens":5,"messages":[]}"#);
    let unlimited = post(CHAT_PATH, &[], r#"{"model":"nameless","messages":[]}"#);
    let (rig, _provider) = gateway(|s| s).await;
    define(&rig, &budget("all", 1_000_000_000, WhenTight::Refuse));
    Caller::OpenAi.is_refused(&rig.call(&nameless).await, 403, "unpriced");
    let refused = rig.call(&unlimited).await;
    Caller::OpenAi.is_refused(&refused, 429, "quota_exhausted");
    assert!(refused.text().contains("sets no output limit"), "{}", refused.text());
    let (rig, _provider) = gateway(|mut s| {
        s.config.policies.budgets.unpriced = OrRefuse::Allow;
        s.config.policies.budgets.unbounded = OrRefuse::Allow;
        s
    })
    .await;
    define(&rig, &budget("all", 1_000_000_000, WhenTight::Refuse));
    assert_eq!((rig.call(&nameless).await.status(), rig.call(&unlimited).await.status()), (200, 200));
    rig.idle().await;
    assert_eq!(balance(&rig, "all").unpriced, 2);
}

#[tokio::test]
async fn calls_that_no_budget_covers_and_calls_without_labels_follow_their_policies() {
    let (rig, _provider) = gateway(|mut s| {
        s.config.policies.budgets.uncovered = OrRefuse::Refuse;
        s.config.policies.required_labels = vec![LabelField::Team, LabelField::App];
        s
    })
    .await;
    let labels = ["x-bursar-team: search", "x-bursar-app: crawler"];
    for caller in CALLERS {
        caller.is_refused(&rig.call(caller.call_with(&labels[..1])).await, 400, "bad_request");
        caller.is_refused(&rig.call(caller.call_with(&labels)).await, 403, "forbidden");
    }
    define(&rig, &budget("all", 1_000_000_000, WhenTight::Refuse));
    for caller in CALLERS {
        assert_eq!(rig.call(caller.call_with(&labels)).await.status(), 200);
    }
    let (held, _) = held_and_spent(&rig, "all");
    assert_eq!((held, rig.booked().await), (0, 3));
}

#[tokio::test]
async fn an_answer_without_a_limit_gets_the_usual_one_where_the_models_maximum_does_not_fit() {
    let (rig, provider) = by_hand().await;
    let body = r#"{"model":"gpt-4o-mini","messages":[{"role":"user","content":"Hi."}]}"#;
    let mut wire = rig.connect().await;
    wire.send(post(CHAT_PATH, &[], body)).await;
    let mut exchange = provider.request().await;
    for _ in 0..200 {
        exchange.answer(200, &["content-type: application/json"], answer_of(10, 100)).await;
        assert_eq!(wire.answer().await.status(), 200);
        wire.send(post(CHAT_PATH, &[], body)).await;
        exchange = exchange.next_request().await;
        assert_eq!(exchange.body, body.as_bytes());
    }
    exchange.answer(200, &["content-type: application/json"], answer_of(10, 100)).await;
    wire.answer().await;
    // Far less than the 16,384 tokens that the model may produce, and enough for what it usually does.
    define(&rig, &budget("clamp", rig_spent(&rig) + ceiling(body, 1_000), WhenTight::Clamp));
    wire.send(post(CHAT_PATH, &[], body)).await;
    let mut exchange = exchange.next_request().await;
    let limit = exchange.json()["max_completion_tokens"].as_i64().unwrap();
    assert!((100..=128).contains(&limit), "{limit}");
    exchange.answer(200, &["content-type: application/json"], answer_of(10, 100)).await;
    assert_eq!(wire.answer().await.status(), 200);
}

/// What the records of the month add up to, which a new budget begins with.
fn rig_spent(rig: &Rig) -> i64 {
    define(rig, &budget("probe", 0, WhenTight::Observe));
    held_and_spent(rig, "probe").1
}
