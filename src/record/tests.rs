//! Recordings, told as the proxy would, become scenarios.

use std::net::SocketAddr;

use super::{Options, Recorder, scenario};
use crate::fault::Direction;
use crate::fault::tap::{DataId, Ended, Tap};

/// Lines `C: ..` and `S: ..`; `D< text` and `D> text` are whole data connections, up and down; `D! text` is an upload that is reset.
fn body(dialogue: &str) -> String {
    let recorder = Recorder::default();
    recorder.opened(0, SocketAddr::from(([127, 0, 0, 1], 9)));
    let mut data = 0;
    for line in dialogue.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let (who, text) = line.split_once(' ').unwrap();
        let text = text.replace("\\n", "\n").replace("\\r", "\r");
        let (direction, how) = match who {
            "C:" => {
                recorder.control(0, Direction::Up, format!("{text}\r\n").as_bytes());
                continue;
            }
            "S:" => {
                recorder.control(0, Direction::Down, format!("{text}\r\n").as_bytes());
                continue;
            }
            "D<" => (Direction::Up, Ended::Close),
            "D!" => (Direction::Up, Ended::Reset),
            _ => (Direction::Down, Ended::Close),
        };
        let id = DataId { session: 0, data };
        data += 1;
        recorder.data_opened(id);
        recorder.data(id, direction, text.as_bytes());
        recorder.data_ended(id, direction, how);
    }
    recorder.control_ended(0, Direction::Down, Ended::Close);
    let recorded = scenario(&recorder.take(), &Options { name: "bug".to_owned(), letters: "all".to_owned() }).unwrap();
    recorded.source.text.clone()
}

const LOGIN: &str = "S: 220 hello\nC: USER bob\nS: 331 go on\nC: PASS secret\nS: 230 in\n";

#[test]
fn a_name_that_the_server_made_up_is_captured() {
    let text = body(&format!(
        "{LOGIN}C: TYPE I\nS: 200 ok\nC: PASV\nS: 227 (127,0,0,1,4,5)\nC: STOU\nS: 150 FILE: ftp.x7s9\nD< abc\nS: 226 done\n\
         C: PASV\nS: 227 (127,0,0,1,4,6)\nC: RETR ftp.x7s9\nS: 150 go\nD> abc\nS: 226 done\nC: QUIT\nS: 221 bye"
    ));
    for line in ["S> 150 | 125 \"FILE: {unique1}\"", "C>> \"abc\" end", "C> RETR {unique1}", "S>> \"abc\" end  [959-4.1.3-retr-sends-copy]"]
    {
        assert!(text.contains(line), "no {line} in {text}");
    }
    assert!(!text.contains("x7s9") && !text.contains("secret") && !text.contains("227"), "{text}");
}

#[test]
fn a_wrong_answer_accuses_nobody() {
    let text = body(&format!(
        "{LOGIN}C: TYPE I\nS: 200 ok\nC: EPSV\nS: 229 (|||1029|)\nC: STOR f\nS: 150 go\nD< 0123456789\nS: 226 done\n\
         C: EPSV\nS: 229 (|||1030|)\nC: REST 4\nS: 350 go on\nC: RETR f\nS: 150 go\nD> 56789\nS: 226 done\nC: DELE g\nS: 550 no"
    ));
    assert!(
        text.contains("data epsv\nC> REST 4\nS> 350\nC> RETR f\nS> 150 | 125\n# Not what must have been there:\nS>> \"56789\" end\n"),
        "{text}"
    );
    assert!(text.contains("C> DELE g\nS> 550\n"), "{text}");
}

#[test]
fn what_goes_out_at_once_stays_together() {
    let text = body(&format!("{LOGIN}C: NOOP\nC: MKD d\nC: PWD\nS: 200 ok\nS: 257 \"/d\" made\nS: 257 \"/\" here\nC: NOOP"));
    assert!(text.contains("C> NOOP\nC> MKD d\nC> PWD\nS> 200\nS> 257  "), "{text}");
    assert!(text.ends_with("C> NOOP\nS> end\n"), "{text}");
}

#[test]
fn a_login_that_fails_is_told_without_its_password() {
    let text = body("S: 220 hello\nC: USER anonymous\nS: 331 go on\nC: PASS me@here\nS: 530 no\nC: QUIT\nS: 221 bye");
    assert!(text.contains("guest = { letters = \"all\", anonymous = true }"), "{text}");
    assert!(text.contains("C> USER {guest.name}\nS> 331\nC> PASS {guest.password.beginning}\nS> 530\n"), "{text}");
}

#[test]
fn a_cut_upload_goes_on_where_the_server_is() {
    let text = body(&format!(
        "{LOGIN}C: TYPE I\nS: 200 ok\nC: PASV\nS: 227 (127,0,0,1,4,5)\nC: STOR f\nS: 150 go\nD! 0123456789\nS: 426 cut\nC: SIZE f\nS: 213 6\n\
         C: PASV\nS: 227 (127,0,0,1,4,6)\nC: REST 6\nS: 350 on\nC: STOR f\nS: 150 go\nD< 6789ab\nS: 226 done\nC: SIZE f\nS: 213 12"
    ));
    let parts = [
        "C>> recorded/1.bin[..10]\ncut data\nS> 4xx | 226 | 250\n",
        "S> 213 \"{kept1:int}\"\n",
        "C> REST {kept1}\n",
        "C>> recorded/1.bin[{kept1}..] end\n",
        "S> 213 \"12\"  [3659-4.1-size-reply]\n",
    ];
    for part in parts {
        assert!(text.contains(part), "no {part} in {text}");
    }
}
