//! Answers and perplexity of tiny decoders whose outputs are known beforehand.

use std::convert::Infallible;
use std::ops::ControlFlow;

use maec_eval::{
    Accuracy, EvalError, Options, Problem, Question, answer, choose, paired_difference, perplexity,
};
use maec_model::{Decoder, DeviceKind, ModelConfig, WordTokenizer};
use pollster::block_on;

const WORDS: [&str; 14] =
    ["<unk>", "<s>", "</s>", "0", "1", "2", "3", "4", "Tom", "has", "how", "many", "?", ":"];

fn tokenizer() -> WordTokenizer {
    let vocab: serde_json::Map<_, _> =
        WORDS.iter().zip(0..).map(|(word, id)| ((*word).to_owned(), id.into())).collect();
    let json = serde_json::json!({
        "model": {"type": "WordLevel", "unk_token": "<unk>", "vocab": vocab},
        "pre_tokenizer": {"type": "Sequence", "pretokenizers": [
            {"type": "WhitespaceSplit"}, {"type": "Digits", "individual_digits": true}]},
        "added_tokens": [{"id": 1, "special": true}, {"id": 2, "special": true}],
        "post_processor": {"type": "TemplateProcessing", "single": [{"SpecialToken": {"id": "<s>"}}, {"Sequence": {"id": "A"}}]},
    });
    WordTokenizer::from_json(&json.to_string()).unwrap()
}

fn config() -> ModelConfig {
    ModelConfig {
        vocab_size: WORDS.len(),
        hidden_size: 8,
        intermediate_size: 16,
        num_hidden_layers: 2,
        num_attention_heads: 2,
        num_key_value_heads: 1,
        head_dim: 4,
        rms_norm_eps: 1e-5,
        rope_theta: 1e4,
        max_position_embeddings: 32,
        tie_word_embeddings: true,
        bos_token_id: Some(1),
        eos_token_ids: vec![2],
        rope_scaling: None,
        family: Default::default(),
        variant: Default::default(),
        pad_token_id: None,
    }
}

/// A decoder whose every value is `value()`.
fn model(mut value: impl FnMut() -> f32) -> Decoder {
    let device = DeviceKind::Cpu.open().unwrap();
    let build = Decoder::build(config(), &device, |_, shape| {
        Ok::<_, Infallible>((0..shape.iter().product()).map(|_| value()).collect())
    });
    match build {
        Ok(model) => model,
        Err(never) => match never {},
    }
}

/// A decoder with values spread over −1…1 by a fixed linear congruence.
fn scattered() -> Decoder {
    let mut state = 7_u32;
    model(move || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) as f32 / (1 << 23) as f32 - 1.0
    })
}

fn problems() -> Vec<Problem> {
    let questions =
        ["Tom has 1 2 how many ? :", "has :", "how many Tom ? has 3 :", "Tom 4 :", "2 2 2 2 2 2 2 ? :"];
    let problem = |(index, question): (usize, &&str)| Problem {
        id: format!("en-{index:04}"),
        language: "en".into(),
        question: (*question).into(),
        answer: 1,
        a: 2,
        b: 1,
        op: "sub".into(),
    };
    questions.iter().enumerate().map(problem).collect()
}

fn go_on(_: usize, _: usize) -> ControlFlow<()> {
    ControlFlow::Continue(())
}

#[test]
fn a_uniform_model_is_as_perplexed_as_its_vocabulary() {
    let texts = ["Tom has 12".to_owned(), "how many ?".to_owned()];
    let found = block_on(perplexity(&model(|| 0.0), &tokenizer(), &texts, &mut go_on)).unwrap();
    // Tom has 1 2 </s>, how many ? </s>
    assert_eq!((found.tokens, found.bytes), (9, 20));
    assert!((found.perplexity - WORDS.len() as f64).abs() < 1e-4, "{found:?}");
    let bits = 9.0 * (WORDS.len() as f64).log2() / 20.0;
    assert!((found.bits_per_byte - bits).abs() < 1e-5, "{found:?}");
}

