//! Where every tensor stands in the map: one row a layer, one column a kind, and full-width rows before and after.

use crate::order::{order, sorted};

/// Kinds in the order in which a decoder layer uses them: (name after the layer's number, label, words).
const KINDS: [(&str, &str, &str); 9] = [
    ("input_layernorm.weight", "norm₁", "norm before attention"),
    ("self_attn.q_proj.weight", "q", "attention query"),
    ("self_attn.k_proj.weight", "k", "attention key"),
    ("self_attn.v_proj.weight", "v", "attention value"),
    ("self_attn.o_proj.weight", "o", "attention output"),
    ("post_attention_layernorm.weight", "norm₂", "norm before the MLP"),
    ("mlp.gate_proj.weight", "gate", "MLP gate"),
    ("mlp.up_proj.weight", "up", "MLP up"),
    ("mlp.down_proj.weight", "down", "MLP down"),
];

/// Tensors outside the layers that people know by another name.
const SINGLES: [(&str, &str, bool); 3] = [
    ("model.embed_tokens.weight", "embedding", true),
    ("model.norm.weight", "final norm", false),
    ("lm_head.weight", "output head", false),
];

/// A step with an arrow key, Home or End.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// To the row above.
    Up,
    /// To the row below.
    Down,
    /// To the previous cell of the row.
    Left,
    /// To the next cell of the row.
    Right,
    /// To the row's first cell.
    RowStart,
    /// To the row's last cell.
    RowEnd,
}

/// A column: one kind of tensor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    /// Short label for the head: `q`, `gate`.
    pub label: String,
    /// In words: `attention query`.
    pub words: String,
}

/// One row of the map. Cells hold indices into the list of names that the map was made from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Row {
    /// A tensor that belongs to no layer, as wide as the map.
    Single {
        /// Its label: `embedding`.
        label: String,
        /// Its index.
        tensor: usize,
    },
    /// A layer; `None` where it lacks a kind.
    Layer {
        /// The layer's number, from 0.
        layer: u32,
        /// One for each column.
        cells: Vec<Option<usize>>,
    },
}

/// The map's rows and columns.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TensorMap {
    /// The kinds that occur.
    pub columns: Vec<Column>,
    /// From the embedding to the output.
    pub rows: Vec<Row>,
}

/// `model.layers.3.mlp.up_proj.weight` → (3, `mlp.up_proj.weight`).
pub fn layer_of(name: &str) -> Option<(u32, &str)> {
    let rest = name.split_once("layers.")?.1;
    let (number, kind) = rest.split_once('.')?;
    Some((number.parse().ok()?, kind))
}

/// A tensor in words: `Layer 2 · MLP up`, `Embedding`.
pub fn words(name: &str) -> String {
    if let Some((layer, kind)) = layer_of(name) {
        let words = KINDS.iter().find(|known| known.0 == kind).map_or(kind, |known| known.2);
        return format!("Layer {layer} \u{b7} {words}");
    }
    match name {
        "model.embed_tokens.weight" => "Token embedding".into(),
        "model.norm.weight" => "Final norm".into(),
        "lm_head.weight" => "Output head".into(),
        other => other.into(),
    }
}

/// Where a kind stands among the columns; those that are not known come last.
pub fn place(kind: &str) -> usize {
    KINDS.iter().position(|known| known.0 == kind).unwrap_or(KINDS.len())
}

/// The column of a kind, which is a tensor's name after its layer's number.
pub fn column(kind: &str) -> Column {
    if let Some(&(_, label, words)) = KINDS.get(place(kind)) {
        return Column { label: label.into(), words: words.into() };
    }
    let mut label = kind.trim_end_matches(".weight").rsplit('.').next().unwrap_or(kind).to_owned();
    if let Some(weight) = kind.strip_suffix("bias").map(|stem| format!("{stem}weight")) {
        let beside = KINDS.iter().find(|known| known.0 == weight);
        label = beside.map_or(label, |known| format!("{} bias", known.1));
    }
    Column { label, words: kind.into() }
}

