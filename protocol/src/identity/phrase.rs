//! The recovery phrase: a root secret as 24 English words (BIP-39).

use super::RootKey;
use core::fmt;
use zeroize::Zeroizing;

/// Why words are no recovery phrase. The person who typed them can mend it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PhraseError {
    /// There are too few or too many.
    #[error("a recovery phrase has 24 words, not {found}: type all of them, in order, with spaces between")]
    Length {
        /// How many words were found.
        found: usize,
    },
    /// A word is not in the list.
    #[error("word {position} is not in the list of recovery words: compare it with your paper")]
    Word {
        /// Which word, from 1. The word itself stays out of messages and logs.
        position: usize,
    },
    /// The words are all known, but do not belong together.
    #[error("the words do not belong together: one is wrong or two are swapped; compare them with your paper")]
    Checksum,
}

/// 24 words that are an organisation's root secret.
pub struct RecoveryPhrase(Zeroizing<String>);

impl RecoveryPhrase {
    /// The phrase of `root`.
    ///
    /// # Errors
    /// Never for a 32-byte secret; the word list's own error is passed on rather than assumed away.
    pub fn of(root: &RootKey) -> Result<Self, PhraseError> {
        let words = bip39::Mnemonic::from_entropy(root.secret()).map_err(|_| PhraseError::Checksum)?;
        Ok(Self(Zeroizing::new(words.to_string())))
    }

    /// Reads a phrase as a person types it: any case, any spacing.
    ///
    /// # Errors
    /// When it is not a phrase of 24 known words that belong together.
    pub fn parse(text: &str) -> Result<Self, PhraseError> {
        let lower = Zeroizing::new(text.to_lowercase());
        let words = Zeroizing::new(lower.split_whitespace().collect::<Vec<_>>().join(" "));
        let found = words.split(' ').filter(|word| !word.is_empty()).count();
        if found != 24 {
            return Err(PhraseError::Length { found });
        }
        match bip39::Mnemonic::parse_in_normalized(bip39::Language::English, &words) {
            Ok(_) => Ok(Self(words)),
            Err(bip39::Error::UnknownWord(index)) => Err(PhraseError::Word { position: index.saturating_add(1) }),
            Err(_) => Err(PhraseError::Checksum),
        }
    }

    /// The root key that the words are.
    ///
    /// # Errors
    /// Never for a phrase made here; the word list's own error is passed on rather than assumed away.
    pub fn root_key(&self) -> Result<RootKey, PhraseError> {
        let words = bip39::Mnemonic::parse_in_normalized(bip39::Language::English, &self.0).map_err(|_| PhraseError::Checksum)?;
        let entropy = Zeroizing::new(words.to_entropy());
        let secret = <[u8; 32]>::try_from(entropy.as_slice()).map_err(|_| PhraseError::Length { found: words.word_count() })?;
        Ok(RootKey::from_secret(secret))
    }

    /// The words, for the one screen or file that shows them.
    #[must_use]
    pub fn words(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for RecoveryPhrase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RecoveryPhrase(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_phrase_gives_back_its_root_key_however_it_is_typed() {
        let root = RootKey::from_secret([9; 32]);
        let phrase = RecoveryPhrase::of(&root).unwrap();
        let typed = format!("  {}\n", phrase.words().to_uppercase().replace(' ', "   "));
        let again = RecoveryPhrase::parse(&typed).unwrap().root_key().unwrap();
        assert_eq!(again.organisation(), root.organisation());
    }

    #[test]
    fn a_mistyped_phrase_is_refused_saying_which_word() {
        let phrase = RecoveryPhrase::of(&RootKey::from_secret([9; 32])).unwrap();
        let mut words: Vec<&str> = phrase.words().split(' ').collect();
        assert_eq!(RecoveryPhrase::parse(&words[..23].join(" ")).unwrap_err(), PhraseError::Length { found: 23 });
        assert_eq!(RecoveryPhrase::parse("").unwrap_err(), PhraseError::Length { found: 0 });
        words[4] = "brixton";
        assert_eq!(RecoveryPhrase::parse(&words.join(" ")).unwrap_err(), PhraseError::Word { position: 5 });
        words[4] = "zoo";
        words[5] = "zebra";
        assert_eq!(RecoveryPhrase::parse(&words.join(" ")).unwrap_err(), PhraseError::Checksum);
    }
}
