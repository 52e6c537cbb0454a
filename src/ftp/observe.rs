//! Turns a stream of bytes into an [`Observed`], in constant memory.

use super::content::{Comparer, Content};
use super::transcript::{Agreement, KEPT, Observed};

/// How many bytes before and from the first difference are shown.
const BEFORE: u64 = 16;
const WINDOW: usize = 64;

/// Takes bytes as they come and compares them with some contents at once.
#[derive(Debug)]
pub struct Observer {
    observed: Observed,
    /// So many of the first bytes are kept.
    kept: usize,
    candidates: Vec<Candidate>,
}

#[derive(Debug)]
struct Candidate {
    content: Content,
    comparer: Comparer,
    /// The last bytes before the difference, then those from it on.
    window: Vec<u8>,
}

impl Observer {
    /// Compares with these, in this order.
    #[must_use]
    pub fn new(contents: Vec<Content>) -> Self {
        let candidates = contents
            .into_iter()
            .map(|content| Candidate { comparer: Comparer::new(content.clone()), content, window: Vec::new() })
            .collect();
        Self { observed: Observed::default(), kept: KEPT, candidates }
    }

    /// Compares with nothing and keeps so many of the first bytes.
    #[must_use]
    pub fn keeping(kept: usize) -> Self {
        Self { observed: Observed::default(), kept, candidates: Vec::new() }
    }

    /// How many bytes came.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.observed.len
    }

    /// Whether nothing came.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.observed.len == 0
    }

    /// Takes the next bytes.
    pub fn push(&mut self, bytes: &[u8]) {
        let keep = self.kept.saturating_sub(self.observed.head.len()).min(bytes.len());
        self.observed.head.extend_from_slice(&bytes[..keep]);
        for candidate in &mut self.candidates {
            candidate.push(self.observed.len, bytes);
        }
        self.observed.len += bytes.len() as u64;
    }

    /// What came.
    #[must_use]
    pub fn finish(mut self) -> Observed {
        self.observed.against = self.candidates.into_iter().map(Candidate::finish).collect();
        self.observed
    }
}

impl Candidate {
    fn push(&mut self, at: u64, bytes: &[u8]) {
        let parted_before = self.comparer.common() < at;
        self.comparer.push(bytes);
        let common = self.comparer.common();
        if parted_before {
            let left = WINDOW.saturating_sub(self.window.len()).min(bytes.len());
            self.window.extend_from_slice(&bytes[..left]);
            return;
        }
        // All before `common` agreed; keep the last of it, and what follows up to the window's size.
        let same = usize::try_from(common - at).expect("within the chunk");
        let before = usize::try_from(BEFORE).expect("small");
        let from = same.saturating_sub(before);
        self.window.extend_from_slice(&bytes[from..same]);
        let excess = self.window.len().saturating_sub(before);
        self.window.drain(..excess);
        let left = (WINDOW - self.window.len()).min(bytes.len() - same);
        self.window.extend_from_slice(&bytes[same..same + left]);
    }

    fn finish(self) -> Agreement {
        let common = self.comparer.common();
        let expected_len = self.content.len();
        let from = common.saturating_sub(BEFORE);
        let len = usize::try_from((expected_len - from).min(WINDOW as u64)).expect("small");
        let mut expected = vec![0; len];
        self.content.fill(from, &mut expected);
        Agreement { expected_len, common, got: self.window, expected }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(flip: Option<usize>, len: usize, chunk: usize) {
        let content = Content::Words { seed: 1, len: 200 };
        let mut bytes = Content::Words { seed: 1, len: 300 }.to_vec()[..len].to_vec();
        if let Some(flip) = flip {
            bytes[flip] ^= 1;
        }
        let mut observer = Observer::new(vec![content.clone()]);
        bytes.chunks(chunk).for_each(|part| observer.push(part));
        let observed = observer.finish();
        let agreement = &observed.against[0];
        assert_eq!(observed.len, len as u64);
        let common = flip.unwrap_or_else(|| len.min(200));
        assert_eq!(agreement.common, common as u64);
        let from = common.saturating_sub(16);
        assert_eq!(agreement.got, bytes[from..len.min(from + 64)], "flip {flip:?} len {len} chunk {chunk}");
        assert_eq!(agreement.expected, content.to_vec()[from..200.min(from + 64)]);
        assert_eq!(agreement.is_equal(observed.len), flip.is_none() && len == 200);
        assert_eq!(agreement.is_prefix(observed.len), flip.is_none() && len <= 200);
    }

    #[test]
    fn the_window_is_the_same_under_any_chunking() {
        for chunk in [1, 5, 16, 64, 1000] {
            check(None, 200, chunk);
            check(None, 150, chunk);
            check(None, 250, chunk);
            check(Some(0), 200, chunk);
            check(Some(100), 200, chunk);
            check(Some(199), 200, chunk);
            check(Some(3), 20, chunk);
        }
    }
}
