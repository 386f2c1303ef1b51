//! Cut, killed, stopped: what was whole stays, and no byte of it is fetched twice.

mod common;

use std::fs;
use std::future::Future;
use std::ops::ControlFlow;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use common::*;
use maec_hub::fake::{FakeHub, Fault};
use maec_hub::native::FileStore;
use maec_hub::{BLOCK_BYTES, Clock, Error, Hub, MemoryStore, Phase, StoreError};

#[test]
fn a_stopped_fetch_goes_on_where_it_was() {
    let (folder, store) = disk();
    let fake = FakeHub::start().expect("a free port");
    fake.repository(MODEL, model());
    let (hub, _) = client(&fake, store.clone());
    let files = block_on(hub.open(&remote(MODEL))).expect("a model");
    let stop =
        |done: u64| if done >= 8 * BLOCK_BYTES { ControlFlow::Break(()) } else { ControlFlow::Continue(()) };
    let error = block_on(hub.fetch(&files, &[WEIGHTS], |progress| stop(progress.done))).expect_err("stopped");
    assert!(matches!(error, Error::Cancelled { .. }), "{error}");
    drop((files, hub));

    // Another run of the program.
    let (hub, _) = client(&fake, store);
    let files = block_on(hub.open(&remote(MODEL))).expect("a model");
    let amount = block_on(hub.amount(&files, &[WEIGHTS])).expect("a store");
    assert_eq!(amount.cached, 8 * BLOCK_BYTES);
    let fetched = block_on(hub.fetch(&files, &[WEIGHTS], on)).expect("the rest");
    assert_eq!(fetched.bytes, weights_len() - 8 * BLOCK_BYTES);
    let asked = fake.seen().last().and_then(|seen| seen.range.clone());
    assert_eq!(asked, Some(8 * BLOCK_BYTES..weights_len()), "no byte twice");
    assert_eq!(read(&files, WEIGHTS).expect("all"), model()[3].1);
    drop(folder);
}

/// A clock whose first wait never ends.
#[derive(Debug, Default)]
struct Stuck;

impl Clock for Stuck {
    fn now(&self) -> std::time::Duration {
        std::time::Duration::ZERO
    }

    async fn sleep(&self, _: std::time::Duration) {
        std::future::pending::<()>().await;
    }
}

#[test]
fn a_fetch_dropped_half_way_goes_on_where_it_was() {
    let (_folder, store) = disk();
    let fake = FakeHub::start().expect("a free port");
    fake.repository(MODEL, model());
    fake.fault(WEIGHTS, Fault::CutAfter(11 * BLOCK_BYTES + 5), 1);
    {
        let transport = maec_hub::native::UreqTransport::new(fake.endpoint(), None).expect("this computer");
        let hub = Hub::new(transport, store.clone(), Stuck, fake.endpoint());
        let files = block_on(hub.open(&remote(MODEL))).expect("a model");
        let mut fetch = pin!(hub.fetch(&files, &[WEIGHTS], on));
        // It waits after the cut; there it is dropped, as by a closed tab.
        assert!(matches!(fetch.as_mut().poll(&mut Context::from_waker(Waker::noop())), Poll::Pending));
    }
    let (hub, _) = client(&fake, store);
    let before = fake.bytes_served();
    let files = fetch(&hub).expect("the rest");
    let listing = fake.bytes_served() - before - (weights_len() - 11 * BLOCK_BYTES);
    assert!(listing < 2000, "no byte twice");
    assert_eq!(read(&files, WEIGHTS).expect("all"), model()[3].1);
}

/// The journal of the weights.
fn journal(folder: &std::path::Path, fake: &FakeHub, commit: &str) -> std::path::PathBuf {
    let host = fake.url().trim_start_matches("http://").replace(':', "_");
    folder.join(format!("models/{host}/{MODEL}/{commit}/.{WEIGHTS}.blocks"))
}

