//! The bytes of one file: a content that is never materialised, and chunks of what was written over it.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::ftp::content::Content;

/// Bytes of a chunk.
const CHUNK: u64 = 64 * 1024;

/// A file's bytes. What was laid costs nothing; what is written costs chunks of 64 KiB, which copies share until they differ.
#[derive(Debug, Clone)]
pub struct FileData {
    base: Content,
    /// How much of the base still shows; behind it are zeros.
    base_len: u64,
    len: u64,
    /// By the number of the chunk; each whole.
    chunks: BTreeMap<u64, Arc<[u8]>>,
}

impl Default for FileData {
    fn default() -> Self {
        Self::new(Content::Zeros(0))
    }
}

impl FileData {
    /// A file of this content.
    #[must_use]
    pub fn new(base: Content) -> Self {
        let len = base.len();
        Self { base, base_len: len, len, chunks: BTreeMap::new() }
    }

    /// Bytes.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.len
    }

    /// Whether it has no byte.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Reads from `offset` on into `out`; says how many bytes there were.
    #[must_use]
    pub fn read(&self, offset: u64, out: &mut [u8]) -> usize {
        let there = to_usize(self.len.saturating_sub(offset).min(out.len() as u64));
        let mut done = 0;
        while done < there {
            let at = offset + done as u64;
            let within = to_usize(at % CHUNK);
            let take = (to_usize(CHUNK) - within).min(there - done);
            let part = &mut out[done..done + take];
            match self.chunks.get(&(at / CHUNK)) {
                Some(chunk) => part.copy_from_slice(&chunk[within..within + take]),
                None => self.read_base(at, part),
            }
            done += take;
        }
        there
    }

    fn read_base(&self, offset: u64, out: &mut [u8]) {
        let shown = to_usize(self.base_len.saturating_sub(offset).min(out.len() as u64));
        let (base, zeros) = out.split_at_mut(shown);
        if !base.is_empty() {
            self.base.fill(offset, base);
        }
        zeros.fill(0);
    }

    /// Writes at `offset`; what lies between the end and there becomes zeros. Bytes beyond 2^64 are dropped.
    pub fn write(&mut self, offset: u64, bytes: &[u8]) {
        let bytes = &bytes[..to_usize((bytes.len() as u64).min(u64::MAX - offset))];
        let mut done = 0;
        while done < bytes.len() {
            let at = offset + done as u64;
            let within = to_usize(at % CHUNK);
            let take = (to_usize(CHUNK) - within).min(bytes.len() - done);
            let chunk = self.chunk(at / CHUNK);
            chunk[within..within + take].copy_from_slice(&bytes[done..done + take]);
            done += take;
        }
        if !bytes.is_empty() {
            self.len = self.len.max(offset + bytes.len() as u64);
        }
    }

    /// The chunk of a number, made from the base where it is not there.
    fn chunk(&mut self, number: u64) -> &mut [u8] {
        if !self.chunks.contains_key(&number) {
            let mut chunk = vec![0; to_usize(CHUNK)];
            self.read_base(number * CHUNK, &mut chunk);
            self.chunks.insert(number, chunk.into());
        }
        Arc::make_mut(self.chunks.get_mut(&number).expect("it was just put there"))
    }

    /// Cuts the file to `len` bytes, or lengthens it by zeros.
    pub fn truncate(&mut self, len: u64) {
        if len < self.len {
            self.base_len = self.base_len.min(len);
            self.chunks.split_off(&len.div_ceil(CHUNK));
            if let Some(chunk) = self.chunks.get_mut(&(len / CHUNK)) {
                Arc::make_mut(chunk)[to_usize(len % CHUNK)..].fill(0);
            }
        }
        self.len = len;
    }

    /// The whole, in memory. For files that are known to be small.
    #[must_use]
    pub fn to_vec(&self) -> Vec<u8> {
        let mut bytes = vec![0; to_usize(self.len)];
        let _ = self.read(0, &mut bytes);
        bytes
    }
}

fn to_usize(number: u64) -> usize {
    usize::try_from(number).expect("bounded by a buffer in memory")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_hole_costs_nothing_and_takes_bytes_anywhere() {
        let mut file = FileData::new(Content::Zeros(5 << 30));
        file.write(4 << 30, b"here");
        let mut out = [9; 6];
        assert_eq!(file.read((4 << 30) - 1, &mut out), 6);
        assert_eq!(&out, b"\0here\0");
        assert_eq!(file.len(), 5 << 30);
        assert_eq!(file.chunks.len(), 1);
    }

    #[test]
    fn what_was_cut_off_does_not_come_back() {
        let mut file = FileData::new(Content::Words { seed: 1, len: 200_000 });
        file.write(65_000, &[7; 1000]);
        file.truncate(65_500);
        file.truncate(150_000);
        let bytes = file.to_vec();
        assert_eq!(bytes[65_499], 7);
        assert!(bytes[65_500..].iter().all(|byte| *byte == 0));
        assert_eq!(bytes.len(), 150_000);
    }

    #[derive(Debug, Clone)]
    enum Step {
        Write(u64, usize),
        Truncate(u64),
        Read(u64, usize),
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            (0_u64..300_000, 0_usize..70_000).prop_map(|(at, len)| Step::Write(at, len)),
            (0_u64..300_000).prop_map(Step::Truncate),
            (0_u64..300_000, 0_usize..140_000).prop_map(|(at, len)| Step::Read(at, len)),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn it_acts_as_a_vector_of_bytes_does(len in 0_u64..200_000, steps in prop::collection::vec(step(), 1..8)) {
            let content = Content::Words { seed: 3, len };
            let (mut model, mut file) = (content.to_vec(), FileData::new(content));
            for (number, step) in steps.into_iter().enumerate() {
                match step {
                    Step::Write(at, len) => {
                        let bytes = vec![u8::try_from(number + 1).unwrap(); len];
                        file.write(at, &bytes);
                        if len > 0 {
                            let at = usize::try_from(at).unwrap();
                            model.resize(model.len().max(at + len), 0);
                            model[at..at + len].copy_from_slice(&bytes);
                        }
                    }
                    Step::Truncate(len) => {
                        file.truncate(len);
                        model.resize(usize::try_from(len).unwrap(), 0);
                    }
                    Step::Read(at, len) => {
                        let mut out = vec![0xee; len];
                        let there = file.read(at, &mut out);
                        let from = usize::try_from(at).unwrap().min(model.len());
                        prop_assert_eq!(&out[..there], &model[from..(from + len).min(model.len())]);
                    }
                }
                prop_assert_eq!(file.len(), model.len() as u64);
            }
            prop_assert!(file.to_vec() == model);
        }
    }
}
