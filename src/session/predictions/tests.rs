use std::fs;
use std::io::ErrorKind;

use super::*;

fn columns() -> Columns {
    Columns { labels: vec!["support".into(), "a, \"b\"".into()], extra: vec!["options".into()] }
}

fn prediction(row: usize) -> Prediction {
    Prediction {
        row,
        split: Split::Validation,
        gold: Some("support".into()),
        predicted: "a, \"b\"".into(),
        answer: String::new(),
        margin: Some(1.25),
        logprobs: vec![Some(-1.5), Some(-0.25)],
        extra: vec!["support|a, \"b\"".into()],
    }
}

/// One of each kind of cell that is hard to read.
fn batch() -> Vec<Prediction> {
    let answer = |row, answer: &str| Prediction { answer: answer.into(), ..prediction(row) };
    vec![
        prediction(17),
        answer(3, "two\nlines, \"quoted\"\r\nand\rmore"),
        answer(4, "\""),
        answer(5, "\n"),
        answer(6, "日本 \u{1b}[2J 🙂"),
        Prediction { gold: None, margin: None, logprobs: Vec::new(), split: Split::Test, ..answer(0, " oppose") },
        Prediction { logprobs: vec![None, Some(-2.0)], ..prediction(1) },
    ]
}

fn written(path: &Path) -> Vec<u8> {
    let (mut writer, found) = Writer::open(path, columns()).unwrap();
    assert!(found.is_empty());
    writer.append(&batch()[..3]).unwrap();
    writer.append(&batch()[3..]).unwrap();
    fs::read(path).unwrap()
}

#[test]
fn the_format() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("predictions.csv");
    let (mut writer, _) = Writer::open(&path, columns()).unwrap();
    let tiny = Prediction { logprobs: vec![Some(-1e-9), Some(f64::NAN)], margin: Some(20.123_456_7), ..prediction(8) };
    writer.append(&[prediction(7), tiny]).unwrap();
    assert_eq!(
        fs::read_to_string(&path).unwrap(),
        "row,split,gold,predicted,answer,margin,logprob:support,\"logprob:a, \"\"b\"\"\",options
7,validation,support,\"a, \"\"b\"\"\",,1.250000,-1.500000,-0.250000,\"support|a, \"\"b\"\"\"
8,validation,support,\"a, \"\"b\"\"\",,20.123457,0.000000,,\"support|a, \"\"b\"\"\"
"
    );
}

#[test]
fn written_and_read_back() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("predictions.csv");
    written(&path);
    assert_eq!(read(&path).unwrap(), Predictions { columns: columns(), rows: batch() });
    let (_, found) = Writer::open(&path, columns()).unwrap();
    assert_eq!(found, batch());
}

#[test]
fn margins_do_not_ask_what_is_right() {
    assert_eq!(margin(&[-3.0, -0.5, -1.0]), Some(0.5));
    assert_eq!(margin(&[-1.0, -1.0]), Some(0.0));
    assert_eq!((margin(&[-1.0]), margin(&[])), (None, None));
}

/// Wherever a kill cut the file off, the run goes on with what was whole and ends with the same bytes.
#[test]
fn torn_at_every_byte() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("predictions.csv");
    let order: Vec<usize> = vec![5, 17, 0, 3, 6, 1, 4];
    let unbroken = {
        let (mut writer, _) = Writer::open(&path, columns()).unwrap();
        writer.append(&batch()).unwrap();
        let sorted = writer.finish(&order).unwrap();
        assert_eq!(sorted.iter().map(|p| p.row).collect::<Vec<_>>(), order);
        fs::read(&path).unwrap()
    };
    fs::remove_file(&path).unwrap();
    let whole = written(&path);
    for end in 0..=whole.len() {
        fs::write(&path, &whole[..end]).unwrap();
        if let Ok(seen) = read(&path) {
            assert!(batch().starts_with(&seen.rows), "{end}");
        }
        let (mut writer, found) = Writer::open(&path, columns()).unwrap();
        assert!(batch().starts_with(&found), "{end}");
        let kept = fs::read(&path).unwrap();
        assert!(whole.starts_with(&kept) && kept.ends_with(b"\n"), "{end}");
        // Putting a file in order waits for the disk: every few bytes will do.
        if end % 9 != 0 {
            continue;
        }
        // The rest comes in another order than it would have.
        let mut rest = batch().split_off(found.len());
        rest.reverse();
        writer.append(&rest).unwrap();
        writer.finish(&order).unwrap();
        assert_eq!(fs::read(&path).unwrap(), unbroken, "{end}");
    }
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[test]
fn rows_out_of_order_come_last() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("predictions.csv");
    let (mut writer, _) = Writer::open(&path, columns()).unwrap();
    writer.append(&[prediction(9), prediction(2), prediction(4)]).unwrap();
    let rows: Vec<usize> = writer.finish(&[4]).unwrap().iter().map(|p| p.row).collect();
    assert_eq!(rows, [4, 2, 9]);
    assert_eq!(read(&path).unwrap().rows.iter().map(|p| p.row).collect::<Vec<_>>(), rows);
}

