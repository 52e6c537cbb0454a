//! Makes a failing sequence as short, and its sizes as small, as they can be and still fail.
//!
//! Not proptest's value trees: those halve numbers, which supposes that what fails at n fails above n. A bug that shows only
//! where a size is a multiple of 64 KiB needs the candidates in their order from below.

use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use futures::future::BoxFuture;

use super::model::LAID;
use super::operation::{Cut, CutKind, Operation, Side, What};
use super::source::Source;

/// The simplest names, for what was called otherwise.
const NAMES: [&str; 4] = ["a", "b", "c", "d"];

/// Plays candidates.
pub trait Trial: Send {
    /// Whether a candidate still fails in the same way.
    fn fails<'a>(&'a mut self, candidate: &'a [Operation]) -> BoxFuture<'a, bool>;
}

/// Shrinks a sequence; at most `most` candidates are tried.
pub async fn shrink(operations: Vec<Operation>, most: usize, trial: &mut dyn Trial) -> Vec<Operation> {
    let mut search = Search { best: operations, left: most, tried: HashSet::new() };
    loop {
        let before = search.best.clone();
        search.delete(trial).await;
        search.simplify(trial).await;
        if search.best == before || search.left == 0 {
            return search.best;
        }
    }
}

struct Search {
    best: Vec<Operation>,
    left: usize,
    /// By their hashes: nothing is played twice.
    tried: HashSet<u64>,
}

impl Search {
    /// Takes a candidate where it still fails.
    async fn take(&mut self, candidate: Vec<Operation>, trial: &mut dyn Trial) -> bool {
        let mut hasher = DefaultHasher::new();
        candidate.hash(&mut hasher);
        if self.left == 0 || candidate == self.best || candidate.is_empty() || !self.tried.insert(hasher.finish()) {
            return false;
        }
        self.left -= 1;
        let taken = trial.fails(&candidate).await;
        if taken {
            self.best = candidate;
        }
        taken
    }

    /// Leaves out parts, the largest first.
    async fn delete(&mut self, trial: &mut dyn Trial) {
        let mut part = self.best.len().div_ceil(2);
        while part > 0 {
            let mut from = 0;
            while from < self.best.len() {
                let to = (from + part).min(self.best.len());
                let candidate = [&self.best[..from], &self.best[to..]].concat();
                if !self.take(candidate, trial).await {
                    from += part;
                }
            }
            part /= 2;
        }
    }

    async fn simplify(&mut self, trial: &mut dyn Trial) {
        for (from, to) in [(2, 0), (1, 0), (2, 1)] {
            self.take(moved(&self.best, from, to), trial).await;
        }
        self.take(seeded(&self.best), trial).await;
        self.stand_ins(trial).await;
        self.names(trial).await;
        let mut index = 0;
        while index < self.best.len() {
            let mut place = 0;
            // A candidate that fails is simplified further before the next operation's turn.
            while let Some(candidate) = simpler(&self.best, index).into_iter().nth(place) {
                place = if self.take(candidate, trial).await { 0 } else { place + 1 };
            }
            index += 1;
        }
    }

    /// Takes the file that is there before in the place of one that is stored, and a file as it is in the place of one that is renamed.
    async fn stand_ins(&mut self, trial: &mut dyn Trial) {
        let mut index = 0;
        while index < self.best.len() {
            let taken = match without(&self.best, index) {
                Some(candidate) => self.take(candidate, trial).await,
                None => false,
            };
            index += usize::from(!taken);
        }
    }

    /// Gives plain names, one by one, and takes away directories.
    async fn names(&mut self, trial: &mut dyn Trial) {
        let mut seen: Vec<Vec<u8>> = Vec::new();
        while let Some(name) = parts(&self.best).into_iter().find(|name| !seen.contains(name)) {
            seen.push(name.clone());
            // Without the directory: also without what makes it and what goes there.
            let flat = renamed(&self.best, &name, None);
            let left = flat.iter().filter(|operation| !is_about(operation, &name)).cloned().collect();
            if self.take(left, trial).await || self.take(flat, trial).await {
                continue;
            }
            let used = parts(&self.best);
            for simple in NAMES {
                if name == simple.as_bytes() {
                    break;
                }
                if !used.iter().any(|other| other == simple.as_bytes()) {
                    let candidate = renamed(&self.best, &name, Some(simple.as_bytes()));
                    self.take(candidate, trial).await;
                    seen.push(simple.as_bytes().to_vec());
                    break;
                }
            }
        }
        let candidate = self.best.iter().cloned().map(unrooted).collect();
        self.take(candidate, trial).await;
    }
}

