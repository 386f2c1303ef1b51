//! How series are told apart: by colour, and by dash, marker or hatching too.

use crate::Shape;
use crate::markup::{Element, px};

/// Colours of the style sheet.
const COLOURS: usize = 8;
const DASHES: [&str; 5] = ["none", "7 4", "2 3", "10 3 2 3", "14 4"];

/// The class that gives a series its colour.
pub(crate) fn colour(series: usize) -> String {
    format!("c{}", series % COLOURS)
}

/// The dashes of its line.
pub(super) fn dash(series: usize) -> &'static str {
    DASHES[series % DASHES.len()]
}

/// A marker around `(x, y)`, of about 7 units.
pub(super) fn marker(series: usize, x: f64, y: f64) -> Element {
    let path = |points: &[(f64, f64)]| {
        let at: Vec<String> =
            points.iter().map(|(dx, dy)| format!("{},{}", px(x + dx), px(y + dy))).collect();
        Element::new("polygon").with("points", at.join(" "))
    };
    let shape = match series % 6 {
        0 => Element::new("circle").at("cx", x).at("cy", y).at("r", 3.5),
        1 => Element::new("rect").at("x", x - 3.2).at("y", y - 3.2).at("width", 6.4).at("height", 6.4),
        2 => path(&[(0.0, -4.4), (4.2, 3.2), (-4.2, 3.2)]),
        3 => path(&[(0.0, -4.6), (4.6, 0.0), (0.0, 4.6), (-4.6, 0.0)]),
        4 => path(&[(0.0, 4.4), (4.2, -3.2), (-4.2, -3.2)]),
        _ => Element::new("circle")
            .at("cx", x)
            .at("cy", y)
            .at("r", 3.2)
            .with("style", "fill:var(--paper);stroke-width:2"),
    };
    shape.class("marker")
}

/// Names of the hatchings of one drawing, which may stand in a page with others.
#[derive(Debug, Clone, Copy)]
pub(super) struct Hatching<'a>(pub(super) &'a str);

impl Hatching<'_> {
    /// The pattern of a series, where it has one: the first is solid, the third light.
    pub(super) fn pattern(self, series: usize) -> Option<Element> {
        let line = |d: &str| Element::new("path").with("d", d);
        let ink = match series % 6 {
            1 => line("M-1,1 l2,-2 M0,6 l6,-6 M5,7 l2,-2"),
            3 => line("M-1,5 l2,2 M0,0 l6,6 M5,-1 l2,2"),
            4 => Element::new("circle").at("cx", 3.0).at("cy", 3.0).at("r", 1.4).class("dot"),
            5 => line("M0,3 h6"),
            _ => return None,
        };
        let ground = Element::new("rect").with("width", 6).with("height", 6).class("ground");
        let pattern = Element::new("pattern")
            .with("id", self.id(series))
            .class(format!("hatch {}", colour(series)))
            .with("width", 6)
            .with("height", 6)
            .with("patternUnits", "userSpaceOnUse");
        Some(pattern.child(ground).child(ink))
    }

    /// A bar of a series.
    pub(super) fn bar(self, series: usize, (x, y): (f64, f64), (width, height): (f64, f64)) -> Element {
        let bar = Element::new("rect").at("x", x).at("y", y).at("width", width).at("height", height);
        match series % 6 {
            0 => bar.class("bar solid"),
            2 => bar.class("bar light"),
            _ => bar.class("bar").with("fill", format!("url(#{})", self.id(series))),
        }
    }

    fn id(self, series: usize) -> String {
        format!("{}_hatch_{series}", self.0)
    }
}

/// The small drawing before a series' name in the legend.
pub(crate) fn swatch(shape: Shape, figure: &str, series: usize) -> Element {
    let width = if shape == Shape::Lines { 30.0 } else { 16.0 };
    let svg = Element::new("svg")
        .class(format!("swatch {}", colour(series)))
        .at("width", width)
        .with("height", 14)
        .with("aria-hidden", "true");
    let mark = marker(series, width / 2.0, 7.0);
    let line =
        Element::new("path").class("line").with("d", "M0,7 h30").with("stroke-dasharray", dash(series));
    match shape {
        Shape::Lines => svg.child(line).child(mark),
        Shape::Points => svg.child(mark),
        Shape::Bars => {
            let name = format!("{figure}_key_{series}");
            let hatching = Hatching(&name);
            svg.children(hatching.pattern(series)).child(hatching.bar(series, (1.0, 1.0), (14.0, 12.0)))
        }
    }
}
