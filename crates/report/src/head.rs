//! A table's headings: names, groups of them, and a line of units.

use super::markup::Element;
use super::{Column, Table};

/// What stands between a group's name and its column's: `paper: average`.
const OF_GROUP: &str = ": ";

/// The lines of the head. Neighbours whose names begin with the same `GROUP: ` stand under one heading, and units in a line of their
/// own. `is_words` says of each column whether it holds no number.
pub(super) fn head(table: &Table, corner: Element, is_words: &[bool]) -> Element {
    let groups = groups(&table.columns);
    let has_groups = groups.iter().any(|group| group.name.is_some());
    let has_units = table.columns.iter().any(|column| !column.unit.is_empty());
    let lines = 1 + usize::from(has_groups) + usize::from(has_units);
    let corner = spanning(Element::new("th").with("scope", "col"), "rowspan", lines).child(corner);
    let (mut first, mut second) = (Element::new("tr").child(corner), Element::new("tr"));
    for group in &groups {
        let columns = table.columns.iter().zip(is_words).skip(group.start).take(group.len);
        match group.name {
            Some(name) => {
                let over = Element::new("th").with("scope", "colgroup").class("group");
                first = first.child(spanning(over, "colspan", group.len).text(name));
                second = second.children(columns.map(|(column, &is_words)| {
                    heading(is_words).text(&column.name[name.len() + OF_GROUP.len()..])
                }));
            }
            None => {
                let alone = |is_words| spanning(heading(is_words), "rowspan", 1 + usize::from(has_groups));
                first = first.children(columns.map(|(column, &is_words)| alone(is_words).text(&column.name)));
            }
        }
    }
    let units = table.columns.iter().zip(is_words).map(|(column, &is_words)| {
        let unit = Element::new("td").class(if is_words { "unit words" } else { "unit" });
        unit.text(&column.unit)
    });
    let head = Element::new("thead").child(first);
    let head = if has_groups { head.child(second) } else { head };
    if has_units { head.child(Element::new("tr").children(units)) } else { head }
}

/// Neighbouring columns.
struct Group<'a> {
    start: usize,
    len: usize,
    name: Option<&'a str>,
}

fn groups(columns: &[Column]) -> Vec<Group<'_>> {
    let mut groups: Vec<Group<'_>> = Vec::new();
    for (start, column) in columns.iter().enumerate() {
        let name = column.name.split_once(OF_GROUP).map(|(name, _)| name);
        match groups.last_mut().filter(|last| last.name == name) {
            Some(last) => last.len += 1,
            None => groups.push(Group { start, len: 1, name }),
        }
    }
    // A group of one is a name with a colon.
    groups.iter_mut().filter(|group| group.len == 1).for_each(|group| group.name = None);
    groups
}

fn heading(is_words: bool) -> Element {
    let heading = Element::new("th").with("scope", "col");
    if is_words { heading.class("words") } else { heading }
}

/// An element over several lines or columns.
fn spanning(element: Element, direction: &'static str, count: usize) -> Element {
    if count > 1 { element.with(direction, count) } else { element }
}
