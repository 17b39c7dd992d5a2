//! The store: one writer at a time, readers at any time, nothing half-written, anything repaired.

use std::fs;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use tempfile::TempDir;

use super::{Process, Record, StateError, Status, Store};

fn store() -> (TempDir, Store) {
    let dir = TempDir::new().expect("a temporary folder");
    let store = Store::new(dir.path().join("deep/root"));
    (dir, store)
}

fn record(id: &str) -> Record {
    let own = Process::current().expect("/proc is mounted");
    serde_json::from_value(serde_json::json!({
        "ociVersion": "1.3.0", "id": id, "status": "created", "pid": own.pid,
        "pidStart": own.start, "pidMark": own.mark, "bundle": "/b", "rootfs": "/b/rootfs", "created": "now", "owner": 0,
    }))
    .expect("a record")
}

#[test]
fn an_id_belongs_to_one_container() {
    let (_dir, store) = store();
    let first = store.create(record("k"), |_| {}).expect("made");
    assert!(matches!(
        store.create(record("k"), |_| {}),
        Err(StateError::Exists)
    ));
    drop(first);
    let mut kept = store
        .create(record("k"), |_| {})
        .expect("one that was not kept frees its id");
    kept.keep();
    drop(kept);
    assert_eq!(store.read("k").expect("kept").id, "k");
    assert!(store.config("k").is_err(), "none was written");
    store
        .lock("k")
        .expect("locked")
        .write_config("{}")
        .expect("written");
    assert_eq!(store.config("k").expect("kept"), "{}");
    store.lock("k").expect("locked").remove().expect("removed");
    assert!(matches!(store.read("k"), Err(StateError::NotFound)));
    assert!(matches!(store.lock("k"), Err(StateError::NotFound)));
    assert_eq!(store.ids().expect("listed"), Vec::<String>::new());
}

#[test]
fn of_many_creators_one_wins() {
    let (_dir, store) = store();
    let won = AtomicUsize::new(0);
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| match store.create(record("k"), |_| {}) {
                Ok(mut container) => {
                    container.keep();
                    won.fetch_add(1, Ordering::Relaxed);
                }
                Err(error) => assert!(matches!(error, StateError::Exists), "{error}"),
            });
        }
    });
    assert_eq!(won.into_inner(), 1);
}

#[test]
fn writers_take_turns_and_readers_never_see_half_a_record() {
    const ROUNDS: i32 = 50;
    let (_dir, store) = store();
    let mut container = store.create(record("k"), |_| {}).expect("made");
    container
        .update(|record| record.owner = 0)
        .expect("written");
    container.keep();
    drop(container);
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..ROUNDS {
                    let mut container = store.lock("k").expect("locked");
                    container
                        .update(|record| record.owner += 1)
                        .expect("written");
                }
            });
        }
        scope.spawn(|| {
            for _ in 0..400 {
                store.read("k").expect("always whole");
            }
        });
    });
    assert_eq!(store.read("k").expect("there").owner, 4 * ROUNDS as u32);
}

#[test]
fn a_waiting_writer_learns_that_the_container_is_gone() {
    let (_dir, store) = store();
    let mut container = store.create(record("k"), |_| {}).expect("made");
    container.keep();
    thread::scope(|scope| {
        let waiting = scope.spawn(|| store.lock("k").map(drop));
        container.remove().expect("removed");
        assert!(matches!(
            waiting.join().expect("no panic"),
            Err(StateError::NotFound)
        ));
    });
}

