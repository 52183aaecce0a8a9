use std::fs;

use tempfile::TempDir;

use super::*;

/// A table read from a file with this content.
fn read(content: impl AsRef<[u8]>) -> Result<Table, DataError> {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("rows.csv");
    fs::write(&path, content).unwrap();
    Table::read(&path)
}

fn rows(table: &Table) -> Vec<Vec<&str>> {
    (0..table.len()).map(|row| table.cells(row).collect()).collect()
}

/// What is said of a file with this content, after the folder it is in.
fn error(content: impl AsRef<[u8]>) -> String {
    let message = read(content).err().unwrap().to_string();
    message.split_once("rows.csv").unwrap().1.to_owned()
}

#[test]
fn quoted_line_breaks_are_kept_byte_for_byte() {
    let table = read("text,n\r\n\"a\r\r\n\r\n\"\"b\"\"\n,;\t\",1\r\nplain,2\r\n").unwrap();
    assert_eq!(rows(&table), [["a\r\r\n\r\n\"b\"\n,;\t", "1"], ["plain", "2"]]);
    assert_eq!((table.line(0), table.line(1), table.line(2)), (2, 6, 0));
}

#[test]
fn line_ends_of_every_system_give_the_same_rows() {
    for end in ["\n", "\r\n", "\r"] {
        for last in ["", end] {
            let table = read(["a,b", "1,2", "", "3,"].join(end) + last).unwrap();
            assert_eq!(rows(&table), [["1", "2"], ["3", ""]], "{end:?} {last:?}");
            if end != "\r" {
                assert_eq!((table.line(0), table.line(1)), (2, 4), "{end:?} {last:?}");
            }
        }
    }
}

#[test]
fn lines_are_right_in_a_file_of_mixed_ends() {
    let table = read("a,b\r\n\r\n1,2\n3,\"x\ny\"\r\n\n5,6\r\n7,8").unwrap();
    assert_eq!((0..4).map(|row| table.line(row)).collect::<Vec<_>>(), [3, 4, 7, 8]);
}

#[test]
fn a_byte_order_mark_is_no_part_of_the_first_name() {
    let table = read("\u{feff}text,n\nx,1\n").unwrap();
    assert_eq!(table.columns(), ["text", "n"]);
    assert_eq!(read("\u{feff}\"text\"\nx\n").unwrap().columns(), ["text"]);
}

#[test]
fn delimiters_are_told_from_the_start_of_the_file() {
    let expected = [["a, b, c", "1"], ["d; e", "2"]];
    for content in [
        "text,n\n\"a, b, c\",1\nd; e,2\n",
        "text;n\na, b, c;1\n\"d; e\";2\n",
        "text\tn\na, b, c\t1\nd; e\t2\n",
        "\"text\";\"n\"\n\"a, b, c\";1\n\"d; e\";2\n",
    ] {
        assert_eq!(rows(&read(content).unwrap()), expected, "{content:?}");
    }
    assert_eq!(read("text, with comma;n\na;1\nb;2\n").unwrap().columns(), ["text, with comma", "n"]);
    assert_eq!(rows(&read("text\na b\nc;d\n").unwrap()), [["a b"], ["c;d"]]);
}

#[test]
fn long_files_are_sniffed_and_read_past_the_head() {
    let long = format!("\"{}\r\n{}\"", "é,".repeat(40_000), "x".repeat(200));
    let mut content = "n;text\r\n".to_owned();
    for row in 0..50 {
        content.push_str(&format!("{row};{long}\r\n"));
    }
    let table = read(&content).unwrap();
    assert_eq!(table.len(), 50);
    assert_eq!(table.cell(49, 0), "49");
    assert_eq!(format!("\"{}\"", table.cell(49, 1)), long);
    assert_eq!(table.line(49), 2 + 49 * 2);
    assert_eq!(table.bytes(), content.len() as u64);
}

