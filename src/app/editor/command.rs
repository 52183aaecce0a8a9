//! What an [`Editor`](super::Editor) can be asked to do. Which key asks for what is left to the keymap.

/// What can be done to a text. Columns and lines of the screen are those of [`Editor::lines`](super::Editor::lines).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EditorCommand {
    /// Types a text, in place of the selection. Joins what was typed just before into one step of undo.
    Insert(String),
    /// Pastes a text, in place of the selection: one step of undo.
    Paste(String),
    /// Begins a new line; nothing in an editor of a single line.
    NewLine,
    /// Deletes the selection or the grapheme before the cursor.
    DeleteBack,
    /// Deletes the selection or the grapheme after the cursor.
    DeleteForward,
    /// Deletes the selection or back to the start of a word, or to the end of the line above.
    DeleteWordBack,
    /// Deletes the selection or on to the end of a word, or to the start of the line below.
    DeleteWordForward,
    /// Deletes the selection or back to the start of the hard line; there, the newline before it.
    DeleteToStart,
    /// Deletes the selection or on to the end of the hard line; there, the newline after it.
    DeleteToEnd,
    /// One grapheme back, or to the start of the selection.
    Left,
    /// One grapheme on, or to the end of the selection.
    Right,
    /// One line of the screen up; from the first to its start.
    Up,
    /// One line of the screen down; from the last to its end.
    Down,
    /// So many lines of the screen up.
    PageUp(usize),
    /// So many lines of the screen down.
    PageDown(usize),
    /// To the start of a word, or to the end of the line above.
    WordLeft,
    /// To the end of a word, or to the start of the line below.
    WordRight,
    /// To the start of the hard line.
    LineStart,
    /// To the end of the hard line.
    LineEnd,
    /// To the start of the text.
    TextStart,
    /// To the end of the text.
    TextEnd,
    /// Selects all.
    SelectAll,
    /// Selects nothing; the cursor stays.
    Deselect,
    /// Takes the last step back.
    Undo,
    /// Does again what was undone last.
    Redo,
    /// To what is at column `x` of line `y`.
    ClickAt {
        /// The column.
        x: usize,
        /// The line of the screen, from the start of the text.
        y: usize,
    },
    /// Extends the selection to what is at column `x` of line `y`.
    DragTo {
        /// The column.
        x: usize,
        /// The line of the screen, from the start of the text.
        y: usize,
    },
    /// Selects the word, or the blanks, at column `x` of line `y`.
    SelectWordAt {
        /// The column.
        x: usize,
        /// The line of the screen, from the start of the text.
        y: usize,
    },
    /// Selects the hard line at line `y`, with its newline.
    SelectLineAt {
        /// The line of the screen, from the start of the text.
        y: usize,
    },
}
