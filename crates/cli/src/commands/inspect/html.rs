//! A heat map as one HTML page without anything from outside: SVG, and the same numbers as a table.

use std::fmt::Write;

use maec_merge::inspect::{Grid, Inspection, Metric};

use super::table::shown;
use super::{maps, title};

/// Sizes of the drawing, in CSS pixels.
const CELL_WIDTH: usize = 58;
const CELL_HEIGHT: usize = 24;
const LEFT: usize = 44;
/// Text in a cell that is darker than this share is white.
const DARK: f64 = 0.55;

const STYLE: &str = ":root{color-scheme:light dark;font:15px/1.5 system-ui,sans-serif}
body{max-width:72rem;margin:2rem auto;padding:0 1rem}
.wide{overflow-x:auto}
table{border-collapse:collapse;font-variant-numeric:tabular-nums}
th,td{padding:.15rem .6rem;text-align:right;white-space:nowrap}
th:first-child,td:first-child{text-align:left}
tr:nth-child(even) td{background:color-mix(in srgb,currentColor 6%,transparent)}
svg text{font:11px system-ui,sans-serif}
svg .label{fill:currentColor}";

/// The page.
pub fn page(found: &Inspection, metric: Metric) -> String {
    let heading = title(found, metric, 0);
    let mut body = String::new();
    for place in 0..maps(found, metric) {
        section(&mut body, &Grid::new(found, metric, place), metric, &title(found, metric, place));
    }
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width\">\n<title>{}</title>\n<style>{STYLE}</style>\n</head>\n\
         <body>\n{body}</body>\n</html>\n",
        escape(&heading)
    )
}

fn section(out: &mut String, grid: &Grid, metric: Metric, title: &str) {
    put(out, format_args!("<h1>{}</h1>\n", escape(title)));
    if let Some((least, most)) = grid.range() {
        let scale = Scale::new(metric, least, most);
        put(out, format_args!("<p>From {} to {}.</p>\n", shown(metric, least), shown(metric, most)));
        drawing(out, grid, metric, &scale, title);
        twin(out, grid, metric);
    }
    if !grid.outside.is_empty() {
        put(
            out,
            format_args!("<h2>Outside the layers</h2>\n<table>\n<tr><th>tensor</th><th>value</th></tr>\n"),
        );
        for (name, value) in &grid.outside {
            put(out, format_args!("<tr><td>{}</td><td>{}</td></tr>\n", escape(name), shown(metric, *value)));
        }
        out.push_str("</table>\n");
    }
}

fn drawing(out: &mut String, grid: &Grid, metric: Metric, scale: &Scale, title: &str) {
    // Names stand at 45°, so that the longest decides how much room there is above and to the right.
    let longest = grid.kinds.iter().map(|kind| short(kind).chars().count()).max().unwrap_or(0);
    let top = longest * 9 / 2 + 16;
    let width = LEFT + grid.kinds.len() * CELL_WIDTH + top;
    let height = top + grid.layers.len() * CELL_HEIGHT;
    put(
        out,
        format_args!(
            "<div class=\"wide\"><svg role=\"img\" width=\"{width}\" height=\"{height}\" viewBox=\"0 0 {width} {height}\">\n\
             <title>{}</title>\n",
            escape(title)
        ),
    );
    for (column, kind) in grid.kinds.iter().enumerate() {
        let (x, y) = (LEFT + column * CELL_WIDTH + CELL_WIDTH / 2, top - 6);
        let kind = escape(short(kind));
        put(
            out,
            format_args!(
                "<text class=\"label\" transform=\"translate({x} {y}) rotate(-45)\">{kind}</text>\n"
            ),
        );
    }
    for (row, (layer, cells)) in grid.layers.iter().zip(&grid.cells).enumerate() {
        let y = top + row * CELL_HEIGHT;
        let text_y = y + CELL_HEIGHT / 2 + 4;
        let right = LEFT - 8;
        put(
            out,
            format_args!(
                "<text class=\"label\" x=\"{right}\" y=\"{text_y}\" text-anchor=\"end\">{layer}</text>\n"
            ),
        );
        for (column, value) in cells.iter().enumerate().filter_map(|(column, cell)| Some((column, (*cell)?)))
        {
            let x = LEFT + column * CELL_WIDTH;
            let (fill, ink) = scale.colours(value);
            let (text_x, text) = (x + CELL_WIDTH / 2, shown(metric, value));
            let name = escape(&grid.kinds[column].replacen('*', &layer.to_string(), 1));
            put(
                out,
                format_args!(
                    "<g><title>{name}: {text}</title><rect x=\"{x}\" y=\"{y}\" width=\"{}\" height=\"{}\" fill=\"{fill}\"/>\
                     <text x=\"{text_x}\" y=\"{text_y}\" text-anchor=\"middle\" fill=\"{ink}\">{text}</text></g>\n",
                    CELL_WIDTH - 1,
                    CELL_HEIGHT - 1
                ),
            );
        }
    }
    out.push_str("</svg></div>\n");
}

fn twin(out: &mut String, grid: &Grid, metric: Metric) {
    out.push_str(
        "<details><summary>The same as a table</summary><div class=\"wide\"><table>\n<tr><th>layer</th>",
    );
    for kind in &grid.kinds {
        put(out, format_args!("<th>{}</th>", escape(kind)));
    }
    out.push_str("</tr>\n");
    for (layer, cells) in grid.layers.iter().zip(&grid.cells) {
        put(out, format_args!("<tr><td>{layer}</td>"));
        for cell in cells {
            put(
                out,
                format_args!("<td>{}</td>", cell.map_or_else(|| "–".into(), |value| shown(metric, value))),
            );
        }
        out.push_str("</tr>\n");
    }
    out.push_str("</table></div></details>\n");
}

/// From values to colours: white to blue, or for signed metrics red over white to blue.
struct Scale {
    low: f64,
    high: f64,
    signed: bool,
}

impl Scale {
    fn new(metric: Metric, least: f64, most: f64) -> Self {
        let extent = least.abs().max(most.abs());
        let signed = metric.is_signed();
        if signed {
            Self { low: -extent, high: extent, signed }
        } else {
            Self { low: least, high: most, signed }
        }
    }

    /// A cell's colour, and that of text on it.
    fn colours(&self, value: f64) -> (String, &'static str) {
        let place = if self.high > self.low { (value - self.low) / (self.high - self.low) } else { 0.0 };
        let (strength, end) = match (self.signed, place < 0.5) {
            (false, _) => (place, [8.0, 69.0, 148.0]),
            (true, true) => (1.0 - 2.0 * place, [153.0, 0.0, 13.0]),
            (true, false) => (2.0 * place - 1.0, [8.0, 69.0, 148.0]),
        };
        let [r, g, b] = end.map(|end: f64| (247.0 + (end - 247.0) * strength).round() as u8);
        (format!("#{r:02x}{g:02x}{b:02x}"), if strength > DARK { "#fff" } else { "#000" })
    }
}

/// A kind without what all kinds begin with: what follows the layer's number.
fn short(kind: &str) -> &str {
    kind.split_once("*.").map_or(kind, |(_, rest)| rest)
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

fn put(out: &mut String, text: std::fmt::Arguments<'_>) {
    // Writing into a string can't fail.
    let _ = out.write_fmt(text);
}
