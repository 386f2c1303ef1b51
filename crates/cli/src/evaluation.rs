//! Evaluating models on problems and held-out text, for every command that does.

use std::collections::BTreeMap;

use anyhow::Result;
use indicatif::ProgressBar;
use maec_eval::{
    Accuracy, HeldOut, LanguageReport, ModelReport, Options, Problem, Question, answer, choose, perplexity,
};
use maec_model::{Decoder, WordTokenizer};
use maec_protocol::LanguageResult;
use maec_world::Language;

use crate::{interrupt, table};

/// A lead of the largest logit below which another device may answer otherwise.
const CLOSE: f32 = 1e-3;

/// What is asked in one language.
#[derive(Debug, Clone, Default)]
pub struct LanguageTest {
    /// The language's code.
    pub language: String,
    /// Problems.
    pub problems: Vec<Problem>,
    /// Four-choice questions.
    pub questions: Vec<Question>,
    /// Held-out texts.
    pub texts: Vec<String>,
}

/// What is asked, language by language.
#[derive(Debug, Clone)]
pub struct TestSet {
    /// The world's languages in its order, then others by their codes.
    pub languages: Vec<LanguageTest>,
}

impl TestSet {
    /// Sorts problems and texts by language; of the problems at most so many in each.
    pub fn new(problems: Vec<Problem>, texts: Vec<HeldOut>, limit: Option<usize>) -> Self {
        Self::with_questions(problems, Vec::new(), texts, limit)
    }

    /// Sorts problems, four-choice questions and texts by language; of problems and of questions at most so many in each.
    pub fn with_questions(
        problems: Vec<Problem>,
        questions: Vec<Question>,
        texts: Vec<HeldOut>,
        limit: Option<usize>,
    ) -> Self {
        let mut tests: BTreeMap<(usize, String), LanguageTest> = BTreeMap::new();
        let mut of = |code: &str, add: &mut dyn FnMut(&mut LanguageTest)| {
            let fresh = || LanguageTest { language: code.to_owned(), ..LanguageTest::default() };
            add(tests.entry((place(code), code.to_owned())).or_insert_with(fresh));
        };
        for question in questions {
            of(&question.language.clone(), &mut |test| {
                if limit.is_none_or(|limit| test.questions.len() < limit) {
                    test.questions.push(question.clone());
                }
            });
        }
        for problem in problems {
            of(&problem.language.clone(), &mut |test| {
                if limit.is_none_or(|limit| test.problems.len() < limit) {
                    test.problems.push(problem.clone());
                }
            });
        }
        for text in texts {
            of(&text.language.clone(), &mut |test| test.texts.push(text.text.clone()));
        }
        Self { languages: tests.into_values().collect() }
    }

    /// Problems, questions and texts in all.
    pub fn units(&self) -> u64 {
        let units = |test: &LanguageTest| test.problems.len() + test.questions.len() + test.texts.len();
        self.languages.iter().map(|test| units(test) as u64).sum()
    }
}

/// The languages' order in tables.
fn place(code: &str) -> usize {
    Language::from_code(code).map_or(usize::MAX, |language| language as usize)
}

/// Evaluates one model; `bar` advances by [`TestSet::units`].
pub fn evaluate(
    name: &str,
    model: &Decoder,
    tokenizer: &WordTokenizer,
    tests: &TestSet,
    options: &Options,
    bar: &ProgressBar,
) -> Result<ModelReport> {
    let mut languages = Vec::with_capacity(tests.languages.len());
    for LanguageTest { language, problems, questions, texts } in &tests.languages {
        bar.set_message(format!("{name}, {language}"));
        let begun = bar.position();
        let progress = &mut |done: usize, _| {
            bar.set_position(begun + done as u64);
            interrupt::flow()
        };
        let samples = pollster::block_on(answer(model, tokenizer, problems, options, progress))?;
        let begun = bar.position();
        let progress = &mut |done: usize, _| {
            bar.set_position(begun + done as u64);
            interrupt::flow()
        };
        let choices = pollster::block_on(choose(model, tokenizer, questions, options.batch, progress))?;
        let begun = bar.position();
        let progress = &mut |done: usize, _| {
            bar.set_position(begun + done as u64);
            interrupt::flow()
        };
        let perplexity = match texts.is_empty() {
            true => None,
            false => Some(pollster::block_on(perplexity(model, tokenizer, texts, progress))?),
        };
        languages.push(LanguageReport::new(language, samples, perplexity).with_choices(choices));
    }
    Ok(ModelReport { model: name.into(), languages })
}

