//! A merge streamed into files.

use maec_merge::MaecJob;
use maec_merge::config::ConfigJob;
use maec_merge::engine::{Event, Job as MergeJob, Pool, Run, Shard, shards};
use maec_merge::folder::{TOKENIZER, card};
use maec_protocol::{Destination, FilePlan, Merging, Reply};

use super::super::load::fetch;
use super::super::thing::{Looked, Thing};
use super::super::verify::verify;
use super::STEP_TILES;
use super::beside::{self, Known};
use super::configured::Configured;
use super::counted::Count;
use super::opened::{Opened, What, open};
use super::plan;
use super::writing::Writing;
use crate::job::Job;
use crate::{Failure, Host};

/// Merges into a folder, where a merge that fails or is cancelled leaves nothing.
pub(crate) async fn write<H: Host>(
    job: &Job<'_, H>,
    items: &[&Looked],
    merging: &Merging,
    shard_bytes: u64,
    destination: Destination,
) -> Result<Reply, Failure> {
    let mut opened = open(items, merging).await?.map_err(in_the_way)?;
    let plan = plan::of(&opened, shard_bytes)?.map_err(in_the_way)?;
    fetch(job, &opened.files).await?;
    for (item, files) in &opened.files {
        if let Thing::Pack(pack) = &item.thing {
            verify(job, item, pack, files).await?;
        }
    }
    extend_tokenizer(&mut opened)?;
    let known = beside::known(job, &opened).await?;
    let mut stream = Stream { job, opened: &opened, plan: &plan, known, destination, peak: 0 };
    let (hash, files) = match &opened.what {
        What::Recipe(recipe, models) => {
            let inputs = models.inputs();
            let mut merge = MaecJob::new(&inputs, recipe, false)?;
            let shards = stream.cut(&merge, shard_bytes)?;
            let (hash, mut writing) = stream.weights(&mut merge, &shards).await?;
            let outputs = merge.outputs().to_vec();
            let made = merge.report(hash.clone(), false, &Pool::new(1)?);
            let card = made.map(|report| card::of_recipe(&report, &stream.known.fingerprints));
            let files = match card {
                Ok(card) => stream.beside(&mut writing, (&outputs, &shards), &[], &card).await,
                Err(error) => Err(error.into()),
            };
            (hash, whole(writing, files).await?)
        }
        What::Config(configured) => {
            let Configured { config, loaded, union, .. } = configured.as_ref();
            let mut merge = ConfigJob::new(config, loaded)
                .map_err(|problems| in_the_way(problems.iter().map(ToString::to_string).collect()))?;
            let shards = stream.cut(&merge, shard_bytes)?;
            let planned = merge.plan(&shards, 1);
            let (hash, mut writing) = stream.weights(&mut merge, &shards).await?;
            // Without slices the layers are the base's, whatever else has numbers in its tensors' names.
            let mut sizes = Vec::new();
            if merge.is_sliced() {
                sizes.extend(["num_hidden_layers", "n_layer"].map(|key| (key, merge.layers())));
            }
            sizes.extend(union.iter().map(|union| ("vocab_size", union.vocabulary.rows())));
            let card = card::of_config(&planned, merge.method(), &stream.known.inputs, &hash);
            let files = stream.beside(&mut writing, (merge.outputs(), &shards), &sizes, &card).await;
            (hash, whole(writing, files).await?)
        }
    };
    Ok(Reply::Written {
        hash,
        files,
        bytes_read: opened.count.bytes(),
        seconds: job.seconds(),
        peak_bytes: stream.peak.max(job.host().memory_bytes()),
    })
}

/// Puts the tokens of a joined vocabulary into the tokenizer that goes along with the output.
fn extend_tokenizer(opened: &mut Opened<'_>) -> Result<(), Failure> {
    if let What::Config(configured) = &opened.what
        && let Some(union) = &configured.union
        && let Some(text) = opened.texts.get_mut(TOKENIZER)
    {
        *text = union.tokenizer_json(text).map_err(Failure::of)?;
    }
    Ok(())
}

