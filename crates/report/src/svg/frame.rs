//! What stands around the data: grid, ticks and the names of the axes.

use crate::markup::{Element, words};
use crate::scale::Scale;

/// Height of a line of text and the mean width of a letter, in user units.
pub(super) const LINE: f64 = 15.0;
const LETTER: f64 = 6.9;

/// The place of the data in a drawing, in user units from its top left.
#[derive(Debug, Clone, Copy)]
pub(super) struct Frame {
    /// Left end.
    pub(super) left: f64,
    /// Right end.
    pub(super) right: f64,
    /// Upper end.
    pub(super) top: f64,
    /// Lower end.
    pub(super) bottom: f64,
}

/// About how wide a text is; letters of East Asian scripts count twice.
pub(super) fn width(text: &str) -> f64 {
    text.chars().map(|c| if c >= '\u{1100}' { 13.0 } else { LETTER }).sum()
}

/// A text that is no wider than `most`.
pub(super) fn clipped(text: &str, most: f64) -> String {
    if width(text) <= most {
        return text.into();
    }
    let mut short = String::new();
    for c in text.chars() {
        short.push(c);
        if width(&short) > most - LETTER {
            short.pop();
            break;
        }
    }
    format!("{}…", short.trim_end())
}

/// A text at a place; `anchor` is `start`, `middle` or `end`.
pub(super) fn label(text: impl Into<String>, x: f64, y: f64, anchor: &'static str) -> Element {
    words("text", text).at("x", x).at("y", y).with("text-anchor", anchor)
}

/// A straight line.
pub(super) fn stroke(class: &'static str, (x1, y1): (f64, f64), (x2, y2): (f64, f64)) -> Element {
    Element::new("line").class(class).at("x1", x1).at("y1", y1).at("x2", x2).at("y2", y2)
}

/// An interval as a line with caps of `cap` units to each side.
pub(super) fn whisker(x: f64, low: f64, high: f64, cap: f64) -> Element {
    use crate::markup::px;
    let (left, right) = (px(x - cap), px(x + cap));
    let (x, low, high) = (px(x), px(low), px(high));
    Element::new("path")
        .class("whisker")
        .with("d", format!("M{x},{low} V{high} M{left},{low} H{right} M{left},{high} H{right}"))
}

impl Frame {
    /// A frame in a drawing, with room at the left for the widest of the y axis' numbers.
    pub(super) fn new((width_all, height): (f64, f64), ticks: &Scale, below: f64) -> Self {
        let widest = ticks.ticks().iter().map(|(_, label)| width(label)).fold(0.0, f64::max);
        Self { left: widest + 10.0, right: width_all - 8.0, top: 30.0, bottom: height - below }
    }

    /// Rules and numbers of the y axis, and its name above.
    pub(super) fn y_axis(&self, scale: &Scale, name: &str) -> Element {
        let ticks = scale.ticks();
        let rules = ticks.iter().map(|&(y, _)| stroke("rule", (self.left, y), (self.right, y)));
        let numbers = ticks.iter().map(|(y, text)| label(text, self.left - 8.0, y + 4.0, "end"));
        let name = label(clipped(name, self.right), 0.0, 12.0, "start").class("name");
        Element::new("g").children(rules).children(numbers).child(name)
    }

    /// Ticks and numbers of the x axis, and its name below.
    pub(super) fn x_axis(&self, scale: &Scale, name: &str) -> Element {
        let ticks = scale.ticks();
        let marks = ticks.iter().map(|&(x, _)| stroke("tick", (x, self.bottom), (x, self.bottom + 4.0)));
        let numbers = ticks.iter().map(|(x, text)| label(text, *x, self.bottom + LINE + 3.0, "middle"));
        let axis = stroke("axis", (self.left, self.bottom), (self.right, self.bottom));
        let y = self.bottom + 2.0 * LINE + 8.0;
        Element::new("g").child(axis).children(marks).children(numbers).child(self.x_name(name, y))
    }

    /// The x axis' name, in the middle at `y`.
    pub(super) fn x_name(&self, name: &str, y: f64) -> Element {
        let text = clipped(name, self.right - self.left);
        label(text, f64::midpoint(self.left, self.right), y, "middle").class("name")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_names_are_clipped() {
        assert_eq!(clipped("short", 100.0), "short");
        let long = clipped("accuracy of arithmetic", 70.0);
        assert!(long.ends_with('…') && width(&long) <= 70.0, "{long}");
        assert_eq!(clipped("abc", 0.0), "…");
    }
}
