//! The export's archive: files in a folder, stored without compression.

use std::io::Write;

use rawzip::time::UtcDateTime;
use rawzip::{CompressionMethod, DataDescriptorOutput, Error, ZipArchiveWriter};

/// The first day that the format knows, in Unix time: the same files make the same archive whenever they are exported.
const DATE: i64 = 315_532_800;

/// A ZIP archive with these files under `folder`. Weights hardly compress, so nothing is compressed.
pub fn stored_zip(folder: &str, files: &[(String, Vec<u8>)]) -> Result<Vec<u8>, Error> {
    let size: usize = files.iter().map(|(_, bytes)| bytes.len() + 256).sum();
    let mut output = Vec::with_capacity(size);
    let mut archive = ZipArchiveWriter::new(&mut output);
    for (name, bytes) in files {
        let path = format!("{folder}/{name}");
        let (mut entry, _) = archive
            .new_file(&path)
            .compression_method(CompressionMethod::STORE)
            .last_modified(UtcDateTime::from_unix(DATE))
            .start()?;
        entry.write_all(bytes)?;
        entry.finish(DataDescriptorOutput::new(crc32(bytes), bytes.len() as u64))?;
    }
    archive.finish()?;
    Ok(output)
}

/// The remainder of every half byte, by CRC-32's polynomial. The library's own tables are faster, and a twentieth of the
/// page, since no table of this kind can be compressed.
const HALF_BYTES: [u32; 16] = {
    let mut table = [0; 16];
    let mut index = 0;
    while index < 16 {
        let (mut remainder, mut bit) = (index as u32, 0);
        while bit < 4 {
            remainder = (remainder >> 1) ^ (0xEDB8_8320 * (remainder & 1));
            bit += 1;
        }
        table[index] = remainder;
        index += 1;
    }
    table
};

/// CRC-32 as ZIP has it.
fn crc32(bytes: &[u8]) -> u32 {
    let half = |crc: u32| (crc >> 4) ^ HALF_BYTES[(crc & 15) as usize];
    !bytes.iter().fold(u32::MAX, |crc, &byte| half(half(crc ^ u32::from(byte))))
}

#[cfg(test)]
mod tests {
    use super::*;
    use rawzip::ZipArchive;

    #[test]
    fn the_checksum_is_crc_32s() {
        // The check value of the catalogue of CRCs.
        assert_eq!(crc32(b"123456789"), 0xCBF4_3926);
        assert_eq!(crc32(b""), 0);
    }

    #[test]
    fn files_come_back_as_they_were() {
        let files =
            [("config.json".to_owned(), b"{}".to_vec()), ("model.safetensors".to_owned(), vec![7; 1000])];
        let bytes = stored_zip("maec-0123", &files).expect("a vector takes every write");
        let archive = ZipArchive::from_slice(&bytes).expect("a ZIP archive");
        let mut entries = archive.entries();
        for (name, content) in &files {
            let entry = entries.next_entry().expect("readable").expect("one for each file");
            assert_eq!(entry.file_path().as_ref(), format!("maec-0123/{name}").as_bytes());
            let wayfinder = entry.wayfinder();
            let local = archive.get_entry(wayfinder).expect("its data");
            assert_eq!(local.data(), &content[..]);
        }
        assert!(entries.next_entry().expect("readable").is_none());
    }
}
