//! Whether what a header says can be: every tensor inside the data, side by side, as large as its shape.

use super::parse::Parsed;
use super::{Header, HeaderProblem};
use crate::TensorInfo;
use crate::error::shown;

/// Checks a header whose data begins at `data_start` in the file and has `data_len` bytes.
pub(super) fn check(parsed: Parsed, data_start: u64, data_len: u64) -> Result<Header, HeaderProblem> {
    let Parsed { metadata, mut tensors } = parsed;
    tensors.sort_by(|(a, _), (b, _)| a.name.cmp(&b.name));
    if let Some(pair) = tensors.windows(2).find(|pair| pair[0].0.name == pair[1].0.name) {
        return Err(HeaderProblem::DuplicateKey { key: shown(&pair[0].0.name) });
    }
    let mut by_place: Vec<&(TensorInfo, (u64, u64))> = tensors.iter().collect();
    by_place.sort_by_key(|(_, offsets)| *offsets);
    let mut before = 0;
    for (info, (start, end)) in by_place {
        check_tensor(info, *start, *end, before, data_len)?;
        before = *end;
    }
    if before != data_len {
        return Err(HeaderProblem::DataAfterEnd { described: before, found: data_len });
    }
    let (tensors, offsets) = tensors.into_iter().map(|(info, (start, _))| (info, data_start + start)).unzip();
    Ok(Header { metadata, tensors, offsets })
}

/// Checks one tensor; the data of those before it ends at `before`.
fn check_tensor(
    info: &TensorInfo,
    start: u64,
    end: u64,
    before: u64,
    data_len: u64,
) -> Result<(), HeaderProblem> {
    let tensor = shown(&info.name);
    if end < start {
        return Err(HeaderProblem::OffsetsReversed { tensor, start, end });
    }
    if start > before {
        return Err(HeaderProblem::Hole { tensor, start, before });
    }
    if start < before {
        return Err(HeaderProblem::Overlap { tensor, start, before });
    }
    match info.checked_bytes() {
        None => {
            return Err(HeaderProblem::ShapeOverflow { tensor, shape: shown(&format!("{:?}", info.shape)) });
        }
        Some(expected) if expected as u64 != end - start => {
            return Err(HeaderProblem::WrongSize { tensor, found: end - start, expected: expected as u64 });
        }
        Some(_) => (),
    }
    if end > data_len {
        return Err(HeaderProblem::PastEnd { tensor, end, len: data_len });
    }
    Ok(())
}
