//! Which files of a set a model needs.

use std::collections::BTreeSet;

use maec_checkpoint::FileSet;

/// The files that are worth fetching: the weights in the form that `ModelFolder` opens, and the small texts beside them. Copies in other
/// formats and folders stay where they are; of a pack (it has a `manifest.json`) everything is needed. Sorted.
pub fn model_files(files: &dyn FileSet) -> Vec<String> {
    let all = files.files();
    let paths: BTreeSet<&str> = all.iter().map(|(path, _)| path.as_str()).collect();
    if paths.contains("manifest.json") {
        return paths.into_iter().map(Into::into).collect();
    }
    let text = |path: &str| {
        [".json", ".jinja", ".yaml", ".yml"].iter().any(|end| path.ends_with(end))
            || matches!(path, "merges.txt" | "vocab.txt")
    };
    let weights = |path: &str| {
        path.ends_with(".safetensors")
            && if paths.contains("model.safetensors") {
                path == "model.safetensors"
            } else {
                !paths.contains("model.safetensors.index.json") || path.starts_with("model-")
            }
    };
    let wanted = |path: &&str| !path.contains('/') && (text(path) || weights(path));
    paths.iter().filter(|path| wanted(path)).map(|path| (*path).into()).collect()
}

#[cfg(test)]
mod tests {
    use maec_checkpoint::MemoryFiles;

    use super::model_files;

    fn needed(paths: &[&str]) -> Vec<String> {
        model_files(&MemoryFiles::new("set", paths.iter().map(|path| ((*path).to_owned(), Vec::new()))))
    }

    #[test]
    fn one_form_of_the_weights_is_chosen() {
        let single = [
            "README.md",
            "config.json",
            "consolidated.safetensors",
            "model.safetensors",
            "onnx/model.onnx",
            "pytorch_model.bin",
        ];
        assert_eq!(needed(&single), ["config.json", "model.safetensors"]);
        let sharded = [
            "chat_template.jinja",
            "consolidated.safetensors",
            "model-00001-of-00002.safetensors",
            "model-00002-of-00002.safetensors",
            "model.safetensors.index.json",
        ];
        assert_eq!(needed(&sharded), [sharded[0], sharded[2], sharded[3], sharded[4]]);
        assert_eq!(needed(&["delta.safetensors", "x.txt"]), ["delta.safetensors"]);
        assert_eq!(needed(&["data/x.jsonl", "manifest.json"]), ["data/x.jsonl", "manifest.json"]);
    }
}