#[test]
fn perplexity_does_not_depend_on_the_texts_company() {
    let model = scattered();
    let texts: Vec<String> = problems().into_iter().map(|problem| problem.question).collect();
    let together = block_on(perplexity(&model, &tokenizer(), &texts, &mut go_on)).unwrap();
    let alone = texts.iter().map(|text| {
        block_on(perplexity(&model, &tokenizer(), std::slice::from_ref(text), &mut go_on)).unwrap()
    });
    let joined = maec_eval::Perplexity::join(&alone.collect::<Vec<_>>());
    assert_eq!((joined.tokens, joined.bytes), (together.tokens, together.bytes));
    assert!((joined.perplexity / together.perplexity - 1.0).abs() < 1e-5, "{joined:?} {together:?}");
}

#[test]
fn many_batches_count_every_text_once() {
    let texts = vec!["how many ?".to_owned(); 1500];
    let mut calls = Vec::new();
    let mut progress = |done, total| {
        calls.push((done, total));
        ControlFlow::Continue(())
    };
    let found = block_on(perplexity(&model(|| 0.0), &tokenizer(), &texts, &mut progress)).unwrap();
    assert_eq!(found.tokens, 4 * 1500);
    assert!(calls.len() > 2, "{calls:?}");
    assert_eq!(calls.last(), Some(&(1500, 1500)));
}

#[test]
fn answers_do_not_depend_on_the_batch_and_keep_the_order() {
    let (model, tokenizer, problems) = (scattered(), tokenizer(), problems());
    let run = |batch| {
        let options = Options { batch, max_new_tokens: 4 };
        block_on(answer(&model, &tokenizer, &problems, &options, &mut go_on)).unwrap()
    };
    let (one, all) = (run(1), run(100));
    assert!(one.iter().any(|sample| !sample.text.is_empty()), "the model should write something: {one:?}");
    for ((one, all), problem) in one.iter().zip(&all).zip(&problems) {
        assert_eq!((&one.id, &one.text, one.parsed), (&problem.id, &all.text, all.parsed));
        assert!((one.margin - all.margin).abs() < 1e-4, "{one:?} {all:?}");
        assert_eq!(one.correct, one.parsed == Some(1));
    }
    assert_eq!(one.len(), problems.len());
}

#[test]
fn a_tie_of_all_logits_is_a_close_call_and_the_first_token_wins() {
    let samples =
        block_on(answer(&model(|| 0.0), &tokenizer(), &problems(), &Options::default(), &mut go_on)).unwrap();
    for sample in samples {
        assert_eq!(sample.text, ["<unk>"; 6].join(" "));
        assert_eq!((sample.margin, sample.correct), (0.0, false));
    }
}

#[test]
fn breaking_off_stops_after_the_batch() {
    let mut calls = 0;
    let mut progress = |_, _| {
        calls += 1;
        ControlFlow::Break(())
    };
    let options = Options { batch: 2, max_new_tokens: 1 };
    let result = block_on(answer(&scattered(), &tokenizer(), &problems(), &options, &mut progress));
    assert!(matches!(result, Err(EvalError::Cancelled)));
    assert_eq!(calls, 1);
}

#[test]
fn bad_input_is_named() {
    let (model, tokenizer) = (scattered(), tokenizer());
    let none = block_on(perplexity(&model, &tokenizer, &[], &mut go_on)).unwrap_err();
    assert!(matches!(none, EvalError::NoText));
    let long = "Tom ".repeat(40);
    let error =
        block_on(perplexity(&model, &tokenizer, &["Tom".into(), long.clone()], &mut go_on)).unwrap_err();
    assert!(
        error.to_string().starts_with("held-out text 2 has 41 tokens, the model has 32 positions"),
        "{error}"
    );
    let mut problems = problems();
    problems[3].question = long;
    let error = block_on(answer(&model, &tokenizer, &problems, &Options::default(), &mut go_on)).unwrap_err();
    assert!(error.to_string().starts_with("problem `en-0003` has 41 tokens"), "{error}");
}

