//! Other clients, for comparison: the suppaftp crate, and the programs curl and ftpbench. Each does what it can; the bytes that suppaftp
//! brings are checked as ours are, those of curl are only counted, by curl, and of ftpbench's there is only its own figure.

use std::io::{self, Write as _};
use std::process::{Command, Stdio};
use std::time::Instant;

use suppaftp::types::FileType;
use suppaftp::{FtpError, FtpStream, Mode};

use super::single::stored;
use crate::bench::failure::Failure;
use crate::bench::place::{BIG, Place, Round, small_name};
use crate::bench::statistics::Latencies;
use crate::bench::transfer::{Expected, receive, send};
use crate::bench::workload::{Client, Workload};
use crate::ftp::content::Content;

/// The file that is stored.
const STORED: &str = "stored.bin";

pub(super) fn round(workload: Workload, place: &Place, buffer: &mut [u8]) -> Result<Round, Failure> {
    match (place.client, workload) {
        (Client::Suppaftp, Workload::Retr) => retr(place, buffer),
        (Client::Suppaftp, Workload::Stor) => stor(place, buffer),
        (Client::Suppaftp, Workload::RetrSmall) => small(place, buffer, false),
        (Client::Suppaftp, Workload::StorSmall) => small(place, buffer, true),
        (Client::Suppaftp, Workload::Login) => login(place),
        (Client::Curl, Workload::Retr) => curl(place, None),
        (Client::Curl, Workload::Stor) => curl_stor(place, buffer),
        (Client::Ftpbench, Workload::Retr) => ftpbench(place, "download", "RETR"),
        (Client::Ftpbench, Workload::Stor) => ftpbench(place, "upload", "STOR"),
        (client, _) => Err(Failure::Unsupported(format!("not measured with {}", client.word()))),
    }
}

/// What suppaftp says.
fn told(error: &FtpError) -> Failure {
    Failure::Failed(format!("suppaftp: {error}"))
}

fn connect(place: &Place) -> Result<FtpStream, Failure> {
    let mut stream = FtpStream::connect_timeout(place.address, place.patience.stall).map_err(|error| told(&error))?;
    let socket = stream.get_ref();
    let set = socket.set_read_timeout(Some(place.patience.stall)).and_then(|()| socket.set_nodelay(true));
    drop(socket);
    set.map_err(|error| Failure::machine("the control connection", &error))?;
    stream.login(place.account.name.as_str(), place.account.password.reveal()).map_err(|error| told(&error))?;
    if !place.account.directory.is_empty() {
        stream.cwd(String::from_utf8_lossy(&place.account.directory)).map_err(|error| told(&error))?;
    }
    stream.transfer_type(FileType::Binary).map_err(|error| told(&error))?;
    if place.address.is_ipv6() {
        stream.set_mode(Mode::ExtendedPassive);
    }
    Ok(stream)
}

fn retrieve(place: &Place, stream: &mut FtpStream, path: &str, expected: &Expected, buffer: &mut [u8]) -> Result<u64, Failure> {
    let mut data = stream.retr_as_stream(path).map_err(|error| told(&error))?;
    let received = receive(&mut data, expected, buffer, &place.patience)?;
    data.finish().map_err(|error| told(&error))?;
    if received == expected.len() {
        return Ok(received);
    }
    Err(Failure::Failed(format!(
        "RETR {path}: the data ended at byte {received} of {}, and the transfer was called complete",
        expected.len()
    )))
}

fn store(place: &Place, stream: &mut FtpStream, path: &str, expected: &Expected, buffer: &mut [u8]) -> Result<u64, Failure> {
    let mut data = stream.put_with_stream(path).map_err(|error| told(&error))?;
    let sent = send(&mut data, expected, buffer, &place.patience).map_err(|broken| broken.failure().at(path))?;
    data.finish().map_err(|error| told(&error))?;
    Ok(sent)
}

fn retr(place: &Place, buffer: &mut [u8]) -> Result<Round, Failure> {
    let mut stream = connect(place)?;
    let meter = place.meter();
    let bytes = retrieve(place, &mut stream, BIG, &Expected::whole(place.big(), place.settings.verify), buffer)?;
    let reading = meter.end();
    stream.quit().map_err(|error| told(&error))?;
    Ok(Round::throughput(bytes, place.settings.verify, &reading))
}

fn stor(place: &Place, buffer: &mut [u8]) -> Result<Round, Failure> {
    let mut stream = connect(place)?;
    let meter = place.meter();
    let bytes = store(place, &mut stream, STORED, &Expected::whole(place.big(), true), buffer)?;
    let reading = meter.end();
    stored(place, STORED, &place.big(), buffer)?;
    stream.rm(STORED).and_then(|()| stream.quit()).map_err(|error| told(&error))?;
    Ok(Round::throughput(bytes, place.settings.verify, &reading))
}

fn small(place: &Place, buffer: &mut [u8], up: bool) -> Result<Round, Failure> {
    let (count, mut bytes, mut latencies) = (place.settings.files, 0, Latencies::default());
    let mut stream = connect(place)?;
    let name = |index: u64| format!("s{index:06}");
    let meter = place.meter();
    for index in 0..count {
        let expected = Expected::whole(place.small(index), place.settings.verify);
        let begun = Instant::now();
        bytes += if up {
            store(place, &mut stream, &name(index), &expected, buffer)?
        } else {
            retrieve(place, &mut stream, &small_name(index), &expected, buffer)?
        };
        latencies.record(begun.elapsed());
    }
    let reading = meter.end();
    for index in (0..count).filter(|_| up) {
        stored(place, &name(index), &place.small(index), buffer)?;
        stream.rm(name(index)).map_err(|error| told(&error))?;
    }
    stream.quit().map_err(|error| told(&error))?;
    Ok(Round { bytes, ..Round::rate(count, place.settings.verify, &reading).with(latencies) })
}

