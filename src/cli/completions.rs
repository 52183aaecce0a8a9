//! `shotglass completions`: completion scripts for shells.

use clap::{Args, CommandFactory};
use clap_complete::Shell;

use super::failure::Failure;
use super::{Cli, output};

/// `shotglass completions`
#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  shotglass completions bash > ~/.local/share/bash-completion/completions/shotglass
  shotglass completions zsh > ~/.zfunc/_shotglass
  shotglass completions fish > ~/.config/fish/completions/shotglass.fish")]
pub(super) struct Arguments {
    /// The shell
    #[arg(value_enum)]
    shell: Shell,
}

/// Writes the script to stdout.
pub(super) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let mut script = Vec::new();
    clap_complete::generate(arguments.shell, &mut Cli::command(), "shotglass", &mut script);
    output::raw(&script)
}
