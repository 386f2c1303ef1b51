//! The paper's tables on a world of a few steps: what must hold whatever was learned.

use std::cell::Cell;
use std::ops::ControlFlow;

use maec_lab::report::{Cell as Shown, Part};
use maec_lab::reproduce::{Measures, Numbers, Results, Tables, Tuned, measure, report, wanted};
use maec_lab::{
    Catalog, Exam, Lab, LabSettings, News, ProblemSet, Store, Watch, WorldExam, WorldGround, steps_left,
};

/// Counts the steps that were trained.
#[derive(Default)]
struct Counter(Cell<u32>);

impl Watch for Counter {
    fn step(&self, _: News<'_>) -> ControlFlow<()> {
        self.0.set(self.0.get() + 1);
        ControlFlow::Continue(())
    }
}

fn settings() -> LabSettings {
    LabSettings {
        width: 16,
        mlp: 24,
        base_steps: 4,
        ability_steps: 3,
        language_steps: 2,
        neuron_steps: 2,
        language_neuron_steps: 2,
        ..LabSettings::quick()
    }
}

fn catalogs(ground: &WorldGround) -> Vec<Catalog> {
    ground.abilities().into_iter().map(|ability| Catalog::of_world(&ground.settings, ability)).collect()
}

fn numbers(store: &Store, watch: &Counter) -> Numbers {
    let ground = WorldGround::new(settings(), 7).expect("the settings make a world");
    let lab = Lab { ground: &ground, store, watch };
    let exam = Exam { set: ProblemSet::Test, problems: 2, texts: 2 };
    let (catalogs, tuned) = (catalogs(&ground), Tuned::published().expect("the published choices are JSON"));
    // What is planned is what is trained.
    let before = (watch.0.get(), steps_left(&ground, store, &wanted(&catalogs, 7)));
    let (chosen, examiner) = (tuned.chosen(catalogs[0].targets.len()), WorldExam { ground: &ground, exam });
    let tables = Tables { seed: 7, catalogs: &catalogs, chosen: &chosen, examiner: &examiner };
    let numbers = measure(&lab, &tables, &|_| {}).expect("everything trains");
    assert_eq!(u64::from(watch.0.get() - before.0), before.1);
    numbers
}

#[test]
fn every_table_is_measured_once_and_agrees_with_itself() {
    let folder = tempfile::tempdir().expect("a folder");
    let first = Counter::default();
    let measured = numbers(&Store::folder(folder.path()), &first);
    assert!(first.0.get() > 0);

    // Everything is in the store: a second run trains nothing and says the same.
    let second = Counter::default();
    assert_eq!(numbers(&Store::folder(folder.path()), &second), measured);
    assert_eq!(second.0.get(), 0);

    assert_eq!(measured.abilities.keys().collect::<Vec<_>>(), ["arithmetic", "science"]);
    for ability in measured.abilities.values() {
        let row = |rows: &[maec_lab::reproduce::Row], name: &str| {
            rows.iter().find(|row| row.name == name).map(|row| row.scores.clone()).expect("the row is there")
        };
        // Different roads to the same merge.
        let maec = row(&ability.rows, "MAEC");
        assert_eq!(row(&ability.ablations, "MAEC"), maec);
        assert_eq!(ability.kinds[0].1.scores, maec);
        let at = |k2: f64| {
            ability.ratios.iter().find(|(other, _)| *other == k2).map(|(_, row)| row.scores.clone())
        };
        assert_eq!(at(1.0), Some(row(&ability.ablations, "−ATI")));
        assert_eq!(at(0.0), Some(row(&ability.ablations, "−AAC")));
        // Attention and MLP are made of their kinds.
        let share = |name: &str| {
            ability
                .kinds
                .iter()
                .find(|(_, row)| row.name == name)
                .map(|(share, _)| *share)
                .expect("the kind is there")
        };
        let sum = |names: &[&str]| names.iter().map(|name| share(name)).sum::<f64>();
        assert!(
            (share("Attention All") - sum(&["Attention Q", "Attention K", "Attention V", "Attention O"]))
                .abs()
                < 1e-12
        );
        assert!((share("MLP All") - sum(&["MLP Up", "MLP Gate", "MLP Down"])).abs() < 1e-12);
        // 5 % of all parameters, half up, and no set shares more than it has.
        assert!(ability.overlaps.iter().all(|(_, o)| o.both <= o.first.min(o.second) && o.first > 0));
        // One mask and a union hold no more than the share of full Adam's state that they promise.
        assert!(ability.state[0].1 <= 0.16 && ability.state[1].1 <= 0.08, "{:?}", ability.state);
    }

    let results = Results {
        quick: true,
        of: Measures::World { settings: Box::new(settings()), tuned_on: vec![101], problems: 2 },
        languages: ["en", "es", "zh", "bn", "te"].map(str::to_owned).to_vec(),
        budget: settings().budget(),
        chosen: Tuned::published().expect("JSON").chosen(4),
        seeds: vec![measured],
    };
    let report = report(&results, "maec reproduce --quick");
    report.check().expect("every part has a name and every row its cells");
    assert!(report.title.contains("not a result"));
    let table = report.parts.iter().find_map(|part| match part {
        Part::Table(table) if table.id == "table-2-science" => Some(table),
        _ => None,
    });
    let backbone = &table.expect("table 2 is there").rows[0];
    assert_eq!(backbone.cells.iter().filter(|cell| **cell == Shown::Published(40.3)).count(), 1);
}
