//! Bars from zero, one group for each label, with their intervals as whiskers.

use super::frame::{Frame, LINE, clipped, label, stroke, whisker, width};
use super::look::{Hatching, colour};
use super::values;
use crate::markup::{Element, px};
use crate::number::shown;
use crate::scale::Scale;
use crate::{Estimate, Figure, Point};

/// Share of a group's room that its bars take.
const FILL: f64 = 0.78;
/// The widest bar.
const WIDEST: f64 = 46.0;
/// A bar wide enough for its number.
const NUMBERED: f64 = 30.0;
/// Lines that a group's name may take before names are turned.
const LINES: usize = 3;
/// The widest of the names that are turned by 45°.
const TURNED: f64 = 130.0;
/// Sine of 45°.
const SLOPE: f64 = std::f64::consts::FRAC_1_SQRT_2;

/// The axes and bars of a figure. `name` makes the names of its hatchings unlike those of other drawings.
pub(super) fn draw(figure: &Figure, size: (f64, f64), name: &str) -> Vec<Element> {
    let y = |places| Scale::nice(values(figure).chain([0.0]), 5, places);
    let rough = Frame::new(size, &y((0.0, 1.0)), 0.0);
    let names = Names::new(figure, (rough.right - rough.left) / figure.labels.len().max(1) as f64);
    let below = names.height + 12.0 + if figure.x.is_empty() { 0.0 } else { LINE + 4.0 };
    let mut frame = Frame::new(size, &y((0.0, 1.0)), below);
    frame.left = frame.left.max(names.left);
    let y = y((frame.bottom, frame.top));

    let room = (frame.right - frame.left) / figure.labels.len().max(1) as f64;
    let bar = (FILL * room / figure.series.len().max(1) as f64).min(WIDEST);
    let hatching = Hatching(name);
    let mut parts = vec![
        Element::new("defs").children((0..figure.series.len()).filter_map(|place| hatching.pattern(place))),
        frame.y_axis(&y, &figure.y),
    ];
    let greatest = values(figure).filter(|value| value.is_finite()).map(f64::abs).fold(0.0, f64::max);
    let zero = y.place(0.0).unwrap_or(frame.bottom);
    let pen = Pen { y, hatching, width: bar, decimals: if greatest < 10.0 { 2 } else { 1 } };
    for (place, series) in figure.series.iter().enumerate() {
        let offset = (place as f64 - figure.series.len() as f64 / 2.0) * bar;
        let bars = series.points.iter().filter_map(|point| {
            let group = group_of(figure, point)?;
            let left = frame.left + (group as f64 + 0.5) * room + offset;
            pen.bar(place, &point.y, left)
        });
        parts.push(Element::new("g").class(format!("series {}", colour(place))).children(bars.flatten()));
    }
    parts.push(stroke("axis", (frame.left, zero), (frame.right, zero)));
    parts.push(names.draw(&frame, room));
    if !figure.x.is_empty() {
        parts.push(frame.x_name(&figure.x, size.1 - 4.0));
    }
    parts
}

/// The group that a point is in; none where no label stands for it.
fn group_of(figure: &Figure, point: &Point) -> Option<usize> {
    (0..figure.labels.len()).find(|&group| group as f64 == point.x)
}

/// What all bars of a figure have in common.
struct Pen<'a> {
    y: Scale,
    hatching: Hatching<'a>,
    width: f64,
    decimals: usize,
}

impl Pen<'_> {
    /// A bar with its whisker, and its number where there is room.
    fn bar(&self, series: usize, value: &Estimate, left: f64) -> Option<Vec<Element>> {
        let (zero, end) = (self.y.place(0.0)?, self.y.place(value.mean)?);
        let gap = if self.width > 8.0 { 1.5 } else { 0.0 };
        let size = ((self.width - 2.0 * gap).max(1.0), (zero - end).abs().max(0.5));
        let mut parts = vec![self.hatching.bar(series, (left + gap, zero.min(end)), size)];
        let (middle, mut upper) = (left + self.width / 2.0, zero.min(end));
        if value.low < value.high
            && let (Some(low), Some(high)) = (self.y.place(value.low), self.y.place(value.high))
        {
            parts.push(whisker(middle, low, high, (self.width / 4.0).min(4.0)));
            upper = upper.min(high);
        }
        if self.width >= NUMBERED {
            let text = shown(value.mean, self.decimals);
            parts.push(label(text, middle, upper - 5.0, "middle").class("value"));
        }
        Some(parts)
    }
}

/// The groups' names: level on a few lines each where they fit, else turned.
struct Names {
    lines: Vec<Vec<String>>,
    is_turned: bool,
    height: f64,
    /// Room that the first name needs at its left.
    left: f64,
}

impl Names {
    fn new(figure: &Figure, room: f64) -> Self {
        let lines: Vec<Vec<String>> = figure.labels.iter().map(|label| wrapped(label, room - 6.0)).collect();
        let most = lines.iter().map(Vec::len).max().unwrap_or(1);
        let fits = lines.iter().flatten().all(|line| width(line) <= room);
        if fits && most <= LINES {
            return Self { lines, is_turned: false, height: LINE * most as f64, left: 0.0 };
        }
        let lines: Vec<Vec<String>> =
            figure.labels.iter().map(|label| vec![clipped(label, TURNED)]).collect();
        let longest = lines.iter().flatten().map(|line| width(line)).fold(0.0, f64::max);
        let first = lines.iter().flatten().next().map_or(0.0, |line| width(line));
        Self { lines, is_turned: true, height: SLOPE * longest + LINE, left: SLOPE * first - room / 2.0 }
    }

    fn draw(&self, frame: &Frame, room: f64) -> Element {
        let mut group = Element::new("g").class("groups");
        for (place, lines) in self.lines.iter().enumerate() {
            let x = frame.left + (place as f64 + 0.5) * room;
            for (line, text) in lines.iter().enumerate() {
                let y = frame.bottom + LINE * (line as f64 + 1.0) + 2.0;
                let text = match self.is_turned {
                    true => label(text, x + 4.0, y, "end")
                        .with("transform", format!("rotate(-45 {} {})", px(x + 4.0), px(y))),
                    false => label(text, x, y, "middle"),
                };
                group = group.child(text);
            }
        }
        group
    }
}

/// A text as lines no wider than `most`, where its words allow it.
fn wrapped(text: &str, most: f64) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if width(line) + width(word) + width(" ") <= most => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.into()),
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_break_between_words() {
        assert_eq!(wrapped("without key neurons", 80.0), ["without key", "neurons"]);
        assert_eq!(wrapped("", 80.0), [""; 0]);
    }
}
