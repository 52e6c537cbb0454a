//! What each fault does to the bytes between two sockets: a client and a server of the test's own, and the proxy between them.

use std::io::{ErrorKind, Read, Write};
use std::net::{IpAddr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::time::{Duration, Instant};

use ftpspec::fault::proxy::{Options, Proxy};
use tokio::runtime::Runtime;

/// Much more than anything here takes.
const LONG: Duration = Duration::from_secs(20);

/// Both ends of what the proxy is between.
struct Between {
    _proxy: Proxy,
    _runtime: Runtime,
    client: TcpStream,
    server: TcpStream,
}

fn patient(stream: TcpStream) -> TcpStream {
    stream.set_read_timeout(Some(LONG)).unwrap();
    stream.set_nodelay(true).unwrap();
    stream
}

impl Between {
    fn new(words: &[&str]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let faults = words.iter().map(|word| word.parse().unwrap()).collect();
        let options = Options { faults, seed: 7, ..Options::new(listener.local_addr().unwrap()) };
        let runtime = Runtime::new().unwrap();
        let proxy = runtime.block_on(async { Proxy::start("127.0.0.1:0".parse().unwrap(), options) }).unwrap();
        let client = TcpStream::connect(proxy.address()).unwrap();
        let (server, _) = listener.accept().unwrap();
        Self { _proxy: proxy, _runtime: runtime, client: patient(client), server: patient(server) }
    }

    /// The server listens, and the client is told where the proxy does.
    fn passive(&mut self) -> (TcpListener, SocketAddr) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        write!(self.server, "229 (|||{}|)\r\n", listener.local_addr().unwrap().port()).unwrap();
        let line = line(&mut self.client);
        let port = line.split('|').nth(3).unwrap().parse().unwrap();
        (listener, SocketAddr::new(IpAddr::from([127, 0, 0, 1]), port))
    }

    /// A data connection: its client, its server.
    fn data(&mut self) -> (TcpStream, TcpStream) {
        let (listener, address) = self.passive();
        let client = TcpStream::connect(address).unwrap();
        (patient(client), patient(listener.accept().unwrap().0))
    }
}

fn line(stream: &mut TcpStream) -> String {
    let mut text = Vec::new();
    while !text.ends_with(b"\n") {
        let mut byte = [0];
        assert_eq!(stream.read(&mut byte).unwrap(), 1, "the end behind {text:?}");
        text.push(byte[0]);
    }
    String::from_utf8(text).unwrap()
}

/// The reads up to so many bytes.
fn reads(stream: &mut TcpStream, len: usize) -> Vec<Vec<u8>> {
    let (mut all, mut left) = (Vec::new(), len);
    while left > 0 {
        let mut buffer = vec![0; 1 << 16];
        let read = stream.read(&mut buffer).unwrap();
        assert_ne!(read, 0, "{left} of {len} bytes are missing");
        left -= read.min(left);
        all.push(buffer[..read].to_vec());
    }
    all
}

fn exactly(stream: &mut TcpStream, len: usize) -> Vec<u8> {
    let mut bytes = vec![0; len];
    stream.read_exact(&mut bytes).unwrap();
    bytes
}

/// How a stream ends: what still came, and whether by RST.
fn end(stream: &mut TcpStream) -> (Vec<u8>, bool) {
    let mut bytes = Vec::new();
    let result = stream.read_to_end(&mut bytes);
    match result {
        Ok(_) => (bytes, false),
        Err(error) => {
            assert_eq!(error.kind(), ErrorKind::ConnectionReset, "{error}");
            (bytes, true)
        }
    }
}

#[test]
fn latency_and_jitter_make_bytes_late() {
    let mut between = Between::new(&["up:latency=300ms~100ms"]);
    let begun = Instant::now();
    between.client.write_all(b"NOOP\r\n").unwrap();
    assert_eq!(line(&mut between.server), "NOOP\r\n");
    assert!(begun.elapsed() >= Duration::from_millis(300), "{:?}", begun.elapsed());
    between.server.write_all(b"200 ok\r\n").unwrap();
    assert_eq!(line(&mut between.client), "200 ok\r\n");
}

