//! `maec generate`: text that a model goes on with, token by token.

use std::io::{self, Read, Write};
use std::path::Path;
use std::time::Instant;

use anyhow::{Context, Result};
use maec_model::{Generator, Stop};
use maec_tokenizer::{ChatTemplate, Date, Message, TextStream};

use crate::args::DeviceArg;
use crate::failure::usage;
use crate::models::{Model, Models};
use crate::{interrupt, progress};

/// Arguments of `maec generate`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  maec generate --model smollm2 --prompt \"The sky is\"
  maec generate --model org/name@main --chat --prompt \"What is 12 + 30?\" --max-new-tokens 200
  echo \"The sky is\" | maec generate --model smollm2

Greedy: the likeliest token each time. Ctrl-C stops; the speed is said on standard error.")]
pub struct Args {
    /// Model: a folder, a pack's entry, org/name@revision or a URL.
    #[arg(long, value_name = "DIR")]
    model: String,
    /// The text to go on from; standard input by default.
    #[arg(long, value_name = "TEXT")]
    prompt: Option<String>,
    /// Put the prompt into the model's chat template, as one message of the user.
    #[arg(long)]
    chat: bool,
    /// Day that chat templates show.
    #[arg(long, value_name = "YYYY-MM-DD", requires = "chat")]
    today: Option<String>,
    /// Stop after so many new tokens.
    #[arg(long, value_name = "N", default_value_t = 128)]
    max_new_tokens: usize,
    #[command(flatten)]
    device: DeviceArg,
}

/// Runs it.
pub fn run(args: &Args) -> Result<()> {
    let model = Models::in_folder(Path::new(".")).open(&args.model)?;
    let tokenizer = model.full_tokenizer()?;
    let prompt = match &args.prompt {
        Some(prompt) => prompt.clone(),
        None => typed()?,
    };
    // A rendered chat has its special tokens written out.
    let (prompt, special) = if args.chat { (chat(args, &model, prompt)?, false) } else { (prompt, true) };
    let ids = tokenizer.encode(&prompt, special)?;
    let config = model.config()?;
    if ids.is_empty() {
        return Err(usage("the prompt has no token; give --prompt some text"));
    }
    if ids.len() > config.max_position_embeddings {
        return Err(usage(format!(
            "the prompt has {} tokens, the model {} positions; shorten it",
            ids.len(),
            config.max_position_embeddings
        )));
    }
    if let Some(id) = ids.iter().find(|&&id| id as usize >= config.vocab_size) {
        return Err(usage(format!(
            "the tokenizer gives token {id}, the model's vocabulary has {}; use the model's own tokenizer.json",
            config.vocab_size
        )));
    }
    let stop = Stop { tokens: model.stop_tokens(tokenizer.as_ref())?, max_new_tokens: args.max_new_tokens };
    let decoder = model.load_to_run(&args.device.open()?)?;

    let begun = Instant::now();
    let mut generator = Generator::new(&decoder, std::slice::from_ref(&ids), stop);
    let mut stream = TextStream::new(tokenizer.as_ref());
    let mut out = io::stdout().lock();
    let mut write = |text: &str| {
        out.write_all(text.as_bytes()).and_then(|()| out.flush()).context("cannot write to standard output")
    };
    let (mut first, mut count) = (None, 0_usize);
    while let Some(tokens) = pollster::block_on(generator.step()).map_err(anyhow::Error::msg)? {
        first.get_or_insert_with(Instant::now);
        if interrupt::requested() {
            break;
        }
        if let [Some(token)] = tokens.as_slice() {
            count += 1;
            write(&stream.push(*token)?)?;
        }
    }
    write(&stream.finish()?)?;
    write("\n")?;
    let first = first.unwrap_or(begun);
    let (prefill, decode) = ((first - begun).as_secs_f64(), first.elapsed().as_secs_f64());
    // The first token comes out of the prompt's own pass.
    let rate = |tokens: usize, seconds: f64| tokens as f64 / seconds.max(1e-9);
    progress::note(&format!(
        "{} prompt tokens at {:.0} tokens/s, {count} new tokens at {:.1} tokens/s",
        ids.len(),
        rate(ids.len(), prefill),
        rate(count.saturating_sub(1), decode)
    ));
    if interrupt::requested() {
        return Err(maec_eval::EvalError::Cancelled).context("generation");
    }
    Ok(())
}

/// Standard input without its last line break.
fn typed() -> Result<String> {
    let mut text = String::new();
    io::stdin().read_to_string(&mut text).context("cannot read the prompt from standard input")?;
    Ok(text.strip_suffix('\n').unwrap_or(&text).to_owned())
}

fn chat(args: &Args, model: &Model, prompt: String) -> Result<String> {
    let today: Date = match &args.today {
        Some(day) => day.parse().with_context(|| format!("--today {day}"))?,
        None => {
            let now = time::OffsetDateTime::now_utc();
            let (year, month, day) = now.to_calendar_date();
            format!("{year:04}-{:02}-{day:02}", u8::from(month)).parse().context("the system's clock")?
        }
    };
    let text = |name: &str| model.texts.get(name).map(String::as_str);
    let template =
        ChatTemplate::from_config(text("tokenizer_config.json"), text("chat_template.jinja"), today)?;
    Ok(template.render(&[Message { role: "user".into(), content: prompt }], true)?)
}
