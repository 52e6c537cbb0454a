//! What each step does.

use std::net::{IpAddr, SocketAddr, TcpListener};
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::data::Wanted;
use super::{Branch, Player, Session, blocking};
use crate::ftp::transcript::{DiskState, Leave, What};
use crate::judge::reply::Progress;
use crate::judge::{Flow, Judge, bind::Unresolved};
use crate::scenario::model::{Abort, Action, Channel, Receive, Send, Step, Subject, Text};
use crate::target::Snapshot;

/// How long something on disk that is not as demanded must stay the same until it is believed.
const STABLE: Duration = Duration::from_millis(200);
/// Telnet Interrupt Process, RFC 854: IAC IP.
const INTERRUPT: [u8; 2] = [0xff, 0xf4];
/// Telnet Synch, RFC 854: IAC and Data Mark, the mark as urgent data.
const SYNCH: [u8; 2] = [0xff, 0xf2];

impl Player<'_, '_> {
    pub(super) async fn action(&self, branch: &mut Branch, step: &Step, action: &Action) {
        let id = step.id;
        if let Action::Send(send) = action {
            let session = branch.session();
            if session.open_greeted(self, id).await {
                match self.line(send) {
                    Ok(bytes) => session.queue(id, &bytes),
                    Err(unresolved) => self.trouble(branch, id, &unresolved),
                }
            }
            return;
        }
        if !branch.session().flush(self).await && !matches!(action, Action::Expect(_) | Action::As(_) | Action::Alive) {
            // What could not be sent shows where its reply is waited for; other steps have nothing to stand on.
            self.record.event(id, &branch.session().name, What::SendFailed { reason: "the connection is broken".into() });
            return;
        }
        match action {
            Action::Connect => drop(branch.session().open(self, id).await),
            Action::Login(role) => self.login(branch, id, role).await,
            // The first step that needs the connection opens it: `connect` may come first.
            Action::As(name) => branch.current = Arc::from(name.as_str()),
            // `sync` is the player's own: see `meet`.
            Action::Send(_) | Action::Flush | Action::Sync(_) => {}
            Action::Expect(expect) => self.replies(branch.session(), step, expect.within).await,
            Action::Data { way, caller } => {
                let session = branch.session();
                if session.open_greeted(self, id).await {
                    session.data(self, id, way.unwrap_or(self.options.way), *caller).await;
                }
            }
            Action::Receive { what, end } => self.receive(branch, step, what, *end).await,
            Action::Transmit { segments, end } => match self.contents(segments) {
                Ok(segments) => branch.session().transmit(self, id, &segments, *end).await,
                Err(unresolved) => self.trouble(branch, id, &unresolved),
            },
            Action::Cut(channel) => self.leave(branch.session(), id, *channel, Leave::Reset).await,
            Action::Close(channel) => self.leave(branch.session(), id, *channel, Leave::Close).await,
            Action::HalfClose(channel) => self.leave(branch.session(), id, *channel, Leave::HalfClose).await,
            Action::Stall(duration) => {
                tokio::time::sleep(*duration).await;
                self.record.event(id, &branch.session().name, What::Stalled(*duration));
            }
            Action::Settle(channel, duration) => {
                branch.session().settle(*channel, *duration).await;
                self.record.event(id, &branch.session().name, What::Looked);
            }
            Action::Abort(kind) => self.abort(branch.session(), id, *kind).await,
            Action::Listen { name, address } => self.listen(branch.session(), id, name, address),
            Action::Untouched(name) => self.called(branch.session(), id, name),
            Action::Disk { path, .. } => self.disk(branch, step, path).await,
            Action::DiskUnchanged => self.unchanged(branch, id).await,
            Action::Fact { .. } | Action::Entries { .. } => self.record.event(id, &branch.session().name, What::Looked),
            Action::Tls => self.record.event(id, &branch.session().name, What::Trouble("TLS is not built yet".into())),
            Action::Alive => self.alive(branch.session(), id).await,
        }
    }

