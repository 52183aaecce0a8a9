//! Everything that a key, the palette or the mouse can ask for. One table feeds keys, footer, help and palette.

use serde::Deserialize;

/// Where a key is looked up. The innermost context that knows it decides; [`Context::Global`] comes last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Context {
    /// Everywhere, unless a text is being typed.
    Global,
    /// While a text is being typed, in the template or in a line of input.
    Typing,
    /// The template and the system message, looked at but not typed in.
    Template,
    /// The list of demonstrations.
    Demos,
    /// The current row, its prompt and its answer.
    Row,
    /// The probe.
    Probe,
    /// The report.
    Report,
    /// The confusion matrix.
    Matrix,
    /// The table of rows.
    Rows,
    /// One row of a run.
    Detail,
    /// The training.
    Train,
    /// A respondent of a simulated survey.
    Respondent,
    /// Figures of a simulated survey.
    Survey,
    /// The list of runs.
    Runs,
    /// Two runs side by side.
    Compare,
    /// A window over the view that lists something.
    List,
}

impl Context {
    /// All of them, in the order of the help.
    pub const ALL: [Self; 16] = [
        Self::Global,
        Self::Typing,
        Self::Template,
        Self::Demos,
        Self::Row,
        Self::Probe,
        Self::Report,
        Self::Matrix,
        Self::Rows,
        Self::Detail,
        Self::Train,
        Self::Respondent,
        Self::Survey,
        Self::Runs,
        Self::Compare,
        Self::List,
    ];

    /// Its heading in the help.
    pub fn title(self) -> &'static str {
        match self {
            Self::Global => "Everywhere",
            Self::Typing => "While typing",
            Self::Template => "Template",
            Self::Demos => "Demos",
            Self::Row => "Row and answer",
            Self::Probe => "Probe",
            Self::Report => "Report",
            Self::Matrix => "Confusion matrix",
            Self::Rows => "Rows",
            Self::Detail => "Row of a run",
            Self::Train => "Training",
            Self::Respondent => "Respondent",
            Self::Survey => "Simulated survey",
            Self::Runs => "Runs",
            Self::Compare => "Comparison",
            Self::List => "Lists",
        }
    }
}

macro_rules! actions {
    ($($(#[doc = $doc:literal])+ $name:ident: $short:literal, $long:literal;)+) => {
        /// What can be asked for. Keymaps name actions in kebab case (`run-split`).
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Deserialize)]
        #[serde(rename_all = "kebab-case")]
        pub enum Action {
            $($(#[doc = $doc])+ $name,)+
        }

        impl Action {
            /// All of them, in the order of palette and help.
            pub const ALL: &[Self] = &[$(Self::$name,)+];

            /// One or two words, for the footer.
            pub fn short(self) -> &'static str {
                match self { $(Self::$name => $short,)+ }
            }

            /// What it does, for help and palette.
            pub fn long(self) -> &'static str {
                match self { $(Self::$name => $long,)+ }
            }
        }
    };
}

