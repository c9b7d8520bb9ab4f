//! The outbox: alerts are created once and wait until every channel has taken them, whatever happens to the process.

use std::collections::BTreeSet;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use bursar_core::Timestamp;
use bursar_core::budget::{BudgetUnit, Window};
use bursar_store::{
    Alert, AlertQuery, DeliveryState, NewAlert, Outbox, Reader, Silence, Store, StoreOptions, StoredAlert,
};

const SECOND: i64 = 1_000_000;

fn noon() -> Timestamp {
    Timestamp::from_date(2026, 7, 15).unwrap().plus_micros(12 * 3_600 * SECOND)
}

fn options(folder: &Path) -> StoreOptions {
    StoreOptions { folder: folder.to_owned(), ..StoreOptions::default() }
}

fn alert(budget: &str, rule: &str, episode: u32, recovery: Option<&str>) -> Alert {
    let key = format!("{budget}/{rule}/{episode}");
    let (incident, id) = Alert::names(&key, recovery.is_some());
    Alert {
        id,
        incident,
        budget: Some(budget.to_owned()),
        instance: None,
        window: Window { start: noon(), end: noon().plus_micros(30 * 86_400 * SECOND) },
        rule: rule.to_owned(),
        episode,
        recovery: recovery.map(str::to_owned),
        severity: "warning".to_owned(),
        audience: "everyone".to_owned(),
        at: noon().plus_micros(i64::from(episode) * SECOND + i64::from(recovery.is_some())),
        owner: Some("research-leads".to_owned()),
        unit: Some(BudgetUnit::Usd),
        spent: 80,
        limit: 100,
        forecast: None,
        text: format!("Budget {budget} has reached {rule}."),
    }
}

fn to(alert: Alert, channels: &[&str]) -> NewAlert {
    let channels = channels.iter().map(|c| ((*c).to_owned(), alert.at)).collect();
    NewAlert { alert, channels }
}

fn later(seconds: i64) -> Timestamp {
    noon().plus_micros(seconds * SECOND)
}

struct Place {
    folder: tempfile::TempDir,
    _store: Store,
    outbox: Outbox,
}

fn place() -> Place {
    let folder = tempfile::tempdir().unwrap();
    let (store, _) = Store::open(options(folder.path())).unwrap();
    let outbox = store.outbox();
    Place { folder, _store: store, outbox }
}

impl Place {
    fn due(&self, at: Timestamp) -> Vec<(String, String)> {
        self.outbox.due(at, &[], 100).unwrap().into_iter().map(|d| (d.alert.id, d.channel)).collect()
    }

    fn alerts(&self, query: &AlertQuery) -> Vec<StoredAlert> {
        Reader::open(self.folder.path()).unwrap().alerts(query).unwrap()
    }
}

#[test]
fn an_alert_that_is_added_again_is_neither_new_nor_sent_again() {
    let p = place();
    let new = to(alert("a", "actual:80", 0, None), &["chat", "mail"]);
    assert_eq!(p.outbox.add(std::slice::from_ref(&new)).unwrap(), [true]);
    assert_eq!(
        p.outbox.add(&[new.clone(), to(alert("b", "actual:80", 0, None), &[])]).unwrap(),
        [false, true]
    );
    assert_eq!(p.due(later(1)).len(), 2);
    assert_eq!(p.outbox.due(later(1), &["chat"], 100).unwrap()[0].channel, "mail");
    p.outbox.sent(&new.alert.id, "chat", later(1)).unwrap();
    p.outbox.add(std::slice::from_ref(&new)).unwrap();
    assert_eq!(p.due(later(1)), [(new.alert.id.clone(), "mail".to_owned())]);
    let found = p.alerts(&AlertQuery::default());
    assert_eq!(found.len(), 2);
    assert_eq!(found.iter().find(|f| f.alert.id == new.alert.id).unwrap().alert, new.alert);
}

