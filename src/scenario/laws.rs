//! Laws of the notation: what is printed is read back as it was, and nothing makes the parser panic.

use std::time::Duration;

use proptest::collection::{btree_map, vec};
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;

use super::model::{
    Abort, AccountSpec, Action, ArmHead, ArmOutcome, ArmPattern, Atom, Caller, Channel, CodePattern, DiskCheck, EntriesCheck, EntryNames,
    Expect, Expression, FactCheck, FileKind, FileSpec, Front, Line, LineKind, Number, Pattern, Piece, Receive, Row, Scenario, Send,
    SendForm, Sequence, SequenceItem, Settings, Sign, Source, Span, StatePattern, Subject, Term, Text, Way,
};
use super::{expand, parse, parse_bytes, print};

fn name() -> impl Strategy<Value = String> {
    "[a-zA-Z][a-zA-Z0-9_-]{0,6}"
}

/// A capture's name: no column of the generated tables starts with `q`, none is `eol`.
fn capture_name() -> impl Strategy<Value = String> {
    prop_oneof!["q[a-z0-9_-]{0,4}", "q[a-z]{1,3}\\.[a-z][a-z0-9]{0,3}"]
}

fn odd_bytes() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        vec(any::<u8>(), 1..12),
        "[ -~]{1,12}".prop_map(String::into_bytes),
        "\\PC{1,8}".prop_map(String::into_bytes),
        select(vec!["{", "}", "{{", "}}", "{n}", "\"", "\\", "\r\n", "\u{2028}", " #x", " [a-b]", "->", "\0", "\u{feff}"])
            .prop_map(|text| text.as_bytes().to_vec()),
    ]
}

fn place() -> impl Strategy<Value = Piece> {
    prop_oneof![
        3 => (capture_name(), any::<bool>()).prop_map(|(name, int)| Piece::Capture { name, int }),
        1 => Just(Piece::Wild),
        1 => Just(Piece::Eol),
    ]
}

/// Literals are merged and not empty, as the parser makes them.
fn normal(pieces: Vec<Piece>) -> Text {
    let mut merged: Vec<Piece> = Vec::new();
    for piece in pieces {
        match (merged.last_mut(), piece) {
            (Some(Piece::Literal(last)), Piece::Literal(more)) => last.extend(more),
            (_, piece) => merged.push(piece),
        }
    }
    Text(merged)
}

fn text() -> impl Strategy<Value = Text> {
    vec(prop_oneof![3 => odd_bytes().prop_map(Piece::Literal), 2 => place()], 0..4).prop_map(normal)
}

fn pattern() -> impl Strategy<Value = Pattern> {
    (text(), any::<bool>()).prop_map(|(text, nocase)| Pattern { text, nocase })
}

fn number() -> impl Strategy<Value = Number> {
    let literal = prop_oneof![any::<u64>(), 0..9_u64, (0..64_u64).prop_map(|n| n << 20)].prop_map(Atom::Literal);
    let atom = prop_oneof![2 => literal, 1 => "q[a-z0-9_-]{0,4}".prop_map(Atom::Capture)];
    let more = vec((select(vec![Sign::Plus, Sign::Minus]), atom.clone()), 0..3);
    (atom, more).prop_map(|(first, more)| Number(std::iter::once((Sign::Plus, first)).chain(more).collect()))
}

fn file_name() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        "[a-z0-9._/-]{1,8}".prop_map(String::into_bytes),
        select(vec!["end", "absent", "5xx", "550", "split", "..", "i", "x", "file", "-", "listing", "a..b"])
            .prop_map(|word| word.as_bytes().to_vec()),
        odd_bytes(),
    ]
}

fn term() -> impl Strategy<Value = Term> {
    prop_oneof![
        text().prop_map(Term::Text),
        vec(any::<u8>(), 0..6).prop_map(Term::Hex),
        number().prop_map(Term::Fill),
        number().prop_map(Term::Zeros),
        (number(), any::<u64>()).prop_map(|(size, seed)| Term::Bytes { size, seed }),
        (number(), text()).prop_map(|(count, eol)| Term::Lines { count, eol }),
        (file_name(), option::of(number()), option::of(number())).prop_map(|(name, from, to)| {
            let backwards = from.as_ref().and_then(parse::constant) > to.as_ref().and_then(parse::constant);
            Term::File { name, from: from.filter(|_| !(backwards && to.is_some())), to }
        }),
    ]
}