#[test]
fn a_staged_record_counts_once_it_is_published_and_leaves_nothing_beside() {
    let (_dir, store) = store();
    let mut container = store.create(record("k"), |_| {}).expect("made");
    container.keep();
    let files = || {
        let mut names: Vec<_> = fs::read_dir(store.root().join("k"))
            .expect("listed")
            .map(|entry| entry.expect("an entry").file_name())
            .collect();
        names.sort();
        names
    };
    container
        .stage(|record| record.recorded = Status::Running)
        .expect("written");
    assert_ne!(store.read("k").expect("there").recorded, Status::Running);
    let other = container.publish(|record| record.recorded == Status::Created);
    assert!(
        !other.expect("nothing is tried"),
        "it is not the one wanted"
    );
    let gone = container.publish(|_| true);
    assert!(!gone.expect("nothing is tried"), "it was given up");
    container
        .stage(|record| record.recorded = Status::Running)
        .expect("written");
    assert!(container.publish(|_| true).expect("put in place"));
    assert_eq!(container.record().recorded, Status::Running);
    drop(container);
    assert_eq!(store.read("k").expect("there").recorded, Status::Running);
    assert_eq!(files(), ["state.json"]);
}

#[test]
fn a_staged_record_that_another_has_overtaken_does_not_count() {
    let (_dir, store) = store();
    let mut container = store.create(record("k"), |_| {}).expect("made");
    container.keep();
    container
        .stage(|record| record.recorded = Status::Running)
        .expect("written");
    container
        .update(|record| record.recorded = Status::Created)
        .expect("written");
    assert!(!container.publish(|_| true).expect("nothing is tried"));
    // What has to be undone is in a copy as well, which a staged record does not write.
    container.stage(|record| record.pid = 17).expect("written");
    assert!(!container.publish(|_| true).expect("nothing is tried"));
    drop(container);
    assert_eq!(store.read("k").expect("there").recorded, Status::Created);
    assert!(!store.root().join("k/state.json.new").exists());
}

#[test]
fn a_broken_record_names_its_file_and_can_be_cleared() {
    let (_dir, store) = store();
    for text in ["", "{", "[]", "{\"id\":1}", "\u{0}\u{0}\u{0}"] {
        let dir = store.root().join("k");
        fs::create_dir_all(dir.join("folder")).expect("made");
        fs::write(dir.join("state.json"), text).expect("written");
        let error = store.read("k").expect_err("broken");
        assert!(matches!(error, StateError::Corrupt { .. }), "{error}");
        assert!(error.to_string().contains("k/state.json"), "{error}");
        store.clear("k").expect("cleared");
        assert!(!dir.exists());
        store.clear("k").expect("cleared again");
    }
}

#[test]
fn a_folder_without_a_record_is_no_container() {
    let (_dir, store) = store();
    fs::create_dir_all(store.root().join("k")).expect("made");
    fs::write(store.root().join("file"), "").expect("written");
    assert!(matches!(store.read("k"), Err(StateError::NotFound)));
    assert!(matches!(
        store.create(record("k"), |_| {}),
        Err(StateError::Exists)
    ));
    assert_eq!(store.ids().expect("listed"), ["k"]);
}

#[test]
fn a_write_that_fails_leaves_the_record_as_it_was() {
    let (_dir, store) = store();
    let mut container = store.create(record("k"), |_| {}).expect("made");
    // A folder in the way of the temporary file is as bad as a full disk, and works for root too.
    fs::create_dir(container.dir().join("state.json.new")).expect("made");
    let failed = container.update(|record| record.recorded = Status::Running);
    assert!(matches!(failed, Err(StateError::Io { .. })));
    assert_eq!(container.record().recorded, Status::Created);
    assert_eq!(store.read("k").expect("whole").recorded, Status::Created);
}

#[test]
fn the_status_follows_the_process() {
    let own = Process::current().expect("/proc is mounted");
    // As a kernel without marks has it, or a record of before there were any.
    let by_start = Process::find_by_start(own.pid).expect("/proc is mounted");
    let by_start = by_start.expect("it lives");
    for own in [own, by_start] {
        let gone = Process {
            start: own.start + 1,
            mark: own.mark.map(|mark| mark + 1),
            ..own
        };
        let status = |recorded, process, creator| {
            let mut record = Record {
                recorded,
                creator,
                ..record("k")
            };
            record.set_process(process);
            record.status().expect("told")
        };
        assert_eq!(status(Status::Created, own, None), Status::Created);
        assert_eq!(status(Status::Running, own, None), Status::Running);
        assert_eq!(status(Status::Running, gone, None), Status::Stopped);
        assert_eq!(status(Status::Creating, gone, Some(own)), Status::Creating);
        assert_eq!(status(Status::Creating, own, Some(gone)), Status::Stopped);
    }
    // `start` was killed before it wrote that the program runs.
    let started = Record {
        init_exe: Some((0, 0)),
        ..record("k")
    };
    assert_eq!(started.status().expect("told"), Status::Running);
}