#[test]
fn a_torn_journal_or_block_costs_what_it_names() {
    let (folder, store) = disk();
    let fake = FakeHub::start().expect("a free port");
    let commit = fake.repository(MODEL, model());
    let stopped = |store: &FileStore, blocks: u64| {
        let (hub, _) = client(&fake, store.clone());
        let files = block_on(hub.open(&remote(MODEL))).expect("a model");
        let stop = |done: u64| {
            if done >= blocks * BLOCK_BYTES { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        };
        block_on(hub.fetch(&files, &[WEIGHTS], |progress| stop(progress.done))).expect_err("stopped");
    };
    stopped(&store, 5);
    let path = journal(folder.path(), &fake, &commit);
    let lines = fs::read(&path).expect("a journal");
    fs::write(&path, &lines[..lines.len() - 3]).expect("torn");
    let part = path.with_file_name(format!(".{WEIGHTS}.part"));
    let mut bytes = fs::read(&part).expect("bytes");
    bytes[BLOCK_BYTES as usize + 9] ^= 1;
    fs::write(&part, bytes).expect("a wrong byte");
    let (hub, _) = client(&fake, store);
    let files = block_on(hub.open(&remote(MODEL))).expect("a model");
    let amount = block_on(hub.amount(&files, &[WEIGHTS])).expect("a store");
    assert_eq!(amount.cached, 3 * BLOCK_BYTES, "one torn line, one wrong block");
    block_on(hub.fetch(&files, &[WEIGHTS], on)).expect("the rest");
    assert_eq!(read(&files, WEIGHTS).expect("all"), model()[3].1);
}

#[test]
fn an_unfinished_file_has_no_name_of_its_own() {
    let (folder, store) = disk();
    let fake = FakeHub::start().expect("a free port");
    let commit = fake.repository(MODEL, model());
    fake.fault(WEIGHTS, Fault::WrongByte, 1);
    let (hub, _) = client(&fake, store);
    fetch(&hub).expect_err("a wrong hash");
    let path = journal(folder.path(), &fake, &commit).with_file_name(WEIGHTS);
    assert!(!path.exists(), "nothing corrupt is kept");
    fetch(&hub).expect("the next try");
    assert_eq!(fs::read(path).expect("a file"), model()[3].1);
}

#[test]
fn a_rename_that_a_kill_prevented_is_made_up_for() {
    let (folder, store) = disk();
    let fake = FakeHub::start().expect("a free port");
    let commit = fake.repository(MODEL, model());
    let (hub, _) = client(&fake, store.clone());
    fetch(&hub).expect("a fetch");
    drop(hub);
    let path = journal(folder.path(), &fake, &commit).with_file_name(WEIGHTS);
    fs::rename(&path, path.with_file_name(format!(".{WEIGHTS}.part"))).expect("as before the rename");
    let before = fake.bytes_served();
    let (hub, _) = client(&fake, store);
    fetch(&hub).expect("nothing to fetch");
    assert!(path.exists() && fake.bytes_served() - before < 2000);
}

#[test]
fn two_programs_do_not_fetch_one_file() {
    let (_folder, store) = disk();
    let fake = FakeHub::start().expect("a free port");
    fake.repository(MODEL, model());
    let (first, _) = client(&fake, store.clone());
    let (second, _) = client(&fake, store);
    let files = block_on(first.open(&remote(MODEL))).expect("a model");
    look(&first, &files).expect("a model folder");
    let error = fetch(&second).expect_err("the first has it");
    assert!(matches!(error, Error::Store(StoreError::Busy { .. })), "{error}");
    check_message(&error, WEIGHTS);
    block_on(first.fetch(&files, &[WEIGHTS], on)).expect("a fetch");
    drop(files);
    let shared = [fetch(&first).expect("whole"), fetch(&second).expect("whole")];
    assert!(
        shared.iter().all(|files| read(files, WEIGHTS).expect("all") == model()[3].1),
        "both read what is whole"
    );
}

#[test]
fn waits_are_told_and_can_be_stopped() {
    let (fake, _, hub, clock) = tiny();
    fake.fault(WEIGHTS, Fault::RetryAfter(429, 60), 1);
    let files = block_on(hub.open(&remote(MODEL))).expect("a model");
    let mut told = String::new();
    let error = block_on(hub.fetch(&files, &[WEIGHTS], |progress| match progress.phase {
        Phase::Waiting { reason, wait } if wait.as_secs() < 50 => {
            told = reason.into();
            ControlFlow::Break(())
        }
        _ => ControlFlow::Continue(()),
    }))
    .expect_err("stopped");
    assert!(matches!(error, Error::Cancelled { .. }), "{error}");
    assert!(told.contains("429"), "{told}");
    assert!((9..13).contains(&clock.waited().as_secs()), "it stopped while waiting: {:?}", clock.waited());
}

#[test]
fn a_url_whose_file_changes() {
    let fake = FakeHub::start().expect("a free port");
    let url = fake.file("/x.safetensors", weights("x", 600, 1));
    let (hub, _) = client(&fake, MemoryStore::default());
    let files = block_on(hub.open(&remote(&url))).expect("a file");
    let stop =
        |done: u64| if done >= 2 * BLOCK_BYTES { ControlFlow::Break(()) } else { ControlFlow::Continue(()) };
    block_on(hub.fetch(&files, &["x.safetensors"], |progress| stop(progress.done))).expect_err("stopped");
    let old = maec_checkpoint::FileSet::open(&*files, "x.safetensors").expect("a source");
    let longer = weights("x", 900, 2);
    fake.file("/x.safetensors", longer.clone());
    let fetched = block_on(hub.fetch(&files, &["x.safetensors"], on)).expect("begun anew");
    assert_eq!(fetched.restarted, ["x.safetensors"]);
    assert_eq!(read(&files, "x.safetensors").expect("all"), longer);
    let error = old.read_at(0, &mut [0]).expect_err("a source of the former version").to_string();
    assert!(error.contains("changed on the server"), "{error}");

    // Without a hash, a file that changes every time is given up, and nothing of it stays.
    let (hub, _) = client(&fake, MemoryStore::default());
    let files = block_on(hub.open(&remote(&url))).expect("a file");
    fake.fault("/x.safetensors", Fault::CutAfter(BLOCK_BYTES + 1), 1);
    fake.fault("/x.safetensors", Fault::OtherEtag, 1);
    fake.fault("/x.safetensors", Fault::OtherEtag, 1);
    fake.fault("/x.safetensors", Fault::CutAfter(BLOCK_BYTES + 1), 1);
    let error = block_on(hub.fetch(&files, &["x.safetensors"], on)).expect_err("changing");
    assert!(matches!(error, Error::Changed { .. }), "{error}");
    assert_eq!(readable(&files, "x.safetensors"), 0);
}

#[test]
fn a_kept_file_of_a_url_is_fetched_again_when_it_changed() {
    let (_folder, store) = disk();
    let fake = FakeHub::start().expect("a free port");
    let url = fake.file("/x.safetensors", weights("x", 300, 1));
    for seed in [1, 1, 2] {
        let bytes = weights("x", 300, seed);
        fake.file("/x.safetensors", bytes.clone());
        let (hub, _) = client(&fake, store.clone());
        let files = block_on(hub.open(&remote(&url))).expect("a file");
        block_on(hub.fetch(&files, &["x.safetensors"], on)).expect("a fetch");
        assert_eq!(read(&files, "x.safetensors").expect("all"), bytes);
    }
    let whole = fake.seen().iter().filter(|seen| seen.range != Some(0..1)).count();
    assert_eq!(whole, 2, "once for each version");
}
