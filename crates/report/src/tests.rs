//! The report as a whole: well-formed, escaped, the same values in every form, and safe to write.

use ::csv::{Reader, StringRecord};
use proptest::prelude::*;

use super::*;

/// Checks that a page is a tree of known tags with quoted attributes and unique ids, and returns its text.
fn parsed(html: &str) -> String {
    let mut rest = html.strip_prefix("<!doctype html>\n").expect("a doctype");
    let (mut open, mut ids, mut text) = (Vec::new(), std::collections::BTreeSet::new(), String::new());
    while let Some(start) = rest.find('<') {
        text.push_str(&rest[..start]);
        let tag_end = start + rest[start..].find('>').expect("every tag ends");
        let tag = &rest[start + 1..tag_end];
        rest = &rest[tag_end + 1..];
        if let Some(name) = tag.strip_prefix('/') {
            assert_eq!(open.pop(), Some(name), "tags close in order");
            continue;
        }
        let (name, mut attributes) = tag.split_once(' ').unwrap_or((tag, ""));
        assert!(!name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric()), "<{tag}>");
        while !attributes.is_empty() {
            let (key, value) = attributes.split_once("=\"").expect("attributes are quoted");
            let (value, after) = value.split_once('"').expect("quotes close");
            assert!(key.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-'), "{key}");
            assert!(!key.starts_with("on") && !["src", "srcset"].contains(&key), "{key} would run or fetch");
            assert!(key != "href" || value.starts_with('#'), "{value} is outside");
            assert!(key != "id" || ids.insert(value), "the id {value} is there twice");
            attributes = after.trim_start();
        }
        assert!(!["script", "link", "iframe", "img", "base"].contains(&name), "<{name}>");
        if name != "meta" {
            open.push(name);
        }
    }
    assert!(open.is_empty(), "{open:?} are not closed");
    let label = |value: &str| value.split('"').next().unwrap_or_default().to_owned();
    for references in html.split("aria-labelledby=\"").skip(1).map(label) {
        references.split(' ').for_each(|id| assert!(ids.contains(id), "nothing has the id {id}"));
    }
    for anchor in html.split("href=\"#").skip(1).map(label) {
        assert!(ids.contains(anchor.as_str()), "nothing has the id {anchor}");
    }
    for fill in html.split("url(#").skip(1).map(|value| value.split(')').next().unwrap_or_default()) {
        assert!(ids.contains(fill), "no hatching is named {fill}");
    }
    assert!(!html.contains("url(h") && !html.contains("@import"));
    text
}

fn lines(csv: &str) -> Vec<StringRecord> {
    let mut reader = ::csv::ReaderBuilder::new().has_headers(false).from_reader(csv.as_bytes());
    reader.records().collect::<Result<_, _>>().expect("CSV with equally many fields")
}

#[test]
fn an_interval_over_seeds_is_students() {
    // 1, 2, 3: mean 2, s = 1, 4.303 / √3 = 2.4843.
    let three = Estimate::over_seeds(&[1.0, 2.0, 3.0], None);
    assert!((three.mean - 2.0).abs() < 1e-12 && (three.high - 4.4843).abs() < 1e-3, "{three:?}");
    let one = Estimate::over_seeds(&[5.0], Some((4.0, 7.0)));
    assert_eq!((one.mean, one.low, one.high, one.seeds), (5.0, 4.0, 7.0, 1));
}

#[test]
fn the_page_is_well_formed_and_needs_nothing() {
    let html = sample::report().html();
    let text = parsed(&html);
    assert!(text.contains("MAEC on the workshop world") && !html.contains("NaN") && !html.contains("inf"));
    // Six figures, each in two sizes, described, with a table behind a click.
    assert_eq!(html.matches("role=\"img\"").count(), 12);
    assert_eq!(html.matches("<desc").count(), 12);
    assert_eq!(html.matches("<details>").count(), 6);
    assert_eq!(html.matches("<caption").count(), 8);
    if let Ok(folder) = std::env::var("MAEC_SAMPLE_REPORT") {
        sample::report().write(folder.as_ref()).unwrap();
    }
}

