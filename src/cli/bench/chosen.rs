//! A flag for each workload.

use clap::{Arg, ArgAction, ArgMatches, Args, Command, FromArgMatches};

use crate::bench::workload::Workload;

/// The workloads whose flags were given.
#[derive(Debug, Clone, Default)]
pub(super) struct Chosen(pub(super) Vec<Workload>);

impl FromArgMatches for Chosen {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        Ok(Self(Workload::ALL.into_iter().filter(|workload| matches.get_flag(workload.word())).collect()))
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

impl Args for Chosen {
    fn augment_args(command: Command) -> Command {
        command.args(Workload::ALL.map(|workload| {
            Arg::new(workload.word()).long(workload.word()).help(workload.title()).help_heading("Workloads").action(ArgAction::SetTrue)
        }))
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}
