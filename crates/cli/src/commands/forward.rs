//! `maec forward`: logits and hidden states of given tokens, for anyone to compare.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use burn::tensor::Tensor;
use maec_checkpoint::{
    ByteSink, Dtype, FileSink, FileSource, SafetensorsReader, TensorInfo, Weights, convert, write_safetensors,
};
use maec_model::{Batch, Decoder};

use crate::args::DeviceArg;
use crate::failure::usage;
use crate::models::Models;
use crate::output;

/// Arguments of `maec forward`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:
  maec forward --model smollm2 --input golden.safetensors --out out.safetensors

The input holds `input_ids` and perhaps `attention_mask`, whole numbers, [batch, sequence] each; a mask is 0 for padding on the left, the right
or both. The output holds, in float32: `logits` [batch, sequence, vocab], `hidden_states.0` (the embeddings) and `hidden_states.i` (after layer i;
the last one after the final norm) as transformers names them, and `layer_out.i` (what layer i passes on), [batch, sequence, d_model] each. Rows of
padding on the left are zero.")]
pub struct Args {
    /// Model: a folder, a pack's entry, org/name@revision or a URL.
    #[arg(long, value_name = "DIR")]
    model: String,
    /// Safetensors file with the tokens.
    #[arg(long, value_name = "FILE")]
    input: PathBuf,
    /// Safetensors file to write.
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    #[command(flatten)]
    device: DeviceArg,
}

/// Runs it.
pub fn run(args: &Args) -> Result<()> {
    output::spares(&args.out, [args.input.as_path()])?;
    let mut sink = FileSink::create(&args.out)?;
    let model = Models::in_folder(Path::new(".")).open(&args.model)?;
    let tokens = Tokens::read(&args.input, model.config()?.vocab_size)?;
    let decoder = model.load(&args.device.open()?)?;
    let longest = decoder.config().max_position_embeddings;
    if tokens.columns > longest {
        return Err(usage(format!(
            "`{}` has sequences of {} tokens, the model has {longest} positions; shorten them",
            args.input.display(),
            tokens.columns
        )));
    }
    let outputs = outputs(&decoder, &tokens)?;
    let infos: Vec<TensorInfo> = outputs
        .iter()
        .map(|(name, (width, _))| TensorInfo {
            name: name.clone(),
            dtype: Dtype::F32,
            shape: vec![tokens.rows, tokens.columns, *width],
        })
        .collect();
    write_safetensors(&mut sink, &infos, &BTreeMap::new(), &mut |info, write| {
        let mut bytes = Vec::new();
        convert::encode_f32(Dtype::F32, &outputs[&info.name].1, &mut bytes)?;
        write(&bytes)
    })?;
    Box::new(sink).finish()?;
    output::print(format!("{}: {} tensors", args.out.display(), outputs.len()))
}

/// `[rows, columns]` of ids and the visible range of every row.
struct Tokens {
    ids: Vec<u32>,
    visible: Vec<std::ops::Range<usize>>,
    rows: usize,
    columns: usize,
}

impl Tokens {
    fn read(path: &Path, vocab: usize) -> Result<Self> {
        let name = path.display();
        let file = SafetensorsReader::open(Arc::new(FileSource::open(path)?))?;
        let &[rows, columns] = file.info("input_ids")?.shape.as_slice() else {
            bail!(
                "`{name}`: input_ids has shape {:?}; give [batch, sequence]",
                file.info("input_ids")?.shape
            );
        };
        if rows == 0 || columns == 0 {
            bail!("`{name}`: input_ids is empty; give at least one token");
        }
        let mut ids = Vec::with_capacity(rows * columns);
        for id in integers(&file, "input_ids")? {
            let id = u32::try_from(id).ok().filter(|&id| (id as usize) < vocab);
            ids.push(id.with_context(|| {
                format!(
                    "`{name}`: an id is outside the model's vocabulary of {vocab}; use the model's tokenizer"
                )
            })?);
        }
        let mask = match file.info("attention_mask") {
            Ok(info) if info.shape == [rows, columns] => integers(&file, "attention_mask")?,
            Ok(info) => {
                bail!("`{name}`: attention_mask has shape {:?}, input_ids [{rows}, {columns}]", info.shape)
            }
            Err(_) => vec![1; rows * columns],
        };
        let visible = mask.chunks(columns).map(|row| {
            let first = row.iter().position(|&bit| bit != 0);
            let last = row.iter().rposition(|&bit| bit != 0);
            match (first, last) {
                (Some(first), Some(last)) if row[first..=last].iter().all(|&bit| bit != 0) => {
                    Ok(first..last + 1)
                }
                _ => bail!(
                    "`{name}`: a row of attention_mask is empty or has a gap; mask padding at the ends only"
                ),
            }
        });
        Ok(Self { ids, visible: visible.collect::<Result<_>>()?, rows, columns })
    }