#[test]
fn published_numbers_stand_apart() {
    let html = sample::report().html();
    let paper = "<span class=\"published\"><span class=\"unseen\">published: </span>34.3</span>";
    assert!(html.contains(paper) && html.contains("is printed in the paper"));
    let alone = Report { parts: vec![Part::Figure(sample::bars())], ..sample::report() }.html();
    assert!(!alone.contains("is printed in the paper"), "the legend names what is there");
}

#[test]
fn neighbours_of_one_group_stand_under_its_heading_and_units_under_all() {
    let html = Report { parts: vec![Part::Table(sample::table())], ..sample::report() }.html();
    let head = &html[html.find("<thead>").unwrap()..html.find("</thead>").unwrap()];
    let lines: Vec<&str> = head.split("<tr>").skip(1).collect();
    let [first, second, units] = lines[..] else { panic!("{head}") };
    assert!(
        first.contains("<th scope=\"col\" rowspan=\"3\"><span class=\"unseen\">Row</span></th>"),
        "{first}"
    );
    assert!(first.contains("<th scope=\"col\" rowspan=\"2\">ICER ↓</th>"), "{first}");
    assert!(first.contains("<th scope=\"colgroup\" class=\"group\" colspan=\"2\">paper</th>"), "{first}");
    assert!(second.starts_with("<th scope=\"col\">average</th><th scope=\"col\">ICER ↓</th>"), "{second}");
    let columns = sample::table().columns.len();
    assert_eq!(units.matches("<td class=\"unit").count(), columns);
    // Every line is as wide as the table.
    assert_eq!(first.matches("<th").count(), columns);
    assert!(html.contains("class=\"sideways many\""));
    // A colon alone makes no group, and a table of few columns is as wide as the text.
    let mut narrow = sample::table();
    narrow.columns.truncate(2);
    narrow.columns[1].name = "paper: average".into();
    narrow.rows.iter_mut().for_each(|row| row.cells.truncate(2));
    let html = Report { parts: vec![Part::Table(narrow)], ..sample::report() }.html();
    assert!(html.contains(">paper: average</th>") && !html.contains("colgroup"));
    assert!(html.contains("class=\"sideways\""));
}

#[test]
fn foreign_names_stay_text() {
    let evil = "</style><script>alert(1)</script>\" onload=\"x' &amp; \u{1}\u{202e}";
    let mut report = sample::report();
    (report.title, report.command, report.summary) = (evil.into(), evil.into(), vec![evil.into()]);
    for part in &mut report.parts {
        match part {
            Part::Text { heading, paragraphs } => (*heading, *paragraphs) = (evil.into(), vec![evil.into()]),
            Part::Table(table) => {
                (table.title, table.notes) = (evil.into(), vec![evil.into()]);
                table
                    .columns
                    .iter_mut()
                    .for_each(|column| (column.name, column.unit) = (evil.into(), evil.into()));
                table.rows.iter_mut().for_each(|row| row.name = evil.into());
                table.rows[0].cells[1] = Cell::Text(evil.into());
            }
            Part::Figure(figure) => {
                (figure.title, figure.x, figure.y) = (evil.into(), evil.into(), evil.into());
                figure.labels.iter_mut().for_each(|label| *label = evil.into());
                for series in &mut figure.series {
                    series.name = evil.into();
                    series.points.iter_mut().for_each(|point| point.label = evil.into());
                }
            }
        }
    }
    let text = parsed(&report.html());
    assert!(text.contains("&lt;script&gt;alert(1)") && text.contains("&amp;amp;") && !text.contains('\u{1}'));
    report.check().unwrap();
}

