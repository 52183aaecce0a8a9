//! The versions of the prompt: kept, walked, compared with, restored.

use super::Effects;
use crate::app::effect::Effect;
use crate::app::state::App;
use crate::app::window::Window;
use crate::prompt::PromptSpec;
use crate::session::timeline::{ProbeRecord, Version, probe_sha256};

/// Versions held in memory; older ones stay on disk.
const MOST: usize = 1000;

impl App {
    /// The probe's rows are all answered: the prompt as it is becomes a version.
    pub(super) fn probe_complete(&mut self, fx: &mut Effects) {
        if self.prompt.probe.edit != self.prompt.edit {
            return;
        }
        let Some(session) = &self.session else { return };
        let spec = session.now.prompt.clone();
        let known = self.prompt.versions.iter().rev().find(|version| version.prompt == spec).map(|known| known.number);
        let first = self.prompt.probe.accepted.is_none();
        if first {
            self.prompt.probe.accept();
        }
        if known.is_some() {
            self.prompt.version = known;
            return;
        }
        let figures = self.prompt.probe.figures();
        let sha256 = self.prepared().map(|prepared| probe_sha256(prepared.data.sha256(), &self.prompt.probe.rows));
        let probe = ProbeRecord {
            rows: figures.rows,
            right: figures.right,
            accuracy: figures.accuracy,
            macro_f1: figures.macro_f1,
            sha256: sha256.unwrap_or_default(),
        };
        let version =
            Version { number: 0, time: String::new(), prompt: spec, accepted: first, probe: Some(probe), note: None };
        fx.push(Effect::Version { edit: self.prompt.edit, version: Box::new(version) });
    }

    /// A version has its number.
    pub(super) fn versioned(&mut self, edit: u64, version: Version, fx: &mut Effects) {
        let number = version.number;
        self.prompt.versions.push(version);
        if self.prompt.versions.len() > MOST {
            self.prompt.versions.remove(0);
        }
        if edit == self.prompt.edit {
            self.prompt.version = Some(number);
            if self.prompt.accepted_edit == Some(edit) {
                self.accept_version(number, fx);
            }
        }
    }

    /// From now on the probe compares with this prompt.
    pub(super) fn accept(&mut self, fx: &mut Effects) {
        if !self.prompt.probe.is_complete() || self.prompt.probe.edit != self.prompt.edit {
            return self.note("the probe is not through with this prompt yet");
        }
        self.accept_silently(fx);
        if let Some(version) = self.prompt.version {
            self.note(format!("v{version} is accepted: the probe compares with it"));
        }
    }

    /// The same without a word, where the probe is through.
    pub(super) fn accept_silently(&mut self, fx: &mut Effects) {
        if !self.prompt.probe.is_complete() || self.prompt.probe.edit != self.prompt.edit {
            return;
        }
        self.prompt.probe.accept();
        self.prompt.accepted_edit = Some(self.prompt.edit);
        if let Some(number) = self.prompt.version {
            self.accept_version(number, fx);
        }
    }

    fn accept_version(&mut self, number: u64, fx: &mut Effects) {
        let version = self.prompt.versions.iter_mut().find(|version| version.number == number);
        if let Some(version) = version.filter(|version| !version.accepted) {
            version.accepted = true;
            fx.push(Effect::AcceptVersion(number));
        }
    }

    pub(super) fn open_timeline(&mut self) {
        if self.prompt.versions.is_empty() {
            return self.note("there is no version yet: one is kept each time the probe is through with a prompt");
        }
        let number = self.prompt.version;
        let place = self.prompt.versions.iter().position(|version| Some(version.number) == number);
        let selected = place.unwrap_or(self.prompt.versions.len() - 1);
        self.open_window(Window::Timeline { selected, offset: 0 });
    }

    /// Goes `by` versions on, and restores that one.
    pub(super) fn walk(&mut self, by: isize, fx: &mut Effects) {
        let versions = &self.prompt.versions;
        let number = self.prompt.version;
        let place = versions.iter().position(|version| Some(version.number) == number);
        let place = match place {
            Some(place) => super::moved(place, by, versions.len()),
            None => versions.len().saturating_sub(1),
        };
        self.restore(place, fx);
    }

    /// Puts a version back, as one step that can be undone.
    pub(super) fn restore(&mut self, place: usize, fx: &mut Effects) {
        let Some(version) = self.prompt.versions.get(place).cloned() else { return };
        if self.prompt.version == Some(version.number) {
            return;
        }
        self.set_prompt(version.prompt, fx);
        self.prompt.version = Some(version.number);
        self.note(format!("v{} is back; u undoes it in the template and in the demos", version.number));
    }

    /// Puts another prompt in the place of this one.
    pub(super) fn set_prompt(&mut self, prompt: PromptSpec, fx: &mut Effects) {
        let Some(session) = &mut self.session else { return };
        let demos = |prompt: &PromptSpec| (prompt.demos, prompt.shots, prompt.seed, prompt.pinned.clone());
        if demos(&session.now.prompt) != demos(&prompt) {
            self.prompt.demos.remember(&session.now.prompt);
        }
        self.prompt.template.set_text(&prompt.template);
        self.prompt.system.set_text(prompt.system.as_deref().unwrap_or_default());
        session.now.prompt = prompt;
        self.prompt_changed(fx);
    }
}
