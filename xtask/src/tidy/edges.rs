//! Which crate may depend on which, how long a chain may become, and what the pure crates stay free of.

use std::collections::BTreeMap;

use super::Problem;
use super::tree::Tree;

/// A crate and what it may depend on.
struct Allowed {
    name: &'static str,
    /// Crates of this workspace.
    on: &'static [&'static str],
    /// Crates of this workspace that its tests may use besides.
    tests_on: &'static [&'static str],
    /// Whether it is free of I/O, clocks and async.
    pure: bool,
}

const fn allowed(name: &'static str, on: &'static [&'static str]) -> Allowed {
    Allowed { name, on, tests_on: &["bursar-scripted"], pure: false }
}

const CORE: &str = "bursar-core";
const WIRE: &str = "bursar-wire";
const PRICES: &str = "bursar-prices";
const INSIGHT: &str = "bursar-insight";
const PLAN: &str = "bursar-plan";
const STORE: &str = "bursar-store";
const GATEWAY: &str = "bursar-gateway";
const CONSOLE: &str = "bursar-console";
const NOTIFY: &str = "bursar-notify";
const SCRIPTED: &str = "bursar-scripted";

const ALLOWED: &[Allowed] = &[
    Allowed { tests_on: &[], pure: true, ..allowed(CORE, &[]) },
    Allowed { tests_on: &[], pure: true, ..allowed(WIRE, &[CORE]) },
    // Its tests price recorded responses from their bytes on.
    Allowed { tests_on: &[WIRE], pure: true, ..allowed(PRICES, &[CORE]) },
    Allowed { tests_on: &[], pure: true, ..allowed(INSIGHT, &[CORE]) },
    Allowed { tests_on: &[], pure: true, ..allowed(PLAN, &[CORE]) },
    Allowed { tests_on: &[], ..allowed(STORE, &[CORE]) },
    Allowed { tests_on: &[], ..allowed(NOTIFY, &[CORE, INSIGHT, STORE]) },
    allowed(GATEWAY, &[CORE, WIRE, PRICES, STORE]),
    allowed(CONSOLE, &[CORE, PRICES, PLAN, STORE]),
    // It bears witness against Bursar's parsing and pricing, so it shares neither.
    Allowed { tests_on: &[], ..allowed(SCRIPTED, &[CORE]) },
    allowed("bursar", &[CORE, WIRE, PRICES, INSIGHT, PLAN, STORE, NOTIFY, GATEWAY, CONSOLE, SCRIPTED]),
    Allowed { tests_on: &[], ..allowed("xtask", &[]) },
    allowed("bursar-fuzz", &[CORE, WIRE, PRICES, STORE, PLAN]),
];

/// Crates that do I/O, read clocks or are async: none of them in a pure crate.
const IMPURE: &[&str] =
    &["axum", "hyper", "hyper-util", "rand", "reqwest", "rusqlite", "rustix", "socket2", "tokio", "tracing"];

const LONGEST_CHAIN: usize = 5;

/// A dependency of a crate.
struct Edge {
    on: String,
    line: usize,
    for_tests: bool,
}

pub(super) fn check(tree: &Tree) -> Vec<Problem> {
    let mut problems = Vec::new();
    let mut graph = BTreeMap::new();
    for (path, text) in tree.texts("Cargo.toml") {
        let manifest: toml::Table = match text.parse() {
            Ok(manifest) => manifest,
            Err(error) => {
                problems.push(Problem::new(path, 1, format!("is not TOML: {error}")));
                continue;
            }
        };
        let Some(name) = manifest.get("package").and_then(|p| p.get("name")).and_then(|n| n.as_str()) else {
            continue;
        };
        let edges = edges(&manifest, text);
        match ALLOWED.iter().find(|a| a.name == name) {
            None => problems.push(Problem::new(
                path,
                1,
                format!("the crate {name} is new: say in xtask/src/tidy/edges.rs what it may depend on"),
            )),
            Some(rule) => problems.extend(edges.iter().filter_map(|e| judge(rule, e, path))),
        }
        if ALLOWED.iter().any(|a| a.name == name && a.pure) {
            problems.extend(check_clocks(tree, path));
        }
        let inside = edges.into_iter().filter(|e| !e.for_tests && is_ours(&e.on)).map(|e| e.on);
        graph.insert(name.to_owned(), inside.collect::<Vec<_>>());
    }
    problems.extend(check_chains(&graph));
    problems
}

fn judge(rule: &Allowed, edge: &Edge, path: &str) -> Option<Problem> {
    let (name, on) = (rule.name, edge.on.as_str());
    let told = |what: String| Some(Problem::new(path, edge.line, what));
    if !is_ours(on) {
        let impure = rule.pure && !edge.for_tests && IMPURE.contains(&on);
        let serde_in_core = name == CORE && on.starts_with("serde");
        return match (impure, serde_in_core) {
            (true, _) => {
                told(format!("{name} is a pure crate and cannot use {on}: do this in a shell crate"))
            }
            (_, true) => told(format!("{name} stays free of {on}: convert at the boundary")),
            _ => None,
        };
    }
    let fits = rule.on.contains(&on) || (edge.for_tests && rule.tests_on.contains(&on));
    if fits {
        return None;
    }
    told(format!(
        "{name} may not depend on {on} (allowed: {}): see ARCHITECTURE.md, Crates",
        rule.on.join(", ")
    ))
}

/// A pure crate's own `clippy.toml` bans the clocks.
fn check_clocks(tree: &Tree, manifest: &str) -> Option<Problem> {
    let path = manifest.replace("Cargo.toml", "clippy.toml");
    let text = tree.text(&path).unwrap_or_default();
    let bans = ["std::time::Instant::now", "std::time::SystemTime::now"].iter().all(|c| text.contains(c));
    (!bans)
        .then(|| Problem::new(&path, 1, "a pure crate bans Instant::now and SystemTime::now here: add them"))
}

fn edges(manifest: &toml::Table, text: &str) -> Vec<Edge> {
    let mut edges = Vec::new();
    let mut add = |table: Option<&toml::Value>, for_tests: bool| {
        for name in table.and_then(toml::Value::as_table).into_iter().flat_map(toml::Table::keys) {
            edges.push(Edge { on: name.clone(), line: line_of(text, name), for_tests });
        }
    };
    let mut of = |table: &toml::Table| {
        add(table.get("dependencies"), false);
        add(table.get("build-dependencies"), false);
        add(table.get("dev-dependencies"), true);
    };
    of(manifest);
    let targets = manifest.get("target").and_then(toml::Value::as_table);
    targets.into_iter().flat_map(toml::Table::values).filter_map(toml::Value::as_table).for_each(of);
    edges
}

fn check_chains(graph: &BTreeMap<String, Vec<String>>) -> Vec<Problem> {
    let longest = graph.keys().map(|name| chain(graph, name, 0)).max_by_key(Vec::len).unwrap_or_default();
    if longest.len() <= LONGEST_CHAIN {
        return Vec::new();
    }
    let what =
        format!("the chain of crates {} is longer than {LONGEST_CHAIN}: shorten it", longest.join(" → "));
    vec![Problem::new("Cargo.toml", 1, what)]
}

/// The longest chain from `name` down. A circle, which cargo refuses anyway, ends after a hundred links.
fn chain(graph: &BTreeMap<String, Vec<String>>, name: &str, depth: usize) -> Vec<String> {
    let below = graph.get(name).filter(|_| depth < 100).into_iter().flatten();
    let mut longest =
        below.map(|next| chain(graph, next, depth + 1)).max_by_key(Vec::len).unwrap_or_default();
    longest.insert(0, name.to_owned());
    longest
}

fn is_ours(name: &str) -> bool {
    name.starts_with("bursar") || name == "xtask"
}

fn line_of(text: &str, name: &str) -> usize {
    text.lines().position(|l| l.trim_start().starts_with(name)).map_or(1, |i| i + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    const CLOCKS: &str = "std::time::Instant::now std::time::SystemTime::now";

    fn problems(files: &[(&str, &str)]) -> String {
        let told: Vec<String> =
            check(&Tree::of(files)).into_iter().map(|p| format!("{}: {}", p.line, p.what)).collect();
        told.join("\n")
    }

    fn manifest(name: &str, rest: &str) -> String {
        format!("[package]\nname = \"{name}\"\n{rest}")
    }

    #[test]
    fn gateway_and_console_never_see_each_other() {
        let gateway = manifest(GATEWAY, "[dependencies]\nbursar-console.workspace = true\n");
        let told = problems(&[("crates/bursar-gateway/Cargo.toml", &gateway)]);
        assert!(told.starts_with("4: bursar-gateway may not depend on bursar-console"), "{told}");
    }

    #[test]
    fn only_tests_may_use_the_scripted_provider() {
        let edge = |kind: &str| {
            let gateway = manifest(GATEWAY, &format!("[{kind}]\nbursar-scripted.workspace = true\n"));
            problems(&[("crates/bursar-gateway/Cargo.toml", &gateway)])
        };
        assert_eq!(edge("dev-dependencies"), "");
        assert!(edge("dependencies").contains("may not depend on bursar-scripted"));
        assert!(edge("target.'cfg(unix)'.dependencies").contains("may not depend on bursar-scripted"));
    }

    #[test]
    fn a_crate_that_nobody_listed_is_told() {
        let told = problems(&[("crates/bursar-extra/Cargo.toml", &manifest("bursar-extra", ""))]);
        assert!(told.contains("bursar-extra is new"), "{told}");
    }

    #[test]
    fn a_pure_crate_takes_no_runtime_and_bans_the_clocks() {
        let wire = manifest(WIRE, "[dependencies]\ntokio.workspace = true\n");
        let path = "crates/bursar-wire/Cargo.toml";
        let told = problems(&[(path, &wire), ("crates/bursar-wire/clippy.toml", CLOCKS)]);
        assert_eq!(told, "4: bursar-wire is a pure crate and cannot use tokio: do this in a shell crate");
        let told = problems(&[(path, &manifest(WIRE, ""))]);
        assert!(told.contains("bans Instant::now"), "{told}");
    }

    #[test]
    fn the_nouns_stay_free_of_serde() {
        let core = manifest(CORE, "[dependencies]\nserde = \"1\"\n");
        let told =
            problems(&[("crates/bursar-core/Cargo.toml", &core), ("crates/bursar-core/clippy.toml", CLOCKS)]);
        assert!(told.contains("stays free of serde"), "{told}");
    }

    #[test]
    fn a_chain_of_six_crates_is_too_long() {
        let names = ["a", "b", "c", "d", "e", "f"];
        let graph = |n: usize| {
            let below = |i: usize| names.get(i + 1).filter(|_| i + 1 < n).map(|s| (*s).to_owned());
            (0..n).map(|i| (names[i].to_owned(), below(i).into_iter().collect())).collect()
        };
        assert_eq!(check_chains(&graph(5)), []);
        assert!(check_chains(&graph(6))[0].what.contains("a → b → c → d → e → f"));
    }

    #[test]
    fn a_manifest_that_is_no_toml_is_told() {
        assert!(problems(&[("crates/x/Cargo.toml", "[package")]).contains("is not TOML"));
    }
}
