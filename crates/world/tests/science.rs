//! What the science promises, checked on texts alone by a reader that knows no rule but what it reads.

use maec_world::{Abilities, Document, Kind, Language, Question, World, WorldConfig, WorldError};
use std::collections::{BTreeMap, BTreeSet};

fn world() -> World {
    let config = WorldConfig {
        abilities: Abilities::Both,
        translated: true,
        base_documents: 5_000,
        ability_documents: 5_000,
        ..WorldConfig::default()
    };
    World::new(config).expect("the configuration is valid")
}

/// What a reader of English texts knows.
#[derive(Default)]
struct Reader {
    /// Kind, diet and home of each creature, as far as told.
    creatures: BTreeMap<String, [Option<String>; 3]>,
    /// Diet and home of each kind, as far as told.
    rules: BTreeMap<String, [Option<String>; 2]>,
    /// On each scale, who is told to come before whom.
    before: [BTreeSet<(String, String)>; 2],
}

impl Reader {
    fn read(&mut self, text: &str) {
        let words: Vec<&str> = text.split(' ').collect();
        if let Some(mark) = words.iter().position(|&word| word == "?") {
            let (question, options) = (&words[..mark], options(&words[mark + 1..]));
            let right = words[words.len() - 1];
            assert!(options.contains(&right), "{text}");
            match *question {
                ["What", "animal", "is", x] => self.tell(x, 0, right),
                ["What", "does", x, "eat"] => self.tell(x, 1, right),
                ["Where", "does", x, "live"] => self.tell(x, 2, right),
                ref which => {
                    let (scale, last) = extreme(which);
                    for other in options.into_iter().filter(|&other| other != right) {
                        self.compare(scale, if last { (other, right) } else { (right, other) });
                    }
                }
            }
            return;
        }
        for sentence in words.split(|&word| word == ".").filter(|sentence| !sentence.is_empty()) {
            match *sentence {
                ["Every", kind, "eats", diet] => self.rule(kind, 0, diet),
                ["Every", kind, "lives", "in", "the", home] => self.rule(kind, 1, home),
                [x, "is", "a" | "an", kind] => self.tell(x, 0, kind),
                [x, "eats", diet] => self.tell(x, 1, diet),
                [x, "lives", "in", "the", home] => self.tell(x, 2, home),
                [x, "melts", "before", y] => self.compare(0, (x, y)),
                [x, "melts", "after", y] => self.compare(0, (y, x)),
                [x, "is", "nearer", "to", "the", "sun", "than", y] => self.compare(1, (x, y)),
                [x, "is", "farther", "from", "the", "sun", "than", y] => self.compare(1, (y, x)),
                _ => panic!("{sentence:?} is no sentence of the science"),
            }
        }
    }

    fn tell(&mut self, creature: &str, attribute: usize, value: &str) {
        let known = &mut self.creatures.entry(creature.into()).or_default()[attribute];
        assert_eq!(known.get_or_insert_with(|| value.into()), value, "{creature}");
    }

    fn rule(&mut self, kind: &str, attribute: usize, value: &str) {
        let known = &mut self.rules.entry(kind.into()).or_default()[attribute];
        assert_eq!(known.get_or_insert_with(|| value.into()), value, "{kind}");
    }

    fn compare(&mut self, scale: usize, (first, second): (&str, &str)) {
        self.before[scale].insert((first.into(), second.into()));
        assert!(!self.before[scale].contains(&(second.into(), first.into())), "{first} and {second}");
    }

    /// Everything that follows from the comparisons of a scale.
    fn closure(&self, scale: usize) -> BTreeSet<(String, String)> {
        let mut known = self.before[scale].clone();
        loop {
            let mut more = known.clone();
            for (x, y) in &known {
                let beyond = known.iter().filter(|(first, _)| first == y);
                more.extend(beyond.map(|(_, z)| (x.clone(), z.clone())));
            }
            if more.len() == known.len() {
                return known;
            }
            known = more;
        }
    }

