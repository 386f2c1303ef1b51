//! What a merge into files will do, and everything that stands in its way.

use maec_merge::config::ConfigJob;
use maec_merge::engine::{Job as MergeJob, Shard, shards};
use maec_merge::{MaecJob, check};
use maec_protocol::{FilePlan, Merging, Reply};
use maec_recipe::MergeMethod;

use super::super::thing::Looked;
use super::configured::Configured;
use super::opened::{Opened, What, open};
use super::writing::BUFFER_BYTES;
use crate::failure::sentence;
use crate::job::Job;
use crate::{Failure, Host};

/// Most bytes that a merge's buffers may take: WebAssembly has 4 GiB for everything.
const MOST_MEMORY: u64 = 1 << 30;
/// Bytes a second that a tab reads and writes while it merges, as `cargo xtask bench tab` had it; machines differ.
const BYTES_PER_SEC: f64 = 0.3e9;

/// Plans a merge.
pub(crate) async fn plan<H: Host>(
    job: &Job<'_, H>,
    items: &[&Looked],
    merging: &Merging,
    shard_bytes: u64,
) -> Result<Reply, Failure> {
    let opened = match open(items, merging).await? {
        Ok(opened) => opened,
        Err(problems) => return Ok(Reply::Planned { plan: None, problems }),
    };
    let mut plan = match of(&opened, shard_bytes)? {
        Ok(plan) => plan,
        Err(problems) => return Ok(Reply::Planned { plan: None, problems }),
    };
    for (item, files) in &opened.files {
        let (cached, all) = item.remote_bytes(files).await?;
        plan.fetch_bytes += all.saturating_sub(cached);
    }
    plan.storage_free = job.host().storage_free().await;
    Ok(Reply::Planned { plan: Some(plan), problems: Vec::new() })
}

/// The plan of a merge whose models are open, or everything that stands in its way.
pub(super) fn of(opened: &Opened<'_>, shard_bytes: u64) -> Result<Result<FilePlan, Vec<String>>, Failure> {
    let planned = match &opened.what {
        What::Recipe(recipe, models) => {
            let inputs = models.inputs();
            let checked = check(&inputs, recipe);
            match checked {
                Err(problems) => Err(problems.iter().map(|it| sentence(&it.to_string())).collect()),
                Ok(plan) => {
                    let job = MaecJob::new(&inputs, recipe, false)?;
                    let shards = cut(&job, shard_bytes)?;
                    let (method, formula) = described(recipe.merge_method);
                    let written = shards.iter().map(|shard| shard.bytes).sum();
                    Ok(FilePlan {
                        method: method.into(),
                        formula: formula.into(),
                        tensors: plan.tensors.len() as u32,
                        parameters: plan.parameters,
                        passes: 2,
                        bytes_read: plan.bytes_read,
                        bytes_written: written,
                        files: named(&shards),
                        memory_bytes: MaecJob::MEMORY_PER_THREAD + BUFFER_BYTES as u64,
                        fetch_bytes: 0,
                        seconds: (plan.bytes_read + written) as f64 / BYTES_PER_SEC,
                        storage_free: None,
                        notes: Vec::new(),
                    })
                }
            }
        }
        What::Config(configured) => of_config(configured, shard_bytes)?,
    };
    Ok(planned.and_then(|plan| match plan.memory_bytes {
        0..=MOST_MEMORY => Ok(plan),
        more => Err(vec![format!(
            "This merge takes {} MiB of memory, more than the {} MiB that a tab has for it: merge with the companion (`maec merge`).",
            more >> 20,
            MOST_MEMORY >> 20
        )]),
    }))
}

fn of_config(configured: &Configured, shard_bytes: u64) -> Result<Result<FilePlan, Vec<String>>, Failure> {
    let job = match ConfigJob::new(&configured.config, &configured.loaded) {
        Ok(job) => job,
        Err(problems) => return Ok(Err(problems.iter().map(|it| sentence(&it.to_string())).collect())),
    };
    let shards = cut(&job, shard_bytes)?;
    let plan = job.plan(&shards, 1);
    Ok(Ok(FilePlan {
        method: plan.method.into(),
        formula: plan.formula.into(),
        tensors: plan.tensors as u32,
        parameters: plan.parameters,
        passes: plan.passes as u32,
        bytes_read: plan.bytes_read,
        bytes_written: plan.bytes_written,
        files: plan.files,
        memory_bytes: plan.memory_bytes + configured.memory_bytes + BUFFER_BYTES as u64,
        fetch_bytes: 0,
        seconds: (plan.bytes_read + plan.bytes_written) as f64 / BYTES_PER_SEC,
        storage_free: None,
        notes: configured.notes.clone(),
    }))
}

/// The output's files, their headers without what is known only when it is written.
fn cut(job: &dyn MergeJob, shard_bytes: u64) -> Result<Vec<Shard>, Failure> {
    Ok(shards(job.outputs(), shard_bytes, &Default::default())?)
}

fn named(shards: &[Shard]) -> Vec<(String, u64)> {
    shards.iter().map(|shard| (shard.file.clone(), shard.bytes)).collect()
}

/// A recipe's method and what it computes.
fn described(method: MergeMethod) -> (&'static str, &'static str) {
    match method {
        MergeMethod::Maec => (
            "maec",
            "base + γ·R(A) + η·R_Lang in the k₂ of the tensors that Eq. 4 selects, base + R_Lang in the others",
        ),
        MergeMethod::TaskVector => ("task_vector", "base + λ·[(Θ_A,L0 − base) + Σ μᵢ·(Θ_Li − base)]"),
    }
}
