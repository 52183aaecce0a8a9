//! Files made here, good and bad.

use std::io::Write;

use zip::write::{SimpleFileOptions, ZipWriter};

use super::*;

/// A pickle, written instruction by instruction.
#[derive(Clone, Default)]
struct Pickle(Vec<u8>);

impl Pickle {
    fn new() -> Self {
        Self(vec![0x80, 2])
    }

    fn raw(mut self, bytes: &[u8]) -> Self {
        self.0.extend_from_slice(bytes);
        self
    }

    fn text(self, text: &str) -> Self {
        let length = u32::try_from(text.len()).unwrap().to_le_bytes();
        self.raw(b"X").raw(&length).raw(text.as_bytes())
    }

    fn int(self, number: i64) -> Self {
        match i32::try_from(number) {
            Ok(number) => self.raw(b"J").raw(&number.to_le_bytes()),
            Err(_) => self.raw(&[0x8a, 8]).raw(&number.to_le_bytes()),
        }
    }

    fn ints(self, numbers: &[i64]) -> Self {
        numbers.iter().fold(self.raw(b"("), |pickle, number| pickle.int(*number)).raw(b"t")
    }

    fn global(self, module: &str, name: &str) -> Self {
        self.raw(format!("c{module}\n{name}\n").as_bytes())
    }

    fn tensor(self, class: &str, key: &str, count: i64, offset: i64, shape: &[i64], strides: &[i64]) -> Self {
        let pickle = self.global("torch._utils", "_rebuild_tensor_v2").raw(b"((").text("storage");
        let pickle = pickle.global("torch", class).text(key).text("cpu").int(count).raw(b"tQ");
        let pickle = pickle.int(offset).ints(shape).ints(strides).raw(&[0x89]);
        pickle.global("collections", "OrderedDict").raw(b")RtR")
    }

    fn dict(tensors: impl FnOnce(Self) -> Self) -> Vec<u8> {
        tensors(Self::new().global("collections", "OrderedDict").raw(b")Rq\0("))
            .raw(b"u}")
            .text("_metadata")
            .raw(b"}sb.")
            .0
    }
}

fn zipped(files: &[(&str, &[u8])], compression: CompressionMethod) -> Vec<u8> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in files {
        zip.start_file(*name, SimpleFileOptions::default().compression_method(compression)).unwrap();
        zip.write_all(bytes).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

fn open(bytes: &[u8]) -> Result<PickleFile, LoadError> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(PICKLE);
    std::fs::write(&path, bytes).unwrap();
    PickleFile::open(&path)
}

fn with_pickle(pickle: &[u8]) -> Result<PickleFile, LoadError> {
    open(&zipped(&[("archive/data.pkl", pickle), ("archive/data/0", &[0; 48])], CompressionMethod::Stored))
}

fn refused(pickle: &[u8]) -> String {
    with_pickle(pickle).unwrap_err().to_string()
}

fn good() -> Vec<u8> {
    let numbers: Vec<u8> = (0_u8..12).flat_map(|number| f32::from(number).to_le_bytes()).collect();
    let halves: Vec<u8> = (0_u8..4).flat_map(|number| half::f16::from_f32(number.into()).to_le_bytes()).collect();
    let pickle = Pickle::dict(|pickle| {
        let pickle = pickle.text("whole").tensor("FloatStorage", "0", 12, 0, &[3, 4], &[4, 1]);
        let pickle = pickle.text("transposed").tensor("FloatStorage", "0", 12, 0, &[4, 3], &[1, 4]);
        let pickle = pickle.text("part").tensor("FloatStorage", "0", 12, 5, &[2, 2], &[4, 1]);
        let pickle = pickle.text("tail").tensor("FloatStorage", "0", 12, 10, &[2], &[1]);
        let pickle = pickle.text("scalar").tensor("FloatStorage", "0", 12, 7, &[], &[]);
        let pickle = pickle.text("none").tensor("FloatStorage", "0", 12, 12, &[0, 4], &[4, 1]);
        let pickle = pickle.text("half").global("torch._utils", "_rebuild_parameter").raw(b"(");
        let pickle = pickle.tensor("HalfStorage", "1", 4, 0, &[4], &[1]).raw(&[0x88, b'N', b't', b'R']);
        let pickle = pickle.text("position_ids").tensor("LongStorage", "0", 6, 0, &[6], &[1]);
        pickle.text("step").int(5)
    });
    let files = [
        ("model/data.pkl", pickle.as_slice()),
        ("model/byteorder", b"little"),
        ("model/data/0", &numbers),
        ("model/data/1", &halves),
        ("model/version", b"3\n"),
    ];
    zipped(&files, CompressionMethod::Stored)
}

