//! wasm-opt over the built modules, remembered by content: an unchanged module is not optimised again.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use sha2::{Digest, Sha256};

use crate::{paths, table_exports};

/// What rustc's wasm may use. Named one by one, because binaryen 108 does not read them from a stripped module.
const FEATURES: [&str; 7] = [
    "--enable-bulk-memory",
    "--enable-multivalue",
    "--enable-mutable-globals",
    "--enable-nontrapping-float-to-int",
    "--enable-reference-types",
    "--enable-sign-ext",
    "--enable-simd",
];

/// Optimises `module` in place at `level` (`-Oz`, `-O3`…) and returns its bytes before and after.
///
/// # Errors
/// When a file cannot be read or written, or wasm-opt refuses the module.
pub fn optimise(wasm_opt: &Path, module: &Path, level: &str) -> Result<(u64, u64)> {
    let name = module.file_stem().context("a module has a name")?.to_string_lossy().into_owned();
    let before = fs::read(module).with_context(|| format!("reading {}", module.display()))?;
    let cache = paths::target().join("wasm-opt");
    fs::create_dir_all(&cache).with_context(|| format!("creating {}", cache.display()))?;
    let done = cache.join(format!("{name}.{}.wasm", key(&before, level)));
    if !done.is_file() {
        forget_older(&cache, &name)?;
        let unfinished = done.with_extension("tmp");
        let output = Command::new(wasm_opt)
            .arg(module)
            .arg(level)
            .args(FEATURES)
            .arg("--output")
            .arg(&unfinished)
            .output()
            .context("running wasm-opt")?;
        let said = String::from_utf8_lossy(&output.stderr);
        ensure!(
            output.status.success(),
            "wasm-opt refuses {}: {}",
            module.display(),
            said.lines().next().unwrap_or("no message")
        );
        let mut optimised =
            fs::read(&unfinished).with_context(|| format!("reading {}", unfinished.display()))?;
        table_exports::restore(&before, &mut optimised)?;
        fs::write(&unfinished, optimised).with_context(|| format!("writing {}", unfinished.display()))?;
        fs::rename(&unfinished, &done).with_context(|| format!("writing {}", done.display()))?;
    }
    let unfinished = module.with_extension("tmp");
    let after = fs::copy(&done, &unfinished).with_context(|| format!("writing {}", unfinished.display()))?;
    fs::rename(&unfinished, module).with_context(|| format!("writing {}", module.display()))?;
    Ok((before.len() as u64, after))
}

/// What decides the result: what is done after wasm-opt, the flags and the module's bytes.
fn key(module: &[u8], level: &str) -> String {
    let mut hash = Sha256::new();
    hash.update("table exports restored");
    for flag in FEATURES.iter().chain([&level]) {
        hash.update(flag);
        hash.update([0]);
    }
    hash.update(module);
    hash.finalize()[..8].iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Removes the results of earlier builds of the same module.
fn forget_older(cache: &Path, name: &str) -> Result<()> {
    for entry in fs::read_dir(cache).with_context(|| format!("reading {}", cache.display()))? {
        let path = entry?.path();
        if path.file_name().is_some_and(|file| file.to_string_lossy().starts_with(&format!("{name}."))) {
            fs::remove_file(&path).with_context(|| format!("removing {}", path.display()))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_depends_on_bytes_and_level() {
        assert_eq!(key(b"module", "-Oz"), key(b"module", "-Oz"));
        assert_ne!(key(b"module", "-Oz"), key(b"module", "-O3"));
        assert_ne!(key(b"module", "-Oz"), key(b"Module", "-Oz"));
    }
}
