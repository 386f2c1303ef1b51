//! Which of the files that came together belong together. Pure, so that every case has a test.

use crate::order::{order, sorted};

/// Files that are looked at as one thing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// What people call it: its folder's name, or its file's.
    pub title: String,
    /// The files, by their place in what came.
    pub files: Vec<usize>,
    /// Their names for the engine: from the group's own folder on.
    pub names: Vec<String>,
}

/// Divides files by their paths, in the paths' order. A folder with a model's or an adapter's configuration, a pack's `manifest.json` or an index of
/// shards is one thing with all that is under it, and so is a safetensors file or a recipe that lies outside of such a folder. What
/// is hidden, and what belongs to nothing, is left out; where nothing is recognised all files go together, so that
/// the engine says what is missing.
pub fn group(paths: &[String]) -> Vec<Group> {
    let hidden = |path: &str| path.split('/').any(|part| part.starts_with('.') || part == "__MACOSX");
    let mut seen = order(paths.len(), &|a, b| paths[a].cmp(&paths[b]));
    seen.retain(|&file| !hidden(&paths[file]));
    let mut roots: Vec<&str> = seen
        .iter()
        .map(|&file| split(&paths[file]))
        .filter(|(_, name)| is_head(name))
        .map(|(folder, _)| folder)
        .collect();
    roots = sorted(&roots);
    roots.dedup();
    let outermost: Vec<&str> = roots
        .iter()
        .copied()
        .filter(|root| !roots.iter().any(|other| other != root && is_under(root, other)))
        .collect();

    let mut folders: Vec<(&str, Vec<usize>)> = outermost.iter().map(|root| (*root, Vec::new())).collect();
    let mut groups = Vec::new();
    for &file in &seen {
        let (folder, name) = split(&paths[file]);
        match folders.iter_mut().find(|(root, _)| is_under(folder, root)) {
            Some((_, files)) => files.push(file),
            None if stands_alone(name) => {
                groups.push(Group { title: name.into(), files: vec![file], names: vec![name.into()] });
            }
            None => {}
        }
    }
    let whole = |(root, files): (&str, Vec<usize>)| {
        let (above, own) = split(root);
        let start = if above.is_empty() { 0 } else { above.len() + 1 };
        let names: Vec<String> = files.iter().map(|&file| paths[file][start..].to_owned()).collect();
        let title = if own.is_empty() { title_of(&names) } else { own.to_owned() };
        Group { title, files, names }
    };
    // Folders first: a base is looked at before the deltas that lie beside it.
    let mut all: Vec<Group> = folders.into_iter().map(whole).collect();
    all.append(&mut groups);
    if all.is_empty() && !seen.is_empty() {
        let names: Vec<String> = seen.iter().map(|&file| paths[file].clone()).collect();
        all.push(Group { title: title_of(&names), files: seen, names });
    }
    all
}

/// Folder and name of a path.
fn split(path: &str) -> (&str, &str) {
    path.rsplit_once('/').unwrap_or(("", path))
}

/// Whether a folder is `root` or lies in it.
fn is_under(folder: &str, root: &str) -> bool {
    root.is_empty() || folder.strip_prefix(root).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// Files that say that their folder is one thing.
fn is_head(name: &str) -> bool {
    matches!(name, "config.json" | "adapter_config.json" | "manifest.json")
        || name.ends_with(".safetensors.index.json")
}

fn stands_alone(name: &str) -> bool {
    [".safetensors", ".yaml", ".yml"].iter().any(|ending| name.ends_with(ending))
        || (name.ends_with(".json") && name.contains("recipe"))
}

fn title_of(names: &[String]) -> String {
    let weights = names.iter().find(|name| name.ends_with(".safetensors"));
    let first = weights.or(names.first()).map_or("", |name| split(name).1);
    match names.len() {
        0 | 1 => first.into(),
        more => format!("{first} and {}", crate::format::plural(more - 1, "file")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grouped(paths: &[&str]) -> Vec<(String, Vec<String>)> {
        let paths: Vec<String> = paths.iter().map(|&path| path.into()).collect();
        let groups = group(&paths);
        for group in &groups {
            let same = |(&file, name): (&usize, &String)| paths[file].ends_with(name.as_str());
            assert!(group.files.iter().zip(&group.names).all(same), "{group:?}");
        }
        groups.into_iter().map(|group| (group.title, group.names)).collect()
    }

    fn of(title: &str, names: &[&str]) -> (String, Vec<String>) {
        (title.into(), names.iter().map(|&name| name.into()).collect())
    }

    #[test]
    fn a_folder_is_one_model_and_keeps_its_name() {
        let paths = [
            "smol/config.json",
            "smol/model.safetensors",
            "smol/onnx/config.json",
            "smol/.git/config.json",
            "__MACOSX/smol/config.json",
        ];
        assert_eq!(
            grouped(&paths),
            [of("smol", &["smol/config.json", "smol/model.safetensors", "smol/onnx/config.json"])]
        );
    }

    #[test]
    fn a_folder_of_models_is_taken_apart() {
        let paths = [
            "all/b/config.json",
            "all/a/config.json",
            "all/a/x.safetensors",
            "all/ab/manifest.json",
            "all/notes.txt",
        ];
        assert_eq!(
            grouped(&paths),
            [
                of("a", &["a/config.json", "a/x.safetensors"]),
                of("ab", &["ab/manifest.json"]),
                of("b", &["b/config.json"])
            ]
        );
    }

    #[test]
    fn loose_deltas_and_recipes_stand_alone() {
        assert_eq!(
            grouped(&[
                "es.safetensors",
                "bn.safetensors",
                "README.md",
                "recipe.json",
                "mine.yaml",
                "notes.json"
            ]),
            [
                of("bn.safetensors", &["bn.safetensors"]),
                of("es.safetensors", &["es.safetensors"]),
                of("mine.yaml", &["mine.yaml"]),
                of("recipe.json", &["recipe.json"])
            ]
        );
    }

    #[test]
    fn an_adapter_is_one_thing_beside_its_model() {
        let paths = [
            "all/base/config.json",
            "all/lora/README.md",
            "all/lora/adapter_config.json",
            "all/lora/adapter_model.safetensors",
        ];
        let adapter = ["lora/README.md", "lora/adapter_config.json", "lora/adapter_model.safetensors"];
        assert_eq!(grouped(&paths), [of("base", &["base/config.json"]), of("lora", &adapter)]);
    }

    #[test]
    fn chosen_files_of_a_model_go_together() {
        let files = ["config.json", "model-00001-of-00002.safetensors", "model.safetensors.index.json"];
        assert_eq!(grouped(&files), [of("model-00001-of-00002.safetensors and 2 files", &files)]);
    }

    #[test]
    fn what_nobody_knows_goes_to_the_engine_as_it_is() {
        assert_eq!(grouped(&["x/notes.txt"]), [of("notes.txt", &["x/notes.txt"])]);
        assert_eq!(grouped(&[]), []);
        assert_eq!(grouped(&[".DS_Store"]), []);
    }
}
