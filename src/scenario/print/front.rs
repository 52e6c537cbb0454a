//! The front matter: keys in one order, each with the comments that stand before it.

use crate::scenario::model::{AccountSpec, FileKind, FileSpec, Front, Row};
use crate::scenario::parse::path_key;

use super::text::hex_digits;

pub(super) fn front(front: &Front, out: &mut String) {
    let mut writer = Writer { front, out };
    writer.line("title", "", &format!("title = {}", string(&front.title)));
    if !front.needs.is_empty() || writer.has_comment("needs") {
        let needs: Vec<String> = front.needs.iter().map(|need| string(need)).collect();
        writer.line("needs", "", &format!("needs = [{}]", needs.join(", ")));
    }
    if front.slow {
        writer.line("class", "", "class = \"slow\"");
    }
    writer.each();
    if !front.accounts.is_empty() || writer.has_comment("accounts") {
        writer.table("accounts");
        for (name, spec) in &front.accounts {
            writer.line(&format!("accounts.{name}"), "", &format!("{name} = {}", account(spec)));
        }
    }
    if !front.files.is_empty() || writer.has_comment("files") {
        writer.table("files");
        for (path, spec) in &front.files {
            let path = path_key(path);
            writer.line(&format!("files.{path}"), "", &format!("{} = {}", key(&path), file(spec)));
        }
    }
    writer.server();
    writer.comments("", "");
}

struct Writer<'a> {
    front: &'a Front,
    out: &'a mut String,
}

impl Writer<'_> {
    fn has_comment(&self, name: &str) -> bool {
        self.front.comments.contains_key(name)
    }

    fn comments(&mut self, name: &str, indent: &str) {
        for comment in self.front.comments.get(name).into_iter().flatten() {
            self.out.push_str(indent);
            self.out.push_str(&super::comment(comment));
            self.out.push('\n');
        }
    }

    fn line(&mut self, name: &str, indent: &str, line: &str) {
        self.comments(name, indent);
        self.out.extend([indent, line, "\n"]);
    }

    fn table(&mut self, name: &str) {
        self.out.push('\n');
        self.line(name, "", &format!("[{name}]"));
    }

    fn each(&mut self) {
        if self.front.each.is_empty() {
            return;
        }
        self.line("each", "", "each = [");
        for row in &self.front.each {
            self.line(&format!("each.{}", row.name), "  ", &format!("{},", self::row(row)));
        }
        self.out.push_str("]\n");
    }

    fn server(&mut self) {
        let server = &self.front.server;
        if server.is_default() && !self.has_comment("server") {
            return;
        }
        self.table("server");
        let settings = [("idle_timeout", &server.idle_timeout), ("passive_ports", &server.passive_ports), ("banner", &server.banner)];
        for (name, value) in settings {
            if let Some(value) = value {
                self.line(&format!("server.{name}"), "", &format!("{name} = {}", string(value)));
            }
        }
    }
}

fn row(row: &Row) -> String {
    let columns = row.columns.iter().map(|(name, value)| format!(", {} = {}", key(name), string(value)));
    format!("{{ name = {}{} }}", string(&row.name), columns.collect::<String>())
}

fn account(spec: &AccountSpec) -> String {
    if !spec.own_root && !spec.anonymous {
        return string(&spec.letters);
    }
    let own = if spec.own_root { ", root = \"own\"" } else { "" };
    let anonymous = if spec.anonymous { ", anonymous = true" } else { "" };
    format!("{{ letters = {}{own}{anonymous} }}", string(&spec.letters))
}

fn file(spec: &FileSpec) -> String {
    let what = match &spec.what {
        FileKind::Text(text) if spec.mtime.is_none() && spec.mode.is_none() => return string(text),
        FileKind::Text(text) => format!("text = {}", string(text)),
        FileKind::Bytes(bytes) => {
            let mut digits = String::new();
            bytes.iter().for_each(|byte| hex_digits(*byte, &mut digits));
            format!("bytes = \"{digits}\"")
        }
        FileKind::Expression(text) => format!("content = {}", string(text)),
        FileKind::Generated { size, seed } => format!("size = {}, seed = {seed}", string(size)),
        FileKind::Hole(size) => format!("hole = {}", string(size)),
        FileKind::Directory => "dir = true".to_owned(),
        FileKind::Entries(count) => format!("entries = {count}"),
        FileKind::Link(target) => format!("link = {}", string(target)),
    };
    let mtime = spec.mtime.as_ref().map(|time| format!(", mtime = {}", string(time))).unwrap_or_default();
    let mode = spec.mode.as_ref().map(|mode| format!(", mode = {}", string(mode))).unwrap_or_default();
    format!("{{ {what}{mtime}{mode} }}")
}

/// A TOML key.
fn key(name: &str) -> String {
    let bare = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'));
    if bare { name.to_owned() } else { string(name) }
}

/// A TOML string on one line: literal where that saves escapes.
fn string(text: &str) -> String {
    let control = text.chars().any(char::is_control);
    if text.contains(['"', '\\']) && !text.contains('\'') && !control {
        return format!("'{text}'");
    }
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if c.is_control() => {
                let code = u32::from(c);
                out.push_str("\\u");
                [12, 8, 4, 0].iter().for_each(|shift| out.push(char::from_digit(code >> shift & 15, 16).expect("four bits")));
            }
            c => out.push(c),
        }
    }
    out.push('"');
    out
}
