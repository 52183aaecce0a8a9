//! `shotglass` alone: what there is, and what to do next.

use crate::session::Session;
use crate::session::home::bundled_sessions;

use super::failure::Failure;
use super::output;

/// Prints the start page.
pub(super) fn run() -> Result<(), Failure> {
    let mut text = String::from("Shotglass classifies text with language models. Bundled sessions:\n\n");
    for (name, toml) in bundled_sessions() {
        let title = Session::parse(name, toml, &[]).map_or_else(|error| error.to_string(), |session| session.title);
        text += &format!("  {name:<24}{title}\n");
    }
    text += "
On a terminal, `shotglass` opens the workbench. On the command line:

  shotglass run zero-shot                    classify the bundled tweets, print the report
  shotglass prompt few-shot --row 12         the exact prompt of one row
  shotglass run zero-shot --set data.path=my.csv --set data.text=tweet --set data.label=code
  shotglass help                             all commands

The first run fetches a small model (98 MB). A session is one TOML file: copy one from sessions/ and change it.
";
    output::lines(&text)
}