/// What keeps a merge from being written.
fn in_the_way(problems: Vec<String>) -> Failure {
    let more = problems.len().saturating_sub(1);
    let message = problems.into_iter().next().unwrap_or_else(|| "This cannot be merged.".into());
    let hint = (more > 0).then(|| format!("The plan names {more} more."));
    Failure::Refused { message, hint }
}

/// The names of all files, or nothing left of them.
async fn whole(mut writing: Writing, written: Result<(), Failure>) -> Result<Vec<(String, u64)>, Failure> {
    let finished = match written {
        Ok(()) => writing.finish().await,
        Err(failure) => Err(failure),
    };
    match finished {
        Ok(files) => Ok(files),
        Err(failure) => {
            writing.undo().await;
            Err(failure)
        }
    }
}

/// A merge on its way into files.
struct Stream<'s, 'h, H> {
    job: &'s Job<'h, H>,
    opened: &'s Opened<'s>,
    plan: &'s FilePlan,
    known: Known,
    destination: Destination,
    /// Most bytes of the engine's memory so far.
    peak: u64,
}

impl<H: Host> Stream<'_, '_, H> {
    fn cut(&self, merge: &dyn MergeJob, shard_bytes: u64) -> Result<Vec<Shard>, Failure> {
        Ok(shards(merge.outputs(), shard_bytes, &self.known.metadata)?)
    }

    /// Writes the weights; their model hash, and the folder's files, none of them visible yet.
    async fn weights(
        &mut self,
        merge: &mut dyn MergeJob,
        shards: &[Shard],
    ) -> Result<(String, Writing), Failure> {
        let count = self.opened.count.clone();
        let before = count.bytes();
        let pool = Pool::new(1)?;
        while merge.prepare(&pool, STEP_TILES)?.is_some() {
            self.tell("Comparing tensors", &count, before).await?;
        }
        let folder = self.job.host().folder(self.job.id(), self.destination).await?;
        let mut writing = Writing::new(folder, &beside::names(self.opened, shards)).await?;
        let mut run = Run::new(merge, shards);
        loop {
            match self.step(&mut run, &pool, shards, &mut writing).await {
                Ok(true) => (),
                Ok(false) => return Ok((run.finish(), writing)),
                Err(failure) => {
                    writing.undo().await;
                    return Err(failure);
                }
            }
            if let Err(failure) = self.tell("Merging", &count, before).await {
                writing.undo().await;
                return Err(failure);
            }
        }
    }

    /// Merges and writes some tiles; `false` when there are no more.
    async fn step(
        &mut self,
        run: &mut Run<'_>,
        pool: &Pool,
        shards: &[Shard],
        writing: &mut Writing,
    ) -> Result<bool, Failure> {
        let Some(events) = run.step(pool, STEP_TILES)? else { return Ok(false) };
        for event in events {
            match event {
                Event::Begin(shard) => writing.begin(&shards[shard].file).await?,
                Event::Bytes(bytes) => writing.write(&bytes).await?,
                Event::End => writing.flush().await?,
                Event::Wrote(_) => (),
            }
        }
        Ok(true)
    }

    /// Brings the next tiles, lets messages in, and says how far the merge is.
    async fn tell(&mut self, label: &str, count: &Count, before: u64) -> Result<(), Failure> {
        self.peak = self.peak.max(self.job.host().memory_bytes());
        let total = self.plan.bytes_read;
        self.job.progress(|| label.to_owned(), (count.bytes() - before).min(total), total);
        self.job.host().read_ahead().await;
        self.job.checkpoint().await
    }

    /// Writes what stands beside the weights.
    async fn beside(
        &self,
        writing: &mut Writing,
        of: (&[maec_checkpoint::TensorInfo], &[Shard]),
        sizes: &[(&str, usize)],
        card: &str,
    ) -> Result<(), Failure> {
        beside::write(writing, self.opened, &self.known, of, sizes, card).await
    }
}