actions! {
    /// Shows view 1.
    ViewPrompt: "prompt", "Show the prompt";
    /// Shows view 2.
    ViewEvaluate: "evaluate", "Show the report and the confusion matrix";
    /// Shows view 3.
    ViewRows: "rows", "Show the rows of the run";
    /// Shows view 4.
    ViewTrain: "train", "Show the training";
    /// Shows view 5.
    ViewSimulate: "simulate", "Show the simulated survey";
    /// Shows view 6.
    ViewRuns: "runs", "Show all runs";
    /// The next pane.
    NextPane: "next pane", "Go to the next pane";
    /// The pane before.
    PreviousPane: "previous pane", "Go to the pane before";
    /// The list of keys.
    Help: "keys", "Show all keys";
    /// The command palette.
    Palette: "commands", "Find a command by its name";
    /// Ends the program.
    Quit: "quit", "Leave the program";
    /// Ends the innermost thing: typing, a window, a filter, a job.
    Back: "back", "Leave what is innermost: typing, a window, a filter, a job";
    /// Cancels the job; twice ends the program.
    Interrupt: "cancel", "Cancel the job; twice: leave the program";
    /// Gives the terminal back to the shell for a while.
    Suspend: "suspend", "Go back to the shell; `fg` returns here";
    /// Draws everything anew.
    Redraw: "redraw", "Draw the whole screen again";
    /// Saves the session file.
    Save: "save", "Save the session file, its comments kept";
    /// Saves the session under another name.
    SaveAs: "save as", "Save the session under another name";
    /// Runs the split.
    RunSplit: "run", "Classify the whole split and keep the run";
    /// Picks the split to run.
    ChooseSplit: "split", "Choose the split to run";
    /// Picks how many rows to run.
    ChooseLimit: "limit", "Choose how many rows to run";
    /// Calibrates by content-free inputs.
    Contextual: "contextual", "Calibrate by what the model says of inputs without content, or no longer";
    /// Calibrates by the rows' mean.
    Batch: "batch", "Calibrate by what the model says on average, or no longer";
    /// Calibrates by labelled rows.
    Supervised: "supervised", "Calibrate by labelled train rows, or no longer";
    /// Takes a calibration off.
    Uncalibrated: "as it is", "Show the run as the model said, without calibration";
    /// Begins a sweep.
    Sweep: "sweep", "See how far figures move between prompts that ought to mean the same";
    /// Begins a search.
    Search: "search", "Look for a better prompt: wordings, formats, demonstrations";
    /// Shows the sweep or search.
    ShowQueue: "sweep or search", "Show the sweep or search that goes on, or was the last";
    /// What is in the data.
    Columns: "columns", "Show the data's columns: codes, counts, what is missing";
    /// Another model.
    Models: "model", "Choose another model";
    /// Another session.
    Sessions: "session", "Open another session";
    /// Another theme.
    Theme: "theme", "Switch to the next theme";
    /// Starts typing.
    Edit: "edit", "Type in this text";
    /// Opens `$EDITOR`.
    EditExternally: "$EDITOR", "Edit this text in $EDITOR";
    /// Undoes the last change.
    Undo: "undo", "Undo the last change";
    /// Undoes an undo.
    Redo: "redo", "Do again what was undone";
    /// Looks for a text.
    Find: "find", "Find a text, or filter by words or /regex/";
    /// The next place found.
    FindNext: "next match", "Go to the next place found";
    /// The list of prompt versions.
    Timeline: "versions", "Walk, compare and restore the versions of the prompt";
    /// Makes this prompt the one that the probe compares with.
    Accept: "accept", "Accept this version: the probe compares with it from now on";
    /// Ticks a demonstration.
    Toggle: "tick", "Show this row as a demonstration, or no longer";
    /// Moves a demonstration up.
    MoveUp: "move up", "Move the demonstration up";
    /// Moves a demonstration down.
    MoveDown: "move down", "Move the demonstration down";
    /// Keeps a demonstration when others are drawn.
    Lock: "lock", "Keep this demonstration when others are drawn";
    /// The next way to choose demonstrations.
    Strategy: "strategy", "Choose demonstrations another way: random, similar, diverse, pinned";
    /// Draws other demonstrations.
    Draw: "draw", "Draw other demonstrations with the next seed";
    /// One demonstration more of each class.
    MoreShots: "more", "One demonstration more of each class";
    /// One demonstration less of each class.
    FewerShots: "fewer", "One demonstration less of each class";
    /// Answers the row again.
    RunRow: "answer", "Answer this row again";
    /// The next row.
    NextRow: "next row", "Go to the next row of the split";
    /// The row before.
    PreviousRow: "row before", "Go to the row before";
    /// A row by its number.
    GoToRow: "go to row", "Go to a row by its number";
    /// Shows or folds the demonstrations in the prompt.
    Fold: "fold", "Fold or unfold the demonstrations in the prompt";
    /// Shows the probability of each token.
    Probabilities: "token p", "Show the probability of each token of the answer";
    /// The next-token window.
    NextToken: "next token", "Show the most likely next tokens after this prompt, and its perplexity";
    /// Lists the probe rows that flipped.
    Flips: "flips", "List the probe rows, those that flipped first";
    /// Does what the line or cell under the cursor is for.
    Open: "open", "Open what is selected";
    /// Up.
    Up: "up", "Up";
    /// Down.
    Down: "down", "Down";
    /// Left.
    Left: "left", "Left";
    /// Right.
    Right: "right", "Right";
    /// A page up.
    PageUp: "page up", "A page up";
    /// A page down.
    PageDown: "page down", "A page down";
    /// To the first.
    First: "first", "Go to the first";
    /// To the last.
    Last: "last", "Go to the last";
    /// The next order.
    Sort: "sort", "Sort by row, margin, length or probability";
    /// The other direction.
    Reverse: "reverse", "Sort the other way round";
    /// The next of the ready filters.
    Show: "show", "Show all, misclassified, unknown, low margin, marked, or disagreement with the other run";
    /// Uses the row as a demonstration.
    UseAsDemo: "demo", "Use this row as a demonstration (training rows only)";
    /// Goes to the row in the prompt view.
    Try: "try", "Try this row in the prompt view";
    /// Tags a row.
    Tag: "tag", "Tag this row";
    /// Writes a note on a row.
    Note: "note", "Write a note on this row";
    /// Marks the gold label as doubtful.
    Doubt: "doubtful", "Mark the gold label as doubtful, or no longer";
    /// Reviews gold labels.
    Audit: "review", "List the rows whose gold label deserves a second look";
    /// Says that the gold label is right.
    GoldRight: "gold right", "Say that the gold label is right";
    /// Says that the gold label is wrong.
    GoldWrong: "gold wrong", "Say that the gold label is wrong";
    /// Leaves a row undecided.
    Skip: "skip", "Say nothing of this gold label and go on";
    /// Copies what is selected.
    Copy: "copy", "Copy to the clipboard";
    /// Marks a run to compare others with.
    Mark: "mark", "Mark this run: others are compared with it";
    /// Renames a run.
    Rename: "rename", "Give this run a name";
    /// Deletes a run.
    Delete: "delete", "Delete this run, after a question";
    /// Writes a run as one file.
    Export: "export", "Write this run as CSV, JSON, Markdown or HTML";
    /// Writes a comparison as one file.
    ExportComparison: "export", "Write this comparison as a text or JSON file";
    /// Goes on with a run that was stopped.
    Resume: "resume", "Go on with this run";
    /// Looks for runs again.
    Refresh: "refresh", "Look again for runs";
    /// Begins a training.
    Train: "train", "Fine-tune the encoder that the session names";
    /// Lets the training wait, or go on.
    Pause: "pause", "Let the training wait, or go on";
    /// Ends the training and keeps the best weights.
    Stop: "stop", "End the training now and keep its best weights";
    /// Ends the training at once.
    Abort: "abort", "Break the training off, after a question; it can go on later";
    /// Asks for another learning rate.
    LearningRate: "rate", "Give the training another learning rate";
    /// Evaluates after the next step.
    Evaluate: "evaluate now", "Evaluate the validation split after the next step";
    /// Shows the last evaluation.
    Matrix: "matrix", "Show the confusion matrix of the last evaluation, and its rows";
    /// Looks closer at the loss.
    ZoomIn: "closer", "Look closer at the loss";
    /// Looks from farther away.
    ZoomOut: "farther", "Look at more of the loss";
    /// Switches the scale of the loss.
    LogScale: "log scale", "Draw the loss on a logarithmic scale, or no longer";
    /// Smooths the loss less.
    LessSmooth: "rougher", "Smooth the loss less";
    /// Smooths the loss more.
    MoreSmooth: "smoother", "Smooth the loss more";
    /// Draws an earlier training too.
    Overlay: "beside", "Draw the loss of an earlier training beside this one, or no longer";
    /// Asks for a variable's value.
    Value: "value", "Give this variable of the respondent another value";
    /// Takes all changes back.
    Reset: "as told", "Give every variable the value that the respondent told";
    /// Weighted shares or not.
    Weights: "weights", "Count respondents by their weights, or once each";
    /// Labels that say nothing or not.
    Missing: "missing", "Leave out answers that say nothing, or count them too";
    /// The next column of groups.
    NextGrouping: "group by", "Group respondents by the next column";
    /// A word left.
    WordLeft: "word left", "A word left";
    /// A word right.
    WordRight: "word right", "A word right";
    /// To the start of the line.
    LineStart: "line start", "To the start of the line";
    /// To the end of the line.
    LineEnd: "line end", "To the end of the line";
    /// Selects everything.
    SelectAll: "select all", "Select the whole text";
    /// Cuts the selection.
    Cut: "cut", "Cut the selection to the clipboard";
    /// Pastes what was cut or copied last.
    Paste: "paste", "Paste what was cut or copied here last";
    /// Deletes the character before the cursor.
    DeleteBack: "delete back", "Delete the character before the cursor";
    /// Deletes the character behind the cursor.
    DeleteForward: "delete", "Delete the character behind the cursor";
    /// Deletes the word before the cursor.
    DeleteWordBack: "delete word", "Delete the word before the cursor";
    /// Deletes the word behind the cursor.
    DeleteWordForward: "delete next word", "Delete the word behind the cursor";
    /// Deletes to the start of the line.
    DeleteToStart: "delete to start", "Delete to the start of the line";
    /// Deletes to the end of the line.
    DeleteToEnd: "delete to end", "Delete to the end of the line";
    /// A new line, or the end of a line of input.
    Enter: "enter", "A new line; in a line of input: done";
}
