//! Whether the welcome was seen: a mark in the state folder.

use std::path::PathBuf;

use crate::session::home;

fn mark() -> Option<PathBuf> {
    Some(home::state_folder().ok()?.join("welcomed"))
}

/// Whether this is the first start, as far as can be told.
pub fn is_due() -> bool {
    mark().is_some_and(|mark| !mark.exists())
}

/// Remembers that it was seen. Where nothing can be written it is shown again, which does no harm.
pub fn remember() {
    if let Some(mark) = mark() {
        let _ = mark.parent().map(std::fs::create_dir_all);
        let _ = std::fs::write(mark, "");
    }
}
