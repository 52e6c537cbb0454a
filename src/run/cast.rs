//! Who plays which role: accounts that are made for the cases, or those that a server has.
//!
//! Responsible for login names and roots that no two cases share, and for why a case cannot be cast.

use std::sync::Arc;

use crate::ftp::letter::{Letter, Letters};
use crate::scenario::model::{Case, Role};
use crate::target::{Account, Facilities, Guest, Secret};

/// The accounts of a case, for each of its stages, or why it cannot be cast.
pub(super) type Casting = Result<Vec<Vec<Account>>, String>;

/// The accounts of all cases.
pub(super) struct Cast {
    pub(super) cases: Vec<Casting>,
    /// The account that capabilities are asked with.
    pub(super) prober: Account,
}

impl Cast {
    pub(super) fn new(cases: &[Arc<Case>], guests: Option<&[Guest]>, seed: u64) -> Self {
        let Some(guests) = guests else {
            let mut passwords = fastrand::Rng::with_seed(seed);
            let prober = own("prober".to_owned(), Letters::ALL, "prober".to_owned(), &mut passwords);
            let cases = cases.iter().enumerate().map(|(index, case)| Ok(made(case, index, &mut passwords))).collect();
            return Self { cases, prober };
        };
        let best = guests.iter().max_by_key(|guest| guest.letters.iter().count());
        let nobody = || own("nobody".to_owned(), Letters::NONE, "prober".to_owned(), &mut fastrand::Rng::with_seed(seed));
        let prober = best.map_or_else(nobody, |guest| lent(guest, "prober"));
        Self { cases: cases.iter().enumerate().map(|(index, case)| chosen(case, index, guests)).collect(), prober }
    }

    /// Those that the shared server must know.
    pub(super) fn shared(&self, facilities: &Facilities) -> Vec<Account> {
        if !facilities.roots {
            return vec![self.prober.clone()];
        }
        let cases = self.cases.iter().flatten().flatten().flatten();
        cases.filter(|account| !account.anonymous).chain([&self.prober]).cloned().collect()
    }
}

fn own(name: String, letters: Letters, root: String, passwords: &mut fastrand::Rng) -> Account {
    let password = Secret::new(std::iter::repeat_with(|| passwords.alphanumeric()).take(16).collect::<String>());
    Account { name, password, letters, anonymous: false, root, directory: Vec::new() }
}

/// Accounts for the roles of a case, with login names that no other case has.
fn made(case: &Case, index: usize, passwords: &mut fastrand::Rng) -> Vec<Vec<Account>> {
    let mut stage = |stage: usize| {
        let shared = format!("c{index}s{stage}");
        let account = |role: &Role| {
            let name = if role.anonymous { "anonymous".to_owned() } else { format!("{}_{index}s{stage}", role.name) };
            let root = if role.own_root { format!("{shared}{}", role.name) } else { shared.clone() };
            Account { anonymous: role.anonymous, ..own(name, role.letters, root, passwords) }
        };
        case.roles.iter().map(account).collect::<Vec<_>>()
    };
    (0..case.stages.len()).map(&mut stage).collect()
}

/// An account that the server has, with a root of this name.
fn lent(guest: &Guest, root: &str) -> Account {
    let root = format!("{}{root}", guest.prefix);
    let directory = [&guest.directory, b"/".as_slice(), root.as_bytes()].concat();
    let Guest { name, password, letters, anonymous, .. } = guest.clone();
    Account { name, password, letters, anonymous, root, directory }
}

