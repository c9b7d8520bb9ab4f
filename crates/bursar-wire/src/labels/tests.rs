use bursar_core::LabelField::{
    self, App, Consumer, Environment, ParentStep, Step, Task, Team, Tenant, Workflow,
};
use proptest::prelude::*;

use super::*;

fn of(headers: &[(&str, &str)]) -> Labels {
    let mut labels = Labels::new();
    for (name, value) in headers {
        labels.add_header(name, value.as_bytes());
    }
    labels
}

fn of_body(fields: &[(&str, &str)]) -> Labels {
    let mut labels = Labels::new();
    for (key, json) in fields {
        labels.add_body_field(key, json);
    }
    labels
}

fn tag<'a>(labels: &'a Labels, name: &str) -> Option<&'a str> {
    labels.tags().find(|(n, _)| *n == name).map(|(_, v)| v)
}

#[test]
fn bursars_own_headers_set_every_field_and_tags() {
    let labels = of(&[
        ("X-Bursar-Tenant", "acme"),
        ("x-bursar-team", "support"),
        ("x-bursar-app", "helpdesk"),
        ("x-bursar-workflow", "triage"),
        ("x-bursar-environment", "production"),
        ("x-bursar-consumer", "c-1"),
        ("x-bursar-task", "t-1"),
        ("x-bursar-step", "s-2"),
        ("x-bursar-parent-step", "s-1"),
        ("x-bursar-tags", "region=eu, urgent ,note=a%2Cb"),
    ]);
    let (attribution, notes) = labels.merge_into(&Attribution::default(), LabelPolicy::ALL);
    let values = LabelField::ALL.iter().filter_map(|&f| attribution.get(f)).collect::<Vec<_>>();
    assert_eq!(values, ["acme", "support", "helpdesk", "triage", "production", "c-1", "t-1", "s-2", "s-1"]);
    let tags: Vec<_> = attribution.tags.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
    assert_eq!(tags, [("note", "a,b"), ("region", "eu"), ("urgent", "true")]);
    assert!(notes.is_empty());
}

#[test]
fn what_the_key_fixes_stays_and_what_it_does_not_leave_open_is_not_set() {
    let fixed = Attribution {
        team: Some("support".to_owned()),
        tags: [("region".to_owned(), "eu".to_owned())].into(),
        ..Attribution::default()
    };
    let labels = of(&[
        ("x-bursar-team", "research"),
        ("x-bursar-app", "other"),
        ("x-bursar-task", "t-1"),
        ("x-bursar-tags", "region=us,new=1"),
    ]);
    let (merged, notes) = labels.merge_into(&fixed, LabelPolicy::default());
    assert_eq!((merged.team.as_deref(), merged.app.as_deref()), (Some("support"), None));
    assert_eq!(merged.task.as_deref(), Some("t-1"));
    assert_eq!((merged.tags["region"].as_str(), merged.tags["new"].as_str()), ("eu", "1"));
    assert_eq!(
        notes,
        [
            "Label team from x-bursar-team was not applied: the key fixes this field.",
            "Label app from x-bursar-app was not applied: the key does not leave this field to its caller.",
            "Tag \"region\" was not applied: the key fixes it.",
        ]
    );
    let (closed, notes) = labels.merge_into(&fixed, LabelPolicy::NONE);
    assert_eq!(closed, fixed);
    assert!(notes.iter().any(|n| n.contains("2 tags were not applied")));
}

#[test]
fn helicone_headers_keep_their_meaning() {
    let labels = of(&[
        ("Helicone-User-Id", "u-1"),
        ("Helicone-Session-Id", "s-1"),
        ("Helicone-Session-Path", "/plan/search"),
        ("Helicone-Session-Name", "research"),
        ("Helicone-Property-Environment", "staging"),
        ("Helicone-Property-Feature", "summary"),
        ("Helicone-Auth", "Bearer secret"),
    ]);
    assert_eq!(labels.get(Consumer), Some("u-1"));
    assert_eq!((labels.get(Task), labels.get(Workflow)), (Some("s-1"), Some("research")));
    assert_eq!((labels.get(Step), labels.get(ParentStep)), (Some("/plan/search"), Some("/plan")));
    assert_eq!(labels.get(Environment), Some("staging"));
    assert_eq!(labels.tags().collect::<Vec<_>>(), [("Feature", "summary")]);
}

