//! The export's archive: files in a folder, stored without compression.

use std::io::Write;

use rawzip::time::UtcDateTime;
use rawzip::{CompressionMethod, Error, ZipArchiveWriter};

/// The first day that the format knows, in Unix time: the same files make the same archive whenever they are exported.
const DATE: i64 = 315_532_800;

/// A ZIP archive with these files under `folder`. Weights hardly compress, so nothing is compressed.
pub fn stored_zip(folder: &str, files: &[(String, Vec<u8>)]) -> Result<Vec<u8>, Error> {
    let size: usize = files.iter().map(|(_, bytes)| bytes.len() + 256).sum();
    let mut output = Vec::with_capacity(size);
    let mut archive = ZipArchiveWriter::new(&mut output);
    for (name, bytes) in files {
        let path = format!("{folder}/{name}");
        let (mut entry, config) = archive
            .new_file(&path)
            .compression_method(CompressionMethod::STORE)
            .last_modified(UtcDateTime::from_unix(DATE))
            .start()?;
        let mut writer = config.wrap(&mut entry);
        writer.write_all(bytes)?;
        let (_, descriptor) = writer.finish()?;
        entry.finish(descriptor)?;
    }
    archive.finish()?;
    Ok(output)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rawzip::ZipArchive;

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
