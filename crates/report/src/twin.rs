//! The values of a figure as a table, so that nothing is said by a drawing alone.

use super::number::{decimals, short};
use super::{Cell, Column, Estimate, Figure, Row, Shape, Table};

impl Figure {
    /// The figure's values as a table with its id, title and no notes: a row for each place of x and a column for each series; for
    /// [`Shape::Points`] a row for each point.
    pub fn table(&self) -> Table {
        let (columns, rows) = match self.shape {
            Shape::Lines | Shape::Bars => self.by_place(),
            Shape::Points => self.by_point(),
        };
        Table { id: self.id.clone(), title: self.title.clone(), columns, rows, notes: Vec::new() }
    }

    /// What the rows of [`table`](Self::table) are.
    pub(super) fn rows_are(&self) -> &str {
        match self.shape {
            Shape::Lines | Shape::Bars => &self.x,
            Shape::Points => "point",
        }
    }

    fn by_place(&self) -> (Vec<Column>, Vec<Row>) {
        // A series that has a place twice has a second row for it.
        let mut keys: Vec<(f64, usize)> = self.series.iter().flat_map(places).collect();
        keys.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        keys.dedup_by(|a, b| same(a, b));
        let row = |key: &(f64, usize)| {
            let of = |series: &super::Series| {
                let place = places(series).position(|other| same(&other, key));
                place.map_or(Cell::Empty, |place| Cell::Measured(series.points[place].y))
            };
            Row { name: self.place_name(key.0), cells: self.series.iter().map(of).collect() }
        };
        let means = self.series.iter().flat_map(|series| &series.points).map(|point| point.y.mean);
        let decimals = decimals(means);
        let columns = self.series.iter().map(|series| &series.name);
        let columns = columns.map(|name| Column { name: name.clone(), unit: String::new(), decimals });
        (columns.collect(), keys.iter().map(row).collect())
    }

    fn by_point(&self) -> (Vec<Column>, Vec<Row>) {
        let points = || self.series.iter().flat_map(|series| &series.points);
        let column = |name: &str, decimals| Column { name: name.to_owned(), unit: String::new(), decimals };
        let columns = vec![
            column("series", 0),
            column(&self.x, decimals(points().map(|point| point.x))),
            column(&self.y, decimals(points().map(|point| point.y.mean))),
        ];
        let rows = self.series.iter().flat_map(|series| {
            series.points.iter().enumerate().map(|(place, point)| Row {
                name: if point.label.is_empty() { (place + 1).to_string() } else { point.label.clone() },
                cells: vec![
                    Cell::Text(series.name.clone()),
                    Cell::Measured(Estimate::exact(point.x)),
                    Cell::Measured(point.y),
                ],
            })
        });
        (columns, rows.collect())
    }

    /// A bar's label, or the number.
    fn place_name(&self, x: f64) -> String {
        let group = (0..self.labels.len()).find(|&group| group as f64 == x);
        group.map_or_else(|| short(x), |group| self.labels[group].clone())
    }
}

/// Each point's x, with how often the series had it before.
fn places(series: &super::Series) -> impl Iterator<Item = (f64, usize)> {
    series.points.iter().enumerate().map(|(place, point)| {
        let before = &series.points[..place];
        (point.x, before.iter().filter(|other| other.x.total_cmp(&point.x).is_eq()).count())
    })
}

fn same(a: &(f64, usize), b: &(f64, usize)) -> bool {
    a.0.total_cmp(&b.0).is_eq() && a.1 == b.1
}
