//! What people bring themselves: looked at, weighed, loaded, and run.
//!
//! | request | file |
//! |---|---|
//! | `Look` | [`place`], [`remote`], [`look`], [`card`], [`adapter`], [`thing`]: headers and small texts only |
//! | `Weigh` | [`parts`], [`weigh`], [`cost`]: what does not fit, and what it costs |
//! | `Load` | [`load`], [`verify`], [`merging`], [`slice`]: each tile merged when its parameter is made |
//! | `GenerateOwn` | [`generate`] |
//! | `EvaluateOwn` | [`evaluate`] |
//! | `Template`, `Filter`, `Plan`, `Write`, `Inspect` | [`merge`]: merges into files, and looks inside models |

mod adapter;
mod card;
mod cost;
mod evaluate;
mod generate;
mod load;
mod look;
mod merge;
mod merging;
mod parts;
mod place;
mod remote;
mod slice;
mod stops;
mod thing;
mod verify;
mod weigh;
mod words;

use maec_protocol::{Cost, ItemId, Merging, Mismatch, Place, Reply, Request};
use maec_recipe::Recipe;
use maec_recipe::mergekit::Config;

use crate::job::Job;
use crate::{Failure, Host, Started};
use load::Loaded;
use parts::Parts;
use place::Opened;
use thing::Looked;

pub use merge::{Folder, OutFile};
pub use remote::{FetchProgress, HubFiles, Remote};
pub use words::{Chat, Words, WordsTexts};

/// Everything that was looked at, and what is loaded.
#[derive(Default)]
pub(crate) struct Own {
    items: Vec<Looked>,
    loaded: Option<Loaded>,
}

impl Own {
    /// Answers the requests of the table above.
    pub async fn answer<H: Host>(
        &mut self,
        job: &Job<'_, H>,
        request: Request,
        started: &Started,
    ) -> Result<Reply, Failure> {
        job.checkpoint().await?;
        match request {
            Request::Look { place } => self.look(job, &place, started).await,
            Request::Weigh { items, recipe } => self.weigh(job, &items, recipe.as_ref(), started).await,
            Request::Load { items, recipe } => self.load(job, &items, recipe.as_ref(), started).await,
            Request::GenerateOwn { prompt, chat, max_new_tokens } => {
                self.loaded()?.generate(job, &prompt, chat, max_new_tokens).await
            }
            Request::EvaluateOwn { task, names, language, limit } => {
                let loaded = self.loaded()?;
                let files = Opened::dropped(job.host().files(job.id(), &names)?, &names);
                let task = evaluate::task(&files, &task, &language)?;
                loaded.evaluate(job, &task, limit).await
            }
            Request::Template { method, items } => {
                let items = self.find(&items)?;
                let yaml = merge::template(method.as_deref(), &merge::names(&items))?;
                Ok(Reply::Config { yaml, methods: merge::methods() })
            }
            Request::Filter { yaml, filter, parameter, value } => {
                let config = Config::from_yaml(&yaml).map_err(Failure::of)?;
                let yaml = merge::filtered(config, &filter, &parameter, value).to_yaml();
                Ok(Reply::Config { yaml, methods: merge::methods() })
            }
            Request::Plan { merging, shard_bytes } => {
                let items = self.find(merged_items(&merging))?;
                merge::plan(job, &items, &merging, shard_bytes).await
            }
            Request::Write { merging, shard_bytes, destination } => {
                let items = self.find(merged_items(&merging))?;
                merge::write(job, &items, &merging, shard_bytes, destination).await
            }
            Request::Inspect { base, items } => {
                let base = base.map(|base| self.find(&[base])).transpose()?;
                let base = base.and_then(|base| base.first().copied());
                merge::inspect(job, base, &self.find(&items)?).await
            }
            // The engine answers all others itself.
            _ => Err(Failure::Cancelled),
        }
    }

    /// The items of these numbers.
    fn find(&self, ids: &[ItemId]) -> Result<Vec<&Looked>, Failure> {
        find(&self.items, ids)
    }

