//! What is drawn, and how often: proptest's strategies for cases, by topic.

use proptest::prelude::*;
use proptest::strategy::Union;

use super::draft::{CutDraft, Draft, NameDraft, ODD, OffsetDraft, PLAIN, SideDraft, WhatDraft};
use super::operation::{CutKind, ListVerb, SESSIONS, What};
use super::source::Source;
use crate::scenario::model::Way;

/// What a case is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Topic {
    /// Uploads and downloads of all sizes.
    Transfer,
    /// Cuts and resumption.
    Resume,
    /// TYPE A.
    Ascii,
    /// Directories and renaming.
    Tree,
    /// Names that servers have stumbled over.
    Names,
    /// Users who may not do all.
    Letters,
    /// Listings and facts.
    Listing,
    /// Several sessions at once.
    Sessions,
}

impl Topic {
    /// All of them.
    pub const ALL: [Self; 8] =
        [Self::Transfer, Self::Resume, Self::Ascii, Self::Tree, Self::Names, Self::Letters, Self::Listing, Self::Sessions];

    /// Its name on the command line.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Transfer => "transfer",
            Self::Resume => "resume",
            Self::Ascii => "ascii",
            Self::Tree => "tree",
            Self::Names => "names",
            Self::Letters => "letters",
            Self::Listing => "listing",
            Self::Sessions => "sessions",
        }
    }

    /// How often each kind of operation is drawn.
    const fn weights(self) -> Weights {
        const USUAL: Weights = Weights {
            store: 8,
            append: 2,
            fetch: 8,
            cut: 1,
            rest: 2,
            resume: 1,
            tree: 6,
            rename: 3,
            dele: 3,
            list: 4,
            kind: 1,
            together: 1,
            quit: 1,
        };
        match self {
            Self::Transfer => Weights { store: 12, append: 4, fetch: 14, rest: 4, tree: 2, list: 2, ..USUAL },
            Self::Resume => Weights { store: 10, fetch: 10, cut: 8, rest: 8, resume: 8, tree: 1, list: 1, ..USUAL },
            Self::Ascii => Weights { store: 12, fetch: 12, kind: 6, tree: 1, list: 2, ..USUAL },
            Self::Tree => Weights { store: 5, fetch: 3, tree: 16, rename: 8, dele: 4, list: 4, cut: 0, ..USUAL },
            Self::Names => Weights { rename: 5, tree: 8, cut: 0, kind: 0, ..USUAL },
            Self::Letters => Weights { append: 4, tree: 8, rename: 4, dele: 5, list: 6, cut: 0, ..USUAL },
            Self::Listing => Weights { tree: 6, list: 16, fetch: 2, cut: 0, kind: 2, ..USUAL },
            Self::Sessions => Weights { together: 14, tree: 3, quit: 2, ..USUAL },
        }
    }
}

/// How often each kind of operation is drawn.
struct Weights {
    store: u32,
    append: u32,
    fetch: u32,
    cut: u32,
    rest: u32,
    resume: u32,
    tree: u32,
    rename: u32,
    dele: u32,
    list: u32,
    kind: u32,
    together: u32,
    quit: u32,
}

/// What is drawn for a case.
#[derive(Debug, Clone)]
pub struct CaseDraft {
    /// For each session the number of a letter set; 0 is all.
    pub letters: [usize; SESSIONS],
    /// How the data connection is opened.
    pub way: Way,
    /// The operations.
    pub drafts: Vec<Draft>,
}

/// Cases of a topic. `sets` is how many letter sets there are: the first is all.
pub fn case(topic: Topic, sets: usize, length: usize, epsv: bool) -> BoxedStrategy<CaseDraft> {
    let letters = move |restricted: u32| {
        let all = Just(0).boxed();
        if restricted == 0 || sets < 2 { all } else { prop_oneof![10 - restricted => all, restricted => 1..sets].boxed() }
    };
    let (second, third) = if topic == Topic::Letters { (letters(5), letters(9)) } else { (letters(1), letters(1)) };
    let way = if epsv { prop_oneof![Just(Way::Pasv), Just(Way::Epsv)].boxed() } else { Just(Way::Pasv).boxed() };
    let operation = operation(topic);
    ((Just(0), second, third), way, prop::collection::vec(operation, length / 3..=length))
        .prop_map(|((first, second, third), way, drafts)| CaseDraft { letters: [first, second, third], way, drafts })
        .boxed()
}

