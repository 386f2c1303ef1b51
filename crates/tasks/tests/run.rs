//! Whole runs on a model that answers by rule: batches, limits, journals, resuming, shortened prompts, reports.

use std::collections::BTreeMap;
use std::fs;
use std::ops::ControlFlow;

use maec_tasks::{
    Continuation, Error, FileJournal, Generation, Input, Journal, Kind, LanguageModel, MemoryJournal,
    ModelError, Nll, Options, Outcome, Progress, Report, Run, Subject, Task, run,
};

/// Counts characters as tokens, adds up the numbers of the last question, likes the choice that its question names.
#[derive(Default)]
struct Rule {
    context: usize,
    /// Every prompt, pair and text asked.
    asked: Vec<String>,
    /// The sizes of the batches.
    batches: Vec<usize>,
    /// Fails at this batch.
    fails_at: Option<usize>,
}

impl Rule {
    fn of(context: usize) -> Self {
        Self { context, ..Self::default() }
    }

    fn batch(&mut self, texts: impl IntoIterator<Item = String>) -> Result<(), ModelError> {
        if self.fails_at == Some(self.batches.len()) {
            return Err(ModelError::new("the device is gone"));
        }
        let before = self.asked.len();
        self.asked.extend(texts);
        self.batches.push(self.asked.len() - before);
        Ok(())
    }
}

impl LanguageModel for Rule {
    async fn generate(
        &mut self,
        prompts: &[String],
        until: &[String],
        max_new_tokens: usize,
    ) -> Result<Vec<Generation>, ModelError> {
        self.batch(prompts.iter().cloned())?;
        let answer = |prompt: &String| {
            assert!(prompt.chars().count() + max_new_tokens <= self.context);
            let question = prompt.rsplit("\n\n").next().unwrap_or_default();
            let sum: u32 =
                question.split(|c: char| !c.is_ascii_digit()).filter_map(|n| n.parse::<u32>().ok()).sum();
            // Goes on after the stop string, as a model does that is not stopped.
            let text = format!(" Se suman. La respuesta es {sum}. {}{sum}99", until[0]);
            Generation { tokens: text.chars().count(), text, stopped: true }
        };
        Ok(prompts.iter().map(answer).collect())
    }

    async fn log_likelihood(&mut self, pairs: &[(String, String)]) -> Result<Vec<Continuation>, ModelError> {
        self.batch(pairs.iter().map(|(context, choice)| format!("{context}{choice}")))?;
        let like = |(context, choice): &(String, String)| {
            let question = context.rsplit("\n\n").next().unwrap_or_default();
            let liked = question.contains(&format!("say{choice}"));
            Continuation { log_likelihood: if liked { -0.5 } else { -2.0 }, tokens: 1, greedy: liked }
        };
        Ok(pairs.iter().map(like).collect())
    }

    async fn rolling(&mut self, texts: &[String]) -> Result<Vec<Nll>, ModelError> {
        self.batch(texts.iter().cloned())?;
        Ok(texts
            .iter()
            .map(|text| Nll { sum: 2.0 * text.chars().count() as f64, tokens: text.chars().count() })
            .collect())
    }

    fn context_tokens(&self) -> usize {
        self.context
    }

    fn count(&self, text: &str) -> usize {
        text.chars().count()
    }
}

fn input(name: &str, text: &str) -> Input {
    Input::new(name, None, text.as_bytes()).unwrap()
}

/// Three Spanish sums, the last answer wrong on purpose, and the first two in English.
fn sums(shots: usize) -> Task {
    let exemplars = r#"{"exemplars": {
        "es": {"1": {"q": "Pregunta: 1 y 1", "a": "Respuesta paso a paso: La respuesta es 2."},
               "2": {"q": "Pregunta: 2 y 2", "a": "Respuesta paso a paso: La respuesta es 4."}},
        "en": {"1": {"q": "Question: 1 and 1", "a": "Step-by-Step Answer: The answer is 2."},
               "2": {"q": "Question: 2 and 2", "a": "Step-by-Step Answer: The answer is 4."}}}}"#;
    let files = [
        input("exemplars.json", exemplars),
        input("mgsm_es.tsv", "¿Cuánto son 600 y 700?\t1,300\n¿Y 3 y 4?\t7\n¿Y 5 y 5?\t11\n"),
        input("mgsm_en.tsv", "How much are 600 and 700?\t1,300\nAnd 3 and 4?\t7\n"),
    ];
    let options = Options { shots: Some(shots), max_new_tokens: Some(40), ..Options::default() };
    Task::new(Kind::Mgsm, &files, &options).unwrap()
}

