//! The templates of a profile: what they may name, and what they come to.
//!
//! Responsible for filling in, and for showing the place of what cannot be filled in. Never shows a value: there are
//! passwords among them.

use std::collections::BTreeMap;
use std::path::Path;

use minijinja::{Environment, ErrorKind, UndefinedBehavior, Value, syntax::SyntaxConfig};
use sha_crypt::{Algorithm, Params, PasswordHasher, ShaCrypt};

use super::file::{Template, at};
use crate::scenario::diagnostic::Diagnostic;
use crate::scenario::model::{Source, Span};
use crate::target::{Account, Settings};

/// Names that a profile's own variables cannot have.
pub(super) const RESERVED: [&str; 12] =
    ["state", "root", "accounts", "users", "guest", "account", "banner", "idle_timeout_s", "passive_ports", "port", "uid", "gid"];

/// The salt of all hashes: the passwords are random, and forgotten after the run.
const SALT: &[u8] = b"ftpspec";

/// What templates may name.
#[derive(Clone)]
pub(super) struct Context(BTreeMap<String, Value>);

impl Context {
    /// The profile's variables alone: for what is asked without a server.
    pub(super) fn new(set: &BTreeMap<String, String>) -> Self {
        Self(set.iter().map(|(name, value)| (name.clone(), Value::from(value.as_str()))).collect())
    }

    /// Adds what a server is started with: `accounts`, of them the `users` with names and the anonymous `guest` or `none`; the first one's `root`. Each has `name`, `password`, `letters`, `root` (absolute) and `anonymous`.
    /// Settings that are not given are `none`.
    pub(super) fn with(mut self, state: &Path, roots: &Path, accounts: &[Account], settings: &Settings) -> Self {
        let guest = accounts.iter().find(|account| account.anonymous);
        let ports = settings.passive_ports.as_ref().map(|ports| vec![*ports.start(), *ports.end()]);
        self.0.extend([
            ("state".to_owned(), Value::from(state.display().to_string())),
            ("accounts".to_owned(), accounts.iter().map(|account| seen(account, roots)).collect()),
            ("users".to_owned(), accounts.iter().filter(|account| !account.anonymous).map(|account| seen(account, roots)).collect()),
            ("root".to_owned(), Value::from(accounts.first().map(|account| roots.join(&account.root).display().to_string()))),
            ("guest".to_owned(), Value::from(guest.map(|account| seen(account, roots)))),
            ("banner".to_owned(), Value::from(settings.banner.clone())),
            ("idle_timeout_s".to_owned(), Value::from(settings.idle_timeout.map(|time| time.as_secs_f64()))),
            ("passive_ports".to_owned(), Value::from(ports)),
        ]);
        self
    }

    /// Adds the account of a file that each account has.
    pub(super) fn of(mut self, account: &Account, roots: &Path) -> Self {
        self.0.insert("account".to_owned(), seen(account, roots));
        self
    }

    /// Adds the user and group as which sessions work.
    pub(super) fn owned(mut self, (uid, gid): (u32, u32)) -> Self {
        self.0.extend([("uid".to_owned(), Value::from(uid)), ("gid".to_owned(), Value::from(gid))]);
        self
    }

    /// Adds the port that a server is given, where it is.
    pub(super) fn on(mut self, port: Option<u16>) -> Self {
        self.0.extend(port.map(|port| ("port".to_owned(), Value::from(port))));
        self
    }

    /// Fills in.
    ///
    /// # Errors
    /// At the place of what cannot be filled in.
    pub(super) fn fill(&self, template: &Template, source: &Source) -> Result<String, Diagnostic> {
        let mut environment = Environment::new();
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        // Files of lines end in one.
        environment
            .set_syntax(SyntaxConfig::builder().keep_trailing_newline(true).build().map_err(|error| self.wrong(&error, template, source))?);
        // For the place of an error.
        environment.set_debug(true);
        environment.add_filter("crypt", crypt);
        environment.add_filter("absolute", absolute);
        environment.render_str(template.get_ref(), &self.0).map_err(|error| self.wrong(&error, template, source))
    }

    fn wrong(&self, error: &minijinja::Error, template: &Template, source: &Source) -> Diagnostic {
        let detail = error.detail().map_or_else(String::new, |detail| format!(": {detail}"));
        let mut diagnostic = at(template, format!("the template cannot be filled in: {}{detail}", error.kind()));
        let Some(range) = error.range() else { return diagnostic };
        if let Some(start) = content_start(template, source) {
            diagnostic.span = Span { start: start + range.start, end: start + range.end };
        }
        if error.kind() == ErrorKind::UndefinedError {
            let word = template.get_ref().get(range).unwrap_or_default().trim();
            diagnostic = diagnostic.nearest(word, self.0.keys().map(String::as_str));
        }
        diagnostic
    }
}