fn operation(topic: Topic) -> BoxedStrategy<Draft> {
    let session = match topic {
        Topic::Letters => prop_oneof![4 => Just(0), 2 => Just(1), 4 => Just(2)],
        _ => prop_oneof![6 => Just(0), 2 => Just(1), 2 => Just(2)],
    };
    (session, what(topic)).prop_map(|(session, what)| Draft { session, what }).boxed()
}

fn what(topic: Topic) -> BoxedStrategy<WhatDraft> {
    let weights = topic.weights();
    let name = move || name(topic);
    let source = || (image(), text());
    let uncut = || Just(None::<(OffsetDraft, CutKind)>);
    let store = move |append, rest: BoxedStrategy<Option<OffsetDraft>>, cut: BoxedStrategy<CutDraft>| {
        (rest, name(), source(), cut)
            .prop_map(move |(rest, name, source, cut)| WhatDraft::Store { append, rest, name, source, cut })
            .boxed()
    };
    let fetch = move |rest: BoxedStrategy<Option<OffsetDraft>>, cut: BoxedStrategy<CutDraft>| {
        (rest, name(), cut).prop_map(|(rest, name, cut)| WhatDraft::Fetch { rest, name, cut }).boxed()
    };
    let no = || Just(None).boxed();
    let some = |offset: BoxedStrategy<OffsetDraft>| offset.prop_map(Some).boxed();
    let mut all: Vec<(u32, BoxedStrategy<WhatDraft>)> = vec![
        (weights.store, store(false, no(), uncut().boxed())),
        (weights.append, store(true, no(), uncut().boxed())),
        (weights.cut, store(false, no(), cut(true))),
        (weights.cut, store(true, no(), cut(true))),
        (weights.rest, store(false, some(offset(false)), uncut().boxed())),
        (weights.fetch, fetch(no(), uncut().boxed())),
        (weights.cut, fetch(no(), cut(false))),
        (weights.rest, fetch(some(offset(true)), uncut().boxed())),
        (weights.cut.min(weights.rest), fetch(some(offset(true)), cut(false))),
        (weights.resume, any::<bool>().prop_map(WhatDraft::Resume).boxed()),
        (
            weights.rename,
            (name(), name(), prop::bool::weighted(0.2)).prop_map(|(from, to, of)| WhatDraft::Rename(there(from), to, of)).boxed(),
        ),
        (weights.dele, name().prop_map(WhatDraft::Dele).boxed()),
        (weights.kind, any::<bool>().prop_map(|ascii| WhatDraft::Plain(What::Type { ascii })).boxed()),
        (weights.quit, Just(WhatDraft::Plain(What::Quit)).boxed()),
        (weights.together, together(topic)),
    ];
    all.extend(looks(&weights, name));
    Union::new_weighted(all.into_iter().filter(|(weight, _)| *weight > 0).collect()).boxed()
}

/// Directories, listings and facts.
fn looks(weights: &Weights, name: impl Fn() -> BoxedStrategy<NameDraft>) -> Vec<(u32, BoxedStrategy<WhatDraft>)> {
    let verb = prop_oneof![Just(ListVerb::List), Just(ListVerb::Nlst), Just(ListVerb::Mlsd)];
    vec![
        (weights.tree, name().prop_map(WhatDraft::Mkd).boxed()),
        (weights.tree, name().prop_map(|name| WhatDraft::Cwd(there(name))).boxed()),
        (weights.tree.div_ceil(2), name().prop_map(WhatDraft::Cwd).boxed()),
        (weights.tree.div_ceil(2), name().prop_map(WhatDraft::Rmd).boxed()),
        (weights.tree.div_ceil(2), Just(WhatDraft::Plain(What::Cdup)).boxed()),
        (weights.tree.div_ceil(3), Just(WhatDraft::Plain(What::Pwd)).boxed()),
        (weights.list, (verb, prop::option::of(any::<u16>())).prop_map(|(verb, number)| WhatDraft::List(verb, number)).boxed()),
        (weights.list.div_ceil(2), name().prop_map(WhatDraft::Size).boxed()),
        (weights.list.div_ceil(3), name().prop_map(WhatDraft::Mdtm).boxed()),
        (weights.list.div_ceil(3), (name(), any::<bool>()).prop_map(|(name, directory)| WhatDraft::Mlst(name, directory)).boxed()),
    ]
}

/// A name of something that is there.
fn there(name: NameDraft) -> NameDraft {
    NameDraft { existing: Some(name.existing.unwrap_or(name.directory)), ..name }
}