fn expression() -> impl Strategy<Value = Expression> {
    vec(term(), 1..4).prop_map(Expression)
}

fn entry_names() -> impl Strategy<Value = EntryNames> {
    prop_oneof![vec(text(), 0..3).prop_map(EntryNames::Listed), path().prop_map(EntryNames::Laid)]
}

fn duration() -> impl Strategy<Value = Duration> {
    prop_oneof![0..86_400_000_u64, (0..86_400_u64).prop_map(|s| s * 1000), (0..1440_u64).prop_map(|m| m * 60_000)]
        .prop_map(Duration::from_millis)
}

fn code() -> impl Strategy<Value = CodePattern> {
    prop_oneof![
        (100..600_u16).prop_map(CodePattern::Code),
        (100..600_u16).prop_map(CodePattern::Exact),
        (1..6_u8).prop_map(CodePattern::Class)
    ]
}

fn sequence() -> impl Strategy<Value = Sequence> {
    let before = prop_oneof![code().prop_map(SequenceItem::Code), vec(code(), 1..3).prop_map(SequenceItem::Optional)];
    let last = prop_oneof![4 => code().prop_map(SequenceItem::Code), 1 => Just(SequenceItem::End)];
    (any::<bool>(), vec(before, 0..3), last).prop_map(|(tolerated, mut items, last)| {
        items.push(last);
        Sequence { tolerated, items }
    })
}

fn expect() -> impl Strategy<Value = Expect> {
    (vec(sequence(), 1..4), option::of(pattern()), vec(pattern(), 0..2), vec(pattern(), 0..2), any::<bool>(), option::of(duration()))
        .prop_map(|(alternatives, text, with, without, wellformed, within)| Expect {
            alternatives,
            text,
            with,
            without,
            wellformed,
            within,
        })
}

fn send() -> impl Strategy<Value = Send> {
    let verbatim =
        vec(prop_oneof![3 => "[ -~\tä]{1,12}".prop_map(|text| Piece::Literal(text.into_bytes())), 1 => place()], 0..4).prop_map(normal);
    prop_oneof![
        verbatim.prop_map(|text| {
            let send = Send { text, form: SendForm::Verbatim, raw: false };
            // What a verbatim line cannot hold is written in quotes.
            let printed = print::print_action(&Action::Send(send.clone()));
            if parse::is_verbatim(&printed) { send } else { Send { form: SendForm::Quoted, ..send } }
        }),
        (text(), any::<bool>()).prop_map(|(text, raw)| Send { text, form: SendForm::Quoted, raw }),
        (vec(any::<u8>(), 0..6), any::<bool>()).prop_map(|(bytes, raw)| {
            Send { text: Text(if bytes.is_empty() { vec![] } else { vec![Piece::Literal(bytes)] }), form: SendForm::Hex, raw }
        }),
    ]
}

fn state() -> impl Strategy<Value = StatePattern> {
    prop_oneof![
        select(vec![StatePattern::Absent, StatePattern::Present, StatePattern::File, StatePattern::Directory]),
        expression().prop_map(StatePattern::Content),
        expression().prop_map(StatePattern::PrefixOf),
    ]
}

fn disk_check() -> impl Strategy<Value = DiskCheck> {
    prop_oneof![
        vec(state(), 1..4).prop_map(DiskCheck::State),
        (0..0o10000_u32).prop_map(DiskCheck::Mode),
        (-62_167_219_200..253_402_300_799_i64).prop_map(DiskCheck::Mtime),
    ]
}

fn fact_check() -> impl Strategy<Value = FactCheck> {
    prop_oneof![
        pattern().prop_map(FactCheck::Equal),
        pattern().prop_map(FactCheck::Unequal),
        pattern().prop_map(FactCheck::Has),
        pattern().prop_map(FactCheck::Lacks),
        Just(FactCheck::Present),
        Just(FactCheck::Absent),
    ]
}

