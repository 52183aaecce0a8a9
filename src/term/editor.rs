//! Editing a text in the user's own editor.

use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::guard::Guard;

/// Longer texts are neither given to an editor nor taken from one.
const LONGEST: usize = 1 << 20;
/// Tried where neither `$VISUAL` nor `$EDITOR` is set.
const USUAL: &[&str] = if cfg!(windows) { &["notepad.exe"] } else { &["vi", "nano"] };

/// Leaves the screen, lets the user edit `text` in `$VISUAL`, `$EDITOR` or what is usual, and enters the screen again. The
/// text comes back byte for byte, with the last line break that many editors add. None: the editor failed (`:cq`) or
/// nothing was changed. `suffix` ends the file's name, as `.jinja`, and so tells the editor what it is.
///
/// Blocks as long as the editor runs. Nothing else may read the terminal then: [`super::Inputs::pause`] comes before this,
/// [`super::Inputs::resume`] and [`super::Screen::reset`] after it.
///
/// # Errors
/// When there is no editor, when the text is over 1 MiB or not UTF-8 afterwards (the file is kept then, and named), or when
/// the terminal refuses.
pub fn edit_externally(guard: &mut Guard, text: &str, suffix: &str) -> io::Result<Option<String>> {
    let editor = Editor::find(|name| std::env::var_os(name))?;
    if text.len() > LONGEST {
        return Err(io::Error::other(format!(
            "the text is {} bytes long, more than the 1 MiB for an editor",
            text.len()
        )));
    }
    let left = guard.leave();
    let edited = left.and_then(|()| editor.edit(text, suffix));
    guard.reenter()?;
    edited
}

/// The command of an editor, and the variable it was found in.
#[derive(Debug, PartialEq, Eq)]
struct Editor {
    command: OsString,
    from: Option<&'static str>,
}

impl Editor {
    fn find(variable: impl Fn(&str) -> Option<OsString>) -> io::Result<Self> {
        for from in ["VISUAL", "EDITOR"] {
            if let Some(command) = variable(from).filter(|command| !command.as_encoded_bytes().trim_ascii().is_empty())
            {
                return Ok(Self { command, from: Some(from) });
            }
        }
        let path = variable("PATH").unwrap_or_default();
        let found =
            |name: &&&str| cfg!(windows) || std::env::split_paths(&path).any(|folder| folder.join(name).is_file());
        match USUAL.iter().find(found) {
            Some(name) => Ok(Self { command: OsString::from(name), from: None }),
            None => Err(io::Error::new(
                io::ErrorKind::NotFound,
                format!("no editor: set EDITOR to the command of one (neither {} is here)", USUAL.join(" nor ")),
            )),
        }
    }

    fn edit(&self, text: &str, suffix: &str) -> io::Result<Option<String>> {
        // A folder of its own, which only the user can enter: what the editor leaves beside the file goes with it.
        let folder = private_folder()?;
        let path = folder.path().join(format!("shotglass{suffix}"));
        fs::write(&path, text)?;
        if !self.run(&path)? {
            return Ok(None);
        }
        match read(&path) {
            Ok(edited) => Ok((edited != text).then_some(edited)),
            Err(error) if path.is_file() => {
                let kept = folder.keep();
                let file = kept.join(path.file_name().unwrap_or_default());
                Err(io::Error::new(
                    error.kind(),
                    format!("{error}; nothing was changed, and it is kept in {}", file.display()),
                ))
            }
            Err(error) => Err(error),
        }
    }

    /// Whether the editor ended well.
    fn run(&self, path: &Path) -> io::Result<bool> {
        let code = wait(self.command(path)).map_err(|error| self.cannot_run(&error.to_string()))?;
        match code {
            // What the shell says of a command that it cannot run.
            #[cfg(unix)]
            Some(126) => Err(self.cannot_run("not a program that may be run")),
            #[cfg(unix)]
            Some(127) => Err(self.cannot_run("not found")),
            code => Ok(code == Some(0)),
        }
    }

    fn cannot_run(&self, why: &str) -> io::Error {
        let command = self.command.to_string_lossy();
        let set = self.from.map_or_else(
            || "set EDITOR to the command of another".to_owned(),
            |from| format!("it is what {from} is set to"),
        );
        io::Error::other(format!("the editor `{command}` cannot be run ({why}): {set}"))
    }

    /// The shell splits the variable, so that it can hold arguments, quotes and `~`. Ctrl-C in the editor reaches the shell
    /// as well: it stays, or what was edited would be lost, while the editor gets the signal as usual.
    #[cfg(unix)]
    fn command(&self, path: &Path) -> Command {
        let mut script = OsString::from("trap : INT QUIT; ");
        script.push(&self.command);
        script.push(" \"$1\"");
        let mut command = Command::new("sh");
        command.arg("-c").arg(script).arg("sh").arg(path);
        command
    }

    #[cfg(not(unix))]
    fn command(&self, path: &Path) -> Command {
        let text = self.command.to_string_lossy();
        // One that exists as it is may have blanks in its path.
        let mut words =
            if PathBuf::from(&self.command).is_file() { vec![&*text] } else { text.split_whitespace().collect() };
        let program = if words.is_empty() { "" } else { words.remove(0) };
        let mut command = Command::new(program);
        command.args(words).arg(path);
        command
    }
}

