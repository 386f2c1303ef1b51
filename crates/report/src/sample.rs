//! A report of made-up values with every kind of part, for tests.

use super::{Cell, Column, Estimate, Figure, Part, Point, Report, Row, Series, Shape, Table};

fn estimate(mean: f64) -> Estimate {
    // Made up, yet unlike for each mean.
    let half = 0.6 + (mean * 7.3).rem_euclid(1.4);
    Estimate { mean, low: mean - half, high: mean + half * 1.1, seeds: 3 }
}

fn column(name: &str, unit: &str, decimals: usize) -> Column {
    Column { name: name.into(), unit: unit.into(), decimals }
}

fn points(values: &[(f64, f64)]) -> Vec<Point> {
    values.iter().map(|&(x, y)| Point { x, y: estimate(y), label: String::new() }).collect()
}

fn series(name: &str, values: &[(f64, f64)]) -> Series {
    Series { name: name.into(), points: points(values) }
}

/// Table 2 with the paper's averages beside measured values.
pub(super) fn table() -> Table {
    let languages = ["Spanish", "French", "German", "Bengali", "Telugu", "Average"];
    let mut columns = vec![column("Tokens trained", "M", 2)];
    columns.extend(languages.map(|name| column(name, "%", 1)));
    columns.extend([
        column("ICER ↓", "M tokens a point", 2),
        column("paper: average", "%", 1),
        column("paper: ICER ↓", "", 1),
    ]);
    let methods = [
        ("Backbone", 0.0, 21.3, Some(32.5)),
        ("F-CPT L&A", 12.6, 30.9, Some(34.3)),
        ("L-CPT L&A", 12.6, 27.4, Some(32.4)),
        ("F-CPT A", 4.2, 24.8, Some(26.8)),
        ("F-TV", 16.8, 18.6, Some(22.8)),
        ("Random mask", 9.9, 22.2, None),
        ("MAEC", 9.9, 36.4, Some(35.7)),
    ];
    let rows = methods.iter().enumerate().map(|(place, &(name, tokens, average, paper))| {
        let mut cells = vec![Cell::Measured(Estimate::exact(tokens))];
        cells.extend((0..5).map(|i| Cell::Measured(estimate(average + f64::from(i) * 1.7 - 3.4))));
        cells.push(Cell::Measured(estimate(average)));
        cells.push(if place == 0 {
            Cell::Empty
        } else {
            Cell::Measured(estimate(tokens / (average - 10.0)))
        });
        cells.push(paper.map_or(Cell::Empty, Cell::Published));
        cells.push(Cell::Published(average / 10.0));
        Row { name: name.into(), cells }
    });
    Table {
        id: "table-2-arithmetic".into(),
        title: "Table 2. Arithmetic: accuracy by language".into(),
        columns,
        rows: rows.collect(),
        notes: vec![
            "ICER: million tokens for a point of accuracy above the backbone's; lower is better.".into(),
        ],
    }
}

/// Table 8 in short: words beside numbers.
fn kinds() -> Table {
    let row = |name: &str, tensors: &str, share: f64, value: f64, paper: f64| Row {
        name: name.into(),
        cells: vec![
            Cell::Text(tensors.into()),
            Cell::Measured(Estimate::exact(share)),
            Cell::Measured(estimate(value)),
            Cell::Published(paper),
        ],
    };
    Table {
        id: "table-8".into(),
        title: "Table 8. Tensor kinds merged alone".into(),
        columns: vec![
            column("Tensors", "", 0),
            column("Share of T", "%", 1),
            column("Accuracy", "%", 1),
            column("Paper", "%", 1),
        ],
        rows: vec![
            row("Attention", "Q, K, V and O", 54.3, 33.1, 34.5),
            row("MLP", "up, gate and down", 45.7, 34.9, 35.2),
        ],
        notes: vec!["The paper's average includes Chinese.".into()],
    }
}

/// Fig. 3: bars.
pub(super) fn bars() -> Figure {
    let labels = ["MAEC", "−KNL", "−AWO", "−ATI", "−AAC"];
    let of = |name: &str, values: [f64; 5]| {
        let values: Vec<(f64, f64)> = values.iter().enumerate().map(|(x, &y)| (x as f64, y)).collect();
        series(name, &values)
    };
    Figure {
        id: "figure-3".into(),
        title: "Figure 3. Ablations".into(),
        shape: Shape::Bars,
        x: String::new(),
        y: "Accuracy (%), mean over languages".into(),
        labels: labels.map(str::to_owned).to_vec(),
        series: vec![
            of("Arithmetic", [36.4, 34.9, 30.2, 33.8, 25.0]),
            of("Science", [41.2, 40.8, 38.4, 40.1, 37.7]),
            of("Backbone", [21.3, 21.3, 21.3, 21.3, 21.3]),
            of("Random", [24.3, 24.1, 23.3, 22.3, 21.9]),
        ],
        notes: vec!["−AAC keeps the language part alone.".into()],
    }
}