#[test]
fn many_read_together_are_what_each_is_alone() {
    let (dir, store) = store();
    let own = Process::current().expect("/proc is mounted");
    let none = Process { pid: 0, ..own };
    let gone = Process {
        start: own.start + 1,
        mark: own.mark.map(|mark| mark + 1),
        ..own
    };
    let groups = [
        ("freezer", "freezer.state", "FROZEN\n", Status::Paused),
        ("freezer", "freezer.state", "FREEZING\n", Status::Paused),
        ("freezer", "freezer.state", "THAWED\n", Status::Running),
        ("freezer", "none", "", Status::Running),
        ("unified", "cgroup.freeze", "1\n", Status::Paused),
        ("unified", "cgroup.freeze", "0\n", Status::Running),
    ];
    let mut wanted = Vec::new();
    for (number, (hierarchy, file, text, status)) in groups.iter().cycle().take(60).enumerate() {
        let group = dir.path().join(hierarchy).join(number.to_string());
        fs::create_dir_all(&group).expect("made");
        fs::write(group.join(file), text).expect("written");
        let (process, status) = match number % 5 {
            1 => (gone, Status::Stopped),
            3 => (none, Status::Stopped),
            _ => (own, *status),
        };
        let mut record = record(&format!("k{number:02}"));
        record.recorded = Status::Running;
        record.set_process(process);
        record.cgroup = serde_json::from_value(serde_json::json!({
            "driver": "cgroupfs", "paths": { (*hierarchy): group }, "made": [], "userManager": false,
        }))
        .expect("a record of cgroups");
        assert_eq!(record.status().expect("told"), status, "{record:?}");
        wanted.push((record.id.clone(), status));
        store.create(record, |_| {}).expect("made").keep();
    }
    fs::create_dir(store.root().join("k99")).expect("made");
    let (mut reader, mut found) = (store.reader(), Vec::new());
    for ids in store.ids().expect("listed").chunks(7) {
        let glances = ids.iter().map(|id| reader.glance(id));
        let records: Vec<_> = glances.filter_map(Result::ok).collect();
        let statuses = reader.statuses(&records);
        let statuses = statuses.into_iter().map(|status| status.expect("told"));
        found.extend(records.into_iter().map(|record| record.id).zip(statuses));
    }
    assert_eq!(found, wanted);
    assert!(matches!(reader.glance("k99"), Err(StateError::NotFound)));
    fs::write(store.root().join("k99/state.json"), "{").expect("written");
    let error = reader.glance("k99").expect_err("cut off").to_string();
    assert!(error.contains("k99/state.json"), "{error}");
}

#[test]
fn what_has_to_be_undone_is_noted_before_the_record_says_so() {
    let (_dir, store) = store();
    let mut container = store.create(record("k"), |_| {}).expect("made");
    let own = Process::current().expect("/proc is mounted");
    let none = Process { pid: 0, ..own };
    container
        .update(|record| record.set_process(none))
        .expect("written");
    container
        .update_copy(|record| record.set_process(own))
        .expect("written");
    assert_eq!(store.read("k").expect("the old one").process(), None);
    assert_eq!(
        store.read_copy("k").expect("the new one").process(),
        Some(own)
    );
    // The next record has it too, without a second copy.
    let copy = container.dir().join("undo.json");
    let before = fs::metadata(&copy)
        .expect("there")
        .modified()
        .expect("known");
    container
        .update(|record| record.recorded = Status::Running)
        .expect("written");
    let record = store.read("k").expect("written");
    assert_eq!(
        (record.process(), record.recorded),
        (Some(own), Status::Running)
    );
    assert_eq!(
        fs::metadata(&copy).expect("there").modified().ok(),
        Some(before)
    );
}
