//! The merged model as the files of a Hugging Face folder.

use std::collections::BTreeMap;

use maec_checkpoint::{MemorySink, Weights, dtype, write_safetensors};
use maec_protocol::Reply;
use maec_recipe::Recipe;
use serde_json::{Value, json};

use crate::bench::Bench;
use crate::job::Job;
use crate::merging::Made;
use crate::{Failure, Host, card};

impl Bench {
    /// The merged model's files; the last merge is used where its recipe is this one.
    pub async fn export<H: Host>(
        &self,
        job: &Job<'_, H>,
        recipe: &Recipe,
    ) -> Result<(Reply, Vec<Vec<u8>>), Failure> {
        job.checkpoint().await?;
        let fresh;
        let made = match self.merged.as_ref().filter(|merge| merge.made.recipe == *recipe) {
            Some(merge) => &merge.made,
            None => {
                fresh = self.make(job, recipe, "")?;
                &fresh
            }
        };
        job.checkpoint().await?;
        let files = self.model_files(made)?;
        let (names, bytes) = files.into_iter().map(|(name, bytes)| (name.to_owned(), bytes)).unzip();
        Ok((Reply::Exported { names, hash: made.report.output_hash.clone() }, bytes))
    }

    fn model_files(&self, made: &Made) -> Result<Vec<(&'static str, Vec<u8>)>, Failure> {
        let sink = MemorySink::new();
        let weights = &made.weights;
        write_safetensors(&mut sink.clone(), weights.tensors(), &BTreeMap::new(), &mut |info, write| {
            write(&weights.read_bytes(&info.name)?)
        })?;
        let about = self.pack.manifest();
        Ok(vec![
            ("model.safetensors", sink.take()),
            ("config.json", self.config_json(weights)?),
            ("tokenizer.json", self.pack.file(&about.tokenizer)?.to_vec()),
            ("tokenizer_config.json", self.tokenizer_config()),
            ("generation_config.json", self.generation_config()),
            ("recipe.json", made.recipe.to_json().into_bytes()),
            ("README.md", card::model_card(&self.pack, made).into_bytes()),
        ])
    }

    /// The pack's `config.json` with the merged tensors' dtype.
    fn config_json(&self, weights: &dyn Weights) -> Result<Vec<u8>, Failure> {
        let stored =
            weights.tensors().first().and_then(|info| dtype::torch_name(info.dtype)).unwrap_or("float32");
        let text = self.pack.text(&self.pack.manifest().config)?;
        let mut config: Value = serde_json::from_str(text).map_err(maec_model::ConfigError::from)?;
        if config.get("dtype").is_some() {
            config["dtype"] = stored.into();
        }
        config["torch_dtype"] = stored.into();
        Ok(pretty(&config))
    }

    /// The pack's `tokenizer_config.json` if it has one, else one that names the special tokens there are.
    fn tokenizer_config(&self) -> Vec<u8> {
        let beside = self.pack.manifest().tokenizer.replace("tokenizer.json", "tokenizer_config.json");
        if beside != self.pack.manifest().tokenizer
            && let Ok(bytes) = self.pack.file(&beside)
        {
            return bytes.to_vec();
        }
        let mut config = json!({
            "clean_up_tokenization_spaces": false,
            "model_max_length": self.config.max_position_embeddings,
            "tokenizer_class": "PreTrainedTokenizerFast",
        });
        for (key, token) in
            [("pad_token", "<pad>"), ("unk_token", "<unk>"), ("bos_token", "<s>"), ("eos_token", "</s>")]
        {
            if self.tokenizer.id_of(token).is_some() {
                config[key] = token.into();
            }
        }
        pretty(&config)
    }

    fn generation_config(&self) -> Vec<u8> {
        let mut config = json!({"do_sample": false});
        let ids = [
            ("bos_token_id", self.config.bos_token_id),
            ("eos_token_id", self.config.eos_token_ids.first().copied()),
            ("pad_token_id", self.config.pad_token_id.or_else(|| self.tokenizer.id_of("<pad>"))),
        ];
        for (key, id) in ids {
            if let Some(id) = id {
                config[key] = id.into();
            }
        }
        pretty(&config)
    }
}

fn pretty(value: &Value) -> Vec<u8> {
    format!("{value:#}\n").into_bytes()
}
