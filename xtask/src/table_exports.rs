//! Binaryen up to 108 writes every exported table's index as 0, so that a module with two tables exports the wrong one
//! and wasm-bindgen's glue fails at start. This puts the right indices back.

use std::collections::BTreeMap;

use anyhow::{Context, Result, ensure};
use wasmparser::{ExternalKind, Parser, Payload};

/// Gives the tables that `optimised` exports the indices that `original` exports them with.
///
/// # Errors
/// When a module can't be parsed, or an index takes another number of bytes.
pub fn restore(original: &[u8], optimised: &mut [u8]) -> Result<()> {
    let right = tables(original).context("reading the module before wasm-opt")?;
    for (name, (index, at)) in tables(optimised).context("reading the module after wasm-opt")? {
        let Some((expected, _)) = right.get(&name) else { continue };
        if index != *expected {
            ensure!(
                index < 128 && *expected < 128,
                "table `{name}` has index {expected}, too large to put back"
            );
            optimised[at] = *expected as u8;
        }
    }
    Ok(())
}

/// Exported tables: index, and where its LEB128 byte stands.
fn tables(module: &[u8]) -> Result<BTreeMap<String, (u32, usize)>> {
    let mut found = BTreeMap::new();
    for payload in Parser::new(0).parse_all(module) {
        let Payload::ExportSection(section) = payload? else { continue };
        let end = section.range().end;
        let exports: Vec<_> = section.into_iter_with_offsets().collect::<Result<_, _>>()?;
        for (place, (_, export)) in exports.iter().enumerate() {
            if export.kind == ExternalKind::Table {
                let next = exports.get(place + 1).map_or(end, |(offset, _)| *offset);
                // The index is the entry's last byte where it is below 128.
                found.insert(export.name.to_owned(), (export.index, next - 1));
            }
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two tables, exported as `f` (0) and `x` with the given index.
    fn module(index: u8) -> Vec<u8> {
        let mut bytes = b"\0asm\x01\0\0\0".to_vec();
        bytes.extend([4, 7, 2, 0x70, 0, 0, 0x6f, 0, 0]);
        bytes.extend([7, 9, 2, 1, b'f', 1, 0, 1, b'x', 1, index]);
        bytes
    }

    #[test]
    fn a_lost_index_comes_back() {
        let mut broken = module(0);
        restore(&module(1), &mut broken).expect("both parse");
        assert_eq!(broken, module(1));
    }

    #[test]
    fn a_right_module_stays_and_a_broken_one_is_refused() {
        let mut right = module(1);
        restore(&module(1), &mut right).expect("both parse");
        assert_eq!(right, module(1));
        assert!(restore(b"not wasm", &mut right).is_err());
    }
}
