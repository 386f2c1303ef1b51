//! A hub that misbehaves: each fault is survived or reported plainly, and nothing corrupt is kept.

mod common;

use std::time::Duration;

use common::*;
use maec_hub::fake::{FakeHub, Fault};
use maec_hub::native::UreqTransport;
use maec_hub::{Address, BLOCK_BYTES, Error, Hub, MemoryStore, Retry};

/// Makes requests for the weights go wrong and fetches them; they must arrive in spite of that.
#[track_caller]
fn survives(faults: &[(Fault, u32)]) -> (FakeHub, Duration) {
    let (fake, _, hub, clock) = tiny();
    for (fault, times) in faults {
        fake.fault(WEIGHTS, fault.clone(), *times);
    }
    let files = fetch(&hub).expect("survived");
    assert!(read(&files, WEIGHTS).expect("all") == model()[3].1, "other bytes");
    (fake, clock.waited())
}

/// Makes every request for the weights go wrong: it must be said, and what is kept must be right.
#[track_caller]
fn reports(fault: Fault) -> (Error, u64) {
    let (fake, _, hub, _) = tiny();
    fake.fault(WEIGHTS, fault, u32::MAX);
    let files = block_on(hub.open(&remote(MODEL))).expect("the listing is well");
    let error = block_on(hub.fetch(&files, &[WEIGHTS], on)).expect_err("reported");
    check_message(&error, WEIGHTS);
    let kept = readable(&files, WEIGHTS);
    if kept == weights_len() {
        assert!(read(&files, WEIGHTS).expect("all") == model()[3].1, "corrupt bytes are kept");
    }
    (error, kept)
}

#[test]
fn the_whole_file_for_a_part() {
    let (fake, waited) = survives(&[(Fault::WholeFile, u32::MAX)]);
    assert_eq!((fake.bytes_served() >= weights_len(), waited), (true, Duration::ZERO));
    // A header comes out of it, too, without the rest.
    let (fake, _, hub, _) = tiny();
    fake.fault(WEIGHTS, Fault::WholeFile, u32::MAX);
    let files = block_on(hub.open(&remote(MODEL))).expect("a model");
    look(&hub, &files).expect("a model folder");
    assert!(readable(&files, WEIGHTS) < weights_len() / 2);
}

#[test]
fn a_part_far_into_a_file_that_comes_whole_is_refused() {
    let fake = FakeHub::start().expect("a free port");
    fake.repository("org/big", &[(WEIGHTS, noise(20 << 20, 5))]);
    let (hub, _) = client(&fake, MemoryStore::default());
    fake.fault(WEIGHTS, Fault::WholeFile, u32::MAX);
    let files = block_on(hub.open(&remote("org/big"))).expect("a model");
    let error = block_on(hub.ensure(&files, WEIGHTS, 18 << 20..(18 << 20) + 1)).expect_err("far");
    assert!(matches!(error, Error::NoRanges { .. }), "{error}");
    check_message(&error, WEIGHTS);
}

#[test]
fn a_connection_that_is_cut() {
    let (fake, waited) = survives(&[(Fault::CutAfter(3 * BLOCK_BYTES + 17), 1)]);
    assert!(waited > Duration::ZERO);
    assert_eq!(
        fake.seen().last().and_then(|seen| seen.range.clone()).map(|range| range.start),
        Some(3 * BLOCK_BYTES)
    );
    // Again and again, as long as something comes.
    survives(&[(Fault::CutAfter(BLOCK_BYTES + 1), 20)]);
    let (error, kept) = reports(Fault::CutAfter(BLOCK_BYTES - 1));
    assert!(matches!(error, Error::Unreachable { tries: 4, .. }), "{error}");
    assert_eq!(kept, 0);
}

#[test]
fn a_server_that_stalls() {
    let (fake, _) = survives(&[(Fault::StallAfter(5 * BLOCK_BYTES + 1), 1)]);
    assert_eq!(
        fake.seen().last().and_then(|seen| seen.range.clone()).map(|range| range.start),
        Some(5 * BLOCK_BYTES)
    );
    let (error, _) = reports(Fault::StallAfter(0));
    check_message(&error, "no bytes came");
}

#[test]
fn statuses_that_pass() {
    for status in [408, 425, 429, 500, 502, 503, 504] {
        survives(&[(Fault::Status(status), 3)]);
    }
    let (error, _) = reports(Fault::Status(503));
    assert!(matches!(error, Error::Overloaded { status: 503, tries: 4, .. }), "{error}");
}

#[test]
fn statuses_that_stay() {
    assert!(matches!(reports(Fault::Status(401)).0, Error::NoAccess { status: 401, .. }));
    let (error, _) = reports(Fault::Status(403));
    assert!(matches!(error, Error::NoAccess { status: 403, .. }));
    check_message(&error, "HF_TOKEN");
    assert!(matches!(reports(Fault::Status(404)).0, Error::NotFound { .. }));
    assert!(matches!(reports(Fault::Status(418)).0, Error::BadStatus { status: 418, .. }));
    // None of them is tried again.
    let (fake, _, hub, _) = tiny();
    fake.fault(WEIGHTS, Fault::Status(403), u32::MAX);
    fetch(&hub).expect_err("refused");
    assert_eq!(fake.seen().iter().filter(|seen| seen.path.contains(WEIGHTS)).count(), 1);
}

#[test]
fn a_server_that_asks_to_wait() {
    let (_, waited) = survives(&[(Fault::RetryAfter(429, 17), 1)]);
    assert!((17..20).contains(&waited.as_secs()), "{waited:?}");
    let (error, _) = reports(Fault::RetryAfter(503, 3600));
    assert!(matches!(error, Error::WaitTooLong { secs: 3600, .. }), "{error}");
}