#[test]
fn what_a_channel_does_not_take_waits_for_its_next_try_until_it_is_given_up() {
    let p = place();
    let new = to(alert("a", "actual:80", 0, None), &["chat"]);
    p.outbox.add(std::slice::from_ref(&new)).unwrap();
    let at = (new.alert.id.as_str(), "chat");
    p.outbox.not_sent(at, "status 503", Some(later(60)), later(1)).unwrap();
    assert_eq!(p.due(later(59)), []);
    assert_eq!(p.outbox.next_due().unwrap(), Some(later(60)));
    assert_eq!(p.outbox.due(later(60), &[], 9).unwrap()[0].attempts, 1);
    p.outbox.not_sent(at, "status 503", None, later(61)).unwrap();
    assert_eq!((p.due(later(999)).len(), p.outbox.next_due().unwrap()), (0, None));
    let delivery = p.alerts(&AlertQuery::default())[0].deliveries[0].clone();
    assert_eq!((delivery.state, delivery.attempts), (DeliveryState::Failed, 2));
    assert_eq!(delivery.last_error.as_deref(), Some("status 503"));
}

#[test]
fn the_end_of_an_incident_follows_its_beginning_and_goes_nowhere_else() {
    let p = place();
    let begin = to(alert("a", "actual:80", 0, None), &["chat"]);
    let end = to(alert("a", "actual:80", 0, Some("back_below")), &["chat", "mail"]);
    p.outbox.add(&[begin.clone(), end.clone()]).unwrap();
    assert_eq!(p.due(later(5)), [(begin.alert.id.clone(), "chat".to_owned())]);
    p.outbox.sent(&begin.alert.id, "chat", later(5)).unwrap();
    assert_eq!(p.due(later(5)), [(end.alert.id.clone(), "chat".to_owned())]);
    assert!(p.alerts(&AlertQuery { only_open: true, ..AlertQuery::default() }).is_empty());
}

#[test]
fn a_silenced_budget_is_kept_and_not_sent_and_its_end_is_not_sent_either() {
    let p = place();
    let silence = Silence {
        budget: Some("a".to_owned()),
        since: noon(),
        until: later(100),
        who: "ann".to_owned(),
        why: "migration".to_owned(),
    };
    p.outbox.silence(&silence).unwrap();
    let told = ["a", "b"].map(|name| to(alert(name, "actual:80", 0, None), &["chat"]));
    let over = to(alert("a", "actual:80", 0, Some("back_below")), &["chat"]);
    p.outbox.add(&[&told[..], &[over]].concat()).unwrap();
    let due: Vec<String> =
        p.outbox.due(later(9), &[], 9).unwrap().into_iter().filter_map(|d| d.alert.budget).collect();
    assert_eq!(due, ["b"]);
    assert_eq!(p.outbox.silences(later(99)).unwrap(), [silence]);
    assert_eq!(p.outbox.silences(later(100)).unwrap(), []);
}

#[test]
fn a_new_watch_is_told_the_latest_of_what_is_not_over() {
    let p = place();
    let over = |episode| to(alert("a", "actual:80", episode, Some("back_below")), &[]);
    let raised = |episode| to(alert("a", "actual:80", episode, None), &[]);
    p.outbox.add(&[raised(0), over(0), raised(1), over(1)]).unwrap();
    let known = |at| -> Vec<(u32, bool)> {
        p.outbox.known(at).unwrap().into_iter().map(|(a, open)| (a.episode, open)).collect()
    };
    assert_eq!(known(later(9)), [(1, false)]);
    p.outbox.add(&[raised(2)]).unwrap();
    assert_eq!(known(later(9)), [(2, true)]);
    // After the window, what is not over is still to be ended, and what is over is of no interest.
    assert_eq!(known(later(40 * 86_400)), [(2, true)]);
    p.outbox.add(&[over(2)]).unwrap();
    assert_eq!(known(later(40 * 86_400)), []);
}

