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
