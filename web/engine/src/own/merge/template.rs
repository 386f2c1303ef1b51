//! A mergekit file to begin with.

use maec_merge::methods::{Base, Kind, METHODS, Method, Parameter, named};
use maec_protocol::MethodCard;
use maec_recipe::mergekit::{Config, Dialect, Key, Layout, Lora, ModelEntry, ModelName, Setting, Values};

use super::super::thing::Looked;
use crate::Failure;

/// The method of a file for which none was chosen.
const COMMON: &str = "task_arithmetic";

/// What a file calls the items: an adapter is put onto the first of them.
pub(crate) fn names(items: &[&Looked]) -> Vec<ModelName> {
    let title = |item: &&Looked| name(&item.place.title);
    let first = items.first().map(title);
    let one = |item: &&Looked| match (item.adapter(), &first) {
        (Some(_), Some(first)) => {
            let ModelName { model, revision, .. } = title(item);
            ModelName { lora: Some(Lora { model, revision }), ..first.clone() }
        }
        _ => title(item),
    };
    items.iter().map(one).collect()
}

/// A file of a method that merges models of these names, the first of them as its base.
pub(crate) fn template(method: Option<&str>, names: &[ModelName]) -> Result<String, Failure> {
    let wanted = method.unwrap_or(COMMON);
    let method = named(wanted).ok_or_else(|| {
        let known: Vec<&str> = METHODS.iter().map(|method| method.about().name).collect();
        let meant = maec_recipe::nearest(wanted, &known).unwrap_or(COMMON);
        let wanted = maec_recipe::shown(wanted);
        Failure::refused(
            format!("There is no method `{wanted}`."),
            &format!("Choose another, such as `{meant}`."),
        )
    })?;
    Ok(file(method, names).to_yaml())
}

/// Every method, sorted by name.
pub(crate) fn methods() -> Vec<MethodCard> {
    let card = |method: &&dyn Method| {
        let about = method.about();
        MethodCard {
            name: about.name.into(),
            formula: about.formula.into(),
            parameters: about.parameters.iter().map(described).collect::<Vec<_>>().join("\n"),
        }
    };
    METHODS.iter().map(card).collect()
}

/// A parameter in one line.
fn described(parameter: &Parameter) -> String {
    let default = match (parameter.default, parameter.kind) {
        (None, _) => "no default".to_owned(),
        (Some(value), Kind::Flag) => format!("default {}", value != 0.0),
        (Some(value), _) => format!("default {value}"),
    };
    let each = if parameter.per_model { ", each model's own" } else { "" };
    format!("{}: {} ({default}{each})", parameter.name, parameter.meaning)
}

fn file(method: &dyn Method, names: &[ModelName]) -> Config {
    let about = method.about();
    let (base, models) = match (about.base, names.split_first()) {
        (Base::Required, Some((base, rest))) => (Some(base.clone()), rest),
        _ => (None, names),
    };
    let (fewest, most) = about.models;
    let models = &models[..models.len().min(most.max(fewest))];
    let has_effect = |parameter: &&Parameter| !parameter.meaning.starts_with("no effect");
    let values = |per_model: bool| {
        let those = about.parameters.iter().filter(has_effect).filter(|it| it.per_model == per_model);
        Values(those.map(|it| (Key::from(it.name), begin(it, models.len()))).collect())
    };
    let entry = |name: &ModelName| ModelEntry { model: name.clone(), parameters: values(true) };
    Config {
        merge_method: Key::from(about.name),
        base_model: base,
        layout: Layout::Models(models.iter().map(entry).collect()),
        parameters: values(false),
        dtype: None,
        out_dtype: None,
        tokenizer: None,
        chat_template: None,
        dialect: Dialect::default(),
        seed: None,
    }
}

/// What a parameter begins with: its default, or else an equal share of so many models.
fn begin(parameter: &Parameter, models: usize) -> Setting {
    let share = 1.0 / models.max(1) as f64;
    match (parameter.kind, parameter.default) {
        (Kind::Flag, default) => Setting::Flag(default.is_some_and(|value| value != 0.0)),
        // Half of every difference says more than all of it, where a share can be chosen.
        (_, Some(1.0)) if parameter.name == "density" => Setting::Number(0.5),
        (_, Some(default)) => Setting::Number(default),
        (Kind::Number(_, most), None) if parameter.name == "weight" => Setting::Number(share.min(most)),
        (Kind::Number(least, most), None) => Setting::Number(0.5_f64.clamp(least, most)),
        (Kind::Count(least), None) => Setting::Number(least.into()),
    }
}

/// A title as a file writes it; one that is no `model@rev` is a path with such letters.
fn name(title: &str) -> ModelName {
    let as_path = || ModelName { model: title.into(), revision: None, lora: None, line: None };
    ModelName::parse(title).ok().filter(|name| name.lora.is_none()).unwrap_or_else(as_path)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names() -> Vec<ModelName> {
        ["org/a@main", "base", "b+c"].map(name).into()
    }

    #[test]
    fn every_method_has_a_file_that_is_read_again() {
        for method in METHODS {
            let about = method.about();
            let text = template(Some(about.name), &names()).unwrap();
            let config = Config::from_yaml(&text).unwrap();
            assert_eq!(config, file(*method, &names()), "{text}");
            assert_eq!(config.base_model.is_some(), about.base == Base::Required, "{text}");
            assert!(config.models().iter().any(|name| name.revision.as_deref() == Some("main")), "{text}");
        }
        assert_eq!(methods().len(), METHODS.len());
        assert!(methods().iter().any(|card| card.parameters.contains("density")));
    }

    #[test]
    fn an_unknown_method_is_refused_with_the_nearest() {
        let Err(Failure::Refused { message, hint }) = template(Some("tise"), &names()) else { panic!() };
        assert!(message.contains("`tise`") && hint.unwrap().contains("`ties`"));
    }
}
