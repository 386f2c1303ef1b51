//! A hub on this computer with models that arrive in spite of its faults, until its standard input ends: prints its address.
//!
//! `MAEC_FAKE_HUB=<address>` is what the browser's tests in `web/bytes` want.
#![allow(clippy::print_stdout, reason = "its address is what it is for")]

use std::io;

use maec_hub::fake::{FakeHub, Fault};

/// Length of every model's weights: 3 MiB and a little.
const BYTES: u64 = (3 << 20) + 17;

fn main() -> io::Result<()> {
    let (hub, elsewhere) = (FakeHub::start()?, FakeHub::start()?);
    let weights: Vec<u8> = (0..BYTES).map(|i| (i.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 33) as u8).collect();
    let blob = elsewhere.file("/blob", weights.clone());
    let faults = [
        ("plain", None, 0),
        ("cut", Some(Fault::CutAfter(1 << 20)), 2),
        ("stalling", Some(Fault::StallAfter(1 << 20)), 1),
        ("whole", Some(Fault::WholeFile), u32::MAX),
        ("hidden", Some(Fault::NoContentRange), u32::MAX),
        ("busy", Some(Fault::RetryAfter(429, 1)), 1),
        ("elsewhere", Some(Fault::Redirect(blob)), u32::MAX),
        ("wrong", Some(Fault::WrongByte), u32::MAX),
    ];
    for (name, fault, times) in faults {
        hub.repository(&format!("org/{name}"), &[("model.safetensors", weights.clone())]);
        if let Some(fault) = fault {
            hub.fault(&format!("/org/{name}/resolve/"), fault, times);
        }
    }
    println!("{}", hub.url());
    io::copy(&mut io::stdin(), &mut io::sink()).map(|_| ())
}
