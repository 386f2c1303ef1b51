//! LoRA adapters on their bases: by hand, by identities, tile by tile.

mod common;

use std::sync::Arc;

use common::{assert_message, assert_same, file, model, tensor};
use maec_checkpoint::lora::{Adapter, AdapterConfig, LoraProblem, Patterns, adapter_files, write_adapter};
use maec_checkpoint::{
    DirFiles, Dtype, Error, FileSet, MemoryFiles, MemoryWeights, TensorInfo, Weights, convert,
};
use proptest::prelude::*;

type Tensors = Vec<(TensorInfo, Vec<u8>)>;

/// An adapter's two files.
fn files(config: &str, tensors: Tensors) -> MemoryFiles {
    let weights = file(&model("weights", tensors), &Default::default());
    MemoryFiles::new(
        "adapter",
        [
            ("adapter_config.json".into(), config.as_bytes().to_vec()),
            ("adapter_model.safetensors".into(), weights),
        ],
    )
}

fn adapter(config: &str, tensors: Tensors) -> Adapter {
    Adapter::open(&files(config, tensors)).unwrap()
}

/// `base_model.model.NAME` of F32 values.
fn part(name: &str, shape: &[usize], values: &[f64]) -> (TensorInfo, Vec<u8>) {
    tensor(&format!("base_model.model.{name}"), Dtype::F32, shape, values)
}

fn base(dtype: Dtype, tensors: &[(&str, &[usize], &[f64])]) -> Arc<dyn Weights> {
    let tensors = tensors.iter().map(|(name, shape, values)| tensor(name, dtype, shape, values));
    Arc::new(model("base", tensors.collect()))
}

fn values(weights: &dyn Weights, name: &str) -> Vec<f32> {
    weights.read_f32(name).unwrap()
}

const RANK_1: &str = r#"{"peft_type": "LORA", "r": 1, "lora_alpha": 2}"#;

#[test]
fn a_linear_layer_gains_scaled_b_times_a() {
    let adapter = adapter(
        RANK_1,
        vec![
            part("up.lora_A.weight", &[1, 3], &[1.0, 2.0, 3.0]),
            part("up.lora_B.weight", &[2, 1], &[10.0, -1.0]),
        ],
    );
    let base = base(
        Dtype::F32,
        &[("norm.weight", &[1], &[5.0]), ("up.weight", &[2, 3], &[1.0, 1.0, 1.0, 0.0, 0.0, 0.0])],
    );
    let adapted = adapter.onto(base).unwrap();
    assert_eq!(values(&adapted, "up.weight"), [21.0, 41.0, 61.0, -2.0, -4.0, -6.0]);
    assert_eq!(values(&adapted, "norm.weight"), [5.0]);
    assert_eq!(adapted.changed().collect::<Vec<_>>(), ["up.weight"]);
    assert_eq!(adapted.name(), "base+adapter");
}

#[test]
fn an_embedding_gains_the_transpose() {
    let adapter = adapter(
        RANK_1,
        vec![
            part("embed.lora_embedding_A", &[1, 3], &[1.0, 2.0, 3.0]),
            part("embed.lora_embedding_B", &[2, 1], &[10.0, -1.0]),
        ],
    );
    let adapted = adapter.onto(base(Dtype::F32, &[("embed.weight", &[3, 2], &[0.0; 6])])).unwrap();
    assert_eq!(values(&adapted, "embed.weight"), [20.0, -2.0, 40.0, -4.0, 60.0, -6.0]);
}

