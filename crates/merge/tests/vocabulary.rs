//! Vocabularies united by mergekit's rules: the tokens, and where every row comes from.
#![cfg(not(target_arch = "wasm32"))]

mod vocabularies;

use std::collections::BTreeSet;

use maec_merge::vocabulary::{
    Embedding, Named, Row, RowSource, Source, Spec, TokenRef, TokenRule, Union, Vocabulary, VocabularyError,
    differences, unite,
};
use proptest::prelude::*;
use vocabularies::{abc, named, tokenizer, vocabulary};

/// The rows of one model as numbers: (model + 1)·1000 + id·10, an average as the average, as in the models that
/// mergekit 0.1.5 was run on.
fn numbers(union: &Union, model: usize) -> Vec<(String, f64)> {
    let number = |row: &Row| (row.model as f64 + 1.0) * 1000.0 + f64::from(row.id) * 10.0;
    let rows = union.vocabulary.iter().map(|(id, token)| {
        let value = match &union.rows[model][id as usize] {
            RowSource::Own(id) => number(&Row { model, id: *id }),
            RowSource::From(row) => number(row),
            RowSource::Average(rows) => rows.iter().map(number).sum::<f64>() / rows.len() as f64,
            RowSource::Zero => 0.0,
        };
        (token.text.to_string(), value)
    });
    rows.collect()
}

fn assert_rows(union: &Union, model: usize, expected: &[(&str, f64)]) {
    let expected: Vec<(String, f64)> = expected.iter().map(|(token, x)| ((*token).to_owned(), *x)).collect();
    assert_eq!(numbers(union, model), expected, "model {model}");
}

fn rule(token: &str, embedding: Embedding, force: bool) -> TokenRule {
    TokenRule { token: token.to_owned(), embedding, force }
}

fn of(model: usize, token: &str) -> Embedding {
    Embedding::ModelToken { model, token: TokenRef::Text(token.to_owned()) }
}

