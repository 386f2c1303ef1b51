//! A heat map of layers × kinds in the terminal's own characters.

use maec_merge::inspect::{Grid, Metric};

use super::table::shown;

/// From the smallest value to the largest.
const SHADES: [char; 5] = ['·', '░', '▒', '▓', '█'];
/// Columns side by side; more go below.
const COLUMNS: usize = 24;

/// The map: a row for each layer, a lettered column for each kind, and what the shades and letters stand for.
pub fn draw(grid: &Grid, metric: Metric, title: &str) -> String {
    let Some((least, most)) = grid.range() else { return format!("{title}: nothing to see") };
    let shade = |value: f64| {
        let share = if most > least { (value - least) / (most - least) } else { 0.0 };
        SHADES[((share * SHADES.len() as f64) as usize).min(SHADES.len() - 1)]
    };
    let mut lines = vec![
        title.to_owned(),
        format!(
            "{} {} … {} {}",
            SHADES[0],
            shown(metric, least),
            shown(metric, most),
            SHADES[SHADES.len() - 1]
        ),
    ];
    for begin in (0..grid.kinds.len()).step_by(COLUMNS) {
        let band = begin..grid.kinds.len().min(begin + COLUMNS);
        let heading: String = band.clone().map(|column| format!(" {:<2}", letters(column))).collect();
        lines.push(format!("layer{heading}").trim_end().to_owned());
        for (layer, row) in grid.layers.iter().zip(&grid.cells) {
            let cells = row[band.clone()].iter().map(|cell| match cell {
                Some(value) => format!(" {0}{0}", shade(*value)),
                None => "   ".into(),
            });
            lines.push(format!("{layer:>5}{}", cells.collect::<String>()).trim_end().to_owned());
        }
        lines.extend(band.map(|column| format!("  {:<2} {}", letters(column), grid.kinds[column])));
    }
    lines.join("\n")
}

/// a, b, … z, aa, ab, ….
fn letters(column: usize) -> String {
    let letter = |place: usize| char::from(b'a' + (place % 26) as u8);
    if column < 26 { letter(column).into() } else { format!("{}{}", letter(column / 26 - 1), letter(column)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_smallest_is_a_dot_and_the_largest_is_full() {
        let grid = Grid {
            layers: vec![0, 1],
            kinds: vec!["model.layers.*.a".into(), "model.layers.*.b".into()],
            cells: vec![vec![Some(1.0), Some(2.0)], vec![None, Some(3.0)]],
            outside: Vec::new(),
        };
        let drawn = draw(&grid, Metric::L2, "‖x‖: m");
        let expected = "‖x‖: m\n· 1.000 … 3.000 █\nlayer a  b\n    0 ·· ▒▒\n    1    ██\n  a  model.layers.*.a\n  b  model.layers.*.b";
        assert_eq!(drawn, expected);
        assert_eq!((letters(25), letters(26), letters(53)), ("z".into(), "aa".into(), "bb".into()));
    }
}