/// Fig. 4 and 5: lines; and a search: points.
pub(super) fn others() -> Vec<Figure> {
    let curve = |name: &str, f: fn(f64) -> f64| {
        let values: Vec<(f64, f64)> =
            (0..=10).map(|i| (f64::from(i) * 10.0, f(f64::from(i) / 10.0))).collect();
        series(name, &values)
    };
    let losses = |name: &str, floor: f64, rate: f64| {
        let values = (0..60).map(|i| (f64::from(i) * 5.0, floor + 3.0 / (1.0 + rate * f64::from(i))));
        let point = |(x, y)| Point {
            x,
            y: Estimate { mean: y, low: y - 0.05, high: y + 0.05, seeds: 3 },
            label: String::new(),
        };
        Series { name: name.into(), points: values.map(point).collect() }
    };
    let trial = |place: u32| {
        let (a, b) = (f64::from(place * 37 % 23), f64::from(place * 53 % 19));
        let label = if place.is_multiple_of(5) { format!("trial {place}") } else { String::new() };
        Point { x: 20.0 + a * 0.6, y: estimate(3.0 + b * 0.8), label }
    };
    let line = |id: &str, title: &str, x: &str, y: &str, series| Figure {
        id: id.into(),
        title: title.into(),
        shape: Shape::Lines,
        x: x.into(),
        y: y.into(),
        labels: Vec::new(),
        series,
        notes: Vec::new(),
    };
    let mut search = line(
        "tuning",
        "Ability against perplexity",
        "Perplexity",
        "Accuracy (%)",
        vec![
            Series { name: "Tried".into(), points: (0..26).map(trial).collect() },
            Series { name: "Pareto front".into(), points: (26..31).map(trial).collect() },
        ],
    );
    search.shape = Shape::Points;
    let many = [("es", 22.0), ("fr", 23.5), ("de", 20.0), ("bn", 15.0), ("te", 13.0)].map(|(name, start)| {
        let values = (0..=5).map(|i| (f64::from(i) * 20.0, start + f64::from(i * (9 - i)) * 0.7));
        series(name, &values.collect::<Vec<_>>())
    });
    let kinds =
        ["attention, all four", "attention, query and key", "MLP, up and gate", "MLP, down", "none", "all"];
    let values: Vec<(f64, f64)> = (0..6).map(|i| (f64::from(i), f64::from(i * i * 3) - 11.5)).collect();
    let mut gains = line("gains", "Gains by tensor kind", "", "Gain (points)", vec![series("Gain", &values)]);
    (gains.shape, gains.labels) = (Shape::Bars, kinds.map(str::to_owned).to_vec());
    vec![
        line(
            "figure-4",
            "Figure 4. Share of tensors that receive the ability",
            "k₂ (%)",
            "Accuracy (%)",
            vec![
                curve("Arithmetic", |k| 22.0 + 24.0 * k * (1.6 - k)),
                curve("Science", |k| 37.0 + 7.0 * k * (1.3 - k)),
            ],
        ),
        line("figure-4-languages", "Figure 4 by language", "k₂ (%)", "Accuracy (%)", many.to_vec()),
        line(
            "figure-5",
            "Figure 5. Loss of training a part of the parameters",
            "Step",
            "Loss (nats a token)",
            vec![losses("Top 5 %", 1.2, 0.11), losses("Random 5 %", 1.9, 0.08), losses("All", 1.0, 0.14)],
        ),
        search,
        gains,
    ]
}

/// All of it.
pub(super) fn report() -> Report {
    let text = |heading: &str, paragraphs: &[&str]| Part::Text {
        heading: heading.into(),
        paragraphs: paragraphs.iter().map(|&text| text.to_owned()).collect(),
    };
    let mut parts = vec![
        text(
            "Findings",
            &[
                "MAEC is above the backbone by 15.1 points on arithmetic, 95 % interval [13.2, 16.9].",
                "The paper's gain of −ATI does not appear: its interval [−1.8, 0.9] holds zero.",
            ],
        ),
        text("Main results", &["Every method may use the same tokens."]),
        Part::Table(table()),
        text("Ablations", &[]),
        Part::Figure(bars()),
        Part::Table(kinds()),
        text("Sweeps", &["Seeds differ in data and in order."]),
    ];
    parts.extend(others().into_iter().map(Part::Figure));
    Report {
        title: "MAEC on the workshop world".into(),
        command: "maec reproduce --seeds 1,2,3 --out reports/world".into(),
        summary: vec!["Three seeds of a small multilingual world in which an ability is trained in one language and tested in all.".into()],
        parts,
    }
}