fn subject() -> Subject {
    Subject { model: "rule".into(), conditions: BTreeMap::from([("dtype".into(), "none".into())]) }
}

fn go(task: &Task, model: &mut Rule, options: Run, journal: &mut dyn Journal) -> Result<Report, Error> {
    pollster::block_on(run(task, model, &subject(), &options, journal, &mut |_| ControlFlow::Continue(())))
}

fn batch(batch: usize) -> Run {
    Run { batch, limit: None }
}

#[test]
fn answers_are_scored_and_reported_by_language() {
    let mut model = Rule::of(1000);
    let report = go(&sums(2), &mut model, batch(2), &mut MemoryJournal::default()).unwrap();
    // Languages have their own stop strings, so their own batches.
    assert_eq!(model.batches, [2, 1, 2]);
    assert!(model.asked.contains(
        &"Pregunta: 1 y 1\nRespuesta paso a paso: La respuesta es 2.\n\nPregunta: 2 y 2\nRespuesta paso a paso: La \
          respuesta es 4.\n\nPregunta: ¿Y 3 y 4?\nRespuesta paso a paso:"
            .to_owned()
    ));
    let ids: Vec<&str> = report.samples.iter().map(|sample| sample.id.as_str()).collect();
    assert_eq!(ids, ["es/1", "es/2", "es/3", "en/1", "en/2"]);
    let Outcome::Generated { text, filtered, stopped, .. } = &report.samples[0].outcome else {
        panic!("generated")
    };
    assert_eq!((text.as_str(), stopped), (" Se suman. La respuesta es 1300. ", &true));
    assert_eq!(filtered["strict"], "1300.");
    let rates = |row: &maec_tasks::Row| -> Vec<f64> {
        ["strict", "localised", "flexible", "number"].map(|score| row.scores[score].value).into()
    };
    assert_eq!(rates(&report.groups[0]), [2.0 / 3.0; 4]);
    // The English phrase does not come; the number does.
    assert_eq!(rates(&report.groups[1]), [0.0, 0.0, 1.0, 1.0]);
    let mean = report.mean.as_ref().unwrap();
    assert_eq!(
        rates(mean),
        [1.0 / 3.0, 1.0 / 3.0, f64::midpoint(2.0 / 3.0, 1.0), f64::midpoint(2.0 / 3.0, 1.0)]
    );
    assert_eq!(report.all.as_ref().unwrap().scores["number"].value, 0.8);
    assert_eq!(report.head(), ["language", "n", "strict", "localised", "flexible", "number"]);
    let rows = report.rows();
    assert_eq!(rows.iter().map(|row| row[0].as_str()).collect::<Vec<_>>(), ["es", "en", "mean", "all"]);
    // Wilson's interval of 2 in 3, and √(p(1−p)/2).
    assert_eq!(rows[0][5], "66.7 % ± 33.3 [20.8, 93.9]");
    let again: Report = serde_json::from_str(&report.to_json().unwrap()).unwrap();
    assert_eq!(again, report);
    assert_eq!(report.notes(), ["2 exemplars before each question; 8 are usual"]);
}

#[test]
fn a_run_goes_on_where_it_was_broken_off() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal.jsonl");
    let whole = go(&sums(2), &mut Rule::of(1000), batch(1), &mut MemoryJournal::default()).unwrap();

    let mut first = Rule::of(1000);
    let stop_at_two = |progress: Progress| {
        if progress.done == 2 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    };
    let mut journal = FileJournal::open(&path).unwrap();
    let error = pollster::block_on(run(&sums(2), &mut first, &subject(), &batch(1), &mut journal, &mut {
        stop_at_two
    }))
    .unwrap_err();
    assert!(matches!(error, Error::Cancelled { done: 2, total: 5 }), "{error}");
    assert!(matches!(FileJournal::open(&path), Err(Error::Busy { .. })));
    drop(journal);

    // The program died while it wrote a third line, in the middle of a character.
    let mut bytes = fs::read(&path).unwrap();
    let lines = bytes.len();
    bytes.extend("{\"id\": \"es/ñ".as_bytes());
    bytes.pop();
    fs::write(&path, &bytes[..bytes.len() - 1]).unwrap();

    let mut second = Rule { fails_at: Some(1), ..Rule::of(1000) };
    let error = go(&sums(2), &mut second, batch(1), &mut FileJournal::open(&path).unwrap()).unwrap_err();
    assert_eq!(error.to_string(), "the device is gone");
    assert!(fs::metadata(&path).unwrap().len() > lines as u64);

    let mut third = Rule::of(1000);
    let mut seen = Vec::new();
    let report = pollster::block_on(run(
        &sums(2),
        &mut third,
        &subject(),
        &batch(1),
        &mut FileJournal::open(&path).unwrap(),
        &mut |progress| {
            seen.push((progress.done, progress.total, progress.resumed));
            ControlFlow::Continue(())
        },
    ))
    .unwrap();
    assert_eq!(seen, [(3, 5, 3), (4, 5, 3), (5, 5, 3)]);
    assert_eq!((first.asked.len(), second.asked.len(), third.asked.len()), (2, 1, 2));
    assert_eq!(report, whole);
}

