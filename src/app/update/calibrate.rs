//! Calibrating the run on the screen: asked for by a key, worked out beside, shown in all views at once.

use std::path::Path;
use std::sync::Arc;

use super::Effects;
use crate::app::calibrate::{Asking, Request, Shown, Worked};
use crate::app::effect::Effect;
use crate::app::jobs::Purpose;
use crate::app::state::App;
use crate::app::views::BesideRun;
use crate::engine::Answer;
use crate::metrics::calibration::{Method, Quality};
use crate::session::baselines::Baselines;
use crate::session::calibrate::Ask;

impl App {
    /// Shows the run by a method; the one that is shown already is taken off again.
    pub(super) fn calibrate(&mut self, method: Method, fx: &mut Effects) {
        let Some(run) = &self.run else { return self.note("there is no run yet: Ctrl-R classifies the split") };
        if run.is_live() {
            return self.note("the run goes on: it can be calibrated once it is over");
        }
        let state = &mut self.evaluate.calibrate;
        if method == Method::None || state.method() == method {
            state.wanted = None;
            if let Some(shown) = state.shown.take() {
                self.look_at(shown.own);
                self.note("as the model said");
            }
            return;
        }
        let own = state.shown.as_ref().map_or(run, |shown| &shown.own).clone();
        state.wanted = Some(method);
        fx.push(Effect::Calibrate(Box::new(Request { method, own })));
    }

    /// A calibration was worked out, or cannot be.
    pub(super) fn calibrated(&mut self, request: Request, worked: Worked, fx: &mut Effects) {
        let on_screen = self.run.as_ref().is_some_and(|run| run.about.path == request.own.about.path && !run.is_live());
        if !on_screen || self.evaluate.calibrate.wanted != Some(request.method) {
            return;
        }
        match worked {
            Worked::Done(run, why) => {
                self.look_at(*run);
                let Request { method, own } = request;
                self.evaluate.calibrate.wanted = None;
                self.note(format!("{}: {why}", method.name()));
                self.evaluate.calibrate.shown = Some(Shown { method, why, own });
            }
            Worked::Missing => self.ask_calibration(request, fx),
            Worked::Failed(error) => {
                self.evaluate.calibrate.wanted = None;
                self.complain(error);
            }
        }
    }

    /// The model has to be asked: the run's own, by the run's own prompt.
    fn ask_calibration(&mut self, request: Request, fx: &mut Effects) {
        let about = &request.own.about;
        let problem = match (self.model(), &about.prepared) {
            (Some(model), Some(prepared)) if model.sha256 == about.model_sha256 => {
                let (prepared, model) = (Arc::clone(prepared), Arc::clone(model));
                self.note(format!("asking the model for what {} calibration needs", request.method.name()));
                fx.push(Effect::AskCalibration { request: Box::new(request), prepared, model });
                return;
            }
            (_, None) => "the run's data is not there any more as it was".to_owned(),
            (None, _) => "there is no model yet to ask".to_owned(),
            (Some(model), _) => {
                format!("the run was made with {}, and {} is loaded: m picks its model", about.model, model.name)
            }
        };
        self.evaluate.calibrate.wanted = None;
        self.complain(format!("{} calibration: {problem}", request.method.name()));
    }

    /// The questions are written.
    pub(super) fn calibration_asked(&mut self, request: Request, ask: Result<Ask, String>) {
        match ask {
            Ok(ask) if self.evaluate.calibrate.wanted == Some(request.method) => {
                self.evaluate.calibrate.asking = Some(Asking { request, ask: Arc::new(ask), answers: Vec::new() });
                self.jobs.want(Purpose::Calibrate);
            }
            Ok(_) => {}
            Err(error) => {
                self.evaluate.calibrate.wanted = None;
                self.complain(error);
            }
        }
    }

    /// The model answers some of the questions.
    pub(super) fn calibration_answers(&mut self, answers: Vec<Answer>) {
        if let Some(asking) = &mut self.evaluate.calibrate.asking {
            asking.answers.extend(answers);
        }
    }

    /// The model has answered all of them.
    pub(super) fn calibration_complete(&mut self, fx: &mut Effects) {
        if let Some(Asking { request, ask, answers }) = self.evaluate.calibrate.asking.take() {
            fx.push(Effect::KeepCalibration { request: Box::new(request), ask, answers });
        }
    }

    /// The model was stopped, or broke off.
    pub(super) fn calibration_stopped(&mut self, error: Option<String>) {
        let state = &mut self.evaluate.calibrate;
        (state.asking, state.wanted) = (None, None);
        match error {
            Some(error) => self.complain(format!("calibration: {error}")),
            None => self.note("calibration was stopped"),
        }
    }

    /// Asks how good the probabilities on the screen are, where that is not known.
    pub(super) fn ask_quality(&mut self, fx: &mut Effects) {
        let Some(run) = self.run.as_ref().filter(|run| !run.is_live() && run.report.is_some()) else { return };
        let of = (run.about.path.clone(), run.revision);
        let state = &mut self.evaluate.calibrate;
        if state.quality.as_ref().is_none_or(|(known, _)| *known != of) {
            state.quality = Some((of.clone(), None));
            let (rows, labels) = (run.rows.clone(), run.about.labels.clone());
            fx.push(Effect::Judge { of, rows, labels });
        }
    }

    /// Asks what would have cost nothing, beside a run that is over.
    pub(super) fn ask_baselines(&mut self, fx: &mut Effects) {
        let Some(run) = self.run.as_ref().filter(|run| !run.is_live() && run.report.is_some()) else { return };
        let Some(prepared) = run.about.prepared.clone() else { return };
        let of = run.about.path.clone();
        if self.evaluate.baselines.of != of {
            self.evaluate.baselines = BesideRun { of: of.clone(), fitting: true, found: None };
            fx.push(Effect::Baselines { of, prepared, split: run.about.split, rows: run.about.total });
        }
    }

    /// They are fitted.
    pub(super) fn baselined(&mut self, of: &Path, found: Option<Arc<Baselines>>) {
        let beside = &mut self.evaluate.baselines;
        if beside.of == of {
            (beside.fitting, beside.found) = (false, found);
        }
    }

    /// It is known how good they are.
    pub(super) fn judged(&mut self, of: (&Path, u64), quality: Option<Arc<Quality>>) {
        if let Some((known, place)) = &mut self.evaluate.calibrate.quality
            && (known.0.as_path(), known.1) == of
        {
            *place = quality;
        }
    }
}
