//! What changes on the page, erased to one type for each kind of value. A closure in a view is a type of its own,
//! and each such type brings a copy of the code that keeps the page up to date; these share one.

use std::sync::{Arc, Mutex};

use leptos::prelude::*;
use leptos::tachys::reactive_graph::SharedReactiveFunction;

/// A view, text or attribute value that is made anew when a signal it reads changes.
pub type Live<T> = SharedReactiveFunction<T>;

/// A changing text, view or attribute value.
pub fn live<T: 'static>(make: impl Fn() -> T + Send + 'static) -> Live<T> {
    Arc::new(Mutex::new(make))
}

/// A changing text.
pub fn text<T: Into<String> + 'static>(make: impl Fn() -> T + Send + 'static) -> Live<String> {
    live(move || make().into())
}

/// A view that is there while a condition holds.
pub fn when(
    condition: impl Fn() -> bool + Send + Sync + 'static,
    view: impl Fn() -> AnyView + Send + 'static,
) -> Live<Option<AnyView>> {
    // The memo keeps the view in place while the condition's signals change and the condition does not.
    let condition = Memo::new(move |_| condition());
    live(move || condition.get().then(&view))
}
