//! Every request on a tiny random pack, held against the libraries underneath.

mod common;

use std::ops::ControlFlow;

use burn::tensor::Device;
use common::{Bed, URL, model, recipe};
use maec_checkpoint::{MemorySource, SafetensorsReader, model_hash};
use maec_eval::{Accuracy, HeldOut, Options, Problem, answer, perplexity};
use maec_merge::{Inputs, merge_to_memory, select_tensors, tensor_stats};
use maec_model::{Decoder, ModelConfig, WordTokenizer};
use maec_protocol::{LanguageResult, ProblemSet, Reply, Request, StopReason, Subject};
use maec_recipe::{MergeMethod, OutDtype, Parameters, Recipe};
use pollster::block_on;

fn merged<const GPU: bool>(bed: &mut Bed<GPU>, recipe: &Recipe) -> (String, Vec<String>, f64) {
    match bed.ask(Request::Merge { recipe: recipe.clone() }) {
        Reply::Merged { hash, selected, max_difference, .. } => (hash, selected, max_difference),
        other => panic!("{other:?}"),
    }
}

/// Asks to evaluate subjects of the pack's recipe.
fn evaluate(subjects: Vec<Subject>, problems_per_language: u32) -> Request {
    Request::Evaluate {
        recipe: recipe(),
        subjects,
        set: ProblemSet::Test,
        problems_per_language,
        lambda: 0.3,
    }
}

fn evaluated<const GPU: bool>(bed: &mut Bed<GPU>, request: Request) -> Vec<Vec<LanguageResult>> {
    match bed.ask(request) {
        Reply::Evaluated { results, .. } => results.into_iter().map(|result| result.languages).collect(),
        other => panic!("{other:?}"),
    }
}

