//! Plain text: a document in a file, between blank lines, or in a line.

use super::bytes::{Bytes, Line};
use super::{Document, Rows, utf8};
use crate::source::MAX_TEXT_BYTES;
use crate::{Error, RowProblem, TextUnit};

const TOO_LONG: RowProblem = RowProblem::TooLong { limit: MAX_TEXT_BYTES };

/// The documents of a text file.
pub(super) fn rows(mut bytes: Bytes, unit: TextUnit) -> Rows {
    match unit {
        TextUnit::File => Box::new(std::iter::once_with(move || whole(&mut bytes))),
        TextUnit::Paragraphs => Box::new(std::iter::from_fn(move || paragraph(&mut bytes).transpose())),
        TextUnit::Lines => Box::new(std::iter::from_fn(move || line(&mut bytes).transpose())),
    }
}

fn whole(bytes: &mut Bytes) -> Result<Document, Error> {
    let text = bytes.whole(MAX_TEXT_BYTES)?.ok_or(TOO_LONG).and_then(utf8);
    Ok(Document { row: 1, text: text.map_err(|problem| bytes.bad_row(1, problem))? })
}

/// The next line that is not blank.
fn line(bytes: &mut Bytes) -> Result<Option<Document>, Error> {
    let mut buffer = Vec::new();
    loop {
        let line = bytes.line(&mut buffer, MAX_TEXT_BYTES)?;
        let row = bytes.line_number();
        match line {
            Line::End => return Ok(None),
            Line::TooLong => return Err(bytes.bad_row(row, TOO_LONG)),
            Line::Whole if is_blank(&buffer) => {}
            Line::Whole => {
                let end = buffer.len() - usize::from(buffer.ends_with(b"\r"));
                buffer.truncate(end);
                let text = utf8(buffer).map_err(|problem| bytes.bad_row(row, problem))?;
                return Ok(Some(Document { row, text }));
            }
        }
    }
}

/// The next lines up to a blank one, with their line ends between them.
fn paragraph(bytes: &mut Bytes) -> Result<Option<Document>, Error> {
    let (mut text, mut buffer) = (Vec::new(), Vec::new());
    let (mut row, mut too_long) = (0, false);
    loop {
        match bytes.line(&mut buffer, MAX_TEXT_BYTES)? {
            Line::End => break,
            Line::Whole if is_blank(&buffer) && row == 0 => continue,
            Line::Whole if is_blank(&buffer) => break,
            Line::Whole => {
                too_long |= text.len() + buffer.len() >= MAX_TEXT_BYTES;
                if !too_long {
                    if row > 0 {
                        text.push(b'\n');
                    }
                    text.extend_from_slice(&buffer);
                }
            }
            Line::TooLong => too_long = true,
        }
        if row == 0 {
            row = bytes.line_number();
        }
    }
    if row == 0 {
        return Ok(None);
    }
    let text = if too_long { Err(TOO_LONG) } else { utf8(text) };
    Ok(Some(Document { row, text: text.map_err(|problem| bytes.bad_row(row, problem))? }))
}

fn is_blank(line: &[u8]) -> bool {
    line.iter().all(u8::is_ascii_whitespace)
}
