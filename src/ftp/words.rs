//! Words of 8 bytes, each of which tells where it stands: made and compared at the speed of memory.
//!
//! A word is its index, spread over 64 bits by a bijection that a seed chooses. So any slice can be computed, no word comes twice, and a
//! word that came at a wrong place says which is its own. One word follows from the one before by an addition, which is what the
//! processor does to several words at once; nothing is kept in memory, so that the cache is left to the bytes.

/// How far spread indices lie apart; odd, so that no two are the same.
const STEP: u64 = 0x9e37_79b9_7f4a_7c15;
/// What a seed is spread by.
const SEED: u64 = 0xd1b5_4a32_d192_ed03;
/// Bytes of a word.
const WORD: u64 = 8;
/// Words that are computed side by side: what is compared with them stays in the 16 registers of every x86-64.
const LANES: usize = 4;
/// Bytes of them.
const ROW: usize = LANES * 8;
/// Bytes that are compared before it is looked whether they differ.
const STRETCH: usize = 4096;

/// The words of a seed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Words {
    /// The index of the first word, moved by the seed.
    first: u64,
}

impl Words {
    /// Those of this seed.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self { first: seed.wrapping_mul(SEED) }
    }

    /// The word at an index.
    #[must_use]
    pub const fn word(self, index: u64) -> [u8; 8] {
        mix(self.spread(index)).to_le_bytes()
    }

    /// The index at which this word stands; any eight bytes are the word of some index.
    #[must_use]
    pub const fn index(self, word: [u8; 8]) -> u64 {
        // Its own inverse: the upper half was not changed.
        mix(u64::from_le_bytes(word)).wrapping_mul(inverse(STEP)).wrapping_sub(self.first)
    }

    const fn spread(self, index: u64) -> u64 {
        index.wrapping_add(self.first).wrapping_mul(STEP)
    }

    /// Writes the bytes from `offset` on.
    pub fn fill(self, offset: u64, out: &mut [u8]) {
        let (mut index, head) = begin(offset, out.len());
        let (first, rest) = out.split_at_mut(head);
        if head > 0 {
            first.copy_from_slice(&self.word(index)[within(offset)..][..head]);
            index += 1;
        }
        let (rows, tail) = rest.as_chunks_mut::<ROW>();
        let mut lanes = self.lanes(index);
        for row in &mut *rows {
            for (word, lane) in row.as_chunks_mut::<8>().0.iter_mut().zip(&mut lanes) {
                *word = mix(*lane).to_le_bytes();
                *lane = lane.wrapping_add(STEP.wrapping_mul(LANES as u64));
            }
        }
        index += (rows.len() * LANES) as u64;
        for (place, word) in tail.chunks_mut(8).zip(index..) {
            place.copy_from_slice(&self.word(word)[..place.len()]);
        }
    }

    /// How many of these bytes, from the first, are those from `offset` on.
    #[must_use]
    pub fn common(self, offset: u64, bytes: &[u8]) -> usize {
        let (mut index, head) = begin(offset, bytes.len());
        let (first, rest) = bytes.split_at(head);
        if head > 0 {
            let same = agree(&self.word(index)[within(offset)..][..head], first);
            if same < head {
                return same;
            }
            index += 1;
        }
        let mut done = head;
        for stretch in rest.chunks(STRETCH) {
            if !self.is_at(index, stretch) {
                return done + self.first_difference(index, stretch);
            }
            done += stretch.len();
            index += stretch.len() as u64 / WORD;
        }
        done
    }

    /// Whether these are the bytes from a word on.
    fn is_at(self, index: u64, bytes: &[u8]) -> bool {
        let (rows, tail) = bytes.as_chunks::<ROW>();
        let mut lanes = self.lanes(index);
        let mut differ = [0; LANES];
        for row in rows {
            for ((word, lane), differ) in row.as_chunks::<8>().0.iter().zip(&mut lanes).zip(&mut differ) {
                *differ |= mix(*lane) ^ u64::from_le_bytes(*word);
                *lane = lane.wrapping_add(STEP.wrapping_mul(LANES as u64));
            }
        }
        let behind = index + (rows.len() * LANES) as u64;
        differ == [0; LANES] && self.first_difference(behind, tail) == tail.len()
    }

    /// How many bytes agree with those from a word on, one word after the other.
    fn first_difference(self, index: u64, bytes: &[u8]) -> usize {
        let mut done = 0;
        for (part, index) in bytes.chunks(8).zip(index..) {
            let same = agree(&self.word(index)[..part.len()], part);
            done += same;
            if same < part.len() {
                break;
            }
        }
        done
    }

    fn lanes(self, index: u64) -> [u64; LANES] {
        std::array::from_fn(|lane| self.spread(index.wrapping_add(lane as u64)))
    }
}

/// What makes of a spread index its word.
const fn mix(x: u64) -> u64 {
    x ^ (x >> 32)
}

/// What an odd number is multiplied by to get 1; each round doubles the bits that are right.
const fn inverse(odd: u64) -> u64 {
    let mut inverse = odd;
    let mut round = 0;
    while round < 5 {
        inverse = inverse.wrapping_mul(2_u64.wrapping_sub(odd.wrapping_mul(inverse)));
        round += 1;
    }
    inverse
}

/// The word in which an offset lies, and how many of `len` bytes stand before the next word, if it does not begin there.
fn begin(offset: u64, len: usize) -> (u64, usize) {
    (offset / WORD, ((8 - within(offset)) % 8).min(len))
}

/// How far an offset lies within its word.
fn within(offset: u64) -> usize {
    usize::try_from(offset % WORD).expect("below 8")
}

/// The length of the common beginning.
fn agree(a: &[u8], b: &[u8]) -> usize {
    a.iter().zip(b).take_while(|(a, b)| a == b).count()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_word_tells_its_index() {
        for seed in [0, 1, 7, u64::MAX] {
            let words = Words::new(seed);
            for index in [0, 1, 2, 1 << 20, u64::MAX / 8, u64::MAX] {
                assert_eq!(words.index(words.word(index)), index);
            }
        }
        // As they always were: the same seed gives the same files.
        assert_eq!(Words::new(1).word(0), [0xd9, 0x38, 0xe8, 0x0c, 0xe6, 0xdd, 0x50, 0x57]);
    }

    proptest! {
        #[test]
        fn any_slice_is_what_its_words_say(seed: u64, offset in 0_u64..1 << 40, len in 0_usize..9000) {
            let words = Words::new(seed);
            let mut bytes = vec![0; len];
            words.fill(offset, &mut bytes);
            for (place, byte) in (offset..).zip(&bytes) {
                prop_assert_eq!(*byte, words.word(place / 8)[(place % 8) as usize]);
            }
            prop_assert_eq!(words.common(offset, &bytes), len);
        }

        #[test]
        fn a_changed_byte_is_found(offset in 0_u64..1 << 40, len in 1_usize..9000, at: prop::sample::Index, bit in 0_u32..8) {
            let words = Words::new(3);
            let mut bytes = vec![0; len];
            words.fill(offset, &mut bytes);
            let at = at.index(len);
            bytes[at] ^= 1 << bit;
            prop_assert_eq!(words.common(offset, &bytes), at);
        }

        #[test]
        fn bytes_of_elsewhere_part_within_two_words(offset in 0_u64..1 << 40, other in 0_u64..1 << 40) {
            prop_assume!(offset != other);
            let words = Words::new(3);
            let mut bytes = [0; 16];
            words.fill(other, &mut bytes);
            prop_assert!(words.common(offset, &bytes) < 16);
        }
    }
}
