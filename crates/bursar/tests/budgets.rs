//! `bursar budgets`, as it is typed.

use std::path::Path;
use std::process::{Command, Output};

use bursar_core::{
    Attribution, EndOfStream, Meter, MeteredUsage, Money, Provenance, Quantities, RecordId, RequestId,
    ServiceTier, Timestamp, Timings, UsageRecord,
};
use bursar_store::{Store, StoreOptions};
use serde_json::{Value, json};

fn bursar(folder: &Path, line: &str) -> Output {
    Command::new(env!("CARGO_BIN_EXE_bursar"))
        .current_dir(folder)
        .env("USER", "ann")
        .args(["budgets", "--folder"])
        .arg(folder.join("data"))
        .args(line.split(' '))
        .output()
        .unwrap()
}

fn done(folder: &Path, line: &str) -> String {
    let output = bursar(folder, line);
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{line}: {told}");
    String::from_utf8(output.stdout).unwrap()
}

fn failed(folder: &Path, line: &str) -> String {
    let output = bursar(folder, line);
    assert_eq!(output.status.code(), Some(1), "{line} did not fail: {output:?}");
    String::from_utf8(output.stderr).unwrap() + &String::from_utf8(output.stdout).unwrap()
}

fn json_of(folder: &Path, line: &str) -> Value {
    serde_json::from_str(&done(folder, &format!("{line} --json"))).unwrap()
}

fn amounts(answer: &Value) -> Vec<(&str, &Value)> {
    let budgets = answer["budgets"].as_array().unwrap();
    budgets.iter().map(|b| (b["definition"]["name"].as_str().unwrap(), &b["definition"]["amount"])).collect()
}

/// Calls of two teams in the last hours: $3 and $1 of them, and $1 of nobody.
fn spend(folder: &Path) {
    let options = StoreOptions { folder: folder.join("data"), ..StoreOptions::default() };
    let (store, _) = Store::open(options).unwrap();
    for (n, (team, dollars)) in [(Some("support"), 3), (Some("sales"), 1), (None, 1)].into_iter().enumerate()
    {
        let at = now().plus_micros(-3_600_000_000);
        let quantities = Quantities::none().with(Meter::Input, 1_000, Provenance::Reported);
        store
            .settle(&UsageRecord {
                id: RecordId { request: RequestId(n as u128), attempt: 0 },
                started_at: at,
                ended_at: at.plus_micros(1_000_000),
                key: None,
                attribution: Attribution { team: team.map(str::to_owned), ..Attribution::default() },
                provider: "openai".to_owned(),
                surface: "openai.chat_completions".to_owned(),
                region: None,
                requested_model: Some("gpt-5".to_owned()),
                usage: MeteredUsage { quantities, ..MeteredUsage::default() },
                tier: ServiceTier::Standard,
                end: EndOfStream::Complete,
                status: Some(200),
                list_cost: None,
                contracted_cost: Some(Money::from_nanos(dollars * 1_000_000_000)),
                price_version: "test".to_owned(),
                reasons: Vec::new(),
                timings: Timings::default(),
            })
            .unwrap();
    }
    store.close().unwrap();
}

fn now() -> Timestamp {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    Timestamp::from_micros(i64::try_from(since.as_micros()).unwrap())
}

#[test]
fn an_allocation_from_a_volume_is_shown_first_and_made_with_yes() {
    let folder = tempfile::tempdir().unwrap();
    let line = "allocate --workflow support-chat --conversations 50000 --tokens-per-conversation 2000";
    let shown = done(folder.path(), line);
    for part in ["support-chat", "workflow=support-chat", "100,000,000 tokens", "month (UTC)", "--yes"] {
        assert!(shown.contains(part), "{part} is not in\n{shown}");
    }
    assert!(done(folder.path(), "list").contains("There are no budgets"));
    assert!(done(folder.path(), &format!("{line} --yes")).contains("Written."));
    let made = json_of(folder.path(), "show support-chat");
    assert_eq!(made["budget"]["definition"]["amount"], 100_000_000);
    assert!(failed(folder.path(), &format!("{line} --yes")).contains("support-chat already"));
}

