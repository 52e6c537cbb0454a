//! Plays a sequence of operations: to the server by its clients, and to the model; compares after each, also on disk.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use super::client::{Client, together};
use super::compare::{Divergence, Ending, Kind, Seen, compare, stands};
use super::coverage::Coverage;
use super::draft::Script;
use super::expect::{Abilities, Accept, Brings, Expectation, expect};
use super::known::{Known, Mark};
use super::model::{LAID, LAID_TIME, Model, State, laid_content};
use super::operation::{Class, Operation, SESSIONS, What};
use crate::ftp::content::Content;
use crate::ftp::letter::Letters;
use crate::ftp::path::VirtualPath;
use crate::ftp::transcript::DiskState;
use crate::scenario::model::Way;
use crate::target::{Account, Disk, LaidFile, LaidNode};

/// Everything is looked at after so many operations.
const LOOK: usize = 50;
/// How long something on disk that is not as it should be must stay so until it is believed.
pub(super) const STABLE: Duration = Duration::from_millis(200);
/// Files above this are read on a thread of their own.
const LARGE: u64 = 1 << 18;

/// Where sequences are played: a server, and a root with its accounts.
#[derive(Clone)]
pub(super) struct Ground {
    pub(super) address: std::net::SocketAddr,
    pub(super) disk: Arc<dyn Disk>,
    /// The accounts of this root, by their letters.
    pub(super) accounts: BTreeMap<String, Account>,
    pub(super) root: String,
    pub(super) able: Abilities,
    /// How long a reply may take.
    pub(super) deadline: Duration,
    /// How long what is wrong on disk must stay so.
    pub(super) stable: Duration,
}

/// Who plays, and how the data connection is opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Cast {
    pub(super) letters: [Letters; SESSIONS],
    pub(super) way: Way,
}

/// An operation as it was played.
#[derive(Debug, Clone)]
pub(super) struct Record {
    pub(super) operation: Operation,
    pub(super) mark: Mark,
    /// The state before it, and what it should come to; kept where a scenario may be made of it.
    pub(super) full: Option<(Model, Expectation)>,
}

/// How a sequence ended.
#[derive(Debug)]
pub(super) struct Played {
    /// What was played, without what was skipped.
    pub(super) records: Vec<Record>,
    /// The number of what was played.
    pub(super) count: usize,
    /// Where the server and the model part, if they do: at the last record.
    pub(super) divergence: Option<Divergence>,
    /// The harness could not go on.
    pub(super) trouble: Option<String>,
}

/// How to play.
pub(super) struct Manner<'a> {
    /// Keep the records, and look at everything after each operation.
    pub(super) thorough: bool,
    /// What is known and need not be found again.
    pub(super) known: &'a Known,
    pub(super) coverage: Option<&'a mut Coverage>,
}

/// A sequence under way.
struct Player<'g> {
    ground: &'g Ground,
    clients: Vec<Client>,
    model: Model,
}

/// Plays a sequence from an empty root on.
pub(super) async fn play(ground: &Ground, cast: &Cast, script: &mut (dyn Script + Send), mut manner: Manner<'_>) -> Played {
    let mut played = Played { records: Vec::new(), count: 0, divergence: None, trouble: None };
    if let Err(error) = lay(ground).await {
        played.trouble = Some(format!("the root could not be laid: {error}"));
        return played;
    }
    let account = |letters: &Letters| ground.accounts.get(&letters.to_string()).cloned();
    let clients: Option<Vec<Client>> =
        cast.letters.iter().map(|letters| Some(Client::new(ground.address, account(letters)?, cast.way, ground.deadline))).collect();
    let Some(clients) = clients else {
        played.trouble = Some("there is no account with these letters".to_owned());
        return played;
    };
    let mut player = Player { ground, clients, model: Model::new(cast.letters) };
    let mut progress = manner.known.progress();
    while let Some(operation) = script.next(&player.model) {
        let Some(expected) = expect(&player.model, &operation, &ground.able) else { continue };
        let ascii = player.model.is_ascii(operation.session);
        let (class, accept) = (operation.class(ascii), expected.accept);
        if progress.is_known(class, accept) {
            continue;
        }
        played.count += 1;
        let before = player.model.clone();
        let step = player.step(&operation, &expected, manner.thorough || played.count.is_multiple_of(LOOK)).await;
        let (accepted, divergence) = match step {
            Ok(accepted) => (accepted, None),
            Err(Stop::Wrong(divergence, accepted)) => (accepted, Some(divergence)),
            Err(Stop::Trouble(told)) => {
                played.trouble = Some(told);
                break;
            }
        };
        player.count(manner.coverage.as_deref_mut(), class, accepted, &moved(&operation, &expected));
        let mark = Mark { class, accept, accepted };
        progress.take(mark);
        let divergence = divergence.map(|divergence| blame(divergence, &operation, &played.records));
        if manner.thorough || divergence.is_some() {
            played.records.push(Record { operation, mark, full: Some((before, expected)) });
        } else {
            played.records.push(Record { operation, mark, full: None });
        }
        if divergence.is_some() {
            played.divergence = divergence;
            break;
        }
    }
    if played.divergence.is_none() && played.trouble.is_none() {
        match player.look_at_all().await {
            Ok(Some((path, told))) => played.divergence = Some(elsewhere(Accept::May, path, told)),
            Ok(None) => played.divergence = player.farewell().await,
            Err(error) => played.trouble = Some(format!("the disk could not be looked at: {error}")),
        }
    }
    for client in &mut player.clients {
        client.drop_control();
    }
    played
}

