//! A command line, RFC 959 section 5.3: a verb, and behind one blank its argument.
//!
//! Splitting only. Not here: line ends and Telnet codes, and what verbs there are.

/// One command line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Command {
    /// In upper case (verbs are compared without case); bytes that are not ASCII are kept.
    pub verb: Vec<u8>,
    /// All behind the first blank, further blanks included (RFC 3659 section 2.2); `None` where there is no blank.
    pub argument: Option<Vec<u8>>,
}

impl Command {
    /// Splits a line whose CR LF is gone.
    #[must_use]
    pub fn parse(line: &[u8]) -> Self {
        let (verb, argument) = match line.iter().position(|byte| *byte == b' ') {
            Some(blank) => (&line[..blank], Some(line[blank + 1..].to_vec())),
            None => (line, None),
        };
        Self { verb: verb.to_ascii_uppercase(), argument }
    }

    /// The argument as a path: exactly one blank separates it from the verb, and an empty one is none.
    #[must_use]
    pub fn path(&self) -> Option<&[u8]> {
        self.argument.as_deref().filter(|argument| !argument.is_empty())
    }

    /// The argument of a command that takes no path: blanks around it do not count (RFC 959 section 5.3), and an empty one is none.
    #[must_use]
    pub fn parameter(&self) -> Option<&[u8]> {
        let is_blank = |byte: &u8| *byte == b' ';
        let argument = self.argument.as_deref()?;
        let start = argument.iter().position(|byte| !is_blank(byte))?;
        let end = argument.iter().rposition(|byte| !is_blank(byte))?;
        Some(&argument[start..=end])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(line: &str, verb: &str, path: Option<&str>, parameter: Option<&str>) {
        let command = Command::parse(line.as_bytes());
        assert_eq!(command.verb, verb.as_bytes());
        assert_eq!(command.path(), path.map(str::as_bytes));
        assert_eq!(command.parameter(), parameter.map(str::as_bytes));
    }

    #[test]
    fn one_blank_separates_verb_and_argument() {
        check("NOOP", "NOOP", None, None);
        check("retr a b ", "RETR", Some("a b "), Some("a b"));
        check("TYPE  I", "TYPE", Some(" I"), Some("I"));
        check("CWD ", "CWD", None, None);
        check("MKD  ", "MKD", Some(" "), None);
        check("", "", None, None);
        check(" NOOP", "", Some("NOOP"), Some("NOOP"));
        check("no\top x", "NO\tOP", Some("x"), Some("x"));
    }
}
