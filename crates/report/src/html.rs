//! The report as one HTML file that needs nothing beside it and runs no script.

use super::markup::{Element, words};
use super::number::interval;
use super::svg::look::swatch;
use super::svg::{Size, drawing};
use super::table::{Caption, measured, published, seeds, table};
use super::{Cell, Estimate, Figure, Part, Report, Table};

const STYLE: &str = include_str!("style.css");

/// Parts from which on a report of several sections begins with its contents.
const LONG: usize = 4;

impl Report {
    /// The page: title, how to read it, contents, then the parts; light or dark as the reader's system is.
    pub fn html(&self) -> String {
        let meta =
            |name: &str, content: &str| Element::new("meta").with("name", name).with("content", content);
        let head = Element::new("head")
            .child(Element::new("meta").with("charset", "utf-8"))
            .child(meta("viewport", "width=device-width, initial-scale=1"))
            .child(meta("color-scheme", "light dark"))
            .child(words("title", &self.title))
            .child(Element::new("style").raw(STYLE));
        let sections = self.sections();
        let contents = (sections.len() > 1 && self.parts.len() >= LONG).then(|| contents(&sections));
        let body = Element::new("body").child(self.header()).children(contents).child(
            Element::new("main")
                .children(sections.iter().enumerate().map(|(place, section)| section.html(place))),
        );
        let html = Element::new("html").with("lang", "en").child(head).child(body);
        format!("<!doctype html>\n{html}")
    }

    fn header(&self) -> Element {
        let command = Element::new("pre").child(words("code", &self.command));
        let header = Element::new("header").child(words("h1", &self.title));
        let header = header.children(self.summary.iter().map(|sentence| words("p", sentence)));
        let header = if self.command.is_empty() { header } else { header.child(command) };
        header.children(self.legend())
    }

    /// What the kinds of numbers look like, where the report has them.
    fn legend(&self) -> Option<Element> {
        let twins: Vec<Table> = self.parts.iter().filter_map(Part::figure).map(Figure::table).collect();
        let tables = self.parts.iter().filter_map(Part::table).chain(&twins);
        let cells: Vec<&Cell> = tables.flat_map(|table| &table.rows).flat_map(|row| &row.cells).collect();
        let example = Estimate { mean: 41.2, low: 39.9, high: 42.5, seeds: 3 };
        let has_interval =
            |cell: &&Cell| matches!(cell, Cell::Measured(value) if interval(value, 0).is_some());
        let mut legend = Element::new("p").class("legend");
        let is_measured = cells.iter().any(has_interval);
        if is_measured {
            let sample = Element::new("span").class("sample").children(measured(&example, 1));
            legend = legend.child(sample).text(" is measured here: a mean with its 95\u{a0}% interval. ");
        }
        let is_published = cells.iter().any(|cell| matches!(cell, Cell::Published(_)));
        if is_published {
            let sample = Element::new("span").class("sample").child(published(35.7, 1));
            legend = legend.child(sample).text(" is printed in the paper, for its own models and data.");
        }
        (is_measured || is_published).then_some(legend)
    }

    /// The parts under their headings.
    fn sections(&self) -> Vec<Section<'_>> {
        let mut sections: Vec<Section<'_>> = Vec::new();
        for part in &self.parts {
            match (part, sections.last_mut()) {
                (Part::Text { heading, paragraphs }, _) => {
                    sections.push(Section { heading, paragraphs, parts: Vec::new() });
                }
                (part, Some(section)) => section.parts.push(part),
                (part, None) => sections.push(Section { heading: "", paragraphs: &[], parts: vec![part] }),
            }
        }
        sections
    }
}

impl Part {
    fn table(&self) -> Option<&Table> {
        if let Self::Table(table) = self { Some(table) } else { None }
    }

    fn figure(&self) -> Option<&Figure> {
        if let Self::Figure(figure) = self { Some(figure) } else { None }
    }
}

/// A heading with what is under it.
struct Section<'a> {
    heading: &'a str,
    paragraphs: &'a [String],
    parts: Vec<&'a Part>,
}

impl Section<'_> {
    fn html(&self, place: usize) -> Element {
        let section = Element::new("section").with("id", anchor(place));
        let heading = (!self.heading.is_empty()).then(|| words("h2", self.heading));
        section
            .children(heading)
            .children(self.paragraphs.iter().map(|sentence| words("p", sentence)))
            .children(self.parts.iter().filter_map(|part| match part {
                Part::Text { .. } => None,
                Part::Table(table) => Some(table_part(table)),
                Part::Figure(figure) => Some(figure_part(figure)),
            }))
    }
}

/// The name of a section. Ids of tables and figures hold no `_`, so that no name that is made here is theirs.
fn anchor(place: usize) -> String {
    format!("section_{}", place + 1)
}

fn contents(sections: &[Section<'_>]) -> Element {
    let link = |id: &str, text: &str| words("a", text).with("href", format!("#{id}"));
    let under = |section: &Section<'_>| {
        let items = section.parts.iter().filter_map(|part| match part {
            Part::Text { .. } => None,
            Part::Table(table) => Some(link(&table.id, &table.title)),
            Part::Figure(figure) => Some(link(&figure.id, &figure.title)),
        });
        let items: Vec<Element> = items.map(|link| Element::new("li").child(link)).collect();
        (!items.is_empty()).then(|| Element::new("ol").children(items))
    };
    let items = sections.iter().enumerate().map(|(place, section)| {
        let heading = (!section.heading.is_empty()).then(|| link(&anchor(place), section.heading));
        Element::new("li").children(heading).children(under(section))
    });
    Element::new("nav").with("aria-label", "Contents").child(Element::new("ol").children(items))
}

fn notes(notes: &[String], seeds: Option<String>) -> Option<Element> {
    let all: Vec<Element> = notes.iter().cloned().chain(seeds).map(|note| words("p", note)).collect();
    (!all.is_empty()).then(|| Element::new("div").class("notes").children(all))
}

fn table_part(data: &Table) -> Element {
    Element::new("div")
        .class("part")
        .with("id", &data.id)
        .child(table(data, "", Caption::Seen))
        .children(notes(&data.notes, seeds(data)))
}

fn figure_part(figure: &Figure) -> Element {
    let twin = figure.table();
    let names = figure.series.iter().enumerate().map(|(place, series)| {
        Element::new("li").child(swatch(figure.shape, &figure.id, place)).text(&series.name)
    });
    let legend = (figure.series.len() > 1).then(|| Element::new("ul").class("series-names").children(names));
    let details = Element::new("details").child(words("summary", "The same as a table")).child(table(
        &twin,
        figure.rows_are(),
        Caption::Unseen,
    ));
    Element::new("figure")
        .class("part")
        .with("id", &figure.id)
        .child(words("figcaption", &figure.title))
        .children(legend)
        .child(drawing(figure, Size::Wide))
        .child(drawing(figure, Size::Narrow))
        .children(notes(&figure.notes, seeds(&twin)))
        .child(details)
}