#[test]
fn every_figure_has_its_twin_with_the_same_numbers() {
    for figure in sample::others().into_iter().chain([sample::bars()]) {
        let twin = figure.table();
        let cells = || twin.rows.iter().flat_map(|row| &row.cells);
        for point in figure.series.iter().flat_map(|series| &series.points) {
            assert!(cells().any(|cell| *cell == Cell::Measured(point.y)), "{}: {point:?}", figure.id);
        }
        let alone = Report { parts: vec![Part::Figure(figure.clone())], ..sample::report() }.html();
        let shown = alone.split("<details>").nth(1).expect("a twin");
        for point in figure.series.iter().flat_map(|series| &series.points) {
            let digits = twin.columns.last().unwrap().decimals;
            let mean = number::shown(point.y.mean, digits);
            assert!(shown.contains(&format!("<span class=\"mean\">{mean}</span>")), "{}: {mean}", figure.id);
        }
    }
}

#[test]
fn a_place_that_a_series_has_twice_has_two_rows() {
    let mut figure = sample::others().remove(0);
    let twice = figure.series[0].points[3].clone();
    figure.series[0].points.insert(4, Point { y: Estimate::exact(1.5), ..twice });
    let table = figure.table();
    assert_eq!(table.rows.len(), 12);
    assert_eq!((&*table.rows[3].name, &*table.rows[4].name), ("30", "30"));
    assert_eq!(table.rows[4].cells, [Cell::Measured(Estimate::exact(1.5)), Cell::Empty]);
}

#[test]
fn a_tables_csv_has_every_digit_and_kind() {
    let mut table = sample::table();
    table.rows[0].name = "a, \"b\"\nc".into();
    let csv = table.csv();
    let read = lines(&csv);
    assert_eq!(&read[1][0], "a, \"b\"\nc");
    let place = |name: &str| read[0].iter().position(|head| head == name).expect(name);
    for (line, row) in read[1..].iter().zip(&table.rows) {
        let Cell::Measured(average) = &row.cells[6] else { panic!("an average is measured") };
        let at = |name: &str| line[place(name)].parse::<f64>().unwrap();
        assert_eq!((at("Average (%)"), at("Average (%), low")), (average.mean, average.low));
        assert_eq!((at("Average (%), high"), at("Average (%), seeds")), (average.high, 3.0));
        let paper = &line[place("paper: average (%), published")];
        assert_eq!(paper.parse().map_or(Cell::Empty, Cell::Published), row.cells[8]);
        assert_eq!(&line[place("paper: average (%)")], "", "nothing was measured there");
    }
    assert!(
        !read[0].iter().any(|head| head.starts_with("Tokens trained (M),")),
        "exact values have no interval"
    );
}

proptest! {
    #[test]
    fn a_figures_csv_gives_its_points_back(
        names in prop::collection::vec(".{0,12}", 1..4),
        values in prop::collection::vec((any::<f64>(), any::<f64>(), "[^\r]{0,8}"), 0..6),
    ) {
        let point = |(x, y, label): &(f64, f64, String)| Point { x: *x, y: Estimate::exact(*y), label: label.clone() };
        let points: Vec<Point> = values.iter().map(point).collect();
        let figure = Figure {
            series: names.iter().map(|name| Series { name: name.clone(), points: points.clone() }).collect(),
            ..sample::others().remove(0)
        };
        let csv = figure.csv();
        let read: Vec<(String, Point)> = Reader::from_reader(csv.as_bytes()).records().map(|line| {
            let line = line.unwrap();
            let at = |place: usize| line[place].parse().unwrap_or(f64::NAN);
            let y = Estimate { mean: at(3), low: at(4), high: at(5), seeds: line[6].parse().unwrap() };
            (line[0].to_owned(), Point { x: at(1), y, label: line[2].to_owned() })
        }).collect();
        let finite = |value: f64| if value.is_finite() { value.to_bits() } else { f64::NAN.to_bits() };
        let bits = |point: &Point| (finite(point.x), finite(point.y.mean), finite(point.y.low), point.label.clone());
        let wanted = figure.series.iter().flat_map(|s| s.points.iter().map(|p| (s.name.clone(), bits(p))));
        let got = read.iter().map(|(name, p)| (name.clone(), bits(p)));
        prop_assert!(wanted.eq(got), "{csv}");
    }

    #[test]
    fn no_values_break_a_page(
        values in prop::collection::vec((any::<f64>(), any::<f64>(), any::<f64>()), 0..5),
        shape in prop::sample::select(vec![Shape::Lines, Shape::Bars, Shape::Points]),
        copies in 0_usize..9,
    ) {
        let point = |&(x, mean, high): &(f64, f64, f64)| Point { x, y: Estimate { mean, low: mean, high, seeds: 2 }, label: "p".into() };
        let mut points: Vec<Point> = values.iter().map(point).collect();
        if shape == Shape::Bars {
            points.iter_mut().enumerate().for_each(|(place, point)| point.x = place as f64);
        }
        let series = Series { name: "s".into(), points };
        let figure = Figure { shape, series: vec![series; copies], labels: vec!["a label of words".into(); 5], ..sample::bars() };
        let html = Report { parts: vec![Part::Figure(figure)], ..sample::report() }.html();
        parsed(&html);
        let svg: String = html.split("<svg").skip(1).filter_map(|text| text.split("</svg>").next()).collect();
        prop_assert!(!svg.contains("NaN") && !svg.contains("inf\"") && !svg.contains("inf,"), "{svg}");
    }
}

