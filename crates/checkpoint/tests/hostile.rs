//! Hostile safetensors headers: each way to be bad is refused by its own variant.

mod common;

use common::{assert_message, open, with_header};
use maec_checkpoint::{Dtype, Error, HeaderProblem, Weights};

/// Why the bytes are refused.
fn problem(bytes: Vec<u8>) -> HeaderProblem {
    let error = open("hostile", bytes).unwrap_err();
    assert_message(&error, &["`hostile` is not a safetensors file: "]);
    match error {
        Error::NotSafetensors { problem, .. } => problem,
        other => panic!("{other}"),
    }
}

/// Why a header with so many zeroes as data is refused.
fn header(json: &str, data: usize) -> HeaderProblem {
    problem(with_header(json, &vec![0; data]))
}

fn entry(dtype: &str, shape: &str, start: u64, end: u64) -> String {
    format!(r#"{{"dtype":"{dtype}","shape":{shape},"data_offsets":[{start},{end}]}}"#)
}

fn one(dtype: &str, shape: &str, start: u64, end: u64) -> String {
    format!(r#"{{"a":{}}}"#, entry(dtype, shape, start, end))
}

/// Two tensors of bytes at the given places.
fn pair(a: (u64, u64), b: (u64, u64)) -> String {
    let entry =
        |(start, end): (u64, u64)| entry("U8", &format!("[{}]", end.saturating_sub(start)), start, end);
    format!(r#"{{"a":{},"b":{}}}"#, entry(a), entry(b))
}

fn a() -> String {
    "a".into()
}

fn b() -> String {
    "b".into()
}

#[test]
fn too_short_for_a_length() {
    assert_eq!(problem(vec![]), HeaderProblem::TooShort { len: 0 });
    assert_eq!(problem(vec![1; 7]), HeaderProblem::TooShort { len: 7 });
}

#[test]
fn header_too_long() {
    for len in [u64::MAX, 100_000_001] {
        let bytes = [&len.to_le_bytes()[..], b"{}"].concat();
        assert_eq!(problem(bytes), HeaderProblem::HeaderTooLong { len, max: 100_000_000 });
    }
}

#[test]
fn header_past_the_end() {
    let bytes = [&3u64.to_le_bytes()[..], b"{}"].concat();
    assert_eq!(problem(bytes), HeaderProblem::HeaderPastEnd { len: 3, file: 10 });
    let bytes = [&100_000_000u64.to_le_bytes()[..], b"{}"].concat();
    assert_eq!(problem(bytes), HeaderProblem::HeaderPastEnd { len: 100_000_000, file: 10 });
}

#[test]
fn not_an_object() {
    for json in ["", " {}", "[]", "\u{feff}{}"] {
        assert_eq!(header(json, 0), HeaderProblem::NotObject, "{json}");
    }
}

#[test]
fn not_utf8() {
    let json = b"{\"a\xff\":1}";
    let bytes = [&(json.len() as u64).to_le_bytes()[..], json].concat();
    assert_eq!(problem(bytes), HeaderProblem::NotUtf8 { at: 3 });
}

#[test]
fn not_json() {
    for json in ["{", "{}x", "{\"a\": \u{1}}", "{\"a\":}", "{\"\\ud800\":1}", "{\"a\n\":1}", "{}\0"] {
        let found = header(json, 0);
        assert!(matches!(found, HeaderProblem::NotJson { .. }), "{json}: {found}");
    }
    // A third offset is what the parser calls trailing characters.
    let found = header(r#"{"a":{"dtype":"U8","shape":[],"data_offsets":[0,1,2]}}"#, 1);
    assert!(matches!(found, HeaderProblem::NotJson { .. }), "{found}");
}

#[test]
fn nested_too_deep() {
    let deep = |levels: usize| format!(r#"{{"a":{{"note":{}{}}}}}"#, "[".repeat(levels), "]".repeat(levels));
    assert_eq!(header(&deep(15), 0), HeaderProblem::TooDeep { max: 16 });
    assert_eq!(header(&deep(10_000_000), 0), HeaderProblem::TooDeep { max: 16 });
    assert_eq!(header(&"{\"a\":".repeat(100_000), 0), HeaderProblem::TooDeep { max: 16 });
    // Shallow enough, so that the parser has its say: the entry lacks its fields.
    assert!(matches!(header(&deep(14), 0), HeaderProblem::BadEntry { .. }));
}

#[test]
fn duplicate_keys() {
    let twice = |key: &str| HeaderProblem::DuplicateKey { key: key.into() };
    assert_eq!(header(&pair((0, 1), (1, 2)).replace("\"b\"", "\"a\""), 2), twice("a"));
    // The same name in another spelling.
    assert_eq!(header(&pair((0, 1), (1, 2)).replace("\"b\"", "\"\\u0061\""), 2), twice("a"));
    assert_eq!(header(r#"{"__metadata__":{},"__metadata__":{}}"#, 0), twice("__metadata__"));
    assert_eq!(header(r#"{"__metadata__":{"k":"1","k":"2"}}"#, 0), twice("k"));
}

#[test]
fn metadata_of_a_wrong_type() {
    for value in ["1", "null", "[]", r#""text""#, r#"{"a":1}"#, r#"{"a":null}"#, r#"{"a":{}}"#] {
        let found = header(&format!(r#"{{"__metadata__":{value}}}"#), 0);
        assert!(matches!(found, HeaderProblem::BadMetadata { .. }), "{value}: {found}");
    }
}

#[test]
fn malformed_entries() {
    for (value, part) in [
        ("1", "invalid type"),
        ("{}", "missing field"),
        (r#"{"dtype":"U8","shape":[]}"#, "data_offsets"),
        (r#"{"dtype":"U8","shape":[],"data_offsets":[0]}"#, "invalid length 1"),
        (r#"{"dtype":"U8","dtype":"U8","shape":[],"data_offsets":[0,1]}"#, "duplicate field"),
        (&entry("U8", "[-1]", 0, 1), "-1"),
        (&entry("U8", "[1.5]", 0, 1), "1.5"),
        (&entry("U8", "1", 0, 1), "a shape"),
        (&entry("U8", "[1,\"x\"]", 0, 1), "string"),
        (r#"{"dtype":8,"shape":[],"data_offsets":[0,1]}"#, "integer `8`"),
        (r#"{"dtype":"U8","shape":[],"data_offsets":[0,-1]}"#, "-1"),
    ] {
        match header(&format!(r#"{{"a":{value}}}"#), 1) {
            HeaderProblem::BadEntry { tensor, reason } => {
                assert!(tensor == "a" && reason.contains(part), "{value}: {reason}");
            }
            other => panic!("{value}: {other}"),
        }
    }
}

#[test]
fn unknown_dtype() {
    for dtype in ["F31", "f32", "", "F32 "] {
        let expected = HeaderProblem::UnknownDtype { tensor: a(), dtype: dtype.into() };
        assert_eq!(header(&one(dtype, "[1]", 0, 4), 4), expected);
    }
}

#[test]
fn dtype_of_less_than_a_byte() {
    for (name, dtype) in [("F4", Dtype::F4), ("F6_E2M3", Dtype::F6_E2M3), ("F6_E3M2", Dtype::F6_E3M2)] {
        let expected = HeaderProblem::PackedDtype { tensor: a(), dtype };
        assert_eq!(header(&one(name, "[8]", 0, 8), 8), expected);
    }
}

#[test]
fn too_many_dimensions() {
    let shape = |rank: usize| format!("[{}]", vec!["1"; rank].join(","));
    let expected = HeaderProblem::TooManyDimensions { tensor: a(), max: 64 };
    assert_eq!(header(&one("U8", &shape(65), 0, 1), 1), expected);
    assert_eq!(header(&one("U8", &shape(1_000_000), 0, 1), 1), expected);
    let reader = open("most", with_header(&one("U8", &shape(64), 0, 1), &[9])).unwrap();
    assert_eq!((reader.tensors()[0].shape.len(), reader.read_bytes("a").unwrap()), (64, vec![9]));
}

#[test]
fn shape_whose_size_overflows() {
    for (dtype, shape) in [
        ("U8", "[4294967296, 4294967296]"),
        ("F32", "[4611686018427387904]"),
        ("F64", "[2305843009213693952]"),
        ("U8", "[18446744073709551615, 2]"),
        // Even where it is empty, as the reference has it.
        ("U8", "[18446744073709551615, 2, 0]"),
    ] {
        let expected = HeaderProblem::ShapeOverflow { tensor: a(), shape: shape.into() };
        assert_eq!(header(&one(dtype, shape, 0, 0), 0), expected);
    }
    // Beyond 64 bits it is no number that the format has.
    let found = header(&one("U8", "[18446744073709551616]", 0, 0), 0);
    assert!(matches!(found, HeaderProblem::BadEntry { .. }), "{found}");
}

#[test]
fn shape_and_dtype_against_length() {
    let wrong = |found, expected| HeaderProblem::WrongSize { tensor: a(), found, expected };
    assert_eq!(header(&one("F32", "[2]", 0, 4), 4), wrong(4, 8));
    assert_eq!(header(&one("F32", "[]", 0, 8), 8), wrong(8, 4));
    assert_eq!(header(&one("BF16", "[3,1]", 0, 5), 5), wrong(5, 6));
    assert_eq!(header(&one("U8", "[0]", 0, 1), 1), wrong(1, 0));
    assert_eq!(header(&one("U8", "[1]", 0, u64::MAX), 1), wrong(u64::MAX, 1));
}

#[test]
fn offsets_reversed() {
    let reversed = |tensor, start, end| HeaderProblem::OffsetsReversed { tensor, start, end };
    assert_eq!(header(&one("F32", "[1]", 8, 4), 8), reversed(a(), 8, 4));
    assert_eq!(header(&pair((0, 4), (4, 3)), 4), reversed(b(), 4, 3));
}

#[test]
fn holes() {
    let hole = |tensor, start, before| HeaderProblem::Hole { tensor, start, before };
    assert_eq!(header(&one("F32", "[1]", 4, 8), 8), hole(a(), 4, 0));
    assert_eq!(header(&pair((0, 4), (5, 8)), 8), hole(b(), 5, 4));
    assert_eq!(header(&one("U8", "[0]", u64::MAX, u64::MAX), 0), hole(a(), u64::MAX, 0));
}

#[test]
fn overlaps() {
    let overlap = |tensor, start, before| HeaderProblem::Overlap { tensor, start, before };
    assert_eq!(header(&pair((0, 4), (2, 6)), 6), overlap(b(), 2, 4));
    assert_eq!(header(&pair((0, 4), (0, 4)), 4), overlap(b(), 0, 4));
    assert_eq!(header(&pair((0, 4), (1, 1)), 4), overlap(b(), 1, 4));
    assert_eq!(header(&pair((0, u64::MAX), (0, 1)), 4), overlap(a(), 0, 1));
}

#[test]
fn offsets_past_the_end() {
    let past = |tensor, end, len| HeaderProblem::PastEnd { tensor, end, len };
    assert_eq!(header(&one("F32", "[1]", 0, 4), 3), past(a(), 4, 3));
    assert_eq!(header(&pair((0, 4), (4, 6)), 5), past(b(), 6, 5));
    let most = u64::MAX >> 1;
    assert_eq!(header(&pair((0, 4), (4, most)), 5), past(b(), most, 5));
}

#[test]
fn data_after_the_last_tensor() {
    let after = |described, found| HeaderProblem::DataAfterEnd { described, found };
    assert_eq!(header(&one("F32", "[1]", 0, 4), 5), after(4, 5));
    assert_eq!(header("{}", 1), after(0, 1));
}

#[test]
fn hostile_names_stay_on_one_line() {
    let name = "x\\ny\\u001b[31m\\u202e".to_owned() + &"z".repeat(1000);
    let json = pair((0, 1), (0, 1)).replace("\"b\"", &format!("\"{name}\"")).replace("\"a\"", "\"w\"");
    match header(&json, 1) {
        HeaderProblem::Overlap { tensor, .. } => {
            assert!(tensor.starts_with("x\\ny\\u{1b}[31m\\u{202e}zzz") && tensor.ends_with("z…"), "{tensor}");
        }
        other => panic!("{other}"),
    }
}
