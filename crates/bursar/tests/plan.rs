//! `bursar plan` as it is typed: from example files to a verdict, and wrong files told all at once.

use std::path::Path;
use std::process::{Command, Output};

use bursar_core::Money;
use serde_json::Value;

/// The trace that comes with Bursar, and what stands for its models.
const STANDS: [&str; 8] = [
    "--price-as",
    "m-small=bedrock/meta.llama3-1-8b-instruct-v1:0",
    "--run-as",
    "m-small=Qwen/Qwen3-8B",
    "--price-as",
    "m-large=bedrock/meta.llama3-3-70b-instruct-v1:0",
    "--run-as",
    "m-large=llama2-70b",
];

fn bursar(folder: &Path, args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_bursar"));
    command.current_dir(folder).args(args).env_remove("BURSAR_CONFIG");
    command.output().expect("bursar runs")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("bursar writes UTF-8")
}

fn succeeds(folder: &Path, args: &[&str]) -> String {
    let output = bursar(folder, args);
    assert!(output.status.success(), "{}", text(&output.stderr));
    text(&output.stdout)
}

fn examples() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    succeeds(folder.path(), &["plan", "init", "."]);
    folder
}

fn planned(folder: &Path, more: &[&str]) -> String {
    let mut args = vec!["plan", "run", "--usage", "usage.csv", "--constraints", "constraints.toml"];
    args.extend(["--day", "2026-11-25", "--draws", "500"]);
    args.extend(STANDS);
    args.extend(more);
    succeeds(folder, &args)
}

fn money(value: &Value) -> Money {
    value.as_str().expect("money is text").parse().unwrap()
}

/// Every number of a JSON document, as it is written.
fn numbers(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::Number(number) => found.push(number.to_string()),
        Value::Array(items) => items.iter().for_each(|item| numbers(item, found)),
        Value::Object(fields) => fields.values().for_each(|field| numbers(field, found)),
        Value::Null | Value::Bool(_) | Value::String(_) => {}
    }
}

