//! Tables and figures as CSV (RFC 4180), with every digit of their numbers.

use ::csv::Writer;

use super::{Cell, Estimate, Figure, Row, Table};

/// What a column of a table becomes: one column for each kind of value that it holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Aspect {
    /// The mean, or the text.
    Value,
    /// The ends of the interval and the seeds, where some row has more than a mean.
    Low,
    High,
    Seeds,
    /// What the paper prints.
    Published,
}

impl Table {
    /// A header, then a line a row: the row's name, then for each column `NAME (UNIT)`, followed by `…, low`, `…, high` and
    /// `…, seeds` where some row has an interval or several seeds, and `…, published` where some row has a published number. What is
    /// not there is an empty field.
    pub fn csv(&self) -> String {
        let columns: Vec<(usize, Aspect)> = (0..self.columns.len())
            .flat_map(|place| self.aspects(place).map(move |aspect| (place, aspect)))
            .collect();
        let heads = columns.iter().map(|&(place, aspect)| self.head(place, aspect));
        let head: Vec<String> = std::iter::once("row".to_owned()).chain(heads).collect();
        let fields = |row: &Row| -> Vec<String> {
            let cells =
                columns.iter().map(|&(place, aspect)| row.cells.get(place).map(|cell| field(cell, aspect)));
            std::iter::once(row.name.clone()).chain(cells.map(Option::unwrap_or_default)).collect()
        };
        text(std::iter::once(head).chain(self.rows.iter().map(fields)))
    }

    fn aspects(&self, place: usize) -> impl Iterator<Item = Aspect> + use<> {
        let cells = || self.rows.iter().filter_map(|row| row.cells.get(place));
        let is_estimate = |cell: &Cell| match cell {
            Cell::Measured(Estimate { mean, low, high, seeds }) => low != mean || high != mean || *seeds != 1,
            _ => false,
        };
        let estimates = cells().any(is_estimate);
        let published = cells().any(|cell| matches!(cell, Cell::Published(_)));
        let estimates = estimates.then_some([Aspect::Low, Aspect::High, Aspect::Seeds]);
        std::iter::once(Aspect::Value)
            .chain(estimates.into_iter().flatten())
            .chain(published.then_some(Aspect::Published))
    }

    fn head(&self, place: usize, aspect: Aspect) -> String {
        let column = &self.columns[place];
        let unit = if column.unit.is_empty() { String::new() } else { format!(" ({})", column.unit) };
        let aspect = match aspect {
            Aspect::Value => "",
            Aspect::Low => ", low",
            Aspect::High => ", high",
            Aspect::Seeds => ", seeds",
            Aspect::Published => ", published",
        };
        format!("{}{unit}{aspect}", column.name)
    }
}

impl Figure {
    /// A line a point: `series,x,label,mean,low,high,seeds`. The label is the point's, or else that of its bars.
    pub fn csv(&self) -> String {
        let head = ["series", "x", "label", "mean", "low", "high", "seeds"].map(str::to_owned).to_vec();
        let lines = self.series.iter().flat_map(|series| {
            series.points.iter().map(|point| {
                let group = (0..self.labels.len()).find(|&group| group as f64 == point.x);
                let group = group.map(|group| self.labels[group].clone()).unwrap_or_default();
                let label = if point.label.is_empty() { group } else { point.label.clone() };
                let Estimate { mean, low, high, seeds } = point.y;
                let mut line = vec![series.name.clone(), number(point.x), label];
                line.extend([mean, low, high].map(number));
                line.push(seeds.to_string());
                line
            })
        });
        text(std::iter::once(head).chain(lines))
    }
}

fn field(cell: &Cell, aspect: Aspect) -> String {
    match (cell, aspect) {
        (Cell::Text(text), Aspect::Value) => text.clone(),
        (Cell::Measured(estimate), Aspect::Value) => number(estimate.mean),
        (Cell::Measured(estimate), Aspect::Low) => number(estimate.low),
        (Cell::Measured(estimate), Aspect::High) => number(estimate.high),
        (Cell::Measured(estimate), Aspect::Seeds) => estimate.seeds.to_string(),
        (Cell::Published(value), Aspect::Published) => number(*value),
        _ => String::new(),
    }
}

/// As few digits as give the number back; nothing where there is none.
fn number(value: f64) -> String {
    if value.is_finite() { value.to_string() } else { String::new() }
}

fn text(lines: impl Iterator<Item = Vec<String>>) -> String {
    let mut writer = Writer::from_writer(Vec::new());
    for line in lines {
        // Writing into memory can't fail, and all lines have as many fields as the first.
        let _ = writer.write_record(&line);
    }
    writer.into_inner().ok().and_then(|bytes| String::from_utf8(bytes).ok()).unwrap_or_default()
}
