//! What a run learns from: texts that are tokenized as it begins, or windows of prepared corpora.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use maec_checkpoint::sha256_hex;
use maec_corpus::{Blocks, Corpus as Prepared, Mixture as Drawn, Part, Split, is_corpus};
use maec_lab::Windows;
use maec_model::{ModelConfig, WordTokenizer};
use maec_train::{Mixture, Sequences, Source};

use super::Origin;
use crate::args::DataArgs;
use crate::failure::usage;
use crate::input::{self, Corpus};

/// Tokens of a window where none are asked for and the model has as many positions.
const SEQ_LEN: usize = 1024;

/// What a run learns from.
pub struct Data {
    /// The tokenizer's files, by name.
    pub texts: BTreeMap<String, String>,
    corpora: Corpora,
    start: Option<u32>,
    end: Option<u32>,
}

enum Corpora {
    Texts { corpora: Vec<Corpus>, tokenizer: WordTokenizer },
    Windows { parts: Vec<Part>, held_out: Vec<Blocks>, seq_len: usize },
}

impl Data {
    /// Reads texts and their tokenizer, or opens prepared corpora.
    pub fn read(args: &DataArgs, origin: &Origin) -> Result<Self> {
        let prepared = args.corpora.iter().filter(|corpus| is_corpus(&corpus.path)).count();
        if prepared == args.corpora.len() {
            return Self::open(args, origin);
        }
        if prepared > 0 {
            return Err(usage(
                "--corpus names prepared folders and files of text; prepare all of them, or none",
            ));
        }
        if args.seq_len.is_some() {
            return Err(usage("--seq-len is for prepared corpora; texts are trained on one by one"));
        }
        let texts = origin.tokenizer_files(args.tokenizer.as_ref())?;
        let tokenizer = WordTokenizer::from_json(&texts["tokenizer.json"])?;
        let end = origin.config()?.eos_token_ids.first().copied().or_else(|| tokenizer.id_of("</s>"));
        let corpora = args.corpora.iter().map(input::corpus).collect::<Result<_>>()?;
        let start = tokenizer.id_of("<s>");
        Ok(Self { texts, start, end, corpora: Corpora::Texts { corpora, tokenizer } })
    }

    fn open(args: &DataArgs, origin: &Origin) -> Result<Self> {
        let positions = origin.config()?.max_position_embeddings;
        let seq_len = args.seq_len.unwrap_or(SEQ_LEN.min(positions));
        if seq_len == 0 || seq_len > positions {
            return Err(usage(format!(
                "--seq-len is {seq_len}: give from 1 to the model's {positions} positions"
            )));
        }
        let opened = args.corpora.iter().map(|corpus| Ok(Prepared::open(&corpus.path)?));
        let opened: Vec<Prepared> = opened.collect::<Result<_>>()?;
        let texts = match (&args.tokenizer, origin, opened.first()) {
            (None, Origin::Fresh { .. }, Some(corpus)) => own_tokenizer(corpus)?,
            _ => origin.tokenizer_files(args.tokenizer.as_ref())?,
        };
        let sha256 = sha256_hex(texts["tokenizer.json"].as_bytes());
        let (mut parts, mut held_out) = (Vec::new(), Vec::new());
        for (corpus, arg) in opened.iter().zip(&args.corpora) {
            if corpus.manifest().tokenizer.sha256 != sha256 {
                return Err(usage(format!(
                    "`{}` was prepared with another tokenizer than the model's; prepare it with `--tokenizer` of the model",
                    arg.path.display()
                )));
            }
            parts.push(Part { blocks: corpus.blocks(Split::Train)?, weight: arg.weight });
            let kept = corpus.blocks(Split::HeldOut)?;
            held_out.extend(Some(kept).filter(|blocks| blocks.tokens() > seq_len as u64));
        }
        let config = texts.get("tokenizer_config.json").map(String::as_str);
        let tokenizer = maec_tokenizer::open(&texts["tokenizer.json"], config)?;
        Ok(Self {
            start: tokenizer.id_of("<s>"),
            end: opened.first().and_then(|corpus| corpus.manifest().tokenizer.end),
            texts,
            corpora: Corpora::Windows { parts, held_out, seq_len },
        })
    }

    /// A configuration with the tokenizer's start and end tokens, where it has none.
    pub fn complete(&self, config: ModelConfig) -> ModelConfig {
        ModelConfig {
            bos_token_id: config.bos_token_id.or(self.start),
            eos_token_ids: match config.eos_token_ids.as_slice() {
                [] => self.end.into_iter().collect(),
                known => known.to_vec(),
            },
            ..config
        }
    }

    /// What tells each corpus from any other, a SHA-256 first, and its weight.
    pub fn identities(&self) -> Vec<(String, f64)> {
        match &self.corpora {
            Corpora::Texts { corpora, .. } => {
                corpora.iter().map(|corpus| (corpus.sha256.clone(), corpus.weight)).collect()
            }
            Corpora::Windows { parts, .. } => {
                parts.iter().map(|part| (part.blocks.identity().to_owned(), part.weight)).collect()
            }
        }
    }

    /// Tokens of a window; none where texts are trained on one by one.
    pub fn seq_len(&self) -> Option<usize> {
        match &self.corpora {
            Corpora::Texts { .. } => None,
            Corpora::Windows { seq_len, .. } => Some(*seq_len),
        }
    }

    /// The held-out sides of prepared corpora that fill a window.
    pub fn held_out(&self) -> &[Blocks] {
        match &self.corpora {
            Corpora::Texts { .. } => &[],
            Corpora::Windows { held_out, .. } => held_out,
        }
    }

    /// The sequences of the corpora, mixed by weight in the order of a seed, for a model. Texts are tokenized anew.
    pub fn sequences(&self, seed: u64, model: &ModelConfig) -> Result<Box<dyn Sequences>> {
        match &self.corpora {
            Corpora::Texts { corpora, tokenizer } => {
                let sources = corpora.iter().map(|corpus| Source {
                    name: corpus.name.clone(),
                    sequences: input::tokenize(tokenizer, self.end, &corpus.texts),
                    weight: corpus.weight,
                });
                let (vocab, positions) = (model.vocab_size, model.max_position_embeddings);
                Ok(Box::new(Mixture::new(sources.collect(), seed, vocab, positions)?))
            }
            Corpora::Windows { parts, seq_len, .. } => {
                let beyond = |part: &&Part| part.blocks.vocabulary() as usize > model.vocab_size;
                if let Some(part) = parts.iter().find(beyond) {
                    return Err(usage(format!(
                        "`{}` has a vocabulary of {}, the model's is {}; use the model's own tokenizer",
                        part.blocks.name(),
                        part.blocks.vocabulary(),
                        model.vocab_size
                    )));
                }
                Ok(Box::new(Windows(Drawn::new(parts.clone(), seed, *seq_len)?)))
            }
        }
    }
}

/// The tokenizer that a corpus was prepared with.
fn own_tokenizer(corpus: &Prepared) -> Result<BTreeMap<String, String>> {
    let names = ["tokenizer.json", "tokenizer_config.json"];
    let names = names.into_iter().filter(|name| corpus.manifest().files.contains_key(*name));
    let texts: BTreeMap<_, _> =
        names.map(|name| Ok((name.to_owned(), corpus.text(name)?))).collect::<Result<_>>()?;
    texts
        .contains_key("tokenizer.json")
        .then_some(texts)
        .context("the corpus has no tokenizer.json; give --tokenizer")
}