#[test]
fn another_journal_is_refused_with_the_difference() {
    let mut journal = MemoryJournal::default();
    go(&sums(2), &mut Rule::of(1000), batch(4), &mut journal).unwrap();
    let error = go(&sums(1), &mut Rule::of(500), batch(4), &mut journal).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the journal was made with other settings (context_tokens: 1000 then, 500 now; shots: 2 then, 1 now); use the \
         same ones, or another journal"
    );
    // Batches and limits are no settings.
    let mut model = Rule::of(1000);
    let limited = go(&sums(2), &mut model, Run { batch: 1, limit: Some(1) }, &mut journal).unwrap();
    assert_eq!((limited.samples.len(), model.asked.len()), (2, 0));
    journal.text = format!("{}nonsense\n", journal.text);
    let error = go(&sums(2), &mut model, batch(1), &mut journal).unwrap_err();
    assert!(matches!(error, Error::JournalLine { line: 7, .. }), "{error}");
}

#[test]
fn a_limited_run_is_gone_on_with() {
    let mut journal = MemoryJournal::default();
    let mut model = Rule::of(1000);
    go(&sums(2), &mut model, Run { batch: 8, limit: Some(1) }, &mut journal).unwrap();
    assert_eq!(model.asked.len(), 2);
    let report = go(&sums(2), &mut model, batch(8), &mut journal).unwrap();
    assert_eq!((model.asked.len(), report.samples.len()), (5, 5));
}

#[test]
fn long_prompts_lose_exemplars_from_the_front() {
    let whole = sums(2);
    let maec_tasks::Ask::Generate { prompt, .. } = &whole.items()[1].ask else { panic!("generated") };
    let length = |dropped| prompt.text(dropped).chars().count();
    // Room for the second question with one exemplar; the longer first ones then have none.
    let mut model = Rule::of(length(1) + 40);
    let report = go(&whole, &mut model, batch(8), &mut MemoryJournal::default()).unwrap();
    let dropped: Vec<usize> = report.samples.iter().map(|sample| sample.dropped).collect();
    assert_eq!(dropped, [2, 1, 1, 2, 1]);
    assert!(model.asked.contains(&prompt.text(1)));
    assert_eq!(
        report.notes()[1..],
        ["5 of 5 prompts went without 7 exemplars together, so that they fit the model"]
    );
    // Half of a small context is for the question; what does not fit there is wrong.
    let bare = length(2);
    let report = go(&whole, &mut Rule::of(2 * bare), batch(8), &mut MemoryJournal::default()).unwrap();
    assert_eq!(report.samples[0].outcome, Outcome::TooLong { tokens: bare + 13 });
    assert_eq!(report.samples[0].scores["number"], 0.0);
    assert_eq!(report.groups[0].too_long, 1);
    assert!(report.notes()[2].starts_with("2 of 5 questions do"), "{:?}", report.notes());
}

#[test]
fn choices_are_taken_by_likelihood() {
    let rows = "Please say B,a,b,c,d,B\nPlease say C,a,b,c,d,D\nPlease,a,b,c,d,A\n";
    let files = [
        input("college_physics_test.csv", rows),
        input("college_biology_test.csv", rows),
        input("college_physics_dev.csv", "What?,a,b,c,d,A\n"),
        input("college_biology_dev.csv", "Who?,a,b,c,d,A\n"),
    ];
    let task = Task::new(Kind::Mmlu, &files, &Options { shots: Some(1), ..Options::default() }).unwrap();
    let mut model = Rule::of(1000);
    let report = go(&task, &mut model, batch(8), &mut MemoryJournal::default()).unwrap();
    assert_eq!(model.batches, [8, 8, 8]);
    let Outcome::Chosen { choice, log_likelihoods } = &report.samples[1].outcome else { panic!("chosen") };
    assert_eq!((choice.as_str(), log_likelihoods.as_slice()), ("C", &[-2.0, -2.0, -0.5, -2.0][..]));
    // All alike: the first.
    assert_eq!(report.samples[2].scores["accuracy"], 1.0);
    assert_eq!(report.groups[0].scores["accuracy"].value, 2.0 / 3.0);
    assert_eq!(report.head(), ["subject", "n", "accuracy"]);
    assert_eq!(report.rows()[0][0], "college_physics");
}

