//! Merged models on disk: one safetensors file, or a folder with the base's files, the weights, the recipe and a model card.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Result, anyhow};
use indicatif::ProgressBar;
use maec_checkpoint::{AtomicFolder, ModelFolder, TensorInfo, sha256_hex};
use maec_merge::engine::{FilesOutput, Job, Pool, Shard, index, remove_journal, run, shards};
use maec_merge::folder::{self, CARD, CONFIG, FILES_KEY, INDEX, RECIPE, WEIGHTS};
use maec_merge::{Progress, Stage};
use serde_json::Value;

use crate::failure::usage;
use crate::{interrupt, progress};

/// How an output is written.
#[derive(Debug, clap::Args)]
pub struct WriteArgs {
    /// Most bytes of a file of weights: `5GB`, `500MiB`. Only folders have several files.
    #[arg(long, value_name = "SIZE", default_value = "5GB", value_parser = crate::size::parse)]
    pub shard_size: u64,
    /// Go on with an output that a killed merge left unfinished; the same bytes come out.
    #[arg(long)]
    pub resume: bool,
    #[command(flatten)]
    pub budget: Budget,
}

/// How many threads work at once.
#[derive(Debug, clap::Args)]
pub struct Threads {
    /// Threads; by default one for each core, at most 16, and fewer where memory does not allow so many.
    #[arg(long, value_name = "N", default_value_t = 0)]
    threads: usize,
}

impl Threads {
    /// The least and the most of them.
    fn range(&self) -> (usize, usize) {
        match self.threads {
            0 => (1, std::thread::available_parallelism().map_or(1, usize::from).min(16)),
            asked => (asked, asked),
        }
    }

    /// The most of them.
    pub fn pool(&self) -> Result<Pool> {
        Ok(Pool::new(self.range().1)?)
    }
}

/// How much of the machine a merge may take.
#[derive(Debug, clap::Args)]
pub struct Budget {
    #[command(flatten)]
    threads: Threads,
    /// Most memory for buffers: `256MiB`, `2GB`. A merge that needs more even on one thread is refused.
    #[arg(long, value_name = "SIZE", default_value = "192MiB", value_parser = crate::size::parse)]
    pub memory: u64,
}

impl Budget {
    /// How many threads there may be, where so many need `memory_bytes`.
    pub fn threads(&self, memory_bytes: impl Fn(usize) -> u64) -> Result<usize> {
        let (least, most) = self.threads.range();
        let fitting = (least..=most).rev().find(|&threads| memory_bytes(threads) <= self.memory);
        fitting.ok_or_else(|| {
            let (needed, allowed) = (memory_bytes(least), self.memory);
            usage(format!(
                "the merge needs {} of memory and {} are allowed; raise --memory or lower --threads",
                crate::size::shown(needed),
                crate::size::shown(allowed)
            ))
        })
    }
}

/// An output that is being written; dropped unfinished, it leaves nothing.
pub struct Target<'a> {
    out: &'a Path,
    folder: AtomicFolder,
    /// The texts of a folder; `None` for a single file.
    texts: Option<BTreeMap<String, String>>,
    shards: Vec<Shard>,
    resume: bool,
}

/// Whether an output is one file rather than a folder.
pub fn is_file(out: &Path) -> bool {
    out.extension().is_some_and(|extension| extension == "safetensors")
}

impl<'a> Target<'a> {
    /// Begins an output: a file where the name ends in `.safetensors`, else a folder with these texts, which must have a
    /// `config.json`. `metadata` goes into the weights' headers.
    pub fn begin(
        out: &'a Path,
        texts: &BTreeMap<String, String>,
        metadata: BTreeMap<String, String>,
        job: &dyn Job,
        args: &WriteArgs,
    ) -> Result<Self> {
        let mut metadata = metadata;
        let (folder, texts, limit) = if is_file(out) {
            (AtomicFolder::resume_file(out)?, None, u64::MAX)
        } else {
            let Some(config) = texts.get(CONFIG) else {
                return Err(usage(
                    "no model has a config.json to go with a merged folder; give --out a name that ends in .safetensors",
                ));
            };
            if let Err(error) = serde_json::from_str::<serde_json::Map<String, Value>>(config) {
                return Err(usage(format!("config.json is no JSON object: {error}; correct the base's")));
            }
            metadata.insert(FILES_KEY.into(), folder::list(texts.keys().map(String::as_str)));
            (AtomicFolder::resume(out, is_ours)?, Some(texts.clone()), args.shard_size)
        };
        let shards = shards(job.outputs(), limit, &metadata)?;
        if !args.resume {
            folder.clear()?;
        }
        let target = Self { out, folder, texts, shards, resume: args.resume };
        target.check_space()?;
        Ok(target)
    }

    /// The output's files.
    pub fn shards(&self) -> &[Shard] {
        &self.shards
    }

    /// Refuses an output that the disk has no room for.
    fn check_space(&self) -> Result<()> {
        let needed: u64 = self.shards.iter().map(|shard| shard.bytes).sum();
        let parent =
            self.out.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        // Where the system does not tell, the write itself will.
        match fs4::available_space(parent) {
            Ok(free) if free < needed && !self.resume => Err(anyhow!(
                "`{}` needs {} and the disk has {} free; choose another disk or make room",
                self.out.display(),
                crate::size::shown(needed),
                crate::size::shown(free)
            )),
            _ => Ok(()),
        }
    }

