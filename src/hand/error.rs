//! Why a file could not be brought over.

use std::io;
use std::path::PathBuf;

use crate::ftp::url::UrlError;
use crate::target::password::PasswordError;

/// Why a file is not whole on both sides. What was transferred stays, and the next attempt goes on from there.
#[derive(Debug, thiserror::Error)]
pub enum HandError {
    /// A URL that cannot be used.
    #[error(transparent)]
    Url(#[from] UrlError),
    /// A password that cannot be had.
    #[error(transparent)]
    Password(#[from] PasswordError),
    /// Other words of the user's that cannot be followed.
    #[error("{0}")]
    Usage(String),
    /// No connection came to be, or no greeting.
    #[error("{authority} cannot be reached: {why}")]
    Unreachable {
        /// Host and port.
        authority: String,
        /// Why.
        why: String,
    },
    /// The server refused the login.
    #[error("the server refused the login of {user:?}: {reply}")]
    Login {
        /// The login name.
        user: String,
        /// What it said.
        reply: String,
    },
    /// The server refused a command, for good or as often as it was tried.
    #[error("the server refused {command}: {reply}")]
    Refused {
        /// The command.
        command: String,
        /// What it said.
        reply: String,
    },
    /// The connection was lost, and all attempts are used up.
    #[error("the connection was lost at byte {at}: {why}; the next attempt goes on from there")]
    Lost {
        /// How.
        why: String,
        /// Bytes of the file that had come over.
        at: u64,
    },
    /// A file of this machine.
    #[error("{}: {source}", path.display())]
    Local {
        /// Its path.
        path: PathBuf,
        /// What is wrong.
        source: io::Error,
    },
    /// This machine's disk is full, or a quota is used up.
    #[error("the disk is full: {}: {source}; what has come stays there, and the next attempt goes on from there", path.display())]
    Full {
        /// The file that was written.
        path: PathBuf,
        /// In the system's words.
        source: io::Error,
    },
    /// The file changed here while it was sent.
    #[error("{} changed while it was sent: send it again", path.display())]
    Changed {
        /// The file.
        path: PathBuf,
    },
    /// Both sides differ.
    #[error("both sides differ after the transfer: {0}")]
    Differs(String),
    /// Both sides cannot be compared.
    #[error("transferred, but it could not be verified: {0}")]
    Unverified(String),
}

impl HandError {
    /// What went wrong with a file of this machine.
    pub(super) fn local(path: &std::path::Path, source: io::Error) -> Self {
        let path = path.to_owned();
        match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge => Self::Full { path, source },
            _ => Self::Local { path, source },
        }
    }
}

/// Why an attempt ended.
#[derive(Debug)]
pub(super) enum Fault {
    /// The connection was lost: another attempt may fare better.
    Lost(String),
    /// The server said no for now (RFC 959 section 4.2.1: 4yz): another attempt may fare better.
    Busy(HandError),
    /// The server said no, for good.
    Refused {
        /// The reply's code.
        code: u16,
        /// What was refused, and in which words.
        error: HandError,
    },
    /// Nothing can help.
    Final(HandError),
}

impl From<HandError> for Fault {
    fn from(error: HandError) -> Self {
        Self::Final(error)
    }
}

impl Fault {
    /// The code of a refusal.
    pub(super) fn code(&self) -> Option<u16> {
        match self {
            Self::Refused { code, .. } => Some(*code),
            Self::Lost(_) | Self::Busy(_) | Self::Final(_) => None,
        }
    }

    /// Whether a command is not there at all, RFC 959 section 4.2.1: 500, 501, 502, 503, 504.
    pub(super) fn is_missing_command(&self) -> bool {
        matches!(self.code(), Some(500..=504))
    }

    /// As an error, at this byte.
    pub(super) fn into_error(self, at: u64) -> HandError {
        match self {
            Self::Lost(why) => HandError::Lost { why, at },
            Self::Refused { error, .. } | Self::Busy(error) | Self::Final(error) => error,
        }
    }
}