#[cfg(unix)]
#[test]
fn ordering_keeps_permissions() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("predictions.csv");
    let (mut writer, _) = Writer::open(&path, columns()).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
    writer.append(&[prediction(2), prediction(1)]).unwrap();
    writer.finish(&[1, 2]).unwrap();
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o640);
}

/// The message of the error, and that the file was left alone.
fn refused(content: &[u8]) -> String {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("predictions.csv");
    fs::write(&path, content).unwrap();
    let message = Writer::open(&path, columns()).unwrap_err().to_string();
    assert_eq!(fs::read(&path).unwrap(), content, "left as it was");
    assert!(!message.contains('\n') && !message.contains('\u{1b}'), "{message}");
    message
}

#[test]
fn wrong_files_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let whole = written(&folder.path().join("predictions.csv"));
    let header = whole.split(|byte| *byte == b'\n').next().unwrap().to_vec();
    let with = |line: &[u8]| [&whole, line, b"\n"].concat();

    let twice = refused(&with(b"3,test,,x,,,,,"));
    // Line breaks inside cells count.
    assert!(
        twice.ends_with("predictions.csv, line 12: row 3 is there already, in line 3; remove one of the two"),
        "{twice}"
    );
    assert!(refused(&with(b"x\x1b,test,,x,,,,,")).contains("line 12: `x\\u{1b}` is not the number of a row"));
    assert!(refused(&with(b"-1,test,,x,,,,,")).contains("`-1` is not the number of a row"));
    assert!(refused(&with(b"9,tset,,x,,,,,")).contains("`tset` is not a split: train, validation or test"));
    assert!(refused(&with(b"9,test,,x,,wide,,,")).contains("`wide` is not a number"));
    assert!(refused(&with(b"9,test,,x,,1,low,,")).contains("`low` is not a number"));
    assert!(refused(&with(b"9,test,,x")).contains("4 cells instead of 9"));
    assert!(refused(&with(b"9,test,\xff,x,,,,,")).contains("not UTF-8"));
    // Not ours, not even torn: nobody's notes are cut off.
    assert!(refused(b"some notes").contains("no predictions"));
    assert!(refused(b"a,b\n1,2\n").contains("the columns are `a,b`, not `row,split,gold,"));
    assert!(refused(&[&header[..], b",more\n"].concat()).contains(",options,more`, not `row,"));
}

#[test]
fn one_writer_at_a_time() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("predictions.csv");
    let (writer, _) = Writer::open(&path, columns()).unwrap();
    let second = Writer::open(&path, columns()).unwrap_err();
    assert!(matches!(second, PredictionsError::Busy { .. }), "{second}");
    drop(writer);
    Writer::open(&path, columns()).unwrap();
}

#[test]
fn predictions_that_do_not_fit() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("predictions.csv");
    let (mut writer, _) = Writer::open(&path, columns()).unwrap();
    let before = fs::read(&path).unwrap();
    let short = Prediction { logprobs: vec![Some(-1.0)], ..prediction(2) };
    let message = writer.append(&[prediction(1), short]).unwrap_err().to_string();
    assert_eq!(message, "row 2 has 1 log-probabilities for 2 columns");
    let bare = Prediction { extra: Vec::new(), ..prediction(2) };
    assert!(writer.append(&[bare]).is_err());
    assert_eq!(fs::read(&path).unwrap(), before);
}

#[test]
fn nothing_to_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("predictions.csv");
    assert!(read(&path).unwrap_err().to_string().contains("predictions.csv: No such file"));
    assert!(matches!(read(folder.path()), Err(PredictionsError::Io { .. })));
    fs::write(&path, "row,spl").unwrap();
    assert!(matches!(read(&path), Err(PredictionsError::Empty { .. })));
}

#[test]
fn a_full_disk_says_how_to_go_on() {
    for kind in [ErrorKind::StorageFull, ErrorKind::QuotaExceeded] {
        let message = PredictionsError::io(Path::new("runs/1/predictions.csv"), kind.into()).to_string();
        assert!(message.starts_with("runs/1/predictions.csv: the disk is full."), "{message}");
        assert!(message.contains("`--resume`"), "{message}");
    }
}
