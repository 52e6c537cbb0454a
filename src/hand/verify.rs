//! Whether both sides hold the same: by a hash of the server's, else by the bytes at the end.

use std::io::SeekFrom;
use std::path::Path;
use std::time::Duration;

use tokio::fs::File;
use tokio::io::{AsyncReadExt, AsyncSeekExt};

use super::error::{Fault, HandError};
use super::session::Session;
use super::{BLOCK, Proof, TAIL, hash};

/// Bytes a second that a server must hash at least; a slower one is taken for silent.
const HASHED_PER_SECOND: u64 = 10 << 20;

/// Compares a file of the server's with one here, both of this size. The inner `Err` says how they differ.
pub(super) async fn compare(session: &mut Session, path: &str, file: &Path, size: u64) -> Result<Result<Proof, String>, Fault> {
    let there = session.size(path).await?;
    if let Some(there) = there.filter(|there| *there != size) {
        return Ok(Err(format!("the server's file has {there} bytes, {} {size}", file.display())));
    }
    if let Some(mut command) = hash::choose(&session.features().await?) {
        let patience = session.patience() + Duration::from_secs(size / HASHED_PER_SECOND);
        let reply = session.ask(&format!("{} {path}", command.name), command.code, patience).await?;
        if let Some(theirs) = reply.and_then(|reply| hash::in_reply(&reply, command.hasher.output_size())) {
            let mut rest = File::open(file).await.map_err(|error| HandError::local(file, error))?;
            rest.set_max_buf_size(BLOCK);
            let mut block = vec![0; BLOCK];
            loop {
                let len = rest.read(&mut block).await.map_err(|error| HandError::local(file, error))?;
                if len == 0 {
                    break;
                }
                command.hasher.update(&block[..len]);
            }
            let ours = hash::hex(&command.hasher.finalize_reset());
            return Ok(if ours == theirs {
                Ok(Proof::Hash(command.name))
            } else {
                Err(format!("{} of the server's file is {theirs}, that of {} {ours}", command.name, file.display()))
            });
        }
    }
    same_tail(session, path, file, size).await
}

/// Compares the last bytes of the server's file, which has this size, with those that stand at the same place here.
pub(super) async fn same_tail(session: &mut Session, path: &str, file: &Path, size: u64) -> Result<Result<Proof, String>, Fault> {
    let from = size.saturating_sub(TAIL);
    let wrong = |error| HandError::local(file, error);
    let mut here = File::open(file).await.map_err(wrong)?;
    here.seek(SeekFrom::Start(from)).await.map_err(wrong)?;
    let mut ours = Vec::new();
    here.take(size - from).read_to_end(&mut ours).await.map_err(wrong)?;
    let unverified = |fault: Fault| match fault {
        Fault::Refused { error, .. } => Fault::Final(HandError::Unverified(format!(
            "the server makes no hash that is known here, and its file cannot be read: {error}"
        ))),
        other => other,
    };
    let command = format!("RETR {path}");
    let mut data = session.retrieve(path, from).await.map_err(&unverified)?;
    let mut theirs = Vec::new();
    let mut block = vec![0; BLOCK];
    // One block more than wanted is enough to see that there is more.
    while theirs.len() as u64 <= size - from {
        let len = session.read(&command, &mut data, &mut block).await?;
        if len == 0 {
            break;
        }
        theirs.extend_from_slice(&block[..len]);
    }
    session.finish(&command, data).await.map_err(unverified)?;
    Ok(if ours == theirs {
        Ok(Proof::Tail(size - from))
    } else {
        let at = ours.iter().zip(&theirs).position(|(ours, theirs)| ours != theirs).unwrap_or_else(|| ours.len().min(theirs.len()));
        Err(format!("the server's file and {} differ at byte {}", file.display(), from + at as u64))
    })
}