    /// Looks at a place.
    async fn look<H: Host>(
        &mut self,
        job: &Job<'_, H>,
        place: &Place,
        started: &Started,
    ) -> Result<Reply, Failure> {
        let opened = match place {
            Place::Files { names } => Opened::dropped(job.host().files(job.id(), names)?, names),
            Place::Remote { name } => Opened::remote(job.host().remote(name).await?),
        };
        let id = self.items.len() as ItemId + 1;
        let looked = look::look(id, opened, started).await?;
        job.checkpoint().await?;
        let item = looked.item().await?;
        self.items.push(looked);
        Ok(Reply::Looked { item })
    }

    /// Compares items, and says what loading them costs.
    async fn weigh<H: Host>(
        &self,
        job: &Job<'_, H>,
        items: &[ItemId],
        recipe: Option<&Recipe>,
        started: &Started,
    ) -> Result<Reply, Failure> {
        let (parts, mismatches) = fit(&self.items, items, recipe)?;
        let cost = match &parts {
            Some(parts) => cost::cost(job, parts, recipe, started).await?,
            None => impossible(&mismatches),
        };
        Ok(Reply::Weighed { mismatches, cost })
    }

    /// Loads the first item, merged as the recipe says.
    async fn load<H: Host>(
        &mut self,
        job: &Job<'_, H>,
        items: &[ItemId],
        recipe: Option<&Recipe>,
        started: &Started,
    ) -> Result<Reply, Failure> {
        if let Some(recipe) = recipe {
            recipe.validate()?;
        }
        let (parts, mismatches) = fit(&self.items, items, recipe)?;
        if let Some(fatal) = mismatches.into_iter().find(|mismatch| mismatch.fatal) {
            let message = format!("{}: {}", fatal.item, fatal.what);
            return Err(Failure::refused(message, &fatal.fix));
        }
        let parts = parts.ok_or_else(|| Failure::refused("Nothing can be loaded.", "Open a model first."))?;
        load::load(job, &parts, recipe, started, &mut self.loaded).await
    }

    /// What is loaded.
    fn loaded(&mut self) -> Result<&mut Loaded, Failure> {
        self.loaded.as_mut().ok_or_else(|| Failure::refused("No model is loaded.", "Load one first."))
    }
}

/// The items of these numbers.
fn find<'a>(known: &'a [Looked], ids: &[ItemId]) -> Result<Vec<&'a Looked>, Failure> {
    let find = |&id: &ItemId| {
        known
            .iter()
            .find(|item| item.id == id)
            .ok_or_else(|| Failure::refused(format!("The engine knows no item {id}."), "Open it again."))
    };
    ids.iter().map(find).collect()
}

/// The items that a merge is of.
fn merged_items(merging: &Merging) -> &[ItemId] {
    match merging {
        Merging::Recipe { items, .. } | Merging::Config { items, .. } => items,
    }
}

/// The items' parts, where all are there, and everything that does not fit.
fn fit<'a>(
    known: &'a [Looked],
    items: &[ItemId],
    recipe: Option<&Recipe>,
) -> Result<(Option<Parts<'a>>, Vec<Mismatch>), Failure> {
    let items = find(known, items)?;
    let mut mismatches = weigh::mismatches(&items, recipe)?;
    match Parts::find(&items, recipe) {
        Ok(parts) => Ok((Some(parts), mismatches)),
        Err(problems) => {
            mismatches.extend(problems);
            Ok((None, mismatches))
        }
    }
}

/// The cost of what cannot be: the mismatches say why.
fn impossible(mismatches: &[Mismatch]) -> Cost {
    let why = mismatches.iter().rev().find(|mismatch| mismatch.fatal);
    Cost {
        fetch_bytes: 0,
        cached_bytes: 0,
        device_bytes: 0,
        cache_bytes: 0,
        seconds: 0.0,
        storage_free: None,
        obstacle: why.map(|mismatch| format!("{} {}", mismatch.what, mismatch.fix)),
    }
}
