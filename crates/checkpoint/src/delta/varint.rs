//! Ascending flat indices as LEB128 varints of their gaps.

/// Appends ascending positions to a run that `previous` ended (`None` at its start), which it then ends.
pub(super) fn encode(positions: &[u64], previous: &mut Option<u64>, out: &mut Vec<u8>) {
    for &position in positions {
        let mut gap = match *previous {
            Some(previous) => position - previous,
            None => position + 1,
        };
        while gap >= 0x80 {
            out.push(gap as u8 | 0x80);
            gap >>= 7;
        }
        out.push(gap as u8);
        *previous = Some(position);
    }
}

/// The positions, which must be `count` ascending indices below `elements`; otherwise what is wrong.
pub(super) fn decode(bytes: &[u8], count: usize, elements: u64) -> Result<Vec<u64>, String> {
    // Every varint has at least one byte, so a count above that is a lie that must not be allocated for.
    let mut positions = Vec::with_capacity(count.min(bytes.len()));
    let mut next = 0u64;
    let mut rest = bytes;
    while !rest.is_empty() {
        let (gap, after) = take(rest).ok_or("has a broken varint among its positions")?;
        rest = after;
        if gap == 0 {
            return Err("has positions that do not ascend".into());
        }
        let position = next.checked_add(gap - 1).filter(|&p| p < elements);
        let position = position.ok_or_else(|| format!("has a position beyond its {elements} elements"))?;
        positions.push(position);
        next = position + 1;
    }
    if positions.len() != count {
        return Err(format!("has {} positions for {count} values", positions.len()));
    }
    Ok(positions)
}

/// One varint in its shortest form, and what follows it.
fn take(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let mut value = 0u64;
    for (i, &byte) in bytes.iter().enumerate().take(10) {
        let part = u64::from(byte & 0x7f);
        if i == 9 && part > 1 {
            return None;
        }
        value |= part << (7 * i);
        if byte & 0x80 == 0 {
            return (i == 0 || byte != 0).then_some((value, &bytes[i + 1..]));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{decode, encode};

    fn encoded(positions: &[u64]) -> Vec<u8> {
        let mut bytes = Vec::new();
        encode(positions, &mut None, &mut bytes);
        bytes
    }

    #[test]
    fn gaps_count_from_minus_one() {
        assert_eq!(encoded(&[0, 1, 129, 16_513]), [1, 1, 0x80, 1, 0x80, 0x80, 1]);
    }

    #[test]
    fn hostile_bytes_are_refused() {
        let cases: [(&[u8], usize, &str); 7] = [
            (&[0], 1, "ascend"),
            (&[1, 0], 2, "ascend"),
            (&[0x80], 1, "varint"),
            (&[0x81, 0], 1, "varint"),
            (&[0xff; 11], 1, "varint"),
            (&[11], 1, "beyond"),
            (&[1, 1], usize::MAX, "2 positions"),
        ];
        for (bytes, count, reason) in cases {
            let error = decode(bytes, count, 10).unwrap_err();
            assert!(error.contains(reason), "{bytes:?}: {error}");
        }
        let largest = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1];
        assert_eq!(decode(&largest, 1, u64::MAX).unwrap(), [u64::MAX - 1]);
        assert!(decode(&[&largest[..], &[1]].concat(), 2, u64::MAX).is_err());
    }

    proptest! {
        #[test]
        fn round_trip(set in proptest::collection::btree_set(0u64..1 << 40, 0..200), cut in 0usize..200) {
            let positions: Vec<u64> = set.into_iter().collect();
            let cut = cut.min(positions.len());
            let (mut bytes, mut previous) = (Vec::new(), None);
            encode(&positions[..cut], &mut previous, &mut bytes);
            encode(&positions[cut..], &mut previous, &mut bytes);
            prop_assert_eq!(decode(&bytes, positions.len(), 1 << 40).unwrap(), positions);
        }

        #[test]
        fn whatever_decodes_is_what_encodes(bytes in proptest::collection::vec(any::<u8>(), 0..40)) {
            for count in 0..=bytes.len() {
                if let Ok(positions) = decode(&bytes, count, 1 << 50) {
                    prop_assert!(positions.is_sorted_by(|a, b| a < b));
                    prop_assert_eq!(&encoded(&positions), &bytes);
                }
            }
        }
    }
}