#[test]
fn a_rate_holds_back() {
    let mut between = Between::new(&["data:down:rate=100KiB/s"]);
    let (mut client, mut server) = between.data();
    let begun = Instant::now();
    server.write_all(&vec![7; 50 * 1024]).unwrap();
    assert_eq!(exactly(&mut client, 50 * 1024), vec![7; 50 * 1024]);
    // The last of the pieces of a twentieth of a second is waited for by nobody.
    assert!(begun.elapsed() >= Duration::from_millis(400), "{:?}", begun.elapsed());
}

#[test]
#[cfg(target_os = "linux")]
fn segments_of_one_byte_are_reads_of_one_byte() {
    for (words, up) in [(["control:up:slice"], true), (["control:down:slice"], false)] {
        let mut between = Between::new(&words);
        let Between { client, server, .. } = &mut between;
        let (from, to) = if up { (client, server) } else { (server, client) };
        let text = if up { "NOOP\r\n" } else { "200 ok\r\n" };
        let reader = std::thread::spawn({
            let mut to = to.try_clone().unwrap();
            move || reads(&mut to, text.len())
        });
        from.write_all(text.as_bytes()).unwrap();
        let ones: Vec<Vec<u8>> = text.bytes().map(|byte| vec![byte]).collect();
        assert_eq!(reader.join().unwrap(), ones);
    }
}

#[test]
#[cfg(target_os = "linux")]
fn cr_and_lf_are_parted() {
    let mut between = Between::new(&["up:slice=crlf"]);
    let mut server = between.server.try_clone().unwrap();
    let reader = std::thread::spawn(move || reads(&mut server, 6));
    between.client.write_all(b"NOOP\r\n").unwrap();
    assert_eq!(reader.join().unwrap(), [b"NOOP\r".to_vec(), b"\n".to_vec()]);
}

#[test]
#[cfg(target_os = "linux")]
fn random_segments_come_from_the_seed() {
    let sizes = || {
        let mut between = Between::new(&["data:up:slice=random"]);
        let (mut client, mut server) = between.data();
        let reader = std::thread::spawn(move || reads(&mut server, 20_000));
        client.write_all(&vec![1; 20_000]).unwrap();
        reader.join().unwrap().iter().map(Vec::len).collect::<Vec<usize>>()
    };
    let first = sizes();
    assert!(first.len() > 10 && first.iter().all(|size| *size <= 1460), "{first:?}");
    assert_eq!(first, sizes());
}

#[test]
fn several_replies_come_in_one_segment() {
    let mut between = Between::new(&["control:down:join=300ms"]);
    between.server.write_all(b"150 a\r\n").unwrap();
    // A way through the proxy in the time between.
    between.client.write_all(b"NOOP\r\n").unwrap();
    assert_eq!(line(&mut between.server), "NOOP\r\n");
    between.server.write_all(b"226 b\r\n").unwrap();
    assert_eq!(reads(&mut between.client, 14), [b"150 a\r\n226 b\r\n".to_vec()]);
}

#[test]
fn a_cut_ends_a_download_at_its_byte() {
    for (word, reset) in [("data:down:cut=fin@1000", false), ("data:down:cut=rst@1000", true)] {
        let mut between = Between::new(&[word]);
        let (mut client, mut server) = between.data();
        server.write_all(&[5; 3000]).unwrap();
        if reset {
            // RST throws away what was not read: only that it comes is sure.
            assert!(end(&mut client).1, "{word}");
        } else {
            assert_eq!(end(&mut client), (vec![5; 1000], false), "{word}");
        }
        assert_eq!(line_is_alive(&mut between), "200 ok\r\n");
    }
}

fn line_is_alive(between: &mut Between) -> String {
    between.server.write_all(b"200 ok\r\n").unwrap();
    line(&mut between.client)
}

#[test]
fn a_cut_waits_for_a_command_or_a_reply() {
    let mut between = Between::new(&["control:cut=fin@command:RETR"]);
    between.client.write_all(b"NOOP\r\n").unwrap();
    assert_eq!(line(&mut between.server), "NOOP\r\n");
    between.client.write_all(b"RETR f\r\n").unwrap();
    assert!(!end(&mut between.client).1);

    let mut between = Between::new(&["data:cut=rst@reply:150"]);
    let (mut client, _server) = between.data();
    between.server.write_all(b"125 not yet\r\n").unwrap();
    line(&mut between.client);
    client.write_all(b"x").unwrap();
    between.server.write_all(b"150 now\r\n").unwrap();
    assert!(end(&mut client).1);
}