#[test]
fn a_square_layer_is_transposed_by_the_configuration_and_others_by_their_shape() {
    let linear = [("c.weight", &[2, 2][..], &[0.0; 4][..])];
    let factors = || {
        vec![part("c.lora_A.weight", &[1, 2], &[1.0, 2.0]), part("c.lora_B.weight", &[2, 1], &[10.0, -1.0])]
    };
    let straight = adapter(RANK_1, factors()).onto(base(Dtype::F32, &linear)).unwrap();
    assert_eq!(values(&straight, "c.weight"), [20.0, 40.0, -2.0, -4.0]);
    let config = r#"{"peft_type": "LORA", "r": 1, "lora_alpha": 2, "fan_in_fan_out": true}"#;
    let turned = adapter(config, factors()).onto(base(Dtype::F32, &linear)).unwrap();
    assert_eq!(values(&turned, "c.weight"), [20.0, -2.0, 40.0, -4.0]);
    for config in [RANK_1, config] {
        let adapter = adapter(
            config,
            vec![
                part("c.lora_A.weight", &[1, 3], &[1.0, 2.0, 3.0]),
                part("c.lora_B.weight", &[2, 1], &[10.0, -1.0]),
            ],
        );
        let conv1d = adapter.onto(base(Dtype::F32, &[("c.weight", &[3, 2], &[0.0; 6])])).unwrap();
        assert_eq!(values(&conv1d, "c.weight"), [20.0, -2.0, 40.0, -4.0, 60.0, -6.0]);
        let linear = adapter.onto(base(Dtype::F32, &[("c.weight", &[2, 3], &[0.0; 6])])).unwrap();
        assert_eq!(values(&linear, "c.weight"), [20.0, 40.0, 60.0, -2.0, -4.0, -6.0]);
    }
}

#[test]
fn saved_tensors_replace_and_factors_are_added_to_them() {
    let adapter = adapter(
        RANK_1,
        vec![
            part("head.weight", &[2], &[7.0, 8.0]),
            part("up.base_layer.bias", &[1], &[9.0]),
            part("up.base_layer.weight", &[1, 2], &[100.0, 200.0]),
            part("up.lora_A.weight", &[1, 2], &[1.0, 2.0]),
            part("up.lora_B.weight", &[1, 1], &[0.5]),
        ],
    );
    let under: Vec<bool> = adapter.saved().iter().map(|saved| saved.is_under_factors()).collect();
    assert_eq!(under, [false, false, true]);
    let base = base(
        Dtype::BF16,
        &[("head.weight", &[2], &[0.0, 0.0]), ("up.bias", &[1], &[0.0]), ("up.weight", &[1, 2], &[0.0, 0.0])],
    );
    let adapted = adapter.onto(base.clone()).unwrap();
    assert_eq!(adapted.tensors(), base.tensors());
    assert_eq!(values(&adapted, "head.weight"), [7.0, 8.0]);
    assert_eq!(values(&adapted, "up.bias"), [9.0]);
    assert_eq!(values(&adapted, "up.weight"), [101.0, 202.0]);
}

#[test]
fn a_narrow_base_rounds_once_and_f32_keeps_all() {
    // 1 + 2·2⁻⁸: half a unit of BF16 and so even, unless a little more than half.
    let adapter = adapter(
        RANK_1,
        vec![
            part("up.lora_A.weight", &[1, 2], &[1.0, 1.001]),
            part("up.lora_B.weight", &[1, 1], &[f64::powi(2.0, -9)]),
        ],
    );
    let base = base(Dtype::BF16, &[("norm.weight", &[1], &[5.0]), ("up.weight", &[1, 2], &[1.0, 1.0])]);
    let narrow = adapter.onto(base.clone()).unwrap();
    assert_eq!(values(&narrow, "up.weight"), [1.0, 1.0 + f32::powi(2.0, -7)]);
    let exact = adapter.onto_f32(base).unwrap();
    assert_eq!(exact.info("up.weight").unwrap().dtype, Dtype::F32);
    assert_eq!(exact.info("norm.weight").unwrap().dtype, Dtype::BF16);
    assert_eq!(values(&exact, "up.weight")[0], 1.0 + f32::powi(2.0, -8));
}

#[test]
fn patterns_give_ranks_and_alphas_and_the_first_counts() {
    let config = r#"{"peft_type": "LORA", "r": 4, "lora_alpha": 6, "use_rslora": true,
        "rank_pattern": {"^a.q": 9, "q": 1, "k": 2}, "alpha_pattern": {"b\\.(q|k)": 3.5}, "init_lora_weights": "gaussian"}"#;
    let config = AdapterConfig::parse(config.as_bytes()).unwrap();
    for (module, rank, alpha) in
        [("a.q", 9, 6.0), ("b.q", 1, 3.5), ("c.a.q", 1, 6.0), ("b.k", 2, 3.5), ("v", 4, 6.0)]
    {
        assert_eq!((config.rank(module), config.alpha(module)), (rank, alpha), "{module}");
        assert_eq!(config.scale(module), alpha / f64::from(rank as u32).sqrt());
    }
    let plain = AdapterConfig::parse(br#"{"peft_type": "LORA", "rank_pattern": null}"#).unwrap();
    assert_eq!((plain.rank("q"), plain.alpha("q"), plain.scale("q")), (8, 8.0, 1.0));
}

