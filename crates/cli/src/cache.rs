//! The user's cache folder.

use std::env;
use std::path::PathBuf;

use anyhow::Result;

use crate::failure::usage;

/// A folder of this program's in the user's cache: below `XDG_CACHE_HOME`, `~/.cache`, or on Windows `LOCALAPPDATA`.
///
/// # Errors
/// Where none of them is set to an absolute path.
pub fn folder(name: &str) -> Result<PathBuf> {
    let absolute = |name: &str| env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let cache = absolute("XDG_CACHE_HOME").or_else(|| match cfg!(windows) {
        true => absolute("LOCALAPPDATA"),
        false => absolute("HOME").map(|home| home.join(".cache")),
    });
    let cache =
        cache.ok_or_else(|| usage("no folder for caches is known: give --cache, or set XDG_CACHE_HOME"))?;
    Ok(cache.join("maec-studio").join(name))
}
