//! The replacement table of SentencePiece normalizers: a trie in a double array, then zero-terminated replacements.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;

/// The most bytes that a character may become; Unicode's longest compatibility decomposition has 33.
const MAX_REPLACEMENT: usize = 256;

/// Whether every walk through a `precompiled_charsmap` stays in it, and ends at a replacement that is text and short.
///
/// The bytes are: bytes of the trie (u32 LE), the trie (u32 LE each), the replacements in UTF-8. A unit with bit 31 set holds the
/// place of a replacement. Any other has its label in bits 0–7, in bit 8 whether a replacement stands at its offset, and in bits
/// 9–31 the offset, which is taken by XOR with its own place.
pub(super) fn is_sound(base64: &str) -> bool {
    let Ok(bytes) = BASE64_STANDARD.decode(base64) else { return false };
    sound(&bytes).is_some()
}

fn sound(bytes: &[u8]) -> Option<()> {
    let (size, rest) = bytes.split_first_chunk()?;
    let (trie, replacements) = rest.split_at_checked(u32::from_le_bytes(*size) as usize)?;
    let replacements = str::from_utf8(replacements).ok()?;
    let units: Vec<u32> =
        trie.chunks_exact(4).map(|unit| u32::from_le_bytes([unit[0], unit[1], unit[2], unit[3]])).collect();
    // A step changes only the low byte, so that whole blocks keep it inside.
    if trie.len() % 1024 != 0 || units.is_empty() {
        return None;
    }
    for (place, &unit) in units.iter().enumerate().filter(|(_, unit)| **unit >> 31 == 0) {
        let offset = (unit >> 10) << ((unit & (1 << 9)) >> 6);
        let next = *units.get(place ^ offset as usize)?;
        if (unit >> 8) & 1 == 1 {
            let start = (next & !(1 << 31)) as usize;
            let length = replacements.get(start..)?.bytes().take_while(|byte| *byte != 0).count();
            if length > MAX_REPLACEMENT {
                return None;
            }
        }
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `a` becomes `bc`: the root leads to the unit of `a`, whose replacement is at 0.
    fn table(change: impl FnOnce(&mut Vec<u32>, &mut Vec<u8>)) -> Vec<u8> {
        let mut units = vec![0_u32; 256];
        units[0] = 1 << 10;
        let place = 1 ^ usize::from(b'a');
        units[place] = u32::from(b'a') | 1 << 8 | 2 << 10;
        units[place ^ 2] = 1 << 31;
        let mut replacements = "bc\0é\0".as_bytes().to_vec();
        change(&mut units, &mut replacements);
        let mut bytes = (units.len() as u32 * 4).to_le_bytes().to_vec();
        bytes.extend(units.iter().flat_map(|unit| unit.to_le_bytes()));
        bytes.extend(replacements);
        bytes
    }

    #[test]
    fn a_whole_table_is_sound() {
        let base64 = BASE64_STANDARD.encode(table(|_, _| ()));
        assert!(is_sound(&base64));
        let json = format!(r#"{{"type":"Precompiled","precompiled_charsmap":"{base64}"}}"#);
        let library: tokenizers::normalizers::Precompiled = serde_json::from_str(&json).unwrap();
        assert_eq!(library.normalize_string("xa"), "xbc");
    }

    #[test]
    fn tables_that_lead_astray_are_not() {
        let place = 1 ^ usize::from(b'a');
        for (what, bytes) in [
            ("empty", Vec::new()),
            ("no units", table(|units, _| units.clear())),
            ("half a block", table(|units, _| units.truncate(128))),
            ("a step outside", table(|units, _| units[0] = 256 << 10)),
            ("a far step outside", table(|units, _| units[0] = u32::MAX >> 1)),
            ("past the replacements", table(|units, _| units[place ^ 2] = 1 << 31 | 7)),
            ("inside a character", table(|units, _| units[place ^ 2] = 1 << 31 | 4)),
            ("not text", table(|_, replacements| replacements.push(0xFF))),
            (
                "a long replacement",
                table(|_, replacements| replacements.splice(..0, [b'x'; 300]).for_each(drop)),
            ),
        ] {
            assert!(sound(&bytes).is_none(), "{what}");
        }
        let mut longer = table(|_, _| ());
        longer[3] = 0xFF;
        assert!(sound(&longer).is_none(), "a size beyond the end");
        assert!(!is_sound("not base64!"));
    }
}
