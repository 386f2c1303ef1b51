//! Points by two numbers, with their names where these don't cover each other.

use super::frame::{Frame, label, whisker, width};
use super::look::{colour, marker};
use super::values;
use crate::Figure;
use crate::markup::{Element, words};
use crate::scale::Scale;

/// Below the data: numbers and the axis' name.
const BELOW: f64 = 46.0;
/// Height that a name needs.
const HEIGHT: f64 = 13.0;

/// A rectangle that is taken: left, top, right, bottom.
type Taken = (f64, f64, f64, f64);

/// The axes and points of a figure.
pub(super) fn draw(figure: &Figure, size: (f64, f64)) -> Vec<Element> {
    let y = |places| Scale::nice(values(figure), 5, places);
    let frame = Frame::new(size, &y((0.0, 1.0)), BELOW);
    let y = y((frame.bottom, frame.top));
    let all = || figure.series.iter().flat_map(|series| &series.points);
    let ticks = if size.0 < 500.0 { 4 } else { 8 };
    let x = Scale::nice(all().map(|point| point.x), ticks, (frame.left, frame.right));
    let mut parts = vec![frame.y_axis(&y, &figure.y), frame.x_axis(&x, &figure.x)];

    // Every point's own place is taken before any name is set.
    let places = all().filter_map(|point| Some((x.place(point.x)?, y.place(point.y.mean)?)));
    let mut taken: Vec<Taken> = places.map(|(x, y)| (x - 4.0, y - 4.0, x + 4.0, y + 4.0)).collect();
    let mut names = Element::new("g").class("names");
    for (place, series) in figure.series.iter().enumerate() {
        let mut group = Element::new("g").class(format!("series cloud {}", colour(place)));
        for point in &series.points {
            let (Some(at_x), Some(at_y)) = (x.place(point.x), y.place(point.y.mean)) else { continue };
            if point.y.low < point.y.high
                && let (Some(low), Some(high)) = (y.place(point.y.low), y.place(point.y.high))
            {
                group = group.child(whisker(at_x, low, high, 3.0));
            }
            let mark = marker(place, at_x, at_y);
            if point.label.is_empty() {
                group = group.child(mark);
                continue;
            }
            group = group.child(mark.child(words("title", &point.label)));
            if let Some((name, room)) = named(&point.label, (at_x, at_y), &frame, &taken) {
                taken.push(room);
                names = names.child(name);
            }
        }
        parts.push(group);
    }
    parts.push(names);
    parts
}

/// The name beside its point at the first of four places that is free; none where all are taken. The table has every name.
fn named(text: &str, (x, y): (f64, f64), frame: &Frame, taken: &[Taken]) -> Option<(Element, Taken)> {
    let wide = width(text);
    let places = [
        (x + 8.0, y + 4.0, "start", x + 8.0),
        (x - 8.0, y + 4.0, "end", x - 8.0 - wide),
        (x, y - 9.0, "middle", x - wide / 2.0),
        (x, y + 18.0, "middle", x - wide / 2.0),
    ];
    places.into_iter().find_map(|(at, base, anchor, left)| {
        let room = (left, base - HEIGHT + 3.0, left + wide, base + 3.0);
        let is_inside = left >= frame.left && left + wide <= frame.right && base <= frame.bottom;
        let is_free = taken.iter().all(|other| !overlap(&room, other));
        (is_inside && is_free).then(|| (label(text, at, base, anchor), room))
    })
}

fn overlap(a: &Taken, b: &Taken) -> bool {
    a.0 < b.2 && b.0 < a.2 && a.1 < b.3 && b.1 < a.3
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_goes_where_there_is_room() {
        let frame = Frame { left: 0.0, right: 100.0, top: 0.0, bottom: 100.0 };
        let (_, right) = named("abc", (50.0, 50.0), &frame, &[]).unwrap();
        assert!(right.0 > 50.0);
        let (_, left) = named("abc", (90.0, 50.0), &frame, &[]).unwrap();
        assert!(left.2 < 90.0);
        assert!(named("abc", (50.0, 50.0), &frame, &[(0.0, 0.0, 100.0, 100.0)]).is_none());
    }
}
