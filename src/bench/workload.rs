//! What can be measured: one name, one flag, one row a server.

use serde::{Deserialize, Serialize};

/// A thing to measure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Workload {
    /// RETR of one big file.
    Retr,
    /// The same, and the bytes are thrown away: a bare reader.
    RetrBare,
    /// STOR of one big file.
    Stor,
    /// RETR from the middle of the big file on, by REST.
    Resume,
    /// RETR of a text in TYPE A.
    Ascii,
    /// RETR of the same text in TYPE I.
    Image,
    /// RETR of many small files, one after the other.
    RetrSmall,
    /// STOR of many small files.
    StorSmall,
    /// RETR of a small file by PASV.
    Pasv,
    /// By EPSV.
    Epsv,
    /// By PORT.
    Port,
    /// Connect, log in, leave.
    Login,
    /// NOOP.
    Noop,
    /// PWD.
    Pwd,
    /// SIZE. (`--size` is the size of the big file.)
    #[serde(rename = "size-command")]
    Size,
    /// MLSD of 10 entries.
    #[serde(rename = "mlsd-10")]
    Mlsd10,
    /// MLSD of 1,000 entries.
    #[serde(rename = "mlsd-1000")]
    Mlsd1000,
    /// MLSD of 100,000 entries.
    #[serde(rename = "mlsd-100000")]
    Mlsd100000,
    /// N sessions log in and stay.
    Idle,
    /// RETR of one file beside N idle sessions.
    RetrIdle,
    /// STOR of one file beside N idle sessions.
    StorIdle,
    /// N sessions RETR at once.
    RetrMany,
    /// N sessions STOR at once.
    StorMany,
    /// N sessions QUIT.
    Quit,
    /// A mix of all for a long time, and what the server's memory and descriptors do meanwhile.
    Soak,
}

/// Workloads that are measured on one start of a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// Big files.
    Transfer,
    /// Small files and commands.
    Command,
    /// A directory that is larger than the others.
    Directory,
    /// Many sessions.
    Session,
    /// For a long time.
    Soak,
}

impl Stage {
    /// In the order in which they are measured.
    pub const ALL: [Self; 5] = [Self::Transfer, Self::Command, Self::Directory, Self::Session, Self::Soak];
}

/// What a figure counts, and which is better.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Unit {
    /// Mebibytes a second.
    #[serde(rename = "MiB/s")]
    MibPerSecond,
    /// Things a second.
    #[serde(rename = "/s")]
    PerSecond,
    /// Microseconds for one, half of all taking no longer.
    #[serde(rename = "µs")]
    Microseconds,
}

impl Unit {
    /// As it is written.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::MibPerSecond => "MiB/s",
            Self::PerSecond => "/s",
            Self::Microseconds => "µs",
        }
    }

    /// Whether more is better.
    #[must_use]
    pub const fn higher_is_better(self) -> bool {
        !matches!(self, Self::Microseconds)
    }
}

impl Workload {
    /// All, in the order in which they are shown.
    pub const ALL: [Self; 25] = [
        Self::Retr,
        Self::RetrBare,
        Self::Stor,
        Self::Resume,
        Self::Ascii,
        Self::Image,
        Self::RetrSmall,
        Self::StorSmall,
        Self::Pasv,
        Self::Epsv,
        Self::Port,
        Self::Login,
        Self::Noop,
        Self::Pwd,
        Self::Size,
        Self::Mlsd10,
        Self::Mlsd1000,
        Self::Mlsd100000,
        Self::Idle,
        Self::RetrIdle,
        Self::StorIdle,
        Self::RetrMany,
        Self::StorMany,
        Self::Quit,
        Self::Soak,
    ];

