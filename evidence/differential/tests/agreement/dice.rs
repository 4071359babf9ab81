//! Chance that is the same in every run.

/// Numbers that look random and are the same in every run (SplitMix64).
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ z >> 31
    }

    pub(crate) fn byte(&mut self) -> u8 {
        self.next().to_le_bytes()[0]
    }

    pub(crate) fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() >> 32).unwrap() % end
    }

    /// Flips one bit and says in which byte.
    pub(crate) fn flip_in(&mut self, bytes: &mut [u8], range: std::ops::Range<usize>) -> usize {
        let bit = range.start * 8 + self.below(range.len() * 8);
        bytes[bit / 8] ^= 1 << (bit % 8);
        bit / 8
    }
}