    pub(super) async fn look(&self, branch: &mut Branch, step: &Step, subject: &Subject) {
        branch.session().flush(self).await;
        match subject {
            Subject::Reply => self.replies(branch.session(), step, None).await,
            Subject::Disk(path) => self.disk(branch, step, path).await,
            Subject::Listener(name) => self.called(branch.session(), step.id, name),
            Subject::Data => match self.record.judge(|judge| judge.contents(step)) {
                Ok(contents) => {
                    let len = contents.iter().map(crate::ftp::content::Content::len).max().unwrap_or(0);
                    branch.session().receive(self, step.id, Wanted::Compared { contents, len, end: true }).await;
                }
                Err(unresolved) => self.trouble(branch, step.id, &unresolved),
            },
        }
    }

    /// Reads replies until the judge has enough; where more could come that would fit as well, a probe tells.
    async fn replies(&self, session: &mut Session, step: &Step, within: Option<Duration>) {
        let deadline = within.unwrap_or(self.options.reply);
        let mut probed = false;
        loop {
            let events = self.record.of(step.id);
            match self.record.judge(|judge| judge.progress(step, &events)) {
                Progress::More => drop(session.read(self, step.id, deadline).await),
                Progress::Open => {
                    probed = true;
                    session.ask(self, step.id, "SYST").await;
                }
                Progress::Done(fit) => {
                    let heard = crate::judge::reply::heard(&events).len();
                    if probed
                        && fit.is_some_and(|fit| fit.len == heard)
                        && session.control.as_ref().is_some_and(|control| !control.is_ended())
                    {
                        // The longer sequence came; the probe's own reply is still on its way.
                        session.read(self, step.id, deadline).await;
                    }
                    return;
                }
            }
        }
    }

    async fn login(&self, branch: &mut Branch, id: usize, role: &str) {
        let place = self.case.roles.iter().position(|known| known.name == role);
        let Some(account) = place.map(|place| branch.ground.accounts[place].clone()) else {
            self.record.event(id, &branch.session().name, What::Trouble(format!("no role {role}")));
            return;
        };
        let session = branch.session();
        if !session.open_greeted(self, id).await {
            return;
        }
        let mut last = session.ask(self, id, &format!("USER {}", account.name)).await;
        if last.as_ref().is_some_and(|reply| reply.code == Some(331)) {
            last = session.ask(self, id, &format!("PASS {}", account.password.reveal())).await;
        }
        if !account.directory.is_empty() && last.is_some_and(|reply| reply.class() == Some(2)) {
            session.ask(self, id, &format!("CWD {}", String::from_utf8_lossy(&account.directory))).await;
        }
    }

    async fn receive(&self, branch: &mut Branch, step: &Step, what: &Receive, end: bool) {
        let wanted = match what {
            Receive::Rest => Wanted::Rest,
            Receive::Listing => Wanted::Listing,
            Receive::Content(_) => match self.record.judge(|judge| judge.contents(step)) {
                Ok(contents) => {
                    let len = contents.iter().map(crate::ftp::content::Content::len).sum();
                    Wanted::Compared { contents, len, end }
                }
                Err(unresolved) => return self.trouble(branch, step.id, &unresolved),
            },
        };
        branch.session().receive(self, step.id, wanted).await;
    }

    async fn leave(&self, session: &mut Session, id: usize, channel: Channel, how: Leave) {
        match channel {
            Channel::Control => session.leave(self, id, how).await,
            Channel::Data => session.leave_data(self, id, how).await,
        }
    }

    /// RFC 959 section 4.1.3 ABOR: Telnet IP and Synch go before it where the server may not look at the connection otherwise.
    async fn abort(&self, session: &mut Session, id: usize, kind: Abort) {
        if kind == Abort::Telnet {
            session.send(self, id, &INTERRUPT).await;
            session.send_urgent(self, id, &SYNCH).await;
        }
        session.send(self, id, b"ABOR\r\n").await;
    }