/// A table each for accuracy on problems, on four-choice questions, and perplexity, with a row for every model and a column for every language.
pub fn tables(models: &[ModelReport]) -> String {
    let mut parts = Vec::new();
    let Some(first) = models.first() else { return String::new() };
    let others = |accuracy: Accuracy| match accuracy {
        Accuracy { n: 0, .. } => "–".into(),
        others => table::percent(others.rate()),
    };
    if let Some(n) = sizes(first, &|report| report.accuracy) {
        parts.push(format!("Accuracy in %, with its 95 % interval; n = {n} problems a language"));
        let others = |report: &ModelReport| others(report.accuracy_without("en"));
        parts.push(grid(models, "all but en", &|it| it.accuracy.map(shown), &others));
    }
    let choices = |report: &LanguageReport| report.choices.as_ref().map(|choices| choices.accuracy);
    if let Some(n) = sizes(first, &choices) {
        parts.push(format!("Right choices in %, with their 95 % interval; n = {n} questions a language"));
        let others = |report: &ModelReport| others(report.choice_accuracy_without("en"));
        parts.push(grid(models, "all but en", &|it| choices(it).map(shown), &others));
    }
    if first.languages.iter().any(|report| report.perplexity.is_some()) {
        parts.push("Perplexity of held-out text".into());
        let mean =
            |report: &ModelReport| report.mean_perplexity().map_or("–".into(), |mean| format!("{mean:.3}"));
        parts.push(grid(models, "mean", &|it| it.perplexity.map(|p| format!("{:.3}", p.perplexity)), &mean));
    }
    parts.join("\n")
}

/// How many were asked in a language, `600` or `300–600`; `None` where nothing was.
fn sizes(report: &ModelReport, of: &dyn Fn(&LanguageReport) -> Option<Accuracy>) -> Option<String> {
    let n: Vec<usize> = report.languages.iter().filter_map(|report| Some(of(report)?.n)).collect();
    let (low, high) = (n.iter().min()?, n.iter().max()?);
    Some(if low == high { low.to_string() } else { format!("{low}–{high}") })
}

fn shown(accuracy: Accuracy) -> String {
    let [rate, low, high] = [accuracy.rate(), accuracy.low, accuracy.high].map(table::percent);
    format!("{rate} ({low}–{high})")
}

fn grid(
    models: &[ModelReport],
    summary: &str,
    cell: &dyn Fn(&LanguageReport) -> Option<String>,
    last: &dyn Fn(&ModelReport) -> String,
) -> String {
    let codes = models.iter().flat_map(|model| model.languages.first().map(|_| &model.languages)).next();
    let codes = codes.into_iter().flatten().map(|report| report.language.as_str());
    let headings: Vec<&str> = ["model"].into_iter().chain(codes).chain([summary]).collect();
    let mut table = table::new(&headings, 1);
    for model in models {
        let mut row = vec![model.model.clone()];
        row.extend(model.languages.iter().map(|report| cell(report).unwrap_or_else(|| "–".into())));
        row.push(last(model));
        table.add_row(row);
    }
    table.to_string()
}

/// A language's results as the studio has them.
pub fn result(report: &LanguageReport) -> LanguageResult {
    let accuracy = report.accuracy.unwrap_or_else(|| Accuracy::new(0, 0));
    LanguageResult {
        language: report.language.clone(),
        n: accuracy.n as u32,
        correct: accuracy.correct as u32,
        low: accuracy.low,
        high: accuracy.high,
        perplexity: report.perplexity.map_or(0.0, |perplexity| perplexity.perplexity),
        close_calls: report.close_calls(CLOSE),
    }
}
