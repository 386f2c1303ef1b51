//! What stands in an output's way, and what is said of it.

mod common;

use std::fs;
use std::path::Path;

use common::assert_message;
use maec_checkpoint::{AtomicFolder, ByteSink, Error, FileSink, write_file};
use tempfile::TempDir;

const REMEDY: &str = "; check permissions and free space, or choose another output";

fn file_error(path: &Path) -> Error {
    FileSink::create(path).map(|_| ()).unwrap_err()
}

fn folder_error(path: &Path) -> Error {
    AtomicFolder::create(path, |_| true).map(|_| ()).unwrap_err()
}

#[test]
fn a_file_is_written_by_one_at_a_time() {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("m");
    let mut first = FileSink::create(&path).unwrap();
    first.write_all(b"first").unwrap();
    let error = file_error(&path);
    assert!(matches!(error, Error::Busy { .. }), "{error}");
    assert_message(&error, &["/m`: another process is writing it: wait for it or choose another output"]);
    Box::new(first).finish().unwrap();
    assert_eq!(fs::read(&path).unwrap(), b"first");
    write_file(&path, b"2").unwrap();
    assert_eq!(fs::read(&path).unwrap(), b"2");
}

#[test]
fn what_a_killed_run_left_is_used_again() {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("m");
    fs::write(dir.path().join("m.maec.tmp"), "longer than the new one").unwrap();
    write_file(&path, b"new").unwrap();
    assert_eq!(fs::read(&path).unwrap(), b"new");

    let left = dir.path().join("f.maec.tmp");
    fs::create_dir_all(left.join("deep")).unwrap();
    for file in [".maec-unfinished", "stale", "deep/stale"] {
        fs::write(left.join(file), "").unwrap();
    }
    let folder = AtomicFolder::create(&dir.path().join("f"), |_| false).unwrap();
    folder.write("deep/a", b"a").unwrap();
    folder.finish().unwrap();
    let made = dir.path().join("f");
    assert_eq!(fs::read_dir(&made).unwrap().count(), 1);
    assert_eq!(fs::read_dir(made.join("deep")).unwrap().count(), 1);
    assert!(!left.exists());
}

/// A folder of these tests: one file, `whole`.
fn is_ours(path: &Path) -> bool {
    fs::read_dir(path).is_ok_and(|mut entries| {
        entries.all(|entry| entry.is_ok_and(|entry| entry.file_name() == "whole"))
            && path.join("whole").is_file()
    })
}

#[test]
fn a_run_killed_while_it_gave_the_output_its_name_is_finished_by_the_next() {
    let put = |folder: &Path, text: &str| {
        fs::create_dir(folder).unwrap();
        fs::write(folder.join("whole"), text).unwrap();
    };
    // Without its marker, and: nothing to replace; the old one not yet set aside; set aside.
    for old in [None, Some("f"), Some("f.maec-old.tmp")] {
        let dir = TempDir::new().unwrap();
        put(&dir.path().join("f.maec.tmp"), "new");
        if let Some(old) = old {
            put(&dir.path().join(old), "old");
        }
        drop(AtomicFolder::resume(&dir.path().join("f"), is_ours).unwrap());
        assert_eq!(fs::read(dir.path().join("f/whole")).unwrap(), b"new", "{old:?}");
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1, "{old:?}");
    }
    // Renamed, and the old one half removed.
    let dir = TempDir::new().unwrap();
    put(&dir.path().join("f"), "new");
    put(&dir.path().join("f.maec-old.tmp"), "old");
    fs::rename(dir.path().join("f.maec-old.tmp/whole"), dir.path().join("f.maec-old.tmp/half")).unwrap();
    fs::write(dir.path().join("f.maec-old.tmp/.maec-unfinished"), "").unwrap();
    drop(AtomicFolder::resume(&dir.path().join("f"), is_ours).unwrap());
    assert_eq!(fs::read(dir.path().join("f/whole")).unwrap(), b"new");
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    // What may not be replaced stays, and so does what would replace it.
    let dir = TempDir::new().unwrap();
    put(&dir.path().join("f.maec.tmp"), "new");
    put(&dir.path().join("f"), "old");
    fs::write(dir.path().join("f/notes"), "mine").unwrap();
    assert!(matches!(
        AtomicFolder::resume(&dir.path().join("f"), is_ours),
        Err(Error::ForeignTemporary { .. } | Error::WontReplace { .. })
    ));
    assert_eq!(fs::read(dir.path().join("f/notes")).unwrap(), b"mine");
    assert_eq!(fs::read(dir.path().join("f.maec.tmp/whole")).unwrap(), b"new");
}

#[test]
fn a_folder_is_written_by_one_at_a_time() {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("f");
    let first = AtomicFolder::create(&path, |_| false).unwrap();
    first.write("a", b"a").unwrap();
    let error = folder_error(&path);
    assert!(matches!(error, Error::Busy { .. }), "{error}");
    first.finish().unwrap();
    assert_eq!(fs::read(path.join("a")).unwrap(), b"a");
    drop(AtomicFolder::create(&path, |_| true).unwrap());
}