    fn listen(&self, session: &Session, id: usize, name: &str, address: &str) {
        let bound = address.parse::<IpAddr>().map_err(std::io::Error::other).and_then(|ip| {
            if !ip.is_loopback() {
                return Err(std::io::Error::other("only addresses of this machine: 127.0.0.0/8 and ::1"));
            }
            let listener = TcpListener::bind((ip, 0))?;
            listener.set_nonblocking(true)?;
            let local = listener.local_addr()?;
            Ok((listener, local))
        });
        match bound {
            Ok((listener, local)) => {
                self.record.judge(|judge| bind_endpoint(judge, name, local));
                self.listeners().insert(name.to_owned(), listener);
            }
            Err(error) => self.record.event(id, &session.name, What::Trouble(format!("no listener on {address}: {error}"))),
        }
    }

    fn called(&self, session: &Session, id: usize, name: &str) {
        let listeners = self.listeners();
        let Some(listener) = listeners.get(name) else {
            drop(listeners);
            return self.record.event(id, &session.name, What::Trouble(format!("no listener {name}")));
        };
        // A call that the kernel took waits in its queue: after the next final reply nothing more is under way.
        let by = std::iter::from_fn(|| listener.accept().ok()).map(|(_, caller)| caller).collect();
        drop(listeners);
        self.record.event(id, &session.name, What::Called { name: name.to_owned(), by });
    }

    /// Waits for the other branches at a `sync`; breaks where one of them broke, which then has said why.
    pub(super) async fn meet(&self, branch: &mut Branch, name: &str) -> ControlFlow<()> {
        let meeting = Arc::clone(&branch.meeting);
        let Some(barrier) = meeting.barriers.get(name) else { return ControlFlow::Continue(()) };
        let mut broken = meeting.broken.subscribe();
        tokio::select! {
            _ = barrier.wait() => ControlFlow::Continue(()),
            _ = broken.wait_for(|broken| *broken) => ControlFlow::Break(()),
        }
    }

    /// Looks until what is there is as demanded, or has stayed the same for a while.
    async fn disk(&self, branch: &mut Branch, step: &Step, path: &Text) {
        let resolved = self.record.judge(|judge| Ok::<_, Unresolved>((judge.bindings().bytes(path)?, judge.contents(step)?)));
        let (path, contents) = match resolved {
            Ok(resolved) => resolved,
            Err(unresolved) => return self.trouble(branch, step.id, &unresolved),
        };
        let (root, disk) = (root(branch), Arc::clone(&branch.ground.disk));
        let looked = until_stable(
            self.options.reply,
            || {
                let (disk, root, path, contents) = (Arc::clone(&disk), root.clone(), path.clone(), contents.clone());
                blocking(move || disk.look(&root, &path, &contents))
            },
            |state: &DiskState| self.record.judge(|judge| judge.disk_settles(step, state)),
        )
        .await;
        let name = &branch.session().name;
        match looked {
            Ok(state) => self.record.event(step.id, name, What::Disk { path, state }),
            Err(error) => self.record.event(step.id, name, What::Trouble(format!("the disk could not be looked at: {error}"))),
        }
    }

    async fn unchanged(&self, branch: &mut Branch, id: usize) {
        let (roots, disk) = (super::roots(&branch.ground.accounts), Arc::clone(&branch.ground.disk));
        let before = Arc::clone(&branch.before);
        let looked = until_stable(
            self.options.reply,
            || {
                let (disk, roots, before) = (Arc::clone(&disk), roots.clone(), Arc::clone(&before));
                blocking(move || {
                    let after: Vec<Snapshot> = roots.iter().map(|root| disk.snapshot(root)).collect::<Result<_, _>>()?;
                    Ok(before.iter().zip(&after).flat_map(|(before, after)| before.changes(after)).collect::<Vec<_>>())
                })
            },
            Vec::is_empty,
        )
        .await;
        let name = &branch.session().name;
        match looked {
            Ok(changes) => self.record.event(id, name, What::Changes(changes)),
            Err(error) => self.record.event(id, name, What::Trouble(format!("the disk could not be looked at: {error}"))),
        }
    }

