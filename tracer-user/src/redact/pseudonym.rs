//! Keyed pseudonyms: the same word becomes the same pseudonym under one key, and nobody without the
//! key can tell from which word, not even by trying all.

use std::hash::Hasher as _;

use siphasher::sip128::{Hasher128 as _, SipHasher24};

/// Crockford's base 32, small: no letter that looks like a digit.
const DIGITS: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
/// Of a pseudonym, so many digits: 40 bits. Of 10,000 words two share one in 20,000 traces.
const LEN: usize = 8;

/// What turns words into pseudonyms.
#[derive(Clone)]
pub struct Key([u8; 16]);

impl Key {
    /// A key that nobody knows, and that is forgotten at the end of the run.
    ///
    /// # Errors
    /// Where the kernel has no random numbers.
    pub fn random() -> std::io::Result<Self> {
        let mut key = [0; 16];
        getrandom::fill(&mut key)?;
        Ok(Self(key))
    }

    /// The key that belongs to a secret of the user's.
    #[must_use]
    pub fn from_secret(secret: &str) -> Self {
        let mut hasher = SipHasher24::new();
        hasher.write(secret.as_bytes());
        Self(hasher.finish128().as_bytes())
    }

    /// 128 bits that depend on all bits of `word`. `purpose` keeps apart what one word gives in
    /// different places.
    pub(super) fn bits(&self, purpose: &str, word: &[u8]) -> u128 {
        let mut hasher = SipHasher24::new_with_key(&self.0);
        hasher.write(purpose.as_bytes());
        hasher.write_u8(0);
        hasher.write(word);
        hasher.finish128().as_u128()
    }

    /// Eight letters and digits. They depend on the word alone, whatever it is used for: a name that
    /// appears in two places can be recognised.
    pub(super) fn short(&self, word: &str) -> String {
        let mut bits = self.bits("word", word.as_bytes());
        let mut short = String::with_capacity(LEN);
        for _ in 0..LEN {
            short.push(char::from(DIGITS[usize::from((bits & 31) as u8)]));
            bits >>= 5;
        }
        short
    }

    /// So many hexadecimal digits, 32 at most from one word.
    pub(super) fn hex(&self, word: &str, digits: usize) -> String {
        let one = self.bits("hex", word.as_bytes());
        let two = self.bits("hex, more", word.as_bytes());
        let mut text = format!("{one:032x}{two:032x}");
        text.truncate(digits);
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_has_one_pseudonym_under_one_key() {
        let (one, two) = (Key::from_secret("a"), Key::from_secret("b"));
        assert_eq!(one.short("nginx"), Key::from_secret("a").short("nginx"));
        assert_ne!(one.short("nginx"), one.short("nginy"));
        assert_ne!(one.short("nginx"), two.short("nginx"));
        assert_eq!(one.short("nginx").len(), LEN);
        assert_eq!(one.hex("0a1b", 64).len(), 64);
    }

    #[test]
    fn random_keys_differ() {
        let (one, two) = (Key::random().unwrap(), Key::random().unwrap());
        assert_ne!(one.short("nginx"), two.short("nginx"));
    }
}
