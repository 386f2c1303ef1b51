//! Lists of facts. One function makes each, so that many facts cost little code.

use leptos::prelude::*;

/// A term and what is said of it.
pub type Fact = (&'static str, String);

/// Facts under each other.
pub fn facts(list: Vec<Fact>) -> AnyView {
    let row = |(term, said): Fact| view! { <div><dt>{term}</dt><dd>{said}</dd></div> };
    view! { <dl class="own-facts">{list.into_iter().map(row).collect_view()}</dl> }.into_any()
}

/// Something that stands in the way, marked by a word as well as by colour.
pub fn obstacle(sentence: String) -> AnyView {
    view! { <p class="obstacle"><strong>"Not possible: "</strong>{sentence}</p> }.into_any()
}
