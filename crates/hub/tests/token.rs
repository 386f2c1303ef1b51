//! The token goes to the hub and nowhere else.

mod common;

use std::fs;
use std::path::Path;
use std::sync::Arc;

use common::*;
use maec_hub::fake::{FakeHub, Fault};
use maec_hub::native::{NativeHub, ReadFiles, Settings, Token, UreqTransport};
use maec_hub::{Address, Error, Remote};

#[test]
fn it_does_not_follow_a_redirect_to_another_host() {
    let (folder, store) = disk();
    let fake = FakeHub::start().expect("a free port");
    fake.repository(MODEL, model());
    let other = FakeHub::start().expect("a free port");
    let blob = other.file("/blob", model()[3].1.clone());
    fake.fault(WEIGHTS, Fault::Redirect(blob), u32::MAX);
    other.fault("/blob", Fault::CutAfter(1 << 20), 1);
    let (hub, _) = client(&fake, store);
    let files = fetch(&hub).expect("a fetch");
    assert_eq!(read(&files, WEIGHTS).expect("all"), model()[3].1);
    let bearer = format!("Bearer {TOKEN}");
    assert!(fake.seen().iter().all(|seen| seen.authorization.as_deref() == Some(&bearer)), "the hub gets it");
    assert!(other.seen().len() >= 2);
    assert!(other.seen().iter().all(|seen| seen.authorization.is_none()), "nobody else does");
    // Nor does it stand in anything that is kept or shown.
    assert!(!contains(folder.path(), TOKEN));
    let shown = format!("{hub:?} {files:?} {}", files.remote());
    assert!(!shown.contains(TOKEN) && shown.contains("***"), "{shown}");
    assert!(fake.seen().iter().chain(&other.seen()).all(|seen| !seen.path.contains(TOKEN)));
}

#[test]
fn it_does_not_come_back_with_a_redirect_of_another_host() {
    let (_folder, store) = disk();
    let fake = FakeHub::start().expect("a free port");
    fake.repository(MODEL, model());
    let other = FakeHub::start().expect("a free port");
    let back = fake.file("/chosen-by-another", model()[3].1.clone());
    other.fault("/away", Fault::Redirect(back), u32::MAX);
    fake.fault(WEIGHTS, Fault::Redirect(format!("{}/away", other.url())), u32::MAX);
    fetch(&client(&fake, store).0).expect("a fetch");
    let (chosen, own): (Vec<_>, Vec<_>) =
        fake.seen().into_iter().partition(|seen| seen.path == "/chosen-by-another");
    assert!(!chosen.is_empty() && chosen.iter().all(|seen| seen.authorization.is_none()));
    assert!(own.iter().all(|seen| seen.authorization.is_some()));
}

/// Whether any file below a folder has a text in it or in its name.
fn contains(folder: &Path, text: &str) -> bool {
    fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry")).any(|entry| {
        let path = entry.path();
        let inside = if path.is_dir() {
            contains(&path, text)
        } else {
            fs::read(&path).expect("a file").windows(text.len()).any(|part| part == text.as_bytes())
        };
        inside || entry.file_name().to_string_lossy().contains(text)
    })
}

#[test]
fn it_is_not_sent_to_plain_servers() {
    let fake = FakeHub::start().expect("a free port");
    let other = FakeHub::start().expect("a free port");
    let url = other.file("/x.safetensors", weights("x", 4, 1));
    let (_folder, store) = disk();
    let (hub, _) = client(&fake, store);
    let files = block_on(hub.open(&remote(&url))).expect("a file");
    block_on(hub.fetch(&files, &["x.safetensors"], on)).expect("a fetch");
    assert!(!other.seen().is_empty() && other.seen().iter().all(|seen| seen.authorization.is_none()));
}

#[test]
fn it_is_not_sent_unencrypted() {
    let token = || Some(Token::new(TOKEN).expect("a token"));
    let endpoint = Address::parse("http://hub.example").expect("an address");
    let error = UreqTransport::new(endpoint.clone(), token()).expect_err("unencrypted");
    check_message(&error, "HF_ENDPOINT");
    assert!(UreqTransport::new(endpoint, None).is_ok());
    assert!(UreqTransport::new(Address::parse("https://hub.example").expect("an address"), token()).is_ok());
}

#[test]
fn no_failure_shows_it() {
    let (_folder, store) = disk();
    let fake = FakeHub::start().expect("a free port");
    fake.repository(MODEL, model());
    let settings =
        Settings { endpoint: fake.endpoint(), token: Some(Token::new(TOKEN).expect("a token")), store };
    assert!(!format!("{settings:?}").contains(TOKEN));
    let hub = Arc::new(NativeHub::with_settings(settings).expect("settings"));
    for fault in
        [Fault::Status(401), Fault::Status(403), Fault::Status(404), Fault::Status(400), Fault::WrongByte]
    {
        fake.fault(WEIGHTS, fault.clone(), 1);
        let model = ReadFiles::open(&hub, &remote(MODEL)).expect("a listing");
        let error = model.fetch(&model.needed(), on).expect_err("a fault");
        check_message(&error, WEIGHTS);
    }
    let named =
        Remote::parse(&format!("https://user:{TOKEN}@huggingface.co/org/name")).expect_err("a password");
    assert!(matches!(named, Error::BadName { .. }));
}