fn private_folder() -> io::Result<tempfile::TempDir> {
    let mut builder = tempfile::Builder::new();
    builder.prefix("shotglass-");
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o700));
    builder.tempdir()
}

fn read(path: &PathBuf) -> io::Result<String> {
    let length = fs::metadata(path)?.len();
    if length > LONGEST as u64 {
        return Err(io::Error::new(
            io::ErrorKind::InvalidData,
            format!("the text has become {length} bytes long, more than 1 MiB"),
        ));
    }
    String::from_utf8(fs::read(path)?).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        io::Error::new(io::ErrorKind::InvalidData, format!("the text is not UTF-8 at byte {at}"))
    })
}

/// Runs the command and gives its exit code, if it has one. When the editor is stopped (`Ctrl-Z` in it), so is this
/// program, or its shell would wait for ever; `fg` continues both.
#[cfg(unix)]
fn wait(mut command: Command) -> io::Result<Option<i32>> {
    use rustix::io::Errno;
    use rustix::process::{Pid, Signal, WaitOptions, kill_process, waitpid};

    use super::suspend::{has_shell, stop_group};

    let child = command.spawn()?;
    let pid = Pid::from_child(&child);
    loop {
        match waitpid(Some(pid), WaitOptions::UNTRACED) {
            Ok(Some((_, status))) if status.stopped() && has_shell() => stop_group()?,
            Ok(Some((_, status))) if status.stopped() => kill_process(pid, Signal::CONT)?,
            Ok(Some((_, status))) => return Ok(status.exit_status()),
            Ok(None) | Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

#[cfg(not(unix))]
fn wait(mut command: Command) -> io::Result<Option<i32>> {
    command.status().map(|status| status.code())
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    fn edit(command: &str, text: &str) -> io::Result<Option<String>> {
        Editor { command: command.into(), from: Some("EDITOR") }.edit(text, ".jinja")
    }

    #[test]
    fn the_edited_text_comes_back_as_it_is() {
        let edited = edit("sed -i -e 's/support or oppose/stance/'", "support or oppose: \r\n\n").unwrap();
        assert_eq!(edited.as_deref(), Some("stance: \r\n\n"));
        assert_eq!(
            edit("f() { case \"$1\" in *.jinja) printf ' ü ' > \"$1\";; esac; }; f", "").unwrap().as_deref(),
            Some(" ü ")
        );
    }

    #[test]
    fn unchanged_or_failed_is_none() {
        assert_eq!(edit("true", "a").unwrap(), None);
        assert_eq!(edit("sh -c 'echo b > \"$0\"; exit 1'", "a").unwrap(), None);
        assert_eq!(edit("sh -c 'kill -KILL $$'", "a").unwrap(), None);
    }

    #[test]
    fn errors_say_what_to_do() {
        let error = edit("no-such-editor-here --wait", "a").unwrap_err().to_string();
        assert_eq!(
            error,
            "the editor `no-such-editor-here --wait` cannot be run (not found): it is what EDITOR is set to"
        );
        let error = Editor::find(|_| None).unwrap_err().to_string();
        assert!(error.starts_with("no editor: set EDITOR"), "{error}");
        assert!(edit("rm", "a").is_err());
    }

    #[test]
    fn what_is_refused_is_kept() {
        let kept = |command: &str, start: &str| {
            let error = edit(command, "a").unwrap_err().to_string();
            assert!(error.starts_with(start), "{error}");
            let path = PathBuf::from(error.split("kept in ").nth(1).unwrap());
            assert!(path.is_file());
            fs::remove_dir_all(path.parent().unwrap()).unwrap();
        };
        kept("printf 'b\\377' >", "the text is not UTF-8 at byte 1; nothing was changed");
        kept("head -c 1048577 /dev/zero >", "the text has become 1048577 bytes long, more than 1 MiB; ");
    }

    #[test]
    fn the_file_is_private_and_goes() {
        let script = "sh -c 'stat -c %a \"${0%/*}\" > \"$0\"; printf %s \"$0\" >> \"$0\"'";
        let seen = edit(script, "a").unwrap().unwrap();
        let (mode, path) = seen.split_once('\n').unwrap();
        assert_eq!(mode, "700");
        assert!(path.ends_with("/shotglass.jinja") && !Path::new(path).exists(), "{path}");
    }

    #[test]
    fn visual_comes_before_editor() {
        let find = |set: &[(&str, &str)]| {
            Editor::find(|name| set.iter().find(|(known, _)| *known == name).map(|(_, value)| OsString::from(value)))
                .unwrap()
        };
        assert_eq!(find(&[("VISUAL", "code --wait"), ("EDITOR", "vi")]).command, "code --wait");
        assert_eq!(find(&[("VISUAL", " "), ("EDITOR", "vi")]).from, Some("EDITOR"));
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("nano"), "").unwrap();
        assert_eq!(find(&[("PATH", &folder.path().to_string_lossy())]), Editor { command: "nano".into(), from: None });
    }
}
