//! What a copy has come to, in words.

use std::fmt;

/// What became of one way to copy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Way {
    /// It makes no sense here.
    Untried,
    /// The text is there, or for the terminal: it was sent, which the terminal does not answer.
    Done,
    /// It did not work, and why.
    Failed(String),
}

/// What a copy has come to. As text it is one line for the user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Copied {
    /// The clipboard of the desktop.
    pub system: Way,
    /// The paste buffer of tmux, which hands it on to the terminal.
    pub tmux: Way,
    /// The clipboard of the terminal, wherever that is.
    pub terminal: Way,
}

impl Copied {
    /// Whether the text has gone anywhere.
    pub fn worked(&self) -> bool {
        [&self.system, &self.tmux, &self.terminal].contains(&&Way::Done)
    }
}

impl fmt::Display for Copied {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.system, &self.tmux, &self.terminal) {
            (Way::Done, _, Way::Untried) => f.write_str("copied"),
            (Way::Done, _, Way::Done) => f.write_str("copied, and sent to the terminal's clipboard (OSC 52)"),
            (Way::Done, _, Way::Failed(why)) => write!(f, "copied, but not to the terminal's clipboard: {why}"),
            (_, Way::Done, Way::Failed(why)) => {
                write!(f, "copied to tmux's buffer, but not to the terminal's clipboard: {why}")
            }
            (_, Way::Done, _) => f.write_str("copied to tmux's buffer, and the terminal's clipboard if it allows that"),
            (_, _, Way::Done) => f.write_str("sent to the terminal's clipboard (OSC 52): the terminal may refuse it"),
            _ => {
                f.write_str("no clipboard: ")?;
                let ways = [&self.system, &self.tmux, &self.terminal];
                let whys: Vec<&str> = ways
                    .iter()
                    .filter_map(|way| if let Way::Failed(why) = way { Some(why.as_str()) } else { None })
                    .collect();
                f.write_str(&whys.join("; "))
            }
        }
    }
}
