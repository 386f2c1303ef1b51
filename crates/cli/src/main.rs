//! `maec`, the companion: makes worlds, trains, finds key neurons, extracts deltas, merges, evaluates, generates and packs.
//!
//! Results go to standard output, progress and the one line of an error to standard error. The exit code is 2 for
//! usage (arguments, recipe), 130 when interrupted, else 1 for a failure.

mod args;
mod cache;
mod commands;
mod evaluation;
mod failure;
mod input;
mod interrupt;
mod merged;
mod models;
mod output;
mod pack;
mod progress;
mod quickstart;
mod remote;
mod run_folder;
mod size;
mod table;
mod training;

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    let cli = match args::Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return failure::of_arguments(&error),
    };
    interrupt::listen();
    match cli.command.run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => failure::report(&error),
    }
}
