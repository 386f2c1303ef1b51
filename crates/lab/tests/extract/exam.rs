//! Exams on files: gone on with where they were cut, and questions to choose by that are no others' questions.

use std::cell::Cell;
use std::collections::BTreeSet;
use std::fs;
use std::ops::ControlFlow;
use std::path::PathBuf;

use maec_checkpoint::Dtype;
use maec_lab::{
    Examiner, Experiment, ExperimentError, FilesExam, FilesGround, Lab, LabError, Marks, News, Questions,
    Silent, Store, Watch,
};
use serde_json::{Value, json};

use super::files::Place;

/// Breaks an exam off when it was asked so often whether to go on.
struct Patience(Cell<u32>);

impl Watch for Patience {
    fn step(&self, _: News<'_>) -> ControlFlow<()> {
        ControlFlow::Continue(())
    }

    fn go_on(&self) -> ControlFlow<()> {
        match self.0.get().checked_sub(1) {
            Some(left) => {
                self.0.set(left);
                ControlFlow::Continue(())
            }
            None => ControlFlow::Break(()),
        }
    }
}

const EVALUATION: &str = "evaluation:\n  batch: 2\n  windows: 2\n  abilities: {science: [{task: jsonl, files: [asked.jsonl], max_new_tokens: 3}]}\n  \
                          validation: {science: [{task: jsonl, files: [chosen.jsonl], max_new_tokens: 3}]}\n";

/// Questions of two languages, of other lengths.
fn place() -> Place {
    let place = Place::holding_out(Dtype::F32, 0.4);
    for (file, question) in [("asked", "Tom has"), ("chosen", "Ana has")] {
        let mut text = String::new();
        for (number, language) in ["en", "es", "en", "es", "en"].into_iter().enumerate() {
            let (id, prompt) = (number.to_string(), [question].repeat(number + 1).join(" "));
            let row = json!({"id": id, "language": language, "prompt": prompt, "answer": "3"});
            text += &format!("{row}\n");
        }
        fs::write(place.folder.path().join(format!("{file}.jsonl")), text).unwrap();
    }
    place
}

fn open(place: &Place, ground: &FilesGround, questions: Questions<'_>) -> Result<FilesExam, Vec<LabError>> {
    let tokenizer = maec_tokenizer::open_shared(&place.tokenizer, None).unwrap();
    FilesExam::open(ground, place.folder.path(), tokenizer, vec![3], questions)
}

/// Lines of the journals in a store, the header's among them.
fn journals(place: &Place) -> Vec<(PathBuf, Vec<Value>)> {
    let entries = fs::read_dir(place.folder.path().join("cache/values")).unwrap();
    let journals = entries.map(|entry| entry.unwrap().path());
    let journals = journals.filter(|path| path.extension().is_some_and(|ending| ending == "jsonl"));
    let lines = |path: &PathBuf| {
        let text = fs::read_to_string(path).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    };
    journals.map(|path| (path.clone(), lines(&path))).collect()
}

