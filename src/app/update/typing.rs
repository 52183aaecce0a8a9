//! Typing: in the template, in the system message, and in windows that take text.

use super::Effects;
use crate::app::action::Action;
use crate::app::editor::{Editor, EditorCommand};
use crate::app::effect::Effect;
use crate::app::state::App;
use crate::app::view::Pane;
use crate::app::window::{Input, Purpose, Window};

/// The change that an action makes to a text, if it makes one.
fn command(action: Action, page: usize) -> Option<EditorCommand> {
    Some(match action {
        Action::Up => EditorCommand::Up,
        Action::Down => EditorCommand::Down,
        Action::Left => EditorCommand::Left,
        Action::Right => EditorCommand::Right,
        Action::PageUp => EditorCommand::PageUp(page),
        Action::PageDown => EditorCommand::PageDown(page),
        Action::WordLeft => EditorCommand::WordLeft,
        Action::WordRight => EditorCommand::WordRight,
        Action::LineStart => EditorCommand::LineStart,
        Action::LineEnd => EditorCommand::LineEnd,
        Action::First => EditorCommand::TextStart,
        Action::Last => EditorCommand::TextEnd,
        Action::SelectAll => EditorCommand::SelectAll,
        Action::DeleteBack => EditorCommand::DeleteBack,
        Action::DeleteForward => EditorCommand::DeleteForward,
        Action::DeleteWordBack => EditorCommand::DeleteWordBack,
        Action::DeleteWordForward => EditorCommand::DeleteWordForward,
        Action::DeleteToStart => EditorCommand::DeleteToStart,
        Action::DeleteToEnd => EditorCommand::DeleteToEnd,
        Action::Enter => EditorCommand::NewLine,
        Action::Undo => EditorCommand::Undo,
        Action::Redo => EditorCommand::Redo,
        _ => return None,
    })
}

impl App {
    /// The text of the focused pane, where it has one.
    pub(super) fn pane_editor(&mut self) -> Option<&mut Editor> {
        match self.pane() {
            Pane::System => Some(&mut self.prompt.system),
            Pane::Template => Some(&mut self.prompt.template),
            _ => None,
        }
    }

    /// Columns and lines of the pane that is typed in.
    fn page(&self) -> (usize, usize) {
        let inner = self.areas.inner(self.pane());
        (usize::from(inner.width).max(1), usize::from(inner.height).max(1))
    }

    /// Types text where the cursor is.
    pub(super) fn type_text(&mut self, text: &str, fx: &mut Effects) {
        self.edit(EditorCommand::Insert(text.to_owned()), false, fx);
    }

    /// Pastes text, as one step.
    pub(super) fn paste(&mut self, text: &str, fx: &mut Effects) {
        // What is pasted while a text pane has the focus is meant for it.
        if self.windows.is_empty() && matches!(self.pane(), Pane::Template | Pane::System) {
            self.prompt.typing = true;
        }
        self.edit(EditorCommand::Paste(text.to_owned()), false, fx);
    }

    /// Changes whatever text is typed in now.
    pub(super) fn edit(&mut self, command: EditorCommand, select: bool, fx: &mut Effects) {
        let (width, _) = self.page();
        if self.is_typing() {
            if self.pane_editor().is_some_and(|editor| editor.apply(command, select, width)) {
                self.text_changed(fx);
            }
            return;
        }
        let changed = match self.windows.last_mut() {
            Some(Window::Picker(picker)) => picker.input.apply(command, select, usize::MAX),
            Some(Window::Input(input)) => input.editor.apply(command, select, usize::MAX),
            _ => false,
        };
        match self.windows.last_mut().filter(|_| changed) {
            Some(Window::Picker(picker)) => picker.filter(),
            Some(Window::Input(input)) => {
                input.error = None;
                self.input_changed(fx);
            }
            _ => {}
        }
    }

