//! Progress on standard error: bars on a terminal, nothing where it is no terminal, and notes in both.

use std::io::{self, Write};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

/// A bar over `total` units, with the time that is left. The message says the rest.
pub fn bar(label: &str, total: u64) -> ProgressBar {
    let bar = ProgressBar::new(total);
    let template = "{prefix} [{bar:30}] {human_pos}/{human_len} · {eta} left  {msg}";
    // The template is a constant, so the default never stands in for it.
    let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
    bar.set_style(style.progress_chars("━━╌"));
    bar.set_prefix(label.to_owned());
    bar
}

/// A bar over bytes, whose number becomes known later.
pub fn bytes(label: &str) -> ProgressBar {
    let bar = bar(label, 0);
    let template = "{prefix} [{bar:30}] {bytes}/{total_bytes} · {bytes_per_sec} · {eta} left  {msg}";
    let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
    bar.set_style(style.progress_chars("━━╌"));
    bar
}

/// The memory that this process holds now, for a bar's message; asked for at most five times a second. Empty where the system
/// does not tell.
pub fn memory() -> String {
    static SHOWN: Mutex<Option<(Instant, String)>> = Mutex::new(None);
    let mut shown = SHOWN.lock().unwrap_or_else(PoisonError::into_inner);
    match &*shown {
        Some((at, text)) if at.elapsed() < Duration::from_millis(200) => text.clone(),
        _ => {
            let held = memory_stats::memory_stats().map(|stats| stats.physical_mem as u64);
            let text = held.map_or(String::new(), |bytes| format!("{} held", crate::size::shown(bytes)));
            *shown = Some((Instant::now(), text.clone()));
            text
        }
    }
}

/// Something whose length is not known.
pub fn spinner(label: &str) -> ProgressBar {
    let spinner = ProgressBar::new_spinner();
    spinner.set_message(label.to_owned());
    spinner.enable_steady_tick(Duration::from_millis(120));
    spinner
}

/// A line for people on standard error.
pub fn note(text: &str) {
    // Where standard error is closed there is no one to tell.
    let _ = writeln!(io::stderr(), "{text}");
}
