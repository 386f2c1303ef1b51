//! Lines over a numeric x, with their intervals as bands, or as whiskers where many bands would cover each other.

use super::frame::{Frame, whisker};
use super::look::{colour, dash, marker};
use super::values;
use crate::markup::{Element, px};
use crate::scale::Scale;
use crate::{Figure, Point, Series};

/// Bands that a reader can still tell apart.
const BANDS: usize = 3;
/// Markers of a line, about.
const MARKERS: usize = 16;
/// Below the data: numbers and the axis' name.
const BELOW: f64 = 46.0;
/// Between the frame and the first and last point.
const PADDING: f64 = 10.0;
/// How far whiskers of two series stand apart, so that they don't cover each other.
const APART: f64 = 2.5;

/// The axes and lines of a figure.
pub(super) fn draw(figure: &Figure, size: (f64, f64)) -> Vec<Element> {
    let y = |places| Scale::nice(values(figure), 5, places);
    let frame = Frame::new(size, &y((0.0, 1.0)), BELOW);
    let y = y((frame.bottom, frame.top));
    let all: Vec<f64> = figure.series.iter().flat_map(|series| &series.points).map(|point| point.x).collect();
    let ticks = if size.0 < 500.0 { 5 } else { 10 };
    let x = Scale::tight(&all, ticks, (frame.left + PADDING, frame.right - PADDING));
    let mut parts = vec![frame.y_axis(&y, &figure.y), frame.x_axis(&x, &figure.x)];
    let count = figure.series.len();
    let is_banded = count <= BANDS;
    let apart = if is_banded { 0.0 } else { APART.min(2.0 * (PADDING - 1.0) / count as f64) };
    let pen = Pen { x, y, is_banded, apart, middle: (count as f64 - 1.0) / 2.0 };
    // Bands first, so that no band covers a line.
    parts.extend(figure.series.iter().enumerate().flat_map(|(place, series)| pen.intervals(place, series)));
    parts.extend(figure.series.iter().enumerate().map(|(place, series)| pen.line(place, series)));
    parts
}

struct Pen {
    x: Scale,
    y: Scale,
    is_banded: bool,
    /// From a series to the next, along x.
    apart: f64,
    /// The place among the series that is not moved.
    middle: f64,
}

impl Pen {
    /// Points without a gap between them; a value that is no number parts two runs.
    fn runs<'a>(&self, points: &'a [Point]) -> impl Iterator<Item = &'a [Point]> {
        points.split(|point| !(point.x.is_finite() && point.y.mean.is_finite())).filter(|run| !run.is_empty())
    }

    /// Where a value of the series at `place` stands.
    fn at(&self, place: usize, x: f64, y: f64) -> Option<(f64, f64)> {
        let moved = self.apart * (place as f64 - self.middle);
        Some((self.x.place(x)? + moved, self.y.place(y)?))
    }

    fn intervals(&self, place: usize, series: &Series) -> Option<Element> {
        let group = Element::new("g").class(format!("intervals {}", colour(place)));
        let mut marks = Vec::new();
        for run in self.runs(&series.points) {
            // An interval that is not known has no width.
            let ends = |point: &Point| {
                let known = point.y.low.is_finite() && point.y.high.is_finite();
                if known { (point.y.low, point.y.high) } else { (point.y.mean, point.y.mean) }
            };
            if run.iter().all(|point| ends(point).0 >= ends(point).1) {
                continue;
            }
            if self.is_banded && run.len() > 1 {
                let upper = run.iter().filter_map(|point| self.at(place, point.x, ends(point).1));
                let lower = run.iter().rev().filter_map(|point| self.at(place, point.x, ends(point).0));
                let polygon = Element::new("polygon").class("band");
                marks.push(polygon.with("points", path(upper.chain(lower))));
            } else {
                let ends = run.iter().filter_map(|point| {
                    let (low, high) = ends(point);
                    let (x, low) = self.at(place, point.x, low)?;
                    Some((x, low, self.y.place(high)?))
                });
                marks.extend(ends.map(|(x, low, high)| whisker(x, low, high, 3.0)));
            }
        }
        (!marks.is_empty()).then(|| group.children(marks))
    }

    fn line(&self, place: usize, series: &Series) -> Element {
        let mut group = Element::new("g").class(format!("series {}", colour(place)));
        for run in self.runs(&series.points) {
            let line = Element::new("polyline").class("line").with("stroke-dasharray", dash(place));
            let points = run.iter().filter_map(|point| self.at(place, point.x, point.y.mean));
            group = group.child(line.with("points", path(points)));
            let every = run.len().div_ceil(MARKERS).max(1);
            let marked = run.iter().step_by(every).filter_map(|point| self.at(place, point.x, point.y.mean));
            group = group.children(marked.map(|(x, y)| marker(place, x, y)));
        }
        group
    }
}

fn path(points: impl Iterator<Item = (f64, f64)>) -> String {
    let points: Vec<String> = points.map(|(x, y)| format!("{},{}", px(x), px(y))).collect();
    points.join(" ")
}
