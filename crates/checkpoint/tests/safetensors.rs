//! The safetensors format: against the reference crate, and against hostile bytes.

mod common;

use std::collections::BTreeMap;
use std::sync::Arc;

use common::{assert_message, assert_same, file, info, model, open, tensor, with_header};
use maec_checkpoint::{
    Dtype, Error, MemorySink, MemorySource, MemoryWeights, SafetensorsReader, TensorInfo, Weights, dtype,
    write_safetensors,
};
use proptest::prelude::*;
use safetensors::SafeTensors;
use safetensors::tensor::TensorView;

/// Every dtype of whole bytes; only the first four can be computed with.
const DTYPES: [Dtype; 19] = [
    Dtype::F64,
    Dtype::F32,
    Dtype::F16,
    Dtype::BF16,
    Dtype::I64,
    Dtype::I32,
    Dtype::I16,
    Dtype::I8,
    Dtype::U64,
    Dtype::U32,
    Dtype::U16,
    Dtype::U8,
    Dtype::BOOL,
    Dtype::C64,
    Dtype::F8_E4M3,
    Dtype::F8_E5M2,
    Dtype::F8_E8M0,
    Dtype::F8_E4M3FNUZ,
    Dtype::F8_E5M2FNUZ,
];

fn any_model() -> impl Strategy<Value = MemoryWeights> {
    let tensor = (proptest::sample::select(DTYPES.to_vec()), proptest::collection::vec(0usize..5, 0..4));
    let names = "[a-z\"\\\\é.]{1,6}";
    proptest::collection::btree_map(names, (tensor, any::<u8>()), 0..8).prop_map(|tensors| {
        let tensors = tensors.into_iter().map(|(name, ((dtype, shape), seed))| {
            let info = TensorInfo { name, dtype, shape };
            let bytes = (0..info.bytes()).map(|i| seed.wrapping_add((i * 37) as u8)).collect();
            (info, bytes)
        });
        model("any", tensors.collect())
    })
}

proptest! {
    #[test]
    fn round_trip_through_ours_and_the_reference(
        weights in any_model(),
        metadata in proptest::collection::btree_map("[a-z]{1,5}", ".{0,9}", 0..4),
    ) {
        let bytes = file(&weights, &metadata);
        let ours = open("file", bytes.clone()).unwrap();
        assert_same(&ours, &weights);
        let mut expected = metadata.clone();
        expected.insert("format".into(), "pt".into());
        prop_assert_eq!(ours.metadata(), &expected);

        let (header, _) = SafeTensors::read_metadata(&bytes).unwrap();
        prop_assert_eq!(header % 8, 0);
        let reference = SafeTensors::deserialize(&bytes).unwrap();
        prop_assert_eq!(reference.len(), weights.tensors().len());
        for info in weights.tensors() {
            let view = reference.tensor(&info.name).unwrap();
            prop_assert_eq!((view.dtype(), view.shape()), (info.dtype, &info.shape[..]));
            prop_assert_eq!(view.data(), &weights.read_bytes(&info.name).unwrap()[..]);
        }
    }

    #[test]
    fn the_reference_writes_what_we_read(weights in any_model()) {
        let bytes: Vec<_> = weights.tensors().iter().map(|i| (i, weights.read_bytes(&i.name).unwrap())).collect();
        let views: Vec<_> = bytes.iter()
            .map(|(i, b)| (i.name.clone(), TensorView::new(i.dtype, i.shape.clone(), b).unwrap()))
            .collect();
        let file = safetensors::serialize(views, None).unwrap();
        assert_same(&open("file", file).unwrap(), &weights);
    }

    #[test]
    fn tiles_are_parts_of_the_whole(weights in any_model(), a in 0usize..64, b in 0usize..64) {
        let reader = open("file", file(&weights, &BTreeMap::new())).unwrap();
        for info in weights.tensors() {
            let (start, end) = (a.min(b).min(info.elements()), a.max(b).min(info.elements()));
            let size = dtype::bytes_per_element(info.dtype);
            let mut part = vec![0; (end - start) * size];
            reader.read_stored(&info.name, start..end, &mut part).unwrap();
            prop_assert_eq!(&part, &weights.read_bytes(&info.name).unwrap()[start * size..end * size]);
            let mut wide = vec![0.0; end - start];
            let read = reader.read_f64(&info.name, start..end, &mut wide);
            prop_assert_eq!(read.is_ok(), dtype::is_float(info.dtype));
        }
    }

    /// Whatever we let in, the reference lets in too.
    #[test]
    fn damaged_files_never_panic(weights in any_model(), at in any::<prop::sample::Index>(), byte in any::<u8>(), cut in 0usize..64) {
        let mut bytes = file(&weights, &BTreeMap::new());
        let at = at.index(bytes.len());
        bytes[at] = byte;
        bytes.truncate(bytes.len().saturating_sub(cut.saturating_sub(32)));
        if let Ok(reader) = open("damaged", bytes.clone()) {
            prop_assert!(SafeTensors::deserialize(&bytes).is_ok());
            for info in reader.tensors() {
                reader.read_bytes(&info.name).unwrap();
            }
        }
    }

    #[test]
    fn a_file_that_was_cut_off_is_refused(weights in any_model()) {
        let bytes = file(&weights, &BTreeMap::new());
        for end in 0..bytes.len() {
            prop_assert!(open("cut", bytes[..end].to_vec()).is_err());
        }
    }

    #[test]
    fn noise_never_panics(length in 0u64..64, json in "[\\[\\]{}:,\"a0-9_ ]{0,60}", data in proptest::collection::vec(any::<u8>(), 0..9)) {
        let bytes = [&length.to_le_bytes()[..], json.as_bytes(), &data].concat();
        let ours = open("noise", bytes.clone()).is_ok();
        prop_assert!(!ours || SafeTensors::deserialize(&bytes).is_ok());
    }
}

