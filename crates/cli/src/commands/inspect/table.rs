//! Statistics as a table for people.

use maec_merge::inspect::{Inspection, Metric, Stats};

use super::By;
use crate::table;

/// A column: a metric of the model of a place.
type Column = (Metric, usize);

/// A line: what it stands for, how many elements the first model has of it, and the numbers.
struct Line<'a> {
    name: String,
    stats: &'a Stats,
}

/// The table, the models' numbers explained, and what is not compared.
pub fn draw(found: &Inspection, by: By, sort: Option<Metric>) -> String {
    let columns = columns(found);
    let headings = columns.iter().map(|(metric, model)| heading(found, *metric, *model));
    let headings: Vec<String> =
        [by_name(by).to_owned(), "elements".into()].into_iter().chain(headings).collect();
    let mut drawn = table::new(&headings.iter().map(String::as_str).collect::<Vec<_>>(), 1);
    let mut lines = lines(found, by);
    if let Some(metric) = sort {
        // A stable sort: what is alike, or has no such number, stays in the order of names.
        lines.sort_by(|a, b| largest(b, metric).total_cmp(&largest(a, metric)));
    }
    lines.push(Line { name: "all".into(), stats: &found.whole });
    for line in &lines {
        let elements = line.stats.models.iter().flatten().next().or(line.stats.base.as_ref());
        let elements = elements.map_or_else(|| "–".into(), |values| table::count(values.elements));
        let numbers = columns.iter().map(|(metric, model)| {
            metric.of(line.stats, *model).map_or_else(|| "–".into(), |value| shown(*metric, value))
        });
        drawn.add_row([line.name.clone(), elements].into_iter().chain(numbers));
    }
    let mut text = drawn.to_string();
    if found.models.len() > 1 {
        for (place, name) in found.models.iter().enumerate() {
            text += &format!("\n{} = {name}", place + 1);
        }
    }
    text + &cosines(found) + &left_out(found)
}

fn by_name(by: By) -> &'static str {
    match by {
        By::Layer => "layer",
        By::Tensor => "tensor",
    }
}

fn lines(found: &Inspection, by: By) -> Vec<Line<'_>> {
    let layers = found.layers.iter().map(|it| Line { name: format!("layer {}", it.layer), stats: &it.stats });
    let tensors = found.tensors.iter().filter(|it| by == By::Tensor || it.layer.is_none());
    let tensors = tensors.map(|it| Line { name: it.name.clone(), stats: &it.stats });
    if by == By::Layer { layers.chain(tensors).collect() } else { tensors.collect() }
}

fn largest(line: &Line<'_>, metric: Metric) -> f64 {
    let values = (0..line.stats.models.len()).filter_map(|model| metric.of(line.stats, model));
    values.map(f64::abs).fold(-1.0, f64::max)
}

/// What says most of these models, in a width that a terminal has.
fn columns(found: &Inspection) -> Vec<Column> {
    let models = 0..found.models.len();
    let bad = |model: usize| Metric::Nonfinite.of(&found.whole, model).is_some_and(|bad| bad > 0.0);
    let mut columns: Vec<Column> = match (&found.base, models.len()) {
        (None, 1) => {
            [Metric::L2, Metric::Mean, Metric::Std, Metric::Max, Metric::Sparsity].map(|it| (it, 0)).into()
        }
        (Some(_), 1) => {
            [Metric::L2, Metric::Delta, Metric::Relative, Metric::Changed].map(|it| (it, 0)).into()
        }
        (None, _) => models.clone().map(|model| (Metric::L2, model)).collect(),
        (Some(_), _) => {
            models.clone().flat_map(|model| [(Metric::Relative, model), (Metric::Changed, model)]).collect()
        }
    };
    match models.len() {
        1 => {}
        2 => columns.push((Metric::Cosine, 0)),
        _ => columns.extend(models.clone().map(|model| (Metric::Cosine, model))),
    }
    if found.base.is_some() && models.len() > 1 {
        columns.push((Metric::Conflict, 0));
    }
    columns.extend(models.filter(|model| bad(*model)).map(|model| (Metric::Nonfinite, model)));
    columns
}

fn heading(found: &Inspection, metric: Metric, model: usize) -> String {
    let name = match metric {
        Metric::Sparsity => "zeros %",
        Metric::Changed => "changed %",
        Metric::Conflict => "conflict %",
        Metric::Std => "std",
        Metric::Nonfinite => "NaN, ∞",
        Metric::Relative => "‖δ‖/‖base‖",
        other => other.title(),
    };
    let of_one = matches!(metric, Metric::Conflict) || (metric == Metric::Cosine && found.models.len() == 2);
    if found.models.len() == 1 || of_one { name.into() } else { format!("{name} {}", model + 1) }
}

/// A metric's value for people: shares in per cent, four digits of everything else.
pub fn shown(metric: Metric, value: f64) -> String {
    match metric {
        Metric::Sparsity | Metric::Changed | Metric::Conflict => format!("{:.2}", value * 100.0),
        Metric::Nonfinite => table::count(value as u64),
        Metric::Cosine => format!("{value:+.4}"),
        _ if value == 0.0 => "0".into(),
        _ if (1e-3..1e5).contains(&value.abs()) => {
            let digits = (3 - value.abs().log10().floor() as i32).max(0) as usize;
            format!("{value:.digits$}")
        }
        _ => format!("{value:.3e}"),
    }
}

/// Every pair's cosine over all tensors, where there are more models than the table shows pairs of.
fn cosines(found: &Inspection) -> String {
    let Some(comparison) = found.whole.comparison.as_ref().filter(|it| it.cosine.len() > 2) else {
        return String::new();
    };
    let of = if found.base.is_some() { "δ" } else { "the models" };
    let mut text = format!("\n\ncosine of {of}, all tensors together");
    for (place, row) in comparison.cosine.iter().enumerate() {
        let row: Vec<String> = row.iter().map(|cosine| format!("{cosine:+.4}")).collect();
        text += &format!("\n{:>3}  {}", place + 1, row.join("  "));
    }
    text
}

fn left_out(found: &Inspection) -> String {
    if found.models.len() + usize::from(found.base.is_some()) < 2 {
        return String::new();
    }
    let alone = found.tensors.iter().filter(|it| it.stats.comparison.is_none());
    let names: Vec<&str> = alone.map(|it| it.name.as_str()).collect();
    match names.as_slice() {
        [] => String::new(),
        [one] => format!("\nnot compared: {one}, which not all models have in one shape"),
        [first, rest @ ..] => {
            format!("\nnot compared: {first} and {} more, which not all models have in one shape", rest.len())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_four_digits() {
        for (value, text) in [
            (0.0, "0"),
            (1.0, "1.000"),
            (-12.3456, "-12.35"),
            (99_999.0, "99999"),
            (0.001_234_56, "0.001235"),
        ] {
            assert_eq!(shown(Metric::L2, value), text);
        }
        assert_eq!(shown(Metric::L2, 0.000_123_456), "1.235e-4");
        assert_eq!(shown(Metric::Changed, 0.5), "50.00");
        assert_eq!(shown(Metric::Cosine, 0.5), "+0.5000");
    }
}