fn channel() -> impl Strategy<Value = Channel> {
    select(vec![Channel::Control, Channel::Data])
}

/// Whether a citation may stand on the step, and the step.
fn action() -> impl Strategy<Value = (bool, Action)> {
    let way = option::of(select(vec![Way::Pasv, Way::Epsv, Way::Port, Way::Eprt]));
    let receive = prop_oneof![
        (expression().prop_map(Receive::Content), any::<bool>()),
        select(vec![(Receive::Rest, false), (Receive::Listing, true), (Receive::Content(Expression::default()), true)]),
    ];
    let judged = prop_oneof![
        select(vec![Action::Connect, Action::DiskUnchanged, Action::Tls, Action::Alive]),
        name().prop_map(Action::Login),
        name().prop_map(Action::Untouched),
        expect().prop_map(Action::Expect),
        (way, any::<bool>()).prop_map(|(way, idle)| Action::Data { way, caller: if idle { Caller::Nobody } else { Caller::Client } }),
        (select(vec![Way::Pasv, Way::Epsv]), any::<std::net::IpAddr>())
            .prop_map(|(way, address)| Action::Data { way: Some(way), caller: Caller::Stranger(address) }),
        receive.prop_map(|(what, end)| Action::Receive { what, end }),
        (vec(expression(), 0..3), any::<bool>()).prop_map(|(segments, end)| Action::Transmit { end: end || segments.is_empty(), segments }),
        (path(), disk_check()).prop_map(|(path, check)| Action::Disk { path, check }),
        ("[A-Za-z.]{1,8}", option::of(text()), fact_check()).prop_map(|(name, entry, check)| Action::Fact { name, entry, check }),
        (select(vec![EntriesCheck::Equal, EntriesCheck::Has, EntriesCheck::Lacks]), entry_names())
            .prop_map(|(check, names)| Action::Entries { check, names }),
    ];
    let plain = prop_oneof![
        name().prop_map(Action::As),
        name().prop_map(Action::Sync),
        send().prop_map(Action::Send),
        Just(Action::Flush),
        channel().prop_map(Action::Cut),
        channel().prop_map(Action::Close),
        channel().prop_map(Action::HalfClose),
        duration().prop_map(Action::Stall),
        (channel(), duration()).prop_map(|(channel, time)| Action::Settle(channel, time)),
        select(vec![Abort::Plain, Abort::Telnet]).prop_map(Action::Abort),
        (name(), any::<std::net::IpAddr>()).prop_map(|(name, address)| Action::Listen { name, address: address.to_string() }),
    ];
    prop_oneof![judged.prop_map(|action| (true, action)), plain.prop_map(|action| (false, action))]
}

fn path() -> impl Strategy<Value = Text> {
    prop_oneof![text(), file_name().prop_map(|bytes| Text(vec![Piece::Literal(bytes)]))]
}

fn message() -> impl Strategy<Value = String> {
    prop_oneof!["\\PC{0,8}", "[ -~]{0,12}"]
}

fn arm() -> impl Strategy<Value = ArmHead> {
    let pattern = prop_oneof![
        expect().prop_map(ArmPattern::Reply),
        state().prop_map(ArmPattern::Content),
        any::<bool>().prop_map(ArmPattern::Untouched),
        Just(ArmPattern::Any),
    ];
    let outcome = prop_oneof![
        Just(ArmOutcome::Pass),
        message().prop_map(ArmOutcome::Info),
        message().prop_map(ArmOutcome::Deviation),
        message().prop_map(ArmOutcome::Fail),
    ];
    (pattern, outcome).prop_map(|(pattern, outcome)| ArmHead { pattern, outcome })
}

fn comment() -> impl Strategy<Value = String> {
    "\\PC{0,12}".prop_map(|text| text.trim_end().to_owned())
}

fn line(indent: usize, kind: LineKind, cites: Vec<String>, comment: Option<String>) -> Line {
    Line { span: Span::default(), indent, kind, cites, comment }
}

