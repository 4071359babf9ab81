//! Arguments about settings.

use clap::{Args as ClapArgs, Subcommand};

/// What `cdvm config --help` teaches.
pub(super) const CONFIG: &str = "\
Example:
  cdvm config                                        what holds, and why
  cdvm config set relays wss://one.example wss://two.example
  cdvm config set key ~/.config/cdvm/my.nsec         sign new orders with it
  cdvm config unset key

Settings: relays, key_server, intel_server (in builds with TDX), key, trust, state.
An option stands before its environment variable, that before the file, and the
file before what cdvm does by itself. A key is named by its file, never written
here. No check can be turned off here: such options are typed each time.";

#[derive(ClapArgs)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct Show {
    /// Print where the file is
    #[arg(long)]
    pub(crate) path: bool,
    #[command(subcommand)]
    pub(crate) command: Option<ConfigCommand>,
}

#[derive(Subcommand)]
pub(crate) enum ConfigCommand {
    /// Set one, in the file; the rest of it stays as it is
    Set {
        name: String,
        /// Several for relays, one for all others
        #[arg(required = true)]
        values: Vec<String>,
    },
    /// Remove one from the file
    Unset { name: String },
}