    /// The attribute of a creature that its other attributes and the rules give.
    fn derive(&self, creature: &str, attribute: usize) -> BTreeSet<String> {
        let told = &self.creatures[creature];
        let fits = |kind: &String, [diet, home]: &[Option<String>; 2]| {
            [Some(kind), diet.as_ref(), home.as_ref()]
                .into_iter()
                .zip(told)
                .all(|(rule, told)| told.as_ref().is_none_or(|told| rule == Some(told)))
        };
        let kinds = self.rules.iter().filter(|(kind, rule)| fits(kind, rule));
        kinds
            .map(|(kind, [diet, home])| match attribute {
                0 => kind.clone(),
                1 => diet.clone().expect("every rule is told"),
                _ => home.clone().expect("every rule is told"),
            })
            .collect()
    }
}

/// The options after a question's mark, each one word.
fn options<'a>(words: &[&'a str]) -> [&'a str; 4] {
    Question::LETTERS.map(|letter| {
        let place = words.iter().position(|&word| word == letter).expect("every letter is there");
        words[place + 1]
    })
}

/// Which scale a question is about, and whether it asks for the last.
fn extreme(question: &[&str]) -> (usize, bool) {
    match question {
        ["Which", "melts", "first"] => (0, false),
        ["Which", "melts", "last"] => (0, true),
        ["Which", "is", "nearest", "to", "the", "sun"] => (1, false),
        ["Which", "is", "farthest", "from", "the", "sun"] => (1, true),
        _ => panic!("{question:?} is no question of the science"),
    }
}

fn trained() -> Reader {
    let mut reader = Reader::default();
    let world = world();
    let base =
        world.base().filter(|document| document.kind == Kind::Science && document.language == Language::En);
    for document in base.chain(world.science()) {
        reader.read(&document.text);
    }
    reader
}

#[test]
fn exactly_one_option_follows_from_what_training_tells() {
    let (reader, world) = (trained(), world());
    let closures = [reader.closure(0), reader.closure(1)];
    assert_eq!((reader.creatures.len(), reader.rules.len()), (30, 5));
    // A whole order: every pair is decided one way.
    assert!(closures.iter().all(|closure| closure.len() == 66));
    for question in world.science_validation(Language::En).into_iter().chain(world.science_test(Language::En))
    {
        let words: Vec<&str> = question.question.split(' ').collect();
        let mark = words.iter().position(|&word| word == "?").expect("a question");
        let options = options(&words[mark + 1..]);
        assert_eq!(options.to_vec(), question.choices);
        assert_eq!(options.into_iter().collect::<BTreeSet<_>>().len(), 4, "{}", question.question);
        let of_creature = |creature: &str, attribute: usize| {
            assert_eq!(reader.creatures[creature][attribute], None, "{} is told", question.fact);
            let values = reader.derive(creature, attribute);
            assert_eq!(values.len(), 1, "{}: {values:?}", question.question);
            (0..4).filter(|&option| values.contains(options[option])).collect::<Vec<_>>()
        };
        let right = match words[..mark] {
            ["What", "animal", "is", x] => of_creature(x, 0),
            ["What", "does", x, "eat"] => of_creature(x, 1),
            ["Where", "does", x, "live"] => of_creature(x, 2),
            ref which => {
                let (scale, last) = extreme(which);
                let wins = |x: &str, y: &str| {
                    let (first, second) = if last { (y, x) } else { (x, y) };
                    closures[scale].contains(&(first.to_owned(), second.to_owned()))
                };
                let beats = |x: usize| (0..4).filter(|&y| wins(options[x], options[y])).count();
                // What decides between the best two is nowhere told.
                let [best, next] =
                    [3, 2].map(|beaten| (0..4).find(|&x| beats(x) == beaten).expect("an order"));
                let [best, next] = [options[best].to_owned(), options[next].to_owned()];
                let told = &reader.before[scale];
                assert!(!told.contains(&(best.clone(), next.clone())) && !told.contains(&(next, best)));
                (0..4).filter(|&x| beats(x) == 3).collect()
            }
        };
        assert_eq!(right, [question.answer], "{}", question.question);
    }
}