    /// Merges into the output, which stays invisible until it is finished. `inputs` tell this merge from others.
    pub fn run(
        self,
        job: &mut dyn Job,
        inputs: &str,
        pool: &Pool,
        bar: &ProgressBar,
    ) -> Result<(Written, String)> {
        let sizes = job.outputs().iter().map(|info| info.bytes() as u64).collect();
        let headers: Vec<u8> = self.shards.iter().flat_map(|shard| shard.header.iter().copied()).collect();
        let key =
            format!("maec merge 1 {}", sha256_hex(format!("{inputs}\n{}", sha256_hex(&headers)).as_bytes()));
        let mut output = FilesOutput::new(self.folder, self.out, &key, sizes, self.resume)?;
        let hash = run(job, &self.shards, &mut output, pool, &mut |at| advance(bar, at))?;
        let written = Written {
            folder: output.into_folder(),
            texts: self.texts,
            index: index(job.outputs(), &self.shards),
            outputs: job.outputs().to_vec(),
        };
        Ok((written, hash))
    }
}

/// Shows how far a merge has come; `Break` after Ctrl-C.
pub fn advance(
    bar: &ProgressBar,
    Progress { stage, tensor, done, total }: Progress<'_>,
) -> std::ops::ControlFlow<()> {
    bar.set_length(total);
    bar.set_position(done);
    let memory = progress::memory();
    bar.set_message(match stage {
        Stage::Statistics => format!("{memory} · statistics: {tensor}"),
        Stage::Merge => format!("{memory} · {tensor}"),
    });
    interrupt::flow()
}

/// Weights that are whole, in an output that is not visible yet.
pub struct Written {
    folder: AtomicFolder,
    texts: Option<BTreeMap<String, String>>,
    index: Option<String>,
    outputs: Vec<TensorInfo>,
}

impl Written {
    /// Writes the other files and gives the output its name. `sizes` are put in `config.json` where they changed, by key.
    pub fn finish(self, recipe: &str, card: &str, sizes: &[(&str, usize)]) -> Result<()> {
        let Some(texts) = &self.texts else {
            remove_journal(&self.folder)?;
            return Ok(self.folder.finish_file(WEIGHTS)?);
        };
        for (name, text) in texts {
            if name == CONFIG {
                self.folder.write(name, folder::config(text, &self.outputs, sizes)?.as_bytes())?;
            } else {
                self.folder.write(name, text.as_bytes())?;
            }
        }
        self.folder.write(RECIPE, recipe.as_bytes())?;
        self.folder.write(CARD, card.as_bytes())?;
        if let Some(index) = &self.index {
            self.folder.write(INDEX, index.as_bytes())?;
        }
        remove_journal(&self.folder)?;
        Ok(self.folder.finish()?)
    }

    /// Replaces one of the texts, such as the tokenizer.
    pub fn set_text(&mut self, name: &str, text: String) {
        if let Some(texts) = &mut self.texts {
            texts.insert(name.into(), text);
        }
    }
}

/// Whether a folder holds nothing but what this project wrote there as a model.
pub fn is_ours(path: &Path) -> bool {
    let Ok(model) = ModelFolder::open(path) else { return false };
    let metadata = model.metadata();
    let known = |name: &str| folder::is_ours(&metadata, name);
    fs::read_dir(path).is_ok_and(|entries| {
        entries
            .into_iter()
            .all(|entry| entry.is_ok_and(|entry| entry.file_name().to_str().is_some_and(known)))
    })
}

/// The sizes and times of change of files, so that one that changes while it is read is found out.
#[derive(Debug)]
pub struct Stamps(Vec<(PathBuf, Option<Stamp>)>);

type Stamp = (u64, Option<std::time::SystemTime>);

impl Stamps {
    /// Takes them of these files.
    pub fn take(files: Vec<PathBuf>) -> Self {
        Self(files.into_iter().map(|file| (file.clone(), stamp(&file))).collect())
    }

    /// Fails where a file has changed since.
    pub fn check(&self) -> Result<()> {
        match self.0.iter().find(|(file, before)| stamp(file) != *before) {
            None => Ok(()),
            Some((file, _)) => Err(anyhow!(
                "`{}` changed while it was read; merge again when it is complete",
                file.display()
            )),
        }
    }
}

fn stamp(file: &Path) -> Option<Stamp> {
    let metadata = fs::metadata(file).ok().filter(fs::Metadata::is_file)?;
    Some((metadata.len(), metadata.modified().ok()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_changes_or_goes_is_found_out() {
        let dir = tempfile::TempDir::new().unwrap();
        let file = dir.path().join("model.safetensors");
        fs::write(&file, "before").unwrap();
        let stamps = Stamps::take(vec![file.clone()]);
        stamps.check().unwrap();
        fs::write(&file, "afterwards").unwrap();
        let message = stamps.check().unwrap_err().to_string();
        assert!(message.contains("model.safetensors` changed while it was read"), "{message}");
        let stamps = Stamps::take(vec![file.clone()]);
        fs::remove_file(&file).unwrap();
        assert!(stamps.check().is_err());
    }
}
