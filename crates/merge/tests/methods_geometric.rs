//! Methods that look at models as vectors, and those that take elements of one: mergekit's own values, slow references and
//! identities.
#![cfg(not(target_arch = "wasm32"))]

#[path = "common/case.rs"]
mod case;
#[path = "methods_geometric/setup.rs"]
mod setup;

#[path = "methods_geometric/edges.rs"]
mod edges;
#[path = "methods_geometric/identities.rs"]
mod identities;

#[path = "methods_geometric/reference.rs"]
mod reference;
#[path = "methods_geometric/references.rs"]
mod references;