impl TensorMap {
    /// Lays out tensors by their Hugging Face names. Unknown kinds get a column, unknown singles a row, in name order.
    pub fn new(names: &[&str]) -> Self {
        let (mut kinds, mut layers): (Vec<&str>, Vec<u32>) = (Vec::new(), Vec::new());
        for (layer, kind) in names.iter().filter_map(|name| layer_of(name)) {
            kinds.push(kind);
            layers.push(layer);
        }
        let by_kind = order(kinds.len(), &|a, b| {
            place(kinds[a]).cmp(&place(kinds[b])).then_with(|| kinds[a].cmp(kinds[b]))
        });
        kinds = by_kind.into_iter().map(|at| kinds[at]).collect();
        kinds.dedup();
        layers = sorted(&layers);
        layers.dedup();

        let columns = kinds.iter().map(|kind| column(kind)).collect();

        let single = |tensor: usize| {
            let label = SINGLES.iter().find(|s| s.0 == names[tensor]).map_or(names[tensor], |s| s.1);
            Row::Single { label: label.into(), tensor }
        };
        let is_first = |name: &str| SINGLES.iter().any(|s| s.0 == name && s.2);
        let known = |i: usize| SINGLES.iter().position(|s| s.0 == names[i]).unwrap_or(SINGLES.len());
        let mut singles =
            order(names.len(), &|a, b| known(a).cmp(&known(b)).then_with(|| names[a].cmp(names[b])));
        singles.retain(|&i| layer_of(names[i]).is_none());

        let mut rows: Vec<Row> =
            singles.iter().copied().filter(|&i| is_first(names[i])).map(single).collect();
        for &layer in &layers {
            let find = |kind: &&str| names.iter().position(|name| layer_of(name) == Some((layer, kind)));
            rows.push(Row::Layer { layer, cells: kinds.iter().map(find).collect() });
        }
        rows.extend(singles.iter().copied().filter(|&i| !is_first(names[i])).map(single));
        Self { columns, rows }
    }

    /// The tensor that a step from `tensor` leads to; the same one at the map's edge. A step up or down through a
    /// full-width row goes on in `column`, the column last visited.
    pub fn step(&self, tensor: usize, column: usize, step: Step) -> usize {
        let Some((row, here)) = self.find(tensor) else { return tensor };
        let here = here.unwrap_or(column);
        let target = match step {
            Step::Up => self.rows[..row].iter().rev().find_map(|row| row.at(here)),
            Step::Down => self.rows[row + 1..].iter().find_map(|row| row.at(here)),
            Step::Left => self.rows[row].tensors().rev().skip_while(|&t| t != tensor).nth(1),
            Step::Right => self.rows[row].tensors().skip_while(|&t| t != tensor).nth(1),
            Step::RowStart => self.rows[row].tensors().next(),
            Step::RowEnd => self.rows[row].tensors().next_back(),
        };
        target.unwrap_or(tensor)
    }

    /// The column of a tensor; `None` for one that is as wide as the map.
    pub fn column(&self, tensor: usize) -> Option<usize> {
        self.find(tensor)?.1
    }

    /// The map's first tensor, in reading order.
    pub fn first(&self) -> Option<usize> {
        self.rows.iter().find_map(|row| row.tensors().next())
    }

    fn find(&self, tensor: usize) -> Option<(usize, Option<usize>)> {
        self.rows.iter().enumerate().find_map(|(index, row)| match row {
            Row::Single { tensor: own, .. } => (*own == tensor).then_some((index, None)),
            Row::Layer { cells, .. } => {
                let column = cells.iter().position(|&cell| cell == Some(tensor))?;
                Some((index, Some(column)))
            }
        })
    }
}

