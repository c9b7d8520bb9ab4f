//! A reader that has seen enough, such as `head`, ends no command with a fault.

use std::path::Path;
use std::process::{Command, Output};

fn bursar(folder: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_bursar"));
    command.args(args).arg("--folder").arg(folder).current_dir(folder).env_remove("BURSAR_CONFIG");
    command
}

/// Runs a command whose standard output nobody reads.
fn unread(folder: &Path, args: &[&str]) -> Output {
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    bursar(folder, args).stdout(writer).output().unwrap()
}

#[test]
fn no_command_panics_when_nobody_reads_what_it_says() {
    let folder = tempfile::tempdir().unwrap();
    let created = bursar(folder.path(), &["--json", "keys", "create", "--team", "support"]).output().unwrap();
    let created: serde_json::Value = serde_json::from_slice(&created.stdout).unwrap();
    let id = created["id"].as_str().or(created["key"]["id"].as_str()).expect("a key's id").to_owned();
    for args in [
        ["keys", "list"].as_slice(),
        &["keys", "show", &id],
        &["keys", "create", "--app", "helpdesk"],
        &["keys", "rotate", &id],
        &["keys", "revoke", &id, "--yes"],
        &["spend"],
        &["spend", "--csv"],
        &["spend", "--json"],
        &["requests", "list"],
        &["doctor"],
        &["doctor", "--json"],
        &["prices", "list"],
        &["config", "init", "-"],
        &["config", "check"],
        &["config", "check", "--json"],
        &["completions", "bash"],
        &["man"],
    ] {
        let output = unread(folder.path(), args);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!said.contains("panicked") && output.status.code() == Some(0), "{args:?}: {said}");
    }
}