fn failed(reply: Reply) -> String {
    match reply {
        Reply::Failed { message, hint, gpu_unusable: false } => {
            format!("{message} {}", hint.unwrap_or_default())
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_pack_opens_with_its_summary() {
    let mut bed = Bed::<false>::closed();
    let Reply::PackOpened { pack } = bed.ask(Request::OpenPack { url: URL.into() }) else {
        panic!("not opened")
    };
    assert_eq!((pack.title.as_str(), pack.seed, pack.lambda), ("Tiny", 7, 0.3));
    assert_eq!(pack.parameters, 256 + 16 + 2 * (32 + 3 * 384 + 2 * 128 + 2 * 256));
    assert_eq!(
        pack.languages.iter().map(|language| language.code.as_str()).collect::<Vec<_>>(),
        ["en", "es"]
    );
    assert_eq!(
        (pack.problems_per_language, pack.validation_per_language, pack.texts_per_language),
        (7, 3, 3)
    );
    assert_eq!(pack.recipe, recipe());
    assert_eq!((pack.tensors.len(), pack.tensors[0].as_str()), (20, "model.embed_tokens.weight"));
    assert_eq!(pack.examples.len(), 8);
    assert_eq!(pack.recorded[0].label, "F-TV");
    let files = bed.world.files.borrow();
    assert_eq!(pack.bytes, files.values().map(|bytes| bytes.len() as u64).sum::<u64>());
    assert_eq!(pack.id, maec_checkpoint::sha256_hex(&files[&format!("{URL}manifest.json")])[..16]);
    assert!(bed.world.fetched.borrow().iter().all(|url| url.starts_with(URL)));
}

#[test]
fn a_changed_or_missing_file_is_named() {
    let mut bed = Bed::<false>::closed();
    let url = format!("{URL}es.safetensors");
    bed.world.files.borrow_mut().get_mut(&url).unwrap()[200] ^= 1;
    let message = failed(bed.ask(Request::OpenPack { url: URL.into() }));
    assert!(message.contains("`es.safetensors`") && message.contains("SHA-256"), "{message}");
    bed.world.files.borrow_mut().remove(&url);
    let message = failed(bed.ask(Request::OpenPack { url: URL.into() }));
    assert!(message.contains("`es.safetensors` cannot be fetched: the server says 404."), "{message}");
    let message = failed(bed.ask(Request::OpenPack { url: "https://studio.test/packs".into() }));
    assert!(message.contains("End the address with a slash."), "{message}");
}

#[test]
fn a_request_before_a_pack_is_open_is_refused() {
    let mut bed = Bed::<false>::closed();
    assert!(failed(bed.ask(Request::Score { recipe: recipe() })).contains("No pack is open."));
}

#[test]
fn scores_and_selection_are_those_of_the_method() {
    let (base, ability, reference, es) = (model(0), model(1), model(2), model(3));
    let inputs = Inputs { base: &base, ability: &ability, reference: &reference, languages: vec![&es] };
    let recipe = recipe();
    let expected = tensor_stats(&inputs, &recipe, &mut |_| ControlFlow::Continue(())).unwrap();
    let mut bed = Bed::<false>::open();
    for _ in 0..2 {
        let Reply::Scored { tensors } = bed.ask(Request::Score { recipe: recipe.clone() }) else { panic!() };
        assert_eq!(tensors.len(), expected.len());
        for (found, expected) in tensors.iter().zip(&expected) {
            assert_eq!((&found.name, found.similarity), (&expected.name, expected.similarity));
            assert_eq!(
                (found.ability_norm, found.ability_nonzero),
                (expected.ability_norm, expected.ability_nonzero)
            );
        }
    }
    let (_, selected, _) = merged(&mut bed, &recipe);
    let expected: Vec<&str> =
        select_tensors(&expected, &recipe).indices().map(|index| expected[index].name.as_str()).collect();
    assert_eq!(selected, expected);
    // Another α gives other statistics than the kept ones.
    let other = Recipe { parameters: Parameters { alpha: 0.1, ..recipe.parameters }, ..recipe.clone() };
    let (Reply::Scored { tensors: a }, Reply::Scored { tensors: b }) =
        (bed.ask(Request::Score { recipe }), bed.ask(Request::Score { recipe: other }))
    else {
        panic!()
    };
    assert!(a.iter().zip(&b).any(|(a, b)| a.similarity != b.similarity));
}

#[test]
fn merges_have_the_cpu_executors_hash_on_every_host() {
    let (base, ability, reference, es) = (model(0), model(1), model(2), model(3));
    let inputs = Inputs { base: &base, ability: &ability, reference: &reference, languages: vec![&es] };
    let vector = Recipe { merge_method: MergeMethod::TaskVector, ..recipe() };
    let (mut cpu, mut gpu) = (Bed::<false>::open(), Bed::<true>::open());
    for recipe in [recipe(), vector] {
        let go_on = &mut |_: maec_merge::Progress<'_>| ControlFlow::Continue(());
        let (_, report) = merge_to_memory(&inputs, &recipe, &maec_merge::Options::default(), go_on).unwrap();
        let (hash, _, difference) = merged(&mut cpu, &recipe);
        assert_eq!((hash, difference), (report.output_hash.clone(), 0.0));
        let (hash, _, difference) = merged(&mut gpu, &recipe);
        assert_eq!(hash, report.output_hash);
        assert!(difference < 1e-5, "{difference}");
    }
}

#[test]
fn evaluation_is_that_of_the_merged_weights() {
    let mut bed = Bed::<false>::open();
    merged(&mut bed, &recipe());
    let all = vec![Subject::Base, Subject::TaskVector, Subject::Merged];
    let results = evaluated(&mut bed, evaluate(all, 5));
    assert_eq!(results.len(), 3);

    let text =
        |name: &str| String::from_utf8(bed.world.files.borrow()[&format!("{URL}{name}")].clone()).unwrap();
    let config = ModelConfig::from_json(&text("config.json")).unwrap();
    let tokenizer = WordTokenizer::from_json(&text("tokenizer.json")).unwrap();
    let problems = Problem::from_lines(&text("problems.jsonl")).unwrap();
    let texts = HeldOut::from_lines(&text("heldout.jsonl")).unwrap();
    let (base, ability, reference, es) = (model(0), model(1), model(2), model(3));
    let inputs = Inputs { base: &base, ability: &ability, reference: &reference, languages: vec![&es] };
    let go_on = &mut |_: maec_merge::Progress<'_>| ControlFlow::Continue(());
    let vector = Recipe {
        merge_method: MergeMethod::TaskVector,
        parameters: Parameters { lambda: 0.3, ..Parameters::default() },
        ..recipe()
    };
    let options = maec_merge::Options::default();
    let models = [
        base.clone(),
        merge_to_memory(&inputs, &vector, &options, go_on).unwrap().0,
        merge_to_memory(&inputs, &recipe(), &options, go_on).unwrap().0,
    ];
    for (weights, languages) in models.iter().zip(&results) {
        let model = Decoder::load(config.clone(), weights, &Device::flex()).unwrap();
        for (code, result) in ["en", "es"].into_iter().zip(languages) {
            let own: Vec<Problem> =
                problems.iter().filter(|problem| problem.language == code).take(5).cloned().collect();
            let go_on = &mut |_, _| ControlFlow::Continue(());
            let samples = block_on(answer(&model, &tokenizer, &own, &Options::default(), go_on)).unwrap();
            let own: Vec<String> =
                texts.iter().filter(|text| text.language == code).map(|text| text.text.clone()).collect();
            let expected = block_on(perplexity(&model, &tokenizer, &own, go_on)).unwrap();
            let accuracy = Accuracy::of(&samples);
            assert_eq!(
                (result.language.as_str(), result.n, result.correct as usize),
                (code, 5, accuracy.correct)
            );
            assert_eq!((result.low, result.high), (accuracy.low, accuracy.high));
            assert!((result.perplexity / expected.perplexity - 1.0).abs() < 1e-6);
        }
    }
    assert_ne!(results[0], results[2]);
}

/// A request for validation problems.
fn validate(subjects: Vec<Subject>) -> Request {
    let set = ProblemSet::Validation;
    Request::Evaluate { recipe: recipe(), subjects, set, problems_per_language: 3, lambda: 0.3 }
}

#[test]
fn validation_problems_are_asked_instead_of_test_problems() {
    let mut bed = Bed::<false>::open();
    let subjects = vec![Subject::Base, Subject::Merged];
    let test = evaluated(&mut bed, evaluate(subjects.clone(), 3));
    let results = evaluated(&mut bed, validate(subjects));
    let text =
        |name: &str| String::from_utf8(bed.world.files.borrow()[&format!("{URL}{name}")].clone()).unwrap();
    let config = ModelConfig::from_json(&text("config.json")).unwrap();
    let tokenizer = WordTokenizer::from_json(&text("tokenizer.json")).unwrap();
    let problems = Problem::from_lines(&text("validation.jsonl")).unwrap();
    let base = Decoder::load(config, &model(0), &Device::flex()).unwrap();
    for (code, (result, test)) in ["en", "es"].into_iter().zip(results[0].iter().zip(&test[0])) {
        let own: Vec<Problem> = problems.iter().filter(|problem| problem.language == code).cloned().collect();
        let go_on = &mut |_, _| ControlFlow::Continue(());
        let samples = block_on(answer(&base, &tokenizer, &own, &Options::default(), go_on)).unwrap();
        assert_eq!((result.n, result.correct as usize), (3, Accuracy::of(&samples).correct));
        // The texts are the same, whichever problems are asked.
        assert_eq!(result.perplexity, test.perplexity);
    }
}

#[test]
fn a_pack_without_validation_problems_says_so_when_they_are_asked() {
    let mut bed = Bed::<false>::closed();
    common::without_validation(&mut bed.world.files.borrow_mut());
    let Reply::PackOpened { pack } = bed.ask(Request::OpenPack { url: URL.into() }) else {
        panic!("not opened")
    };
    assert_eq!((pack.problems_per_language, pack.validation_per_language), (7, 0));
    let message = failed(bed.ask(validate(vec![Subject::Base])));
    assert!(message.contains("no validation problems") && message.contains("--validation"), "{message}");
}

#[test]
fn what_is_known_is_not_computed_again() {
    let mut bed = Bed::<false>::open();
    merged(&mut bed, &recipe());
    let all = vec![Subject::Base, Subject::TaskVector, Subject::Merged];
    let first = evaluated(&mut bed, evaluate(all.clone(), 5));
    let replies = bed.ask_all(evaluate(all.clone(), 5));
    assert_eq!(replies.len(), 1, "no progress: {replies:?}");
    assert_eq!(evaluated(&mut bed, evaluate(all, 5)), first);
}

#[test]
fn what_is_asked_counts_and_not_what_was_merged_last() {
    let all = vec![Subject::Base, Subject::TaskVector, Subject::Merged];
    let other = Recipe { parameters: Parameters { gamma: 9.0, ..recipe().parameters }, ..recipe() };
    let write = |recipe: &Recipe| Request::Generate {
        recipe: recipe.clone(),
        subject: Subject::Merged,
        prompt: "Tom has 1".into(),
        max_new_tokens: 9,
    };
    let text = |bed: &mut Bed<false>, recipe: &Recipe| -> Vec<Reply> {
        let replies = bed.ask_all(write(recipe)).into_iter().map(|(reply, _)| reply);
        replies.filter(|reply| matches!(reply, Reply::Token { .. })).collect()
    };
    // Nothing was merged before: a question merges what it needs.
    let first = evaluated(&mut Bed::<false>::open(), evaluate(all.clone(), 5));
    let said = text(&mut Bed::<false>::open(), &recipe());

    let mut bed = Bed::<false>::open();
    merged(&mut bed, &recipe());
    // Another question comes between a merge and its evaluation.
    text(&mut bed, &other);
    assert_eq!(evaluated(&mut bed, evaluate(all.clone(), 5)), first);
    merged(&mut bed, &other);
    assert_eq!(text(&mut bed, &recipe()), said);
    // The other recipe has other results, with the same base and the same task vector.
    let mut request = evaluate(all, 5);
    if let Request::Evaluate { recipe, .. } = &mut request {
        *recipe = other;
    }
    let second = evaluated(&mut bed, request);
    assert_eq!(first[..2], second[..2]);
    assert_ne!(first[2], second[2]);
}

#[test]
fn a_device_of_its_own_evaluates_alike() {
    let (mut cpu, mut gpu) = (Bed::<false>::open(), Bed::<true>::open());
    let all = vec![Subject::Base, Subject::TaskVector, Subject::Merged];
    merged(&mut cpu, &recipe());
    merged(&mut gpu, &recipe());
    let request = evaluate(all, 5);
    let (cpu, gpu) = (evaluated(&mut cpu, request.clone()), evaluated(&mut gpu, request));
    for (cpu, gpu) in cpu.iter().flatten().zip(gpu.iter().flatten()) {
        assert!((cpu.perplexity / gpu.perplexity - 1.0).abs() < 1e-2, "{cpu:?} {gpu:?}");
    }
}

#[test]
fn long_work_reports_and_can_be_cancelled() {
    let request = evaluate(vec![Subject::Base], 7);
    let replies = Bed::<false>::open().ask_all(request.clone());
    assert!(matches!(replies.last(), Some((Reply::Evaluated { .. }, _))));
    let labels: Vec<&str> = replies
        .iter()
        .filter_map(|(reply, _)| match reply {
            Reply::Progress { label, done: 0..=20, total: 20, .. } => Some(label.as_str()),
            _ => None,
        })
        .collect();
    for label in ["Answering in every language (base)", "Reading Spanish (base)"] {
        assert!(labels.contains(&label), "{label} in {labels:?}");
    }
    let mut bed = Bed::<false>::open();
    bed.world.cancel.set(Some((bed.next_id(), bed.world.pauses.get() + 2)));
    let replies = bed.ask_all(request.clone());
    assert!(replies.len() > 1 && replies.last().unwrap().0 == Reply::Cancelled, "{replies:?}");
    bed.world.cancel.set(None);
    assert!(matches!(bed.ask(request), Reply::Evaluated { .. }));
    bed.world.cancel.set(Some((bed.next_id(), 0)));
    assert_eq!(bed.ask(Request::Merge { recipe: recipe() }), Reply::Cancelled);
}

#[test]
fn generation_streams_what_it_returns() {
    let mut bed = Bed::<false>::open();
    let ask = |prompt: &str| Request::Generate {
        recipe: recipe(),
        subject: Subject::Base,
        prompt: prompt.into(),
        max_new_tokens: 9,
    };
    let request = ask("Tom has 1");
    let replies = bed.ask_all(request.clone());
    let Some((Reply::Generated { tokens, stop, .. }, _)) = replies.last() else { panic!("{replies:?}") };
    let text: String = replies
        .iter()
        .filter_map(|(reply, _)| match reply {
            Reply::Token { text } => Some(text.as_str()),
            _ => None,
        })
        .collect();
    assert!(
        *tokens == 9 && *stop == StopReason::Limit || *tokens < 9 && *stop == StopReason::EndOfText,
        "{replies:?}"
    );
    assert!(text.starts_with(' ') && !text.starts_with("  "), "{text:?}");
    assert_eq!(bed.ask_all(request.clone()).len(), replies.len());

    bed.world.cancel.set(Some((bed.next_id(), 0)));
    assert_eq!(bed.ask(request), Reply::Cancelled);
    assert!(
        failed(bed.ask(ask(&"Tom ".repeat(40))))
            .starts_with("The prompt has 41 tokens, the model 32 positions.")
    );
}

#[test]
fn an_export_is_the_merged_model_as_a_folder() {
    let mut bed = Bed::<false>::open();
    let (hash, selected, _) = merged(&mut bed, &recipe());
    let half = Recipe { out_dtype: Some(OutDtype::Float16), ..recipe() };
    for (recipe, stored) in [(recipe(), "bfloat16"), (half, "float16")] {
        let (reply, files) = bed.ask_all(Request::Export { recipe: recipe.clone() }).pop().unwrap();
        let Reply::Exported { names, hash: exported } = reply else { panic!("{reply:?}") };
        assert_eq!(exported == hash, stored == "bfloat16");
        let text = |name: &str| {
            let index = names.iter().position(|other| other == name).unwrap();
            String::from_utf8(files[index].clone()).unwrap()
        };
        let source = MemorySource::new("model.safetensors", files[0].clone());
        let weights = SafetensorsReader::open(std::sync::Arc::new(source)).unwrap();
        assert_eq!(
            (names[0].as_str(), model_hash(&weights).unwrap()),
            ("model.safetensors", exported.clone())
        );
        assert_eq!(Recipe::from_json(&text("recipe.json")).unwrap(), recipe);
        let config = ModelConfig::from_json(&text("config.json")).unwrap();
        assert!(Decoder::load(config, &weights, &Device::flex()).is_ok());
        assert!(text("config.json").contains(&format!("\"torch_dtype\": \"{stored}\"")));
        assert!(text("tokenizer_config.json").contains("\"eos_token\": \"</s>\""));
        assert!(text("generation_config.json").contains("\"eos_token_id\": 3"));
        let card = text("README.md");
        for part in [
            "---\nbase_model: \"tiny/base\"\n",
            "library_name: transformers",
            "- merge\n- maec\n---",
            &exported,
        ] {
            assert!(card.contains(part), "{part} in {card}");
        }
        assert!(card.contains(&format!("| selected tensors | {} of 20 |", selected.len())), "{card}");
    }
}

#[test]
fn recipes_of_another_pack_are_refused() {
    let mut bed = Bed::<false>::open();
    let mut other = recipe();
    other.languages[0].model = "te".into();
    let message = failed(bed.ask(Request::Merge { recipe: other }));
    assert!(message.contains("`te`") && message.contains("a-l0, l0, es"), "{message}");
    let other = Recipe { base_model: "world/base".into(), ..recipe() };
    assert!(failed(bed.ask(Request::Export { recipe: other })).contains("`world/base`"));
    let other = Recipe { parameters: Parameters { k2: 1.4, ..recipe().parameters }, ..recipe() };
    assert!(failed(bed.ask(Request::Merge { recipe: other })).contains("k2"));
}
