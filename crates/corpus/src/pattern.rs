//! Files by pattern: `data/*.jsonl.gz`, `data/**/part-?.parquet`, a folder, or one file.

use std::path::{Path, PathBuf};

use glob::Pattern;

use crate::{Error, Format, InputFile};

/// The files that a pattern names, sorted by path: of a folder, those in it and below whose names tell a format.
///
/// A file whose own name is the pattern counts as that file, whatever brackets its name has.
///
/// # Errors
/// [`Error::Pattern`], [`Error::NoFiles`] and [`Error::Read`].
pub fn files(pattern: &str) -> Result<Vec<InputFile>, Error> {
    let path = Path::new(pattern);
    if path.is_file() {
        return Ok(vec![InputFile::new(path)]);
    }
    let mut found: Vec<PathBuf> = match path.is_dir() {
        true => {
            let inside = format!("{}/**/*", Pattern::escape(pattern.trim_end_matches('/')));
            let is_hidden = |found: &Path| {
                found
                    .strip_prefix(path)
                    .unwrap_or(found)
                    .iter()
                    .any(|part| part.to_string_lossy().starts_with('.'))
            };
            let all = matches(&inside, pattern)?.into_iter();
            all.filter(|found| !is_hidden(found) && Format::of_name(&found.to_string_lossy()).is_some())
                .collect()
        }
        false => matches(pattern, pattern)?,
    };
    if found.is_empty() {
        return Err(Error::NoFiles { pattern: pattern.into() });
    }
    found.sort();
    Ok(found.into_iter().map(InputFile::new).collect())
}

/// The files that a glob matches, in the library's order.
fn matches(glob: &str, asked: &str) -> Result<Vec<PathBuf>, Error> {
    let paths =
        glob::glob(glob).map_err(|e| Error::Pattern { pattern: asked.into(), reason: e.msg.to_owned() })?;
    let mut found = Vec::new();
    for path in paths {
        let path = path.map_err(|e| Error::read(&e.path().display().to_string(), e.into()))?;
        if path.is_file() {
            found.push(path);
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn patterns_folders_and_odd_names_are_sorted() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir_all(folder.path().join("b/.hidden")).unwrap();
        for name in ["z.txt", "a.jsonl.gz", "b/c.parquet", "b/.hidden/x.txt", "b/note.bin", "odd[1].txt"] {
            fs::write(folder.path().join(name), "x").unwrap();
        }
        let at = |pattern: &str| -> Result<Vec<String>, Error> {
            let found = files(&folder.path().join(pattern).display().to_string())?;
            let name = |file: InputFile| {
                file.path.strip_prefix(folder.path()).unwrap().to_string_lossy().into_owned()
            };
            Ok(found.into_iter().map(name).collect())
        };
        assert_eq!(at("").unwrap(), ["a.jsonl.gz", "b/c.parquet", "odd[1].txt", "z.txt"]);
        assert_eq!(at("**/*.parquet").unwrap(), ["b/c.parquet"]);
        assert_eq!(at("?.txt").unwrap(), ["z.txt"]);
        assert_eq!(at("odd[1].txt").unwrap(), ["odd[1].txt"]);
        assert!(matches!(at("*.csv"), Err(Error::NoFiles { .. })));
        assert!(matches!(at("***"), Err(Error::Pattern { .. })));
    }
}