#[test]
fn a_whole_is_divided_by_weights_or_by_history_and_the_check_holds() {
    let folder = tempfile::tempdir().unwrap();
    spend(folder.path());
    let line = "allocate --name ai --split 12,000,000 --over team";
    let planned = json_of(folder.path(), &format!("{line} --weights support=3,sales=1"));
    let expected = [
        ("ai", json!("12000000.00")),
        ("ai-sales", json!("3000000.00")),
        ("ai-support", json!("9000000.00")),
    ];
    let found: Vec<(&str, Value)> = amounts(&planned).into_iter().map(|(n, a)| (n, a.clone())).collect();
    assert_eq!(found, expected);
    let by_history = done(folder.path(), &format!("{line} --by-history 90d --yes"));
    assert!(by_history.contains("$3.00 of $4.00 in the history"), "{by_history}");
    assert!(
        by_history.contains("$1.00 of calls that say nothing about their team are left out"),
        "{by_history}"
    );
    assert!(done(folder.path(), "check").contains("3 budgets; every child fits"));
    done(folder.path(), "set ai-sales --amount 4000000 --yes");
    let told = failed(folder.path(), "check");
    assert!(
        told.contains("$12,000,000.00 and its children add up to $13,000,000.00, $1,000,000.00 more"),
        "{told}"
    );
    done(folder.path(), "allocate --sum-children ai --yes");
    assert_eq!(json_of(folder.path(), "show ai")["budget"]["definition"]["amount"], "13000000.00");
    assert!(
        done(folder.path(), "verify").contains("3 budgets in 3 windows are what the usage log adds up to")
    );
}

#[test]
fn an_allocation_from_history_takes_what_was_used_and_its_headroom() {
    let folder = tempfile::tempdir().unwrap();
    spend(folder.path());
    let line = "allocate --team support --from-history 60d --headroom 15% --period rolling:60d --json";
    let planned: Value = serde_json::from_str(&done(folder.path(), line)).unwrap();
    assert_eq!(amounts(&planned), [("support", &json!("3.45"))]);
    assert!(
        failed(folder.path(), "allocate --team nobody --from-history 60d").contains("no call of that scope")
    );
}

#[test]
fn a_budget_is_made_changed_raised_paused_and_ended_and_its_trail_stays() {
    let folder = tempfile::tempdir().unwrap();
    spend(folder.path());
    let made =
        done(folder.path(), "create support --team support --amount 5000 --when-tight clamp --why launch");
    assert!(made.contains("$5,000.00 every month (UTC)") && made.contains("team=support"), "{made}");
    let account = json_of(folder.path(), "show support")["accounts"][0].clone();
    assert_eq!((&account["spent"], &account["available"]), (&json!("3.00"), &json!("4997.00")));
    let asked = failed(folder.path(), "set support --amount 6000 --when-tight refuse");
    for part in ["amount", "\"5000.00\" → \"6000.00\"", "\"clamp\" → \"refuse\"", "--yes"] {
        assert!(asked.contains(part), "{part} is not in\n{asked}");
    }
    done(folder.path(), "set support --amount 6000 --yes");
    assert!(done(folder.path(), "set support --amount 6000").contains("is so already"));
    let raised = done(folder.path(), "raise support 500 --for 7d --why busy --by cfo");
    assert!(raised.contains("$6,500.00") && raised.contains("granted by cfo: busy"), "{raised}");
    assert!(failed(folder.path(), "pause support").contains("--yes"));
    assert!(done(folder.path(), "pause support --yes").contains("PAUSED (clamp)"));
    assert!(!done(folder.path(), "resume support").contains("PAUSED"));
    assert!(failed(folder.path(), "remove support").contains("--yes"));
    assert!(done(folder.path(), "remove support --yes").contains("has ended"));
    assert!(failed(folder.path(), "show support").contains("there is no budget support"));
    let trail = json_of(folder.path(), "audit support");
    let told: Vec<(&str, &str)> = trail["entries"]
        .as_array()
        .unwrap()
        .iter()
        .map(|e| (e["action"].as_str().unwrap(), e["who"].as_str().unwrap()))
        .collect();
    let actions = ["remove", "resume", "pause", "raise", "update", "create"];
    let who = |a: &str| if a == "raise" { "cfo" } else { "ann" };
    let expected: Vec<(String, &str)> = actions.iter().map(|a| (format!("budget.{a}"), who(a))).collect();
    assert_eq!(told, expected.iter().map(|(a, w)| (a.as_str(), *w)).collect::<Vec<_>>());
}

#[test]
fn what_is_wrong_with_a_definition_is_told_all_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let told = failed(folder.path(), "create Support --amount lots --when-tight clmap --zone Mars/Olympus");
    for part in
        ["name \"Support\"", "amount \"lots\"", "scope is missing", "did you mean \"clamp\"?", "period.zone"]
    {
        assert!(told.contains(part), "{part} is not in\n{told}");
    }
}
