//! What goes into a session and what comes out: all that a driver with sockets and a clock must know.
//!
//! The driver carries out the outputs of each call in their order and reports what happens as the next input.
//!
//! - Control: read bytes as they come, also during transfers, in [`Input::Control`]; write each [`Output::Reply`] fully
//!   before reading on, so that a client that never reads is not served without end. Urgent data must arrive in line.
//! - Passive: a listener is open from [`Output::Listen`] (answered by [`Input::Listening`] or [`Input::ListenFailed`]) to
//!   [`Output::Unlisten`]. While it is open and no data connection is, accept one and report [`Input::DataConnected`];
//!   [`Output::Refuse`] closes that one, and the listener goes on.
//! - Active: [`Output::Connect`] is answered by [`Input::DataConnected`] or [`Input::DataFailed`].
//! - [`Output::Await`] starts a timer that ends with the next data connection, or in [`Input::DataTimeout`].
//! - Sending: one [`Output::Send`] at a time; [`Input::DataWritten`] when the socket has taken all of it. Behind the last
//!   comes [`Output::FinishData`]: shut down, close, then [`Input::DataFinished`], for 226 must not come before.
//! - Receiving: [`Input::DataReceived`] as bytes come, only while [`Session::receives`](super::Session::receives); the end
//!   as [`Input::DataEnded`]. A broken connection is `clean: false`, also while sending; a clean end while sending (the
//!   client shut its half down) is not reported or ignored.
//! - A transfer that stalls longer than the driver will bear: [`Input::DataTimeout`]. A session that is not
//!   [`busy`](super::Session::is_busy) and said nothing for [`Settings::idle_timeout`](super::Settings::idle_timeout): [`Input::Idle`].
//! - Behind [`Output::CloseControl`] the session is over; a data connection and a listener were given up before it.

use std::net::{IpAddr, SocketAddr};
use std::ops::RangeInclusive;
use std::time::Duration;

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Input<'a> {
    /// Bytes came on the control connection.
    Control(&'a [u8]),
    /// The client ended the control connection, or it broke.
    ControlClosed,
    /// The listener that was asked for is open here.
    Listening(SocketAddr),
    /// It could not be opened.
    ListenFailed,
    /// A data connection came to be, accepted or made.
    DataConnected {
        /// The other end.
        peer: SocketAddr,
    },
    /// The data connection could not be made.
    DataFailed,
    /// The data connection did not come to be in time, or stalls.
    DataTimeout,
    /// Bytes came on the data connection.
    DataReceived(&'a [u8]),
    /// The data connection was ended by the client.
    DataEnded {
        /// By FIN; else it broke.
        clean: bool,
    },
    /// The block is with the socket: room for the next.
    DataWritten,
    /// All that was sent is flushed and the data connection closed.
    DataFinished,
    /// The idle time is over.
    Idle,
    /// The server ends: a last reply, and the session is over, whatever is under way.
    Ending,
}

/// What the driver must do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Output {
    /// Write these bytes on the control connection: a reply, or an answer to a Telnet option.
    Reply(Vec<u8>),
    /// Listen on this address.
    Listen {
        /// The address that the control connection was made to.
        ip: IpAddr,
        /// Which ports may be used; any without.
        ports: Option<RangeInclusive<u16>>,
    },
    /// Close the listener.
    Unlisten,
    /// Make the data connection, from the address that the control connection was made to.
    Connect(SocketAddr),
    /// Wait so long for the data connection.
    Await(Duration),
    /// Close the connection that was just accepted: it is not the client's.
    Refuse,
    /// Write this block on the data connection.
    Send(Vec<u8>),
    /// All is sent: flush and close the data connection, and say when that is done.
    FinishData,
    /// Close the data connection at once, or give up making it; what is not sent is lost. Nothing is answered.
    DropData,
    /// End the control connection, once all replies are written.
    CloseControl,
}
