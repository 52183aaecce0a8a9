//! Opening sessions and runs, saving and exporting: what the workbench reads and writes on threads of its own.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use crate::app::effect::Saving;
use crate::app::message::{Message, Opened, SaveError, SessionRead, Unsaved};
use crate::app::run::Run;
use crate::data::{Split, probe};
use crate::engine::Cancel;
use crate::session::export::Format;
use crate::session::home::HomeError;
use crate::session::overlay::{OVERLAY, Overlay};
use crate::session::prepare::Prepared;
use crate::session::timeline::{Timeline, VERSIONS};
use crate::session::{SessionFile, ledger, recovery, runs};

use super::recorder::{about, prepared_for};
use super::watch::is_training;
use super::world::{Mailbox, Place};

/// What is kept beside the session that is open.
#[derive(Default)]
pub struct Kept {
    /// Marks on rows.
    pub overlay: Option<Overlay>,
    /// Versions of the prompt.
    pub timeline: Option<Timeline>,
}

/// Rows of the probe.
const PROBE: usize = 32;

/// Where the versions of a session's prompt are kept.
fn versions_path(file: &SessionFile) -> PathBuf {
    file.home().join(VERSIONS)
}

/// Opens a session: its file first, so that its model can be loaded meanwhile, then its data.
pub fn open(name: &str, place: &Place, stop: &Cancel, kept: &Arc<Mutex<Kept>>, mailbox: &Mailbox) -> Message {
    match read(name, place, stop, kept, mailbox) {
        Ok(opened) => Message::Opened(Box::new(opened)),
        Err(error) => Message::OpenFailed(error),
    }
}

fn read(
    name: &str,
    place: &Place,
    stop: &Cancel,
    kept: &Arc<Mutex<Kept>>,
    mailbox: &Mailbox,
) -> Result<Opened, String> {
    let said = |error: &dyn std::fmt::Display| error.to_string();
    let file = SessionFile::find(name).map_err(|error| said(&error))?;
    let session = file.load(&place.overrides).map_err(|error| said(&error))?;
    let recovered = recovery::find(&file).and_then(|recovered| {
        let mut edited = file.clone();
        edited.text = recovered.text;
        let session = edited.load(&place.overrides).ok()?;
        let time = recovered.time.to_zoned(jiff::tz::TimeZone::system()).strftime("%d %b %H:%M").to_string();
        Some(Unsaved { session, time, base_changed: recovered.base_changed })
    });
    let mut notes = Vec::new();
    let timeline = Timeline::open(&versions_path(&file)).map_err(|error| notes.push(error.to_string())).ok();
    let versions = timeline.as_ref().map(|timeline| timeline.versions().cloned().collect()).unwrap_or_default();
    let runs = place.out.clone().unwrap_or_else(|| file.runs().to_owned());
    let overlay_path = file.home().join(OVERLAY);
    let read = SessionRead { file, session: session.clone(), runs, recovered, versions };
    mailbox.send(Message::SessionRead(Box::new(read)));

    let mut fetching = |done, total| {
        mailbox.send(Message::Fetching { done, total });
        !stop.is_cancelled()
    };
    let prepared = Prepared::open(session, &mut fetching).map_err(|error| said(&error))?;
    if stop.is_cancelled() {
        return Err("opening was cancelled".to_owned());
    }
    let data = &prepared.data;
    if data.empty_texts() > 0 {
        notes.push(format!("{} rows of the data have an empty text", data.empty_texts()));
    }
    if let Err(error) = prepared.check_labels() {
        notes.push(error.to_string());
    }
    let overlay = Overlay::open(&overlay_path, data.sha256()).map_err(|error| notes.push(error.to_string())).ok();
    let marks = overlay.as_ref().map(|overlay| overlay.iter().map(|(row, mark)| (row, mark.clone())).collect());
    let probe = probe::probe(data, Split::Validation, PROBE, prepared.session.data.seed);
    *kept.lock().unwrap_or_else(PoisonError::into_inner) = Kept { overlay, timeline };
    Ok(Opened { prepared: Arc::new(prepared), probe, marks: marks.unwrap_or_default(), notes })
}

/// Runs of a session, of those beside it, and of the folder that the command line names.
pub fn list_runs(file: &SessionFile, out: Option<&Path>) -> Message {
    let mut folders: Vec<PathBuf> = out.map(Path::to_owned).into_iter().collect();
    folders.extend(runs::folders(file));
    let entries = runs::list(&folders);
    let trainings = entries.iter().map(|entry| &entry.path).filter(|path| is_training(path)).cloned().collect();
    // What cannot be read is not told.
    let tried = ledger::tried(out.unwrap_or(file.runs()), &file.name).ok();
    Message::Runs { entries, trainings, tried }
}

/// Reads a run, with its data where that can still be read.
pub fn load_run(path: &Path, near: Option<&Arc<Prepared>>) -> Result<Run, String> {
    let loaded = runs::load(path).map_err(|error| error.to_string())?;
    // Without its data a run still has its figures.
    let prepared = prepared_for(&loaded.manifest, near)
        .ok()
        .filter(|prepared| prepared.data.sha256() == loaded.manifest.data.sha256);
    let status = match loaded.manifest.status {
        // Whoever was at work on it is not here.
        crate::session::folder::Status::Running => crate::session::folder::Status::Cancelled,
        status => status,
    };
    Ok(Run::new(about(path, &loaded.manifest, prepared), status, loaded.predictions.rows))
}

/// Writes a run as one file into the current folder.
pub fn export_run(path: &Path, format: Format) -> Result<String, String> {
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let ending = match format {
        Format::Csv => "csv",
        Format::Json => "json",
        Format::Md => "md",
        Format::Html => "html",
    };
    let target = PathBuf::from(format!("{name}.{ending}"));
    runs::export_to(path, format, &target).map_err(|error| error.to_string())?;
    let shown = std::path::absolute(&target).unwrap_or(target);
    Ok(format!("written to {}", shown.display()))
}

/// Writes a session's file.
pub fn save(saving: &Saving) -> Result<SessionFile, SaveError> {
    let Saving { file, was, now, name, force } = saving;
    let text = file.updated(was, now).map_err(|error| SaveError::Other(error.to_string()))?;
    let mut file = file.clone();
    let saved = match name {
        Some(name) => file.save_as(&text, name),
        None => file.save(&text, *force),
    };
    match saved {
        Ok(_) => Ok(file),
        Err(error @ (HomeError::Changed { .. } | HomeError::Exists { .. })) if name.is_none() => {
            Err(SaveError::Changed(error.to_string()))
        }
        Err(error) => Err(SaveError::Other(error.to_string())),
    }
}