enum Stop {
    /// The server is wrong; and whether it carried the operation out.
    Wrong(Divergence, bool),
    Trouble(String),
}

impl From<io::Error> for Stop {
    fn from(error: io::Error) -> Self {
        Self::Trouble(format!("the disk could not be looked at: {error}"))
    }
}

impl Player<'_> {
    /// Plays one operation; whether it was carried out.
    async fn step(&mut self, operation: &Operation, expected: &Expectation, all: bool) -> Result<bool, Stop> {
        for session in operation.sessions() {
            if !self.clients[session].is_open() && operation.what != What::Quit {
                self.clients[session].open().await.map_err(Stop::Trouble)?;
            }
        }
        let seen = self.perform(operation, expected).await;
        let accepted = compare(operation, expected, &seen)
            .map_err(|divergence| Stop::Wrong(divergence, matches!(seen.ending, Ending::Accepted(_) | Ending::Left)))?;
        self.follow(operation, expected, &seen, accepted).await?;
        if all && let Some((path, told)) = self.look_at_all().await? {
            return Err(Stop::Wrong(elsewhere(expected.accept, path, told), accepted));
        }
        Ok(accepted)
    }

    async fn perform(&mut self, operation: &Operation, expected: &Expectation) -> Seen {
        let What::Together { session, .. } = &operation.what else {
            return self.clients[operation.session].perform(operation, expected).await;
        };
        let (one, two) = (operation.session, *session);
        let [first, second] = self.clients.get_disjoint_mut([one, two]).expect("two sessions");
        together(first, second, operation, expected).await
    }

    /// The model goes where the server went, where it may go there.
    async fn follow(&mut self, operation: &Operation, expected: &Expectation, seen: &Seen, accepted: bool) -> Result<(), Stop> {
        if let Some((whole, least)) = expected.leaves.as_ref().filter(|_| seen.data.is_some()) {
            return self.left_behind(operation, expected, whole, *least).await;
        }
        if let What::Together { .. } = &operation.what {
            let refused = |seen: &Seen| matches!(seen.ending, Ending::Refused(_));
            if refused(seen) || seen.other.as_ref().is_some_and(|other| refused(other)) {
                return Err(Stop::Trouble("one of two transfers at the same time is refused".to_owned()));
            }
        }
        let before = std::mem::replace(&mut self.model, expected.after.clone());
        if !accepted {
            self.model = before;
            for session in operation.sessions() {
                if !self.model.is_open(session) {
                    // It has logged in all the same.
                    self.model.say(session, b"PWD");
                }
            }
        }
        // Whether a denial uses REST up is not said: the session is not used again.
        if !accepted && expected.is_denial() && operation.has_rest() {
            if let Some(told) = self.clients[operation.session].quit().await {
                return Err(Stop::Wrong(Divergence::new(Kind::Session, "959-4.1.1-quit-closes", told), false));
            }
            self.model.leave(operation.session);
        }
        for (index, path) in expected.touches.iter().enumerate() {
            let state = self.model.state(path);
            let choices = if index == 0 && accepted { expected.choices.as_slice() } else { &[] };
            let (told, chosen) = self.look(path, &state, choices).await?;
            match (told, chosen) {
                (None, Some(chosen)) => self.model.put(path, &chosen),
                (None, None) => {}
                (Some(told), _) => {
                    let cites = match expected.accept {
                        Accept::Never(cites) if !accepted && cites.starts_with("defacto-perm") => cites,
                        _ if !accepted => "959-4.2-negative-means-not-done",
                        _ => expected.cites,
                    };
                    return Err(Stop::Wrong(Divergence { kind: Kind::Disk, cites, told, path: Some(path.clone()) }, accepted));
                }
            }
        }
        Ok(())
    }

    /// A cut upload left nothing, what was there, or a beginning of what was sent.
    async fn left_behind(&mut self, operation: &Operation, expected: &Expectation, whole: &Content, least: u64) -> Result<(), Stop> {
        let Some(path) = expected.touches.first() else { return Ok(()) };
        let old = self.model.state(path);
        let closed = !self.clients[operation.session].is_open();
        let (disk, root, name) = (Arc::clone(&self.ground.disk), self.ground.root.clone(), path.names().join(&b'/'));
        let old_content = if let State::File(content) = &old { content.clone() } else { Content::Zeros(0) };
        let against = vec![whole.clone(), old_content];
        let look = || {
            let (disk, root, name, against) = (Arc::clone(&disk), root.clone(), name.clone(), against.clone());
            async move { look(whole.len(), move || disk.look(&root, &name, &against)).await }
        };
        // Where the session is gone no reply tells when the server is done with it.
        let found = rest(look, if closed { self.ground.stable } else { Duration::ZERO }).await?;
        let (next, told) = match &found {
            DiskState::Absent => (State::Absent, None),
            DiskState::File { content, .. } if content.against[0].is_prefix(content.len) && content.len >= least => {
                (State::File(whole.slice(0, content.len)), None)
            }
            DiskState::File { content, .. } if content.against[1].is_equal(content.len) && matches!(old, State::File(_)) => (old, None),
            DiskState::File { .. } | DiskState::Directory { .. } | DiskState::Other(_) => {
                (State::Absent, stands(path, &State::File(whole.clone()), &found))
            }
        };
        if let Some(told) = told {
            let told = format!("{told}, or a beginning of it of {least} bytes or more");
            let divergence = Divergence { kind: Kind::Disk, cites: "sec-rob-client-drops-data", told, path: Some(path.clone()) };
            return Err(Stop::Wrong(divergence, true));
        }
        self.model.say(operation.session, b"PWD");
        if closed {
            self.model.leave(operation.session);
        }
        self.model.put(path, &next);
        Ok(())
    }

    /// What is wrong at a path, or which of the choices stands there.
    async fn look(&self, path: &VirtualPath, should: &State, choices: &[State]) -> io::Result<(Option<String>, Option<State>)> {
        let content = |state: &State| if let State::File(content) = state { content.clone() } else { Content::Zeros(0) };
        let large = content(should).len();
        let name = path.names().join(&b'/');
        for state in [should].into_iter().chain(choices) {
            let against = vec![content(state)];
            let (disk, root, name) = (Arc::clone(&self.ground.disk), self.ground.root.clone(), name.clone());
            let found = look(large, move || disk.look(&root, &name, &against)).await?;
            if stands(path, state, &found).is_none() {
                return Ok((None, choices.contains(state).then(|| state.clone())));
            }
        }
        // Not as it should be: perhaps not yet.
        let against = vec![content(should)];
        let look_again = || {
            let (disk, root, name, against) = (Arc::clone(&self.ground.disk), self.ground.root.clone(), name.clone(), against.clone());
            async move { look(large, move || disk.look(&root, &name, &against)).await }
        };
        let found = rest(look_again, self.ground.stable).await?;
        Ok((stands(path, should, &found), None))
    }

    /// All that is there, against all that should be: the first place that is not so.
    async fn look_at_all(&self) -> io::Result<Option<(VirtualPath, String)>> {
        let tree = self.model.tree();
        for (path, _) in &tree {
            if let (Some(told), _) = self.look(path, &self.model.state(path), &[]).await? {
                return Ok(Some((path.clone(), told)));
            }
        }
        let (disk, root) = (Arc::clone(&self.ground.disk), self.ground.root.clone());
        let snapshot = look(0, move || disk.snapshot(&root)).await?;
        let known = |name: &Vec<u8>| tree.iter().any(|(path, _)| path.names().join(&b'/') == *name);
        for name in snapshot.0.keys().filter(|name| !known(name)) {
            let path = VirtualPath::root().join(name);
            if let (Some(told), _) = self.look(&path, &State::Absent, &[]).await? {
                return Ok(Some((path, told)));
            }
        }
        Ok(None)
    }

    /// Each session is left with QUIT, so that a reply too many shows.
    async fn farewell(&mut self) -> Option<Divergence> {
        for client in &mut self.clients {
            if let Some(told) = client.quit().await {
                return Some(Divergence::new(Kind::Session, "959-6-single-reply-commands", format!("at the end {told}")));
            }
        }
        None
    }

    fn count(&mut self, coverage: Option<&mut Coverage>, class: Class, accepted: bool, moved: &[u64]) {
        let codes: Vec<u16> = self.clients.iter_mut().flat_map(|client| std::mem::take(&mut client.codes)).collect();
        if let Some(coverage) = coverage {
            coverage.operation(class, accepted);
            moved.iter().filter(|_| accepted).for_each(|bytes| coverage.moved(*bytes));
            codes.into_iter().for_each(|code| coverage.code(code));
        }
    }
}