    /// The rows without their padding on the left, at the positions where they stand.
    fn batch(&self) -> Batch {
        let mut batch = Batch::default();
        for (ids, visible) in self.ids.chunks(self.columns).zip(&self.visible) {
            let before = batch.positions.len();
            batch.push(&ids[visible.start..], visible.len());
            for position in &mut batch.positions[before..] {
                *position += visible.start as u32;
            }
        }
        batch
    }
}

fn integers(file: &SafetensorsReader, name: &str) -> Result<Vec<i64>> {
    let bytes = file.read_bytes(name)?;
    Ok(match file.info(name)?.dtype {
        Dtype::I64 => bytes.as_chunks().0.iter().map(|b| i64::from_le_bytes(*b)).collect(),
        Dtype::I32 => bytes.as_chunks().0.iter().map(|b| i32::from_le_bytes(*b).into()).collect(),
        Dtype::U32 => bytes.as_chunks().0.iter().map(|b| u32::from_le_bytes(*b).into()).collect(),
        Dtype::BOOL | Dtype::U8 => bytes.into_iter().map(i64::from).collect(),
        other => bail!("{name} has dtype {other}; give I64, I32, U32 or BOOL"),
    })
}

/// Every output with its width and values, `[rows, columns, width]`.
type Outputs = BTreeMap<String, (usize, Vec<f32>)>;

fn outputs(model: &Decoder, tokens: &Tokens) -> Result<Outputs> {
    let batch = tokens.batch();
    let layers = model.config().num_hidden_layers;
    let mut states = model.hidden_states(&batch);
    let last = states.pop().context("a decoder has a final norm")?;
    let mut named = vec![("logits".to_owned(), model.logits(last.clone()))];
    named.push((format!("hidden_states.{layers}"), last));
    for (index, state) in states.into_iter().enumerate() {
        if index < layers {
            named.push((format!("hidden_states.{index}"), state.clone()));
        }
        if index > 0 {
            named.push((format!("layer_out.{}", index - 1), state));
        }
    }
    let mut outputs = Outputs::new();
    for (name, tensor) in named {
        let width = tensor.dims()[1];
        outputs.insert(name, (width, spread(tokens, width, &values(tensor)?)));
    }
    Ok(outputs)
}

fn values(tensor: Tensor<2>) -> Result<Vec<f32>> {
    let data = pollster::block_on(tensor.into_data_async())?;
    data.try_to_vec().map_err(|error| anyhow::anyhow!("the device gave no float32 values: {error:?}"))
}

/// Puts the rows back where they stood, zeros where padding on the left was left out.
fn spread(tokens: &Tokens, width: usize, mut values: &[f32]) -> Vec<f32> {
    let mut all = vec![0.0; tokens.rows * tokens.columns * width];
    for (row, visible) in all.chunks_mut(tokens.columns * width).zip(&tokens.visible) {
        let (own, rest) = values.split_at((tokens.columns - visible.start) * width);
        row[visible.start * width..].copy_from_slice(own);
        values = rest;
    }
    all
}