#[test]
fn names_differ_by_what_transformers_leaves_out() {
    let adapter = adapter(
        RANK_1,
        vec![
            part("transformer.h.0.c.lora_A.weight", &[1, 1], &[1.0]),
            part("transformer.h.0.c.lora_B.weight", &[1, 1], &[3.0]),
            part("layers.0.lora_A.weight", &[1, 1], &[1.0]),
            part("layers.0.lora_B.weight", &[1, 1], &[4.0]),
        ],
    );
    let base =
        base(Dtype::F32, &[("h.0.c.weight", &[1, 1], &[0.0]), ("model.layers.0.weight", &[1, 1], &[0.0])]);
    let adapted = adapter.onto(base).unwrap();
    assert_eq!(values(&adapted, "h.0.c.weight"), [6.0]);
    assert_eq!(values(&adapted, "model.layers.0.weight"), [8.0]);
}

#[test]
fn what_does_not_fit_the_base_is_named() {
    let config = r#"{"peft_type": "LORA", "r": 1, "base_model_name_or_path": "org/small"}"#;
    let factors =
        || vec![part("up.lora_A.weight", &[1, 2], &[1.0; 2]), part("up.lora_B.weight", &[3, 1], &[1.0; 3])];
    let refused = |tensors, base: &[(&str, &[usize], &[f64])]| {
        adapter(config, tensors).onto(self::base(Dtype::F32, base)).unwrap_err()
    };
    let error = refused(factors(), &[("down.weight", &[3, 2], &[0.0; 6])]);
    assert_message(&error, &["adapter", "up.lora_A.weight", "`up.weight`", "`base`", "org/small"]);
    let error = refused(factors(), &[("up.weight", &[3, 3], &[0.0; 9])]);
    assert_message(&error, &["adapter", "up.lora_A.weight", "[3, 2]", "`base`", "[3, 3]"]);
    let error = refused(vec![part("up.weight", &[2], &[0.0; 2])], &[("up.weight", &[3], &[0.0; 3])]);
    assert_message(&error, &["`base_model.model.up.weight`", "[2]", "[3]"]);
    let twice = vec![
        part("up.lora_embedding_A", &[1, 3], &[1.0; 3]),
        part("up.lora_embedding_B", &[2, 1], &[1.0; 2]),
        part("model.up.lora_A.weight", &[1, 2], &[1.0; 2]),
        part("model.up.lora_B.weight", &[3, 1], &[1.0; 3]),
    ];
    let error = refused(twice, &[("up.weight", &[3, 2], &[0.0; 6])]);
    assert_message(&error, &["another", "one tensor of the base"]);
    let embedding = vec![
        part("up.lora_embedding_A", &[1, 2], &[1.0; 2]),
        part("up.lora_embedding_B", &[3, 1], &[1.0; 3]),
    ];
    let error = refused(embedding, &[("up.weight", &[3, 2], &[0.0; 6])]);
    assert_message(&error, &["[2, 3]", "[3, 2]"]);

    let integers = vec![(common::info("up.weight", Dtype::I32, &[3, 2]), vec![0; 24])];
    let error = adapter(config, factors()).onto(Arc::new(model("base", integers))).unwrap_err();
    assert!(matches!(&error, Error::NotFloat { .. }), "{error}");
}

