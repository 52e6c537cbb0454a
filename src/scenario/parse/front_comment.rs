//! The comments of a TOML text, which the TOML reader drops.

/// A comment and where its `#` stands.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Comment {
    pub(super) at: usize,
    /// What stands behind `#`, without one blank.
    pub(super) text: String,
    /// Nothing else is on its line.
    pub(super) alone: bool,
}

/// All comments of a TOML text: `#` outside strings, up to the line's end.
pub(super) fn comments(text: &str) -> Vec<Comment> {
    let mut found = Vec::new();
    let mut at = 0;
    let mut alone = true;
    while let Some(c) = text[at..].chars().next() {
        match c {
            '#' => {
                let end = text[at..].find('\n').map_or(text.len(), |end| at + end);
                let comment = text[at + 1..end].trim_end();
                found.push(Comment { at, text: comment.strip_prefix(' ').unwrap_or(comment).to_owned(), alone });
                at = end;
            }
            '"' | '\'' => {
                alone = false;
                at = string_end(text, at, c);
            }
            '\n' => {
                alone = true;
                at += 1;
            }
            c => {
                alone = alone && c.is_whitespace();
                at += c.len_utf8();
            }
        }
    }
    found
}

/// The place behind a TOML string; an unfinished one ends with its line (or, of several lines, with the text).
fn string_end(text: &str, start: usize, quote: char) -> usize {
    let long = [quote; 3].iter().collect::<String>();
    let many = text[start..].starts_with(&long);
    let open = if many { 3 } else { 1 };
    let mut at = start + open;
    while let Some(c) = text[at..].chars().next() {
        if c == '\\' && quote == '"' {
            at += 1 + text[at + 1..].chars().next().map_or(0, char::len_utf8);
        } else if many && text[at..].starts_with(&long) {
            // Up to two quotes may stand right before the three that end it.
            return at + text[at..].len().min(text[at..].bytes().take(5).take_while(|byte| char::from(*byte) == quote).count());
        } else if !many && (c == quote || c == '\n') {
            return at + usize::from(c == quote);
        } else {
            at += c.len_utf8();
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expect: &[(&str, bool)]) {
        let found = comments(text);
        assert_eq!(found.iter().map(|comment| (comment.text.as_str(), comment.alone)).collect::<Vec<_>>(), expect, "{text}");
    }

    #[test]
    fn comments_are_found_outside_strings_only() {
        check("# a\n  #b \nx = 1 # c\n", &[("a", true), ("b", true), ("c", false)]);
        check("x = \"# \\\" #\" # y", &[("y", false)]);
        check("x = '#\\' # y", &[("y", false)]);
        check("x = \"\"\"\n# in\n\"\"\"\n# out", &[("out", true)]);
        check("x = '''\n# in''''\n# out", &[("out", true)]);
        check("x = \"open\n# out", &[("out", true)]);
        check("\"\\", &[]);
    }
}
