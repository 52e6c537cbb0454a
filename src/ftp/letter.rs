//! The ten permission letters `elradfmwMT`, as pyftpdlib names them; `requirements/letters.toml` says which command each governs.

use std::fmt;

/// One permission letter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum Letter {
    /// `e`: CWD, XCWD, CDUP, XCUP.
    Enter,
    /// `l`: LIST, NLST, MLSD, MLST, STAT with a path, SIZE, MDTM.
    List,
    /// `r`: RETR.
    Retrieve,
    /// `a`: APPE.
    Append,
    /// `d`: DELE, RMD, XRMD.
    Delete,
    /// `f`: RNFR, RNTO.
    Rename,
    /// `m`: MKD, XMKD.
    MakeDirectory,
    /// `w`: STOR, STOU.
    Store,
    /// `M`: SITE CHMOD.
    ChangeMode,
    /// `T`: MFMT.
    ChangeTime,
}

impl Letter {
    /// All ten, in the usual order.
    pub const ALL: [Self; 10] = [
        Self::Enter,
        Self::List,
        Self::Retrieve,
        Self::Append,
        Self::Delete,
        Self::Rename,
        Self::MakeDirectory,
        Self::Store,
        Self::ChangeMode,
        Self::ChangeTime,
    ];

    /// The letter itself.
    #[must_use]
    pub const fn char(self) -> char {
        match self {
            Self::Enter => 'e',
            Self::List => 'l',
            Self::Retrieve => 'r',
            Self::Append => 'a',
            Self::Delete => 'd',
            Self::Rename => 'f',
            Self::MakeDirectory => 'm',
            Self::Store => 'w',
            Self::ChangeMode => 'M',
            Self::ChangeTime => 'T',
        }
    }

    /// The letter that a character names; case matters.
    #[must_use]
    pub fn from_char(c: char) -> Option<Self> {
        Self::ALL.into_iter().find(|letter| letter.char() == c)
    }
}

/// A set of [`Letter`]s.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Letters(u16);

impl Letters {
    /// No letter.
    pub const NONE: Self = Self(0);
    /// All ten.
    pub const ALL: Self = Self(0x3ff);

    /// Reads `elr`; `Err` holds the first character that is no letter.
    pub fn parse(text: &str) -> Result<Self, char> {
        text.chars().try_fold(Self::NONE, |set, c| Letter::from_char(c).map(|letter| set.with(letter)).ok_or(c))
    }

    /// Whether the set holds a letter.
    #[must_use]
    pub const fn has(self, letter: Letter) -> bool {
        self.0 & (1 << letter as u8) != 0
    }

    /// The set and one more.
    #[must_use]
    pub const fn with(self, letter: Letter) -> Self {
        Self(self.0 | 1 << letter as u8)
    }

    /// All that either set holds.
    #[must_use]
    pub const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// What this set holds and the other does not.
    #[must_use]
    pub const fn minus(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// The letters in the usual order.
    pub fn iter(self) -> impl Iterator<Item = Letter> {
        Letter::ALL.into_iter().filter(move |letter| self.has(*letter))
    }
}

impl fmt::Display for Letters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.iter().try_for_each(|letter| write!(f, "{}", letter.char()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_read_and_print_in_the_usual_order() {
        assert_eq!(Letters::parse("TMwmfdarle").map(|set| set.to_string()), Ok("elradfmwMT".to_owned()));
        assert_eq!(Letters::parse("elx"), Err('x'));
        assert_eq!(Letters::ALL.minus(Letters::NONE.with(Letter::Delete)).to_string(), "elrafmwMT");
    }
}
