//! The review of gold labels: which rows come up, and what is said of them.

use std::path::PathBuf;
use std::sync::Arc;

use super::Effects;
use crate::app::action::Action;
use crate::app::effect::Effect;
use crate::app::sift::{Filter, Show};
use crate::app::state::App;
use crate::app::view::{Pane, View};
use crate::session::audit::Suspect;
use crate::session::overlay::{Mark, Verdict};

impl App {
    /// Looks for gold labels that deserve a second look, and lists their rows.
    pub(super) fn audit(&mut self, fx: &mut Effects) {
        let Some(run) = &self.run else { return self.note("there is no run yet: Ctrl-R classifies the split") };
        if run.is_live() {
            return self.note("the run goes on: its rows can be reviewed once it is over");
        }
        let Some(prepared) = run.about.prepared.clone() else {
            return self.complain("the data of this run cannot be read any more");
        };
        let of = (run.about.path.clone(), run.revision);
        if self.rows.audit.as_ref().is_some_and(|(known, _)| *known == of) {
            return self.review();
        }
        let rows = run.rows.clone();
        if !std::mem::replace(&mut self.rows.auditing, true) {
            self.note("looking through the rows; Ctrl-C stops it");
            fx.push(Effect::Audit { of, prepared, rows });
        }
    }

    /// The rows to look at are known.
    pub(super) fn audited(&mut self, of: (PathBuf, u64), found: Result<Vec<Suspect>, String>) {
        self.rows.auditing = false;
        match found {
            Err(error) if error == "cancelled" => self.note("nothing was looked through"),
            Err(error) => self.complain(error),
            Ok(found) if self.run.as_ref().is_some_and(|run| (&run.about.path, run.revision) == (&of.0, of.1)) => {
                self.rows.audit = Some((of, Arc::new(found)));
                self.review();
            }
            Ok(_) => {}
        }
    }

    /// Lists the rows that are not decided yet.
    fn review(&mut self) {
        self.rows.filter = Filter { show: Show::Suspects, ..Filter::default() };
        (self.rows.selected, self.rows.offset, self.rows.sifted) = (0, 0, None);
        let left = self.suspects_left().count();
        self.go(View::Rows, Pane::Rows);
        self.note(match left {
            0 => "no row of this run is left to review".to_owned(),
            left => format!("{left} rows to review: r gold right, w gold wrong, x doubtful, Space skips, u takes back"),
        });
    }

    /// Rows of the run on the screen that are to be looked at and not decided, in their order.
    pub(super) fn suspects_left(&self) -> impl Iterator<Item = &Suspect> {
        let run = self.run.as_ref();
        let found = self.rows.audit.as_ref().filter(|(of, _)| {
            run.is_some_and(|run| (run.about.path.as_path(), run.revision) == (of.0.as_path(), of.1))
        });
        let suspects = found.map(|(_, suspects)| suspects.as_slice()).unwrap_or_default();
        suspects.iter().filter(move |suspect| {
            let open = self.marks.get(&suspect.row).is_none_or(|mark| mark.decided().is_none());
            open && run.is_some_and(|run| run.of(suspect.row).is_some())
        })
    }

    /// Why a row came up.
    pub fn suspect(&self, row: usize) -> Option<&Suspect> {
        let (_, suspects) = self.rows.audit.as_ref()?;
        suspects.iter().find(|suspect| suspect.row == row)
    }

    /// Says something of a row's gold label.
    pub(super) fn judge(&mut self, row: usize, verdict: Verdict, fx: &mut Effects) {
        let why = self.suspect(row).map_or("by hand", |suspect| suspect.reason.name()).to_owned();
        self.rows.judged.push((row, self.marks.get(&row).cloned().unwrap_or_default()));
        self.mark(row, fx, |mark| *mark = std::mem::take(mark).judged(verdict, Some(why)));
    }

    /// Actions of the review; false if it is none of them.
    pub(super) fn act_in_review(&mut self, action: Action, row: usize, fx: &mut Effects) -> bool {
        let reviewing = self.rows.filter.show == Show::Suspects;
        let verdict = match action {
            Action::GoldRight => Verdict::GoldRight,
            Action::GoldWrong => Verdict::GoldWrong,
            Action::Skip => Verdict::Skipped,
            Action::Doubt if reviewing => Verdict::Doubtful,
            _ => return false,
        };
        self.judge(row, verdict, fx);
        if !reviewing {
            self.note(format!("row {row}: {}; u takes it back", verdict.name()));
        }
        true
    }

    /// Takes the last verdict back.
    pub(super) fn take_verdict_back(&mut self, fx: &mut Effects) {
        let Some((row, before)) = self.rows.judged.pop() else {
            return self.note("nothing was said that can be taken back");
        };
        self.mark(row, fx, |mark: &mut Mark| *mark = before);
        self.note(format!("what was said of row {row} is taken back"));
    }
}
