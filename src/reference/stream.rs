//! Transfers on the data connection: from the 1yz to the final reply.
//!
//! A download sends one block at a time; an upload writes what comes. A file is made or emptied only once there is a data
//! connection, so that a 425 changes nothing. RFC 959 sections 3.2, 3.4.1, 5.2 and the codes of section 5.4.

use std::net::SocketAddr;

use super::bug::Bug;
use super::interface::Output;
use super::job::Job;
use super::session::Data;
use super::turn::Turn;

/// A transfer that has had its 1yz, or waits for it.
#[derive(Debug, Clone)]
pub(super) struct Transfer {
    pub(super) job: Job,
    pub(super) stage: Stage,
    /// Bytes that went over the data connection.
    pub(super) moved: u64,
    /// A planted bug has said the final reply already.
    replied: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    /// No data connection yet.
    Opening,
    /// Data moves.
    Running,
    /// All is sent, and not yet known to be flushed.
    Closing,
}

impl Transfer {
    pub(super) fn is_upload(&self) -> bool {
        matches!(self.job, Job::Upload(_))
    }
}

impl Turn<'_> {
    /// Starts a transfer that nothing stands against: 125 where the data connection is there, else 150 and a wait for it
    /// (959-4.2.1-code-125-only-if-open).
    pub(super) fn begin(&mut self, job: Job, text: &str) {
        let mut transfer = Transfer { job, stage: Stage::Opening, moved: 0, replied: false };
        match self.session.data {
            Data::Connected => {
                if self.open_job(&mut transfer.job) {
                    self.reply(125, text);
                    self.session.transfer = Some(transfer);
                    self.run();
                } else {
                    self.session.transfer = Some(transfer);
                    self.fail(553, "The file cannot be written");
                }
                return;
            }
            Data::None => {
                self.reply(150, text);
                self.out.push(Output::Connect(self.active_address()));
            }
            Data::Listening | Data::Opening { .. } => self.reply(150, text),
        }
        self.out.push(Output::Await(self.world.settings.data_timeout));
        self.session.transfer = Some(transfer);
    }

    fn open_job(&mut self, job: &mut Job) -> bool {
        match job {
            Job::Download(_) => true,
            Job::Upload(upload) => upload.open(self.world, self.now).is_ok(),
        }
    }

    /// A data connection came to be. Where it was accepted, it must be the client's (sec-pasv-foreign-peer), and the
    /// listener has done its duty (sec-pasv-single-use).
    pub(super) fn connected(&mut self, peer: SocketAddr) {
        let opening = self.session.transfer.as_ref().is_some_and(|transfer| transfer.stage == Stage::Opening);
        match self.session.data {
            Data::Listening if self.session.is_peer(peer.ip()) || self.broken(Bug::PasvAnyPeer) => {
                self.out.push(Output::Unlisten);
            }
            Data::None if opening => {}
            Data::None | Data::Opening { .. } | Data::Listening | Data::Connected => {
                self.out.push(Output::Refuse);
                return;
            }
        }
        self.session.data = Data::Connected;
        if !opening {
            return;
        }
        let Some(mut transfer) = self.session.transfer.take() else {
            return;
        };
        let open = self.open_job(&mut transfer.job);
        self.session.transfer = Some(transfer);
        if open {
            self.run();
        } else {
            self.fail(451, "The file cannot be written");
        }
    }

    fn run(&mut self) {
        let Some(transfer) = &mut self.session.transfer else {
            return;
        };
        transfer.stage = Stage::Running;
        if !transfer.is_upload() {
            self.pump();
        }
    }

    /// Sends the next block, or ends the data connection behind the last (959-5.2-reply-226-after-close).
    fn pump(&mut self) {
        let Some(Transfer { job: Job::Download(download), moved, stage, replied }) = &mut self.session.transfer else {
            return;
        };
        let block = download.next(self.world);
        if block.is_empty() {
            *stage = Stage::Closing;
            self.out.push(Output::FinishData);
            return;
        }
        let first = *moved == 0;
        *moved += block.len() as u64;
        if first && self.world.broken(Bug::EarlyDone) {
            *replied = true;
            self.reply(226, "Transfer complete");
        }
        self.out.push(Output::Send(block));
    }

    pub(super) fn written(&mut self) {
        if self.session.transfer.as_ref().is_some_and(|transfer| transfer.stage == Stage::Running) {
            self.pump();
        }
    }

    pub(super) fn received(&mut self, bytes: &[u8]) {
        if let Some(Transfer { job: Job::Upload(upload), stage: Stage::Running, moved, .. }) = &mut self.session.transfer {
            upload.receive(self.world, *moved, bytes, self.now);
            *moved += bytes.len() as u64;
        }
    }

    /// The client ended the data connection. For an upload FIN is the end of the file (959-3.4.1-stream-file-eof); all else
    /// that breaks is 426 (959-4.2.1-broken-transfer-426).
    pub(super) fn data_ended(&mut self, clean: bool) {
        let Some(transfer) = &self.session.transfer else {
            if self.session.data == Data::Connected && !clean {
                self.release();
            }
            return;
        };
        match (transfer.stage, transfer.is_upload()) {
            (Stage::Running, true) if clean => {
                self.out.push(Output::DropData);
                self.complete(true);
            }
            (Stage::Running, true) if self.broken(Bug::CutUploadDone) => {
                self.out.push(Output::DropData);
                self.complete(false);
            }
            (Stage::Running | Stage::Closing, false) if !clean => {
                if self.broken(Bug::CutDownloadKills) {
                    self.end(421, "The data connection broke");
                } else if self.broken(Bug::CutDownloadDone) {
                    self.out.push(Output::DropData);
                    self.complete(false);
                } else {
                    self.fail(426, "The data connection broke");
                }
            }
            (Stage::Running, true) => self.fail(426, "The data connection broke"),
            (Stage::Opening | Stage::Closing, _) | (Stage::Running, false) => {}
        }
    }

    pub(super) fn finished(&mut self) {
        if self.session.transfer.as_ref().is_some_and(|transfer| transfer.stage == Stage::Closing) {
            self.complete(true);
        }
    }

    pub(super) fn data_failed(&mut self) {
        if self.session.transfer.as_ref().is_some_and(|transfer| transfer.stage == Stage::Opening) && self.session.data == Data::None {
            self.fail(425, "The data connection cannot be opened");
        }
    }

    pub(super) fn data_timeout(&mut self) {
        match self.session.transfer.as_ref().map(|transfer| transfer.stage) {
            Some(Stage::Opening) if self.broken(Bug::NoDataSilent) => {
                self.close_job(false);
                self.release();
            }
            Some(Stage::Opening) => self.fail(425, "No data connection came"),
            Some(Stage::Running | Stage::Closing) => self.fail(426, "The data connection stalls"),
            None => {}
        }
    }

    /// The end of a transfer that took place: the data connection is closed, and only then 226.
    fn complete(&mut self, clean: bool) {
        let replied = self.session.transfer.as_ref().is_some_and(|transfer| transfer.replied);
        let upload = self.session.transfer.as_ref().is_some_and(Transfer::is_upload);
        self.close_job(clean);
        self.after_data();
        if replied || (self.broken(Bug::NoDone) && !upload) {
            return;
        }
        self.reply(if self.broken(Bug::Done250) { 250 } else { 226 }, "Transfer complete");
        if self.broken(Bug::ExtraReply) {
            self.reply(226, "Closing data connection");
        }
    }

    /// The end of a transfer that failed: the data connection or the wait for it is given up (959-3.2-close-on-error).
    fn fail(&mut self, code: u16, text: &str) {
        self.close_job(false);
        if self.session.data == Data::None {
            self.out.push(Output::DropData);
        }
        self.release();
        self.reply(code, text);
    }

    /// The data connection is gone; one listener serves one transfer.
    fn after_data(&mut self) {
        self.session.data = Data::None;
    }

    fn close_job(&mut self, clean: bool) {
        match self.session.transfer.take().map(|transfer| transfer.job) {
            Some(Job::Upload(mut upload)) => upload.close(self.world, clean, self.now),
            Some(Job::Download(download)) => download.close(self.world),
            None => {}
        }
    }

    /// Stops a transfer without a word: the session ends.
    pub(super) fn break_off(&mut self) {
        if self.session.transfer.is_some() {
            self.close_job(false);
            if self.session.data == Data::None {
                self.out.push(Output::DropData);
            }
            self.release();
        }
    }

    /// ABOR during a transfer: 426 for the transfer at once, and 226 for ABOR in its turn (959-4.1.3-abor-busy-426-226).
    /// Where all data is sent the transfer ends by itself. Says whether ABOR is done with.
    pub(super) fn abort(&mut self) -> bool {
        if self.session.transfer.as_ref().is_none_or(|transfer| transfer.stage == Stage::Closing) {
            return false;
        }
        if self.broken(Bug::AborCloses) {
            self.end(421, "Aborted");
            return true;
        }
        if self.broken(Bug::AborSilent) || self.broken(Bug::AborOnly226) {
            self.break_off();
            return self.broken(Bug::AborSilent);
        }
        self.fail(426, "Aborted");
        false
    }
}