#[test]
fn reads_whole_cut_and_transposed_tensors() {
    let bytes = good();
    let file = open(&bytes).unwrap();
    assert_eq!(file.bytes(), bytes.len() as u64);
    assert_eq!(file.names().count(), 8);
    assert!(file.contains("whole") && !file.contains("step"));
    assert_eq!(file.shape("transposed"), Some(&[4, 3][..]));
    let read = |name: &str| file.tensor(name).unwrap();
    let rows = read("whole").to_vec2::<f32>().unwrap();
    assert_eq!(rows[2], [8.0, 9.0, 10.0, 11.0]);
    assert_eq!(read("transposed").to_vec2::<f32>().unwrap()[1], [1.0, 5.0, 9.0]);
    assert_eq!(read("part").to_vec2::<f32>().unwrap(), [[5.0, 6.0], [9.0, 10.0]]);
    assert_eq!(read("tail").to_vec1::<f32>().unwrap(), [10.0, 11.0]);
    assert_eq!(read("scalar").to_scalar::<f32>().unwrap(), 7.0);
    assert_eq!(read("none").dims(), [0, 4]);
    assert_eq!(read("half").dtype(), DType::F16);
    assert_eq!(read("half").to_dtype(DType::F32).unwrap().to_vec1::<f32>().unwrap(), [0.0, 1.0, 2.0, 3.0]);
    assert!(file.tensors().any(|(shape, number)| shape == [6] && number == Number::I64));
    let error = file.tensor("position_ids").unwrap_err().to_string();
    assert!(error.contains("I64"), "{error}");
    assert!(file.tensor("other").is_err() && file.shape("other").is_none());
}

#[test]
fn runs_no_code() {
    let error = refused(&Pickle::new().global("os", "system").text("echo").raw(&[0x85, b'R', b'.']).0);
    assert!(error.contains("it wants to run os.system: refused"), "{error}");
    let error = refused(&Pickle::new().global("__builtin__", "ev\u{1b}al").raw(b".").0);
    assert!(error.contains("__builtin__.ev\\u{1b}al") && !error.contains('\u{1b}'), "{error}");
    for (code, name) in [(b'i', "INST"), (b'o', "OBJ"), (0x81, "NEWOBJ"), (0x93, "STACK_GLOBAL"), (0xff, "unknown")] {
        let error = refused(&Pickle::new().text("os").text("system").raw(&[code]).0);
        assert!(error.contains(&format!("the instruction {name} ")), "{error}");
    }
    // What is allowed, used otherwise than torch.save does.
    let odd = Pickle::new().global("collections", "OrderedDict").int(1).raw(&[0x85, b'R', b'.']);
    assert!(refused(&odd.0).contains("collections.OrderedDict with other arguments"));
    let class = Pickle::new().global("torch", "FloatStorage").raw(b")R.");
    assert!(refused(&class.0).contains("a class of storages"));
    assert!(refused(&Pickle::new().int(1).raw(b")R.").0).contains("no function"));
    let state = Pickle::new().global("collections", "OrderedDict").raw(b"}b.");
    assert!(refused(&state.0).contains("no dictionary"));
}

