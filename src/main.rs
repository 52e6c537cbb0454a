//! The `ftpspec` program.

use std::process::ExitCode;

fn main() -> ExitCode {
    ftpspec::cli::main()
}