#[test]
fn a_written_adapter_is_read_again_and_only_ours_is_replaced() {
    let config = AdapterConfig {
        peft_type: "LORA".into(),
        r: Some(2),
        lora_alpha: Some(3.0),
        rank_pattern: Some(Patterns::new([("b".to_owned(), 1), ("a".to_owned(), 2)])),
        alpha_pattern: Some(Patterns::new([])),
        ..AdapterConfig::default()
    };
    let weights = model(
        "weights",
        vec![part("b.lora_A.weight", &[1, 2], &[1.0, 2.0]), part("b.lora_B.weight", &[2, 1], &[3.0, 4.0])],
    );
    let written = adapter_files(&config, &weights).unwrap();
    let read = Adapter::open(&MemoryFiles::new("written", written)).unwrap();
    assert_eq!(read.config(), &config);
    assert_same(read.weights(), &weights);

    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("adapter");
    for _ in 0..2 {
        write_adapter(&path, &config, &weights).unwrap();
    }
    let files = DirFiles::open(&path).unwrap();
    assert_eq!(files.files().len(), 2);
    assert_eq!(Adapter::open(&files).unwrap().modules(), read.modules());
    std::fs::write(path.join("notes.txt"), "mine").unwrap();
    let error = write_adapter(&path, &config, &weights).unwrap_err();
    assert!(matches!(&error, Error::WontReplace { .. }), "{error}");
}

#[test]
fn the_problem_is_typed() {
    let error = Adapter::open(&MemoryFiles::new("empty", [])).unwrap_err();
    let Error::NotAdapter { name, problem } = &error else { panic!("{error}") };
    assert_eq!((name.as_str(), problem.as_ref()), ("empty", &LoraProblem::NoConfig));
}

proptest! {
    /// However a tensor is cut into tiles, its bytes are those of s·B·A + W summed one by one.
    #[test]
    fn tiles_do_not_change_the_bytes(
        (rows, rank, columns) in (1usize..9, 1usize..11, 1usize..40),
        transposed: bool,
        cut in 0usize..400,
        seed in proptest::collection::vec(-2.0f64..2.0, 64),
        narrow: bool,
    ) {
        let fill = |n: usize, by: usize| -> Vec<f64> {
            (0..n).map(|i| f64::from(seed[(i * by) % seed.len()] as f32)).collect()
        };
        let (a, b) = (fill(rank * columns, 7), fill(rows * rank, 5));
        let shape = if transposed { [columns, rows] } else { [rows, columns] };
        let suffixes = if transposed { ["lora_embedding_A", "lora_embedding_B"] } else { ["lora_A.weight", "lora_B.weight"] };
        let adapter = adapter(
            &format!(r#"{{"peft_type": "LORA", "r": {rank}, "lora_alpha": 3}}"#),
            vec![
                part(&format!("m.{}", suffixes[0]), &[rank, columns], &a),
                part(&format!("m.{}", suffixes[1]), &[rows, rank], &b),
            ],
        );
        let dtype = if narrow { Dtype::F16 } else { Dtype::F32 };
        let base = base(dtype, &[("m.weight", &shape, &fill(rows * columns, 3))]);
        let adapted = adapter.onto(base.clone()).unwrap();
        let whole = adapted.read_bytes("m.weight").unwrap();
        let scale = (3.0 / rank as f64) as f32;
        let mut expected = base.read_f32("m.weight").unwrap();
        for (i, value) in expected.iter_mut().enumerate() {
            let (row, column) = if transposed { (i % rows, i / rows) } else { (i / columns, i % columns) };
            let mut sum = 0f32;
            for k in 0..rank {
                sum += b[row * rank + k] as f32 * a[k * columns + column] as f32;
            }
            *value += sum * scale;
        }
        let mut bytes = Vec::new();
        convert::encode_f32(dtype, &expected, &mut bytes).unwrap();
        prop_assert_eq!(&whole, &bytes);
        let (size, n) = (bytes.len() / expected.len(), expected.len());
        let cut = cut.min(n);
        let mut parts = vec![0; whole.len()];
        let (first, second) = parts.split_at_mut(cut * size);
        adapted.read_stored("m.weight", 0..cut, first).unwrap();
        adapted.read_stored("m.weight", cut..n, second).unwrap();
        prop_assert_eq!(whole, parts);
    }

    /// An adapter whose B is zero changes nothing, whatever its A.
    #[test]
    fn a_new_adapter_changes_nothing(values in proptest::collection::vec(-1e3f64..1e3, 12)) {
        let adapter = adapter(RANK_1, vec![
            part("m.lora_A.weight", &[1, 4], &values[..4]),
            part("m.lora_B.weight", &[3, 1], &[0.0; 3]),
        ]);
        let base: MemoryWeights = model("base", vec![tensor("m.weight", Dtype::BF16, &[3, 4], &values)]);
        assert_same(&adapter.onto(Arc::new(base.clone())).unwrap(), &base);
    }
}
