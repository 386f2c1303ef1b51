//! Opening allocates in proportion to the header, whatever lengths and shapes it claims.

use std::sync::Arc;

use maec_checkpoint::{ByteSource, Error, SafetensorsReader, Weights};
use peak_alloc::PeakAlloc;

#[global_allocator]
static ALLOCATOR: PeakAlloc = PeakAlloc;

/// A file of which only the beginning exists, in a claimed length.
struct Claimed {
    start: Vec<u8>,
    len: u64,
}

impl ByteSource for Claimed {
    fn len(&self) -> u64 {
        self.len
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> Result<(), Error> {
        let start = usize::try_from(offset).unwrap();
        buf.copy_from_slice(self.start.get(start..start + buf.len()).expect("only the header is read"));
        Ok(())
    }

    fn name(&self) -> &str {
        "claimed"
    }
}

/// Opens a file with this header and so much data; returns the peak of bytes allocated meanwhile, what was there
/// before not counted, and the number of tensors, if it opened.
fn peak(json: &str, data: u64) -> (usize, Option<usize>) {
    let start = [&(json.len() as u64).to_le_bytes()[..], json.as_bytes()].concat();
    let len = start.len() as u64 + data;
    let source = Arc::new(Claimed { start, len });
    let before = ALLOCATOR.current_usage();
    ALLOCATOR.reset_peak_usage();
    let opened = SafetensorsReader::open(source);
    let peak = ALLOCATOR.peak_usage() - before;
    (peak, opened.ok().map(|reader| reader.tensors().len()))
}

/// One test, since all of a program's tests share the allocator.
#[test]
fn opening_allocates_in_proportion_to_the_header() {
    // Ten tensors of a terabyte.
    let tera = 1u64 << 40;
    let entry = |i: u64, shape: &str, size: u64| {
        let (start, end) = (i * size, (i + 1) * size);
        format!(r#""{i}":{{"dtype":"U8","shape":{shape},"data_offsets":[{start},{end}]}}"#)
    };
    let header = |count: u64, shape: &str, size: u64| {
        let entries: Vec<String> = (0..count).map(|i| entry(i, shape, size)).collect();
        format!("{{{}}}", entries.join(","))
    };
    let large = header(10, &format!("[{tera}]"), tera);
    let (bytes, tensors) = peak(&large, 10 * tera);
    assert_eq!(tensors, Some(10));
    assert!(bytes < 16 * large.len(), "{bytes} bytes for a header of {}", large.len());

    // As many tensors as fit, the shortest there are; and shapes as long as they may be, and much longer.
    let (short, long) = (header(100_000, "[]", 1), header(10_000, &format!("[{}1]", "1,".repeat(63)), 1));
    let endless = header(1, &format!("[{}1]", "1,".repeat(5_000_000)), 1);
    let deep = format!(r#"{{"a":{}"#, "[".repeat(10_000_000));
    for (json, data, expected) in
        [(short, 100_000, Some(100_000)), (long, 10_000, Some(10_000)), (endless, 1, None), (deep, 0, None)]
    {
        let (bytes, tensors) = peak(&json, data);
        assert_eq!(tensors, expected);
        assert!(bytes < 8 * json.len(), "{bytes} bytes for a header of {}", json.len());
    }
}