#[test]
fn perplexity_and_bits_per_byte_are_of_all_pieces_together() {
    let files =
        [input("a.txt", "abcd\nefgh\n"), input("b.jsonl", "{\"text\": \"ñandú\", \"language\": \"es\"}\n")];
    let task =
        Task::new(Kind::Text, &files, &Options { piece_bytes: Some(5), ..Options::default() }).unwrap();
    let mut model = Rule::of(1000);
    let report = go(&task, &mut model, batch(8), &mut MemoryJournal::default()).unwrap();
    assert_eq!(model.asked, ["ú", "abcd\n", "efgh\n", "ñand"]);
    let [a, es] = &report.groups[..] else { panic!("two groups") };
    assert_eq!((a.name.as_str(), a.n, a.tokens, a.bytes), ("a", 2, 10, 10));
    // Two nats a character; Spanish has two of two bytes.
    assert_eq!(a.scores["perplexity"].value, 2.0_f64.exp());
    let bits = 2.0 / std::f64::consts::LN_2;
    assert_eq!(a.scores["bits_per_byte"].value, bits);
    assert!((es.scores["bits_per_byte"].value - bits * 5.0 / 7.0).abs() < 1e-12);
    assert_eq!(report.head(), ["language", "n", "tokens", "bytes", "perplexity", "bits per byte"]);
    assert_eq!(report.rows()[0][4], "7.39 ± 0.00 [7.39, 7.39]");
}

#[test]
fn rows_of_ones_own_are_generated_or_chosen() {
    let rows = r#"{"id": "sum", "prompt": "2 + 3 =", "answer": 5, "language": "es"}
{"prompt": "2 + 2 =", "answer": "Se suman. La respuesta es 4."}
{"question": "Please say B", "choices": ["x", "y", "z"], "answer": "y"}
"#;
    let task = Task::new(Kind::Jsonl, &[input("own.jsonl", rows)], &Options::default()).unwrap();
    let mut model = Rule::of(1000);
    let report = go(&task, &mut model, batch(8), &mut MemoryJournal::default()).unwrap();
    assert_eq!(model.asked[2], "Please say B\nA. x\nB. y\nC. z\nAnswer: A");
    let scores: Vec<Vec<(&str, f64)>> = report
        .samples
        .iter()
        .map(|sample| sample.scores.iter().map(|(name, score)| (name.as_str(), *score)).collect())
        .collect();
    assert_eq!(
        scores,
        [vec![("exact", 0.0), ("number", 1.0)], vec![("exact", 1.0)], vec![("accuracy", 1.0)]]
    );
    assert_eq!(report.groups[0].name, "es");
    assert_eq!(report.rows()[0][4], "–");
}

#[test]
fn a_model_that_answers_nonsense_is_told_so() {
    /// Answers one question less than it was asked, or with what is no number.
    struct Broken(f64);
    impl LanguageModel for Broken {
        async fn generate(
            &mut self,
            _: &[String],
            _: &[String],
            _: usize,
        ) -> Result<Vec<Generation>, ModelError> {
            Err(ModelError::Cancelled)
        }
        async fn log_likelihood(
            &mut self,
            pairs: &[(String, String)],
        ) -> Result<Vec<Continuation>, ModelError> {
            Ok(vec![Continuation { log_likelihood: 0.0, tokens: 1, greedy: false }; pairs.len() - 1])
        }
        async fn rolling(&mut self, texts: &[String]) -> Result<Vec<Nll>, ModelError> {
            Ok(vec![Nll { sum: self.0, tokens: 1 }; texts.len()])
        }
        fn context_tokens(&self) -> usize {
            1000
        }
        fn count(&self, text: &str) -> usize {
            text.len()
        }
    }
    let ask = |kind: Kind, name: &str, text: &str| {
        let task =
            Task::new(kind, &[input(name, text)], &Options { shots: Some(0), ..Options::default() }).unwrap();
        let mut journal = MemoryJournal::default();
        pollster::block_on(run(
            &task,
            &mut Broken(f64::NAN),
            &subject(),
            &batch(8),
            &mut journal,
            &mut |_| ControlFlow::Continue(()),
        ))
        .unwrap_err()
    };
    assert!(matches!(ask(Kind::Mmlu, "x_test.csv", "q,a,b,c,d,A"), Error::Replies { asked: 4, answered: 3 }));
    assert!(matches!(ask(Kind::Text, "x.txt", "text"), Error::NotFinite { .. }));
    assert!(matches!(ask(Kind::Mgsm, "mgsm_es.tsv", "q\t1"), Error::Cancelled { done: 0, total: 1 }));
}
