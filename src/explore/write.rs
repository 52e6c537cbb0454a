//! A failing sequence as a scenario file: the steps that lead there as set-up, the last one with the requirement that it breaks.

use super::compare::{Divergence, Kind};
use super::expect::{Abilities, Accept, Brings, Expectation, expect};
use super::model::{LAID_TIME_VAL, Model, State, line};
use super::operation::{Cut, CutKind, ListVerb, Operation, SESSIONS, Side, What};
use super::player::{Cast, Record};
use super::source::Source;
use super::written::Written;
use crate::ftp::content::Content;
use crate::ftp::letter::Letters;
use crate::ftp::path::{VirtualPath, quote};
use crate::scenario::model::{Action, Piece, Scenario, Send, SendForm, Text, Way};
use crate::scenario::print::{print, print_action, print_text};
use crate::scenario::{Diagnostic, parse};

/// The replies to a transfer and its ABOR: two, of any sort that servers give.
const ABORTED: &str = "S> 2xx, 2xx | 4xx, 2xx | 5xx, 2xx | 4xx, 4xx";

/// What the file says besides the steps.
pub(super) struct About<'a> {
    /// Its id.
    pub(super) id: String,
    /// What a server that passes does.
    pub(super) title: String,
    /// What is wrong, line by line.
    pub(super) comment: Vec<String>,
    pub(super) divergence: &'a Divergence,
}

/// The scenario of a sequence whose last record fails.
///
/// # Errors
/// Where the text that was made does not parse: a bug of this part.
pub(super) fn write(records: &[Record], cast: &Cast, able: &Abilities, about: &About<'_>) -> Result<String, Vec<Diagnostic>> {
    let mut writer = Writer::new(records.iter().map(|record| &record.operation), cast);
    for (place, record) in records.iter().enumerate() {
        let Some((before, expected)) = &record.full else { continue };
        let last = place + 1 == records.len();
        let told = last.then_some(about.divergence);
        // The last step is written as it should be; what is on disk must be right whether it is carried out or not.
        let accepted = if told.is_some_and(|told| told.kind != Kind::Disk) {
            !matches!(expected.accept, Accept::Never(_))
        } else {
            record.mark.accepted
        };
        writer.operation(&record.operation, before, expected, accepted, told);
        // What is out of step at the last step was so before it.
        if about.divergence.kind == Kind::Session && writer.open[record.operation.session] {
            writer.cited("alive", Some(about.divergence.cites));
        }
    }
    if let Some(control) = control(records, cast, able) {
        writer.line("");
        writer.line("control");
        writer.restart();
        for (operation, before, expected) in &control {
            writer.operation(operation, before, expected, true, None);
        }
    }
    writer.file(about)
}

/// Where the last step is denied for a letter: the same steps with all letters, which must succeed.
fn control(records: &[Record], cast: &Cast, able: &Abilities) -> Option<Vec<(Operation, Model, Expectation)>> {
    let (_, expected) = records.last()?.full.as_ref()?;
    if !expected.is_denial() {
        return None;
    }
    let mut letters = cast.letters;
    letters[records.last()?.operation.session] = Letters::ALL;
    let mut model = Model::new(letters);
    let mut steps = Vec::new();
    for record in records {
        let expected = expect(&model, &record.operation, able)?;
        if matches!(expected.accept, Accept::Never(_)) {
            return None;
        }
        let before = std::mem::replace(&mut model, expected.after.clone());
        steps.push((record.operation.clone(), before, expected));
    }
    Some(steps)
}

struct Writer {
    written: Written,
    letters: [Letters; SESSIONS],
    way: Way,
    /// Which sessions are used.
    used: [bool; SESSIONS],
    /// How often each has logged in; its name has this number from the second time on.
    logins: [u32; SESSIONS],
    open: [bool; SESSIONS],
    current: Option<usize>,
    captures: u32,
    body: String,
    roles: Vec<(String, Letters)>,
    /// In the control everybody may do all.
    control: bool,
}