#[test]
fn json_gives_the_report_back() {
    let report = sample::report();
    let json = report.json().unwrap();
    assert_eq!(serde_json::from_str::<Report>(&json).unwrap(), report);
    let mut figure = sample::bars();
    figure.series[0].points[0].y.mean = f64::NAN;
    let read: Figure = serde_json::from_str(&serde_json::to_string(&figure).unwrap()).unwrap();
    assert!(read.series[0].points[0].y.mean.is_nan(), "what is no number stays none");
}

#[test]
fn parts_that_can_not_be_written_are_named() {
    let with = |part: Part| Report { parts: vec![part], ..sample::report() }.check().unwrap_err().to_string();
    for id in ["../etc/passwd", "a/b", "", "a b", "a\nb", "tαble", &"x".repeat(101)] {
        let error = with(Part::Table(Table { id: id.into(), ..sample::table() }));
        assert!(error.contains("can't be named so") && !error.contains('\n'), "{error}");
    }
    let mut ragged = sample::table();
    ragged.rows[2].cells.pop();
    assert_eq!(
        with(Part::Table(ragged)),
        "row `L-CPT L&A` of table `table-2-arithmetic` has 9 cells for 10 columns: give it a cell for each"
    );
    let mut astray = sample::bars();
    astray.series[1].points[0].x = 0.5;
    assert!(with(Part::Figure(astray)).contains("series `Science` of figure `figure-3` has a bar at 0.5"));
    let capital = Table { id: "Table-2-Arithmetic".into(), ..sample::table() };
    let twice =
        Report { parts: vec![Part::Table(sample::table()), Part::Table(capital)], ..sample::report() };
    assert!(twice.check().unwrap_err().to_string().contains("two parts of the report are named"));
}

#[test]
fn a_report_replaces_a_report_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("world");
    sample::report().write(&out).unwrap();
    let files = [
        "report.html",
        "report.json",
        "tables/table-2-arithmetic.csv",
        "tables/table-8.csv",
        "figures/figure-3.csv",
    ];
    files.iter().for_each(|file| assert!(out.join(file).is_file(), "{file}"));

    let less = Report { parts: vec![Part::Figure(sample::bars())], ..sample::report() };
    less.write(&out).unwrap();
    assert!(!out.join("tables").exists(), "what the last report had is gone");
    assert_eq!(std::fs::read_to_string(out.join("report.html")).unwrap(), less.html());

    let bad =
        Report { parts: vec![Part::Table(Table { id: "a/b".into(), ..sample::table() })], ..less.clone() };
    bad.write(&out).unwrap_err();
    assert!(out.join("figures/figure-3.csv").is_file(), "a refused report changes nothing");

    for foreign in ["{\"title\": \"mine\"}", "{\"maec_report\": 0}", "not JSON"] {
        std::fs::write(out.join("report.json"), foreign).unwrap();
        let error = less.write(&out).unwrap_err();
        assert!(matches!(error, ReportError::Write(maec_checkpoint::Error::WontReplace { .. })), "{error}");
    }
}
