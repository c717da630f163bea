//! Every setting as a flag, made from the table of settings. It reads no values: that is done where all
//! sources meet.

use crate::settings::words::wrapped;
use crate::settings::{self, file_name, flag_of};
use clap::error::ErrorKind;
use clap::{Arg, ArgAction, ArgMatches, Command};
use std::collections::BTreeMap;
use std::fmt;

/// How wide a setting's explanation may be beside its indent, on a terminal of 80 columns.
const HELP_WIDTH: usize = 70;

/// Settings that were given on the command line, by name.
#[derive(Clone, Default)]
pub(super) struct Flags(BTreeMap<String, String>);

impl fmt::Debug for Flags {
    /// The names alone: a value may be secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

impl Flags {
    pub(super) fn given(&self) -> BTreeMap<String, String> {
        self.0.clone()
    }
}

impl clap::Args for Flags {
    fn augment_args(mut command: Command) -> Command {
        for topic in settings::TOPICS {
            for row in topic.rows {
                let default = match row.default {
                    "" => String::new(),
                    default => format!(" [default: {default}]"),
                };
                let help = format!("{}{default}", row.doc.replace('`', ""));
                let flag = flag(row.name, row.kind.placeholder(), &help).help_heading(topic.title);
                command = command.arg(flag);
                if row.kind.is_secret() {
                    let help = format!("The file that {} is in", row.name);
                    command = command.arg(flag_for_file(row.name, &help).help_heading(topic.title));
                }
            }
        }
        command.after_help("Every setting can be given as a flag: `--help` lists them all.")
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

fn flag_for_file(secret: &str, help: &str) -> Arg {
    flag(&file_name(secret), "PATH", help)
}

fn flag(name: &str, placeholder: &'static str, help: &str) -> Arg {
    Arg::new(name.to_owned())
        .long(flag_of(name))
        .value_name(placeholder)
        .help(wrapped(help, HELP_WIDTH))
        // A number below zero is for the settings to judge, and is no other flag.
        .allow_hyphen_values(true)
        .action(ArgAction::Set)
        .hide_short_help(true)
}

impl clap::FromArgMatches for Flags {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let mut flags = Self::default();
        flags.update_from_arg_matches(matches)?;
        Ok(flags)
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        for name in settings::names() {
            let value = matches.try_get_one::<String>(&name);
            let value = value.map_err(|error| clap::Error::raw(ErrorKind::InvalidValue, error))?;
            self.0.extend(value.map(|value| (name, value.clone())));
        }
        Ok(())
    }
}
