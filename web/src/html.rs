//! Tables, heat maps and histograms as markup. What is drawn once and never changes costs the page far less as a text
//! than as views. Pure, so that every case has a test.

use maec_protocol::{HeatMap, Magnitudes};

use crate::format::{count, norm, raised};
use crate::map::{column, place, words};
use crate::order::order;

/// Words as markup. Names come from other people's files.
pub fn escape(words: &str) -> String {
    words.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

fn element(tag: &str, attributes: &str, words: &str) -> String {
    format!("<{tag} {attributes}>{}</{tag}>", escape(words))
}

/// What is in a table: the first row and the first column are heads.
pub fn table(rows: &[Vec<String>]) -> String {
    let mut html = String::new();
    for (index, row) in rows.iter().enumerate() {
        html.push_str(["<thead><tr>", "<tr>"][usize::from(index > 0)]);
        for (place, cell) in row.iter().enumerate() {
            html.push_str(&match (index, place) {
                (0, _) => element("th", "scope=col", cell),
                (_, 0) => element("th", "scope=row", cell),
                _ => element("td", "", cell),
            });
        }
        html.push_str(["</tr></thead><tbody>", "</tr>"][usize::from(index > 0)]);
    }
    html + "</tbody>"
}

/// A number as heat maps and their legends show it.
pub fn value(value: f64) -> String {
    if value.is_finite() { norm(value).replacen('-', "\u{2212}", 1) } else { "NaN".into() }
}

/// The least and the greatest value of a map's layers, or of the others where there are no layers.
pub fn ends(map: &HeatMap) -> (f64, f64) {
    let inside: Vec<f64> = map.cells.iter().flatten().flatten().copied().collect();
    let outside: Vec<f64> = map.outside.iter().map(|(_, value)| *value).collect();
    let values = if inside.is_empty() { outside } else { inside };
    let finite = values.into_iter().filter(|value| value.is_finite());
    let (least, most) =
        finite.fold((f64::INFINITY, f64::NEG_INFINITY), |(least, most), v| (v.min(least), v.max(most)));
    if least <= most { (least, most) } else { (0.0, 0.0) }
}

/// How strongly a value is coloured, in per cent: from the least to the greatest, or from 0 where there are values on
/// both sides of it.
fn strength(value: f64, (least, most): (f64, f64)) -> f64 {
    let share = match least < 0.0 {
        true => value.abs() / most.max(-least),
        false => (value - least) / (most - least),
    };
    if share.is_finite() { share.clamp(0.0, 1.0) * 100.0 } else { 0.0 }
}

/// A map's table: a row for each layer and for each tensor outside of them. Cells have the id `heat-<row>-<column>`, and
/// their tensor in `data-tensor`; the first one can be reached with the Tab key.
pub fn heat(map: &HeatMap) -> String {
    let ends = ends(map);
    let kind = |column: usize| map.kinds[column].split_once("*.").map_or("", |(_, kind)| kind);
    let order = order(map.kinds.len(), &|a, b| place(kind(a)).cmp(&place(kind(b))));

    let mut html = String::from("<thead><tr><th scope=col>layer</th>");
    for &at in &order {
        let head = column(kind(at));
        let title = format!("scope=col title=\"{}\"", escape(&map.kinds[at]));
        html.push_str(&element("th", &title, &head.label));
    }
    html.push_str("</tr></thead><tbody>");
    let mut reachable = "0";
    let mut cell = |html: &mut String, id: (usize, usize), tensor: &str, found: Option<f64>, span: usize| {
        let Some(found) = found else { return html.push_str("<td class=gap></td>") };
        let shown = value(found);
        let spoken = format!("{}: {shown}", words(tensor));
        let attributes = format!(
            "id=heat-{}-{} colspan={span} tabindex={reachable} class={} style=\"--strength:{:.1}%\" data-tensor=\"{}\" \
             aria-label=\"{}\"",
            id.0,
            id.1,
            if found < 0.0 { "below" } else { "above" },
            strength(found, ends),
            escape(tensor),
            escape(&spoken),
        );
        reachable = "-1";
        // As wide as the map: there is room for the words.
        let is_wide = id.0 >= map.layers.len();
        html.push_str(&element("td", &attributes, if is_wide { &spoken } else { &shown }));
    };
    for (row, layer) in map.layers.iter().enumerate() {
        html.push_str(&format!("<tr><th scope=row>{layer}</th>"));
        for (place, &at) in order.iter().enumerate() {
            let tensor = map.kinds[at].replacen('*', &layer.to_string(), 1);
            cell(&mut html, (row, place), &tensor, map.cells[row].get(at).copied().flatten(), 1);
        }
        html.push_str("</tr>");
    }
    for (index, (tensor, found)) in map.outside.iter().enumerate() {
        html.push_str("<tr class=outside><th></th>");
        cell(&mut html, (map.layers.len() + index, 0), tensor, Some(*found), order.len().max(1));
        html.push_str("</tr>");
    }
    html + "</tbody>"
}

/// Bars of a histogram, positive values upwards and negative ones downwards, as high as the fullest place allows.
pub fn bars(histogram: &Magnitudes) -> String {
    let Magnitudes { first, negative, positive } = histogram;
    let most = negative.iter().chain(positive).copied().max().unwrap_or(0).max(1) as f64;
    let bar = |(index, (below, above)): (usize, (&u64, &u64))| {
        let share = |counted: u64| 100.0 * counted as f64 / most;
        format!(
            "<span style=\"--above:{:.1}%;--below:{:.1}%\" title=\"{}: {} negative, {} positive\"></span>",
            share(*above),
            share(*below),
            magnitude(first + index as i32),
            count(*below),
            count(*above),
        )
    };
    negative.iter().zip(positive).enumerate().map(bar).collect()
}

/// A histogram's rows, the head first.
pub fn counts(histogram: &Magnitudes) -> Vec<Vec<String>> {
    let pairs = histogram.negative.iter().zip(&histogram.positive).enumerate();
    let row = |(index, (below, above)): (usize, (&u64, &u64))| {
        vec![magnitude(histogram.first + index as i32), count(*below), count(*above)]
    };
    let head = ["Size", "Negative", "Positive"].map(String::from).to_vec();
    std::iter::once(head).chain(pairs.map(row)).collect()
}

/// `2⁻⁸ to 2⁻⁷`.
fn magnitude(exponent: i32) -> String {
    let power = |exponent: i32| format!("2{}", raised(&exponent.to_string()));
    format!("{} to {}", power(exponent), power(exponent + 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(cells: [[Option<f64>; 2]; 2]) -> HeatMap {
        HeatMap {
            title: "t".into(),
            about: "a".into(),
            model: "m".into(),
            layers: vec![0, 7],
            kinds: vec![
                "model.layers.*.mlp.up_proj.weight".into(),
                "model.layers.*.self_attn.q_proj.weight".into(),
            ],
            cells: cells.map(Vec::from).to_vec(),
            outside: vec![("a\"<b>".into(), 50.0)],
        }
    }

    #[test]
    fn every_value_has_a_cell_with_its_tensor_in_the_decoders_order() {
        let html = heat(&map([[Some(1.0), Some(3.0)], [None, Some(2.0)]]));
        let cells: Vec<&str> = html.split("<td ").skip(1).collect();
        assert_eq!(cells.len(), 5, "three values, a gap and one outside: {html}");
        assert!(cells[0].contains("id=heat-0-0 ") && cells[0].contains("layers.0.self_attn.q_proj.weight"));
        assert!(cells[0].contains("tabindex=0") && cells[0].contains("--strength:100.0%"), "{}", cells[0]);
        assert!(cells[1].contains("id=heat-0-1 ") && cells[1].contains("--strength:0.0%"), "{}", cells[1]);
        assert!(cells[2].contains("Layer 7 · attention query: 2.00") && cells[2].contains("tabindex=-1"));
        assert!(cells[2].contains("--strength:50.0%"));
        assert!(cells[3].starts_with("class=gap"));
        // What lies outside does not change the layers' scale, and no name is markup.
        assert!(cells[4].contains("id=heat-2-0 colspan=2") && cells[4].contains("--strength:100.0%"));
        assert!(cells[4].contains("data-tensor=\"a&quot;&lt;b&gt;\""), "{}", cells[4]);
    }

    #[test]
    fn both_sides_of_zero_are_coloured_from_zero() {
        let both = map([[Some(-1.0), Some(0.5)], [Some(f64::NAN), None]]);
        assert_eq!(ends(&both), (-1.0, 0.5));
        let html = heat(&both);
        assert!(html.contains("class=below style=\"--strength:100.0%\""));
        assert!(html.contains("class=above style=\"--strength:50.0%\""));
        assert!(html.contains("--strength:0.0%") && html.contains(">NaN<"));
        assert_eq!(ends(&map([[None; 2]; 2])), (50.0, 50.0));
    }

    #[test]
    fn tables_have_heads_and_no_foreign_markup() {
        let rows = [vec!["".into(), "<m>".into()], vec!["norm".into(), "1".into()]];
        assert_eq!(
            table(&rows),
            "<thead><tr><th scope=col></th><th scope=col>&lt;m&gt;</th></tr></thead><tbody>\
             <tr><th scope=row>norm</th><td >1</td></tr></tbody>"
        );
    }

    #[test]
    fn a_histogram_is_as_high_as_its_fullest_place() {
        let histogram = Magnitudes { first: -1, negative: vec![0, 2], positive: vec![4, 1] };
        let html = bars(&histogram);
        assert!(html.contains("--above:100.0%;--below:0.0%") && html.contains("--above:25.0%;--below:50.0%"));
        assert!(html.contains("2⁻¹ to 2⁰: 0 negative, 4 positive"));
        assert_eq!(counts(&histogram)[2], ["2⁰ to 2¹", "2", "1"]);
        assert_eq!(bars(&Magnitudes::default()), "");
    }
}
