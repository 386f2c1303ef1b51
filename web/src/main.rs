//! The studio's page. It holds no model and no tensors: an engine in a worker computes, the page asks and shows.

mod archive;
mod browser;
mod components;
mod engine;
mod files;
mod format;
mod html;
mod map;
mod math;
mod name;
mod order;
mod results;
mod scale;
mod storage;
mod studio;
mod tuning;

fn main() {
    console_error_panic_hook::set_once();
    browser::remove("boot");
    leptos::mount::mount_to_body(components::App);
}