#[test]
fn an_etag_that_changes_half_way() {
    // Once: everything is begun anew, and said.
    let (fake, _, hub, _) = tiny();
    fake.fault(WEIGHTS, Fault::CutAfter(4 * BLOCK_BYTES), 1);
    fake.fault(WEIGHTS, Fault::OtherEtag, 1);
    let files = block_on(hub.open(&remote(MODEL))).expect("a model");
    let fetched = block_on(hub.fetch(&files, &[WEIGHTS], on)).expect("survived");
    assert_eq!(fetched.restarted, [WEIGHTS]);
    assert_eq!(read(&files, WEIGHTS).expect("all"), model()[3].1);
}

#[test]
fn lengths_that_lie() {
    survives(&[
        (Fault::LongerLength(1000), 1),
        (Fault::LongerTotal(1), 1),
        (Fault::AtMost(BLOCK_BYTES * 2), 7),
    ]);
    // What the commit says of the length is right; a server that keeps saying otherwise gets nowhere.
    let (error, kept) = reports(Fault::LongerTotal(1));
    assert!(matches!(error, Error::Changed { .. }), "{error}");
    assert_eq!(kept, 0);
    let (error, kept) = reports(Fault::AtMost(1000));
    assert!(matches!(error, Error::Unreachable { .. }), "{error}");
    assert_eq!(kept, 0);
}

#[test]
fn wrong_bytes_are_dropped() {
    let (error, kept) = reports(Fault::WrongByte);
    assert!(matches!(error, Error::WrongHash { .. }), "{error}");
    assert_eq!(kept, 0);
    // Small files have git's hash.
    let (fake, _, hub, _) = tiny();
    fake.fault("config.json", Fault::WrongByte, 1);
    let files = block_on(hub.open(&remote(MODEL))).expect("a model");
    let error = look(&hub, &files).expect_err("a wrong byte in the config");
    assert!(matches!(error, Error::WrongHash { .. }), "{error}");
    look(&hub, &files).expect("the next try is well");
}

#[test]
fn parts_that_are_others() {
    survives(&[(Fault::NextByte, 2), (Fault::NoContentRange, 1), (Fault::Garbage, 2)]);
    reports(Fault::NextByte);
    reports(Fault::Garbage);
}

#[test]
fn redirects() {
    let (error, _) = reports(Fault::Redirect("/org/tiny/resolve/main/model.safetensors".into()));
    assert!(matches!(error, Error::Refused { .. }), "a circle: {error}");
    for bad in ["", "file:///etc/passwd", "http://me:pw@127.0.0.1/", "gopher://x/"] {
        let (error, _) = reports(Fault::Redirect(bad.into()));
        assert!(matches!(error, Error::Refused { .. }), "{bad}: {error}");
    }
    // Elsewhere a refusal may mean that the signature ran out: the hub is asked for another.
    let other = FakeHub::start().expect("a free port");
    let blob = other.file("/blob", model()[3].1.clone());
    let (fake, _, hub, _) = tiny();
    fake.fault(WEIGHTS, Fault::Redirect(format!("{blob}?X-Signature=abc")), u32::MAX);
    other.fault("/blob", Fault::CutAfter(6 * BLOCK_BYTES), 1);
    other.fault("/blob", Fault::Status(403), 2);
    let files = fetch(&hub).expect("survived");
    assert_eq!(read(&files, WEIGHTS).expect("all"), model()[3].1);
}

#[test]
fn hostile_listings() {
    for (sibling, word) in [
        (r#"{"rfilename":"../../.bashrc","size":3}"#, "leads out"),
        (r#"{"rfilename":"/etc/passwd","size":3}"#, "leads out"),
        (r#"{"rfilename":"a\\b","size":3}"#, "backslash"),
        (r#"{"rfilename":"x","size":99999999999999}"#, "longer"),
    ] {
        let (fake, _, hub, _) = tiny();
        fake.list_also(MODEL, sibling);
        let error = block_on(hub.open(&remote(MODEL))).expect_err(sibling);
        assert!(matches!(error, Error::BadListing { .. }), "{error}");
        check_message(&error, word);
    }
    let (fake, _, hub, _) = tiny();
    fake.fault("/api/", Fault::WrongByte, 1);
    assert!(matches!(block_on(hub.open(&remote(MODEL))), Ok(_) | Err(Error::BadListing { .. })));
    for (status, times) in [(429, 2), (500, 3)] {
        fake.fault("/api/", Fault::Status(status), times);
        block_on(hub.open(&remote(MODEL))).expect("tried again");
    }
    assert!(matches!(block_on(hub.open(&remote("org/absent"))), Err(Error::NotFound { .. })));
    fake.fault("/api/", Fault::Status(401), 1);
    assert!(matches!(block_on(hub.open(&remote("org/private"))), Err(Error::NoAccess { status: 401, .. })));
}

#[test]
fn nobody_there() {
    // No server has port 1.
    let endpoint = Address::parse("http://127.0.0.1:1").expect("an address");
    let transport = UreqTransport::new(endpoint.clone(), None).expect("this computer");
    let retry = Retry { tries: 4, ..Retry::default() };
    let hub = Hub::new(transport, MemoryStore::default(), TestClock::default(), endpoint).with_retry(retry);
    let error = block_on(hub.open(&remote(MODEL))).expect_err("nobody answers");
    assert!(matches!(error, Error::Unreachable { tries: 4, .. }), "{error}");
    check_message(&error, MODEL);
}