fn name(topic: Topic) -> BoxedStrategy<NameDraft> {
    let plain = 0..u8::try_from(PLAIN.len()).expect("few");
    let all = 0..u8::try_from(PLAIN.len() + ODD.len()).expect("few");
    let index = match topic {
        Topic::Names => prop_oneof![1 => plain, 4 => all],
        Topic::Tree | Topic::Listing => prop_oneof![4 => plain, 1 => all],
        _ => prop_oneof![20 => plain, 1 => all],
    };
    let existing = prop::option::weighted(0.6, any::<u16>());
    (existing, index, any::<u16>(), prop::bool::weighted(0.2))
        .prop_map(|(existing, name, directory, absolute)| NameDraft { existing, name, directory, absolute })
        .boxed()
}

/// Sizes: small ones, every power of two and one more or less, borders of buffers; rarely up to 64 MiB.
fn size() -> BoxedStrategy<u64> {
    let power =
        |powers: std::ops::RangeInclusive<u32>| (powers, -1_i64..=1).prop_map(|(power, by)| (1_u64 << power).saturating_add_signed(by));
    let border = (prop::sample::select(vec![1460_u64, 4096, 8192, 32_768, 65_536, 131_072, 262_144]), 1_u64..=3, -1_i64..=1)
        .prop_map(|(border, times, by)| (border * times).saturating_add_signed(by));
    prop_oneof![
        300 => 0_u64..=20,
        500 => power(0..=12),
        160 => power(13..=17),
        100 => border,
        4 => power(18..=21),
        1 => power(22..=26),
    ]
    .boxed()
}

fn image() -> BoxedStrategy<Source> {
    let bytes = prop::collection::vec(prop::sample::select(b"a\r\n\x00\xff\x1aZ".to_vec()), 0..12).prop_map(Source::Text);
    prop_oneof![6 => (0_u64..4, size()).prop_map(|(seed, len)| Source::Words { seed, len }), 1 => bytes].boxed()
}

/// Text with line ends as they go over the wire; often with one at the border of a block.
fn text() -> BoxedStrategy<Source> {
    let piece = || prop::sample::select(vec![&b"\r\n"[..], b"a", b"\r\n", b"line", b"\xe9", b" ", b"\0"]);
    let short = prop::collection::vec(piece(), 0..8).prop_map(|pieces| Source::Text(pieces.concat()));
    let border = (prop::sample::select(vec![512_u64, 1024, 1460, 2048, 4096, 8192, 16_384, 32_768, 65_536]), 0_u64..4)
        .prop_map(|(border, back)| Source::Fill { len: border - back, tail: b"\r\nx\r\n".to_vec() });
    let lines = prop_oneof![6 => 0_u64..40, 1 => 100_u64..3000].prop_map(Source::Lines);
    prop_oneof![3 => short, 3 => border, 1 => lines].boxed()
}

fn offset(beyond: bool) -> BoxedStrategy<OffsetDraft> {
    let inside = prop_oneof![
        (0_u64..4).prop_map(OffsetDraft::Start),
        (0_u64..3).prop_map(OffsetDraft::End),
        Just(OffsetDraft::End(0)),
        any::<u8>().prop_map(OffsetDraft::Part)
    ];
    if beyond { prop_oneof![12 => inside, 1 => (1_u64..5).prop_map(OffsetDraft::Beyond)].boxed() } else { inside.boxed() }
}

/// A cut. A pause and a lost control connection cost time: rarer.
fn cut(up: bool) -> BoxedStrategy<CutDraft> {
    let how = if up {
        prop_oneof![6 => Just(CutKind::Reset), 6 => Just(CutKind::Abort), 1 => Just(CutKind::Stall), 1 => Just(CutKind::Control)].boxed()
    } else {
        prop_oneof![
            6 => Just(CutKind::Reset),
            6 => Just(CutKind::Close),
            6 => Just(CutKind::Abort),
            1 => Just(CutKind::Stall),
            3 => Just(CutKind::Control)
        ]
        .boxed()
    };
    (offset(false), how).prop_map(Some).boxed()
}

/// Two transfers, now and then of one file.
fn together(topic: Topic) -> BoxedStrategy<WhatDraft> {
    (side(topic), side(topic), prop::bool::weighted(0.2))
        .prop_map(|(first, second, of_one)| WhatDraft::Together(first, second, of_one))
        .boxed()
}

fn side(topic: Topic) -> BoxedStrategy<SideDraft> {
    (any::<bool>(), name(topic), image()).prop_map(|(up, name, source)| SideDraft { up, name, source }).boxed()
}
