//! Content of any size, known by position: what fixtures hold and what transfers must carry.
//!
//! Generated content is never stored: any slice of it can be computed. Each 8 bytes tell their offset, so that a wrong
//! range, a lost block or a doubled one shows as what it is.

use std::sync::Arc;

use super::words::Words;

/// Bytes that need not be in memory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Content {
    /// These bytes.
    Literal(Arc<[u8]>),
    /// Words of 8 bytes that tell their offset, by a seed.
    Words {
        /// Which content.
        seed: u64,
        /// Bytes.
        len: u64,
    },
    /// Printable text without line ends: each 8 characters are the number of their word in hexadecimal.
    Fill(u64),
    /// Numbered lines: 62 characters that tell the line's number, then this end.
    Lines {
        /// How many.
        count: u64,
        /// The end of each.
        eol: Arc<[u8]>,
    },
    /// Zeros.
    Zeros(u64),
    /// A part of another content.
    Slice {
        /// Of which.
        of: Arc<Self>,
        /// The first byte.
        from: u64,
        /// Bytes.
        len: u64,
    },
    /// One behind the other.
    Chain(Vec<Self>),
}

const LINE: u64 = 62;

impl Content {
    /// Content of these bytes.
    #[must_use]
    pub fn literal(bytes: impl Into<Arc<[u8]>>) -> Self {
        Self::Literal(bytes.into())
    }

    /// How many bytes.
    #[must_use]
    pub fn len(&self) -> u64 {
        match self {
            Self::Literal(bytes) => bytes.len() as u64,
            Self::Words { len, .. } | Self::Fill(len) | Self::Zeros(len) | Self::Slice { len, .. } => *len,
            Self::Lines { count, eol } => count.saturating_mul(LINE + eol.len() as u64),
            Self::Chain(parts) => parts.iter().map(Self::len).fold(0, u64::saturating_add),
        }
    }

    /// Whether there is no byte.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// A part; clipped to what there is.
    #[must_use]
    pub fn slice(&self, from: u64, to: u64) -> Self {
        let to = to.min(self.len());
        let from = from.min(to);
        if from == 0 && to == self.len() {
            return self.clone();
        }
        Self::Slice { of: Arc::new(self.clone()), from, len: to - from }
    }

    /// Writes the bytes from `offset` on into `out`, which must lie within the content.
    pub fn fill(&self, offset: u64, out: &mut [u8]) {
        debug_assert!(offset + out.len() as u64 <= self.len(), "a range outside the content");
        match self {
            Self::Literal(bytes) => {
                let from = usize::try_from(offset).expect("a literal is in memory");
                out.copy_from_slice(&bytes[from..from + out.len()]);
            }
            Self::Words { seed, .. } => Words::new(*seed).fill(offset, out),
            Self::Fill(_) => hex_words(offset, out),
            Self::Zeros(_) => out.fill(0),
            Self::Slice { of, from, .. } => of.fill(from + offset, out),
            Self::Lines { eol, .. } => lines(eol, offset, out),
            Self::Chain(parts) => chain(parts, offset, out),
        }
    }

    /// The whole, in memory. For content that is known to be small.
    #[must_use]
    pub fn to_vec(&self) -> Vec<u8> {
        let mut bytes = vec![0; usize::try_from(self.len()).expect("fits in memory")];
        self.fill(0, &mut bytes);
        bytes
    }
}

fn hex_word(index: u64) -> [u8; 8] {
    // Spreads the eight nibbles over eight bytes, the highest first in memory, and turns all into digits at once.
    let mut x = index & 0xffff_ffff;
    x = (x | (x << 16)) & 0x0000_ffff_0000_ffff;
    x = (x | (x << 8)) & 0x00ff_00ff_00ff_00ff;
    x = (x | (x << 4)) & 0x0f0f_0f0f_0f0f_0f0f;
    let above_nine = ((x + 0x0606_0606_0606_0606) >> 4) & 0x0101_0101_0101_0101;
    (x + 0x3030_3030_3030_3030 + above_nine * u64::from(b'a' - b'0' - 10)).to_be_bytes()
}

/// Fills `out`, which starts `offset` bytes into a row of 8-character words.
fn hex_words(offset: u64, out: &mut [u8]) {
    let mut index = offset / 8;
    let skip = usize::try_from(offset % 8).expect("below 8");
    let mut rest = out;
    if skip != 0 {
        let head = (8 - skip).min(rest.len());
        rest[..head].copy_from_slice(&hex_word(index)[skip..skip + head]);
        rest = &mut rest[head..];
        index += 1;
    }
    let mut chunks = rest.chunks_exact_mut(8);
    for chunk in &mut chunks {
        chunk.copy_from_slice(&hex_word(index));
        index += 1;
    }
    let tail = chunks.into_remainder();
    let len = tail.len();
    tail.copy_from_slice(&hex_word(index)[..len]);
}

fn lines(eol: &[u8], offset: u64, out: &mut [u8]) {
    let width = LINE + eol.len() as u64;
    let (mut number, mut within) = (offset / width, usize::try_from(offset % width).expect("a line is short"));
    let mut rest = out;
    while !rest.is_empty() {
        let text = line(number);
        for part in [&text[..], eol] {
            let from = within.min(part.len());
            let take = (part.len() - from).min(rest.len());
            rest[..take].copy_from_slice(&part[from..from + take]);
            rest = &mut rest[take..];
            within -= from;
        }
        number += 1;
    }
}