/// How much each transfer of an operation moves, where it is carried out; listings are none.
fn moved(operation: &Operation, expected: &Expectation) -> Vec<u64> {
    let to = operation.cut().map_or(u64::MAX, |cut| cut.at);
    let up = operation.sources().into_iter().map(|source| match expected.brings {
        // Of a resumption what is not there yet.
        Brings::Size(there) => source.len().saturating_sub(there),
        _ => source.len(),
    });
    let down: Vec<u64> = match &expected.brings {
        Brings::Data(content) => vec![content.len()],
        Brings::Both(one, two) => [one, two].into_iter().flatten().map(Content::len).collect(),
        _ => Vec::new(),
    };
    up.chain(down).map(|bytes| bytes.min(to)).collect()
}

/// A transfer that goes wrong right behind one with REST breaks the clause that REST is for one transfer.
fn blame(divergence: Divergence, operation: &Operation, before: &[Record]) -> Divergence {
    let rest = |operation: &Operation| match &operation.what {
        What::Store { rest, .. } | What::Fetch { rest, .. } => Some(rest.is_some()),
        What::Together { .. } => Some(false),
        _ => None,
    };
    let last = |session: usize| {
        let in_session = |record: &&Record| record.operation.sessions().any(|other| other == session);
        before.iter().rev().filter(in_session).find_map(|record| rest(&record.operation))
    };
    let stale = rest(operation) == Some(false) && operation.sessions().any(|session| last(session) == Some(true));
    if stale && matches!(divergence.kind, Kind::Data | Kind::Disk | Kind::Refused) && operation.cut().is_none() {
        return Divergence { cites: "3659-5.3-rest-one-shot", ..divergence };
    }
    divergence
}