#[test]
fn litellm_headers_and_metadata_keep_their_meaning() {
    let mut labels = of(&[
        ("x-litellm-trace-id", "trace"),
        ("x-litellm-session-id", "session"),
        ("x-litellm-customer-id", "c-1"),
        ("x-litellm-tags", "jobID:214590dsff09fds, team-api"),
        ("x-litellm-spend-logs-metadata", r#"{"project_id":"p","user_id":"u","n":3}"#),
    ]);
    assert_eq!((labels.get(Task), labels.get(Consumer)), (Some("session"), Some("c-1")));
    assert_eq!(tag(&labels, "jobID"), Some("214590dsff09fds"));
    assert_eq!((tag(&labels, "team-api"), tag(&labels, "n")), (Some("true"), Some("3")));
    labels.merge(of_body(&[(
        "metadata",
        r#"{"tags":["a","b:c"],"trace_id":"t","session_id":"s","trace_user_id":"x","spend_logs_metadata":{"k":"v"},"deep":{"x":1}}"#,
    )]));
    assert_eq!(labels.get(Task), Some("session"));
    assert_eq!(
        (tag(&labels, "a"), tag(&labels, "b"), tag(&labels, "k")),
        (Some("true"), Some("c"), Some("v"))
    );
    assert!(labels.notes().iter().any(|n| n.contains("metadata")), "the nested value leaves a note");
}

#[test]
fn portkey_metadata_keeps_its_meaning() {
    let labels = of(&[
        ("x-portkey-trace-id", "t"),
        ("x-portkey-span-id", "s"),
        ("x-portkey-parent-span-id", "p"),
        ("x-portkey-metadata", r#"{"_user":"u","_environment":"prod","_organisation":"o","feature":"chat"}"#),
    ]);
    let fields =
        [Task, Step, ParentStep, Consumer, Environment, Tenant].map(|f| labels.get(f).unwrap_or("-"));
    assert_eq!(fields, ["t", "s", "p", "u", "prod", "o"]);
    assert_eq!(tag(&labels, "feature"), Some("chat"));
}

#[test]
fn coding_agents_say_their_session_and_their_sub_agent() {
    let claude = of(&[
        ("X-Claude-Code-Session-Id", "e96634a3"),
        ("x-claude-code-agent-id", "agent-2"),
        ("x-claude-code-parent-agent-id", "agent-1"),
    ]);
    let fields = [Task, Step, ParentStep].map(|f| claude.get(f));
    assert_eq!(fields, [Some("e96634a3"), Some("agent-2"), Some("agent-1")]);
    let codex = of(&[("session-id", "s"), ("thread-id", "t"), ("x-codex-parent-thread-id", "p")]);
    assert_eq!([Task, Step, ParentStep].map(|f| codex.get(f)), [Some("s"), Some("t"), Some("p")]);
    let opencode = of(&[("x-session-id", "generic"), ("x-opencode-session", "ses_1")]);
    assert_eq!(opencode.get(Task), Some("ses_1"));
}

#[test]
fn claude_codes_user_id_is_an_account_and_a_session() {
    let device = "a".repeat(64);
    for (user, consumer) in [
        (format!("user_{device}_account_0f8c_session_9b2e"), "0f8c".to_owned()),
        (format!("user_{device}_account__session_9b2e"), format!("user_{device}")),
        (r#"{"device_id":"d","account_uuid":"0f8c","session_id":"9b2e"}"#.to_owned(), "0f8c".to_owned()),
        (r#"{"device_id":"d","account_uuid":"","session_id":"9b2e"}"#.to_owned(), "d".to_owned()),
    ] {
        let metadata = serde_json::json!({ "user_id": user }).to_string();
        let labels = of_body(&[("metadata", &metadata)]);
        assert_eq!(
            (labels.get(Task), labels.get(Consumer)),
            (Some("9b2e"), Some(consumer.as_str())),
            "{user}"
        );
    }
    let plain = of_body(&[("metadata", r#"{"user_id":"user-7"}"#)]);
    assert_eq!((plain.get(Task), plain.get(Consumer)), (None, Some("user-7")));
}

#[test]
fn the_end_user_of_the_body_is_the_consumer_unless_a_header_names_one() {
    let mut body =
        of_body(&[("safety_identifier", r#""hash""#), ("user", r#""u-1""#), ("prompt_cache_key", r#""k""#)]);
    assert_eq!(
        (body.get(Consumer), body.get(Task), tag(&body, "prompt_cache_key")),
        (Some("u-1"), None, Some("k"))
    );
    body.merge(of(&[("helicone-user-id", "h-1")]));
    assert_eq!(body.get(Consumer), Some("h-1"));
}

#[test]
fn trace_context_is_the_last_to_say() {
    let trace = [
        ("traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"),
        ("baggage", "bursar.workflow=triage;p=1, user.id=J%C3%BCrgen ,service.name=desk,region=eu"),
    ];
    let labels = of(&trace);
    assert_eq!(labels.get(Task), Some("4bf92f3577b34da6a3ce929d0e0e4736"));
    assert_eq!((labels.get(Step), labels.get(Workflow)), (Some("00f067aa0ba902b7"), Some("triage")));
    assert_eq!(
        (labels.get(Consumer), labels.get(App), tag(&labels, "region")),
        (Some("Jürgen"), Some("desk"), Some("eu"))
    );
    let with_session = of(&[trace[0], ("session-id", "s-1")]);
    assert_eq!(with_session.get(Task), Some("s-1"));
    for bad in ["", "00-0-0-0", "00-00000000000000000000000000000000-00f067aa0ba902b7-01"] {
        let labels = of(&[("traceparent", bad)]);
        assert_eq!((labels.get(Task), labels.notes().len()), (None, 1), "{bad}");
    }
}

#[test]
fn an_earlier_source_holds_in_whatever_order_they_come() {
    let mut headers = vec![
        ("traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"),
        ("session_id", "generic"),
        ("x-claude-code-session-id", "agent"),
        ("x-portkey-trace-id", "portkey"),
        ("x-litellm-session-id", "litellm"),
        ("helicone-session-id", "helicone"),
        ("x-bursar-task", "bursar"),
    ];
    while let Some(&(name, value)) = headers.last() {
        let expected = if name == "traceparent" { "4bf92f3577b34da6a3ce929d0e0e4736" } else { value };
        assert_eq!(of(&headers).get(Task), Some(expected));
        let reversed: Vec<_> = headers.iter().rev().copied().collect();
        assert_eq!(of(&reversed).get(Task), Some(expected));
        headers.pop();
    }
}

#[test]
fn a_label_out_of_bounds_is_dropped_with_a_note_that_does_not_show_it() {
    let long = "secret".repeat(100);
    let mut labels = of(&[
        ("x-bursar-task", &long),
        ("x-bursar-step", "a\u{7}b"),
        ("x-portkey-metadata", "{\"secret\":"),
        ("x-bursar-tags", &format!("{}=1", "n".repeat(65))),
    ]);
    labels.add_header("x-bursar-team", b"\xff\xfe");
    labels.add_header("x-bursar-app", &[b'a'; HEADER_LIMIT + 1]);
    assert_eq!(labels.merge_into(&Attribution::default(), LabelPolicy::ALL).0, Attribution::default());
    assert_eq!(labels.notes().len(), 6);
    assert!(labels.notes().iter().all(|n| !n.contains("secret") && n.contains("x-")));
}

#[test]
fn no_more_than_32_tags_are_taken_and_the_earlier_source_replaces_in_place() {
    let many: Vec<String> = (0..40).map(|i| format!("t{i}=a")).collect();
    let mut labels = of(&[("x-litellm-tags", &many.join(","))]);
    assert_eq!(labels.tags().count(), TAG_LIMIT);
    assert_eq!(labels.notes().len(), 1);
    labels.add_header("x-bursar-tags", b"t0=b");
    assert_eq!(tag(&labels, "t0"), Some("b"));
}

#[test]
fn the_table_in_the_docs_has_exactly_the_sources_in_the_code_in_their_order() {
    let page = include_str!("../../../../docs/reference/attribution.md");
    let section = |title: &str| -> Vec<&str> {
        let from = page.find(&format!("\n## {title}\n")).expect("the section is there");
        let rest = &page[from + 4..];
        let to = rest.find("\n## ").unwrap_or(rest.len());
        rest[..to].lines().filter_map(|l| l.strip_prefix("| `")?.split('`').next()).collect()
    };
    assert_eq!(section("Headers"), header_names().collect::<Vec<_>>());
    assert_eq!(section("Fields of the body"), Labels::BODY_FIELDS);
    let from = page.find("\n## Names that mean a field\n").expect("the section is there");
    let rest = &page[from..page.find("\n## Bounds\n").expect("the section is there")];
    let rows = rest.lines().filter_map(|l| l.strip_prefix("| `")?.split_once(" | "));
    let named: Vec<(&str, String)> = rows
        .flat_map(|(names, field)| {
            let field = field.trim_end_matches(" |").replace(' ', "_");
            names.split(", ").map(move |n| (n.trim_matches('`'), field.clone()))
        })
        .collect();
    let in_code: Vec<(&str, String)> =
        sources::FIELD_NAMES.iter().map(|(n, f)| (*n, f.name().to_owned())).collect();
    assert_eq!(named, in_code);
    assert_eq!(sources::FIELD_NAMES.first().map(|(_, f)| *f), Some(Tenant));
    assert!(is_label_header("Helicone-Property-X") && !is_label_header("helicone-property-"));
    assert_eq!(sources::field_of_name("Team-Id").map(|(f, _)| f), Some(Team));
}

/// What each header alone becomes: its field or tag, and the value there.
const ALONE: &[(&str, &str, &str, &str)] = &[
    ("x-bursar-tenant", "v", "tenant", "v"),
    ("x-bursar-team", "v", "team", "v"),
    ("x-bursar-app", "v", "app", "v"),
    ("x-bursar-workflow", "v", "workflow", "v"),
    ("x-bursar-environment", "v", "environment", "v"),
    ("x-bursar-consumer", "v", "consumer", "v"),
    ("x-bursar-task", "v", "task", "v"),
    ("x-bursar-step", "v", "step", "v"),
    ("x-bursar-parent-step", "v", "parent_step", "v"),
    ("x-bursar-tags", "n=v", "tag n", "v"),
    ("helicone-user-id", "v", "consumer", "v"),
    ("helicone-session-id", "v", "task", "v"),
    ("helicone-session-path", "/a/v", "step", "/a/v"),
    ("helicone-session-name", "v", "workflow", "v"),
    ("helicone-property-*", "v", "tag *", "v"),
    ("x-litellm-session-id", "v", "task", "v"),
    ("x-litellm-trace-id", "v", "task", "v"),
    ("x-litellm-customer-id", "v", "consumer", "v"),
    ("x-litellm-end-user-id", "v", "consumer", "v"),
    ("x-litellm-agent-id", "v", "tag agent", "v"),
    ("x-litellm-tags", "v", "tag v", "true"),
    ("x-litellm-spend-logs-metadata", r#"{"team":"v"}"#, "team", "v"),
    ("x-portkey-trace-id", "v", "task", "v"),
    ("x-portkey-span-id", "v", "step", "v"),
    ("x-portkey-parent-span-id", "v", "parent_step", "v"),
    ("x-portkey-span-name", "v", "tag span_name", "v"),
    ("x-portkey-metadata", r#"{"_user":"v"}"#, "consumer", "v"),
    ("x-amzn-bedrock-request-metadata", r#"{"app":"v"}"#, "app", "v"),
    ("x-claude-code-session-id", "v", "task", "v"),
    ("x-claude-code-agent-id", "v", "step", "v"),
    ("x-claude-code-parent-agent-id", "v", "parent_step", "v"),
    ("x-opencode-session", "v", "task", "v"),
    ("x-opencode-request", "v", "step", "v"),
    ("x-opencode-project", "v", "tag opencode_project", "v"),
    ("x-codex-parent-thread-id", "v", "parent_step", "v"),
    ("x-openai-subagent", "v", "tag subagent", "v"),
    ("session-id", "v", "task", "v"),
    ("session_id", "v", "task", "v"),
    ("x-session-id", "v", "task", "v"),
    ("conversation_id", "v", "task", "v"),
    ("thread-id", "v", "step", "v"),
    ("baggage", "session.id=v", "task", "v"),
    (
        "traceparent",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        "task",
        "4bf92f3577b34da6a3ce929d0e0e4736",
    ),
];

/// What each field of the body alone becomes.
const ALONE_IN_BODY: &[(&str, &str, &str, &str)] = &[
    ("metadata", r#"{"user_id":"v"}"#, "consumer", "v"),
    ("litellm_metadata", r#"{"tags":["v"]}"#, "tag v", "true"),
    ("requestMetadata", r#"{"team":"v"}"#, "team", "v"),
    ("labels", r#"{"app":"v"}"#, "app", "v"),
    ("session_id", r#""v""#, "task", "v"),
    ("litellm_session_id", r#""v""#, "task", "v"),
    ("user", r#""v""#, "consumer", "v"),
    ("safety_identifier", r#""v""#, "consumer", "v"),
    ("prompt_cache_key", r#""v""#, "tag prompt_cache_key", "v"),
];

#[test]
fn every_source_of_the_table_alone_becomes_what_the_table_says() {
    let found = |labels: &Labels, place: &str| match place.strip_prefix("tag ") {
        Some(name) => tag(labels, name).map(str::to_owned),
        None => {
            let field = LabelField::ALL.iter().find(|f| f.name() == place).expect("a field");
            labels.get(*field).map(str::to_owned)
        }
    };
    for &(header, value, place, expected) in ALONE {
        let labels = of(&[(header, value)]);
        assert_eq!(found(&labels, place).as_deref(), Some(expected), "{header}");
        assert!(is_label_header(header) || header == "baggage" || header == "traceparent", "{header}");
    }
    for &(field, json, place, expected) in ALONE_IN_BODY {
        assert_eq!(found(&of_body(&[(field, json)]), place).as_deref(), Some(expected), "{field}");
    }
    let named: Vec<&str> = ALONE.iter().map(|row| row.0).collect();
    assert_eq!(named, header_names().collect::<Vec<_>>(), "no header is left out");
    let named: Vec<&str> = ALONE_IN_BODY.iter().map(|row| row.0).collect();
    assert_eq!(named, Labels::BODY_FIELDS, "no field of the body is left out");
}

proptest! {
    #[test]
    fn whatever_is_sent_the_bounds_hold_and_the_keys_fields_stay(
        headers in proptest::collection::vec(
            (0..sources::HEADERS.len(), "[a-z]{0,3}", proptest::collection::vec(any::<u8>(), 0..300)), 0..20),
        texts in proptest::collection::vec((0..sources::HEADERS.len(), "[ -~]{0,300}"), 0..20),
        bodies in proptest::collection::vec((0..Labels::BODY_FIELDS.len(), "[\\[\\]{}\":,a-z0-9]{0,60}"), 0..8),
    ) {
        let mut labels = Labels::new();
        for (i, rest, value) in &headers {
            labels.add_header(&sources::HEADERS[*i].name.replace('*', rest), value);
        }
        for (i, value) in &texts {
            labels.add_header(sources::HEADERS[*i].name, value.as_bytes());
        }
        for (i, json) in &bodies {
            labels.add_body_field(Labels::BODY_FIELDS[*i], json);
        }
        let fixed = Attribution { team: Some("fixed".to_owned()), ..Attribution::default() };
        let (merged, notes) = labels.merge_into(&fixed, LabelPolicy::ALL);
        prop_assert_eq!(merged.team.as_deref(), Some("fixed"));
        prop_assert!(merged.tags.len() <= TAG_LIMIT && notes.len() <= NOTE_LIMIT);
        for (name, value) in &merged.tags {
            prop_assert!(name.len() <= TAG_NAME_LIMIT && value.len() <= VALUE_LIMIT);
        }
        for value in LabelField::ALL.iter().filter_map(|&f| merged.get(f)) {
            prop_assert!(value.len() <= VALUE_LIMIT && !value.chars().any(char::is_control));
        }
    }
}