#[test]
fn wide_rows_and_empty_cells_are_found() {
    let header = (0..700).map(|n| format!("c{n}")).collect::<Vec<_>>().join(",");
    let row = (0..700).map(|n| if n % 3 == 0 { String::new() } else { n.to_string() }).collect::<Vec<_>>().join(",");
    let table = read(format!("{header}\n{row}\n{row}\n")).unwrap();
    assert_eq!((table.cell(1, 0), table.cell(1, 1), table.cell(1, 698), table.cell(1, 699)), ("", "1", "698", ""));
    assert_eq!((table.cell(1, 700), table.cell(2, 0)), ("", ""));
    assert_eq!(table.column("c698").unwrap(), 698);
}

#[test]
fn a_single_column_may_hold_empty_rows_in_quotes() {
    assert_eq!(rows(&read("text\n\"\"\nx\n\"\"\n").unwrap()), [[""], ["x"], [""]]);
    assert_eq!(rows(&read("text\n\"\"").unwrap()), [[""]]);
}

#[test]
fn the_hash_is_that_of_the_file() {
    let content = "\u{feff}text,n\r\n\"a\nb\",1";
    assert_eq!(read(content).unwrap().sha256(), crate::data::hashed::sha256(content.as_bytes()));
}

#[test]
fn rows_of_the_wrong_width_are_named_by_their_line() {
    assert_eq!(error("a,b\n1,2\n\"x\ny\",2\n3\n"), ", line 5: 1 fields, but the header names 2 columns");
    assert_eq!(error("a,b\r\n1,2\r\n\r\n\"x\r\ny\",2,3\r\n"), ", line 4: 3 fields, but the header names 2 columns");
}

#[test]
fn an_unclosed_quote_is_named_by_its_line() {
    for content in ["a,b\n1,2\n3,\"x\ny\n", "a,b\n1,2\n3,\"x\ny", "a,b\r\n1,2\r\n3,\"", "a,b\n1,2\n\"x,\n"] {
        assert_eq!(error(content), ", line 3: a quoted cell of this row is never closed", "{content:?}");
    }
    assert_eq!(error("\"a,b\n1,2\n"), ", line 1: a quoted cell of this row is never closed");
}

#[test]
fn other_encodings_are_named_by_their_line() {
    assert_eq!(
        error(b"a,b\n1,2\n\"x\ny\",\"z\n\xe4h\"\n"),
        ", line 5: byte 0xe4 is not valid UTF-8, save the file as UTF-8"
    );
    assert!(error(b"a,\xfcb\n1,2\n").starts_with(", line 1: byte 0xfc"));
    // Valid only where two cells are taken together.
    assert!(error(b"a,b\n\xc3,\xa9\n").starts_with(", line 2: byte 0xc3"));
    assert_eq!(error(b"\xff\xfea\0,\0b\0\n\0"), ": the file is UTF-16, save it as UTF-8");
}

#[test]
fn files_without_rows_are_refused() {
    let empty = ": the file is empty, a header line with column names is needed";
    for content in ["", "\u{feff}", "\n\r\n\n"] {
        assert_eq!(error(content), empty, "{content:?}");
    }
    for content in ["a,b", "a,b\n", "a,b\r\n\r\n"] {
        assert_eq!(error(content), ": there are no rows below the header", "{content:?}");
    }
}

#[test]
fn columns_of_one_name_are_refused() {
    assert_eq!(error("a,b,a\n1,2,3\n"), ": two columns are called \"a\", rename one");
}

#[test]
fn paths_that_are_no_files_are_told_apart() {
    let folder = TempDir::new().unwrap();
    let message = |path: &Path| Table::read(path).err().unwrap().to_string();
    assert!(message(&folder.path().join("none.csv")).ends_with("none.csv: no such file"));
    assert!(message(folder.path()).ends_with(": is a directory, a CSV file is needed"));
    assert!(message(&folder.path().join("a\0b")).contains("a\0b: "));
}

#[test]
fn a_missing_column_is_named_with_the_nearest() {
    let table = read("text,stance\nx,1\n").unwrap();
    let message = table.column("stanse").unwrap_err().to_string();
    assert!(message.ends_with("no column \"stanse\" (did you mean \"stance\"?); there are \"text\", \"stance\""));
    assert!(
        table.column("zzz").unwrap_err().to_string().ends_with("no column \"zzz\"; there are \"text\", \"stance\"")
    );
}