impl Writer {
    fn new<'o>(operations: impl Iterator<Item = &'o Operation> + Clone, cast: &Cast) -> Self {
        let mut used = [false; SESSIONS];
        operations.clone().flat_map(Operation::sessions).for_each(|session| used[session] = true);
        Self {
            written: Written::new(operations.flat_map(Operation::sources)),
            letters: cast.letters,
            way: cast.way,
            used,
            logins: [0; SESSIONS],
            open: [false; SESSIONS],
            current: None,
            captures: 0,
            body: String::new(),
            roles: Vec::new(),
            control: false,
        }
    }

    fn restart(&mut self) {
        self.control = true;
        self.letters = [Letters::ALL; SESSIONS];
        self.logins = [0; SESSIONS];
        self.open = [false; SESSIONS];
        self.current = None;
    }

    fn line(&mut self, line: &str) {
        self.body.push_str(line);
        self.body.push('\n');
    }

    /// A line with the requirement that it shows, where the divergence is told here.
    fn cited(&mut self, line: &str, cites: Option<&str>) {
        match cites {
            Some(cites) => self.line(&format!("{line}  [{cites}]")),
            None => self.line(line),
        }
    }

    fn send(&mut self, bytes: &[u8]) {
        let edge = bytes.ends_with(b" ") || bytes.windows(2).any(|pair| pair == b"  ");
        let text = Text(vec![Piece::Literal(bytes.to_vec())]);
        let form = if edge || std::str::from_utf8(bytes).is_err() { SendForm::Quoted } else { SendForm::Verbatim };
        let line = print_action(&Action::Send(Send { text, form, raw: false }));
        self.line(&line);
    }

    fn role(&mut self, session: usize) -> String {
        let letters = self.letters[session];
        if let Some((name, _)) = self.roles.iter().find(|(_, known)| *known == letters) {
            return name.clone();
        }
        let name = if letters == Letters::ALL { "alice".to_owned() } else { format!("bob{}", self.roles.len()) };
        self.roles.push((name.clone(), letters));
        name
    }

    /// Makes a session the one that speaks.
    fn session(&mut self, session: usize) {
        let several = self.used.iter().filter(|used| **used).count() > 1
            || self.logins[session] > 1
            || !self.open[session] && self.logins[session] > 0;
        if !self.open[session] {
            self.logins[session] += 1;
        }
        if several && (self.current != Some(session) || !self.open[session]) {
            let name = ["one", "two", "three"][session];
            let number = self.logins[session];
            self.line(&if number > 1 { format!("as {name}-{number}") } else { format!("as {name}") });
        }
        self.current = Some(session);
        if !self.open[session] {
            self.open[session] = true;
            let role = self.role(session);
            self.line(&format!("login {role}"));
            self.line("C> TYPE I");
            self.line("S> 2xx");
        }
    }

    fn data(&mut self) {
        self.line(if self.way == Way::Epsv { "data epsv" } else { "data" });
    }

    fn operation(&mut self, operation: &Operation, before: &Model, expected: &Expectation, accepted: bool, told: Option<&Divergence>) {
        self.session(operation.session);
        operation.clone().paths_mut().into_iter().for_each(|path| self.written.touch(path));
        let step = Step { before, expected, accepted, told };
        match &operation.what {
            What::Quit => {
                self.line("C> QUIT");
                self.cited("S> 2xx, end", step.cites());
                self.open[operation.session] = false;
            }
            What::Type { ascii } => self.simple(if *ascii { b"TYPE A" } else { b"TYPE I" }, &step, None),
            What::Pwd => self.pwd(&step),
            What::Cwd(path) => self.moved(&line("CWD", path), &step),
            What::Cdup => self.moved(b"CDUP", &step),
            What::Mkd(path) => self.simple(&line("MKD", path), &step, None),
            What::Rmd(path) => self.simple(&line("RMD", path), &step, None),
            What::Dele(path) => self.simple(&line("DELE", path), &step, None),
            What::Size(path) => {
                let text = if let Brings::Size(size) = expected.brings { Some(size.to_string()) } else { None };
                self.simple(&line("SIZE", path), &step, text.as_deref());
            }
            What::Mdtm(path) => {
                let text = if expected.brings == Brings::Time(LAID_TIME_VAL) { Some(LAID_TIME_VAL) } else { None };
                self.simple(&line("MDTM", path), &step, text);
            }
            What::Mlst(path) => self.mlst(path, &step),
            What::Rename { from, to } => self.rename(from, to, &step),
            What::Store { append, rest, path, source, cut } => {
                let verb = if *append { "APPE" } else { "STOR" };
                self.store(operation.session, *rest, &line(verb, path), source, cut.as_ref(), &step);
            }
            What::Fetch { rest, path, cut } => self.fetch(operation.session, *rest, &line("RETR", path), cut.as_ref(), &step),
            What::Resume { append, path, source } => self.resume(*append, path, source, &step),
            What::List { verb, path } => self.list(*verb, path.as_deref(), &step),
            What::Together { first, session, second } => self.together(operation.session, first, *session, second, &step),
        }
        if operation.has_rest() && expected.is_denial() && told.is_none() {
            self.line("C> QUIT");
            self.line("S> 2xx, end");
            self.open[operation.session] = false;
        }
        self.states(&step);
    }

    /// What stands on disk behind the last step.
    fn states(&mut self, step: &Step<'_>) {
        let Some(told) = step.told.filter(|_| step.expected.leaves.is_none()) else { return };
        let after = if step.accepted { &step.expected.after } else { step.before };
        let mut paths = step.expected.touches.clone();
        paths.extend(told.path.clone().filter(|path| !paths.contains(path)));
        for path in paths {
            let mut states = vec![self.state(&after.state(&path))];
            if step.accepted && step.expected.touches.first() == Some(&path) {
                states.extend(step.expected.choices.iter().map(|choice| self.state(choice)));
            }
            self.disk(&path, &states, step.cites());
        }
    }

    fn disk(&mut self, path: &VirtualPath, states: &[String], cites: Option<&str>) {
        self.written.touch(&path.to_bytes());
        let name = print_text(&Text(vec![Piece::Literal(path.names().join(&b'/'))]));
        let check = match states {
            [one] if one == "absent" || one == "dir" => one.clone(),
            [one] => format!("== {one}"),
            several => format!("in {{ {} }}", several.join(", ")),
        };
        self.cited(&format!("disk {name} {check}"), cites);
    }

    fn state(&mut self, state: &State) -> String {
        match state {
            State::Absent => "absent".to_owned(),
            State::Directory => "dir".to_owned(),
            State::File(content) => self.written.bytes(&content.to_vec()),
        }
    }

    /// A command and its reply.
    fn simple(&mut self, line: &[u8], step: &Step<'_>, text: Option<&str>) {
        self.send(line);
        let text = text.filter(|_| step.told.is_some()).map(|text| format!(" \"{text}\"")).unwrap_or_default();
        if step.either() {
            self.cited("match reply", step.cites());
            self.line("  2xx -> pass");
            self.line("  4xx | 5xx -> pass");
            return;
        }
        self.cited(&if step.accepted { format!("S> 2xx{text}") } else { "S> 4xx | 5xx".to_owned() }, step.cites());
    }

    fn pwd(&mut self, step: &Step<'_>) {
        self.line("C> PWD");
        let Brings::Directory(new, old) = &step.expected.brings else { return };
        let path = if step.accepted { new } else { old };
        let quoted = quote(&path.to_bytes());
        let mut pattern = vec![Piece::Literal(b"\"".to_vec())];
        if path.is_root() {
            pattern.push(Piece::Literal(quoted[1..].to_vec()));
        } else {
            pattern.extend([Piece::Wild, Piece::Literal(quoted[2..].to_vec())]);
        }
        pattern.push(Piece::Wild);
        let text = print_text(&Text(pattern));
        self.cited(&format!("S> 257 {text}"), step.cites());
    }

    fn moved(&mut self, line: &[u8], step: &Step<'_>) {
        self.simple(line, step, None);
        if step.told.is_some() {
            self.pwd(step);
        }
    }

    fn mlst(&mut self, path: &[u8], step: &Step<'_>) {
        self.simple(&line("MLST", path), step, None);
        if let (Brings::Facts(size), true, Some(_)) = (&step.expected.brings, step.accepted, step.told) {
            match size {
                Some(size) => {
                    self.cited("fact type == \"file\"", step.cites());
                    self.cited(&format!("fact size == {size}"), step.cites());
                }
                None => self.cited("fact type == \"dir\"", step.cites()),
            }
        }
    }

    fn rename(&mut self, from: &[u8], to: &[u8], step: &Step<'_>) {
        self.send(&line("RNFR", from));
        if step.accepted && !step.either() {
            self.cited("S> 3xx", step.cites());
            self.send(&line("RNTO", to));
            self.cited("S> 2xx", step.cites());
            return;
        }
        self.cited("match reply", step.cites());
        self.line("  4xx | 5xx -> pass");
        self.line("  3xx -> pass");
        self.body.push_str("    ");
        self.send(&line("RNTO", to));
        let codes = if step.either() { "2xx | 4xx | 5xx" } else { "4xx | 5xx" };
        self.cited(&format!("    S> {codes}"), step.cites());
    }

    /// Up to the preliminary reply; what follows stands one level deeper where the transfer must be refused.
    fn begin(&mut self, rest: Option<u64>, command: &[u8], step: &Step<'_>) {
        self.data();
        if let Some(rest) = rest {
            self.line(&format!("C> REST {rest}"));
            self.cited("S> 3xx", step.cites());
        }
        self.send(command);
        if step.accepted {
            self.cited("S> 150 | 125", step.cites());
        } else {
            self.cited("match reply", step.cites());
            self.line("  4xx | 5xx -> pass");
            self.line("  150 | 125 -> pass");
        }
    }

    fn store(&mut self, session: usize, rest: Option<u64>, command: &[u8], source: &Source, cut: Option<&Cut>, step: &Step<'_>) {
        self.begin(rest, command, step);
        if !step.accepted && step.expected.leaves.is_none() {
            let whole = self.written.whole(source);
            self.line(&format!("    C>> {whole} end"));
            self.cited("    S> 4xx | 5xx", step.cites());
            return;
        }
        let Some(cut) = cut else {
            let whole = self.written.whole(source);
            self.line(&format!("C>> {whole} end"));
            self.cited("S> 226 | 250", step.cites());
            return;
        };
        let name = self.written.name(source);
        let half = cut.at / 2;
        if cut.how == CutKind::Stall {
            self.line(&format!("C>> {name}[..{}]", cut.at));
            self.line("stall 15ms");
            self.line(&format!("C>> {name}[{}..] end", cut.at));
            self.cited("S> 226 | 250", step.cites());
            return;
        }
        if cut.at > 0 {
            self.line(&format!("C>> {name}[..{half}] split {name}[{half}..{}]", cut.at));
        }
        match cut.how {
            CutKind::Reset | CutKind::Close | CutKind::Stall => {
                self.line("cut data");
                let proven = step.told.is_some_and(|told| told.kind == Kind::Cut);
                self.cited(if proven { "S> 4xx | 5xx" } else { "S> 2xx | 4xx | 5xx" }, step.cites());
            }
            CutKind::Abort => {
                self.line("abort plain");
                self.line("close data");
                self.cited(ABORTED, step.cites());
            }
            CutKind::Control => {
                self.line("cut control");
                self.line("close data");
                self.open[session] = false;
            }
        }
        self.left(&name, cut.at, step);
    }

    /// What may be left of an upload that was cut.
    fn left(&mut self, name: &str, at: u64, step: &Step<'_>) {
        let (Some(path), Some((_, least))) = (step.expected.touches.first(), &step.expected.leaves) else { return };
        let old = step.before.state(path);
        let kept = if *least > 0 { format!("{} ", self.state(&old)) } else { String::new() };
        let mut states = vec!["absent".to_owned(), format!("prefix of {kept}{name}[..{at}]")];
        if let State::File(_) = old {
            states.push(self.state(&old));
        }
        self.disk(path, &states, step.cites());
    }

    fn fetch(&mut self, session: usize, rest: Option<u64>, command: &[u8], cut: Option<&Cut>, step: &Step<'_>) {
        let data = if let Brings::Data(content) = &step.expected.brings { content.clone() } else { Content::Zeros(0) };
        let beyond = step.expected.accept == Accept::May && step.expected.cites == "sec-rob-rest-beyond-eof";
        self.begin(rest, command, &Step { accepted: step.accepted && !beyond || cut.is_some(), ..*step });
        if (!step.accepted || beyond) && cut.is_none() {
            self.cited("    S>> \"\" end", step.cites());
            self.cited(if beyond { "    S> 2xx | 4xx | 5xx" } else { "    S> 4xx | 5xx" }, step.cites());
            return;
        }
        let Some(cut) = cut else {
            let whole = self.written.bytes(&data.to_vec());
            self.cited(&format!("S>> {whole} end"), step.cites());
            self.cited("S> 226 | 250", step.cites());
            return;
        };
        if cut.at > 0 {
            let part = self.written.bytes(&data.slice(0, cut.at).to_vec());
            self.cited(&format!("S>> {part}"), step.cites());
        }
        match cut.how {
            CutKind::Stall => {
                self.line("stall 15ms");
                let part = self.written.bytes(&data.slice(cut.at, data.len()).to_vec());
                self.cited(&format!("S>> {part} end"), step.cites());
                self.cited("S> 226 | 250", step.cites());
            }
            CutKind::Reset | CutKind::Close => {
                self.line(if cut.how == CutKind::Reset { "cut data" } else { "close data" });
                self.cited("S> 2xx | 4xx | 5xx", step.cites());
            }
            CutKind::Abort => {
                self.line("abort plain");
                self.line("S>> ..");
                self.cited(ABORTED, step.cites());
            }
            CutKind::Control => {
                self.line("cut control");
                self.line("close data");
                self.open[session] = false;
            }
        }
    }

    fn resume(&mut self, append: bool, path: &[u8], source: &Source, step: &Step<'_>) {
        self.captures += 1;
        let (number, name) = (self.captures, self.written.name(source));
        self.send(&line("SIZE", path));
        match (&step.expected.brings, step.told) {
            (Brings::Size(size), Some(told)) if told.kind == Kind::Reply => self.cited(&format!("S> 213 \"{size}\""), step.cites()),
            _ => self.line(&format!("S> 213 \"{{n{number}:int}}\"")),
        }
        self.data();
        if !append {
            self.line(&format!("C> REST {{n{number}}}"));
            self.cited("S> 3xx", step.cites());
        }
        self.send(&line(if append { "APPE" } else { "STOR" }, path));
        self.cited("S> 150 | 125", step.cites());
        self.line(&format!("C>> {name}[{{n{number}}}..] end"));
        self.cited("S> 226 | 250", step.cites());
    }

    fn list(&mut self, verb: ListVerb, path: Option<&[u8]>, step: &Step<'_>) {
        let command = path.map_or_else(|| verb.word().as_bytes().to_vec(), |path| line(verb.word(), path));
        self.begin(None, &command, step);
        if !step.accepted {
            self.cited("    S>> \"\" end", step.cites());
            self.line("    S> 2xx | 4xx | 5xx");
            return;
        }
        self.line("S>> listing end");
        self.cited("S> 226 | 250", step.cites());
        let (Brings::Entries(_, entries), Some(_)) = (&step.expected.brings, step.told) else { return };
        let text = |name: &Vec<u8>| print_text(&Text(vec![Piece::Literal(name.clone())]));
        let dotted = entries.iter().any(|(name, _)| name.starts_with(b".") || verb == ListVerb::List && name.contains(&b' '));
        let names: Vec<String> = entries.iter().filter(|(name, _)| !name.starts_with(b".")).map(|(name, _)| text(name)).collect();
        let has = if dotted { "has" } else { "==" };
        self.written.uses_laid();
        self.cited(&format!("entries {has} {{ {} }}", names.join(", ")), step.cites());
        for (name, size) in entries.iter().filter(|_| verb == ListVerb::Mlsd) {
            let name = text(name);
            match size {
                Some(size) => self.cited(&format!("fact size of {name} == {size}"), step.cites()),
                None => self.cited(&format!("fact type of {name} == \"dir\""), step.cites()),
            }
        }
    }

    fn together(&mut self, session: usize, first: &Side, other: usize, second: &Side, step: &Step<'_>) {
        let (left, right) = if let Brings::Both(left, right) = &step.expected.brings { (left, right) } else { (&None, &None) };
        self.session(other);
        self.session(session);
        self.begin_side(first, step);
        self.session(other);
        self.begin_side(second, step);
        if let Side::Up { source, .. } = first {
            self.session(session);
            let (name, half) = (self.written.name(source), source.len() / 2);
            self.line(&format!("C>> {name}[..{half}] split \"\""));
            self.session(other);
        }
        match second {
            Side::Up { source, .. } => {
                let whole = self.written.whole(source);
                self.line(&format!("C>> {whole} end"));
            }
            Side::Down { .. } => self.down(right.as_ref(), step),
        }
        self.cited("S> 226 | 250", step.cites());
        self.session(session);
        match first {
            Side::Up { source, .. } => {
                let (name, half) = (self.written.name(source), source.len() / 2);
                self.line(&format!("C>> {name}[{half}..] end"));
            }
            Side::Down { .. } => self.down(left.as_ref(), step),
        }
        self.cited("S> 226 | 250", step.cites());
    }

    fn begin_side(&mut self, side: &Side, step: &Step<'_>) {
        let verb = if matches!(side, Side::Up { .. }) { "STOR" } else { "RETR" };
        self.data();
        self.send(&line(verb, side.path()));
        self.cited("S> 150 | 125", step.cites());
    }

    fn down(&mut self, content: Option<&Content>, step: &Step<'_>) {
        let whole = self.written.bytes(&content.map(Content::to_vec).unwrap_or_default());
        self.cited(&format!("S>> {whole} end"), step.cites());
    }

    /// The whole file.
    fn file(self, about: &About<'_>) -> Result<String, Vec<Diagnostic>> {
        let mut builder = Scenario::builder(about.id.clone()).title(about.title.clone());
        for (name, letters) in &self.roles {
            let lacking: Vec<String> = Letters::ALL.minus(*letters).iter().map(|letter| letter.char().to_string()).collect();
            let set = match lacking.as_slice() {
                [] => "all".to_owned(),
                [one] => format!("all - {one}"),
                _ => letters.to_string(),
            };
            builder = builder.account(name.clone(), set);
        }
        for (name, kind, aged) in self.written.fixture() {
            builder = if aged { builder.aged(name, kind, LAID_TIME_VAL) } else { builder.file(name, kind) };
        }
        for line in &about.comment {
            builder = builder.line(&format!("# {line}"));
        }
        for line in self.body.lines() {
            builder = builder.line(line);
        }
        let (_, source) = builder.build()?;
        Ok(print(&parse(&source, &about.id)?))
    }
}

/// What a step came to.
#[derive(Clone, Copy)]
struct Step<'a> {
    before: &'a Model,
    expected: &'a Expectation,
    accepted: bool,
    told: Option<&'a Divergence>,
}

impl<'a> Step<'a> {
    fn cites(&self) -> Option<&'a str> {
        self.told.map(|told| told.cites)
    }

    /// A server may refuse it, and did; but it did something all the same.
    fn either(&self) -> bool {
        !self.accepted && self.told.is_some_and(|told| told.kind == Kind::Disk) && !matches!(self.expected.accept, Accept::Never(_))
    }
}