/// Accounts that the server has for the roles of a case.
fn chosen(case: &Case, index: usize, guests: &[Guest]) -> Casting {
    let denied: Letters = case.needs.iter().filter_map(|need| denied(need)).fold(Letters::NONE, Letters::with);
    let mut taken: Vec<&Guest> = Vec::new();
    let mut shares: Option<&Guest> = None;
    for role in &case.roles {
        let fits = |guest: &&Guest| {
            guest.anonymous == role.anonymous
                && role.letters.minus(guest.letters) == Letters::NONE
                // What the case wants to see denied.
                && guest.letters.minus(role.letters).iter().all(|more| !denied.has(more))
                && !taken.iter().any(|other| other.name == guest.name)
                && (role.own_root || shares.is_none_or(|other| other.prefix == guest.prefix))
        };
        let fewest = guests.iter().filter(fits).min_by_key(|guest| guest.letters.minus(role.letters).iter().count());
        let Some(guest) = fewest else { return Err(lacking(role, denied)) };
        taken.push(guest);
        if !role.own_root {
            shares = Some(guest);
        }
    }
    let stage = |stage: usize| {
        let root = |role: &Role| if role.own_root { format!("c{index}s{stage}{}", role.name) } else { format!("c{index}s{stage}") };
        case.roles.iter().zip(&taken).map(|(role, guest)| lent(guest, &root(role))).collect()
    };
    Ok((0..case.stages.len()).map(stage).collect())
}

/// The letter of a need `letter:w`.
fn denied(need: &str) -> Option<Letter> {
    need.strip_prefix("letter:").and_then(|letter| letter.chars().next()).and_then(Letter::from_char)
}

fn lacking(role: &Role, denied: Letters) -> String {
    let without = denied.minus(role.letters);
    let without = if without == Letters::NONE { String::new() } else { format!(" and without {without}") };
    let who = if role.anonymous { "no account `anonymous`" } else { "no further account" };
    format!("the server has {who} with {}{without} that sees the same files (--account)", role.letters)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::suite::Suite;

    fn guest(name: &str, letters: &str, prefix: &str) -> Guest {
        let letters = Letters::parse(letters).unwrap();
        Guest {
            name: name.to_owned(),
            password: Secret::new("x"),
            letters,
            anonymous: false,
            prefix: prefix.to_owned(),
            directory: b"s".to_vec(),
        }
    }

    /// Who plays the roles of a case with these accounts and needs.
    fn check(accounts: &str, needs: &str, guests: &[Guest], expect: Result<&[&str], &str>) {
        let body = "login alice\nC> NOOP\nS> 200  [959-4.2-every-command-replied]\n";
        let text = format!("+++\ntitle = \"t\"\nneeds = [{needs}]\n\n[accounts]\n{accounts}\n+++\n\n{body}");
        let suite = Suite::of_texts([("t/case", text.as_str())]).unwrap();
        match (chosen(suite.cases().next().unwrap(), 7, guests), expect) {
            (Ok(stages), Ok(names)) => {
                assert_eq!(stages[0].iter().map(|account| account.name.as_str()).collect::<Vec<_>>(), names);
                assert!(
                    stages[0].iter().all(|account| account.directory.ends_with(account.root.as_bytes()) && account.root.contains("c7s0"))
                );
            }
            (Err(why), Err(part)) => assert!(why.contains(part), "{why}"),
            (cast, expect) => panic!("{accounts}: {cast:?}, not {expect:?}"),
        }
    }

    #[test]
    fn a_role_is_played_by_an_account_whose_letters_fit() {
        let guests = [guest("owner", "elradfmwMT", "p0"), guest("reader", "elr", "p0"), guest("other", "elr", "p1")];
        // The one with the fewest letters that are enough.
        check("alice = \"elr\"", "", &guests, Ok(&["reader"]));
        check("alice = \"elrw\"", "", &guests, Ok(&["owner"]));
        // What is to be denied must be lacking.
        check("alice = \"elr\"", "\"letter:w\"", &guests, Ok(&["reader"]));
        check("alice = \"elra\"", "\"letter:w\"", &guests, Err("no further account with elra and without w"));
        // Two roles are two accounts, which see the same files.
        check("alice = \"all\"\nbob = \"elr\"", "", &guests, Ok(&["owner", "reader"]));
        check("alice = \"all\"\nbob = \"all\"", "", &guests, Err("no further account"));
        check("alice = \"elr\"\nbob = \"elr\"", "", &guests[1..], Err("sees the same files"));
    }
}
