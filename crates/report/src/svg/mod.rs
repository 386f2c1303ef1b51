//! A figure as SVG, in two sizes: for a screen's width and for a phone's.

mod bars;
mod frame;
mod lines;
pub(super) mod look;
mod points;

use super::markup::{Element, words};
use super::number::{decimals, shown};
use super::{Figure, Shape};

/// For which width a figure is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Size {
    /// From 640 CSS pixels, and on paper.
    Wide,
    /// Below.
    Narrow,
}

impl Size {
    fn name(self) -> &'static str {
        match self {
            Self::Wide => "wide",
            Self::Narrow => "narrow",
        }
    }

    /// Width and height in user units.
    fn units(self) -> (f64, f64) {
        match self {
            Self::Wide => (720.0, 340.0),
            Self::Narrow => (350.0, 300.0),
        }
    }
}

/// The drawing, with a title and a description for who can't see it.
pub(super) fn drawing(figure: &Figure, size: Size) -> Element {
    let name = format!("{}_{}", figure.id, size.name());
    let (width, height) = size.units();
    let parts = match figure.shape {
        _ if !has_values(figure) => {
            vec![frame::label("No values", width / 2.0, height / 2.0, "middle")]
        }
        Shape::Lines => lines::draw(figure, size.units()),
        Shape::Bars => bars::draw(figure, size.units(), &name),
        Shape::Points => points::draw(figure, size.units()),
    };
    Element::new("svg")
        .class(format!("drawing {}", size.name()))
        .with("viewBox", format!("0 0 {width} {height}"))
        .with("role", "img")
        .with("aria-labelledby", format!("{name}_title {name}_desc"))
        .child(words("title", &figure.title).with("id", format!("{name}_title")))
        .child(words("desc", description(figure)).with("id", format!("{name}_desc")))
        .children(parts)
}

fn has_values(figure: &Figure) -> bool {
    let mut points = figure.series.iter().flat_map(|series| &series.points);
    points.any(|point| point.x.is_finite() && point.y.mean.is_finite())
}

/// All values that the y axis must have room for: means and the ends of their intervals.
fn values(figure: &Figure) -> impl Iterator<Item = f64> {
    let points = figure.series.iter().flat_map(|series| &series.points);
    points
        .filter(|point| point.y.mean.is_finite())
        .flat_map(|point| [point.y.low, point.y.mean, point.y.high])
}

/// What is drawn, in a sentence or two.
fn description(figure: &Figure) -> String {
    let (what, over) = match figure.shape {
        Shape::Lines => ("Lines", format!(" over {}", figure.x)),
        Shape::Bars => ("Bars", format!(" for {}", figure.labels.join(", "))),
        Shape::Points => ("Points", format!(" by {}", figure.x)),
    };
    let means = || figure.series.iter().flat_map(|series| &series.points).map(|point| point.y.mean);
    let finite = || means().filter(|mean| mean.is_finite());
    let (low, high) = finite()
        .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), mean| (low.min(mean), high.max(mean)));
    let digits = decimals(finite());
    let names: Vec<&str> = figure.series.iter().map(|series| series.name.as_str()).collect();
    let range = match low <= high {
        true => format!(", from {} to {}", shown(low, digits), shown(high, digits)),
        false => ", without values".into(),
    };
    format!("{what} of {}{over}{range}: {}. The table below has the values.", figure.y, names.join(", "))
}
