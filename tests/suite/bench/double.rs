//! A server that moves the bytes that a benchmark moves, and keeps none: what it is given it throws away, what it is asked for it makes. And
//! it can be told to do one thing wrong.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use ftpspec::ftp::content::Content;

/// What it does wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wrong {
    Nothing,
    /// The byte at this place of a download has one bit changed.
    Flip(u64),
    /// So many bytes are missing at the end of a download, and it says 226.
    Short(u64),
    /// It says 226 and sends nothing.
    Empty,
    /// A download stops at this byte, for ever.
    Stall(u64),
    /// An upload is not read from this byte on.
    Deaf(u64),
    /// A block of this many bytes at this place comes twice.
    Twice(u64),
    /// All bytes of the transfer by this command are moved, and then it says 451.
    Regrets(&'static str),
}

/// It serves until the process of the test ends.
pub(super) struct Double {
    pub(super) address: SocketAddr,
}

impl Double {
    /// Begins to serve; `seed` is that of the benchmark.
    pub(super) fn serve(wrong: Wrong, seed: u64) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let len = Arc::new(AtomicU64::new(0));
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let len = Arc::clone(&len);
                // That a client leaves in the middle ends its session.
                std::thread::spawn(move || session(stream, wrong, seed, &len).ok());
            }
        });
        Self { address }
    }

    pub(super) fn url(&self) -> String {
        format!("ftp://u:p@{}/", self.address)
    }
}

fn session(stream: TcpStream, wrong: Wrong, seed: u64, len: &AtomicU64) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let mut out = stream.try_clone()?;
    let mut passive: Option<TcpListener> = None;
    let mut here = "/".to_owned();
    out.write_all(b"220 ready\r\n")?;
    for line in BufReader::new(stream).lines() {
        let line = line?;
        let (verb, argument) = line.split_once(' ').unwrap_or((&line, ""));
        let reply = match verb {
            "USER" => "331 go on\r\n".to_owned(),
            "PASS" => "230 in\r\n".to_owned(),
            "TYPE" | "NOOP" => "200 ok\r\n".to_owned(),
            "CWD" => {
                here = if argument.starts_with('/') { argument.to_owned() } else { format!("{}/{argument}", here.trim_end_matches('/')) };
                "250 ok\r\n".to_owned()
            }
            "PWD" => format!("257 \"{here}\"\r\n"),
            "MKD" => format!("257 \"{argument}\"\r\n"),
            "RMD" | "DELE" => "250 ok\r\n".to_owned(),
            "PASV" => {
                let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
                let port = listener.local_addr()?.port();
                passive = Some(listener);
                format!("227 (127,0,0,1,{},{})\r\n", port >> 8, port & 255)
            }
            "RETR" | "STOR" | "MLSD" | "NLST" => {
                out.write_all(b"150 here\r\n")?;
                let (mut data, _) = passive.take().unwrap().accept()?;
                match verb {
                    "RETR" => send(&mut data, wrong, seed, len.load(Ordering::Relaxed))?,
                    "STOR" => {
                        let mut block = vec![0; 256 * 1024];
                        let mut came = 0;
                        loop {
                            // What is laid before the benchmark is taken.
                            if argument.ends_with("stored.bin") && matches!(wrong, Wrong::Deaf(at) if came >= at) {
                                std::thread::park();
                            }
                            match data.read(&mut block)? {
                                0 => break,
                                read => came += read as u64,
                            }
                        }
                        len.store(came, Ordering::Relaxed);
                    }
                    _ => {}
                }
                drop(data);
                // What is laid before the benchmark is taken here, too.
                let counts = verb == "RETR" || argument.ends_with("stored.bin");
                let regretted = counts && matches!(wrong, Wrong::Regrets(by) if by == verb);
                if regretted { "451 lost\r\n".to_owned() } else { "226 done\r\n".to_owned() }
            }
            "QUIT" => {
                out.write_all(b"221 bye\r\n")?;
                return Ok(());
            }
            _ => "502 no\r\n".to_owned(),
        };
        out.write_all(reply.as_bytes())?;
    }
    Ok(())
}

fn send(data: &mut TcpStream, wrong: Wrong, seed: u64, len: u64) -> std::io::Result<()> {
    let content = Content::Words { seed, len };
    let mut block = vec![0; 256 * 1024];
    let end = match wrong {
        Wrong::Empty => 0,
        Wrong::Short(missing) => len - missing,
        _ => len,
    };
    let mut at = 0;
    while at < end {
        let part = usize::try_from(end - at).unwrap().min(block.len());
        content.fill(at, &mut block[..part]);
        let mut send = part;
        match wrong {
            Wrong::Flip(place) if (at..at + part as u64).contains(&place) => block[usize::try_from(place - at).unwrap()] ^= 0x10,
            Wrong::Stall(place) if (at..at + part as u64).contains(&place) => send = usize::try_from(place - at).unwrap(),
            Wrong::Twice(place) if place == at => data.write_all(&block[..part])?,
            _ => {}
        }
        data.write_all(&block[..send])?;
        if send < part {
            std::thread::park();
        }
        at += part as u64;
    }
    Ok(())
}
