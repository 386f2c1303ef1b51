//! A run as one HTML file: its settings, its memory, and its curves as SVG, each with a table of the same points.

use std::collections::BTreeSet;
use std::fmt::Write;

use crate::config::TrainConfig;
use crate::memory::StateMemory;
use crate::metrics::Record;

/// Points that a curve is drawn of; more steps are put together and averaged.
const POINTS: usize = 200;
const WIDTH: f64 = 640.0;
const HEIGHT: f64 = 220.0;
/// Room for the numbers at the left and below.
const MARGIN: (f64, f64) = (64.0, 24.0);
const COLOURS: [&str; 6] = ["#0b6e99", "#c2410c", "#15803d", "#7c3aed", "#b91c1c", "#6b7280"];

const STYLE: &str = "body{font:16px/1.5 system-ui,sans-serif;max-width:44rem;margin:2rem auto;padding:0 1rem;color:#1c1917;background:#fff}\
table{border-collapse:collapse;font-variant-numeric:tabular-nums}th,td{padding:.15rem .7rem;text-align:right;border-bottom:1px solid #e7e5e4}\
th:first-child,td:first-child{text-align:left}svg{width:100%;height:auto}details{margin:.3rem 0 1.5rem}svg text{font-size:12px;fill:#57534e}";

/// What a report is made of.
#[derive(Debug, Clone, Copy)]
pub struct Report<'a> {
    /// The headline.
    pub title: &'a str,
    /// The settings.
    pub config: &'a TrainConfig,
    /// Weights and optimizer state.
    pub memory: Option<StateMemory>,
    /// The steps.
    pub records: &'a [Record],
}

/// A line of a chart: points of (step, value), ascending.
struct Series {
    name: String,
    points: Vec<(f64, f64)>,
}

impl Report<'_> {
    /// The file, which needs nothing beside it.
    pub fn html(&self) -> String {
        let title = escaped(self.title);
        let mut page = format!(
            "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\">\
<title>{title}</title><style>{STYLE}</style><h1>{title}</h1>\n"
        );
        page.push_str(&self.summary());
        let of = |name: &str, value: &dyn Fn(&Record) -> f64| Series {
            name: name.to_owned(),
            points: thinned(
                self.records.iter().map(|record| (f64::from(record.step), value(record))).collect(),
            ),
        };
        let loss = of("training", &|record| f64::from(record.loss));
        let names: BTreeSet<&String> =
            self.records.iter().flat_map(|record| record.evaluation.keys()).collect();
        let measured = |name: &&String| Series {
            name: (*name).clone(),
            points: thinned(
                self.records
                    .iter()
                    .filter_map(|record| Some((f64::from(record.step), *record.evaluation.get(*name)?)))
                    .collect(),
            ),
        };
        page.push_str(&chart("Loss, nats a token", &[loss]));
        let evaluation: Vec<Series> = names.iter().map(measured).collect();
        if !evaluation.is_empty() {
            page.push_str(&chart("Evaluation", &evaluation));
        }
        page.push_str(&chart("Learning rate", &[of("rate", &|record| record.learning_rate)]));
        page.push_str(&chart("Gradient norm before clipping", &[of("norm", &|record| record.gradient_norm)]));
        page.push_str(&chart("Tokens a second", &[of("tokens/s", &|record| record.tokens_per_second)]));
        page.push_str("</html>\n");
        page
    }

    fn summary(&self) -> String {
        let mut rows = String::new();
        let mut row = |name: &str, value: String| {
            let _ = write!(rows, "<tr><td>{}<td>{}", escaped(name), escaped(&value));
        };
        if let Some(last) = self.records.last() {
            row("steps", format!("{} of {}", last.step, self.config.steps));
            row("tokens", last.tokens.to_string());
            row("seconds", number(last.seconds));
            row("last loss", number(f64::from(last.loss)));
        }
        if let Some(memory) = self.memory {
            row("parameters trained", format!("{} of {}", memory.trained, memory.parameters));
            row("weights", format!("{} bytes", memory.weights));
            let share = 100.0 * memory.ratio();
            row("optimizer state", format!("{} bytes, {share:.1} % of full AdamW's", memory.state()));
        }
        if let Ok(serde_json::Value::Object(settings)) = serde_json::to_value(self.config) {
            settings.iter().for_each(|(name, value)| row(&name.replace('_', " "), value.to_string()));
        }
        format!("<table><tbody>{rows}</tbody></table>\n")
    }
}

/// Means of consecutive points, [`POINTS`] at most.
fn thinned(points: Vec<(f64, f64)>) -> Vec<(f64, f64)> {
    let size = points.len().div_ceil(POINTS).max(1);
    let mean = |part: &[(f64, f64)]| {
        let count = part.len() as f64;
        (part.iter().map(|p| p.0).sum::<f64>() / count, part.iter().map(|p| p.1).sum::<f64>() / count)
    };
    points.chunks(size).map(mean).collect()
}

