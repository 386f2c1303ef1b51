//! One more filter on a parameter of a mergekit file.

use maec_merge::methods::{Kind, named};
use maec_recipe::mergekit::{Condition, Config, Key, Layout, Setting, Values};

/// The file with `value` for the tensors whose names contain `filter`, before whatever else the parameter is set to: in every
/// place where it is set, since those nearest to a model come first, and for the whole file where some model has no place nearer.
pub(crate) fn filtered(mut config: Config, filter: &str, parameter: &str, value: f64) -> Config {
    let known = named(&config.merge_method.name).map_or(&[][..], |method| method.about().parameters);
    let is_flag = known.iter().any(|it| it.name == parameter && it.kind == Kind::Flag);
    let value = if is_flag { Setting::Flag(value != 0.0) } else { Setting::Number(value) };
    let add = Add { filter, parameter, value };
    let everywhere = add.to_layout(&mut config.layout);
    if !add.to(&mut config.parameters) && !everywhere {
        config.parameters.0.push((Key::from(parameter), Setting::Conditional(vec![add.condition()])));
    }
    config
}

struct Add<'a> {
    filter: &'a str,
    parameter: &'a str,
    value: Setting,
}

impl Add<'_> {
    fn condition(&self) -> Condition {
        Condition { filter: Some(self.filter.into()), value: self.value.clone() }
    }

    /// Whether it stands here, and now has the filter.
    fn to(&self, values: &mut Values) -> bool {
        let place = values.0.iter_mut().find(|(key, _)| key.name == self.parameter);
        let Some((_, setting)) = place else { return false };
        let mut conditions = vec![self.condition()];
        match std::mem::replace(setting, Setting::Flag(false)) {
            Setting::Conditional(before) => {
                // One for the same tensors would never count again.
                conditions.extend(before.into_iter().filter(|it| it.filter.as_deref() != Some(self.filter)));
            }
            plain => conditions.push(Condition { filter: None, value: plain }),
        }
        *setting = Setting::Conditional(conditions);
        true
    }

    /// Whether every model of a layout has it there.
    fn to_layout(&self, layout: &mut Layout) -> bool {
        // All of them are visited: no `all`, which ends at the first that has it not.
        let every = |has: &mut dyn Iterator<Item = bool>| has.fold(true, |all, has| all & has);
        match layout {
            Layout::Models(entries) => {
                every(&mut entries.iter_mut().map(|entry| self.to(&mut entry.parameters)))
            }
            Layout::Slices(slices) => every(&mut slices.iter_mut().map(|slice| {
                let sources = slice.sources.iter_mut().map(|source| self.to(&mut source.parameters));
                let in_sources = sources.fold(true, |all, has| all & has);
                self.to(&mut slice.parameters) | in_sources
            })),
            Layout::Modules(modules) => every(&mut modules.iter_mut().map(|(_, module)| {
                let inside = self.to_layout(&mut module.layout);
                self.to(&mut module.parameters) | inside
            })),
        }
    }
}

#[cfg(test)]
mod tests {
    use maec_recipe::mergekit::value;

    use super::*;

    const FILE: &str = "
merge_method: ties
base_model: base
models:
  - {model: a, parameters: {weight: [0, 1]}}
  - {model: b, parameters: {weight: [{filter: mlp, value: 0.5}, {value: 0.25}]}}
parameters: {normalize: true}
";

    fn read(text: &str) -> Config {
        Config::from_yaml(text).unwrap()
    }

    fn weights(config: &Config, tensor: &str) -> Vec<Option<f64>> {
        let Layout::Models(models) = &config.layout else { panic!() };
        let of = |values| value(&[values, &config.parameters], "weight", tensor, 1.0);
        models.iter().map(|model| of(&model.parameters)).collect()
    }

    #[test]
    fn the_filter_comes_first_and_everything_else_stays() {
        let config = filtered(read(FILE), "layers.3.", "weight", 0.75);
        assert_eq!(read(&config.to_yaml()), config);
        assert_eq!(weights(&config, "model.layers.3.mlp"), [Some(0.75), Some(0.75)]);
        assert_eq!(weights(&config, "model.layers.2.mlp"), [Some(1.0), Some(0.5)]);
        assert_eq!(weights(&config, "model.norm"), [Some(1.0), Some(0.25)]);
        assert!(config.parameters.get("weight").is_none());
        // Again for the same tensors: in place of the last.
        let again = filtered(config.clone(), "layers.3.", "weight", 0.5);
        assert_eq!(weights(&again, "model.layers.3.mlp"), [Some(0.5), Some(0.5)]);
        assert_eq!(again.to_yaml().lines().count(), config.to_yaml().lines().count());
    }

    #[test]
    fn what_stands_nowhere_is_set_for_the_whole_file() {
        let config = filtered(read(FILE), "mlp", "density", 0.1);
        assert_eq!(config.parameters.get("density").and_then(|it| it.at("mlp", 0.0)), Some(0.1));
        assert_eq!(config.parameters.get("density").and_then(|it| it.at("norm", 0.0)), None);
        let flag = filtered(read(FILE), "mlp", "normalize", 0.0);
        let normalize = flag.parameters.get("normalize").unwrap();
        assert_eq!(
            (normalize.flag_at("mlp", 0.0), normalize.flag_at("norm", 0.0)),
            (Some(false), Some(true))
        );
        // Only one of the models has its own: the others take the file's.
        let half = FILE.replace(", parameters: {weight: [0, 1]}", "");
        let half = filtered(read(&half), "norm", "weight", 2.0);
        assert_eq!(weights(&half, "norm"), [Some(2.0), Some(2.0)]);
    }
}
