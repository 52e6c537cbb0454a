//! Lost connections are made again.

use std::time::Duration;

use super::error::{Fault, HandError};
use super::session::Session;
use super::{Done, Event, Options, Remote, Watch};

/// The longest pause between two attempts.
const PAUSE_MAX: Duration = Duration::from_secs(10);

/// A transfer that can be tried again and again, and remembers how far it is.
pub(super) trait Job {
    /// One attempt, in a session of its own.
    async fn attempt(&mut self, session: Session, watch: Watch<'_>) -> Result<Attempt, Fault>;

    /// Bytes of the file that are over, as far as is known.
    fn at(&self) -> u64;
}

/// How an attempt ended that broke nothing.
pub(super) enum Attempt {
    /// The file is whole.
    Done(Done),
    /// It wants another session, and that is no loss.
    Again,
}

/// How often a job may ask for another session by itself: more means that it makes no way.
const AGAIN_MAX: u32 = 8;

/// Tries until the file is whole, the attempts are used up, or no attempt can help.
pub(super) async fn run(job: &mut impl Job, remote: &Remote, options: &Options, watch: Watch<'_>) -> Result<Done, HandError> {
    let (mut attempt, mut again) = (0, 0);
    let mut pause = Duration::ZERO;
    loop {
        let before = job.at();
        let ended = match Session::open(remote, options).await {
            Ok(session) => job.attempt(session, watch).await,
            // Who was never there is not waited for; who was may come back.
            Err(HandError::Unreachable { why, .. }) if attempt > 0 => Err(Fault::Lost(why)),
            Err(error) => Err(Fault::Final(error)),
        };
        match ended {
            Ok(Attempt::Done(done)) => return Ok(done),
            Ok(Attempt::Again) if again < AGAIN_MAX => again += 1,
            Ok(Attempt::Again) => return Err(HandError::Differs("the server's file does not come to rest".to_owned())),
            Err(fault @ (Fault::Lost(_) | Fault::Busy(_))) if attempt < options.retries => {
                attempt += 1;
                let why = match fault {
                    Fault::Lost(why) => why,
                    Fault::Busy(error) | Fault::Final(error) | Fault::Refused { error, .. } => error.to_string(),
                };
                // Where the last attempt brought something, the next one need not wait.
                pause = if job.at() > before { Duration::ZERO } else { (pause * 2).clamp(Duration::from_millis(500), PAUSE_MAX) };
                watch(Event::Lost { why, attempt: (attempt, options.retries), pause });
                tokio::time::sleep(pause).await;
            }
            Err(fault) => return Err(fault.into_error(job.at())),
        }
    }
}