#[test]
fn the_shipped_trace_becomes_a_verdict_whose_lines_add_up() {
    let folder = examples();
    let plan: Value = serde_json::from_str(&planned(folder.path(), &["--json"])).unwrap();
    assert_eq!(plan["schema"], "bursar.plan/1");
    assert_eq!(plan["demand"]["hours"], 336);
    assert_eq!(plan["verdict"]["decision"], "buy");
    let sum = |key: &str| {
        let lines = plan["ledger"]["lines"].as_array().unwrap();
        Money::checked_sum(lines.iter().map(|line| money(&line[key]))).unwrap()
    };
    assert_eq!(sum("amount"), money(&plan["ledger"]["total"]));
    assert_eq!(sum("cents"), money(&plan["ledger"]["total_cents"]));
    assert_eq!(plan["ledger"]["total"], plan["plan"]["total"]);
    let rows = plan["table"].as_array().unwrap();
    assert_eq!(Money::checked_sum(rows.iter().map(|r| money(&r["amount"]))).unwrap(), sum("amount"));
    let names: Vec<&str> =
        plan["baselines"].as_array().unwrap().iter().map(|b| b["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["all API", "all dedicated", "rule of thumb"]);
    // m-mid has no name in any price list, and nothing stands for it.
    let gaps = plan["gaps"].to_string();
    assert!(gaps.contains("m-mid has no API price and is left out"), "{gaps}");
    let mut found = Vec::new();
    numbers(&plan, &mut found);
    assert!(found.len() > 500 && found.iter().all(|n| n.parse::<i128>().is_ok() || n.contains('.')));
}

#[test]
fn text_and_page_say_the_same_and_the_same_seed_says_it_again() {
    let folder = examples();
    let first = planned(folder.path(), &["--html", "plan.html", "--seed", "7"]);
    let page = std::fs::read_to_string(folder.path().join("plan.html")).unwrap();
    let verdict = first.lines().next().unwrap();
    assert!(verdict.starts_with("Take "), "{verdict}");
    assert!(page.contains("id=\"verdict\"") && page.contains("id=\"cumulative\"") && page.contains("<svg"));
    assert!(page.contains(&verdict.replace('\'', "&#x27;")), "{verdict}");
    let again = planned(folder.path(), &["--html", "again.html", "--seed", "7"]);
    assert_eq!(first.replace("plan.html", "again.html"), again);
    assert_eq!(page, std::fs::read_to_string(folder.path().join("again.html")).unwrap());
    assert_ne!(first, planned(folder.path(), &["--html", "plan.html", "--seed", "8"]));
}

#[test]
fn a_plan_with_everything_that_init_writes_is_found_without_problems() {
    let folder = examples();
    let files = ["--supply", "supply.toml", "--tco", "tco.toml", "--constraints", "constraints.toml"];
    let checked = succeeds(folder.path(), &[&["plan", "check", "--usage", "usage.csv"][..], &files].concat());
    assert!(checked.contains("1,008 rows, 3 streams over 336 steps of 3600 s"), "{checked}");
    let plan: Value = serde_json::from_str(&planned(
        folder.path(),
        &["--supply", "supply.toml", "--tco", "tco.toml", "--json"],
    ))
    .unwrap();
    assert_eq!(plan["owned"][0]["lines"].as_array().unwrap().len(), 8);
    let refused = bursar(folder.path(), &["plan", "init", "."]);
    assert!(!refused.status.success() && text(&refused.stderr).contains("--force"));
    succeeds(folder.path(), &["plan", "init", ".", "--force"]);
}

#[test]
fn every_problem_of_every_file_is_told_at_once_by_line() {
    let folder = examples();
    let write = |name: &str, contents: &str| std::fs::write(folder.path().join(name), contents).unwrap();
    write(
        "usage.csv",
        "ts,model,requests,input,output\n2026-11-02T00:00:00Z,m,1,-5,10\n2026-11-02T01:00:00,m,1,5,10\n",
    );
    write(
        "supply.toml",
        "format = 1\n[[node]]\nname = \"x\"\nprovder = \"y\"\naccelerator = \"H100\"\naccelerators = 1\n",
    );
    write("tco.toml", "format = 1\n[site]\npue = 130\n");
    let files = [
        "--usage",
        "usage.csv",
        "--supply",
        "supply.toml",
        "--tco",
        "tco.toml",
        "--throughput",
        "nowhere.toml",
    ];
    let checked = bursar(folder.path(), &[&["plan", "check"][..], &files].concat());
    assert_eq!(checked.status.code(), Some(1));
    let told = text(&checked.stdout);
    let expected = [
        "in usage.csv\n  line 2, input:",
        "line 3, ts:",
        "in supply.toml\n",
        "did you mean \"provider\"?",
        "in tco.toml\n",
        "pue",
        "nowhere.toml",
    ];
    for problem in expected {
        assert!(told.contains(problem), "{problem:?} is not in\n{told}");
    }
    let run = bursar(folder.path(), &[&["plan", "run"][..], &files].concat());
    assert_eq!(run.status.code(), Some(1));
    assert!(run.stdout.is_empty());
    for problem in expected {
        assert!(text(&run.stderr).contains(problem), "{problem:?} is not in\n{}", text(&run.stderr));
    }
    let wrong = bursar(folder.path(), &["plan", "run", "--usage", "usage.csv", "--growth", "0.25"]);
    assert_eq!(wrong.status.code(), Some(2));
    assert!(text(&wrong.stderr).contains("write 25%"));
}

#[test]
fn a_model_that_stands_for_nothing_is_told_with_those_that_there_are() {
    let folder = examples();
    let run =
        bursar(folder.path(), &["plan", "run", "--usage", "usage.csv", "--price-as", "m-tiny=openai/gpt-5"]);
    let told = text(&run.stderr);
    assert!(told.contains("no demand for \"m-tiny\"") && told.contains("m-large, m-mid, m-small"), "{told}");
}

#[test]
fn a_load_test_becomes_a_calibration_that_a_plan_can_use() {
    let folder = examples();
    let measured = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../bursar-plan/data/throughput/silybench_h100_qwen3_8b_fp8.csv"
    );
    let engine = [
        "--model",
        "Qwen/Qwen3-8B",
        "--accelerator",
        "H100",
        "--precision",
        "fp8",
        "--software",
        "vLLM 0.30.0",
    ];
    let calibrate = [&["plan", "calibrate", "--measurements", measured][..], &engine].concat();
    let shown = succeeds(folder.path(), &calibrate);
    assert!(shown.contains("44 points, 5 shapes") && shown.contains("Nothing was written"), "{shown}");
    let written = [&calibrate[..], &["--write", "own.toml"]].concat();
    succeeds(folder.path(), &written);
    let again = succeeds(folder.path(), &written);
    assert!(again.contains("(1 calibrations)"), "the same engine is replaced: {again}");
    let plan = planned(folder.path(), &["--throughput", "own.toml", "--json"]);
    assert!(plan.contains("\"source\": \"own measurement\""), "the plan rests on it");
    let wrong = folder.path().join("wrong.csv");
    std::fs::write(&wrong, "input_len,output_len,concurrency,output_tok_s\n128,128,1,-3\n0,128,1,50\n")
        .unwrap();
    let told =
        bursar(folder.path(), &[&["plan", "calibrate", "--measurements", "wrong.csv"][..], &engine].concat());
    let told = text(&told.stderr);
    assert!(
        told.contains("2 problems in wrong.csv") && told.contains("line 2") && told.contains("line 3"),
        "{told}"
    );
}

#[test]
fn the_shipped_supply_is_listed_with_source_and_age() {
    let folder = tempfile::tempdir().unwrap();
    let all: Value = serde_json::from_str(&succeeds(folder.path(), &["plan", "supply", "--json"])).unwrap();
    assert_eq!(all.as_array().unwrap().len(), 86);
    let h100 = succeeds(folder.path(), &["plan", "supply", "--accelerator", "h100", "--supplier", "aws"]);
    assert!(h100.contains("p5.48xlarge (us-east-1)") && h100.contains("55.04"), "{h100}");
    assert!(h100.contains("2 prices, "), "{h100}");
}

#[test]
fn without_demand_the_command_says_where_it_could_come_from() {
    let folder = tempfile::tempdir().unwrap();
    let told = text(&bursar(folder.path(), &["plan"]).stderr);
    assert!(told.contains("name a usage.csv with --usage"), "{told}");
}

#[test]
fn a_kept_plan_lies_in_the_data_folder() {
    let folder = examples();
    let json = planned(folder.path(), &["--keep", "--folder", "data", "--json"]);
    assert_eq!(bursar_store::kept_plan(&folder.path().join("data")).unwrap(), Some(json));
}

#[test]
fn demand_from_the_cubes_costs_what_was_spent_and_asks_for_measurements() {
    let folder = tempfile::tempdir().unwrap();
    let data = ["--folder", "data"];
    succeeds(
        folder.path(),
        &[&["demo", "--once", "--requests", "120", "--speed", "600"][..], &data].concat(),
    );
    let hour = |off: i64| {
        let second = jiff::Timestamp::now().as_second().div_euclid(3_600) * 3_600 + off * 3_600;
        jiff::Timestamp::from_second(second).unwrap().to_string()
    };
    let range = ["--since".to_owned(), hour(-2), "--until".to_owned(), hour(2)];
    let range: Vec<&str> = range.iter().map(String::as_str).collect();
    let spent: Value = serde_json::from_str(&succeeds(
        folder.path(),
        &[&["spend", "--by", "model", "--json"][..], &data, &range].concat(),
    ))
    .unwrap();
    let plan: Value = serde_json::from_str(&succeeds(
        folder.path(),
        &[&["plan", "--json", "--draws", "100"][..], &data, &range].concat(),
    ))
    .unwrap();
    assert_eq!(plan["verdict"]["decision"], "not_known");
    assert!(plan["gaps"].to_string().contains("on any machine"));
    let requests: u64 =
        plan["demand"]["models"].as_array().unwrap().iter().map(|m| m["requests"].as_u64().unwrap()).sum();
    assert_eq!(requests, 120);
    let (spent, planned) =
        (spent["total"]["contracted_cost"].as_str().unwrap(), plan["plan"]["total"].as_str().unwrap());
    let cents = |text: &str| text.parse::<Money>().unwrap().nanos() / 10_000_000;
    assert!((cents(spent) - cents(planned)).abs() <= 1, "{spent} was spent, {planned} is planned");
}

/// A server's exposition after so many seconds at one load: 500 tokens in, 100 out, and a step of 5 ms and 20 µs for each
/// request.
fn exposition(counters: (u64, u64, u64), running: u64) -> String {
    let (prompt, output, finished) = counters;
    let label = "{engine=\"0\",model_name=\"small\"}";
    format!(
        "vllm:prompt_tokens_total{label} {prompt}\nvllm:generation_tokens_total{label} {output}\n\
         vllm:request_success_total{label} {finished}\nvllm:num_requests_running{label} {running}\n\
         vllm:num_requests_waiting{label} 0\n"
    )
}

#[test]
fn saved_answers_of_a_running_vllm_become_a_calibration() {
    let folder = tempfile::tempdir().unwrap();
    let start = std::time::SystemTime::now() - std::time::Duration::from_secs(86_400);
    let (mut output, mut files) = (0, Vec::new());
    for sample in 0..40_u64 {
        let running = [4, 16, 64, 128][(sample / 10) as usize];
        output += 60 * 1_000_000 * running / (5_000 + 20 * running);
        let name = format!("{sample:02}.txt");
        let path = folder.path().join(&name);
        std::fs::write(&path, exposition((output * 5, output, output / 100), running)).unwrap();
        let file = std::fs::File::options().write(true).open(&path).unwrap();
        file.set_modified(start + std::time::Duration::from_secs(sample * 60)).unwrap();
        files.extend(["--vllm".to_owned(), name]);
    }
    let files: Vec<&str> = files.iter().map(String::as_str).collect();
    let engine =
        ["--model", "small", "--accelerator", "H100", "--precision", "fp8", "--software", "vLLM 0.30.0"];
    let shown = succeeds(
        folder.path(),
        &[&["plan", "calibrate", "--kv-tokens", "400000"][..], &files, &engine].concat(),
    );
    assert!(shown.contains("a step: 5.0"), "5 ms a step: {shown}");
    assert!(shown.contains("400,000 tokens of context, as told"), "{shown}");
    assert!(shown.contains("is left out: the number of running requests changed too much"), "{shown}");
    let other = [&["plan", "calibrate"][..], &files, &["--model", "large"], &engine[2..]].concat();
    let told = text(&bursar(folder.path(), &other).stderr);
    assert!(told.contains("no engine here serves \"large\""), "{told}");
}
