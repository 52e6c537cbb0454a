//! `ftpspec serve`: a server for hand use, with a line for all that happens.

use std::io::Write;
use std::net::{Ipv4Addr, SocketAddr};
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use clap::{Args, ValueEnum};
use serde_json::{Value, json};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;

use super::exit::Exit;
use super::run::duration;
use super::{Output, Wrong};
use crate::hand::serve::{self, Offer, Server};
use crate::target::StartError;
use crate::target::account::GivenAccount;
use crate::target::service::{Happening, Serving, What};

/// The port where none is given; 21 is for root alone.
const PORT: u16 = 2121;

const HELP: &str = "Letters: e CWD, CDUP · l LIST, NLST, MLSD, MLST, STAT, SIZE, MDTM · r RETR · a APPE · d DELE, RMD · f RNFR, RNTO · m MKD · w STOR, STOU · M SITE \
    CHMOD · T MFMT; `all` is all ten. In a name or password `:` is written %3A and `%` %25. Guests may do elr.\n\n\
    --server libunftp serves the directories themselves, and says at the start which letters it cannot enforce. --server reference enforces all; it serves \
    copies in memory (256 MiB at most), and what is changed is gone when it ends.\n\n\
    Ctrl-c closes idle sessions and lets transfers end within --grace; a second one cuts them off. Exit codes: 0 ended, and all transfers with it · 2 usage · \
    5 it could not listen · 130 transfers were cut off.";

/// The arguments of `serve`.
#[derive(Debug, Clone, Args)]
#[command(after_long_help = HELP)]
pub(super) struct Arguments {
    /// A user, what it may do, and its root (by default the current directory): `alice:sesame:elradfmw:/srv/files`. May be given
    /// several times.
    // A plain string: what clap refuses it repeats, and the password with it.
    #[arg(long, value_name = "NAME:PASSWORD:LETTERS[:ROOT]")]
    user: Vec<String>,

    /// Lets guests read this directory: `anonymous` or `ftp`, with any password.
    #[arg(long, value_name = "ROOT")]
    anonymous: Option<PathBuf>,

    /// Where to listen; port 0 lets the system pick, and the first line tells which.
    #[arg(long, value_name = "ADDR", default_value_t = SocketAddr::from((Ipv4Addr::LOCALHOST, PORT)))]
    listen: SocketAddr,

    /// Ports for passive data connections: `50000-50100`.
    #[arg(long, value_name = "A-B", value_parser = ports)]
    passive_ports: Option<RangeInclusive<u16>>,

    /// The server.
    #[arg(long, value_enum, default_value_t = Kind::Libunftp)]
    server: Kind,

    /// How what happens is told: a line of words, or of JSON, or not at all.
    #[arg(long, value_enum, default_value_t = Log::Text)]
    log: Log,

    /// The roots need not be there yet.
    #[arg(long, hide = true)]
    late: bool,