/// Lines of every kind; a template holds the column `zz`.
fn lines() -> impl Strategy<Value = Vec<Line>> {
    let cites = || vec("[0-9]{3,4}-[a-z.0-9]{1,6}", 0..3);
    let (indent, more) = (|| 0..4_usize, || option::of(comment()));
    let subject =
        prop_oneof![Just(Subject::Reply), Just(Subject::Data), path().prop_map(Subject::Disk), name().prop_map(Subject::Listener),];
    let judged = prop_oneof![
        subject.prop_map(LineKind::Match),
        arm().prop_map(LineKind::Arm),
        duration().prop_map(LineKind::Until),
        select(vec!["S> {zz}", "S> 257 \"a  {zz} #\"", "{zz}", "S> [150 | {zz}], 226", "{zz} -> pass"])
            .prop_map(|text| LineKind::Template(text.to_owned())),
    ];
    let plain = prop_oneof![
        select(vec![LineKind::Together, LineKind::Done, LineKind::Control]),
        name().prop_map(LineKind::Block),
        select(vec!["C> \"{zz}  \"", "data {zz}"]).prop_map(|text| LineKind::Template(text.to_owned())),
    ];
    let any_line = prop_oneof![
        6 => (indent(), action(), cites(), more()).prop_map(|(indent, (judged, action), cites, comment)| {
            let verbatim = matches!(&action, Action::Send(send) if send.form == SendForm::Verbatim);
            line(indent, LineKind::Action(action), if judged { cites } else { vec![] }, comment.filter(|_| !verbatim))
        }),
        2 => (indent(), judged, cites(), more()).prop_map(|(indent, kind, cites, comment)| line(indent, kind, cites, comment)),
        1 => (indent(), plain, more()).prop_map(|(indent, kind, comment)| line(indent, kind, vec![], comment)),
        1 => (indent(), comment()).prop_map(|(indent, text)| line(indent, LineKind::Comment(text), vec![], None)),
        1 => Just(line(0, LineKind::Blank, vec![], None)),
        1 => (indent(), "C> [ -z]{0,4}\\{zz\\}[ -z]{0,4}")
            .prop_filter("verbatim", |(_, text)| parse::is_verbatim(text))
            .prop_map(|(indent, text)| line(indent, LineKind::Template(text), vec![], None)),
    ];
    vec(any_line, 0..12)
}

fn front_string() -> impl Strategy<Value = String> {
    prop_oneof!["\\PC{0,10}", "[ -~]{0,10}", any::<String>()]
}

fn file_spec() -> impl Strategy<Value = FileSpec> {
    let what = prop_oneof![
        front_string().prop_map(FileKind::Text),
        vec(any::<u8>(), 0..6).prop_map(FileKind::Bytes),
        front_string().prop_map(FileKind::Expression),
        // TOML's integers end at 2^63.
        (front_string(), 0..1_u64 << 63).prop_map(|(size, seed)| FileKind::Generated { size, seed }),
        front_string().prop_map(FileKind::Hole),
        Just(FileKind::Directory),
        (1..10_000_u64).prop_map(FileKind::Entries),
        front_string().prop_map(FileKind::Link),
    ];
    (what, option::of(front_string()), option::of(front_string())).prop_map(|(what, mtime, mode)| FileSpec { what, mtime, mode })
}