    /// Its name, which is its flag and its key in JSON.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Retr => "retr",
            Self::RetrBare => "retr-bare",
            Self::Stor => "stor",
            Self::Resume => "resume",
            Self::Ascii => "ascii",
            Self::Image => "image",
            Self::RetrSmall => "retr-small",
            Self::StorSmall => "stor-small",
            Self::Pasv => "pasv",
            Self::Epsv => "epsv",
            Self::Port => "port",
            Self::Login => "login",
            Self::Noop => "noop",
            Self::Pwd => "pwd",
            Self::Size => "size-command",
            Self::Mlsd10 => "mlsd-10",
            Self::Mlsd1000 => "mlsd-1000",
            Self::Mlsd100000 => "mlsd-100000",
            Self::Idle => "idle",
            Self::RetrIdle => "retr-idle",
            Self::StorIdle => "stor-idle",
            Self::RetrMany => "retr-many",
            Self::StorMany => "stor-many",
            Self::Quit => "quit",
            Self::Soak => "soak",
        }
    }

    /// What it measures, in words.
    #[must_use]
    pub const fn title(self) -> &'static str {
        match self {
            Self::Retr => "RETR of one file",
            Self::RetrBare => "RETR, bytes thrown away",
            Self::Stor => "STOR of one file",
            Self::Resume => "RETR from the middle on (REST)",
            Self::Ascii => "RETR of a text, TYPE A",
            Self::Image => "RETR of the same text, TYPE I",
            Self::RetrSmall => "RETR of small files",
            Self::StorSmall => "STOR of small files",
            Self::Pasv => "a small RETR by PASV",
            Self::Epsv => "a small RETR by EPSV",
            Self::Port => "a small RETR by PORT",
            Self::Login => "connect, login, QUIT",
            Self::Noop => "NOOP",
            Self::Pwd => "PWD",
            Self::Size => "SIZE",
            Self::Mlsd10 => "MLSD of 10 entries",
            Self::Mlsd1000 => "MLSD of 1,000 entries",
            Self::Mlsd100000 => "MLSD of 100,000 entries",
            Self::Idle => "N sessions connect, log in and stay",
            Self::RetrIdle => "RETR beside N idle sessions",
            Self::StorIdle => "STOR beside N idle sessions",
            Self::RetrMany => "N sessions RETR at once",
            Self::StorMany => "N sessions STOR at once",
            Self::Quit => "N sessions QUIT",
            Self::Soak => "a mix, for a long time",
        }
    }

    /// What its figure counts.
    #[must_use]
    pub const fn unit(self) -> Unit {
        match self {
            Self::Retr
            | Self::RetrBare
            | Self::Stor
            | Self::Resume
            | Self::Ascii
            | Self::Image
            | Self::RetrIdle
            | Self::StorIdle
            | Self::RetrMany
            | Self::StorMany => Unit::MibPerSecond,
            Self::RetrSmall | Self::StorSmall | Self::Login | Self::Idle | Self::Quit | Self::Soak => Unit::PerSecond,
            Self::Pasv
            | Self::Epsv
            | Self::Port
            | Self::Noop
            | Self::Pwd
            | Self::Size
            | Self::Mlsd10
            | Self::Mlsd1000
            | Self::Mlsd100000 => Unit::Microseconds,
        }
    }

    /// The start of a server on which it is measured.
    #[must_use]
    pub const fn stage(self) -> Stage {
        match self {
            Self::Retr | Self::RetrBare | Self::Stor | Self::Resume | Self::Ascii | Self::Image => Stage::Transfer,
            Self::RetrSmall
            | Self::StorSmall
            | Self::Pasv
            | Self::Epsv
            | Self::Port
            | Self::Login
            | Self::Noop
            | Self::Pwd
            | Self::Size
            | Self::Mlsd10
            | Self::Mlsd1000 => Stage::Command,
            Self::Mlsd100000 => Stage::Directory,
            Self::Idle | Self::RetrIdle | Self::StorIdle | Self::RetrMany | Self::StorMany | Self::Quit => Stage::Session,
            Self::Soak => Stage::Soak,
        }
    }

    /// Whether it is measured where none is named.
    #[must_use]
    pub const fn is_usual(self) -> bool {
        !matches!(self, Self::Soak)
    }

    /// Whether it is told as a share of what the machine does without a server: bytes that stream, and lines with one answer.
    #[must_use]
    pub const fn is_near_floor(self) -> bool {
        matches!(self.unit(), Unit::MibPerSecond) || matches!(self, Self::Noop | Self::Pwd | Self::Size)
    }

    /// Entries of the directory that it lists.
    #[must_use]
    pub const fn entries(self) -> Option<usize> {
        match self {
            Self::Mlsd10 => Some(10),
            Self::Mlsd1000 => Some(1000),
            Self::Mlsd100000 => Some(100_000),
            _ => None,
        }
    }
}

/// Who speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Client {
    /// Our own.
    Ftpspec,
    /// The suppaftp crate, blocking, with buffers of our size.
    Suppaftp,
    /// The program curl, each transfer a process of its own.
    Curl,
    /// pyftpdlib's benchmark, which looks at no byte; the figure is its own.
    Ftpbench,
}

impl Client {
    /// All.
    pub const ALL: [Self; 4] = [Self::Ftpspec, Self::Suppaftp, Self::Curl, Self::Ftpbench];

    /// As it is written.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Ftpspec => "ftpspec",
            Self::Suppaftp => "suppaftp",
            Self::Curl => "curl",
            Self::Ftpbench => "ftpbench",
        }
    }

    /// Whether it is made to measure this.
    #[must_use]
    pub const fn can(self, workload: Workload) -> bool {
        match self {
            Self::Ftpspec => true,
            Self::Suppaftp => {
                matches!(workload, Workload::Retr | Workload::Stor | Workload::RetrSmall | Workload::StorSmall | Workload::Login)
            }
            Self::Curl | Self::Ftpbench => matches!(workload, Workload::Retr | Workload::Stor),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_has_one_name() {
        for workload in Workload::ALL {
            assert_eq!(serde_json::to_value(workload).unwrap(), workload.word());
        }
        let mut words = Workload::ALL.map(Workload::word).to_vec();
        words.sort_unstable();
        words.dedup();
        assert_eq!(words.len(), Workload::ALL.len());
        for client in Client::ALL {
            assert_eq!(serde_json::to_value(client).unwrap(), client.word());
        }
        for unit in [Unit::MibPerSecond, Unit::PerSecond, Unit::Microseconds] {
            assert_eq!(serde_json::to_value(unit).unwrap(), unit.word());
        }
    }
}