fn questions() -> Vec<Question> {
    let question = |index: usize, question: &str, choices: [&str; 4], answer| Question {
        id: format!("en-{index:04}"),
        language: "en".into(),
        question: question.into(),
        choices: choices.map(str::to_owned).into(),
        answer,
        fact: format!("fact {}", index / 2),
    };
    vec![
        question(0, "Tom has how many ? :", ["1", "2", "3", "4"], 0),
        question(1, "how many has Tom ? 1 2 3 :", ["4", "3", "2", "1"], 2),
        question(2, "has :", ["Tom", "Tom has", "1 2 3", "how many"], 1),
        question(3, "Tom :", ["has", "how", "many", "has 1"], 3),
    ]
}

#[test]
fn choices_are_the_likeliest_texts_and_do_not_depend_on_their_company() {
    let (model, tokenizer, questions) = (scattered(), tokenizer(), questions());
    let run = |batch| block_on(choose(&model, &tokenizer, &questions, batch, &mut go_on)).unwrap();
    let (one, all) = (run(1), run(100));
    for ((one, all), question) in one.iter().zip(&all).zip(&questions) {
        assert_eq!((&one.id, one.chosen, one.expected), (&question.id, all.chosen, question.answer));
        assert_eq!(one.correct, one.chosen == question.answer);
        for (index, (one_by_one, together)) in
            one.log_likelihoods.iter().zip(&all.log_likelihoods).enumerate()
        {
            assert!((one_by_one - together).abs() < 1e-4, "{one:?} {all:?}");
            // ln P(text, end | prompt) less ln P(end | prompt, text), by the perplexity of the texts that end there.
            let nll =
                |text: String| block_on(perplexity(&model, &tokenizer, &[text], &mut go_on)).unwrap().nll_sum;
            let whole = format!("{} {}", question.question, question.choices[index]);
            let words = question.choices[index].split(' ').count();
            let ends = |text: &str| end_nll(&model, &tokenizer, text);
            let told = nll(whole.clone())
                - ends(&whole)
                - (nll(question.question.clone()) - ends(&question.question));
            assert!((one_by_one + told).abs() < 1e-3 * words as f64, "{one_by_one} {told}");
        }
        let largest = one.log_likelihoods.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        assert_eq!(one.log_likelihoods[one.chosen], largest);
    }
}

/// −ln P(end token | text).
fn end_nll(model: &Decoder, tokenizer: &WordTokenizer, text: &str) -> f64 {
    let question =
        Question { question: text.into(), choices: vec!["</s>".into(), "1".into()], ..questions().remove(0) };
    -block_on(choose(model, tokenizer, &[question], 1, &mut go_on)).unwrap()[0].log_likelihoods[0]
}

#[test]
fn a_uniform_model_takes_the_first_of_equal_texts() {
    let found = block_on(choose(&model(|| 0.0), &tokenizer(), &questions(), 3, &mut go_on)).unwrap();
    let choices: Vec<usize> = found.iter().map(|choice| choice.chosen).collect();
    // Every token costs ln 14, so that the shortest text wins.
    assert_eq!(choices, [0, 0, 0, 0]);
    assert!((found[2].log_likelihoods[2] + 3.0 * (WORDS.len() as f64).ln()).abs() < 1e-4);
    let accuracy = Accuracy::of(&found);
    assert_eq!((accuracy.correct, accuracy.n), (1, 4));
    let difference = paired_difference(&found, &found).unwrap();
    assert_eq!((difference.mean, difference.clusters), (0.0, 2));
}

#[test]
fn bad_questions_are_named() {
    let ask = |questions: &[Question], model: &Decoder| {
        block_on(choose(model, &tokenizer(), questions, 2, &mut go_on)).unwrap_err().to_string()
    };
    let mut long = questions();
    long[1].choices[2] = "1 ".repeat(40);
    let error = ask(&long, &scattered());
    assert!(error.starts_with("question `en-0001` has 49 tokens, the model has 32 positions"), "{error}");
    let error = ask(&questions(), &model(|| f32::NAN));
    assert_eq!(error, "question `en-0000` has a likelihood that is no number; is the model damaged?");
    let cancelled =
        block_on(choose(&scattered(), &tokenizer(), &questions(), 2, &mut |_, _| ControlFlow::Break(())));
    assert!(matches!(cancelled, Err(EvalError::Cancelled)));
}
