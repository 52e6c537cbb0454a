//! The servers that are explored, and the grounds on them: each with a root, and an account for each letter set.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Mutex;

use super::client::Client;
use super::expect::Abilities;
use super::model::{LAID, laid_content};
use super::player::{Ground, STABLE, lay};
use crate::ftp::letter::{Letter, Letters};
use crate::play;
use crate::run::capability::Capabilities;
use crate::scenario::model::Way;
use crate::target::{Account, Facilities, Instance, Secret, Settings, StartError, Target};

/// Servers are started at most, where each serves few sessions or one root.
const SERVERS: usize = 3;
/// What the server is asked for.
const NEEDS: [&str; 10] = ["REST STREAM", "APPE", "SIZE", "MDTM", "MLST", "MLSD", "NLST", "ABOR", "EPSV", "CDUP"];

/// All servers.
pub(super) struct Arena {
    stands: Vec<Stand>,
    slots: Vec<Slot>,
    pub(super) able: Abilities,
    pub(super) epsv: bool,
    /// The letter sets; the first is all.
    pub(super) sets: Vec<Letters>,
    deadline: Duration,
}

struct Stand {
    target: Arc<dyn Target>,
    accounts: Vec<Account>,
    instance: Mutex<Option<Box<dyn Instance>>>,
}

struct Slot {
    stand: usize,
    root: String,
    accounts: BTreeMap<String, Account>,
}

/// The letter sets that a server can be given: all, all but one, and read only.
fn sets(facilities: &Facilities) -> Vec<Letters> {
    let mut sets = vec![Letters::ALL];
    if facilities.accounts {
        let explored = [
            Letter::Enter,
            Letter::List,
            Letter::Retrieve,
            Letter::Append,
            Letter::Delete,
            Letter::Rename,
            Letter::MakeDirectory,
            Letter::Store,
        ];
        let lackable = explored.into_iter().filter(|letter| facilities.letters.has(*letter));
        sets.extend(lackable.map(|letter| Letters::ALL.minus(Letters::NONE.with(letter))));
        let read_only = Letters::NONE.with(Letter::Enter).with(Letter::List).with(Letter::Retrieve);
        if Letters::ALL.minus(read_only).iter().all(|letter| facilities.letters.has(letter)) {
            sets.push(read_only);
        }
    }
    sets
}

impl Arena {
    /// Starts the servers for so many grounds; asks the first what it can do.
    pub(super) async fn start(target: &Arc<dyn Target>, jobs: usize, seed: u64, reply: Duration) -> Result<Self, StartError> {
        let facilities = target.facilities();
        if !facilities.disk {
            return Err(StartError::Setting(format!("explore must see the files of {}, and cannot", target.name())));
        }
        let each = if facilities.roots { facilities.at_once.unwrap_or(jobs) } else { 1 }.clamp(1, jobs.max(1));
        let servers = jobs.div_ceil(each).clamp(1, SERVERS);
        let sets = sets(&facilities);
        let mut passwords = fastrand::Rng::with_seed(seed);
        let mut arena = Self {
            stands: Vec::new(),
            slots: Vec::new(),
            able: Abilities::ALL,
            epsv: true,
            sets,
            deadline: reply + facilities.login_delay,
        };
        for stand in 0..servers {
            let slots: Vec<Slot> = (0..each).map(|slot| arena.slot(stand, slot, &mut passwords)).collect();
            let accounts: Vec<Account> = slots.iter().flat_map(|slot| slot.accounts.values().cloned()).collect();
            let instance = match target.start(&Settings::default(), &accounts).await {
                Ok(instance) => instance,
                Err(error) => {
                    arena.stop().await;
                    return Err(error);
                }
            };
            arena.stands.push(Stand { target: Arc::clone(target), accounts, instance: Mutex::new(Some(instance)) });
            arena.slots.extend(slots);
        }
        arena.ask(&facilities).await;
        Ok(arena)
    }

