//! TIES, DARE, DELLA and breadcrumbs: mergekit's and PEFT's own values, slow references, random numbers and identities.
#![cfg(not(target_arch = "wasm32"))]

#[path = "common/case.rs"]
mod case;
#[path = "methods_sparse/setup.rs"]
mod setup;

#[path = "methods_sparse/chance.rs"]
mod chance;
#[path = "methods_sparse/dialects.rs"]
mod dialects;
#[path = "methods_sparse/identities.rs"]
mod identities;
#[path = "methods_sparse/peers.rs"]
mod peers;
