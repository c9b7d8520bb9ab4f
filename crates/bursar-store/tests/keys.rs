//! Virtual keys: made, used, rotated, ended.

mod fixture;

use bursar_core::{Attribution, KeyId, LabelField, LabelPolicy};
use bursar_store::{KeyDirectory, KeySpec, Store, StoreError};
use fixture::{attempt, noon, options, record};

fn spec() -> KeySpec {
    KeySpec {
        fixed: Attribution {
            team: Some("support".to_owned()),
            tags: [("floor".to_owned(), "3".to_owned())].into(),
            ..Attribution::default()
        },
        may_set: LabelPolicy::of([LabelField::Task, LabelField::Tags]),
        models: Some(vec!["gpt-4o*".to_owned()]),
        ips: Some(vec!["10.0.0.0/8".to_owned(), "::1".to_owned()]),
        expires_at: Some(noon().plus_micros(1_000)),
    }
}

#[test]
fn a_key_is_found_by_its_secret_and_read_again_as_it_was_made() {
    let folder = tempfile::tempdir().unwrap();
    let keys = KeyDirectory::open(folder.path()).unwrap();
    let (key, secret) = keys.create(spec(), noon()).unwrap();
    for directory in [&keys, &KeyDirectory::open(folder.path()).unwrap()] {
        assert_eq!(*directory.find(secret.reveal()).unwrap(), key);
        assert_eq!(directory.list().unwrap(), std::slice::from_ref(&key));
        assert!(!directory.is_empty());
    }
    assert_eq!((&key.fixed, key.may_set), (&spec().fixed, spec().may_set));
    assert!(secret.reveal().starts_with(&key.prefix) && key.prefix.len() == 8);
    assert!(key.allows_model("gpt-4o-mini") && !key.allows_model("o3"));
    assert!(key.allows_ip("10.9.8.7".parse().unwrap()) && key.allows_ip("::1".parse().unwrap()));
    assert!(!key.allows_ip("192.0.2.1".parse().unwrap()));
    assert!(key.is_active(noon()) && !key.is_active(noon().plus_micros(1_000)));
    assert!(keys.find("bsk_").is_none() && keys.find(&secret.reveal().replace("bsk_", "bsk-")).is_none());
}

#[test]
fn a_revoked_key_is_refused_and_revoking_the_last_one_does_not_open_the_gateway() {
    let folder = tempfile::tempdir().unwrap();
    let keys = KeyDirectory::open(folder.path()).unwrap();
    let (key, secret) = keys.create(KeySpec::default(), noon()).unwrap();
    let revoked = keys.revoke(&key.id, noon().plus_micros(5)).unwrap().unwrap();
    assert!(revoked.is_active(noon()) && !revoked.is_active(noon().plus_micros(5)));
    keys.revoke(&key.id, noon().plus_micros(9)).unwrap();
    assert_eq!(keys.find(secret.reveal()).unwrap().revoked_at, Some(noon().plus_micros(5)));
    assert!(!keys.is_empty());
    assert_eq!(keys.revoke(&bursar_core::KeyId("key_none".to_owned()), noon()).unwrap(), None);
}

#[test]
fn a_rotated_key_goes_on_beside_its_successor_until_the_overlap_ends() {
    let folder = tempfile::tempdir().unwrap();
    let keys = KeyDirectory::open(folder.path()).unwrap();
    let (old, old_secret) = keys.create(KeySpec { expires_at: None, ..spec() }, noon()).unwrap();
    let until = noon().plus_micros(60);
    let (new, new_secret) = keys.rotate(&old.id, until, noon()).unwrap().unwrap();
    let old = keys.find(old_secret.reveal()).unwrap();
    assert_eq!((old.replaced_by.as_ref(), old.revoked_at), (Some(&new.id), Some(until)));
    assert!(old.is_active(noon()) && !old.is_active(until));
    let found = keys.find(new_secret.reveal()).unwrap();
    assert!(found.is_active(until.plus_micros(1)));
    assert_eq!((&found.fixed, &found.models, found.may_set), (&old.fixed, &old.models, old.may_set));
    assert!(keys.rotate(&bursar_core::KeyId("key_none".to_owned()), until, noon()).unwrap().is_none());
}

#[test]
fn no_file_holds_a_secret_and_every_change_is_in_the_audit() {
    let folder = tempfile::tempdir().unwrap();
    let keys = KeyDirectory::open(folder.path()).unwrap();
    let (key, first) = keys.create(KeySpec::default(), noon()).unwrap();
    let (new, second) = keys.rotate(&key.id, noon(), noon()).unwrap().unwrap();
    keys.revoke(&new.id, noon()).unwrap();
    for entry in std::fs::read_dir(folder.path()).unwrap() {
        let bytes = std::fs::read(entry.unwrap().path()).unwrap();
        for secret in [&first, &second] {
            let rest = &secret.reveal().as_bytes()[8..];
            assert!(!bytes.windows(rest.len()).any(|w| w == rest));
        }
    }
    let db = rusqlite::Connection::open(folder.path().join("bursar.sqlite")).unwrap();
    let mut rows = db
        .prepare("SELECT action || ' ' || about || ' ' || coalesce(detail, '') FROM audit ORDER BY id")
        .unwrap();
    let audit: Vec<String> = rows.query_map([], |r| r.get(0)).unwrap().collect::<Result<_, _>>().unwrap();
    let expected = [
        format!("key.create {} ", key.id),
        format!("key.rotate {} {}", key.id, new.id),
        format!("key.revoke {} ", new.id),
    ];
    assert_eq!(audit, expected);
}

#[test]
fn a_key_with_a_network_that_is_none_is_not_made() {
    let folder = tempfile::tempdir().unwrap();
    let keys = KeyDirectory::open(folder.path()).unwrap();
    let spec = KeySpec { ips: Some(vec!["10.0.0.0/40".to_owned()]), ..KeySpec::default() };
    assert!(matches!(keys.create(spec, noon()), Err(StoreError::BadNetwork(n)) if n == "10.0.0.0/40"));
    assert!(keys.is_empty());
}

#[test]
fn the_last_use_of_a_key_is_written_down_by_and_by() {
    let folder = tempfile::tempdir().unwrap();
    let (store, _) = Store::open(options(folder.path())).unwrap();
    store.open_attempt(&attempt(1)).unwrap();
    store.settle(&record(1)).unwrap();
    let keys = store.keys();
    let (used, secret) = keys.create(KeySpec::default(), noon()).unwrap();
    let (unused, _) = keys.create(KeySpec::default(), noon()).unwrap();
    keys.note_use(secret.reveal(), noon().plus_micros(3));
    let last_used = |id: &KeyId| keys.list().unwrap().into_iter().find(|k| k.id == *id).unwrap().last_used_at;
    let written = || last_used(&used.id) == Some(noon().plus_micros(3));
    let in_time = (0..250).any(|_| {
        std::thread::sleep(std::time::Duration::from_millis(20));
        written()
    });
    assert!(in_time, "the use is not written down within 5 s");
    assert_eq!(last_used(&unused.id), None, "a key that was never used has no last use");
}
