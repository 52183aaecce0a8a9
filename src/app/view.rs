//! The views and their panes.

use super::action::Context;

/// One screen full of panes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum View {
    /// Template, demonstrations, the current row and its answer, the probe.
    #[default]
    Prompt,
    /// Report and confusion matrix of a run.
    Evaluate,
    /// The rows of a run.
    Rows,
    /// A training.
    Train,
    /// A simulated survey.
    Simulate,
    /// All runs.
    Runs,
}

impl View {
    /// All of them, in order.
    pub const ALL: [Self; 6] = [Self::Prompt, Self::Evaluate, Self::Rows, Self::Train, Self::Simulate, Self::Runs];

    /// The key that shows it.
    pub fn number(self) -> char {
        match self {
            Self::Prompt => '1',
            Self::Evaluate => '2',
            Self::Rows => '3',
            Self::Train => '4',
            Self::Simulate => '5',
            Self::Runs => '6',
        }
    }

    /// Its name.
    pub fn title(self) -> &'static str {
        match self {
            Self::Prompt => "Prompt",
            Self::Evaluate => "Evaluate",
            Self::Rows => "Rows",
            Self::Train => "Train",
            Self::Simulate => "Simulate",
            Self::Runs => "Runs",
        }
    }
}

/// A part of a view that can have the focus.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Pane {
    /// The system message, where the session talks in turns.
    System,
    /// The prompt's template.
    Template,
    /// The demonstrations.
    Demos,
    /// The current row's prompt.
    Row,
    /// Its answer.
    Answer,
    /// The probe.
    Probe,
    /// The report of a run.
    Report,
    /// Its confusion matrix.
    Matrix,
    /// Its rows.
    Rows,
    /// One of them.
    Detail,
    /// The loss of a training.
    Loss,
    /// Its evaluations.
    Metrics,
    /// What happened while it went on.
    Events,
    /// A respondent of a simulated survey.
    Respondent,
    /// Shares of real and simulated answers.
    Shares,
    /// The same by groups of respondents.
    Groups,
    /// Simulated answers by how often they came.
    Tally,
    /// All runs.
    Runs,
    /// Two of them side by side.
    Compare,
}

impl Pane {
    /// Where its keys are looked up.
    pub fn context(self) -> Context {
        match self {
            Self::System | Self::Template => Context::Template,
            Self::Demos => Context::Demos,
            Self::Row | Self::Answer => Context::Row,
            Self::Probe => Context::Probe,
            Self::Report => Context::Report,
            Self::Matrix => Context::Matrix,
            Self::Rows => Context::Rows,
            Self::Detail => Context::Detail,
            Self::Loss | Self::Metrics | Self::Events => Context::Train,
            Self::Respondent => Context::Respondent,
            Self::Shares | Self::Groups | Self::Tally => Context::Survey,
            Self::Runs => Context::Runs,
            Self::Compare => Context::Compare,
        }
    }

    /// Its name.
    pub fn title(self) -> &'static str {
        match self {
            Self::System => "System message",
            Self::Template => "Template",
            Self::Demos => "Demos",
            Self::Row => "Row",
            Self::Answer => "Answer",
            Self::Probe => "Probe",
            Self::Report => "Report",
            Self::Matrix => "Confusion matrix",
            Self::Rows => "Rows",
            Self::Detail => "Row",
            Self::Loss => "Loss",
            Self::Metrics => "Validation",
            Self::Events => "Events",
            Self::Respondent => "Respondent",
            Self::Shares => "Shares",
            Self::Groups => "Groups",
            Self::Tally => "Answers",
            Self::Runs => "Runs",
            Self::Compare => "Comparison",
        }
    }
}