fn line(number: u64) -> [u8; LINE as usize] {
    let mut text = *b"line 000000000000: every line says its number, 000000000000...";
    let mut left = number;
    for place in (0..12).rev() {
        let digit = b"0123456789"[usize::try_from(left % 10).expect("a digit")];
        text[5 + place] = digit;
        text[47 + place] = digit;
        left /= 10;
    }
    text
}

fn chain(parts: &[Content], offset: u64, out: &mut [u8]) {
    let mut start = 0;
    let mut at = offset;
    let mut rest = out;
    for part in parts {
        let end = start + part.len();
        if at < end && !rest.is_empty() {
            let take = usize::try_from((end - at).min(rest.len() as u64)).expect("no longer than the buffer");
            part.fill(at - start, &mut rest[..take]);
            rest = &mut rest[take..];
            at += take as u64;
        }
        start = end;
    }
}

/// How much of a content is computed at once to be compared: it stays in the processor's first cache.
const STRETCH: usize = 8 * 1024;

/// Compares bytes, as they come, with a content: how many agree from the start.
#[derive(Debug, Clone)]
pub struct Comparer {
    content: Content,
    len: u64,
    /// The length of the common beginning so far.
    common: u64,
    parted: bool,
    scratch: Vec<u8>,
}

impl Comparer {
    /// Nothing came yet.
    #[must_use]
    pub fn new(content: Content) -> Self {
        Self { len: content.len(), content, common: 0, parted: false, scratch: Vec::new() }
    }

    /// Takes the next bytes; once they part from the content nothing counts any more.
    pub fn push(&mut self, bytes: &[u8]) {
        if let Content::Words { seed, .. } = self.content {
            return self.push_words(Words::new(seed), bytes);
        }
        let mut rest = bytes;
        while !self.parted && !rest.is_empty() {
            let left = usize::try_from((self.len - self.common).min(rest.len().min(STRETCH) as u64)).expect("no longer than a stretch");
            if self.scratch.len() < left {
                self.scratch.resize(left, 0);
            }
            let expected = &mut self.scratch[..left];
            self.content.fill(self.common, expected);
            let same = if *expected == rest[..left] { left } else { expected.iter().zip(rest).take_while(|(a, b)| a == b).count() };
            self.common += same as u64;
            self.parted = same < left || left == 0;
            rest = &rest[left..];
        }
    }

    /// Words are compared where they stand.
    fn push_words(&mut self, words: Words, bytes: &[u8]) {
        if self.parted || bytes.is_empty() {
            return;
        }
        let left = usize::try_from(self.len - self.common).unwrap_or(usize::MAX).min(bytes.len());
        let same = words.common(self.common, &bytes[..left]);
        self.common += same as u64;
        self.parted = same < bytes.len();
    }

    /// The length of the common beginning.
    #[must_use]
    pub fn common(&self) -> u64 {
        self.common
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(content: &Content) {
        let whole = content.to_vec();
        for from in 0..whole.len() {
            for len in [0, 1, 3, 8, 13, 70] {
                let to = (from + len).min(whole.len());
                let mut out = vec![0; to - from];
                content.fill(from as u64, &mut out);
                assert_eq!(out, whole[from..to], "{from}..{to}");
            }
        }
    }

    #[test]
    fn any_slice_is_a_slice_of_the_whole() {
        let words = Content::Words { seed: 7, len: 203 };
        check(&words);
        check(&Content::Fill(77));
        check(&Content::Lines { count: 5, eol: Arc::from(&b"\r\n"[..]) });
        check(&words.slice(3, 150));
        check(&Content::Chain(vec![Content::literal(*b"ab"), words.slice(5, 90), Content::Zeros(9), Content::Fill(31)]));
    }

    #[test]
    fn digits_are_those_of_the_number() {
        for number in [0, 1, 9, 10, 0xabc, 0x0123_4567, 0x89ab_cdef, 0xffff_ffff] {
            assert_eq!(hex_word(number), *format!("{number:08x}").as_bytes());
            let text = format!("line {number:012}: every line says its number, {number:012}...");
            assert_eq!(line(number), *text.as_bytes());
        }
    }

    #[test]
    fn words_tell_their_offset() {
        let bytes = Content::Words { seed: 1, len: 1 << 20 }.to_vec();
        let mut words: Vec<&[u8]> = bytes.chunks(8).collect();
        words.sort_unstable();
        words.dedup();
        assert_eq!(words.len(), 1 << 17);
    }

    #[test]
    fn a_comparer_counts_up_to_the_first_difference() {
        let content = Content::Words { seed: 1, len: 100 };
        let mut bytes = content.to_vec();
        bytes[64] ^= 1;
        for chunk in [1, 7, 64, 100] {
            let mut comparer = Comparer::new(content.clone());
            bytes.chunks(chunk).for_each(|part| comparer.push(part));
            assert_eq!(comparer.common(), 64);
        }
        let mut comparer = Comparer::new(Content::literal(*b"abc"));
        comparer.push(b"abcd");
        comparer.push(b"abc");
        assert_eq!(comparer.common(), 3);
    }
}
