//! Short texts made shorter: raw DEFLATE with a preset dictionary, behind a checksum.

use miniz_oxide::deflate::core::deflate_flags::TDEFL_FORCE_ALL_STATIC_BLOCKS;
use miniz_oxide::deflate::core::{
    CompressorOxide, TDEFLFlush, compress_to_output, create_comp_flags_from_zip_params,
};
use miniz_oxide::inflate::TINFLStatus;
use miniz_oxide::inflate::core::inflate_flags::TINFL_FLAG_USING_NON_WRAPPING_OUTPUT_BUF;
use miniz_oxide::inflate::core::{DecompressorOxide, decompress};

use super::LinkError;

/// What version 1 takes for already said. Never to be changed: every published link refers into it.
const DICTIONARY: &[u8] = include_bytes!("dictionary-v1.txt");

const CHECKSUM_BYTES: usize = 4;

/// The checksum and the compressed text.
pub(super) fn pack(text: &[u8]) -> Vec<u8> {
    const BEST: i32 = 9;
    const RAW_WINDOW_BITS: i32 = -15;
    let flags = create_comp_flags_from_zip_params(BEST, RAW_WINDOW_BITS, 0);
    // Codes fitted to the text cost a table: the fixed ones are often shorter here.
    let (fitted, fixed) = (deflate(text, flags), deflate(text, flags | TDEFL_FORCE_ALL_STATIC_BLOCKS));
    let stream = if fixed.len() <= fitted.len() { fixed } else { fitted };
    [&crc32(&stream).to_le_bytes(), stream.as_slice()].concat()
}

/// The text of [`pack`]'s bytes, of at most `limit` bytes.
pub(super) fn unpack(bytes: &[u8], limit: usize) -> Result<Vec<u8>, LinkError> {
    let (checksum, stream) = bytes.split_first_chunk::<CHECKSUM_BYTES>().ok_or(LinkError::CutOff)?;
    if crc32(stream).to_le_bytes() != *checksum {
        return Err(LinkError::Altered);
    }
    let mut buffer = vec![0; DICTIONARY.len() + limit];
    buffer[..DICTIONARY.len()].copy_from_slice(DICTIONARY);
    let (status, read, written) = decompress(
        &mut DecompressorOxide::new(),
        stream,
        &mut buffer,
        DICTIONARY.len(),
        TINFL_FLAG_USING_NON_WRAPPING_OUTPUT_BUF,
    );
    match status {
        TINFLStatus::Done if read == stream.len() => {
            buffer.truncate(DICTIONARY.len() + written);
            Ok(buffer.split_off(DICTIONARY.len()))
        }
        TINFLStatus::Done => Err(LinkError::TrailingData),
        TINFLStatus::HasMoreOutput => Err(LinkError::TooLarge),
        _ => Err(LinkError::Corrupt),
    }
}

/// Compresses a text as if the dictionary had gone before it.
fn deflate(text: &[u8], flags: u32) -> Vec<u8> {
    let mut compressor = Box::new(CompressorOxide::new(flags));
    // A flush ends on a whole byte, so what the dictionary itself gives can be left out.
    compress_to_output(&mut compressor, DICTIONARY, TDEFLFlush::Sync, |_| true);
    let mut stream = Vec::new();
    compress_to_output(&mut compressor, text, TDEFLFlush::Finish, |bytes| {
        stream.extend_from_slice(bytes);
        true
    });
    stream
}

/// CRC-32 (ISO-HDLC, zlib's), bit by bit: links are short, tables are not.
fn crc32(bytes: &[u8]) -> u32 {
    const POLYNOMIAL: u32 = 0xEDB8_8320;
    !bytes.iter().fold(u32::MAX, |crc, &byte| {
        (0..8).fold(crc ^ u32::from(byte), |crc, _| (crc >> 1) ^ (POLYNOMIAL * (crc & 1)))
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn crc32_has_the_check_value_of_its_catalogue_entry() {
        assert_eq!(crc32(b"123456789"), 0xCBF4_3926);
    }

    #[test]
    fn the_published_dictionary_is_unchanged() {
        assert_eq!((DICTIONARY.len(), crc32(DICTIONARY)), (948, 463_871_985));
    }

    #[test]
    fn a_bomb_is_refused() {
        let packed = pack(&[b' '; 65_537]);
        assert!(packed.len() < 400, "{}", packed.len());
        assert_eq!(unpack(&packed, 65_536), Err(LinkError::TooLarge));
        assert_eq!(unpack(&pack(&[b' '; 65_536]), 65_536).map(|text| text.len()), Ok(65_536));
    }

    #[test]
    fn what_follows_the_stream_is_refused() {
        let mut stream = pack(b"text").split_off(CHECKSUM_BYTES);
        stream.push(0);
        let bytes = [&crc32(&stream).to_le_bytes(), stream.as_slice()].concat();
        assert_eq!(unpack(&bytes, 100), Err(LinkError::TrailingData));
    }

    #[test]
    fn a_stream_that_stops_early_is_refused_behind_a_right_checksum() {
        let stream = pack(b"a text that takes some bytes").split_off(CHECKSUM_BYTES);
        for end in 0..stream.len() {
            let bytes = [&crc32(&stream[..end]).to_le_bytes(), &stream[..end]].concat();
            assert_eq!(unpack(&bytes, 100), Err(LinkError::Corrupt), "{end}");
        }
    }

    #[test]
    fn bytes_too_few_for_a_checksum_are_refused() {
        assert_eq!(unpack(&[1, 2, 3], 100), Err(LinkError::CutOff));
    }

    proptest! {
        #[test]
        fn any_bytes_come_back(text in proptest::collection::vec(any::<u8>(), 0..3000)) {
            prop_assert_eq!(unpack(&pack(&text), 3000), Ok(text));
        }

        #[test]
        fn any_stream_behind_a_right_checksum_is_safe(stream in proptest::collection::vec(any::<u8>(), 0..300)) {
            let bytes = [&crc32(&stream).to_le_bytes(), stream.as_slice()].concat();
            if let Ok(text) = unpack(&bytes, 1000) {
                prop_assert!(text.len() <= 1000);
            }
        }
    }
}