/// Without an upload or a renaming, and with the file that was there before it in the place of the one that it makes.
fn without(operations: &[Operation], index: usize) -> Option<Vec<Operation>> {
    let laid = [b"/", LAID].concat();
    let (made, before) = match &operations[index].what {
        What::Store { path, .. } => (path, &laid),
        What::Rename { from, to } => (to, from),
        _ => return None,
    };
    let (made, before) = (made.clone(), before.clone());
    let last = |path: &[u8]| path.rsplit(|byte| *byte == b'/').next().map(<[u8]>::to_vec);
    let mut all = operations.to_vec();
    all.remove(index);
    // By the last name: which directory it stands in depends on the session.
    all[index..].iter_mut().flat_map(Operation::paths_mut).filter(|path| last(path) == last(&made)).for_each(|path| *path = before.clone());
    Some(all)
}

/// Whether an operation makes a directory of this name, or goes there.
fn is_about(operation: &Operation, name: &[u8]) -> bool {
    let (What::Mkd(path) | What::Cwd(path)) = &operation.what else { return operation.what == What::Cdup };
    path.rsplit(|byte| *byte == b'/').next() == Some(name)
}

/// All names in all paths, each once.
fn parts(operations: &[Operation]) -> Vec<Vec<u8>> {
    let mut found: Vec<Vec<u8>> = Vec::new();
    for mut operation in operations.iter().cloned() {
        for path in operation.paths_mut() {
            for name in path.split(|byte| *byte == b'/').filter(|name| !name.is_empty()) {
                if !found.iter().any(|known| known == name) {
                    found.push(name.to_vec());
                }
            }
        }
    }
    found
}

/// All with another name in the place of one; without, directories of this name are left out of paths.
fn renamed(operations: &[Operation], from: &[u8], to: Option<&[u8]>) -> Vec<Operation> {
    let mut all = operations.to_vec();
    for path in all.iter_mut().flat_map(Operation::paths_mut) {
        let names: Vec<&[u8]> = path.split(|byte| *byte == b'/').collect();
        let last = names.len() - 1;
        let replaced: Vec<&[u8]> = names
            .iter()
            .enumerate()
            .filter_map(|(place, name)| {
                if *name == from { if to.is_none() && place < last { None } else { Some(to.unwrap_or(name)) } } else { Some(*name) }
            })
            .collect();
        *path = replaced.join(&b'/');
    }
    all
}

/// Paths below the root, as names.
fn unrooted(mut operation: Operation) -> Operation {
    for path in operation.paths_mut() {
        if path.len() > 1 && path.starts_with(b"/") {
            path.remove(0);
        }
    }
    operation
}

/// All of one session in another.
fn moved(operations: &[Operation], from: usize, to: usize) -> Vec<Operation> {
    let each = |operation: &Operation| {
        let mut operation = operation.clone();
        if operation.session == from {
            operation.session = to;
        }
        if let What::Together { session, .. } = &mut operation.what
            && *session == from
        {
            *session = to;
        }
        operation
    };
    operations.iter().map(each).collect()
}

/// All uploads with words of one seed.
fn seeded(operations: &[Operation]) -> Vec<Operation> {
    let mut all = operations.to_vec();
    for source in all.iter_mut().flat_map(sources_mut) {
        if let Source::Words { seed, .. } = source {
            *seed = 1;
        }
    }
    all
}

fn sources_mut(operation: &mut Operation) -> Vec<&mut Source> {
    match &mut operation.what {
        What::Store { source, .. } | What::Resume { source, .. } => vec![source],
        What::Together { first, second, .. } => {
            [first, second].into_iter().filter_map(|side| if let Side::Up { source, .. } = side { Some(source) } else { None }).collect()
        }
        _ => Vec::new(),
    }
}

/// Sequences in which one operation is simpler, the simplest first.
fn simpler(operations: &[Operation], index: usize) -> Vec<Vec<Operation>> {
    let mut found: Vec<Vec<Operation>> = Vec::new();
    let mut with = |operation: Operation| {
        let mut all = operations.to_vec();
        all[index] = operation;
        found.push(all);
    };
    let operation = &operations[index];
    for what in plainer(&operation.what) {
        with(Operation { session: operation.session, what });
    }
    for (place, source) in operation.sources().into_iter().enumerate() {
        for smaller in smaller_sources(source) {
            let mut changed = operation.clone();
            *sources_mut(&mut changed)[place] = smaller.clone();
            with(changed);
        }
    }
    for source in operation.sources() {
        for smaller in smaller_sources(source) {
            found.push(scaled(operations, source, &smaller));
        }
    }
    found.retain(|candidate| candidate != operations);
    found
}