/// A wide read in more than one chunk, and f32.
#[test]
fn large_tensors_are_read_in_chunks() {
    let values: Vec<f64> = (0..100_000).map(|i| f64::from(i) * 0.5).collect();
    let weights = model("large", vec![tensor("w", Dtype::F32, &[100, 1000], &values)]);
    let reader = open("file", file(&weights, &BTreeMap::new())).unwrap();
    let mut out = vec![0.0; 90_001];
    reader.read_f64("w", 5..90_006, &mut out).unwrap();
    assert_eq!(out, values[5..90_006]);
    assert_eq!(reader.read_f32("w").unwrap()[99_999], 49_999.5);
}

#[test]
fn reads_outside_a_tensor_are_refused() {
    let weights = model("m", vec![tensor("w", Dtype::BF16, &[2, 3], &[0.0; 6])]);
    let reader = open("file", file(&weights, &BTreeMap::new())).unwrap();
    let mut out = [0.0; 3];
    for model in [&weights as &dyn Weights, &reader] {
        assert!(matches!(model.read_f64("w", 4..7, &mut out), Err(Error::OutOfRange { .. })));
        assert!(matches!(model.read_f64("w", 0..2, &mut out), Err(Error::OutOfRange { .. })));
        #[allow(clippy::reversed_empty_ranges)]
        let reversed = 5..2;
        assert!(matches!(model.read_f64("w", reversed, &mut out), Err(Error::OutOfRange { .. })));
        assert!(matches!(model.read_stored("w", 0..usize::MAX, &mut [0; 4]), Err(Error::OutOfRange { .. })));
        assert_message(&model.read_bytes("v").unwrap_err(), &["no tensor `v`"]);
    }
    let integers = model("ids", vec![(info("ids", Dtype::I64, &[1]), vec![0; 8])]);
    assert_message(&integers.read_f32("ids").unwrap_err(), &["`ids`", "I64"]);
    assert_message(&integers.read_f64("ids", 0..1, &mut [0.0]).unwrap_err(), &["`ids`", "I64"]);
}

#[test]
fn honest_oddities_are_accepted() {
    assert!(open("empty", with_header("{}", b"")).unwrap().tensors().is_empty());
    // Unpadded, without metadata, data in another order than the names.
    let json = r#"{"b":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"a":{"dtype":"U8","shape":[2],"data_offsets":[1,3]},"z":{"dtype":"F32","shape":[0,7],"data_offsets":[1,1]}}"#;
    let reader = open("odd", with_header(json, &[7, 8, 9])).unwrap();
    assert_eq!(reader.tensors().iter().map(|i| i.name.as_str()).collect::<Vec<_>>(), ["a", "b", "z"]);
    assert_eq!(reader.read_bytes("a").unwrap(), [8, 9]);
    assert!(reader.read_bytes("z").unwrap().is_empty());
    assert!(reader.metadata().is_empty());
}

#[test]
fn the_writer_refuses_what_no_reader_would_open() {
    let write = |tensors: &[TensorInfo], bytes: &[u8]| {
        write_safetensors(&mut MemorySink::new(), tensors, &BTreeMap::new(), &mut |_, write| write(bytes))
    };
    let a = info("a", Dtype::U8, &[2]);
    assert!(matches!(write(&[a.clone(), a.clone()], &[0; 2]), Err(Error::DuplicateTensor { .. })));
    assert!(matches!(
        write(std::slice::from_ref(&a), &[0; 3]),
        Err(Error::WrongTensorBytes { expected: 2, found: 3, .. })
    ));
    assert!(matches!(write(&[a], &[0; 1]), Err(Error::WrongTensorBytes { expected: 2, found: 1, .. })));
    assert!(matches!(write(&[info("__metadata__", Dtype::U8, &[0])], &[]), Err(Error::Unwritable { .. })));
    assert!(matches!(write(&[info("a", Dtype::F4, &[2])], &[0]), Err(Error::Unwritable { .. })));
    assert!(matches!(write(&[info("a", Dtype::U8, &[usize::MAX, 2])], &[0]), Err(Error::Unwritable { .. })));
    assert!(matches!(write(&[info("a", Dtype::U8, &[1; 65])], &[0]), Err(Error::Unwritable { .. })));
    let twice = vec![tensor("w", Dtype::F32, &[1], &[1.0]), tensor("w", Dtype::F32, &[1], &[1.0])];
    assert!(matches!(MemoryWeights::new("m", twice), Err(Error::DuplicateTensor { .. })));
    let short = vec![(info("w", Dtype::F32, &[2]), vec![0; 4])];
    assert!(matches!(MemoryWeights::new("m", short), Err(Error::WrongTensorBytes { .. })));
}

/// A file that PyTorch's users wrote, byte for byte what we write.
#[test]
fn the_bytes_are_the_reference_writers() {
    let bytes = include_bytes!("data/tiny.safetensors");
    let reader = SafetensorsReader::open(Arc::new(MemorySource::new("tiny", bytes.to_vec()))).unwrap();
    assert_eq!(file(&reader, reader.metadata()), bytes);
}