#[test]
fn half_a_connection_stays_open() {
    let mut between = Between::new(&["data:up:cut=half@3"]);
    let (mut client, mut server) = between.data();
    client.write_all(b"abcdef").unwrap();
    assert_eq!(end(&mut server), (b"abc".to_vec(), false));
    server.write_all(b"still").unwrap();
    assert_eq!(exactly(&mut client, 5), b"still");
}

#[test]
fn a_stall_holds_what_is_behind_its_byte() {
    let mut between = Between::new(&["data:down:stall=400ms@3"]);
    let (mut client, mut server) = between.data();
    let begun = Instant::now();
    server.write_all(b"abcdef").unwrap();
    assert_eq!(exactly(&mut client, 3), b"abc");
    assert_eq!(exactly(&mut client, 3), b"def");
    assert!(begun.elapsed() >= Duration::from_millis(400), "{:?}", begun.elapsed());
}

#[test]
fn a_connection_is_taken_late() {
    let mut between = Between::new(&["data:accept=300ms"]);
    let (listener, address) = between.passive();
    let begun = Instant::now();
    let _client = TcpStream::connect(address).unwrap();
    listener.accept().unwrap();
    assert!(begun.elapsed() >= Duration::from_millis(300), "{:?}", begun.elapsed());
}

#[test]
fn a_data_connection_is_refused() {
    let mut between = Between::new(&["refuse"]);
    let (_listener, address) = between.passive();
    assert_eq!(TcpStream::connect(address).unwrap_err().kind(), ErrorKind::ConnectionRefused);
    assert_eq!(line_is_alive(&mut between), "200 ok\r\n");
}

#[test]
#[cfg(target_os = "linux")]
fn a_stranger_calls() {
    let mut between = Between::new(&["stranger=127.0.0.2"]);
    let (listener, address) = between.passive();
    let _client = TcpStream::connect(address).unwrap();
    assert_eq!(listener.accept().unwrap().1.ip().to_string(), "127.0.0.2");
}

#[test]
fn a_byte_is_another_and_bytes_come_twice() {
    let mut between = Between::new(&["data:down:corrupt@2", "data:up:duplicate=2@4"]);
    let (mut client, mut server) = between.data();
    server.write_all(b"abcdef").unwrap();
    let came = exactly(&mut client, 6);
    let differ: Vec<usize> = (0..6).filter(|at| came[*at] != b"abcdef"[*at]).collect();
    assert_eq!(differ, [2]);
    client.write_all(b"abcdef").unwrap();
    client.shutdown(Shutdown::Write).unwrap();
    assert_eq!(end(&mut server), (b"abcdcdef".to_vec(), false));
}

/// PORT: the server is told of the proxy, and its call reaches the client.
#[test]
fn active_connections_are_followed() {
    let mut between = Between::new(&[]);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    write!(between.client, "EPRT |1|127.0.0.1|{port}|\r\n").unwrap();
    let told = line(&mut between.server);
    let proxied: u16 = told.split('|').nth(3).unwrap().parse().unwrap();
    assert_ne!(proxied, port);
    let mut server = TcpStream::connect(("127.0.0.1", proxied)).unwrap();
    let mut client = patient(listener.accept().unwrap().0);
    server.write_all(b"hello").unwrap();
    assert_eq!(exactly(&mut client, 5), b"hello");
}

/// Without faults all passes as it is, and so does how a side ends.
#[test]
fn bytes_and_ends_pass_as_they_are() {
    let mut between = Between::new(&[]);
    let (mut client, mut server) = between.data();
    let content: Vec<u8> = (0..3_000_000_u32).map(|at| (at / 7).to_le_bytes()[0]).collect();
    let sender = std::thread::spawn({
        let (mut client, content) = (client.try_clone().unwrap(), content.clone());
        move || {
            client.write_all(&content).unwrap();
            client.shutdown(Shutdown::Write).unwrap();
        }
    });
    assert_eq!(end(&mut server), (content, false));
    sender.join().unwrap();
    // Half of it is closed, and the other half still open.
    server.write_all(b"still").unwrap();
    assert_eq!(exactly(&mut client, 5), b"still");
    drop(server);
    assert_eq!(end(&mut client), (Vec::new(), false));

    let (mut client, server) = between.data();
    socket2::SockRef::from(&server).set_linger(Some(Duration::ZERO)).unwrap();
    drop(server);
    assert!(end(&mut client).1, "RST passes as RST");
}
