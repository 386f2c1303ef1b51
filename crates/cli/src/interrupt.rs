//! Ctrl-C, and being asked to end: long work looks at [`requested`] between steps and leaves things whole.

use std::sync::atomic::{AtomicBool, Ordering};

static REQUESTED: AtomicBool = AtomicBool::new(false);

/// Begins to listen. The first Ctrl-C is remembered, a second one ends the program at once.
pub fn listen() {
    // Without a handler Ctrl-C ends the program, which is what is left to do where none can be set.
    let _ = ctrlc::set_handler(|| {
        if REQUESTED.swap(true, Ordering::SeqCst) {
            std::process::exit(130);
        }
    });
}

/// Whether to stop.
pub fn requested() -> bool {
    REQUESTED.load(Ordering::SeqCst)
}

/// `Break` once [`requested`], for progress functions.
pub fn flow() -> std::ops::ControlFlow<()> {
    if requested() { std::ops::ControlFlow::Break(()) } else { std::ops::ControlFlow::Continue(()) }
}