impl Row {
    /// The row's tensors from left to right.
    pub fn tensors(&self) -> impl DoubleEndedIterator<Item = usize> + '_ {
        let cells: &[Option<usize>] = match self {
            Row::Single { .. } => &[],
            Row::Layer { cells, .. } => cells,
        };
        let single = match self {
            Row::Single { tensor, .. } => Some(*tensor),
            Row::Layer { .. } => None,
        };
        single.into_iter().chain(cells.iter().copied().flatten())
    }

    /// The tensor in a column; a full-width row's tensor stands in every column.
    fn at(&self, column: usize) -> Option<usize> {
        match self {
            Row::Single { tensor, .. } => Some(*tensor),
            Row::Layer { cells, .. } => cells.get(column).copied().flatten(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAMES: [&str; 8] = [
        "lm_head.weight",
        "model.embed_tokens.weight",
        "model.layers.0.mlp.up_proj.weight",
        "model.layers.0.self_attn.q_proj.weight",
        "model.layers.1.mlp.up_proj.weight",
        "model.layers.1.self_attn.q_proj.bias",
        "model.layers.1.self_attn.q_proj.weight",
        "model.norm.weight",
    ];

    #[test]
    fn rows_go_from_the_embedding_to_the_head() {
        let map = TensorMap::new(&NAMES);
        let labels: Vec<_> = map.columns.iter().map(|column| column.label.as_str()).collect();
        assert_eq!(labels, ["q", "up", "q bias"]);
        assert_eq!(map.rows[0], Row::Single { label: "embedding".into(), tensor: 1 });
        assert_eq!(map.rows[1], Row::Layer { layer: 0, cells: vec![Some(3), Some(2), None] });
        assert_eq!(map.rows[2], Row::Layer { layer: 1, cells: vec![Some(6), Some(4), Some(5)] });
        assert_eq!(map.rows[3], Row::Single { label: "final norm".into(), tensor: 7 });
        assert_eq!(map.rows[4], Row::Single { label: "output head".into(), tensor: 0 });
    }

    #[test]
    fn layers_are_ordered_by_number_not_by_name() {
        let names: Vec<String> =
            [10, 2, 0].iter().map(|n| format!("model.layers.{n}.mlp.up_proj.weight")).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let layers: Vec<_> = TensorMap::new(&names)
            .rows
            .iter()
            .map(|row| match row {
                Row::Layer { layer, .. } => *layer,
                Row::Single { .. } => u32::MAX,
            })
            .collect();
        assert_eq!(layers, [0, 2, 10]);
    }

    #[test]
    fn every_tensor_stands_in_exactly_one_place() {
        let map = TensorMap::new(&NAMES);
        let mut seen: Vec<usize> =
            map.rows.iter().flat_map(|row| row.tensors().collect::<Vec<_>>()).collect();
        seen.sort_unstable();
        assert_eq!(seen, (0..NAMES.len()).collect::<Vec<_>>());
    }

    #[test]
    fn arrow_keys_walk_the_map_and_stop_at_its_edges() {
        let map = TensorMap::new(&NAMES);
        assert_eq!(map.step(1, 1, Step::Down), 2, "from the embedding down the remembered column");
        assert_eq!(map.step(2, 0, Step::Down), 4);
        assert_eq!(map.step(3, 0, Step::Right), 2);
        assert_eq!(map.step(2, 0, Step::Right), 2, "a gap at the row's end");
        assert_eq!(map.step(2, 0, Step::Left), 3);
        assert_eq!(map.step(5, 0, Step::Up), 1, "over a gap");
        assert_eq!(map.step(5, 0, Step::RowStart), 6);
        assert_eq!(map.step(6, 0, Step::RowEnd), 5);
        assert_eq!(map.step(1, 0, Step::Up), 1);
        assert_eq!(map.step(0, 0, Step::Down), 0);
    }

    #[test]
    fn words_name_known_and_unknown_tensors() {
        assert_eq!(words("model.layers.1.self_attn.q_proj.weight"), "Layer 1 · attention query");
        assert_eq!(words("model.embed_tokens.weight"), "Token embedding");
        assert_eq!(words("model.layers.0.odd.weight"), "Layer 0 · odd.weight");
        assert_eq!(words("x"), "x");
    }
}