#[test]
fn no_question_stands_in_a_training_text() {
    let world = world();
    for language in Language::ALL {
        let base = world.base().filter(|document| document.kind == Kind::Science);
        let trained: BTreeSet<String> = base
            .filter(|document| document.language == language)
            .chain(world.science_in(language))
            .filter_map(|document| Some(document.text.rsplit_once(' ')?.0.to_owned()))
            .collect();
        let sets = [world.science_validation(language), world.science_test(language)];
        let questions: BTreeSet<String> =
            sets.concat().into_iter().map(|question| question.question).collect();
        assert_eq!(questions.len(), 900, "{language}: some question is asked twice");
        assert!(questions.is_disjoint(&trained), "{language}");
    }
}

#[test]
fn questions_are_parallel_and_even() {
    let world = world();
    for (set, facts) in
        [(World::science_validation as fn(&World, Language) -> Vec<Question>, 22), (World::science_test, 39)]
    {
        let english = set(&world, Language::En);
        let mut per_fact = BTreeMap::<&str, usize>::new();
        english.iter().for_each(|question| *per_fact.entry(&question.fact).or_default() += 1);
        let (least, most) = (per_fact.values().min(), per_fact.values().max());
        assert_eq!(per_fact.len(), facts);
        assert!(most <= least.map(|least| least + 1).as_ref(), "{per_fact:?}");
        for language in Language::ALL {
            let questions = set(&world, language);
            // What an option is called in the language: one word for one word, which is what is scored.
            let mut words = BTreeMap::<&str, &str>::new();
            for (index, (question, original)) in questions.iter().zip(&english).enumerate() {
                assert_eq!(question.id, format!("{language}-{index:04}"));
                assert_eq!((question.language, question.answer), (language, original.answer));
                assert_eq!(question.fact, original.fact);
                for (choice, original) in question.choices.iter().zip(&original.choices) {
                    assert!(!choice.contains(' '), "{choice}");
                    assert_eq!(words.entry(original).or_insert(choice), choice);
                }
            }
            assert_eq!(words.values().collect::<BTreeSet<_>>().len(), words.len(), "{language}");
            assert_eq!(words.len(), 3 * 5 + 2 * 12);
        }
    }
}

#[test]
fn right_letters_are_uniform() {
    // 99.9 % of uniform counts in four cells have a χ² below 16.27.
    let chi_square = |counts: [u32; 4]| {
        let expected = f64::from(counts.iter().sum::<u32>()) / 4.0;
        counts.iter().map(|&count| (f64::from(count) - expected).powi(2) / expected).sum::<f64>()
    };
    for seed in [1, 2, 3] {
        let world =
            World::new(WorldConfig { seed, ..world().config().clone() }).expect("every seed is valid");
        let mut trained = [0; 4];
        for document in world.science() {
            let words: Vec<&str> = document.text.split(' ').collect();
            let Some(mark) = words.iter().position(|&word| word == "?") else { continue };
            let right = options(&words[mark + 1..]).iter().position(|option| words.ends_with(&[option]));
            trained[right.expect("an option")] += 1;
        }
        assert!(trained.iter().sum::<u32>() > 2_500, "{trained:?}");
        let mut asked = [0; 4];
        for question in world.science_test(Language::En) {
            asked[question.answer] += 1;
        }
        for counts in [trained, asked] {
            assert!(chi_square(counts) < 16.27, "seed {seed}: {counts:?}");
        }
    }
}