#[test]
fn a_union_with_a_base_is_mergekits() {
    let models = abc();
    let union = unite(&named(&models), Some(0), &Spec::default()).expect("united");
    let new = [("dog", 2020.0), ("fox", 2030.0), ("emu", 3020.0), ("<t>", 2040.0), ("plainadd", 3030.0)];
    let with = |first: [(&'static str, f64); 4], dog: f64| {
        let mut all = first.to_vec();
        all.extend(new);
        all[4].1 = dog;
        all
    };
    let own = [("<unk>", 1000.0), ("the", 1010.0), ("cat", 1020.0), ("<s>", 1030.0)];
    assert_rows(&union, 0, &with(own, 2515.0));
    let b = [("<unk>", 2000.0), ("the", 1010.0), ("cat", 2010.0), ("<s>", 2050.0)];
    assert_rows(&union, 1, &with(b, 2020.0));
    let c = [("<unk>", 3000.0), ("the", 1010.0), ("cat", 1020.0), ("<s>", 1030.0)];
    assert_rows(&union, 2, &with(c, 3010.0));
    assert_eq!((union.kept, union.vocabulary.rows(), union.foundation), (4, 9, 0));
    let flags = |token: &str| {
        let id = union.vocabulary.id(token).expect("a token");
        let added = union.vocabulary.token(id).and_then(|token| token.added).expect("an added token");
        (added.special, added.normalized)
    };
    assert_eq!(
        [flags("dog"), flags("<t>"), flags("plainadd")],
        [(false, true), (true, false), (false, true)]
    );
}

#[test]
fn a_union_without_a_base_averages() {
    let models = abc();
    let mut models = named(&models);
    models.swap(0, 1);
    let union = unite(&models, None, &Spec::default()).expect("united");
    // Here B is the first model and A the second.
    let (b, a) = (0, 1);
    let rows = numbers(&union, 2);
    let value = |token: &str| rows.iter().find(|(text, _)| text == token).expect("a token").1;
    let (cat_a, cat_b) = (2020.0, 1010.0);
    assert_eq!(value("cat"), (cat_a + cat_b) / 2.0);
    let row = |model, id| Row { model, id };
    let s = union.report.iter().find(|origin| origin.token == "<s>").expect("reported");
    assert_eq!((s.id, &s.models), (5, &vec![b, a]));
    assert_eq!(s.rows[2], RowSource::Average(vec![row(b, 5), row(a, 3)]));
    assert_eq!(
        union.describe(s),
        "token `<s>` (id 5) is in `B` and `A`; `B`: its own row 5; `A`: its own row 3; `C`: average of `B` and `A`"
    );
}

#[test]
fn one_models_tokens_are_mergekits() {
    let models = abc();
    let models = named(&models);
    let base = Spec { source: Source::Base, ..Spec::default() };
    let union = unite(&models, Some(0), &base).expect("united");
    assert_rows(&union, 1, &[("<unk>", 2000.0), ("the", 1010.0), ("cat", 2010.0), ("<s>", 2050.0)]);
    assert_eq!((union.dropped[0].count, union.dropped[1].first.join(" ")), (0, "dog fox <t>".to_owned()));
    let summary = union.summary();
    assert!(
        summary.starts_with("vocabulary of `A`: 4 tokens, 4 embedding rows; of `B` left out: 3 ("),
        "{summary}"
    );
    let c = Spec { source: Source::Model(2), ..Spec::default() };
    let union = unite(&models, Some(0), &c).expect("united");
    assert_rows(&union, 0, &[("<unk>", 1000.0), ("dog", 2515.0), ("emu", 3020.0), ("plainadd", 3030.0)]);
    assert!(matches!(unite(&models, None, &base), Err(VocabularyError::NoBase)));
}

#[test]
fn rules_are_mergekits() {
    let models = abc();
    let rules = |force| Spec {
        tokens: vec![
            rule("dog", Embedding::Model(2), force),
            rule("the", Embedding::Zero, force),
            rule("<t>", of(2, "emu"), force),
            rule("cat", Embedding::ModelToken { model: 2, token: TokenRef::Id(6) }, force),
            rule("<new>", of(1, "fox"), force),
        ],
        ..Spec::default()
    };
    let union = |force| unite(&named(&models), Some(0), &rules(force)).expect("united");
    let row = |model: usize, force, token: &str| {
        let rows = numbers(&union(force), model);
        rows.into_iter().find(|(text, _)| text == token).expect("a token").1
    };
    // Model, token, without force, with it.
    for (model, token, free, forced) in [
        (0, "the", 1010.0, 0.0),
        (1, "the", 0.0, 0.0),
        (0, "cat", 1020.0, 3060.0),
        (1, "cat", 2010.0, 3060.0),
        (0, "dog", 3010.0, 3010.0),
        (1, "dog", 2020.0, 3010.0),
        (0, "<t>", 3020.0, 3020.0),
        (1, "<t>", 2040.0, 3020.0),
        (0, "<new>", 2030.0, 2030.0),
        (1, "<new>", 2030.0, 2030.0),
        (2, "emu", 3020.0, 3020.0),
    ] {
        assert_eq!((row(model, false, token), row(model, true, token)), (free, forced), "{token} in {model}");
    }
    let forced = union(true);
    let unk = forced.report.iter().find(|origin| origin.token == "<unk>");
    assert!(unk.is_none(), "a token that every model keeps is not reported");
    assert_eq!(forced.added().last().map(|origin| (origin.token.as_str(), origin.id)), Some(("<new>", 9)));
}

#[test]
fn a_rule_for_an_absent_token_adds_it_to_the_base() {
    let models = abc();
    let spec = Spec {
        source: Source::Base,
        tokens: vec![rule("emu", Embedding::Model(2), false)],
        pad_to_multiple_of: Some(4),
    };
    let union = unite(&named(&models), Some(0), &spec).expect("united");
    assert_eq!(
        (union.vocabulary.id("emu"), union.vocabulary.len(), union.vocabulary.rows()),
        (Some(4), 5, 8)
    );
    assert_eq!(union.rows[2][4], RowSource::Own(2));
}

#[test]
fn what_a_rule_names_must_exist() {
    let models = abc();
    let error = |spec: Spec| unite(&named(&models), Some(0), &spec).expect_err("refused").to_string();
    let with = |rules: &[TokenRule]| error(Spec { tokens: rules.to_vec(), ..Spec::default() });
    let by_id = |id| Embedding::ModelToken { model: 2, token: TokenRef::Id(id) };
    for (rules, message) in [
        (vec![rule("the", Embedding::Model(2), false)], "the rule for `the`: `C` has no token `the`;"),
        (vec![rule("dog", of(2, "z\nz"), false)], "the rule for `dog`: `C` has no token `z\\nz`;"),
        (vec![rule("dog", by_id(8), false)], "`C` has 8 embedding rows, none with id 8;"),
        (vec![rule("dog", Embedding::Model(3), false)], "model 3 is named where 3 models take part"),
        (vec![rule("a", Embedding::Zero, false); 2], "the token `a` has two rules;"),
    ] {
        let found = with(&rules);
        assert!(found.contains(message) && !found.contains('\n'), "{found}");
    }
    for (value, ok) in [(0, false), (1, true), (1 << 20, true), ((1 << 20) + 1, false), (usize::MAX, false)] {
        let spec = Spec { pad_to_multiple_of: Some(value), ..Spec::default() };
        assert_eq!(unite(&named(&models), Some(0), &spec).is_ok(), ok, "{value}");
    }
    assert!(error(Spec { source: Source::Model(9), ..Spec::default() }).contains("model 9"));
    assert!(matches!(
        unite(&named(&models), Some(3), &Spec::default()),
        Err(VocabularyError::NoSuchModel { .. })
    ));
    assert!(matches!(unite(&[], None, &Spec::default()), Err(VocabularyError::NoModels)));
}

#[test]
fn one_vocabulary_is_left_alone() {
    let padded = || vocabulary(&["<unk>", "the"], &[("<s>", 2, true)]).with_rows(8);
    let models = [("A", padded()), ("B", padded())];
    for source in [Source::Union, Source::Base, Source::Model(1)] {
        for pad_to_multiple_of in [None, Some(8)] {
            let spec = Spec { source, pad_to_multiple_of: pad_to_multiple_of.map(|_| 8), ..Spec::default() };
            let pad = Spec { pad_to_multiple_of, ..spec };
            let union = unite(&named(&models), Some(0), &pad).expect("united");
            assert!(union.is_same() && union.report.is_empty(), "{pad:?}");
            assert_eq!(
                (union.vocabulary.rows(), union.summary()),
                (8, "same vocabulary: 3 tokens".to_owned())
            );
        }
    }
    let other = Spec { pad_to_multiple_of: Some(5), ..Spec::default() };
    let union = unite(&named(&models), None, &other).expect("united");
    assert_eq!((union.is_same(), union.vocabulary.rows()), (false, 5));
    // The same tokens over other padding are laid out anew.
    let models = [("A", padded()), ("B", padded().with_rows(3))];
    let union = unite(&named(&models), None, &Spec::default()).expect("united");
    assert_eq!((union.is_same(), union.vocabulary.rows(), union.report.len()), (false, 3, 0));
}

#[test]
fn a_token_without_a_row_is_one_that_the_model_lacks() {
    let models = [
        ("A", vocabulary(&["<unk>", "the", "cat"], &[("<s>", 3, true)])),
        ("S", vocabulary(&["<unk>", "the", "dog", "fox"], &[("<s>", 4, true)]).with_rows(3)),
    ];
    let union = unite(&named(&models), Some(0), &Spec::default()).expect("united");
    assert_eq!(union.vocabulary.id("fox"), None);
    assert_eq!(
        (union.vocabulary.id("dog"), &union.rows[1][3]),
        (Some(4), &RowSource::From(Row { model: 0, id: 3 }))
    );
}

#[test]
fn a_gap_stays_and_keeps_tokens_from_being_added() {
    let gap = Vocabulary::from_tokenizer_json(&tokenizer(r#"{"a":0,"c":2}"#, "[]")).expect("read");
    let models = [("G", gap.clone()), ("B", vocabulary(&["a", "b"], &[]))];
    let base = Spec { source: Source::Base, ..Spec::default() };
    let union = unite(&named(&models), Some(0), &base).expect("united");
    assert_eq!(union.rows[1], [RowSource::Own(0), RowSource::Zero, RowSource::From(Row { model: 0, id: 2 })]);
    let error = unite(&named(&models), Some(0), &Spec::default()).expect_err("refused").to_string();
    assert!(error.starts_with("`G` has no token with id 1 below its last"), "{error}");
}

#[test]
fn differences_are_counted_and_shown() {
    let [(_, a), (_, b), (_, c)] = abc();
    let found = differences(&a, &b);
    assert_eq!(
        (found.missing.first.join(" "), found.extra.first.join(" ")),
        ("the".into(), "dog fox <t>".into())
    );
    assert_eq!((found.moved.count, found.rows, found.same_tokens()), (2, (4, 6), false));
    assert_eq!(
        found.to_string(),
        "tokens missing: 1 (`the`); tokens extra: 3 (`dog`, `fox`, `<t>`); \
         tokens with another id: 2 (`cat`, `<s>`); 6 embedding rows against 4"
    );
    assert!(differences(&c, &c).is_empty() && !differences(&c, &c.clone().with_rows(9)).is_empty());
    let many: Vec<String> = (0..9).map(|i| format!("t{i}")).collect();
    let many = vocabulary(&many.iter().map(String::as_str).collect::<Vec<_>>(), &[]);
    let shown = differences(&vocabulary(&["t0"], &[]), &many).extra.to_string();
    assert_eq!(shown, "8 (`t1`, `t2`, `t3`, `t4`, `t5`, …)");
}

#[test]
fn the_output_tokenizer_reads_back_as_the_union() {
    let plain = r#"{"<unk>":0,"the":1,"cat":2}"#;
    let text = tokenizer(plain, r#"[{"id":3,"content":"<s>","special":true}]"#);
    let mut models = abc();
    models[0].1 = Vocabulary::from_tokenizer_json(&text).expect("read");
    let union = unite(&named(&models), Some(0), &Spec::default()).expect("united");
    let written = union.tokenizer_json(&text).expect("extended");
    let read = Vocabulary::from_tokenizer_json(&written).expect("read");
    assert_eq!(read, union.vocabulary);
    let (before, after) = text.split_once("\"special\":true}]").expect("the list's end");
    assert!(written.starts_with(before) && written.ends_with(after), "{written}");
    assert!(matches!(
        union.tokenizer_json(&tokenizer(r#"{"a":0}"#, "[]")),
        Err(VocabularyError::OtherTokenizer { .. })
    ));
}

#[test]
fn a_real_tokenizer_takes_new_tokens() {
    for name in ["bpe_smollm2", "bpe_gemma"] {
        let path =
            format!("{}/../../tests/goldens/tokenizers/{name}/tokenizer.json", env!("CARGO_MANIFEST_DIR"));
        let text = std::fs::read_to_string(path).expect("the tokenizer");
        let own = Vocabulary::from_tokenizer_json(&text).expect("read");
        let models = [("own", own.clone()), ("B", vocabulary(&["\"quoted\\", "ﬁ▁"], &[]))];
        let union = unite(&named(&models), Some(0), &Spec::default()).expect("united");
        assert_eq!(union.vocabulary.len(), own.len() + 2, "{name}");
        let written = union.tokenizer_json(&text).expect("extended");
        assert_eq!(Vocabulary::from_tokenizer_json(&written).expect("read"), union.vocabulary, "{name}");
        let merges = |text: &str| {
            let file: serde_json::Value = serde_json::from_str(text).expect("JSON");
            file["model"]["merges"].clone()
        };
        assert_eq!(merges(&written), merges(&text), "{name}");
    }
}

/// Up to four vocabularies of a few tokens each, some added, over embeddings with padding or too few rows.
fn some_models() -> impl Strategy<Value = Vec<(&'static str, Vocabulary)>> {
    let tokens = proptest::sample::subsequence((0..12).collect::<Vec<u32>>(), 1..10).prop_shuffle();
    let model = (tokens, 0usize..4, 0usize..14);
    proptest::collection::vec(model, 1..5).prop_map(|models| {
        let named = ["A", "B", "C", "D"].into_iter().zip(models);
        let read = named.map(|(name, (tokens, added, rows))| {
            let tokens: Vec<String> = tokens.iter().map(|i| format!("t{i}")).collect();
            let plain = tokens.len().saturating_sub(added);
            let added = (plain..tokens.len()).map(|id| (tokens[id].as_str(), id as u32, id % 2 == 0));
            let plain: Vec<&str> = tokens[..plain].iter().map(String::as_str).collect();
            let vocabulary = vocabulary(&plain, &added.collect::<Vec<_>>());
            let rows = if rows < 3 { vocabulary.len() } else { rows };
            (name, vocabulary.with_rows(rows))
        });
        read.collect()
    })
}

proptest! {
    #[test]
    fn a_union_is_a_bijection_and_keeps_what_models_have(
        models in some_models(),
        with_base: bool,
        pad in proptest::option::of(1usize..9),
    ) {
        let spec = Spec { pad_to_multiple_of: pad, ..Spec::default() };
        let named = named(&models);
        let union = unite(&named, with_base.then_some(0), &spec).expect("united");
        let n = union.vocabulary.len();
        let ids: Vec<u32> = union.vocabulary.iter().map(|(id, _)| id).collect();
        prop_assert_eq!(ids, (0..n as u32).collect::<Vec<_>>());
        for (id, token) in union.vocabulary.iter() {
            prop_assert_eq!(union.vocabulary.id(&token.text), Some(id));
        }
        // The tokens are the first model's and all that have a row anywhere.
        let mut all: BTreeSet<&str> = models[0].1.iter().map(|(_, token)| &*token.text).collect();
        for (_, model) in &models {
            all.extend(model.iter().map(|(_, token)| &*token.text).filter(|text| model.row(text).is_some()));
        }
        prop_assert_eq!(all, union.vocabulary.iter().map(|(_, token)| &*token.text).collect::<BTreeSet<_>>());
        if union.is_same() {
            prop_assert!(models.iter().all(|(_, model)| differences(&models[0].1, model).is_empty()));
            return Ok(());
        }
        prop_assert_eq!(union.vocabulary.rows(), n.next_multiple_of(pad.unwrap_or(1)));
        for (m, (_, model)) in models.iter().enumerate() {
            prop_assert_eq!(union.rows[m].len(), n);
            for (id, token) in union.vocabulary.iter() {
                let row = &union.rows[m][id as usize];
                match model.row(&token.text) {
                    Some(own) => prop_assert_eq!(row, &RowSource::Own(own)),
                    None => prop_assert!(!matches!(row, RowSource::Own(_)), "{}", token.text),
                }
                if let RowSource::Average(rows) = row {
                    prop_assert!(rows.len() > 1 && rows.iter().all(|row| row.model != m));
                    prop_assert!(!with_base || rows.iter().all(|row| row.model != 0));
                }
                let reported = union.report.iter().any(|origin| origin.id == id);
                let shared = models.iter().all(|(_, model)| model.row(&token.text).is_some());
                prop_assert_eq!(reported, !shared);
            }
        }
    }

    #[test]
    fn equal_vocabularies_are_the_identity(models in some_models(), copies in 1usize..4) {
        let (_, model) = &models[0];
        let copies: Vec<Named<'_>> = (0..copies).map(|_| Named { name: "copy", vocabulary: model }).collect();
        let union = unite(&copies, None, &Spec::default()).expect("united");
        prop_assert!(union.is_same() && union.report.is_empty());
        prop_assert_eq!(&union.vocabulary, model);
    }
}
