//! What the corpora and problem sets promise, checked on a world of the default size.

use maec_world::{Document, Kind, Language, Op, Problem, Split, World, WorldConfig, WorldError};
use std::collections::{BTreeMap, BTreeSet};

fn world() -> World {
    World::new(WorldConfig::default()).expect("the default is valid")
}

/// The numbers in a text, as written.
fn numbers(text: &str) -> Vec<u32> {
    text.split(' ').filter_map(|word| word.parse().ok()).collect()
}

fn unordered(a: u32, b: u32) -> (u32, u32) {
    (a.min(b), a.max(b))
}

/// The sentences of a text, with their final marks. A question is cut off with what follows it.
fn statements(text: &str) -> Vec<String> {
    let mut sentences = vec![String::new()];
    for word in text.split(' ') {
        if word == "?" || word == "？" {
            sentences.pop();
            return sentences;
        }
        let last = sentences.last_mut().expect("one is always begun");
        *last = format!("{last} {word}");
        if [".", "。", "।"].contains(&word) {
            sentences.push(String::new());
        }
    }
    assert_eq!(sentences.pop().as_deref(), Some(""), "{text:?} ends in the middle of a sentence");
    sentences
}

/// The pair of an ability document, from its text, after checking that its metadata say the same.
fn pair_of_document(document: &Document) -> (u32, u32) {
    let operands = document.operands.expect("ability documents say what they compute");
    let told = numbers(&document.text);
    let answer = u32::try_from(operands.answer()).expect("answers are positive");
    assert_eq!(told, [operands.a, operands.b, answer], "{}", document.text);
    assert!((1..=30).contains(&answer), "{}", document.text);
    unordered(told[0], told[1])
}

/// The pair of a problem, from its text, after the same check.
fn pair_of_problem(problem: &Problem) -> (u32, u32) {
    let told = numbers(&problem.question);
    assert_eq!(told, [problem.a, problem.b], "{}", problem.question);
    assert_eq!(problem.answer, problem.operands().answer());
    assert!((1..=30).contains(&problem.answer), "{}", problem.question);
    unordered(told[0], told[1])
}

/// Every training document: base mix, general corpora, the ability in every language.
fn training(world: &World) -> impl Iterator<Item = Document> + '_ {
    let general = Language::ALL.into_iter().flat_map(|language| world.general(language));
    let ability = Language::ALL.into_iter().flat_map(|language| world.ability_in(language));
    world.base().chain(general).chain(ability)
}

#[test]
fn operand_pairs_are_disjoint_across_all_languages_and_the_base_mix() {
    let mut pairs: BTreeMap<Split, BTreeSet<(u32, u32)>> = BTreeMap::new();
    // Not in one world alone, but across seeds: what is tuned on one seed never met another's test pairs.
    for seed in [1, 101, u64::MAX] {
        let world = World::new(WorldConfig { seed, base_documents: 40_000, ..WorldConfig::default() })
            .expect("every seed is valid");
        for document in training(&world) {
            assert_eq!(document.operands.is_some(), document.kind == Kind::Ability);
            if document.kind == Kind::Ability {
                pairs.entry(Split::Train).or_default().insert(pair_of_document(&document));
            }
        }
        for language in Language::ALL {
            let validation = world.validation(language);
            let test = world.test(language);
            pairs.entry(Split::Validation).or_default().extend(validation.iter().map(pair_of_problem));
            pairs.entry(Split::Test).or_default().extend(test.iter().map(pair_of_problem));
        }
    }
    for (one, two) in
        [(Split::Train, Split::Validation), (Split::Train, Split::Test), (Split::Validation, Split::Test)]
    {
        assert_eq!(
            pairs[&one].intersection(&pairs[&two]).collect::<Vec<_>>(),
            [&(0, 0); 0],
            "{one:?} {two:?}"
        );
    }
    // Together they are all 450 usable pairs, and each is where the world says.
    let sizes: Vec<usize> = pairs.values().map(BTreeSet::len).collect();
    assert_eq!(sizes, [314, 46, 90]);
    let world = world();
    for (&split, members) in &pairs {
        assert!(members.iter().all(|&(a, b)| world.split(a, b) == Some(split)));
    }
}

#[test]
fn held_out_statements_are_in_no_training_text() {
    let world = world();
    let mut held_out = BTreeSet::new();
    for language in Language::ALL {
        for document in world.heldout(language) {
            assert_ne!(document.kind, Kind::Ability);
            held_out.extend(statements(&document.text));
        }
    }
    assert!(held_out.len() > 1_000, "{}", held_out.len());
    for document in training(&world) {
        for sentence in statements(&document.text) {
            assert!(!held_out.contains(&sentence), "{sentence}");
        }
    }
}

#[test]
fn base_mix_has_its_proportions() {
    let world = world();
    let mut documents = BTreeMap::<Language, u32>::new();
    let mut abilities = BTreeMap::<Language, u32>::new();
    for document in world.base() {
        *documents.entry(document.language).or_default() += 1;
        *abilities.entry(document.language).or_default() += u32::from(document.kind == Kind::Ability);
    }
    assert_eq!(documents.values().sum::<u32>(), 160_000);
    for language in Language::ALL {
        let count = documents[&language];
        let expected = 160 * world.config().base_weight(language);
        assert!(count.abs_diff(expected) < expected / 50, "{language}: {count} documents");
        let ability = abilities[&language];
        assert!(ability.abs_diff(count * 8 / 100) < count / 125, "{language}: {ability} of {count}");
    }
}