#[test]
fn sizes_that_lie_are_errors() {
    let one = |count, offset, shape: &[i64], strides: &[i64]| {
        refused(&Pickle::dict(|pickle| pickle.text("w").tensor("FloatStorage", "0", count, offset, shape, strides)))
    };
    for (count, offset, shape, strides, expected) in [
        (12, 0, &[13][..], &[1][..], "over the end"),
        (12, 1, &[12], &[1], "over the end"),
        (12, i64::MAX, &[1], &[1], "over the end"),
        (12, 0, &[i64::MAX, i64::MAX], &[i64::MAX, 1], "over the end"),
        (12, 0, &[1 << 40], &[0], "more elements than numbers"),
        (12, 0, &[1 << 32, 1 << 32], &[0, 0], "more elements than numbers"),
        (12, 0, &[-1], &[1], "a shape that is none"),
        (12, 0, &[2, 2], &[1], "a shape that is none"),
        (12, 0, &[1; 9], &[1; 9], "a shape that is none"),
        (1 << 40, 0, &[13], &[1], "is the file complete"),
        (i64::MAX, 0, &[i64::MAX], &[1], "is the file complete"),
        (i64::MAX, i64::MAX, &[0], &[1], "is the file complete"),
    ] {
        let error = one(count, offset, shape, strides);
        assert!(error.contains(expected), "{shape:?} {strides:?}: {error}");
    }
    let error = refused(&Pickle::dict(|pickle| pickle.text("w").tensor("FloatStorage", "7", 1, 0, &[1], &[1])));
    assert!(error.contains("the numbers of \"w\" are not in it"), "{error}");
}

#[test]
fn broken_pickles_are_errors() {
    let start = Pickle::new;
    for (pickle, expected) in [
        (start().raw(b"X\xff\xff\xff\xff"), "ends too early"),
        (start().text(&"x".repeat(5000)), "more than any name"),
        (start().raw(b"X\x01\0\0\0\xff"), "no UTF-8"),
        (start().raw(b"."), "takes more than it made"),
        (start().raw(b"t."), "takes more than it made"),
        (start().raw(&[0x87]), "takes more than it made"),
        (start().raw(b"h\x07"), "nothing in slot 7"),
        (start().raw(b"q\0"), "takes more than it made"),
        (start().raw(b"}(Nu"), "a key without a value"),
        (start().raw(b"NNNs"), "no dictionary"),
        (start().raw(b"NNa"), "no list"),
        (start().raw(b"N."), "no dictionary of tensors"),
        (start().raw(b"}."), "no dictionary of tensors"),
        (start().raw(&[0x8a, 9, 0, 0, 0, 0, 0, 0, 0, 0, 1]), "more than 64 bits"),
        (start().raw(b"NQ"), "in an unknown way"),
        (start().raw(b"ctorch"), "does not end"),
        (Pickle(vec![0x80, 4]), "protocol 4"),
        (start(), "ends too early"),
    ] {
        let error = refused(&pickle.0);
        assert!(error.contains(expected), "{expected}: {error}");
    }
    // A value in itself, and values that would unfold to 2^200 of them.
    let circle = start().raw(b"}q\0").text("a").raw(b"h\0s.");
    assert!(refused(&circle.0).contains("no dictionary of tensors"));
    let doubling = (0..200).fold(start().raw(b")q\0"), |pickle, _| pickle.raw(b"h\0h\0\x86q\0"));
    assert!(refused(&doubling.raw(b".").0).contains("no dictionary of tensors"));
    let deep = start().raw(b")").raw(&[0x85].repeat(1_000_000)).raw(b".");
    assert!(refused(&deep.0).contains("no dictionary of tensors"));
}