#[test]
fn a_cut_exam_goes_on_to_the_same_marks_and_asks_nothing_twice() {
    let place = place();
    let ground = place.open(place.experiment(EVALUATION));
    let exam = open(&place, &ground, Questions::Reported).unwrap();
    let weights = place.base.weights.as_ref();
    let straight = Store::memory();
    let examine = |store: &Store, watch: &dyn Watch| -> Result<Marks, LabError> {
        exam.examine(&Lab { ground: &ground, store, watch }, "base", weights)
    };
    let expected = examine(&straight, &Silent).unwrap();
    assert_eq!((expected.answers["science"]["en"].len(), expected.answers["science"]["es"].len()), (3, 2));
    let mut answered = BTreeSet::new();
    let (mut cuts, mut in_the_middle) = (0, 0);
    let marks = loop {
        assert!(cuts < 100);
        match examine(&place.store("cache"), &Patience(Cell::new(3 + cuts))) {
            Ok(marks) => break marks,
            Err(LabError::Interrupted { .. }) => cuts += 1,
            Err(error) => panic!("{error}"),
        }
        let [(_, lines)] = &journals(&place)[..] else { panic!("one benchmark has one journal") };
        let ids: Vec<&str> = lines[1..].iter().map(|line| line["id"].as_str().unwrap()).collect();
        let now: BTreeSet<String> = ids.iter().map(ToString::to_string).collect();
        assert_eq!(now.len(), ids.len(), "nothing is asked twice");
        assert!(now.is_superset(&answered));
        in_the_middle += u32::from(!now.is_empty() && now.len() < 5);
        answered = now;
    };
    assert!(in_the_middle > 0 && answered.len() == 5, "{cuts} cuts, {answered:?}");
    assert_eq!(marks, expected);
    assert_eq!(journals(&place), [], "what is finished leaves no journal");
    assert_eq!(examine(&place.store("cache"), &Patience(Cell::new(0))).unwrap(), expected);
}

#[test]
fn threads_share_one_exam() {
    let place = place();
    let ground = place.open(place.experiment(EVALUATION));
    let exam = open(&place, &ground, Questions::Validation("science")).unwrap();
    let store = place.store("cache");
    let examine = || {
        let lab = Lab { ground: &ground, store: &store, watch: &Silent };
        exam.examine(&lab, "base", place.base.weights.as_ref()).unwrap()
    };
    let (one, other) = std::thread::scope(|scope| {
        let other = scope.spawn(examine);
        (examine(), other.join().unwrap())
    });
    assert_eq!(one, other);
    assert_eq!(fs::read_dir(place.folder.path().join("cache/values")).unwrap().count(), 1);
}

#[test]
fn validation_is_of_other_questions_and_other_text() {
    let place = place();
    let experiment = place.experiment(EVALUATION);
    let ground = place.open(experiment.clone());
    let exams = [Questions::Reported, Questions::Validation("science")]
        .map(|which| open(&place, &ground, which).unwrap());
    let [reported, chosen] = &exams;
    assert_ne!(reported.identity(), chosen.identity());
    assert_ne!(reported.benchmarks(), chosen.benchmarks());
    assert_eq!(reported.questions(), chosen.questions());
    let store = Store::memory();
    let lab = Lab { ground: &ground, store: &store, watch: &Silent };
    let [reported, chosen] =
        exams.map(|exam| exam.examine(&lab, "base", place.base.weights.as_ref()).unwrap());
    for code in ["en", "es"] {
        let (reported, chosen) = (reported.perplexity[code], chosen.perplexity[code]);
        // Random weights read all alike, and never two windows the same.
        assert!(reported != chosen && (reported / chosen - 1.0).abs() < 0.5, "{reported} {chosen}");
    }

    // Whichever is asked for, a question in both is refused.
    let row = json!({"id": "same", "language": "es", "prompt": "Tom has Tom has", "answer": "4"});
    let path = place.folder.path().join("chosen.jsonl");
    let before = fs::read_to_string(&path).unwrap();
    fs::write(&path, format!("{before}{row}\n")).unwrap();
    for which in [Questions::Reported, Questions::Validation("science")] {
        let problems = open(&place, &ground, which).err().unwrap();
        assert!(
            matches!(&problems[..], [LabError::Experiment(ExperimentError::SharedQuestion { id, .. })] if id.contains("same")),
            "{problems:?}"
        );
    }
    let without = Experiment { evaluation: None, ..experiment.clone() };
    let refused = |experiment: &Experiment| experiment.validated("science").unwrap_err().to_string();
    assert!(refused(&without).contains("has no `evaluation`"));
    let mut none = experiment;
    none.evaluation.as_mut().unwrap().validation.clear();
    assert!(
        refused(&none).contains("no validation questions of `science`: add some that the tables do not ask")
    );
}