    /// How long transfers may take to end after ctrl-c.
    #[arg(long, value_name = "TIME", value_parser = duration, default_value = "10s")]
    grace: Duration,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Kind {
    Libunftp,
    Reference,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Log {
    Text,
    Json,
    /// Only that it listens, for whom, and that it ended.
    Quiet,
}

pub(super) fn serve(arguments: &Arguments, output: &mut Output) -> Result<Exit, Wrong> {
    let offer = arguments.offer()?;
    let runtime = tokio::runtime::Runtime::new()?;
    let ended = runtime.block_on(async {
        let (tell, heard) = mpsc::unbounded_channel();
        // Whoever hears it lives as long as the server.
        let begun = serve::serve(&offer, Arc::new(move |happening| drop(tell.send(happening))));
        match begun {
            Ok(serving) => {
                begin(&offer, &*serving, arguments.log, output)?;
                go_on(serving, heard, arguments, output).await
            }
            Err(StartError::Io { what, source }) => {
                writeln!(output.err, "error: {what}: {source}")?;
                Ok(Exit::Inconclusive)
            }
            Err(wrong) => Err(Wrong::Server(wrong)),
        }
    });
    runtime.shutdown_background();
    ended
}

/// Tells where it listens, for whom, and what it cannot do.
fn begin(offer: &Offer, serving: &dyn Serving, log: Log, output: &mut Output) -> Result<(), Wrong> {
    let address = serving.address();
    let mut tell = |event: &str, text: String, fields: Value| line(output, log, event, &text, fields);
    tell("listening", format!("listening on {address}"), json!({ "address": address.to_string() }))?;
    for served in offer.accounts()? {
        let (name, letters, root) = (&served.account.name, served.account.letters.to_string(), served.root.display().to_string());
        tell("account", format!("account {name} ({letters}) in {root}"), json!({ "user": name, "letters": letters, "root": root }))?;
    }
    for note in offer.unenforced() {
        tell("note", format!("note {note}; --server reference enforces every letter"), json!({ "text": note }))?;
    }
    if offer.server == Server::Reference {
        let note = "the directories were copied into memory: what is changed is gone when the server ends";
        tell("note", format!("note {note}"), json!({ "text": note }))?;
    }
    Ok(())
}

/// Tells what happens until it is to end, and then until it has ended.
async fn go_on(
    serving: Box<dyn Serving>,
    mut heard: mpsc::UnboundedReceiver<Happening>,
    arguments: &Arguments,
    output: &mut Output,
) -> Result<Exit, Wrong> {
    let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    let mut asked = async || {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    };
    loop {
        tokio::select! {
            Some(happening) = heard.recv() => happened(output, arguments.log, &happening)?,
            () = asked() => break,
        }
    }
    let grace = format!("ending: transfers have {} s to end", arguments.grace.as_secs_f32());
    line(output, arguments.log, "ending", &grace, json!({ "grace_s": arguments.grace.as_secs_f32() }))?;
    let mut stopping = serving.stop(arguments.grace);
    let left = loop {
        tokio::select! {
            Some(happening) = heard.recv() => happened(output, arguments.log, &happening)?,
            left = &mut stopping => break left,
            () = asked() => break vec!["the transfers under way were cut off".to_owned()],
        }
    };
    while let Ok(happening) = heard.try_recv() {
        happened(output, arguments.log, &happening)?;
    }
    for left in &left {
        line(output, arguments.log, "note", &format!("note {left}"), json!({ "text": left }))?;
    }
    line(output, arguments.log, "ended", "ended", json!({}))?;
    Ok(if left.is_empty() { Exit::Expected } else { Exit::Interrupted })
}

fn happened(output: &mut Output, log: Log, happening: &Happening) -> Result<(), Wrong> {
    if log == Log::Quiet {
        return Ok(());
    }
    let Happening { peer, user, what } = happening;
    let text = format!("{peer} {} {what}", user.as_deref().unwrap_or("-"));
    let mut fields = json!({ "peer": peer.to_string(), "user": user });
    let more = match what {
        What::Connected | What::Disconnected | What::LoggedIn => json!({}),
        What::LoginFailed(name) => json!({ "name": name }),
        What::Received(transfer) | What::Sent(transfer) => json!({ "path": transfer.path, "bytes": transfer.bytes }),
        What::Did(verb, path) => json!({ "command": verb, "path": path }),
        What::Failed(verb, path, why) => json!({ "command": verb, "path": path, "why": why }),
    };
    merge(&mut fields, more);
    line(output, log, what.word(), &text, fields)
}

fn merge(fields: &mut Value, more: Value) {
    if let (Value::Object(fields), Value::Object(more)) = (fields, more) {
        fields.extend(more);
    }
}

/// One line, with the time (UTC), at once.
fn line(output: &mut Output, log: Log, event: &str, text: &str, fields: Value) -> Result<(), Wrong> {
    let time = jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
    match log {
        Log::Text | Log::Quiet => {
            // What a client sent must not look like a line of its own.
            let text: String = text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect();
            writeln!(output.out, "{time} {text}")?;
        }
        Log::Json => {
            let mut object = json!({ "time": time, "event": event });
            merge(&mut object, fields);
            writeln!(output.out, "{object}")?;
        }
    }
    Ok(output.out.flush()?)
}

impl Arguments {
    fn offer(&self) -> Result<Offer, Wrong> {
        let user = |text: &String| text.parse::<GivenAccount>().map_err(|error| Wrong::Usage(format!("--user: {error}")));
        Ok(Offer {
            server: match self.server {
                Kind::Libunftp => Server::Libunftp,
                Kind::Reference => Server::Reference,
            },
            listen: self.listen,
            passive_ports: self.passive_ports.clone(),
            users: self.user.iter().map(user).collect::<Result<_, _>>()?,
            anonymous: self.anonymous.clone(),
            late: self.late,
        })
    }
}

/// Reads `A-B`, or one port.
fn ports(text: &str) -> Result<RangeInclusive<u16>, String> {
    let wrong = || "expected two ports from 1 to 65535, the lower one first: `50000-50100`".to_owned();
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    let port = |text: &str| text.parse::<u16>().ok().filter(|port| *port != 0).ok_or_else(wrong);
    let range = port(first)?..=port(last)?;
    if range.is_empty() { Err(wrong()) } else { Ok(range) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_of_ports_are_read_or_told() {
        assert_eq!(ports("50000-50100"), Ok(50_000..=50_100));
        assert_eq!(ports("50000"), Ok(50_000..=50_000));
        for wrong in ["", "a-b", "2-1", "0-5", "1-65536", "1-2-3", "-"] {
            assert!(ports(wrong).is_err(), "{wrong}");
        }
    }
}
