//! The last lines that a server in this process wrote, and what its tasks died of.
//!
//! Responsible for keeping them bounded and free of passwords. Shows nothing by itself.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::fmt::{self, Write};
use std::panic;
use std::sync::{Arc, Mutex, Once, PoisonError};

use slog::{Drain, KV, Key, Level, Never, OwnedKVList, Record, Serializer};

use super::Secret;

/// Lines that are kept.
const LINES: usize = 200;
/// Characters of a line that are kept.
const WIDTH: usize = 1000;
/// A password shorter than this is not looked for in the lines: masking `a` would mask half of them.
const SHORTEST_SECRET: usize = 4;

/// The last lines of one server; clones share them.
#[derive(Debug, Clone)]
pub(super) struct Log(Arc<Kept>);

#[derive(Debug)]
struct Kept {
    lines: Mutex<VecDeque<String>>,
    secrets: Vec<Secret>,
}

impl Log {
    /// An empty log that will never show these passwords.
    pub(super) fn new(secrets: Vec<Secret>) -> Self {
        let secrets = secrets.into_iter().filter(|secret| secret.reveal().len() >= SHORTEST_SECRET).collect();
        Self(Arc::new(Kept { lines: Mutex::default(), secrets }))
    }

    /// Adds a line; line ends within it are shown as such.
    pub(super) fn note(&self, line: &str) {
        let masked = self.0.secrets.iter().fold(line.to_owned(), |line, secret| line.replace(secret.reveal(), "****"));
        let flat = masked.trim_end().replace('\r', "\\r").replace('\n', "\\n");
        let line = flat.char_indices().nth(WIDTH).map_or(flat.as_str(), |(end, _)| &flat[..end]);
        let mut lines = self.0.lines.lock().unwrap_or_else(PoisonError::into_inner);
        if lines.len() == LINES {
            lines.pop_front();
        }
        lines.push_back(line.to_owned());
    }

    /// All lines that are kept.
    pub(super) fn text(&self) -> String {
        let lines = self.0.lines.lock().unwrap_or_else(PoisonError::into_inner);
        lines.iter().fold(String::new(), |text, line| text + line + "\n")
    }

    /// From now on a panic on this thread is noted here and not on stderr.
    pub(super) fn adopt_thread(&self) {
        HERE.with(|here| *here.borrow_mut() = Some(self.clone()));
    }
}

thread_local! {
    static HERE: RefCell<Option<Log>> = const { RefCell::new(None) };
}

/// Lets panics on adopted threads go to their log; those of all other threads go where they went before.
///
/// libunftp's detached tasks panic on some input; the runtime catches that, and without the hook nobody would learn why a
/// session fell silent.
pub(super) fn note_panics() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let before = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            let log = HERE.try_with(|here| here.try_borrow().ok().and_then(|log| log.clone())).ok().flatten();
            match log {
                Some(log) => log.note(&format!("PANIC {info}")),
                None => before(info),
            }
        }));
    });
}

impl Drain for Log {
    type Ok = ();
    type Err = Never;

    fn log(&self, record: &Record<'_>, values: &OwnedKVList) -> Result<(), Never> {
        // Below, libunftp tells every command and reply, in debug builds alone: that is the transcript's part.
        if !record.level().is_at_least(Level::Info) {
            return Ok(());
        }
        let mut line = Line(format!("{} {}", record.level().as_short_str(), record.msg()));
        // Writing into a string does not fail; a value that cannot be shown is left out.
        let _ = record.kv().serialize(record, &mut line);
        let _ = values.serialize(record, &mut line);
        self.note(&line.0);
        Ok(())
    }
}

struct Line(String);

impl Serializer for Line {
    fn emit_arguments(&mut self, key: Key, value: &fmt::Arguments<'_>) -> slog::Result {
        Ok(write!(self.0, " {key}={value}")?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_log_is_bounded_and_masks_passwords() {
        let log = Log::new(vec![Secret::new("open sesame"), Secret::new("a")]);
        for number in 0..500 {
            log.note(&format!("line {number} open sesame\r\nmore"));
        }
        log.note(&"é".repeat(5000));
        let text = log.text();
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), LINES);
        assert_eq!(lines[0], "line 301 ****\\r\\nmore");
        assert_eq!(lines[LINES - 1].chars().count(), WIDTH);
    }

    #[test]
    fn records_come_with_their_values() {
        let log = Log::new(vec![Secret::new("open sesame")]);
        let logger = slog::Logger::root(log.clone(), slog::o!("source" => "here"));
        slog::info!(logger, "hello"; "password" => "open sesame");
        slog::debug!(logger, "not this");
        assert_eq!(log.text(), "INFO hello password=**** source=here\n");
    }

    #[test]
    fn a_panic_on_an_adopted_thread_is_noted() {
        note_panics();
        let log = Log::new(Vec::new());
        let theirs = log.clone();
        let ended = std::thread::spawn(move || {
            theirs.adopt_thread();
            panic!("boom");
        })
        .join();
        assert!(ended.is_err());
        assert!(log.text().contains("boom"), "{}", log.text());
    }
}