/// An account as templates see it.
fn seen(account: &Account, roots: &Path) -> Value {
    Value::from(BTreeMap::from([
        ("name", Value::from(account.name.as_str())),
        ("password", Value::from(account.password.reveal())),
        ("letters", Value::from(account.letters.to_string())),
        ("root", Value::from(roots.join(&account.root).display().to_string())),
        ("anonymous", Value::from(account.anonymous)),
    ]))
}

/// A password as the C library's crypt(3) hashes it, by SHA-256 with the fewest rounds: a profile may ask for a thousand.
fn crypt(password: &str) -> Result<String, minijinja::Error> {
    let failed = |error: String| minijinja::Error::new(ErrorKind::InvalidOperation, error);
    let params = Params::new(Params::ROUNDS_MIN).map_err(|error| failed(error.to_string()))?;
    let hashed = ShaCrypt::new(Algorithm::Sha256Crypt, params).hash_password_with_salt(password.as_bytes(), SALT);
    hashed.map(|hash| hash.as_str().to_owned()).map_err(|error| failed(error.to_string()))
}

/// A path as seen from where we were started: a server is started in its state directory. What is no path stays.
fn absolute(path: &str) -> String {
    let whole = if path.contains('/') { std::path::absolute(path).ok() } else { None };
    whole.map_or_else(|| path.to_owned(), |path| path.display().to_string())
}

/// Where the text of a string begins in the file, if it stands there as it is.
fn content_start(template: &Template, source: &Source) -> Option<usize> {
    let span = template.span();
    let raw = source.text.get(span.clone())?;
    let quotes = if raw.starts_with("\"\"\"") || raw.starts_with("'''") { 3 } else { 1 };
    let newline = usize::from(quotes == 3 && raw.get(quotes..)?.starts_with('\n'));
    raw.get(quotes + newline..)?.starts_with(template.get_ref().as_str()).then_some(span.start + quotes + newline)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::ftp::letter::Letters;
    use crate::target::Secret;

    #[derive(serde::Deserialize)]
    struct Only {
        text: Template,
    }

    /// What a TOML string comes to, with one account and no setting but an idle timeout.
    fn check(toml: &str) -> String {
        let source = Source { name: "x.toml".to_owned(), text: format!("text = {toml}\n") };
        let only: Only = toml::from_str(&source.text).unwrap();
        let account = Account {
            name: "ali\"ce".to_owned(),
            password: Secret::new("open sesame"),
            letters: Letters::parse("elr").unwrap(),
            anonymous: false,
            root: "a".to_owned(),
            directory: Vec::new(),
        };
        let settings = Settings { idle_timeout: Some(Duration::from_millis(1500)), ..Settings::default() };
        let set = BTreeMap::from([("python".to_owned(), "python3".to_owned())]);
        let context = Context::new(&set).with(Path::new("/state"), Path::new("/roots"), &[account], &settings);
        context.fill(&only.text, &source).unwrap_or_else(|diagnostic| diagnostic.render(&source, false))
    }

    #[test]
    fn variables_are_filled_in() {
        assert_eq!(check(r#""{{ python }} {{ state }}/x""#), "python3 /state/x");
        assert_eq!(check(r#""{{ banner | tojson }} {{ idle_timeout_s | tojson }} {{ passive_ports | tojson }}""#), "null 1.5 null");
        let here = std::env::current_dir().unwrap();
        assert_eq!(
            check(r#""{{ 'a/b' | absolute }} {{ '' | absolute }} {{ python | absolute }}""#),
            format!("{}/a/b  python3", here.display())
        );
        assert_eq!(check(r#""a\n""#), "a\n");
        // As perl's crypt says.
        assert_eq!(
            check(r#""{{ accounts[0].password | crypt }}""#),
            "$5$rounds=1000$aF5Qn/LNX/$1CbmLff.ilGFAKmcqjqLAy1r6KSkCR6Twjk8jsIakg5"
        );
        let account: serde_json::Value = serde_json::from_str(&check(r#""{{ accounts | tojson }}""#)).unwrap();
        let expect = serde_json::json!([
            {"name": "ali\"ce", "password": "open sesame", "letters": "elr", "root": "/roots/a", "anonymous": false}
        ]);
        assert_eq!(account, expect);
    }

    #[test]
    fn what_cannot_be_filled_in_is_shown_at_its_place() {
        insta::assert_snapshot!(check("'''\na\n{{ pyton }}\n'''"), @r"
        error: the template cannot be filled in: undefined value: `pyton` is undefined
         --> x.toml:3:4
          |
        3 | {{ pyton }}
          |    ^^^^^
          |
          = help: did you mean `python`?
        ");
        assert!(check("\"\\t{{ pyton }}\"").contains("x.toml:1:8"));
        assert!(check("\"{{ python\"").contains("x.toml:1:"));
        assert!(!check("\"{{ accounts | nothing }}\"").contains("sesame"));
    }
}
