//! A pack's hashes, checked before its files are used.

use maec_checkpoint::Error;
use sha2::{Digest, Sha256};

use super::remote::reading;
use super::thing::{Looked, OwnPack};
use crate::job::Job;
use crate::{Failure, Host};

/// Bytes hashed at a time.
const CHUNK_BYTES: usize = 1 << 20;

/// Hashes some files of a pack, and its texts, and compares with the manifest.
pub(crate) async fn verify<H: Host>(
    job: &Job<'_, H>,
    item: &Looked,
    pack: &OwnPack,
    files: &[String],
) -> Result<(), Failure> {
    let about = &pack.manifest;
    let texts = [&about.config, &about.tokenizer, &about.recipe];
    let paths = || texts.into_iter().chain(files).filter_map(|path| Some((path, about.files.get(path)?)));
    let total = paths().map(|(_, known)| known.bytes).sum();
    let (mut done, mut buffer) = (0, vec![0; CHUNK_BYTES]);
    for (path, known) in paths() {
        let source = item.place.files.open(path)?;
        let mut sha = Sha256::new();
        let mut offset = 0;
        while offset < source.len() {
            job.checkpoint().await?;
            job.progress(|| "Checking the pack".into(), done, total);
            let length = (source.len() - offset).min(CHUNK_BYTES as u64);
            let bytes = &mut buffer[..length as usize];
            reading(item.place.remote.as_ref(), || source.read_at(offset, bytes)).await?;
            sha.update(&*bytes);
            offset += length;
            done += length;
        }
        let found: String = sha.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
        if found != known.sha256 {
            return Err(Error::ChangedPackFile { path: path.clone(), what: "SHA-256" }.into());
        }
    }
    Ok(())
}
