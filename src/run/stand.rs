//! The server under the cases: started once for many, again where it died, and once for each case that needs its own.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::Mutex;

use crate::play::Ground;
use crate::scenario::model::{Action, Case, Piece, Step, StepKind, Way};
use crate::target::{Account, Facilities, Instance, Settings, StartError, Target};
use crate::wire::control::{ControlConnection, Received};
use crate::wire::stream::Connect;

/// How long a server that does not greet may take to be known as dead.
const DYING: Duration = Duration::from_millis(500);

/// A server and how to start it again.
pub(super) struct Stand {
    target: Arc<dyn Target>,
    settings: Settings,
    accounts: Vec<Account>,
    running: Mutex<Running>,
    /// More cases than one are played on it.
    shared: bool,
}

struct Running {
    instance: Option<Box<dyn Instance>>,
    left: Vec<String>,
}

impl Stand {
    pub(super) async fn start(target: Arc<dyn Target>, settings: Settings, accounts: Vec<Account>) -> Result<Self, StartError> {
        let instance = target.start(&settings, &accounts).await?;
        Ok(Self { target, settings, accounts, running: Mutex::new(Running { instance: Some(instance), left: Vec::new() }), shared: false })
    }

    /// The same, for many cases.
    #[must_use]
    pub(super) fn shared(self) -> Self {
        Self { shared: true, ..self }
    }

    /// Whether more cases than one are played on it.
    pub(super) fn is_shared(&self) -> bool {
        self.shared
    }

    /// Whether the server that a case was played on is still there: it greets, or is not known to be dead.
    pub(super) async fn outlived(&self, ground: &Ground) -> bool {
        let mut pause = Duration::from_millis(1);
        let begun = Instant::now();
        loop {
            let running = self.running.lock().await;
            let instance = running.instance.as_ref().filter(|instance| instance.address() == ground.address);
            if instance.is_none_or(|instance| instance.died().is_some()) {
                return false;
            }
            drop(running);
            // One that dies loses its connections a moment before its listener, and that a moment before the system tells of its end.
            let left = DYING.saturating_sub(begun.elapsed());
            if left.is_zero() || greets(ground.address, left).await {
                return true;
            }
            tokio::time::sleep(pause).await;
            pause *= 2;
        }
    }

    /// The ground for a stage with these accounts; starts the server again where it died.
    pub(super) async fn ground(&self, accounts: Vec<Account>) -> Result<Ground, StartError> {
        let mut running = self.running.lock().await;
        let died = running.instance.as_ref().and_then(|instance| instance.died());
        if died.is_some() {
            if let Some(dead) = running.instance.take() {
                let left = dead.stop(false).await;
                running.left.extend(left);
            }
            running.instance = Some(self.target.start(&self.settings, &self.accounts).await?);
        }
        let Some(instance) = &running.instance else {
            return Err(StartError::Server("the server did not start again after it died".into()));
        };
        Ok(Ground { address: instance.address(), disk: instance.disk(), accounts })
    }

    /// Whether it listens on ::1 too.
    pub(super) async fn ipv6(&self) -> bool {
        self.running.lock().await.instance.as_ref().is_some_and(|instance| instance.address_v6().is_some())
    }

    /// What the server wrote last.
    pub(super) async fn log(&self) -> String {
        self.running.lock().await.instance.as_ref().map(|instance| instance.log()).unwrap_or_default()
    }

    /// Stops it; says what is left of it.
    pub(super) async fn stop(self, keep: bool) -> Vec<String> {
        let mut running = self.running.into_inner();
        if let Some(instance) = running.instance.take() {
            running.left.extend(instance.stop(keep).await);
        }
        running.left
    }
}

/// Whether somebody greets here.
async fn greets(address: SocketAddr, within: Duration) -> bool {
    let Ok(Connect::Open(mut control)) = ControlConnection::connect(address, within).await else { return false };
    matches!(control.read_reply(within).await, Received::Reply(_))
}

/// Whether a case needs a server of its own: where a server serves one root only; for settings; for the one account whose name
/// cannot be another's; and for PORT and EPRT. A server that calls its clients may take the socket of one session for that of another (pyftpdlib does), and the cases
/// beside this one would be blamed.
pub(super) fn needs_own(case: &Case, facilities: &Facilities) -> bool {
    !facilities.roots || !case.settings.is_default() || case.roles.iter().any(|role| role.anonymous) || case.steps().any(is_active)
}

fn is_active(step: &Step) -> bool {
    match &step.kind {
        StepKind::Action(Action::Data { way: Some(Way::Port | Way::Eprt), .. }) => true,
        StepKind::Action(Action::Send(send)) => match send.text.0.first() {
            Some(Piece::Literal(line)) => {
                line.get(..4).is_some_and(|verb| [b"PORT", b"EPRT"].iter().any(|active| verb.eq_ignore_ascii_case(*active)))
            }
            _ => false,
        },
        _ => false,
    }
}

/// The settings of a case, checked, or why the target cannot be given them.
pub(super) fn settings(case: &Case, facilities: &Facilities) -> Result<Settings, String> {
    let written = &case.settings;
    let refuse = |what: &str| Err(format!("this server cannot be given {what}"));
    let mut settings = Settings::default();
    if let Some(text) = &written.idle_timeout {
        if !facilities.idle_timeout {
            return refuse("an idle timeout");
        }
        settings.idle_timeout = Some(duration(text).ok_or_else(|| format!("idle_timeout {text:?} is no duration like 2s"))?);
    }
    if let Some(text) = &written.passive_ports {
        if !facilities.passive_ports {
            return refuse("a passive port range");
        }
        let range = text.split_once('-').and_then(|(first, last)| Some(first.trim().parse().ok()?..=last.trim().parse().ok()?));
        settings.passive_ports = Some(range.ok_or_else(|| format!("passive_ports {text:?} is no range like 40000-40010"))?);
    }
    if let Some(text) = &written.banner {
        if !facilities.banner {
            return refuse("a banner");
        }
        settings.banner = Some(text.clone());
    }
    Ok(settings)
}

fn duration(text: &str) -> Option<Duration> {
    let digits = text.find(|c: char| !c.is_ascii_digit())?;
    let number: u64 = text[..digits].parse().ok()?;
    match &text[digits..] {
        "ms" => Some(Duration::from_millis(number)),
        "s" => Some(Duration::from_secs(number)),
        "m" => Some(Duration::from_secs(number.checked_mul(60)?)),
        _ => None,
    }
}
