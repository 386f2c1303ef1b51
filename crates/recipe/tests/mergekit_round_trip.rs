//! Whatever a valid mergekit file says, it still says after it was written and read again.
#![cfg(feature = "yaml")]

use maec_recipe::OutDtype;
use maec_recipe::mergekit::{
    Condition, Config, Dialect, EmbeddingSource, Key, Layout, Lora, ModelEntry, ModelName, Module,
    OutputSlice, Setting, SliceSource, TokenId, TokenRule, TokenizerSource, TokenizerSpec, Values,
};
use proptest::collection::{btree_map, vec};
use proptest::option::of;
use proptest::prelude::*;

/// Texts, also such as YAML takes for something else.
fn text() -> BoxedStrategy<String> {
    prop_oneof![
        3 => "[a-z][a-z0-9_./-]{0,12}",
        1 => "\\PC{0,8}[a-z]",
        1 => prop::sample::select(vec![
            "no", "y", "null", "1:30", "2020-01-01", "~", "true", "#x", "- a", "a: b", "'", "\"", "{", "@a", "a+b",
            "a@b", "*", "&a", "!a", "%a", "<<", "=", " a ", "a #b", "0x1g", "1_000", "nan", ".inf",
        ])
        .prop_map(String::from),
    ]
    .boxed()
}

fn number() -> impl Strategy<Value = f64> {
    prop_oneof![
        -1e6..=1e6f64,
        (-200i32..200).prop_map(|step| f64::from(step) / 100.0),
        prop::sample::select(vec![-0.0, 0.0, 5e-324, f64::MIN_POSITIVE, 1e-7, 0.1 + 0.2, 1e6]),
    ]
}

fn model() -> BoxedStrategy<ModelName> {
    (text(), of(text()), of((text(), of(text()))))
        .prop_map(|(model, revision, lora)| ModelName {
            model,
            revision,
            lora: lora.map(|(model, revision)| Lora { model, revision }),
            line: None,
        })
        .boxed()
}

fn leaf() -> BoxedStrategy<Setting> {
    prop_oneof![
        number().prop_map(Setting::Number),
        any::<bool>().prop_map(Setting::Flag),
        text().prop_map(Setting::Text),
        vec(number(), 1..5).prop_map(Setting::Gradient),
    ]
    .boxed()
}

fn setting() -> BoxedStrategy<Setting> {
    // Filters of one length hold no other filter, so all of them can match.
    let conditions = (btree_map("[a-z.]{4}", leaf(), 0..3), of(leaf())).prop_map(|(filters, rest)| {
        let filters = filters.into_iter().map(|(filter, value)| Condition { filter: Some(filter), value });
        filters.chain(rest.map(|value| Condition { filter: None, value })).collect::<Vec<_>>()
    });
    let conditions = conditions.prop_filter("at least one", |conditions| !conditions.is_empty());
    prop_oneof![leaf(), conditions.prop_map(Setting::Conditional)].boxed()
}

fn values() -> BoxedStrategy<Values> {
    let values = btree_map(text(), setting(), 0..3);
    values
        .prop_map(|values| {
            Values(values.into_iter().map(|(name, setting)| (Key { name, line: None }, setting)).collect())
        })
        .boxed()
}

fn models() -> BoxedStrategy<Layout> {
    let entry = (model(), values()).prop_map(|(model, parameters)| ModelEntry { model, parameters });
    vec(entry, 1..4)
        .prop_map(|mut entries| {
            entries.dedup_by(|a, b| a.model == b.model);
            Layout::Models(entries)
        })
        .boxed()
}

fn slices() -> BoxedStrategy<Layout> {
    let source = (model(), 0..50usize, values());
    let slice = (vec(source, 1..3), 1..20usize, of(model()), values());
    let slice = slice.prop_map(|(sources, layers, base_model, parameters)| OutputSlice {
        sources: sources
            .into_iter()
            .map(|(model, start, parameters)| SliceSource {
                model,
                layers: start..start + layers,
                parameters,
            })
            .collect(),
        base_model,
        parameters,
    });
    vec(slice, 1..3).prop_map(Layout::Slices).boxed()
}

