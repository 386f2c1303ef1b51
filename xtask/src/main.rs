//! `cargo xtask`: the one door for set-up, build, run, test and bench.
#![allow(clippy::print_stderr, reason = "errors go to stderr, one line each")]

use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};
use xtask::training::Gpu;
use xtask::{bench, check, kernels, merging, parity, peers, serve, setup, tiles, training, web};

/// Set up, build, run, test and measure MAEC Studio.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Install the pinned wasm tools, and Chromium for the tests; what is already there is reused.
    Setup,
    /// Build the page, its two engines, the tokenizers and the demo pack into `dist/`.
    BuildWeb {
        /// Also the GPU engine with a wrong kernel that a browser test needs.
        #[arg(long)]
        wrong_engine: bool,
    },
    /// Build the studio and serve it on this machine.
    Studio {
        /// Port on 127.0.0.1; 0 takes a free one.
        #[arg(long, default_value_t = 8080)]
        port: u16,
    },
    /// Every check that CI does, cheapest first; the last line is `N passed, N failed`.
    Test {
        /// Only the native wgpu path, on a GPU or on Mesa's software Vulkan.
        #[arg(long, conflicts_with = "no_browser")]
        gpu: bool,
        /// Leave out what runs in Chromium (counted as skipped).
        #[arg(long)]
        no_browser: bool,
    },
    /// Make the goldens of a peer program again and print what differs from the committed ones.
    Parity {
        #[command(subcommand)]
        peer: Parity,
    },
    /// Measure and print.
    Bench {
        #[command(subcommand)]
        what: Bench,
    },
}

#[derive(Debug, Subcommand)]
enum Parity {
    /// Merges by mergekit and adapters by PEFT (installs both in the user's cache).
    Mergekit {
        /// Take over what differs.
        #[arg(long)]
        write: bool,
    },
}

#[derive(Debug, Subcommand)]
enum Bench {
    /// Brotli sizes of the wasm in `dist/`, beside their budgets.
    Size,
    /// Seconds until the page can be used, and of a first merge and evaluation, in headless Chromium.
    Studio,
    /// A pack of SmolLM2-135M's shape, fetched, merged and asked in headless Chromium.
    Own,
    /// Seconds of merging 4 × 362 million parameters, beside mergekit (installs it in the user's cache) and a bare copy.
    Merge {
        /// Leave mergekit out.
        #[arg(long)]
        alone: bool,
    },
    /// Bytes a second of the merge's GPU kernels, beside a copy on the same device.
    Kernels {
        /// On an NVIDIA GPU through CUDA (needs its toolkit), where wgpu is the default.
        #[arg(long)]
        cuda: bool,
    },
    /// GB/s of tiles in memory: one native core beside Chromium's worker and WebGPU there.
    Tiles,
    /// Seconds of merging 2 GB of files in a tab, beside reading and writing as many bytes there.
    Tab,
    /// Training tokens a second beside PyTorch on the same cores (installs it in the user's cache), or on a GPU.
    Train {
        /// On a GPU, with the memory it gives: `cuda` beside PyTorch on the same card, `wgpu` alone.
        #[arg(long)]
        device: Option<Gpu>,
        /// One tiny batch, to see that the device trains.
        #[arg(long, requires = "device")]
        quick: bool,
    },
    /// Tokens a second of a 135-million-parameter model beside transformers on the same cores (installs it likewise).
    Inference,
    /// Tokens a second in headless Chromium beside transformers.js, both on one thread of the CPU (installs it likewise).
    Web {
        /// Shape of the random model, as `maec bench model` knows it.
        #[arg(long, default_value = "tiny")]
        shape: String,
    },
}

fn main() -> ExitCode {
    match run(Arguments::parse().command) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Runs one command; `false` when it ran to its end and found something wrong.
fn run(command: Command) -> Result<bool> {
    match command {
        Command::Setup => setup::everything().map(|()| true),
        Command::BuildWeb { wrong_engine } => {
            let tools = setup::wasm_tools()?;
            web::build(&tools)?;
            if wrong_engine {
                web::build_wrong_engine(&tools)?;
            }
            Ok(true)
        }
        Command::Studio { port } => {
            web::build(&setup::wasm_tools()?)?;
            serve::studio(port).map(|()| true)
        }
        Command::Test { gpu: true, .. } => check::gpu(),
        Command::Test { no_browser, .. } => check::all(!no_browser),
        Command::Parity { peer: Parity::Mergekit { write } } => parity::mergekit(write),
        Command::Bench { what: Bench::Size } => bench::size(),
        Command::Bench { what: Bench::Studio } => bench::studio().map(|()| true),
        Command::Bench { what: Bench::Own } => bench::own().map(|()| true),
        Command::Bench { what: Bench::Merge { alone } } => merging::bench(!alone).map(|()| true),
        Command::Bench { what: Bench::Kernels { cuda } } => kernels::bench(cuda).map(|()| true),
        Command::Bench { what: Bench::Tiles } => tiles::tiles().map(|()| true),
        Command::Bench { what: Bench::Tab } => tiles::files().map(|()| true),
        Command::Bench { what: Bench::Inference } => peers::inference().map(|()| true),
        Command::Bench { what: Bench::Web { shape } } => peers::web(&shape).map(|()| true),
        Command::Bench { what: Bench::Train { device: None, .. } } => peers::train().map(|()| true),
        Command::Bench { what: Bench::Train { device: Some(gpu), quick } } => {
            training::on_gpu(gpu, quick).map(|()| true)
        }
    }
}
