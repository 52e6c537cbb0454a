//! `S>`: reply codes, sequences, patterns.

use super::lexer::{Cursor, Read};
use crate::scenario::diagnostic::Diagnostic;
use crate::scenario::model::{CodePattern, Expect, Pattern, Sequence, SequenceItem};

/// Whether a word is a code: `550`, `5xx`.
pub(in crate::scenario) fn is_code(word: &str) -> bool {
    word.len() == 3
        && word.starts_with(|c: char| c.is_ascii_digit())
        && (&word[1..] == "xx" || word.bytes().all(|byte| byte.is_ascii_digit()))
}

/// All behind `S>`, citations aside.
pub(super) fn expect(cursor: &mut Cursor<'_>) -> Read<Expect> {
    let mut alternatives = vec![sequence(cursor)?];
    while cursor.eat("|") {
        alternatives.push(sequence(cursor)?);
    }
    let text = if starts_pattern(cursor) { Some(pattern(cursor)?) } else { None };
    let mut expect = Expect { alternatives, text, with: Vec::new(), without: Vec::new(), wellformed: false, within: None };
    loop {
        if cursor.eat_word("with") {
            expect.with.push(pattern(cursor)?);
        } else if cursor.eat_word("without") {
            expect.without.push(pattern(cursor)?);
        } else {
            break;
        }
    }
    expect.wellformed = cursor.eat_word("wellformed");
    if cursor.eat_word("within") {
        expect.within = Some(cursor.duration()?);
    }
    Ok(expect)
}

pub(super) fn starts_pattern(cursor: &Cursor<'_>) -> bool {
    cursor.rest().starts_with('"') || cursor.rest().starts_with("i\"")
}

/// `".."` or `i".."`.
pub(super) fn pattern(cursor: &mut Cursor<'_>) -> Read<Pattern> {
    if !starts_pattern(cursor) {
        return Err(cursor.unexpected("a text in quotes, `\"..\"` or `i\"..\"`"));
    }
    let nocase = cursor.eat("i");
    Ok(Pattern { text: cursor.string()?, nocase })
}

fn sequence(cursor: &mut Cursor<'_>) -> Read<Sequence> {
    let tolerated = cursor.eat("~");
    let mut items = vec![item(cursor)?];
    while cursor.eat(",") {
        items.push(item(cursor)?);
    }
    if let Some(SequenceItem::Optional(_)) = items.last() {
        return Err(cursor
            .unexpected("`,` and the reply that ends the sequence")
            .help("a reply in brackets may be missing; what comes behind it can't"));
    }
    if items.iter().rev().skip(1).any(|item| *item == SequenceItem::End) {
        return Err(cursor.unexpected("nothing behind `end`").help("no reply comes behind the end of the connection"));
    }
    Ok(Sequence { tolerated, items })
}

fn item(cursor: &mut Cursor<'_>) -> Read<SequenceItem> {
    if cursor.eat_word("end") {
        return Ok(SequenceItem::End);
    }
    if !cursor.eat("[") {
        return code(cursor).map(SequenceItem::Code);
    }
    let mut codes = vec![code(cursor)?];
    while cursor.eat("|") {
        codes.push(code(cursor)?);
    }
    cursor.demand("]")?;
    Ok(SequenceItem::Optional(codes))
}

fn code(cursor: &mut Cursor<'_>) -> Read<CodePattern> {
    let exact = cursor.eat("=");
    let word = cursor.peek_word();
    let wrong = |cursor: &Cursor<'_>| cursor.unexpected(if exact { "a reply code: `550`" } else { "a reply code: `550`, `=550`, `5xx`" });
    if !is_code(word) || (exact && word.ends_with("xx")) {
        return Err(wrong(cursor));
    }
    let first = word.as_bytes()[0] - b'0';
    if !(1..=5).contains(&first) {
        return Err(
            Diagnostic::error(cursor.span_here(), format!("no reply has the code `{word}`")).expected("100 to 599, RFC 959 section 4.2.1")
        );
    }
    let pattern = match word.parse() {
        Ok(code) if exact => CodePattern::Exact(code),
        Ok(code) => CodePattern::Code(code),
        Err(_) => CodePattern::Class(first),
    };
    cursor.word();
    Ok(pattern)
}