    fn slot(&self, stand: usize, slot: usize, passwords: &mut fastrand::Rng) -> Slot {
        let root = format!("x{stand}s{slot}");
        let accounts = self.sets.iter().enumerate().map(|(index, letters)| {
            let password: String = std::iter::repeat_with(|| passwords.alphanumeric()).take(12).collect();
            let name = format!("x{stand}s{slot}u{index}");
            let account = Account {
                name,
                password: Secret::new(password),
                letters: *letters,
                anonymous: false,
                root: root.clone(),
                directory: Vec::new(),
            };
            (letters.to_string(), account)
        });
        Slot { stand, accounts: accounts.collect(), root: root.clone() }
    }

    /// Finds out what the server can do.
    async fn ask(&mut self, facilities: &Facilities) {
        let Ok(ground) = self.ground(0).await else { return };
        let Some(account) = ground.accounts.get(&Letters::ALL.to_string()) else { return };
        let place = play::Ground { address: ground.address, disk: Arc::clone(&ground.disk), accounts: Vec::new() };
        let found = Capabilities::ask(&place, account, &NEEDS.into_iter().collect(), self.deadline, true).await;
        let has = |need: &str| found.lacks(&[need.to_owned()], facilities, false).is_none();
        let mut client = Client::new(ground.address, account.clone(), Way::Pasv, self.deadline);
        self.able = Abilities {
            rest: has("REST STREAM"),
            appe: has("APPE"),
            size: has("SIZE"),
            mdtm: has("MDTM"),
            mlst: has("MLST"),
            mlsd: has("MLSD"),
            nlst: has("NLST"),
            abor: has("ABOR"),
            lf: facilities.eol == b"\n",
            ascii_retr: lay(&ground).await.is_err() || client.converts(LAID, &laid_content()).await,
        };
        self.epsv = has("EPSV");
    }

    /// What is left out.
    pub(super) fn without(&self) -> Vec<&'static str> {
        let Abilities { rest, appe, size, mdtm, mlst, mlsd, nlst, abor, lf, ascii_retr } = self.able;
        let all = [
            (rest, "REST"),
            (appe, "APPE"),
            (size, "SIZE"),
            (mdtm, "MDTM"),
            (mlst, "MLST"),
            (mlsd, "MLSD"),
            (nlst, "NLST"),
            (abor, "ABOR"),
            (lf, "TYPE A"),
            (ascii_retr || !size, "SIZE under TYPE A"),
            (self.epsv, "EPSV"),
            (self.sets.len() > 1, "letters"),
        ];
        all.into_iter().filter(|(able, _)| !able).map(|(_, what)| what).collect()
    }

    /// How many grounds there are.
    pub(super) fn len(&self) -> usize {
        self.slots.len()
    }

    /// A ground; its server is started again where it died.
    pub(super) async fn ground(&self, slot: usize) -> Result<Ground, StartError> {
        let slot = &self.slots[slot];
        let stand = &self.stands[slot.stand];
        let mut running = stand.instance.lock().await;
        if running.as_ref().is_none_or(|instance| instance.died().is_some()) {
            if let Some(dead) = running.take() {
                dead.stop(false).await;
            }
            *running = Some(stand.target.start(&Settings::default(), &stand.accounts).await?);
        }
        let Some(instance) = running.as_ref() else { return Err(StartError::Server("the server is gone".to_owned())) };
        Ok(Ground {
            address: instance.address(),
            disk: instance.disk(),
            accounts: slot.accounts.clone(),
            root: slot.root.clone(),
            able: self.able,
            deadline: self.deadline,
            stable: STABLE,
        })
    }

    /// Stops all; says what is left of them.
    pub(super) async fn stop(&self) -> Vec<String> {
        let mut left = Vec::new();
        for stand in &self.stands {
            if let Some(instance) = stand.instance.lock().await.take() {
                left.extend(instance.stop(false).await);
            }
        }
        left
    }
}
