//! USER, PASS, ACCT, REIN, QUIT: RFC 959 section 4.1.1, RFC 2577 sections 5 and 7.

use super::bug::Bug;
use super::interface::Output;
use super::session::Login;
use super::turn::Turn;
use crate::ftp::command::Command;
use crate::ftp::path::VirtualPath;

impl Turn<'_> {
    /// USER at any time starts a new login and ends the old one (959-4.1.1-user-flushes-login); TYPE stays. The answer is
    /// 331 whether the account exists or not (2577-7-user-always-331).
    pub(super) fn user(&mut self, command: &Command) {
        let Some(name) = command.path() else {
            return self.reply(501, "A name is missing");
        };
        if !self.broken(Bug::UserKeepsRights) {
            self.log_out();
        }
        if self.broken(Bug::UnknownUserTold) && self.world.account(name).is_none() {
            return self.reply(530, "No such account");
        }
        if self.broken(Bug::BeforeLogin) {
            self.log_in(name);
        }
        self.session.user = Some(name.to_vec());
        self.reply(331, "Password required");
    }

    /// PASS directly behind USER; a failure means to start again from USER (959-4.2-sequence-failure-login). Wrong name and
    /// wrong password look alike (2577-7-pass-uniform-reject).
    pub(super) fn pass(&mut self, command: &Command) {
        let Some(name) = self.session.user.take() else {
            return self.reply(503, "Send USER first");
        };
        let password = command.argument.as_deref().unwrap_or_default();
        if self.is_right(&name, password) && self.log_in(&name) {
            return self.reply(230, "Logged in");
        }
        self.log_out();
        if self.broken(Bug::PassAfterFailure) {
            self.session.user = Some(name.clone());
        }
        self.session.failures += 1;
        if self.session.failures >= self.world.settings.failures_max && !self.broken(Bug::NoFailureLimit) {
            // Stance 9, 2577-5-421-before-close.
            return self.end(421, "Too many wrong passwords");
        }
        let unknown = self.broken(Bug::PassTellsWhich) && self.world.account(&name).is_none();
        self.reply(530, if unknown { "No such account" } else { "Login incorrect" });
    }

    fn is_right(&self, name: &[u8], password: &[u8]) -> bool {
        let Some(account) = self.world.account(name) else {
            return false;
        };
        let right = account.password.as_bytes();
        account.anonymous
            || password == right
            || self.broken(Bug::WrongPassword)
            || (self.broken(Bug::PasswordPrefix) && !password.is_empty() && right.starts_with(password))
            || (self.broken(Bug::EmptyPassword) && password.is_empty())
    }

    /// Starts a session as this account, at its root; says whether that worked.
    pub(super) fn log_in(&mut self, name: &[u8]) -> bool {
        let Some(account) = self.world.account(name) else {
            return false;
        };
        let ground = self.world.fs.root();
        let Ok(root) = self.world.fs.find(ground, &VirtualPath::root().child(account.root.as_bytes())) else {
            return false;
        };
        let letters = account.letters;
        self.log_out();
        self.session.login = Some(Login { name: name.to_vec(), letters, root });
        true
    }

    /// Forgets who it was and all that they had begun (sec-unauth-after-events); TYPE and EPSV ALL stay.
    fn log_out(&mut self) {
        self.release();
        self.session.login = None;
        self.session.port = None;
        self.session.restart = None;
        if !self.broken(Bug::RnfrSurvives) {
            self.session.rename = None;
        }
        if !self.broken(Bug::LoginKeepsDirectory) {
            self.session.cwd = VirtualPath::root();
        }
        self.session.before = VirtualPath::root();
    }

    /// ACCT is known, and superfluous (1123-4.1.2.13-acct-implemented): 202.
    pub(super) fn acct(&mut self, command: &Command) {
        if self.session.login.is_none() {
            self.reply(503, "Send USER and PASS first");
        } else if self.parameter(command).is_some() {
            self.reply(202, "No account needed");
        }
    }

    /// REIN: as freshly connected (959-4.1.1-rein-resets); the count of wrong passwords stays (sec-brute-counter), and EPSV
    /// ALL, which holds for the session (RFC 2428 section 4).
    pub(super) fn rein(&mut self) {
        if !self.broken(Bug::ReinKeepsLogin) {
            self.log_out();
        }
        self.session.ascii = true;
        self.session.facts = super::facts::FactSet::default();
        self.reply(220, "Ready for a new user");
    }

    /// QUIT behind a transfer waits for it, for it waits in the queue (959-4.1.1-quit-waits-for-transfer).
    pub(super) fn quit(&mut self) {
        if self.broken(Bug::QuitStays) {
            return self.reply(221, "Goodbye");
        }
        self.release();
        self.reply(221, "Goodbye");
        self.session.closed = true;
        self.out.push(Output::CloseControl);
    }
}