/// Something is wrong where the operation has nothing to do.
fn elsewhere(accept: Accept, path: VirtualPath, told: String) -> Divergence {
    let cites = match accept {
        Accept::Never(cites) => cites,
        Accept::Must(_) | Accept::May => "sec-rob-session-isolation",
    };
    Divergence { kind: Kind::Disk, cites, told, path: Some(path) }
}

/// Looks at a disk: at once where it costs little.
async fn look<T: Send + 'static>(len: u64, look: impl FnOnce() -> io::Result<T> + Send + 'static) -> io::Result<T> {
    if len <= LARGE {
        return look();
    }
    tokio::task::spawn_blocking(look).await.unwrap_or_else(|panic| Err(io::Error::other(panic)))
}

/// Looks until what is seen has been the same for so long.
async fn rest<T: PartialEq, F: Future<Output = io::Result<T>>>(look: impl Fn() -> F, stable: Duration) -> io::Result<T> {
    let mut seen = look().await?;
    let (mut same, mut pause) = (Duration::ZERO, Duration::from_millis(1));
    while same < stable {
        // The server's writes announce themselves by nothing.
        tokio::time::sleep(pause).await;
        same += pause;
        pause = (pause * 2).min(Duration::from_millis(50));
        let again = look().await?;
        if again != seen {
            same = Duration::ZERO;
        }
        seen = again;
    }
    Ok(seen)
}

/// An empty root, but for the file that is there before.
pub(super) async fn lay(ground: &Ground) -> io::Result<()> {
    let (disk, root) = (Arc::clone(&ground.disk), ground.root.clone());
    let laid = LaidFile { path: LAID.to_vec(), node: LaidNode::File(laid_content()), mtime: Some(LAID_TIME), mode: None };
    look(LARGE + 1, move || {
        match disk.remove(&root) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            Ok(()) | Err(_) => {}
        }
        disk.lay(&root, &[laid])
    })
    .await
}
