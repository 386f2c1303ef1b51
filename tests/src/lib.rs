//! The harness of MAEC Studio's whole-program tests, which lie beside this library: [`driver`] steers a real
//! Chromium, [`scenario`] frames a test, [`log`] reads the console as a witness, [`memory`] watches
//! what the browser takes.

pub mod driver;
pub mod log;
pub mod memory;
pub mod scenario;
