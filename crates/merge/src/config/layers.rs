//! Which layer a tensor belongs to, from its name.

/// Where a tensor stands in a model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Place {
    /// Before the layers: embeddings.
    Before,
    /// In the layer of this number.
    Layer(usize),
    /// After the layers: the final norm, lm_head.
    After,
}

/// The place of a tensor of this name: `model.layers.3.…`, `transformer.h.3.…` and the like.
pub(super) fn place(name: &str) -> Place {
    match number(name) {
        Some((_, layer)) => Place::Layer(layer),
        None if name.contains("embed") || name.contains("wte") || name.contains("wpe") => Place::Before,
        None => Place::After,
    }
}

/// The name with another layer's number.
pub(super) fn renumbered(name: &str, layer: usize) -> String {
    match number(name) {
        Some((range, _)) => format!("{}{layer}{}", &name[..range.start], &name[range.end..]),
        None => name.to_owned(),
    }
}

/// How many layers a model has: one more than its last layer's number.
pub(super) fn count<'a>(names: impl IntoIterator<Item = &'a str>) -> usize {
    names.into_iter().filter_map(|name| number(name).map(|(_, layer)| layer + 1)).max().unwrap_or(0)
}

/// The first part of the name that is a number, after a part that names layers.
pub(crate) fn number(name: &str) -> Option<(std::ops::Range<usize>, usize)> {
    let mut start = 0;
    let mut before = "";
    for part in name.split('.') {
        if matches!(before, "layers" | "h" | "layer" | "blocks" | "block")
            && let Ok(layer) = part.parse()
        {
            return Some((start..start + part.len(), layer));
        }
        start += part.len() + 1;
        before = part;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn layers_by_name() {
        assert_eq!(place("model.layers.12.mlp.up_proj.weight"), Place::Layer(12));
        assert_eq!(place("transformer.h.0.ln_1.bias"), Place::Layer(0));
        assert_eq!(place("model.embed_tokens.weight"), Place::Before);
        assert_eq!(place("lm_head.weight"), Place::After);
        assert_eq!(place("model.norm.weight"), Place::After);
        assert_eq!(renumbered("model.layers.12.mlp.up_proj.weight", 7), "model.layers.7.mlp.up_proj.weight");
        assert_eq!(renumbered("lm_head.weight", 7), "lm_head.weight");
        assert_eq!(count(["model.layers.0.a", "model.layers.11.a", "lm_head.weight"]), 12);
        assert_eq!(count(["model.layers.x.a", "12"]), 0);
    }
}
