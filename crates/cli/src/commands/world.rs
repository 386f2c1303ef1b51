//! `maec world`: the workshop world as files.

use std::path::PathBuf;

use anyhow::Result;
use clap::ValueEnum;
use maec_world::{Abilities, Numbers, World, WorldConfig};

use crate::failure::usage;
use crate::{output, progress, table};

/// Arguments of `maec world`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  maec world --out world --seed 1\n  maec world --out world --abilities both --translated"
)]
pub struct Args {
    /// New folder for the world.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Seed of everything.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Documents of the base mix.
    #[arg(long, value_name = "N", default_value_t = WorldConfig::default().base_documents)]
    base_documents: u32,
    /// Documents of each language's general corpus.
    #[arg(long, value_name = "N", default_value_t = WorldConfig::default().general_documents)]
    general_documents: u32,
    /// Documents of each ability's corpus.
    #[arg(long, value_name = "N", default_value_t = WorldConfig::default().ability_documents)]
    ability_documents: u32,
    /// Documents of each language's held-out text.
    #[arg(long, value_name = "N", default_value_t = WorldConfig::default().heldout_documents)]
    heldout_documents: u32,
    /// Validation problems of each ability in each language.
    #[arg(long, value_name = "N", default_value_t = WorldConfig::default().validation_problems)]
    validation_problems: u32,
    /// Test problems of each ability in each language.
    #[arg(long, value_name = "N", default_value_t = WorldConfig::default().test_problems)]
    test_problems: u32,
    /// Shares of en, es, zh, bn and te in the base mix, per mille.
    #[arg(long, value_name = "N,N,N,N,N", value_delimiter = ',')]
    base_language_weights: Option<Vec<u32>>,
    /// Share of each ability's documents in every language of the base mix, per mille.
    #[arg(long, value_name = "N", default_value_t = WorldConfig::default().base_ability_per_mille)]
    base_ability_per_mille: u32,
    /// How numbers become tokens.
    #[arg(long, value_enum, default_value = "whole")]
    numbers: NumbersArg,
    /// What is taught; the science is written to DIR/science.
    #[arg(long, value_enum, default_value = "arithmetic")]
    abilities: AbilitiesArg,
    /// Write the ability corpora in every other language too, to `translated`.
    #[arg(long)]
    translated: bool,
    /// Print world.json instead of a table.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum NumbersArg {
    /// One token a digit.
    Digits,
    /// One token a number.
    Whole,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum AbilitiesArg {
    /// Story problems of addition and subtraction.
    Arithmetic,
    /// An invented science, asked for by four-choice questions.
    Science,
    /// Both.
    Both,
}

/// Runs it.
pub fn run(args: &Args) -> Result<()> {
    let default = WorldConfig::default();
    let weights = match &args.base_language_weights {
        None => default.base_language_weights,
        Some(given) => given.as_slice().try_into().map_err(|_| {
            usage(format!(
                "--base-language-weights has {} numbers; give five, which sum to 1000",
                given.len()
            ))
        })?,
    };
    let world = World::new(WorldConfig {
        seed: args.seed,
        base_documents: args.base_documents,
        general_documents: args.general_documents,
        ability_documents: args.ability_documents,
        heldout_documents: args.heldout_documents,
        validation_problems: args.validation_problems,
        test_problems: args.test_problems,
        base_language_weights: weights,
        base_ability_per_mille: args.base_ability_per_mille,
        numbers: match args.numbers {
            NumbersArg::Digits => Numbers::Digits,
            NumbersArg::Whole => Numbers::Whole,
        },
        abilities: match args.abilities {
            AbilitiesArg::Arithmetic => Abilities::Arithmetic,
            AbilitiesArg::Science => Abilities::Science,
            AbilitiesArg::Both => Abilities::Both,
        },
        translated: args.translated,
    })?;
    let spinner = progress::spinner("writing the world");
    let manifest = maec_world::write(&world, &args.out);
    spinner.finish_and_clear();
    let manifest = manifest?;
    if args.json {
        return output::print_json(&manifest);
    }
    let mut table = table::new(&["file", "records", "bytes", "SHA-256"], 1);
    for file in &manifest.files {
        table.add_row([
            &file.path,
            &table::count(file.records),
            &table::count(file.bytes),
            &table::short(&file.sha256).to_owned(),
        ]);
    }
    output::print(format!(
        "{table}\n{} words in the vocabulary; the whole is in {}",
        manifest.vocabulary,
        args.out.display()
    ))
}
