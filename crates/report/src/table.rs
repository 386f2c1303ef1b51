//! Tables as HTML: means with their intervals small beside them, and published numbers apart from measured ones.

use super::head::head;
use super::markup::{Element, words};
use super::number::{interval, shown};
use super::{Cell, Estimate, Table};

/// A table of so many columns is set closer, and wider than the text where the screen is.
const MANY: usize = 9;

/// A table in a box that scrolls sideways where the screen is narrow. `rows_are` heads the column of the rows' names.
pub(super) fn table(table: &Table, rows_are: &str, caption: Caption) -> Element {
    let id = match caption {
        Caption::Seen => format!("{}_caption", table.id),
        Caption::Unseen => format!("{}_twin_caption", table.id),
    };
    let title = words("caption", &table.title).with("id", &id);
    let title = if caption == Caption::Seen { title } else { title.class("unseen") };
    let corner = match rows_are {
        "" => words("span", "Row").class("unseen"),
        name => words("span", name),
    };
    let is_words: Vec<bool> = (0..table.columns.len()).map(|place| is_words(table, place)).collect();
    let rows = table.rows.iter().map(|row| {
        let cells = row.cells.iter().zip(&table.columns).zip(&is_words);
        Element::new("tr")
            .child(words("th", &row.name).with("scope", "row"))
            .children(cells.map(|((cell, column), &is_words)| data(cell, column.decimals, is_words)))
    });
    let whole = Element::new("table")
        .child(title)
        .child(head(table, corner, &is_words))
        .child(Element::new("tbody").children(rows));
    Element::new("div")
        .class(if table.columns.len() < MANY { "sideways" } else { "sideways many" })
        .with("role", "region")
        .with("aria-labelledby", id)
        .with("tabindex", 0)
        .child(whole)
}

/// Whether a table shows its caption; a figure's twin stands under the figure's own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Caption {
    /// Above the table.
    Seen,
    /// For screen readers only.
    Unseen,
}

/// How many seeds a table's intervals are over, in words; none where it has no interval.
pub(super) fn seeds(table: &Table) -> Option<String> {
    let cells = table.rows.iter().flat_map(|row| &row.cells);
    let counts = cells.filter_map(|cell| match cell {
        Cell::Measured(estimate) if interval(estimate, 0).is_some() => Some(estimate.seeds),
        _ => None,
    });
    let (least, most) = counts.fold((usize::MAX, 0), |(least, most), n| (least.min(n), most.max(n)));
    match (least, most) {
        (_, 0) => None,
        (1, 1) => Some("One seed, with 95\u{a0}% intervals.".into()),
        (least, most) if least == most => Some(format!("Means over {most} seeds with 95\u{a0}% intervals.")),
        (least, most) => Some(format!("Means over {least} to {most} seeds with 95\u{a0}% intervals.")),
    }
}

/// A published number.
pub(super) fn published(value: f64, decimals: usize) -> Element {
    Element::new("span")
        .class("published")
        .child(words("span", "published: ").class("unseen"))
        .text(shown(value, decimals))
}

/// A measured number with its interval.
pub(super) fn measured(estimate: &Estimate, decimals: usize) -> Vec<Element> {
    let mean = words("span", shown(estimate.mean, decimals)).class("mean");
    let ends = interval(estimate, decimals).map(|text| words("span", text).class("interval"));
    std::iter::once(mean).chain(ends).collect()
}

fn data(cell: &Cell, decimals: usize, is_words: bool) -> Element {
    let data = if is_words { Element::new("td").class("words") } else { Element::new("td") };
    match cell {
        Cell::Empty => data.child(words("span", "–").class("nothing")),
        Cell::Text(text) => data.text(text),
        Cell::Measured(estimate) => data.children(measured(estimate, decimals)),
        Cell::Published(value) => data.child(published(*value, decimals)),
    }
}

/// Whether a column holds no number.
fn is_words(table: &Table, place: usize) -> bool {
    let mut cells = table.rows.iter().filter_map(|row| row.cells.get(place));
    let is_number = |cell: &Cell| matches!(cell, Cell::Measured(_) | Cell::Published(_));
    cells.clone().any(|cell| matches!(cell, Cell::Text(_))) && !cells.any(is_number)
}