    /// NOOP, or what stands for it, is answered, and nothing else is: a 2xx other than 200 could be left over from before, so a
    /// second one tells.
    async fn alive(&self, session: &mut Session, id: usize) {
        if !session.open_greeted(self, id).await {
            return;
        }
        let first = session.ask(self, id, self.options.probe).await;
        if first.is_some_and(|reply| reply.class() == Some(2) && reply.code != Some(200)) {
            session.ask(self, id, self.options.probe).await;
        }
    }

    pub(super) async fn until(&self, branch: &mut Branch, step: &Step, within: Duration, send: &Send) -> Flow {
        let start = Instant::now();
        loop {
            let line = match self.line(send) {
                Ok(line) => line,
                Err(unresolved) => {
                    self.trouble(branch, step.id, &unresolved);
                    return self.record.step(step);
                }
            };
            let session = branch.session();
            session.flush(self).await;
            if session.open_greeted(self, step.id).await && session.send(self, step.id, &line).await {
                session.read(self, step.id, self.options.reply).await;
            }
            if start.elapsed() >= within {
                self.record.event(step.id, &branch.session().name, What::Stalled(within));
            }
            match self.record.step(step) {
                // What is waited for happens inside the server and announces itself by nothing.
                Flow::Again => tokio::time::sleep(Duration::from_millis(20)).await,
                flow @ (Flow::Go | Flow::Stop | Flow::Arm(_)) => return flow,
            }
        }
    }

    fn line(&self, send: &Send) -> Result<Vec<u8>, Unresolved> {
        let mut bytes = self.record.judge(|judge| judge.bindings().bytes(&send.text))?;
        if !send.raw {
            bytes.extend_from_slice(b"\r\n");
        }
        Ok(bytes)
    }

    fn contents(&self, segments: &[crate::scenario::model::Expression]) -> Result<Vec<crate::ftp::content::Content>, Unresolved> {
        self.record.judge(|judge| segments.iter().map(|segment| judge.bindings().content(segment)).collect())
    }

    fn trouble(&self, branch: &mut Branch, id: usize, unresolved: &Unresolved) {
        self.record.event(id, &branch.session().name, What::Trouble(unresolved.to_string()));
    }
}

/// Binds the places that name an address and a port: `{name.port}`, `{name.address}`, and what PORT and 227 write.
pub(super) fn bind_endpoint(judge: &mut Judge<'_>, name: &str, endpoint: SocketAddr) {
    let [high, low] = endpoint.port().to_be_bytes();
    judge.bind(format!("{name}.port"), endpoint.port().to_string());
    judge.bind(format!("{name}.address"), endpoint.ip().to_string());
    judge.bind(format!("{name}.p1"), high.to_string());
    judge.bind(format!("{name}.p2"), low.to_string());
    if let SocketAddr::V4(v4) = endpoint {
        let host: Vec<String> = v4.ip().octets().iter().map(u8::to_string).collect();
        judge.bind(format!("{name}.host"), host.join(","));
    }
}

/// The root of the roles that share one: the first role's, in the order of the file.
fn root(branch: &Branch) -> String {
    branch.ground.accounts.first().map(|account| account.root.clone()).unwrap_or_default()
}

/// Looks again and again until what is seen is good, or has been the same for [`STABLE`], or the deadline has passed.
async fn until_stable<T, F>(deadline: Duration, look: impl Fn() -> F, good: impl Fn(&T) -> bool) -> std::io::Result<T>
where
    T: PartialEq,
    F: Future<Output = std::io::Result<T>>,
{
    // Only pauses are counted: where this machine stands still, the server does too.
    let (mut waited, mut same) = (Duration::ZERO, Duration::ZERO);
    let mut pause = Duration::from_millis(1);
    let mut seen = look().await?;
    while !good(&seen) && same < STABLE && waited < deadline {
        // The server's writes announce themselves by nothing.
        tokio::time::sleep(pause).await;
        waited += pause;
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
