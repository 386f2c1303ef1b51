//! The models that a mergekit file names, among the items.

use maec_recipe::mergekit::{Lora, ModelName};

use super::super::adapter::Adapter;
use super::super::parts::{Part, adapter_by_name, by_name};
use super::super::thing::Looked;

/// One of the file's models among the items.
pub(super) struct Named<'a> {
    pub name: ModelName,
    pub part: Part<'a>,
    pub adapter: Option<(&'a Looked, &'a Adapter)>,
}

/// A name's model or delta among the items, and its adapter; or why there is none.
pub(super) fn find<'a>(items: &[&'a Looked], name: &ModelName) -> Result<Named<'a>, String> {
    let model = name_of(&name.model, name.revision.as_deref());
    let part = match by_name(items, &model) {
        // The first of the items is not the file's base for that.
        Ok(Part::Base) => {
            let first = items.iter().find_map(|&item| Some((item, item.base()?)));
            let (item, model) = first.ok_or_else(|| format!("`{model}` is no model."))?;
            Part::Model(item, model)
        }
        Ok(part) => part,
        Err(0) if adapter_by_name(items, &model).is_ok() => {
            return Err(format!(
                "`{model}` is an adapter: write the model that it is put onto before it, `model+{model}`."
            ));
        }
        Err(count) => return Err(unfound(count, "model", &model)),
    };
    let adapter = name.lora.as_ref().map(|Lora { model, revision }| {
        let adapter = name_of(model, revision.as_deref());
        adapter_by_name(items, &adapter).map_err(|count| match by_name(items, &adapter) {
            Ok(_) => format!("`{adapter}` is no adapter: name one after the `+`."),
            Err(_) => unfound(count, "adapter", &adapter),
        })
    });
    Ok(Named { name: name.clone(), part, adapter: adapter.transpose()? })
}

fn name_of(model: &str, revision: Option<&str>) -> String {
    revision.map_or(model.to_owned(), |revision| format!("{model}@{revision}"))
}

fn unfound(count: usize, thing: &str, name: &str) -> String {
    match count {
        0 => format!("`{name}` is not open: open the {thing} of this name, or correct the name."),
        count => format!("{count} open {thing}s are called `{name}`: remove all but one of them."),
    }
}

/// A name with the commits that were found for its revisions.
pub(super) fn pinned(named: &Named<'_>) -> ModelName {
    let mut name = named.name.clone();
    if let Part::Model(item, _) | Part::Delta(item, _) = named.part {
        name.revision = commit(item).or(name.revision);
    }
    if let (Some(lora), Some((item, _))) = (&mut name.lora, named.adapter) {
        lora.revision = commit(item).or(lora.revision.take());
    }
    name
}

/// The commit of a remote item.
fn commit(item: &Looked) -> Option<String> {
    let is_remote = item.place.remote.is_some();
    item.place.title.rsplit_once('@').filter(|_| is_remote).map(|(_, commit)| commit.to_owned())
}
