//! Where the data connection comes from: PASV, PORT (RFC 959 section 4.1.2), EPSV, EPRT (RFC 2428), and ABOR.

use std::net::SocketAddr;

use super::bug::Bug;
use super::interface::Output;
use super::session::Data;
use super::turn::Turn;
use crate::ftp::address::{EprtError, format_227, format_229, parse_eprt, parse_port};
use crate::ftp::command::Command;

impl Turn<'_> {
    /// Gives up the listener, or the data connection that no transfer used (959-3.2-close-on-port-change).
    pub(super) fn release(&mut self) {
        match self.session.data {
            Data::Opening { .. } | Data::Listening => self.out.push(Output::Unlisten),
            Data::Connected => self.out.push(Output::DropData),
            Data::None => {}
        }
        self.session.data = Data::None;
    }

    pub(super) fn pasv(&mut self) {
        if self.session.epsv_all && !self.broken(Bug::EpsvAllIgnored) {
            self.reply(501, "Only EPSV after EPSV ALL");
        } else if self.session.local.is_ipv6() {
            self.reply(502, "PASV is for IPv4: use EPSV");
        } else {
            self.listen(false);
        }
    }

    /// EPSV, EPSV ALL, EPSV with a family: RFC 2428 section 3.
    pub(super) fn epsv(&mut self, command: &Command) {
        match command.parameter() {
            None => self.listen(true),
            Some(word) if word.eq_ignore_ascii_case(b"ALL") => {
                self.session.epsv_all = true;
                self.reply(200, "Only EPSV from now on");
            }
            Some(number) if number.iter().all(u8::is_ascii_digit) => {
                if number == self.family().to_string().as_bytes() {
                    self.listen(true);
                } else {
                    self.wrong_family();
                }
            }
            Some(_) => self.reply(501, "A number or ALL"),
        }
    }

    fn listen(&mut self, extended: bool) {
        self.release();
        self.session.port = None;
        if self.broken(Bug::RestLostByPasv) {
            self.session.restart = None;
        }
        self.session.data = Data::Opening { extended };
        self.out.push(Output::Listen { ip: self.session.local.ip(), ports: self.world.settings.passive_ports.clone() });
    }

    pub(super) fn listening(&mut self, address: SocketAddr) {
        let Data::Opening { extended } = self.session.data else {
            return;
        };
        self.session.data = Data::Listening;
        let port = address.port();
        match (extended, self.session.local) {
            (false, SocketAddr::V4(mut local)) => {
                let swapped = if port.swap_bytes() == port { port ^ 1 } else { port.swap_bytes() };
                local.set_port(if self.broken(Bug::PasvSwapped) { swapped } else { port });
                if self.broken(Bug::PasvWrongAddress) {
                    local.set_ip(std::net::Ipv4Addr::new(10, 0, 0, 1));
                }
                self.reply(227, format_227(local));
            }
            _ if self.broken(Bug::EpsvForm) => self.reply(229, format!("Entering Extended Passive Mode (||{port}|)")),
            _ => self.reply(229, format_229(port)),
        }
    }

    pub(super) fn listen_failed(&mut self) {
        if matches!(self.session.data, Data::Opening { .. }) {
            self.session.data = Data::None;
            self.reply(425, "No port is free");
        }
    }

    pub(super) fn port(&mut self, command: &Command) {
        let Some(argument) = self.parameter(command) else {
            return;
        };
        let parsed = parse_port(argument).or_else(|| {
            let wrapped = self.broken(Bug::PortSyntax).then(|| wrap_octets(argument)).flatten()?;
            parse_port(&wrapped)
        });
        match parsed {
            Some(address) => self.active(SocketAddr::V4(address)),
            None => self.reply(501, "Six numbers up to 255"),
        }
    }

    pub(super) fn eprt(&mut self, command: &Command) {
        let Some(argument) = self.parameter(command) else {
            return;
        };
        let parsed =
            if self.broken(Bug::EprtBarOnly) && !argument.starts_with(b"|") { Err(EprtError::Syntax) } else { parse_eprt(argument) };
        match parsed {
            Ok(address) if address.is_ipv4() == self.session.local.is_ipv4() => self.active(address),
            Ok(_) | Err(EprtError::Family) if !self.broken(Bug::EprtFamily501) => self.wrong_family(),
            Ok(_) | Err(_) => self.reply(501, "|family|address|port| is the form"),
        }
    }

    /// Stance 8: only to the client's own address (RFC 2577 section 3), and to no port of a service. EPSV ALL: section 4.
    fn active(&mut self, address: SocketAddr) {
        if self.session.epsv_all && !self.broken(Bug::EpsvAllIgnored) {
            return self.reply(501, "Only EPSV after EPSV ALL");
        }
        let foreign = !self.session.is_peer(address.ip()) && !self.broken(Bug::PortForeign);
        let privileged = address.port() < 1024 && !self.broken(Bug::PortPrivileged);
        if foreign || privileged || address.port() == 0 {
            return self.reply(501, "Not to that address");
        }
        self.release();
        self.session.port = Some(address);
        self.reply(200, "OK");
    }

    fn family(&self) -> u8 {
        if self.session.local.is_ipv4() { 1 } else { 2 }
    }

    /// 2428-2-522-proto-list: one list in parentheses ends the text.
    fn wrong_family(&mut self) {
        let text = format!("Network protocol not supported, use ({})", self.family());
        self.reply(522, text);
    }

    /// Where the server connects to without PASV: the port of PORT or EPRT, which stays (RFC 959 section 4.1.2), else the
    /// client's end of the control connection (section 3.2, stated three times).
    pub(super) fn active_address(&self) -> SocketAddr {
        self.session.port.unwrap_or(self.session.peer)
    }

    /// ABOR with no transfer, or behind the one that it stopped: the data connection is closed, 226 (RFC 959 section 4.1.3).
    pub(super) fn abor(&mut self) {
        self.release();
        if self.broken(Bug::AborIdleRefused) {
            self.reply(503, "Nothing to abort");
        } else {
            self.reply(226, "Closed");
        }
    }
}

/// The argument with each number taken modulo 256, for a planted bug.
fn wrap_octets(argument: &[u8]) -> Option<Vec<u8>> {
    let text = std::str::from_utf8(argument).ok()?;
    let octets: Vec<String> =
        text.split(',').map(|field| field.parse::<u32>().map(|number| (number % 256).to_string())).collect::<Result<_, _>>().ok()?;
    Some(octets.join(",").into_bytes())
}
