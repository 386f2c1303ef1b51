//! Windows and mixtures: every token once, weights kept, positions resumed.

mod common;

use common::{END, file, job, jsonl, prepare, source, texts, tokens};
use maec_corpus::{Blocks, Corpus, Error, Mixture, Part, Split, Window};
use proptest::prelude::*;

/// Documents of these lengths; every token of all of them is another, in order.
fn numbered(lengths: &[usize]) -> (Vec<Vec<u32>>, Blocks) {
    let mut next = 0..;
    let documents: Vec<Vec<u32>> =
        lengths.iter().map(|length| next.by_ref().take(*length).collect()).collect();
    let blocks = Blocks::in_memory("numbered", &documents, u32::MAX);
    (documents, blocks)
}

fn part(lengths: &[usize], weight: f64) -> Part {
    Part { blocks: numbered(lengths).1, weight }
}

proptest! {
    #[test]
    fn every_token_is_a_target_once(lengths in prop::collection::vec(1usize..40, 1..60), seq_len in 1usize..50) {
        let (documents, blocks) = numbered(&lengths);
        let all: Vec<u32> = documents.concat();
        let starts: Vec<u32> = documents.iter().map(|document| document[0]).collect();
        let Ok(windows) = blocks.windows(seq_len) else {
            prop_assert!(all.len() <= seq_len);
            return Ok(());
        };
        prop_assert_eq!(windows as usize, (all.len() - 1) / seq_len);
        let read: Vec<Window> = (0..windows).map(|index| blocks.window(index, seq_len).unwrap()).collect();
        let targets: Vec<u32> = read.iter().flat_map(Window::targets).copied().collect();
        prop_assert_eq!(&targets[..], &all[1..=windows as usize * seq_len]);
        for window in &read {
            prop_assert_eq!(window.inputs().len(), seq_len);
            let inside: Vec<u32> = window.starts.iter().map(|at| window.tokens[*at as usize]).collect();
            let expected: Vec<u32> = starts.iter().copied().filter(|start| window.tokens.contains(start)).collect();
            prop_assert_eq!(inside, expected);
            // Tokens are of one segment where they are of one document.
            let document = |token: &u32| starts.partition_point(|start| start <= token);
            let (inputs, segments) = (window.inputs(), window.segments());
            prop_assert_eq!(segments.len(), inputs.len());
            for (pair, segment) in inputs.windows(2).zip(segments.windows(2)) {
                let step = document(&pair[1]) - document(&pair[0]);
                prop_assert_eq!(segment[1] - segment[0], step as u32);
            }
            prop_assert_eq!(segments[0], 0);
        }
        prop_assert!(blocks.window(windows, seq_len).is_err());
    }

    #[test]
    fn every_window_comes_once_an_epoch(lengths in prop::collection::vec(1usize..40, 2..60), seed: u64) {
        let parts = vec![part(&lengths, 1.0)];
        let Ok(mut mixture) = Mixture::new(parts, seed, 4) else { return Ok(()) };
        let windows = mixture.windows()[0];
        for epoch in 0..3 {
            let mut firsts: Vec<u32> =
                (0..windows).map(|_| mixture.next_window().unwrap().1.tokens[0]).collect();
            firsts.sort_unstable();
            prop_assert!(firsts.into_iter().eq((0..windows as u32).map(|window| window * 4)));
            prop_assert_eq!(mixture.epoch(0), epoch + 1);
        }
    }

    #[test]
    fn shares_are_kept_to_a_window(weights in prop::collection::vec(0.001f64..10.0, 1..9), skipped in 0u64..3000) {
        let parts = weights.iter().map(|weight| part(&[50], *weight)).collect();
        let mut mixture = Mixture::new(parts, 0, 7).unwrap();
        let sum: f64 = weights.iter().sum();
        for _ in 0..200 {
            mixture.next_window().unwrap();
            let position = mixture.position();
            for (taken, weight) in position.taken.iter().zip(&weights) {
                let due = position.windows as f64 * weight / sum;
                prop_assert!((*taken as f64 - due).abs() < 1.0 + 1e-6, "{taken} of {due}");
            }
        }
        mixture.skip(skipped);
        let position = mixture.position();
        prop_assert_eq!(position.taken.iter().sum::<u64>(), 200 + skipped);
        for (taken, weight) in position.taken.iter().zip(&weights) {
            prop_assert!((*taken as f64 - position.windows as f64 * weight / sum).abs() < 1.0 + 1e-6);
        }
    }

    #[test]
    fn a_resumed_mixture_goes_on_as_the_whole(stop in 0usize..100, seed: u64, weight in 0.1f64..5.0) {
        let make = || Mixture::new(vec![part(&[30, 9, 41], 1.0), part(&[100], weight)], seed, 6).unwrap();
        let (mut whole, mut first, mut skipping) = (make(), make(), make());
        let all: Vec<(usize, Window)> = (0..100).map(|_| whole.next_window().unwrap()).collect();
        for _ in 0..stop {
            first.next_window().unwrap();
        }
        let kept = serde_json::to_string(first.position()).unwrap();
        let mut second = make();
        second.restore(serde_json::from_str(&kept).unwrap()).unwrap();
        skipping.skip(stop as u64);
        for expected in &all[stop..] {
            prop_assert_eq!(&second.next_window().unwrap(), expected);
            prop_assert_eq!(&skipping.next_window().unwrap(), expected);
        }
    }
}

