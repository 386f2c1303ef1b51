//! The examples with the paper's settings, planned against headers of the models' real shapes.

use std::fs::{self, File};
use std::io::Write;
use std::path::Path;

use maec_checkpoint::{Dtype, TensorInfo, safetensors_header};
use maec_model::ModelConfig;

use crate::common::{json, ok};

fn here(path: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// A model folder whose weights are a header and a hole.
fn model(folder: &Path, config: &str) {
    let text = fs::read_to_string(here("tests/experiments").join(config)).unwrap();
    let shape = ModelConfig::from_json(&text).unwrap();
    let dtype = if text.contains("float32") { Dtype::F32 } else { Dtype::BF16 };
    let mut infos: Vec<TensorInfo> =
        shape.tensors().into_iter().map(|(name, shape)| TensorInfo { name, dtype, shape }).collect();
    infos.sort_by(|a, b| a.name.cmp(&b.name));
    let header = safetensors_header(&infos, &Default::default()).unwrap();
    fs::create_dir_all(folder).unwrap();
    let mut file = File::create(folder.join("model.safetensors")).unwrap();
    file.write_all(&header).unwrap();
    let bytes: usize = infos.iter().map(TensorInfo::bytes).sum();
    file.set_len((header.len() + bytes) as u64).unwrap();
    fs::write(folder.join("config.json"), text).unwrap();
    fs::copy(
        here("../../tests/goldens/tokenizers/bpe_smollm2/tokenizer.json"),
        folder.join("tokenizer.json"),
    )
    .unwrap();
}

#[test]
fn the_examples_are_planned_against_headers() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let examples = [
        ("qwen2.5-0.5b", "Qwen/Qwen2.5-0.5B@main", "qwen2.5", &["science"][..], 494_032_768_u64, 290, 2),
        ("gemma-2-2b", "google/gemma-2-2b@main", "gemma-2", &["science"], 2_614_341_888, 288, 2),
        (
            "llama-3-8b",
            "meta-llama/Meta-Llama-3-8B@main",
            "llama-3",
            &["mathematics", "science"],
            8_030_261_248,
            291,
            3,
        ),
    ];
    for (name, base, room, abilities, parameters, tensors, languages) in examples {
        model(&folder.join(base), &format!("{name}.json"));
        let corpora = folder.join("corpora").join(room);
        fs::create_dir_all(&corpora).unwrap();
        for corpus in ["en", "es", "bn", "te", "arxiv", "openwebmath"] {
            // Corpora of one content would be one, and be trained on once.
            let lines =
                (0..900).map(|line| format!("Line {line} of {corpus}, a window of it, and another.\n"));
            fs::write(folder.join("text.txt"), lines.collect::<String>()).unwrap();
            let line =
                "corpus prepare --unit lines --held-out 0.3 --end-token <|endoftext|> --source text.txt";
            ok(folder, &format!("{line} --tokenizer {base} --out corpora/{room}/{corpus}"));
        }
        benchmarks(folder);
        let file = format!("{name}.yaml");
        fs::copy(here("../../examples").join(&file), folder.join(&file)).unwrap();
        for ability in abilities {
            let planned = json(folder, &format!("extract {file} --ability {ability} --plan --cache none"));
            let plan = &planned["plan"];
            assert_eq!(
                (&plan["parameters"], &plan["tensors"]),
                (&parameters.into(), &tensors.into()),
                "{name}"
            );
            let runs = plan["runs"].as_array().unwrap();
            assert_eq!(runs.len(), 2 * (2 + languages), "{name}");
            for run in runs {
                // 2 B tokens in steps of 1 M, which whole windows of 2,048 fill to 489 · 2,048.
                assert_eq!(
                    (&run["steps"], &run["tokens"]),
                    (&2000.into(), &(2000_u64 * 489 * 2048).into()),
                    "{name}"
                );
                assert_eq!(run["learning_rate"], 5e-5);
            }
            let share = |run: &serde_json::Value| run["trained"].as_u64().unwrap() as f64 / parameters as f64;
            let masked = runs.iter().find(|run| run["name"] == "en").unwrap();
            assert!((share(masked) - 0.05).abs() < 1e-8);
            let both = runs.iter().find(|run| run["name"] == format!("{ability} + en")).unwrap();
            assert!((share(both) - 0.1).abs() < 1e-8);
            let full = &runs[0];
            let ratio =
                masked["state_bytes"].as_u64().unwrap() as f64 / full["state_bytes"].as_u64().unwrap() as f64;
            assert!(ratio <= 0.08, "{name}: {ratio}");
        }
        // The tables': MAEC's runs, every baseline that needs no translation, controls and variants, with equal budgets.
        let planned =
            json(folder, &format!("reproduce {file} --plan --seeds 1 --tokens-per-second 1e4 --cache none"));
        let runs = planned["seeds"][0]["plan"]["runs"].as_array().unwrap();
        let of = |name: &str| runs.iter().find(|run| run["name"] == name).unwrap_or_else(|| panic!("{name}"));
        for ability in abilities {
            let budget = 2000 * (2 + languages as u64);
            assert_eq!(of(&format!("F-CPT_{{L&A}} {ability}"))["steps"], budget);
            assert_eq!(of(&format!("F-CPT_L & DA {ability}"))["steps"], 2000);
            assert!(!runs.iter().any(|run| run["name"] == format!("F-CPT_T {ability}")));
        }
        assert_eq!(of("L-CPT_L")["learning_rate"], 5e-5);
        assert!(planned["seconds"].as_f64().unwrap() > 1e6);
    }
}

/// A question in every language, as the examples name their files.
fn benchmarks(folder: &Path) {
    fs::create_dir_all(folder.join("benchmarks/mgsm")).unwrap();
    for code in ["en", "es", "bn", "te"] {
        let row = format!(
            "{{\"language\": \"{code}\", \"question\": \"Which?\", \"choices\": [\"this\", \"that\"], \"answer\": 0}}\n"
        );
        fs::write(folder.join(format!("benchmarks/science_{code}.jsonl")), &row).unwrap();
        let other = row.replace("Which?", "Which other?");
        fs::write(folder.join(format!("benchmarks/science_validation_{code}.jsonl")), other).unwrap();
        let row = format!("{{\"language\": \"{code}\", \"prompt\": \"How few?\", \"answer\": \"5\"}}\n");
        fs::write(folder.join(format!("benchmarks/mathematics_validation_{code}.jsonl")), row).unwrap();
        fs::write(folder.join(format!("benchmarks/mgsm/mgsm_{code}.tsv")), "How many?\t5\n").unwrap();
    }
    let exemplar =
        serde_json::json!({"q": "Question: How many?", "a": "Step-by-Step Answer: The answer is 5."});
    let eight: serde_json::Map<_, _> = (1..=8).map(|number| (number.to_string(), exemplar.clone())).collect();
    let all: serde_json::Map<_, _> =
        ["en", "es", "bn", "te"].map(|code| (code.to_owned(), eight.clone().into())).into_iter().collect();
    let exemplars = serde_json::json!({"exemplars": all}).to_string();
    fs::write(folder.join("benchmarks/mgsm/exemplars.json"), exemplars).unwrap();
}