fn front() -> impl Strategy<Value = Front> {
    let account = (front_string(), any::<bool>(), any::<bool>()).prop_map(|(letters, own_root, anonymous)| AccountSpec {
        letters,
        own_root,
        anonymous,
    });
    let setting = || option::of(front_string());
    let server = (setting(), setting(), setting()).prop_map(|(idle_timeout, passive_ports, banner)| Settings {
        idle_timeout,
        passive_ports,
        banner,
    });
    let row = btree_map("[a-p][a-z0-9_-]{0,4}", front_string(), 0..3);
    (
        "[!-~][ -~ä]{0,12}",
        vec(front_string(), 0..3),
        any::<bool>(),
        btree_map(name(), account, 0..3),
        btree_map(vec(any::<u8>(), 1..6), file_spec(), 0..4),
        server,
        btree_map("[a-z0-9._+-]{1,4}", row, 1..3),
        vec((any::<prop::sample::Index>(), vec(comment(), 1..3)), 0..4),
    )
        .prop_map(|(title, needs, slow, accounts, files, server, rows, comments)| {
            let each: Vec<Row> = rows
                .into_iter()
                .map(|(name, mut columns)| {
                    columns.remove("name");
                    columns.remove("eol");
                    columns.insert("zz".to_owned(), "200".to_owned());
                    Row { name, columns }
                })
                .collect();
            let mut keys: Vec<String> = ["", "title", "needs", "accounts", "files", "server", "each"].map(str::to_owned).into();
            keys.extend(accounts.keys().map(|name| format!("accounts.{name}")));
            keys.extend(files.keys().map(|path| format!("files.{}", parse::path_key(path))));
            keys.extend(each.iter().map(|row| format!("each.{}", row.name)));
            let comments = comments.into_iter().map(|(index, texts)| (index.get(&keys).clone(), texts)).collect();
            Front {
                title,
                needs,
                slow,
                accounts: accounts.into_iter().collect(),
                files: files.into_iter().collect(),
                server,
                each,
                comments,
            }
        })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, ..ProptestConfig::default() })]

    #[test]
    fn what_is_printed_is_read_back(front in front(), lines in lines()) {
        let scenario = Scenario { id: "a/b".to_owned(), front, lines };
        let source = Source { name: "a/b.ftp".to_owned(), text: print(&scenario) };
        match parse(&source, "a/b") {
            Ok(read) => {
                prop_assert_eq!(&read, &scenario, "{}", source.text);
                prop_assert_eq!(print(&read), source.text);
            }
            Err(errors) => {
                let shown: Vec<String> = errors.iter().map(|error| error.render(&source, false)).collect();
                prop_assert!(false, "{}\n{}", source.text, shown.join("\n"));
            }
        }
    }

    /// Whatever was read can be expanded or told why not, shown, and linted.
    #[test]
    fn no_bytes_make_it_panic(bytes in vec(any::<u8>(), 0..300)) {
        exercise(&bytes);
    }

    #[test]
    fn no_words_make_it_panic(words in vec(select(WORDS.to_vec()), 0..60)) {
        exercise(format!("+++\ntitle = \"x\"\neach = [{{ name = \"r\", c = \"\\\"\" }}]\n[accounts]\nalice = \"e\"\n[files]\nf = \"x\"\n+++\n{}", words.concat()).as_bytes());
        exercise(words.concat().as_bytes());
    }
}

const WORDS: &[&str] = &[
    "C>",
    "S>",
    "C>>",
    "S>>",
    " ",
    "  ",
    "\n",
    "\n",
    "\n  ",
    "login",
    "alice",
    "f",
    "data",
    "match reply",
    "match disk f",
    "->",
    "pass",
    "together",
    "done",
    "control",
    "until 5s",
    "as a",
    "block b",
    "absent",
    "..",
    "end",
    "[",
    "]",
    "{",
    "}",
    "{c}",
    "{n}",
    "\"",
    "\\",
    "x\"",
    "i\"",
    "ä",
    "226",
    "4xx",
    ",",
    "|",
    "~",
    "=",
    "==",
    "fact",
    "size",
    "fill(",
    ")",
    "+++\n",
    "title = ",
    "#",
    "[accounts]",
    "listing",
    "raw",
    "1KiB",
    "\t",
    "\r\n",
    "\u{feff}",
    "a-b",
    "alive",
    "sync x",
];

fn exercise(bytes: &[u8]) {
    let (source, result) = parse_bytes("x.ftp", bytes, "x");
    let source = std::sync::Arc::new(source);
    let found = match result {
        Ok(scenario) => match expand(&scenario, &source) {
            Ok(cases) => super::lint::lint(&scenario, &cases, &["a-b"]),
            Err(errors) => errors,
        },
        Err(errors) => errors,
    };
    for diagnostic in found.iter().take(3) {
        assert!(!diagnostic.render(&source, true).is_empty());
    }
}