#[test]
fn a_seed_and_an_epoch_make_an_order() {
    let firsts = |seed| -> Vec<u32> {
        let mut mixture = Mixture::new(vec![part(&[401], 1.0)], seed, 4).unwrap();
        (0..200).map(|_| mixture.next_window().unwrap().1.tokens[0]).collect()
    };
    let (one, other) = (firsts(1), firsts(2));
    assert_ne!(one, other);
    assert_ne!(one[..100], one[100..]);
    assert!(one[..100] != (0..100).map(|i| i * 4).collect::<Vec<_>>());
}

#[test]
fn mixtures_that_make_no_sense_are_refused() {
    let refused = |parts: Vec<Part>, seq_len| Mixture::new(parts, 0, seq_len).err().unwrap().to_string();
    assert!(matches!(Mixture::new(Vec::new(), 0, 8), Err(Error::NoParts)));
    assert!(refused(vec![part(&[8], 1.0)], 8).contains("8 tokens, fewer than a window of 9"));
    assert!(refused(vec![part(&[], 1.0)], 8).contains("`numbered` has 0 tokens"));
    assert!(refused(vec![part(&[9], 0.0)], 8).contains("weight"));
    assert!(refused(vec![part(&[9], f64::NAN)], 8).contains("weight"));
    assert!(refused(vec![part(&[9], 1.0)], 0).contains("length"));
    let mixture = |seed, weight| Mixture::new(vec![part(&[90], weight), part(&[50], 1.0)], seed, 8).unwrap();
    let mut here = mixture(1, 1.0);
    for other in [mixture(2, 1.0), mixture(1, 2.0)] {
        assert!(matches!(here.restore(other.position().clone()), Err(Error::Position { .. })));
    }
    let mut wrong = here.position().clone();
    wrong.taken[0] = 5;
    assert!(here.restore(wrong).unwrap_err().to_string().contains("add up"));
}

#[test]
fn prepared_folders_read_as_memory_does() {
    let folder = tempfile::tempdir().unwrap();
    let texts = texts();
    let sources = [("a", &texts[..120]), ("b", &texts[120..])]
        .map(|(name, texts)| source(name, vec![file(folder.path(), &format!("{name}.jsonl"), jsonl(texts))]));
    prepare(&job(sources.into()), &folder.path().join("out")).unwrap();
    let corpus = Corpus::open(&folder.path().join("out")).unwrap();
    for (name, texts) in [("a", &texts[..120]), ("b", &texts[120..])] {
        let documents: Vec<Vec<u32>> = texts.iter().map(|text| tokens(text)).collect();
        let (memory, disk) =
            (Blocks::in_memory(name, &documents, END + 1), corpus.source(name, Split::Train).unwrap());
        assert_eq!(memory.tokens(), disk.tokens());
        for index in 0..memory.windows(33).unwrap() {
            assert_eq!(memory.window(index, 33).unwrap(), disk.window(index, 33).unwrap(), "{name} {index}");
        }
    }
    assert!(matches!(corpus.blocks(Split::HeldOut).unwrap().windows(8), Err(Error::TooFewTokens { .. })));
}
