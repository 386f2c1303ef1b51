//! The report of a training run.

use maec_lab::report::{Cell, Figure, Part, Report, training};
use maec_train::{Record, StateMemory, TrainConfig};

fn records(count: u32) -> Vec<Record> {
    let one = |step: u32| Record {
        step,
        loss: 10.0 / step as f32,
        learning_rate: 1e-4,
        gradient_norm: 1.0,
        tokens: u64::from(step) * 64,
        tokens_per_second: 1000.0,
        seconds: f64::from(step),
        evaluation: match step.is_multiple_of(10) {
            true => [("<en> & \"fr\"".to_owned(), f64::from(2 * step))].into(),
            false => Default::default(),
        },
    };
    (1..=count).map(one).collect()
}

fn figure<'a>(report: &'a Report, id: &str) -> &'a Figure {
    let mut figures = report.parts.iter().filter_map(|part| match part {
        Part::Figure(figure) => Some(figure),
        _ => None,
    });
    figures.find(|figure| figure.id == id).expect("the figure is there")
}

#[test]
fn a_report_has_curves_with_their_numbers_and_no_foreign_markup() {
    let report = training("<script>", &TrainConfig::default(), None, &records(30));
    report.check().unwrap();
    let html = report.html();
    assert!(!html.contains("<script") && !html.contains("<en>") && !html.contains("NaN"));
    assert_eq!(html.matches("<details>").count(), 5);
    assert!(html.contains("30 of 400"));
    let evaluation = figure(&report, "evaluation").table();
    let rows: Vec<(&str, f64)> = evaluation
        .rows
        .iter()
        .map(|row| match &row.cells[0] {
            Cell::Measured(value) => (row.name.as_str(), value.mean),
            other => panic!("{other:?} is no measurement"),
        })
        .collect();
    assert_eq!(rows, [("10", 20.0), ("20", 40.0), ("30", 60.0)]);
}

#[test]
fn long_runs_are_thinned_to_means() {
    let report = training("long", &TrainConfig::default(), None, &records(1000));
    let points = &figure(&report, "evaluation").series[0].points;
    assert_eq!(points.len(), 100, "few values stay as they are");
    let loss = figure(&report, "loss");
    assert_eq!((loss.series[0].points.len(), loss.series[0].points[0].x), (200, 3.0));
    assert_eq!(loss.notes, ["A point is the mean of 5 consecutive values."]);
    let first = (1..=5).map(|step| f64::from(10.0 / step as f32)).sum::<f64>() / 5.0;
    assert_eq!(loss.series[0].points[0].y.mean, first);
}

#[test]
fn memory_is_beside_full_training() {
    let memory = StateMemory {
        parameters: 1000,
        trained: 50,
        weights: 4000,
        moments: 400,
        masters: 0,
        positions: 80,
        full_adam: 8000,
    };
    let html = training("masked", &TrainConfig::default(), Some(memory), &records(1)).html();
    assert!(html.contains("50 of 1000") && html.contains("480 bytes, 6.0 % of full AdamW's"));
}

#[test]
fn a_run_without_a_step_is_a_page_too() {
    let html = training("empty", &TrainConfig::default(), None, &[]).html();
    assert!(html.contains("No values") && html.ends_with("</html>\n"));
}
