//! What was written to a terminal, taken apart.

/// How often `part` stands in `bytes`.
pub fn count(bytes: &[u8], part: &[u8]) -> usize {
    bytes.windows(part.len()).filter(|window| *window == part).count()
}

/// Whether `part` stands in `bytes`.
pub fn contains(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}

/// Where `part` stands last.
pub fn last(bytes: &[u8], part: &[u8]) -> Option<usize> {
    bytes.windows(part.len()).rposition(|window| window == part)
}

/// The sequences that the program writes: what stands between `ESC [` and the final byte, with it. Everything else behind
/// an ESC comes as it is, so that it can be found.
pub fn sequences(bytes: &[u8]) -> Vec<String> {
    let text = String::from_utf8_lossy(bytes);
    text.split('\x1b')
        .skip(1)
        .map(|rest| match rest.strip_prefix('[') {
            Some(sequence) => {
                let end = sequence.find(|c: char| ('@'..='~').contains(&c)).map_or(sequence.len(), |end| end + 1);
                sequence.get(..end).unwrap_or_default().to_owned()
            }
            None => format!("ESC {}", rest.chars().take(20).collect::<String>()),
        })
        .collect()
}

/// What is shown: everything outside of the sequences.
pub fn shown(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    let mut pieces = text.split('\x1b');
    let mut shown = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        let end = piece.strip_prefix('[').and_then(|piece| piece.find(|c: char| ('@'..='~').contains(&c)));
        shown += end.map_or(piece, |end| piece.get(end + 2..).unwrap_or_default());
    }
    shown
}

/// The parameters of SGR sequences that choose a colour other than the terminal's own.
pub fn colors(bytes: &[u8]) -> Vec<u16> {
    let mut colors = Vec::new();
    for sequence in sequences(bytes) {
        let Some(parameters) = sequence.strip_suffix('m') else { continue };
        let mut parameters = parameters.split([';', ':']).map(|number| number.parse().unwrap_or(0));
        while let Some(parameter) = parameters.next() {
            match parameter {
                30..=38 | 40..=48 | 58 | 90..=97 | 100..=107 => colors.push(parameter),
                _ => {}
            }
            // What follows is no parameter of its own.
            if matches!(parameter, 38 | 48 | 58) {
                let skip = if parameters.next() == Some(2) { 3 } else { 1 };
                parameters.by_ref().take(skip).for_each(drop);
            }
        }
    }
    colors
}

#[test]
fn bytes_are_taken_apart() {
    let bytes = b"a\x1b[31;1mb\x1b[0;38;5;31mc\x1b[39m\x1b[2;7Hd\x1b]0;title\x07";
    assert_eq!(sequences(bytes), ["31;1m", "0;38;5;31m", "39m", "2;7H", "ESC ]0;title\u{7}"]);
    assert_eq!(shown(bytes), "abcd]0;title\u{7}");
    assert_eq!(colors(bytes), [31, 38]);
    assert_eq!((count(bytes, b"\x1b["), last(bytes, b"d"), contains(bytes, b"tle\x07")), (4, Some(33), true));
}