#[test]
fn a_users_folder_in_the_way_is_left_alone() {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("f");
    for name in ["f.maec.tmp", "f.maec-old.tmp"] {
        let own = dir.path().join(name);
        fs::create_dir(&own).unwrap();
        fs::write(own.join("notes"), "mine").unwrap();
        for present in [false, true] {
            if present {
                fs::create_dir(&path).unwrap();
            }
            let error = AtomicFolder::create(&path, |_| false).map(|_| ()).unwrap_err();
            assert!(matches!(error, Error::ForeignTemporary { .. }), "{error}");
            assert_message(&error, &[own.to_str().unwrap(), "was not made by it; remove or rename it"]);
            assert_eq!(fs::read(own.join("notes")).unwrap(), b"mine");
        }
        fs::remove_dir(&path).unwrap();
        fs::remove_dir_all(&own).unwrap();
    }
    fs::write(dir.path().join("f.maec.tmp"), "mine").unwrap();
    assert!(matches!(folder_error(&path), Error::ForeignTemporary { .. }));
    assert_eq!(fs::read(dir.path().join("f.maec.tmp")).unwrap(), b"mine");
    fs::create_dir(dir.path().join("m.maec.tmp")).unwrap();
    assert!(matches!(file_error(&dir.path().join("m")), Error::ForeignTemporary { .. }));
}

#[test]
fn the_output_asked_for_is_named() {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("no/m");
    for error in [file_error(&path), folder_error(&path)] {
        assert!(matches!(error, Error::NoParent { .. }), "{error}");
        assert_message(&error, &["/no/m`: the folder `", "/no` does not exist; create it or choose"]);
    }

    let long = dir.path().join("m".repeat(250));
    fs::write(dir.path().join("plain"), "").unwrap();
    for path in [long, dir.path().join("plain/m")] {
        for error in [file_error(&path), folder_error(&path)] {
            assert!(matches!(error, Error::Write { .. }), "{error}");
            let message = error.to_string();
            assert!(message.contains(&format!("`{}`", path.display())), "{message}");
            assert!(message.ends_with(REMEDY) && !message.contains("tmp`"), "{message}");
        }
    }
    assert_message(&file_error(dir.path()), &["it is a folder; choose another output"]);
}

#[test]
fn a_folder_that_cannot_be_finished_names_the_output() {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("f");
    let folder = AtomicFolder::create(&path, |_| false).unwrap();
    let sink = folder.sink("deep/a").unwrap();
    fs::remove_dir_all(dir.path().join("f.maec.tmp")).unwrap();
    for (error, name) in [(Box::new(sink).finish(), "/f/deep/a`"), (folder.finish(), "/f`")] {
        assert_message(&error.unwrap_err(), &[name, REMEDY]);
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_folder_that_takes_no_files_is_not_said_to_be_missing() {
    for error in [file_error(Path::new("/proc/m")), folder_error(Path::new("/proc/m"))] {
        assert!(matches!(error, Error::Write { .. }), "{error}");
        assert_message(&error, &["cannot write `/proc/m`: ", REMEDY]);
    }
}

#[cfg(unix)]
#[test]
fn what_is_no_file_is_not_replaced() {
    let dir = TempDir::new().unwrap();
    let socket = dir.path().join("s");
    let _listener = std::os::unix::net::UnixListener::bind(&socket).unwrap();
    let nowhere = dir.path().join("nowhere");
    std::os::unix::fs::symlink("nothing", &nowhere).unwrap();
    for (path, what) in [
        (Path::new("/dev/null"), "it is a device, a pipe or a socket; choose another output"),
        (&socket, "it is a device, a pipe or a socket; choose another output"),
        (&nowhere, "it is a link to nothing; choose another output"),
    ] {
        let error = file_error(path);
        assert!(matches!(error, Error::NotAFile { .. }), "{error}");
        assert_message(&error, &[path.to_str().unwrap(), what]);
        assert!(!path.with_extension("maec.tmp").exists());
        let error = AtomicFolder::create(path, |_| false).map(|_| ()).unwrap_err();
        assert!(matches!(error, Error::WontReplace { .. }), "{error}");
    }
    // Nor is a temporary of another kind written through.
    fs::write(dir.path().join("own"), "mine").unwrap();
    std::os::unix::fs::symlink("own", dir.path().join("m.maec.tmp")).unwrap();
    assert!(matches!(file_error(&dir.path().join("m")), Error::ForeignTemporary { .. }));
    assert_eq!(fs::read(dir.path().join("own")).unwrap(), b"mine");
}

#[cfg(unix)]
#[test]
fn a_link_stays_a_link() {
    use std::os::unix::fs::symlink;
    let dir = TempDir::new().unwrap();
    let at = |name: &str| dir.path().join(name);
    fs::create_dir_all(at("real/folder")).unwrap();
    fs::write(at("real/m"), "before").unwrap();
    symlink("real/m", at("link")).unwrap();
    let mut sink = FileSink::create(&at("link")).unwrap();
    sink.write_all(b"after").unwrap();
    assert!(at("real/m.maec.tmp").is_file());
    assert!(matches!(file_error(&at("real/m")), Error::Busy { .. }));
    Box::new(sink).finish().unwrap();
    assert!(at("link").is_symlink());
    assert_eq!(fs::read(at("real/m")).unwrap(), b"after");

    symlink("real/folder", at("folder")).unwrap();
    let folder = AtomicFolder::create(&at("folder"), |_| false).unwrap();
    folder.write("a", b"a").unwrap();
    folder.finish().unwrap();
    assert!(at("folder").is_symlink());
    assert_eq!(fs::read(at("real/folder/a")).unwrap(), b"a");
}