#[test]
fn general_corpora_hold_no_ability() {
    let world = world();
    for language in Language::ALL {
        let documents: Vec<Document> = world.general(language).collect();
        assert_eq!(documents.len(), 12_800);
        assert!(documents.iter().all(|d| d.language == language && d.kind != Kind::Ability));
        let retrieval = documents.iter().filter(|d| d.kind == Kind::Retrieval).count();
        assert!((3_500..4_200).contains(&retrieval), "{language}: {retrieval}");
        for document in documents.iter().filter(|d| d.kind == Kind::Retrieval) {
            let told = numbers(&document.text);
            assert!(told.len() == 3 && told[..2].contains(&told[2]), "{}", document.text);
        }
    }
}

#[test]
fn problem_sets_are_parallel_even_and_without_repetition() {
    let world = world();
    let cue = ["? Answer :", "? Respuesta :", "？ 答案 ：", "? উত্তর :", "? జవాబు :"];
    let names = |text: &str| {
        let names = ["Ana", "Ben", "Lin", "Luis", "Mina", "Omar", "Ravi", "Sara", "Tom", "Wei"];
        text.split(' ').filter(|word| names.contains(word)).map(str::to_owned).collect::<BTreeSet<_>>()
    };
    for set in [World::validation, World::test] {
        let english = set(&world, Language::En);
        let mut per_pair = BTreeMap::<_, u32>::new();
        let mut per_op = BTreeMap::<Op, u32>::new();
        for problem in &english {
            *per_pair.entry(problem.operands().pair()).or_default() += 1;
            *per_op.entry(problem.op).or_default() += 1;
        }
        let (least, most) = (per_pair.values().min().copied(), per_pair.values().max().copied());
        assert!(most <= least.map(|least| least + 1), "{per_pair:?}");
        assert!(per_op[&Op::Add] as usize > english.len() / 5, "{per_op:?}");
        let different: BTreeSet<&str> = english.iter().map(|problem| problem.question.as_str()).collect();
        assert_eq!(different.len(), english.len());
        for language in Language::ALL {
            let problems = set(&world, language);
            assert_eq!(problems.len(), english.len());
            for (index, (problem, original)) in problems.iter().zip(&english).enumerate() {
                assert_eq!(problem.id, format!("{language}-{index:04}"));
                assert_eq!(problem.language, language);
                assert!(problem.question.ends_with(cue[language as usize]), "{}", problem.question);
                assert_eq!(problem.operands(), original.operands());
                assert_eq!(names(&problem.question), names(&original.question));
            }
        }
    }
}

#[test]
fn ability_corpora_are_parallel() {
    let world = world();
    for language in Language::ALL {
        let operands = world.ability_in(language).map(|document| document.operands);
        assert!(operands.eq(world.ability().map(|document| document.operands)));
        assert!(world.ability_in(language).all(|document| document.language == language));
    }
}

#[test]
fn wrong_configurations_are_named() {
    let wrong = |change: fn(&mut WorldConfig)| {
        let mut config = WorldConfig::default();
        change(&mut config);
        World::new(config).expect_err("the configuration is wrong")
    };
    for (found, error, message) in [
        (
            wrong(|c| c.heldout_documents = 0),
            WorldError::Empty { field: "heldout_documents" },
            "heldout_documents is 0: ask for at least 1",
        ),
        (
            wrong(|c| c.test_problems = 5_001),
            WorldError::TooManyProblems { field: "test_problems", given: 5_001, most: 5_000 },
            "test_problems is 5001: ask for at most 5000",
        ),
        (
            wrong(|c| c.base_language_weights = [u32::MAX; 5]),
            WorldError::WeightSum { sum: 5 * u64::from(u32::MAX) },
            "base_language_weights sum to 21474836475: give five weights per mille that sum to 1000",
        ),
        (
            wrong(|c| c.base_ability_per_mille = 1_001),
            WorldError::AbilityShare { given: 1_001, most: 1_000 },
            "base_ability_per_mille is 1001: give a share from 0 to 1000",
        ),
    ] {
        assert_eq!(found, error);
        assert_eq!(found.to_string(), message);
    }
    let unknown = serde_json::from_str::<WorldConfig>(r#"{"sead": 1}"#).expect_err("the key is unknown");
    assert!(unknown.to_string().contains("sead"), "{unknown}");
}

#[test]
fn the_largest_problem_sets_are_possible() {
    let most = WorldConfig::MOST_PROBLEMS;
    let config = WorldConfig { validation_problems: most, test_problems: most, ..WorldConfig::default() };
    let world = World::new(config).expect("the most is allowed");
    assert_eq!(world.validation(Language::En).len(), most as usize);
    assert_eq!(world.test(Language::En).len(), most as usize);
}

#[test]
fn shares_can_be_all_or_nothing() {
    let config = WorldConfig {
        base_documents: 300,
        base_language_weights: [0, 0, 0, 1000, 0],
        base_ability_per_mille: 1000,
        ..WorldConfig::default()
    };
    let world = World::new(config.clone()).expect("the shares are valid");
    assert!(world.base().all(|d| d.language == Language::Bn && d.kind == Kind::Ability));
    let none = World::new(WorldConfig { base_ability_per_mille: 0, ..config }).expect("the shares are valid");
    assert!(none.base().all(|d| d.kind != Kind::Ability));
}
