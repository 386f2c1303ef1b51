//! `maec adapters`: LoRA adapters merged with each other, without their base.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use clap::ValueEnum;
use maec_checkpoint::lora::Adapter;
use maec_merge::lora::{Combine, CombineReport, combine};

use crate::failure::usage;
use crate::models::Models;
use crate::{output, table};

/// Arguments of `maec adapters`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  maec adapters math code --out both                              # exact; the ranks add up
  maec adapters math code --weights 0.7,0.5 --how svd --rank 16 --out both --json

To put an adapter onto its base, name it `base+adapter` in a mergekit file.")]
pub struct Args {
    /// Adapters: folders, or names on the hub.
    #[arg(value_name = "ADAPTER", required = true)]
    adapters: Vec<String>,
    /// Each adapter's share of ΔW; 1 by default.
    #[arg(long, value_name = "W,W,…", value_delimiter = ',')]
    weights: Vec<f64>,
    /// How they become one.
    #[arg(long, value_enum, default_value = "cat")]
    how: How,
    /// Rank of `svd`.
    #[arg(long, value_name = "R")]
    rank: Option<usize>,
    /// Folder to write, as PEFT reads it.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Print the account in JSON instead of a table.
    #[arg(long)]
    json: bool,
}

/// How adapters become one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum How {
    /// Factors beside each other: exact, and the ranks add up.
    Cat,
    /// The best approximation of one rank.
    Svd,
    /// PEFT's `linear`, which has cross-terms: every A meets every B.
    Linear,
}

/// Runs it.
pub fn run(args: &Args) -> Result<()> {
    let how = match (args.how, args.rank) {
        (How::Svd, Some(rank)) => Combine::Svd { rank },
        (How::Svd, None) => {
            return Err(usage("svd needs --rank; a smaller one makes a smaller adapter and a larger error"));
        }
        (_, Some(_)) => return Err(usage("--rank belongs to --how svd; leave it out")),
        (How::Cat, None) => Combine::Cat,
        (How::Linear, None) => Combine::Linear,
    };
    let (given, needed) = (args.weights.len(), args.adapters.len());
    if given != 0 && given != needed {
        return Err(usage(format!("there are {needed} adapters and {given} weights; give one for each")));
    }
    let mut models = Models::in_folder(Path::new("."));
    let mut adapters = Vec::with_capacity(needed);
    for name in &args.adapters {
        adapters.push(models.adapter(name).with_context(|| name.clone())?);
    }
    output::spares(&args.out, models.opened())?;
    let weights = args.weights.iter().copied().chain(std::iter::repeat(1.0));
    let parts: Vec<(&Adapter, f64)> = adapters.iter().zip(weights).collect();
    let combined = combine(&parts, how)?;
    combined.write(&args.out)?;
    if args.json {
        output::print_json(combined.report())
    } else {
        output::print(said(combined.report(), &args.out))
    }
}

fn said(report: &CombineReport, out: &Path) -> String {
    let mut table = table::new(&["module", "rank", "‖ΔW‖", "relative error"], 1);
    for module in &report.modules {
        table.add_row([
            module.name.clone(),
            module.rank.to_string(),
            format!("{:.4}", module.norm),
            format!("{:.2e}", module.relative_error),
        ]);
    }
    format!("{table}\n{}: relative error {:.2e} over all modules", out.display(), report.relative_error)
}