fn layout() -> BoxedStrategy<Layout> {
    let module = (prop_oneof![models(), slices()], values());
    let module = module.prop_map(|(layout, parameters)| Module { layout, parameters });
    let modules = btree_map(text(), module, 1..3).prop_map(|modules| modules.into_iter().collect());
    prop_oneof![models(), slices(), modules.prop_map(Layout::Modules)].boxed()
}

fn tokenizer() -> BoxedStrategy<TokenizerSpec> {
    let source = prop_oneof![
        Just(TokenizerSource::Union),
        Just(TokenizerSource::Base),
        model().prop_map(TokenizerSource::Model)
    ];
    let id = prop_oneof![any::<u32>().prop_map(TokenId::Id), "\\PC{1,4}|\n|\t|\u{7}".prop_map(TokenId::Text)];
    let embedding = prop_oneof![
        Just(EmbeddingSource::Zero),
        model().prop_map(EmbeddingSource::Model),
        (model(), id).prop_map(|(model, token)| EmbeddingSource::ModelToken { model, token }),
    ];
    let rule = (of(embedding), any::<bool>()).prop_map(|(source, force)| TokenRule { source, force });
    let tokens = btree_map("<[a-z]{1,3}>|\\PC{1,4}|\n\n|\r|5|no", rule, 0..4);
    (source, tokens, of(1..1000u32))
        .prop_map(|(source, tokens, pad_to_multiple_of)| TokenizerSpec {
            source,
            tokens: tokens.into_iter().collect(),
            pad_to_multiple_of,
        })
        .boxed()
}

prop_compose! {
    fn config()(
        method in text(), base_model in of(model()), layout in layout(), parameters in values(),
        dtypes in prop::array::uniform2(of(prop::sample::select(
            vec![OutDtype::Float32, OutDtype::Float16, OutDtype::Bfloat16],
        ))),
        tokenizer in of(tokenizer()),
        chat_template in of("auto|\\{% for m in x %\\}\n\t[ a-z]{0,9}\n\\{% endfor %\\}\n{0,2}| {0,3}[a-z ]{90,120}x"),
        dialect in prop::sample::select(Dialect::ALL.to_vec()),
        seed in of(0..=Config::MAX_SEED),
    ) -> Config {
        Config {
            merge_method: Key { name: method, line: None },
            base_model, layout, parameters, dtype: dtypes[0], out_dtype: dtypes[1], tokenizer, chat_template,
            dialect: dialect.1, seed,
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn what_is_written_is_read(config in config()) {
        prop_assume!(config.validate().is_ok());
        let text = config.to_yaml();
        let read = Config::from_yaml(&text);
        prop_assert_eq!(read.as_ref(), Ok(&config), "{}", text);
        // Equality does not see the sign of zero, which printing does.
        prop_assert_eq!(format!("{:?}", read.unwrap().to_yaml()), format!("{text:?}"));
    }

    #[test]
    fn a_models_name_is_read_as_it_is_printed(name in model()) {
        let shown = name.to_string();
        if let Ok(read) = ModelName::parse(&shown) {
            prop_assert_eq!(read.to_string(), shown);
        }
    }

    #[test]
    fn hostile_yaml_is_safe(config in config(), at: prop::sample::Index, byte: u8) {
        let mut bytes = config.to_yaml().into_bytes();
        let at = at.index(bytes.len());
        bytes[at] = byte;
        if let Ok(text) = String::from_utf8(bytes) {
            match Config::from_yaml(&text) {
                Ok(read) => prop_assert_eq!(Config::from_yaml(&read.to_yaml()), Ok(read)),
                Err(error) => prop_assert!(!error.to_string().contains('\n')),
            }
        }
    }
}