/// All that speaks of one source speaks of a smaller one, its offsets with it.
fn scaled(operations: &[Operation], from: &Source, to: &Source) -> Vec<Operation> {
    let (old, new) = (from.len(), to.len());
    // What lies at the end stays there; else what is too far goes to the end.
    let shift = |offset: u64| {
        if offset >= old { new + (offset - old) } else { offset.min(new).max(if offset + 1 == old { new.saturating_sub(1) } else { 0 }) }
    };
    let mut all = operations.to_vec();
    for operation in &mut all {
        for source in sources_mut(operation) {
            if source == from {
                *source = to.clone();
            }
        }
        if let What::Store { rest, cut, .. } | What::Fetch { rest, cut, .. } = &mut operation.what {
            *rest = rest.map(shift);
            *cut = cut.map(|cut| Cut { at: shift(cut.at), ..cut });
        }
    }
    all
}

/// The same operation with less in it.
fn plainer(what: &What) -> Vec<What> {
    let mut found = Vec::new();
    let cuts = |cut: &Option<Cut>| -> Vec<Option<Cut>> {
        let Some(cut) = cut else { return Vec::new() };
        let kinds = [CutKind::Reset].into_iter().filter(|how| *how < cut.how).map(|how| Some(Cut { how, ..*cut }));
        let places = numbers(cut.at).into_iter().map(|at| Some(Cut { at, ..*cut }));
        [None].into_iter().chain(kinds).chain(places).collect()
    };
    let rests = |rest: &Option<u64>| -> Vec<Option<u64>> {
        rest.map_or_else(Vec::new, |rest| [None].into_iter().chain(numbers(rest).into_iter().map(Some)).collect())
    };
    match what {
        What::Store { append, rest, path, source, cut } => {
            let store = |append, rest, cut| What::Store { append, rest, path: path.clone(), source: source.clone(), cut };
            if *append {
                found.push(store(false, *rest, *cut));
            }
            found.extend(rests(rest).into_iter().map(|rest| store(*append, rest, *cut)));
            found.extend(cuts(cut).into_iter().map(|cut| store(*append, *rest, cut)));
        }
        What::Fetch { rest, path, cut } => {
            let fetch = |rest, cut| What::Fetch { rest, path: path.clone(), cut };
            found.extend(rests(rest).into_iter().map(|rest| fetch(rest, *cut)));
            found.extend(cuts(cut).into_iter().map(|cut| fetch(*rest, cut)));
        }
        What::List { verb, path: Some(_) } => found.push(What::List { verb: *verb, path: None }),
        What::Together { first, second, .. } => {
            for side in [first, second] {
                found.push(match side {
                    Side::Up { path, source } => {
                        What::Store { append: false, rest: None, path: path.clone(), source: source.clone(), cut: None }
                    }
                    Side::Down { path } => What::Fetch { rest: None, path: path.clone(), cut: None },
                });
            }
        }
        _ => {}
    }
    found
}

/// Simpler contents, the smallest first.
fn smaller_sources(source: &Source) -> Vec<Source> {
    match source {
        Source::Words { seed, len } => numbers(*len).into_iter().map(|len| Source::Words { seed: *seed, len }).collect(),
        Source::Text(bytes) => {
            let mut found: Vec<Vec<u8>> = vec![Vec::new(), b"a".to_vec(), b"\r\n".to_vec()];
            found.extend((0..bytes.len()).map(|place| [&bytes[..place], &bytes[place + 1..]].concat()));
            found.extend(
                bytes
                    .windows(2)
                    .enumerate()
                    .filter(|(_, pair)| pair == b"\r\n")
                    .map(|(place, _)| [&bytes[..place], &bytes[place + 2..]].concat()),
            );
            let simpler = |text: &Vec<u8>| text.len() < bytes.len();
            found.into_iter().filter(simpler).map(Source::Text).collect()
        }
        Source::Fill { len, tail } => {
            let mut found = vec![Source::Text(tail.clone())];
            if tail.len() > 2 {
                found.push(Source::Fill { len: *len, tail: b"\r\n".to_vec() });
            }
            found.extend(numbers(*len).into_iter().map(|len| Source::Fill { len, tail: tail.clone() }));
            found
        }
        Source::Lines(count) => {
            let few = (*count > 0).then(|| Source::Text(b"\r\n".to_vec()));
            few.into_iter().chain(numbers(*count).into_iter().map(Source::Lines)).collect()
        }
    }
}

/// Smaller numbers, from below: the smallest ones, each power of two with its neighbours, and then closer and closer.
fn numbers(number: u64) -> Vec<u64> {
    let mut found: Vec<u64> = (0..4).collect();
    for power in 2..u64::BITS {
        let power = 1_u64 << power;
        if power > number {
            break;
        }
        found.extend([power - 1, power, power + 1]);
    }
    found.extend((1..u64::BITS).map(|power| number - (number >> power)));
    found.extend(number.checked_sub(1));
    found.retain(|candidate| *candidate < number);
    found.sort_unstable();
    found.dedup();
    found
}

#[cfg(test)]
mod tests {
    use futures::FutureExt as _;

    use super::*;