fn login(place: &Place) -> Result<Round, Failure> {
    let mut latencies = Latencies::default();
    let meter = place.meter();
    for _ in 0..place.settings.logins {
        let begun = Instant::now();
        let mut stream = connect(place)?;
        latencies.record(begun.elapsed());
        stream.quit().map_err(|error| told(&error))?;
    }
    let reading = meter.end();
    Ok(Round::rate(place.settings.logins, true, &reading).with(latencies))
}

/// STOR by curl, of a file that is laid first.
fn curl_stor(place: &Place, buffer: &mut [u8]) -> Result<Round, Failure> {
    let wrong = |error: io::Error| Failure::machine("the file that curl uploads", &error);
    let mut file = tempfile::NamedTempFile::new().map_err(wrong)?;
    let content = place.big();
    let mut at = 0;
    while at < content.len() {
        place.patience.go_on()?;
        let len = usize::try_from(content.len() - at).unwrap_or(usize::MAX).min(buffer.len());
        content.fill(at, &mut buffer[..len]);
        file.write_all(&buffer[..len]).map_err(wrong)?;
        at += len as u64;
    }
    let path = file.path().to_string_lossy().into_owned();
    let round = curl(place, Some(&path))?;
    stored(place, STORED, &Content::clone(&content), buffer)?;
    let mut session = place.session()?;
    session.must(&format!("DELE {STORED}"))?;
    session.quit();
    Ok(round)
}

/// One transfer by curl: from its start to its end, login included.
fn curl(place: &Place, upload: Option<&str>) -> Result<Round, Failure> {
    let quoted = |text: &str| text.replace('\\', "\\\\").replace('"', "\\\"");
    let directory = String::from_utf8_lossy(&place.account.directory).into_owned();
    let slash = if directory.is_empty() { "" } else { "/" };
    let file = if upload.is_some() { STORED } else { BIG };
    let url = format!("ftp://{}/{directory}{slash}{file}", place.address);
    let (name, password) = (quoted(&place.account.name), quoted(place.account.password.reveal()));
    let what = upload.map_or_else(|| "output = \"/dev/null\"".to_owned(), |path| format!("upload-file = \"{}\"", quoted(path)));
    let config = format!("url = \"{}\"\nuser = \"{name}:{password}\"\n{what}\n", quoted(&url));
    let limit = (place.patience.stall * 20).as_secs().max(1).to_string();
    let meter = place.meter();
    // The password goes by standard input: arguments can be seen by everybody.
    let child = Command::new("curl")
        .args([
            "--silent",
            "--show-error",
            "--disable-epsv",
            "--max-time",
            &limit,
            "--write-out",
            "%{stderr}%{size_download} %{size_upload}",
            "--config",
            "-",
        ])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn();
    let mut child = match child {
        Ok(child) => child,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(Failure::Unsupported("curl is not installed".to_owned())),
        Err(error) => return Err(Failure::machine("curl", &error)),
    };
    if let Some(mut stdin) = child.stdin.take() {
        stdin.write_all(config.as_bytes()).map_err(|error| Failure::machine("curl", &error))?;
    }
    let output = child.wait_with_output().map_err(|error| Failure::machine("curl", &error))?;
    let reading = meter.end();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    if !output.status.success() {
        return Err(Failure::Failed(format!("curl: {}", said.trim())));
    }
    let moved: u64 = said.split_whitespace().rev().take(2).filter_map(|number| number.parse::<u64>().ok()).sum();
    if moved != place.settings.size {
        return Err(Failure::Failed(format!("curl moved {moved} of {} bytes", place.settings.size)));
    }
    Ok(Round { client_busy: None, ..Round::throughput(moved, false, &reading) })
}

/// The program ftpbench transfers for a second and says how much that was.
fn ftpbench(place: &Place, mode: &str, row: &str) -> Result<Round, Failure> {
    if !place.account.directory.is_empty() {
        // It takes passwords as arguments, which everybody can see, and works where the login leads.
        return Err(Failure::Unsupported("ftpbench measures only servers that are started here".to_owned()));
    }
    let (host, port) = (place.address.ip().to_string(), place.address.port().to_string());
    let size = format!("{}M", (place.settings.size >> 20).max(1));
    let stall = (place.patience.stall * 2).as_secs().max(1).to_string();
    let meter = place.meter();
    let output = Command::new("ftpbench")
        .args([
            "-u",
            &place.account.name,
            "-p",
            place.account.password.reveal(),
            "-H",
            &host,
            "-P",
            &port,
            "-b",
            mode,
            "-s",
            &size,
            "-t",
            &stall,
        ])
        .stdin(Stdio::null())
        .output();
    let output = match output {
        Ok(output) => output,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Err(Failure::Unsupported("ftpbench, which comes with pyftpdlib, is not on the PATH".to_owned()));
        }
        Err(error) => return Err(Failure::machine("ftpbench", &error)),
    };
    let reading = meter.end();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let figure = said.lines().find_map(|line| line.strip_prefix(row)?.split_whitespace().rev().nth(1)?.parse::<f64>().ok());
    match figure.filter(|_| output.status.success()) {
        Some(figure) => Ok(Round { client_busy: None, ..Round::new(figure, false, &reading) }),
        None => {
            let error = String::from_utf8_lossy(&output.stderr).into_owned();
            Err(Failure::Failed(format!("ftpbench: {}", error.lines().last().unwrap_or("it told no figure"))))
        }
    }
}
