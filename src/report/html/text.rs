//! Texts on the page: what nobody could see is shown, what is long is cut, what comes often stands once.

use std::collections::HashMap;
use std::fmt::Write as _;

/// Characters of one text that the page keeps, unless it says otherwise.
pub(super) const LONG: usize = 1500;

/// A text that shows all of itself: characters that are invisible, or that turn the text around, stand as `\u{202e}`. Line ends and tabs stay.
pub(super) fn visible(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        if is_hidden(c) {
            write!(shown, "\\u{{{:x}}}", u32::from(c)).expect("a String takes all");
        } else {
            shown.push(c);
        }
    }
    shown
}

fn is_hidden(c: char) -> bool {
    matches!(c,
        '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}'
        | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
        || (c.is_control() && c != '\n' && c != '\t')
}

/// The first characters of a text, with a note of how many were left out. Visible.
pub(super) fn cut(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        None => visible(text),
        Some((end, _)) => format!("{} .. {} more characters", visible(&text[..end]), text[end..].chars().count()),
    }
}

/// JSON that can stand in an element of HTML.
pub(super) fn escaped_json(json: &str) -> String {
    let mut safe = String::with_capacity(json.len());
    for c in json.chars() {
        match c {
            // Inside a string, where alone they can stand, these are the same to JSON; the element cannot be ended by them.
            '<' | '>' | '&' | '\u{2028}' | '\u{2029}' => write!(safe, "\\u{:04x}", u32::from(c)).expect("a String takes all"),
            _ => safe.push(c),
        }
    }
    safe
}

/// Texts by number, each once.
#[derive(Debug, Default)]
pub(super) struct Texts {
    all: Vec<String>,
    places: HashMap<String, usize>,
}

impl Texts {
    /// The number of a text.
    pub(super) fn place(&mut self, text: String) -> usize {
        if let Some(place) = self.places.get(&text) {
            return *place;
        }
        let place = self.all.len();
        self.all.push(text.clone());
        self.places.insert(text, place);
        place
    }

    /// All, in the order of their numbers.
    pub(super) fn into_all(self) -> Vec<String> {
        self.all
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_is_hidden_is_shown() {
        assert_eq!(visible("a\u{202e}b\u{7f}\u{1b}[1m\tc\n"), "a\\u{202e}b\\u{7f}\\u{1b}[1m\tc\n");
        assert_eq!(visible("r\u{e9}ponse \u{4e2d}"), "r\u{e9}ponse \u{4e2d}");
        assert_eq!(cut("abcdef", 6), "abcdef");
        assert_eq!(cut("abcd\u{e9}f", 4), "abcd .. 2 more characters");
    }

    #[test]
    fn a_text_stands_once() {
        let mut texts = Texts::default();
        assert_eq!(["a", "b", "a"].map(|text| texts.place(text.to_owned())), [0, 1, 0]);
        assert_eq!(texts.into_all(), ["a", "b"]);
    }

    proptest! {
        #[test]
        fn json_in_html_is_the_same_json_and_ends_nothing(text in "(\\PC|[<>&/!\u{2028}\u{2029}]|</script>|<!--|\\]\\]>){0,40}") {
            let safe = escaped_json(&serde_json::to_string(&text).unwrap());
            let ending = ['<', '>', '&', '\u{2028}', '\u{2029}'];
            prop_assert!(!safe.contains(ending));
            prop_assert_eq!(serde_json::from_str::<String>(&safe).unwrap(), text);
        }
    }
}