    fn store(session: usize, path: &str, len: u64) -> Operation {
        let source = Source::Words { seed: 3, len };
        Operation { session, what: What::Store { append: false, rest: None, path: path.into(), source, cut: None } }
    }

    fn fetch(session: usize, path: &str, rest: Option<u64>) -> Operation {
        Operation { session, what: What::Fetch { rest, path: path.into(), cut: None } }
    }

    struct Pure<F>(F);

    impl<F: Fn(&[Operation]) -> bool + Send> Trial for Pure<F> {
        fn fails<'a>(&'a mut self, candidate: &'a [Operation]) -> BoxFuture<'a, bool> {
            Box::pin(std::future::ready((self.0)(candidate)))
        }
    }

    fn check(operations: Vec<Operation>, fails: impl Fn(&[Operation]) -> bool + Send, expect: &[Operation]) {
        assert!(fails(&operations));
        let found = shrink(operations, 5000, &mut Pure(fails)).now_or_never().expect("a pure trial never waits");
        let shown = |all: &[Operation]| all.iter().map(ToString::to_string).collect::<Vec<_>>();
        assert_eq!(shown(&found), shown(expect));
    }

    /// A server that is wrong where a file of a size was stored before it is fetched by its name.
    fn stored_then_fetched(wrong: impl Fn(u64, Option<u64>) -> bool) -> impl Fn(&[Operation]) -> bool {
        move |all| {
            all.iter().enumerate().any(|(place, operation)| {
                let What::Fetch { path, rest, .. } = &operation.what else { return false };
                all[..place].iter().any(|other| {
                    let What::Store { path: stored, source, .. } = &other.what else { return false };
                    let name = |path: &Vec<u8>| path.rsplit(|byte| *byte == b'/').next().map(<[u8]>::to_vec);
                    name(stored) == name(path) && wrong(source.len(), *rest)
                })
            })
        }
    }

    fn noise() -> Vec<Operation> {
        (0..30).map(|n| store(n % 3, "noise", n as u64)).chain([Operation { session: 1, what: What::Cdup }]).collect()
    }

    fn plain(operation: Operation) -> Operation {
        seeded(&[operation]).remove(0)
    }

    #[test]
    fn noise_goes_and_sizes_fall_to_the_smallest_that_fails() {
        let all = [noise(), vec![store(2, "/D/two words", 200_000)], noise(), vec![fetch(1, "/D/two words", Some(70_001))]].concat();
        let wrong = |len: u64, rest: Option<u64>| rest.is_some_and(|rest| rest > 0 && rest < len);
        check(all, stored_then_fetched(wrong), &[plain(store(0, "a", 2)), fetch(0, "a", Some(1))]);
    }

    #[test]
    fn what_fails_at_multiples_only_is_found_at_the_first() {
        let all = [noise(), vec![store(0, "x", 3 << 16)], noise(), vec![fetch(0, "x", None)]].concat();
        let wrong = |len: u64, _| len > 0 && len.is_multiple_of(1 << 16);
        check(all, stored_then_fetched(wrong), &[plain(store(0, "a", 1 << 16)), fetch(0, "a", None)]);
    }

    #[test]
    fn what_was_there_before_stands_in_for_what_is_stored_or_renamed() {
        let there = |all: &[Operation]| {
            let is_there = |path: &[u8], before: &[Operation]| {
                path.ends_with(LAID)
                    || before.iter().any(|operation| matches!(&operation.what, What::Store { path: stored, .. } if stored == path))
            };
            all.iter()
                .enumerate()
                .any(|(place, operation)| matches!(&operation.what, What::Fetch { path, .. } if is_there(path, &all[..place])))
        };
        check(vec![store(0, "/d/x", 9), fetch(0, "/d/x", None)], there, &[fetch(0, "old.txt", None)]);
        let rename = Operation { session: 0, what: What::Rename { from: b"old.txt".to_vec(), to: b"x".to_vec() } };
        let renamed_or_there = |all: &[Operation]| {
            let names: Vec<&[u8]> = all
                .iter()
                .filter_map(|operation| if let What::Rename { to, .. } = &operation.what { Some(to.as_slice()) } else { None })
                .collect();
            all.iter().any(
                |operation| matches!(&operation.what, What::Fetch { path, .. } if path.ends_with(LAID) || names.contains(&path.as_slice())),
            )
        };
        check(vec![rename, fetch(0, "x", None)], renamed_or_there, &[fetch(0, "old.txt", None)]);
    }

    #[test]
    fn numbers_come_from_below_and_are_smaller() {
        assert_eq!(numbers(0), [] as [u64; 0]);
        assert_eq!(numbers(5), [0, 1, 2, 3, 4]);
        assert!(numbers(70_000).windows(2).all(|pair| pair[0] < pair[1]) && numbers(70_000).contains(&65_536));
    }
}