#[test]
fn alerts_are_read_page_by_page_and_acknowledged_once() {
    let p = place();
    let all: Vec<NewAlert> = (0..5).map(|n| to(alert("a", "actual:80", n, None), &[])).collect();
    p.outbox.add(&all).unwrap();
    let page = |before| {
        let query = AlertQuery { before, limit: 2, ..AlertQuery::default() };
        p.alerts(&query).into_iter().map(|s| (s.alert.at, s.alert.id)).collect::<Vec<_>>()
    };
    let first = page(None);
    let second = page(first.last().cloned());
    assert_eq!([&first[..], &second].concat().iter().map(|(_, id)| id).collect::<BTreeSet<_>>().len(), 4);
    assert_eq!(first[0].1, all[4].alert.id);
    assert!(p.outbox.ack(&first[0].1, "ann", later(1)).unwrap());
    assert!(p.outbox.ack(&first[0].1, "bob", later(2)).unwrap());
    assert!(!p.outbox.ack("alr_none", "bob", later(2)).unwrap());
    let latest = p.alerts(&AlertQuery { limit: 1, ..AlertQuery::default() }).remove(0);
    assert_eq!(latest.acked, Some(("ann".to_owned(), later(1))));
}

/// Set in the child: the folder to write into.
const FOLDER: &str = "BURSAR_TEST_OUTBOX_FOLDER";
const NAME: &str = "a_process_killed_while_it_tells_loses_no_alert_and_creates_none_twice";

#[test]
fn a_process_killed_while_it_tells_loses_no_alert_and_creates_none_twice() {
    if let Ok(folder) = std::env::var(FOLDER) {
        tell_until_killed(Path::new(&folder));
    }
    let folder = tempfile::tempdir().unwrap();
    let (mut added, mut taken) = (BTreeSet::new(), Vec::new());
    for kill in 0..4 {
        run_child_and_kill_it(folder.path(), kill, &mut added, &mut taken);
    }
    assert!(added.len() > 10, "only {} alerts were added", added.len());
    let reader = Reader::open(folder.path()).unwrap();
    let stored = reader.alerts(&AlertQuery { limit: usize::MAX, ..AlertQuery::default() }).unwrap();
    let names: BTreeSet<u32> = stored.iter().map(|s| s.alert.episode).collect();
    assert_eq!(names.len(), stored.len(), "an alert is there twice");
    assert!(added.is_subset(&names), "an alert that was added is lost");
    for alert in &stored {
        let state = alert.deliveries[0].state;
        let received = taken.iter().filter(|n| **n == alert.alert.episode).count();
        assert!(state == DeliveryState::Waiting || received >= 1, "noted as sent and not sent");
        assert!(received <= 2, "sent {received} times");
    }
    let again = taken.len() - taken.iter().collect::<BTreeSet<_>>().len();
    assert!(again <= 4, "a kill may repeat the one alert that it hit, not {again}");
}

/// In the child: derives the same alerts from the first on, as a watch that starts again does, and sends each.
fn tell_until_killed(folder: &Path) -> ! {
    let (store, _) = Store::open(options(folder)).unwrap();
    let outbox = store.outbox();
    for episode in 0.. {
        outbox.add(&[to(alert("a", "actual:80", episode, None), &["chat"])]).unwrap();
        say('a', episode);
        for due in outbox.due(later(i64::from(episode) + 1), &[], 10).unwrap() {
            say('s', due.alert.episode);
            outbox.sent(&due.alert.id, &due.channel, later(0)).unwrap();
        }
    }
    unreachable!("it tells until it is killed")
}

fn say(what: char, n: u32) {
    // One write to the pipe, so that what was said before the kill is heard.
    std::io::stderr().write_all(format!("{what}{n}\n").as_bytes()).unwrap();
}

fn run_child_and_kill_it(folder: &Path, kill: u64, added: &mut BTreeSet<u32>, taken: &mut Vec<u32>) {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args([NAME, "--exact", "--nocapture"])
        .env(FOLDER, folder)
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let killer = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(300 + 170 * kill));
        child.kill().unwrap();
        child.wait().unwrap();
    });
    for line in lines {
        let line = line.unwrap();
        let (what, n) = line.split_at(1);
        let n = n.parse().unwrap_or_else(|_| panic!("the child failed: {line}"));
        if what == "a" {
            added.insert(n);
        } else {
            taken.push(n);
        }
    }
    killer.join().unwrap();
}
