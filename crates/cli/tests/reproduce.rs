//! `maec reproduce` as a user types it.

mod common;

use std::fs;

use common::{ok, refused};

#[test]
fn a_quick_report_says_so_and_is_made_again_from_what_is_kept() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    let line = "reproduce --quick --seeds 3 --problems 4 --cache cache --out paper";
    assert!(ok(folder, line).contains("report.html"));
    let page = fs::read_to_string(folder.join("paper/report.html")).expect("the page is there");
    assert!(page.contains("not a result") && page.contains("table-2-arithmetic"));
    let table =
        fs::read_to_string(folder.join("paper/tables/table-8-science.csv")).expect("the table is there");
    assert!(table.contains("Attention Q"));
    // What is kept is found again: the numbers are the same to the last digit.
    let numbers = fs::read(folder.join("paper/results.json")).expect("the numbers are there");
    ok(folder, line);
    assert_eq!(fs::read(folder.join("paper/results.json")).expect("the numbers are there"), numbers);
}

#[test]
fn what_can_not_be_reproduced_is_said_before_the_training() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    assert!(
        refused(folder, 2, "reproduce --quick --seeds 101 --cache cache --out paper")
            .contains("no test seed")
    );
    fs::create_dir(folder.join("mine")).expect("a folder");
    fs::write(folder.join("mine/thesis.txt"), "years of work").expect("a file");
    refused(folder, 1, "reproduce --quick --seeds 1 --cache cache --out mine");
    assert!(folder.join("mine/thesis.txt").exists());
    fs::write(folder.join("s.json"), r#"{"widht": 3}"#).expect("a file");
    assert!(refused(folder, 2, "reproduce --settings s.json --cache cache --out paper").contains("widht"));
}