#[test]
fn broken_zips_are_errors() {
    let pickle = Pickle::dict(|pickle| pickle.text("w").tensor("FloatStorage", "0", 12, 0, &[12], &[1]));
    let error = |files: &[(&str, &[u8])], compression| open(&zipped(files, compression)).unwrap_err().to_string();
    let stored = CompressionMethod::Stored;
    let both = [("a/data.pkl", pickle.as_slice()), ("a/data/0", &[0; 48])];
    assert!(error(&both, CompressionMethod::Deflated).contains("is compressed"));
    assert!(error(&both[1..], stored).contains("one data.pkl in it, not 0"));
    assert!(error(&[both[0], both[1], ("b/data.pkl", &pickle)], stored).contains("one data.pkl in it, not 2"));
    assert!(error(&[both[0], ("b/data/0", &[0; 48])], stored).contains("are not in it"));
    assert!(error(&[both[0], ("a/data/0", &[0; 47])], stored).contains("over the end"));
    assert!(error(&[both[0], both[1], ("a/byteorder", b"big")], stored).contains("little-endian"));
    let huge = vec![b'N'; LONGEST_PICKLE + 1];
    assert!(error(&[("a/data.pkl", &huge)], stored).contains("more than any model needs"));
    assert!(open(&zipped(&[("data.pkl", &pickle), ("data/0", &[0; 48])], stored)).is_ok());

    let say = |bytes: &[u8]| open(bytes).unwrap_err().to_string();
    assert!(say(b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19.\x80\x02M").contains("before PyTorch 1.6"));
    assert!(say(b"version https://git-lfs.github.com/spec/v1\n").contains("git lfs pull"));
    assert!(say(b"nothing").contains("no zip file"));
    assert!(say(b"PK\x03\x04").contains("is the file complete"));
    assert!(matches!(open(b""), Err(LoadError::Io { .. })));
    assert!(matches!(PickleFile::open(Path::new("/nowhere/at/all")), Err(LoadError::Io { .. })));
}

/// Whatever a file is, reading it ends, and every tensor that it then has can be asked for.
#[test]
fn cut_and_changed_files_do_no_harm() {
    let whole = good();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(PICKLE);
    let read = |bytes: &[u8]| {
        std::fs::write(&path, bytes).unwrap();
        let Ok(file) = PickleFile::open(&path) else { return false };
        let names: Vec<String> = file.names().map(str::to_owned).collect();
        names.iter().for_each(|name| drop(file.tensor(name)));
        true
    };
    for end in (1..whole.len()).step_by(13) {
        assert!(!read(&whole[..end]), "cut after {end}");
    }
    let mut random = 1_u32;
    for at in (0..whole.len()).step_by(3) {
        let mut bytes = whole.clone();
        random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        for value in [bytes[at] ^ (1 << (at % 8)), (random >> 24) as u8] {
            bytes[at] = value;
            read(&bytes);
        }
    }
}

/// A file that torch.save wrote.
#[test]
fn reads_what_pytorch_wrote() {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/models/deberta-hub");
    let expected = std::fs::read_to_string(folder.join("expected.json")).unwrap();
    let expected: serde_json::Value = serde_json::from_str(&expected).unwrap();
    let file = PickleFile::open(&folder.join(PICKLE)).unwrap();
    let tensors = expected["tensors"].as_object().unwrap();
    // And the positions, which are integers.
    assert_eq!(file.names().count(), tensors.len() + 1);
    for (name, values) in tensors {
        let shape: Vec<usize> = serde_json::from_value(values["shape"].clone()).unwrap();
        assert_eq!(file.shape(name), Some(shape.as_slice()), "{name}");
        let first: Vec<f32> = serde_json::from_value(values["first8"].clone()).unwrap();
        let tensor = file.tensor(name).unwrap();
        assert_eq!(tensor.dtype(), DType::F16, "{name}");
        let flat = tensor.flatten_all().unwrap().to_dtype(DType::F32).unwrap().to_vec1::<f32>().unwrap();
        assert!(flat.starts_with(&first), "{name}");
    }
}