    /// An action while a pane's text is typed in; false if it means nothing there.
    pub(super) fn act_typing(&mut self, action: Action, select: bool, fx: &mut Effects) -> bool {
        let (_, lines) = self.page();
        if let Some(command) = command(action, lines) {
            self.edit(command, select, fx);
            return true;
        }
        match action {
            Action::Back => self.prompt.typing = false,
            Action::Copy => self.copy_selection(fx),
            Action::Cut => {
                if let Some(text) = self.pane_editor().and_then(Editor::cut) {
                    self.text_changed(fx);
                    self.copy(text, fx);
                }
            }
            Action::Paste => self.edit(EditorCommand::Paste(self.clip.clone()), false, fx),
            Action::Find => self.ask_find(),
            Action::FindNext => self.find_next(),
            Action::EditExternally => self.edit_externally(fx),
            _ => return false,
        }
        true
    }

    /// The same where a window takes text; false if it means nothing there.
    pub(super) fn act_typing_in_window(&mut self, action: Action, select: bool, fx: &mut Effects) -> bool {
        match action {
            Action::Paste => self.edit(EditorCommand::Paste(self.clip.clone()), false, fx),
            Action::Enter => return false,
            action => match command(action, 1) {
                Some(command) => self.edit(command, select, fx),
                None => return false,
            },
        }
        true
    }

    /// Actions on the template and the system message while they are only looked at.
    pub(super) fn act_in_template(&mut self, action: Action, fx: &mut Effects) {
        let (width, lines) = self.page();
        match action {
            Action::Edit | Action::Open => self.prompt.typing = true,
            Action::EditExternally => self.edit_externally(fx),
            Action::Find => self.ask_find(),
            Action::FindNext => self.find_next(),
            Action::Copy => self.copy_selection(fx),
            action => {
                let Some(command) = command(action, lines) else { return };
                if self.pane_editor().is_some_and(|editor| editor.apply(command, false, width)) {
                    self.text_changed(fx);
                }
            }
        }
    }

    fn copy_selection(&mut self, fx: &mut Effects) {
        let text = self.pane_editor().map(|editor| editor.selected_text().unwrap_or(editor.text()).to_owned());
        if let Some(text) = text {
            self.copy(text, fx);
        }
    }

    /// Copies a text, here and to the clipboard.
    pub(super) fn copy(&mut self, text: String, fx: &mut Effects) {
        self.clip.clone_from(&text);
        fx.push(Effect::Copy(text));
    }

    fn edit_externally(&mut self, fx: &mut Effects) {
        if let Some(editor) = self.pane_editor() {
            let text = editor.text().to_owned();
            fx.push(Effect::EditExternally(text));
        }
    }

    /// `$EDITOR` has ended.
    pub(super) fn edited(&mut self, text: Result<Option<String>, String>, fx: &mut Effects) {
        match text {
            Ok(Some(text)) => {
                let Some(editor) = self.pane_editor() else { return };
                // Editors end a file with a line break; where the text had none, none was meant.
                let added = !editor.text().ends_with('\n');
                let text = text.strip_suffix('\n').filter(|_| added).unwrap_or(&text);
                if editor.text() != text {
                    editor.set_text(text);
                    self.text_changed(fx);
                }
            }
            Ok(None) => self.note("nothing was changed"),
            Err(error) => self.complain(error),
        }
    }

    fn ask_find(&mut self) {
        let sought = self.prompt.sought.clone();
        self.ask(Purpose::FindText, "Find", &sought, "Enter goes to the next place, Alt-n to the one after");
    }

    /// Goes to the next place of what was looked for.
    pub(super) fn find_next(&mut self) {
        let sought = self.prompt.sought.clone();
        if sought.is_empty() {
            return self.ask_find();
        }
        if !self.pane_editor().is_some_and(|editor| editor.find_next(&sought, false)) {
            self.note(format!("`{sought}` is not in the text"));
        }
    }

    /// Asks for a line of input.
    pub(super) fn ask(&mut self, purpose: Purpose, title: impl Into<String>, text: &str, hint: &'static str) {
        let editor = Editor::single_line(text);
        self.open_window(Window::Input(Input { title: title.into(), editor, purpose, error: None, hint }));
    }

    /// The text of a pane was changed.
    pub(super) fn text_changed(&mut self, fx: &mut Effects) {
        let Some(session) = &mut self.session else { return };
        let prompt = &mut session.now.prompt;
        self.prompt.template.text().clone_into(&mut prompt.template);
        let system = self.prompt.system.text();
        if prompt.system.is_some() || !system.is_empty() {
            prompt.system = Some(system.to_owned());
        }
        self.prompt_changed(fx);
    }
}
