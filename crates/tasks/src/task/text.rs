//! Perplexity of texts.

use serde::Deserialize;

use crate::{Ask, Error, Input, Item};

#[derive(Deserialize)]
struct Row {
    text: String,
    language: Option<String>,
}

pub(super) fn items(files: &[Input], piece_bytes: usize) -> Result<Vec<Item>, Error> {
    let mut items = Vec::new();
    for file in files {
        let group = file.language().unwrap_or(file.stem());
        let mut add = |id: String, group: &str, text: &str| {
            for (index, piece) in pieces(text, piece_bytes).into_iter().enumerate() {
                let id = format!("{id}/{}", index + 1);
                items.push(Item {
                    problem: id.clone(),
                    id,
                    group: group.into(),
                    ask: Ask::Read { text: piece.into() },
                });
            }
        };
        if !file.is("jsonl") {
            add(file.name().into(), group, file.text());
            continue;
        }
        for (line, text) in file.lines() {
            let row: Row = file.json(line, text)?;
            add(format!("{}:{line}", file.name()), row.language.as_deref().unwrap_or(group), &row.text);
        }
    }
    Ok(items)
}

/// `text` in pieces of at most `bytes` bytes, each ended after its last line break, else after its last space, else between any two
/// characters. Joined they are the text. Pieces without anything but space are left out.
fn pieces(text: &str, bytes: usize) -> Vec<&str> {
    let bytes = if bytes == 0 { text.len() } else { bytes.max(4) };
    let mut rest = text;
    let mut pieces = Vec::new();
    while !rest.is_empty() {
        let end = rest.floor_char_boundary(bytes);
        let cut = match &rest[..end] {
            whole if end == rest.len() => whole.len(),
            head => [head.rfind('\n'), head.rfind(' ')].into_iter().flatten().next().map_or(end, |at| at + 1),
        };
        let (piece, after) = rest.split_at(cut);
        if !piece.trim().is_empty() {
            pieces.push(piece);
        }
        rest = after;
    }
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn pieces_end_with_their_lines() {
        assert_eq!(pieces("ab\ncd\nef", 7), ["ab\ncd\n", "ef"]);
        assert_eq!(pieces("ab cd", 4), ["ab ", "cd"]);
        assert_eq!(pieces("শনেরপাঁচটি", 5).concat(), "শনেরপাঁচটি");
        assert_eq!(pieces("ab\ncd", 0), ["ab\ncd"]);
        assert!(pieces(" \n\n", 2).is_empty());
    }

    proptest! {
        #[test]
        fn joined_pieces_are_the_text(text in "([a-z ক\n]|\\PC){1,60}[a-z]", bytes in 0_usize..20) {
            let pieces = pieces(&text, bytes);
            prop_assert!(bytes == 0 || pieces.iter().all(|piece| piece.len() <= bytes.max(4)));
            let letters = |text: &str| text.split_whitespace().collect::<String>();
            prop_assert_eq!(letters(&pieces.concat()), letters(&text));
        }
    }
}