fn chart(title: &str, series: &[Series]) -> String {
    let all = || series.iter().flat_map(|series| &series.points);
    if all().next().is_none() {
        return format!("<h2>{}</h2><p>No step yet.</p>\n", escaped(title));
    }
    let range = |of: fn(&(f64, f64)) -> f64| {
        let low = all().map(of).fold(f64::INFINITY, f64::min);
        let high = all().map(of).fold(f64::NEG_INFINITY, f64::max);
        // A line that is level stands in the middle.
        if low < high { (low, high) } else { (low - 1.0, low + 1.0) }
    };
    let (steps, values) = (range(|p| p.0), range(|p| p.1));
    let x = |step: f64| MARGIN.0 + (step - steps.0) / (steps.1 - steps.0) * (WIDTH - MARGIN.0);
    let y = |value: f64| (values.1 - value) / (values.1 - values.0) * (HEIGHT - 2.0 * MARGIN.1) + MARGIN.1;
    let label = escaped(title);
    let mut svg = format!("<svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" aria-label=\"{label}\">");
    for value in [values.0, (values.0 + values.1) / 2.0, values.1] {
        let (at, text) = (y(value), number(value));
        let _ = write!(
            svg,
            "<line x1=\"{}\" x2=\"{WIDTH}\" y1=\"{at:.1}\" y2=\"{at:.1}\" stroke=\"#e7e5e4\"/><text x=\"{}\" y=\"{:.1}\" text-anchor=\"end\">{text}</text>",
            MARGIN.0,
            MARGIN.0 - 6.0,
            at + 4.0
        );
    }
    for (step, anchor) in [(steps.0, "start"), (steps.1, "end")] {
        let _ = write!(
            svg,
            "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"{anchor}\">step {}</text>",
            x(step),
            HEIGHT - 6.0,
            number(step)
        );
    }
    for (index, line) in series.iter().enumerate() {
        let colour = COLOURS[index % COLOURS.len()];
        let points: Vec<String> =
            line.points.iter().map(|&(step, value)| format!("{:.1},{:.1}", x(step), y(value))).collect();
        let _ = write!(
            svg,
            "<polyline fill=\"none\" stroke=\"{colour}\" stroke-width=\"1.5\" points=\"{}\"/>",
            points.join(" ")
        );
        if series.len() > 1 {
            let _ = write!(
                svg,
                "<text x=\"{:.1}\" y=\"14\" style=\"fill:{colour}\">{}</text>",
                MARGIN.0 + 130.0 * index as f64,
                escaped(&line.name)
            );
        }
    }
    svg.push_str("</svg>");
    format!("<h2>{label}</h2>{svg}{}\n", table(series))
}

/// The points drawn, a row a step.
fn table(series: &[Series]) -> String {
    let heads: String = series.iter().map(|line| format!("<th>{}", escaped(&line.name))).collect();
    let mut steps: Vec<f64> = series.iter().flat_map(|line| line.points.iter().map(|p| p.0)).collect();
    steps.sort_by(f64::total_cmp);
    steps.dedup();
    let mut rows = String::new();
    for step in steps {
        let _ = write!(rows, "<tr><td>{}", number(step));
        for line in series {
            let value = line.points.iter().find(|p| p.0 == step).map_or_else(String::new, |p| number(p.1));
            let _ = write!(rows, "<td>{value}");
        }
    }
    format!(
        "<details><summary>The same in numbers</summary><table><thead><tr><th>step{heads}</thead><tbody>{rows}</tbody></table></details>"
    )
}

/// Four digits are enough to see; whole numbers stay whole.
fn number(value: f64) -> String {
    let size = value.abs();
    if value == value.trunc() && size < 1e15 {
        format!("{value}")
    } else if (1e-3..1e5).contains(&size) {
        format!("{value:.4}")
    } else {
        format!("{value:.3e}")
    }
}

fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn records(count: u32) -> Vec<Record> {
        let one = |step: u32| Record {
            step,
            loss: 10.0 / step as f32,
            learning_rate: 1e-4,
            gradient_norm: 1.0,
            tokens: u64::from(step) * 64,
            tokens_per_second: 1000.0,
            seconds: f64::from(step),
            evaluation: if step.is_multiple_of(10) {
                [("<en> & \"fr\"".to_owned(), f64::from(step))].into()
            } else {
                Default::default()
            },
        };
        (1..=count).map(one).collect()
    }

    #[test]
    fn a_report_has_curves_tables_and_no_foreign_markup() {
        let records = records(30);
        let config = TrainConfig::default();
        let html = Report { title: "<script>", config: &config, memory: None, records: &records }.html();
        assert!(!html.contains("<script") && !html.contains("<en>"));
        assert_eq!(html.matches("<svg").count(), 5);
        assert_eq!(html.matches("<details>").count(), 5);
        assert!(
            html.contains("<td>10<td>10") && html.contains("<td>20<td>20"),
            "evaluations stand in the table"
        );
        assert!(html.contains("30 of 400") && !html.contains("NaN"));
    }

    #[test]
    fn long_runs_are_thinned_to_means() {
        let points = thinned((0..1000).map(|i| (f64::from(i), f64::from(2 * i))).collect());
        assert_eq!(points.len(), POINTS);
        assert_eq!(points[0], (2.0, 4.0));
        assert_eq!(points[POINTS - 1], (997.0, 1994.0));
    }

    #[test]
    fn a_run_without_a_step_is_a_page_too() {
        let config = TrainConfig::default();
        let html = Report { title: "empty", config: &config, memory: None, records: &[] }.html();
        assert!(html.contains("No step yet") && html.ends_with("</html>\n"));
    }
}
