//! Measurements that print.

use std::fs::File;
use std::io::{self, Write};
use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::web::{self, MODULES};
use crate::{paths, setup};

/// Prints every wasm module's size, raw and as brotli at quality 11, beside its budget; `false` when one is over.
///
/// # Errors
/// When the studio is not built.
pub fn size() -> Result<bool> {
    println!("{:<12} {:>12} {:>12} {:>12}", "module", "bytes", "brotli", "budget");
    let mut within = true;
    for module in MODULES {
        let path = module.path();
        let mut file = File::open(&path)
            .with_context(|| format!("{} is missing: run `cargo xtask build-web` first", path.display()))?;
        let bytes = file.metadata()?.len();
        let compressed = brotli_size(&mut file).with_context(|| format!("reading {}", path.display()))?;
        let over = compressed > module.budget;
        within &= !over;
        let note = if over { "  over" } else { "" };
        println!("{:<12} {bytes:>12} {compressed:>12} {:>12}{note}", module.what, module.budget);
    }
    Ok(within)
}

/// Builds the studio and times it in headless Chromium.
///
/// # Errors
/// When it can't be built, or Chromium is missing.
pub fn studio() -> Result<()> {
    web::build(&setup::wasm_tools()?)?;
    setup::browser()?;
    let status = Command::new("cargo")
        .args(["bench", "-p", "maec-tests", "--features", "browser", "--bench", "studio"])
        .current_dir(paths::root())
        .status()
        .context("running cargo")?;
    ensure!(status.success(), "the benchmark failed: see its output above");
    Ok(())
}

/// Makes a random pack of SmolLM2-135M's shape with the companion, and has the studio fetch, merge and run it.
///
/// # Errors
/// When something can't be built or made, or Chromium is missing.
pub fn own() -> Result<()> {
    let run = |command: &mut Command| -> Result<()> {
        let status = command.status().context("starting a program")?;
        ensure!(status.success(), "{} failed: see its output above", command.get_program().display());
        Ok(())
    };
    web::build(&setup::wasm_tools()?)?;
    setup::browser()?;
    run(Command::new(env!("CARGO")).args(["build", "--release", "-p", "maec"]).current_dir(paths::root()))?;
    let folder = paths::cache()?.join("bench/own");
    std::fs::create_dir_all(&folder).context("making the folder of bench models")?;
    let program = paths::target().join("release/maec");
    let maec = |line: &str| run(Command::new(&program).current_dir(&folder).args(line.split_whitespace()));
    maec(
        "world --out world --seed 1 --base-documents 20 --general-documents 5 --ability-documents 5 \
         --heldout-documents 2 --validation-problems 2 --test-problems 2",
    )?;
    maec("bench model --shape smollm2-135m --tokenizer world/tokenizer.json --out base")?;
    for (name, seed) in [("ability", 2), ("reference", 3), ("language", 4)] {
        maec(&format!("bench model --shape smollm2-135m --changed 0.01 --change-seed {seed} --out {name}"))?;
    }
    let recipe = r#"{"version": 1, "merge_method": "maec", "base_model": "base", "ability": {"model": "a-l0"},
        "reference": {"model": "l0"}, "languages": [{"name": "es", "model": "es", "weight": 0.5}]}"#;
    std::fs::write(folder.join("recipe.json"), recipe).context("writing the recipe")?;
    maec(
        "pack --base base --delta a-l0=ability=ability --delta l0=reference=reference --delta es=language:es=language \
         --problems world/test --heldout world/heldout --recipe recipe.json --lambda 0.5 --title Random --seed 1 --out pack",
    )?;
    run(Command::new("cargo")
        .args(["bench", "-p", "maec-tests", "--features", "browser", "--bench", "own"])
        .env("MAEC_BENCH_PACK", folder.join("pack"))
        .current_dir(paths::root()))
}

/// Bytes of `input` after brotli with quality 11 and a 16 MiB window.
fn brotli_size(input: &mut impl io::Read) -> io::Result<u64> {
    let mut writer = brotli::CompressorWriter::new(Counter(0), 1 << 16, 11, 24);
    io::copy(input, &mut writer)?;
    writer.flush()?;
    Ok(writer.into_inner().0)
}

/// Counts what is written.
struct Counter(u64);

impl Write for Counter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 += bytes.len() as u64;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_those_of_the_compressed_stream() {
        let mut stream = Vec::new();
        let text = b"the same words, the same words, the same words".repeat(100);
        brotli::CompressorWriter::new(&mut stream, 4096, 11, 24).write_all(&text).expect("writes to memory");
        let measured = brotli_size(&mut text.as_slice()).expect("reads from memory");
        assert!(measured.abs_diff(stream.len() as u64) <= 2, "{measured} against {}", stream.len());
        assert!(measured < 100);
    }
}