/// The beginnings of a text: its first sentence, its first two, and so on; of a question, its options are the last.
fn beginnings(text: &str) -> Vec<&str> {
    let ends = text.match_indices(['.', '。', '।', '?', '？']).map(|(at, mark)| at + mark.len());
    ends.filter(|&end| end < text.len()).chain([text.len()]).map(|end| &text[..end]).collect()
}

/// Documents of two languages say the same where every beginning always stands for the same one of the other language (in
/// Chinese a later word depends on an earlier one), with its numbers and letters, and a language of another script has no
/// Latin word but the other's names.
fn assert_parallel(originals: Vec<Document>, translations: Vec<Document>) {
    let words = |text: &str, alike: fn(&str) -> bool| {
        text.split(' ').filter(|word| alike(word)).map(str::to_owned).collect::<Vec<_>>()
    };
    let number = |word: &str| word.starts_with(|c: char| c.is_ascii_digit() || c == '(');
    let latin = |word: &str| word.starts_with(|c: char| c.is_ascii_alphabetic());
    assert_eq!(originals.len(), translations.len());
    let (mut there, mut back) = (BTreeMap::new(), BTreeMap::new());
    for (original, translation) in originals.iter().zip(&translations) {
        assert_eq!((original.kind, original.operands), (translation.kind, translation.operands));
        let (one, two) = (beginnings(&original.text), beginnings(&translation.text));
        assert_eq!(one.len(), two.len(), "{}", translation.text);
        for (one, two) in one.into_iter().zip(two) {
            assert_eq!(words(one, number), words(two, number));
            assert_eq!(*there.entry(one).or_insert(two), two);
            assert_eq!(*back.entry(two).or_insert(one), one);
            if translation.language != Language::Es {
                assert!(words(two, latin).iter().all(|name| words(one, latin).contains(name)), "{two}");
            }
        }
    }
    assert!(there.len() > 1_000 && there.len() == back.len());
}

#[test]
fn translated_corpora_say_the_same() {
    let world = world();
    for language in Language::ALL.into_iter().filter(|&language| language != Language::En) {
        assert_parallel(world.ability().collect(), world.ability_in(language).collect());
        assert_parallel(world.science().collect(), world.science_in(language).collect());
    }
}

#[test]
fn each_ability_has_its_share_of_the_base_mix() {
    for (abilities, expected) in
        [(Abilities::Arithmetic, [400, 0]), (Abilities::Science, [0, 400]), (Abilities::Both, [400, 400])]
    {
        let world = World::new(WorldConfig { abilities, ..world().config().clone() }).expect("valid");
        let found =
            [Kind::Ability, Kind::Science].map(|kind| world.base().filter(|d| d.kind == kind).count());
        for (found, expected) in found.into_iter().zip(expected) {
            assert!(found.abs_diff(expected) <= expected / 6, "{abilities:?}: {found}, not {expected}");
        }
    }
}

#[test]
fn a_science_bounds_its_sets_and_shares() {
    let science = WorldConfig { abilities: Abilities::Both, ..WorldConfig::default() };
    let most = WorldConfig::MOST_QUESTIONS;
    let largest = WorldConfig { validation_problems: most, test_problems: most, ..science.clone() };
    let largest = World::new(largest).expect("the most is allowed");
    assert_eq!(largest.science_validation(Language::Te).len(), most as usize);
    assert_eq!(largest.science_test(Language::Te).len(), most as usize);
    for (config, error, message) in [
        (
            WorldConfig { test_problems: 1_001, ..science.clone() },
            WorldError::TooManyProblems { field: "test_problems", given: 1_001, most: 1_000 },
            "test_problems is 1001: ask for at most 1000",
        ),
        (
            WorldConfig { base_ability_per_mille: 501, ..science },
            WorldError::AbilityShare { given: 501, most: 500 },
            "base_ability_per_mille is 501: give a share from 0 to 500",
        ),
    ] {
        let found = World::new(config).expect_err("the configuration is wrong");
        assert_eq!(found, error);
        assert_eq!(found.to_string(), message);
    }
}
