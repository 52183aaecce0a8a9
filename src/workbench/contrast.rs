//! Comparing two runs for view 6, on a thread of its own: what `shotglass compare` does, counts first.

use std::fs;
use std::io::{self, Write as _};
use std::path::Path;
use std::time::{Duration, Instant};

use crate::app::contrast::{Contrast, Pair};
use crate::app::message::Message;
use crate::engine::Cancel;
use crate::session::comparison::{self, RESAMPLES, SEED, Side, Together, same_gold, text};
use crate::session::folder::{Manifest, Status};
use crate::session::predictions::answers::read_answers;

use super::world::Mailbox;

/// Time between two words on how far the resamples are.
const PACE: Duration = Duration::from_millis(100);

/// Compares two runs. What comes back is the last that there is to say.
pub fn contrast(number: u64, pair: &Pair, stop: &Cancel, mailbox: &Mailbox) -> Message {
    match compare(number, pair, stop, &mut |message| mailbox.send(message)) {
        Ok(Some(contrast)) => Message::Contrasted { number, found: Ok(Box::new(contrast)) },
        // Nobody waits for it any more.
        Ok(None) => Message::Resampled { number, done: 0 },
        Err(error) => Message::Contrasted { number, found: Err(error) },
    }
}

/// The same with what is said on the way; none where it was asked to stop.
fn compare(number: u64, pair: &Pair, stop: &Cancel, tell: &mut dyn FnMut(Message)) -> Result<Option<Contrast>, String> {
    let (a, b) = (read(&pair.a, "A")?, [read(&pair.b, "B")?]);
    same_gold(&a, &b).map_err(|error| error.to_string())?;
    let [of_b] = &b;
    let rows = Together::of(&a, of_b).map_err(|error| error.to_string())?;
    let mut remarks = rows.remarks();
    let unfinished = [&a, of_b].into_iter().filter_map(Side::unfinished);
    remarks.extend(unfinished.map(|text| comparison::Remark { serious: true, text }));

    let Some(counts) = rows.compare(0, SEED, |_| true) else { return Ok(None) };
    let first = Contrast { compared: counts, remarks: remarks.clone(), written: None };
    tell(Message::Contrasted { number, found: Ok(Box::new(first)) });

    let mut told = Instant::now();
    let compared = rows.compare(RESAMPLES as usize, SEED, |done| {
        if told.elapsed() > PACE {
            told = Instant::now();
            tell(Message::Resampled { number, done });
        }
        !stop.is_cancelled()
    });
    let Some(compared) = compared else { return Ok(None) };
    let compared = [compared];
    let json = serde_json::to_string(&comparison::json(&compared, None)).map_err(|error| error.to_string())?;
    let mut text = text::of(&a, &b, &compared, None);
    for (place, remark) in remarks.iter().enumerate() {
        text += &format!("{}{}\n", if place == 0 { "\n" } else { "" }, crate::text::printable(&remark.text));
    }
    let [compared] = compared;
    Ok(Some(Contrast { compared, remarks, written: Some([text, json + "\n"]) }))
}

fn read(path: &Path, called: &str) -> Result<Side, String> {
    let manifest = Manifest::read(path).map_err(|error| error.to_string())?;
    if manifest.training.is_some() && manifest.status != Status::Finished {
        return Err(format!("{called} is a training that is not finished: it has answered no rows yet"));
    }
    let answers = read_answers(path).map_err(|error| error.to_string())?;
    Ok(Side { name: path.display().to_string(), called: called.to_owned(), manifest: Some(manifest), answers })
}

/// Writes a comparison; a file that is there stays as it is.
pub fn write(path: &Path, text: &str) -> Result<String, String> {
    let shown = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let said = |error: io::Error| match error.kind() {
        io::ErrorKind::AlreadyExists => format!("{}: is there already; rename or remove it first", shown.display()),
        _ => format!("{}: cannot be written: {error}", shown.display()),
    };
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).map_err(said)?;
    }
    let mut file = fs::File::create_new(path).map_err(said)?;
    file.write_all(text.as_bytes()).map_err(said)?;
    Ok(format!("written to {}", shown.display()))
}
