//! Cards: what a root key signs about its organisation.

use super::keys::can_be_wrapped_for;
use super::{CardSecret, IdentityError, RootKey, Signature, Verifier};
use crate::codec::{Canonical, CodecError, Reader, Writer};
use crate::id::{DeviceId, Hash, OrganisationId};
use crate::limits;
use core::fmt;
use core::str::FromStr;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

const DOMAIN: &str = "csu-link 0 card";

/// BLAKE3 of a card's canonical bytes.
pub type CardId = Hash;

/// What sort of organisation a card says it is. A claim, like the name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OrganisationKind {
    /// A community security union.
    Union,
    /// A police force or a part of one.
    Police,
    /// A council or another authority.
    Council,
    /// Whoever funds unions.
    Funder,
    /// Anyone else.
    Other,
}

impl OrganisationKind {
    /// All kinds, in the order of their tags.
    pub const ALL: [Self; 5] = [Self::Union, Self::Police, Self::Council, Self::Funder, Self::Other];

    const fn tag(self) -> u64 {
        match self {
            Self::Union => 0,
            Self::Police => 1,
            Self::Council => 2,
            Self::Funder => 3,
            Self::Other => 4,
        }
    }

    /// The word for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Union => "union",
            Self::Police => "police",
            Self::Council => "council",
            Self::Funder => "funder",
            Self::Other => "other",
        }
    }
}

impl fmt::Display for OrganisationKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for OrganisationKind {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL
            .into_iter()
            .find(|kind| kind.as_str() == text)
            .ok_or_else(|| format!("'{text}' is no kind of organisation: use union, police, council, funder or other"))
    }
}

/// Why a text is no organisation's name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("an organisation's name has 1 to {limit} bytes, no control characters and no spaces at its ends; choose another")]
pub struct NameError {
    /// The most bytes a name may have.
    pub limit: usize,
}

/// The name an organisation gives itself. Nobody vouches for it until somebody confirms it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Name(String);

impl Name {
    /// Checks a name.
    ///
    /// # Errors
    /// When it is empty, too long, padded, or holds control or direction-changing characters,
    /// with which one name could be made to look like another.
    pub fn new(text: &str) -> Result<Self, NameError> {
        let misleading = |c: char| {
            c.is_control() || matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
        };
        if text.is_empty() || text.len() > limits::NAME_BYTES || text.trim() != text || text.chars().any(misleading) {
            return Err(NameError { limit: limits::NAME_BYTES });
        }
        Ok(Self(text.to_owned()))
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for Name {
    type Error = NameError;

    fn try_from(text: String) -> Result<Self, NameError> {
        Self::new(&text)
    }
}

impl From<Name> for String {
    fn from(name: Name) -> Self {
        name.0
    }
}

/// What an organisation says of itself and of the device that acts for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Card {
    /// The organisation: its root key's public half.
    pub organisation: OrganisationId,
    /// Counts the organisation's devices; the highest is the one in use.
    pub generation: u64,
    /// The device that acts for it.
    pub device: DeviceId,
    /// The X25519 key that document keys are wrapped for. Not of small order.
    pub wrap_key: [u8; 32],
    /// The name it gives itself.
    pub name: Name,
    /// What sort of organisation it says it is.
    pub kind: OrganisationKind,
}

impl Canonical for Card {
    const WHAT: &'static str = "a card";
    const LIMIT: usize = limits::CARD_BYTES;

    fn write(&self, w: &mut Writer) {
        w.array(7);
        w.uint(0);
        w.bytes(self.organisation.as_bytes());
        w.uint(self.generation);
        w.bytes(self.device.as_bytes());
        w.bytes(&self.wrap_key);
        w.text(self.name.as_str());
        w.uint(self.kind.tag());
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, CodecError> {
        r.array(7, "a card")?;
        r.tag("version of a card", |version| (version == 0).then_some(()))?;
        Ok(Self {
            organisation: OrganisationId::new(r.fixed("an organisation")?),
            generation: r.uint("a generation")?,
            device: DeviceId::new(r.fixed("a device")?),
            wrap_key: {
                let key = r.fixed("an X25519 key")?;
                if !can_be_wrapped_for(&key) {
                    return Err(r.malformed("an X25519 key that is not of small order"));
                }
                key
            },
            name: {
                let text = r.text(limits::NAME_BYTES, "a name")?;
                Name::new(text).map_err(|_| r.malformed("a name without control characters"))?
            },
            kind: r.tag("kind of organisation", |tag| OrganisationKind::ALL.into_iter().find(|kind| kind.tag() == tag))?,
        })
    }
}

/// A card whose signature was checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedCard {
    card: Card,
    id: CardId,
    signature: Signature,
}

impl SignedCard {
    /// The card of `generation`: `device` acts for the organisation of `root`.
    #[must_use]
    pub fn sign(root: &RootKey, generation: u64, device: DeviceId, name: Name, kind: OrganisationKind) -> Self {
        let wrap_key = CardSecret::public(&root.card_secret(generation));
        let card = Card { organisation: root.organisation(), generation, device, wrap_key, name, kind };
        let id = Hash::of(&card.to_canonical());
        let signature = root.sign(DOMAIN, id.as_bytes());
        Self { card, id, signature }
    }

    /// Takes a card and checks its signature by the root key it names.
    ///
    /// # Errors
    /// When the signature does not fit.
    pub fn verify(card: Card, signature: Signature) -> Result<Self, IdentityError> {
        let id = Hash::of(&card.to_canonical());
        Verifier::default().verify(card.organisation.as_bytes(), DOMAIN, id.as_bytes(), &signature, "a card")?;
        Ok(Self { card, id, signature })
    }

    /// What it says.
    #[must_use]
    pub const fn card(&self) -> &Card {
        &self.card
    }

    /// Its id.
    #[must_use]
    pub const fn id(&self) -> &CardId {
        &self.id
    }

    /// The root key's signature.
    #[must_use]
    pub const fn signature(&self) -> &Signature {
        &self.signature
    }

    /// Whether this card, and not `other` of the same organisation, says whom to connect to and
    /// wrap keys for: the highest generation, at a tie the lower hash.
    #[must_use]
    pub fn supersedes(&self, other: &Self) -> bool {
        (self.card.generation, core::cmp::Reverse(self.id)) > (other.card.generation, core::cmp::Reverse(other.id))
    }
}

/// A device in whose place its organisation goes on with others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Replaced {
    /// The organisation.
    pub organisation: OrganisationId,
    /// The device.
    pub device: DeviceId,
    /// Those that took its place, each by a newer card.
    pub successors: BTreeSet<DeviceId>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn signed(generation: u64, device: u8) -> SignedCard {
        let name = Name::new("Brixton Community Security Union").unwrap();
        SignedCard::sign(&RootKey::from_secret([1; 32]), generation, DeviceId::new([device; 32]), name, OrganisationKind::Union)
    }

    #[test]
    fn a_card_reads_back_and_a_changed_one_does_not_verify() {
        let card = signed(0, 5);
        let read = Card::from_canonical(&card.card().to_canonical()).unwrap();
        assert_eq!(SignedCard::verify(read.clone(), *card.signature()).unwrap(), card);
        let changed = Card { generation: 7, ..read };
        assert!(SignedCard::verify(changed, *card.signature()).is_err());
    }

    #[test]
    fn a_card_with_a_key_that_nobody_can_wrap_for_is_refused() {
        // One such reader would keep all writers of a document from starting an epoch.
        let card = signed(0, 5).card().clone();
        let one = core::array::from_fn(|at| u8::from(at == 0));
        for wrap_key in [[0; 32], one] {
            let bytes = Card { wrap_key, ..card.clone() }.to_canonical();
            assert!(matches!(Card::from_canonical(&bytes), Err(CodecError::Malformed { .. })));
        }
        assert!(Card::from_canonical(&card.to_canonical()).is_ok());
    }

    #[test]
    fn the_highest_generation_wins_and_a_tie_goes_to_the_lower_hash() {
        assert!(signed(1, 5).supersedes(&signed(0, 5)));
        let (a, b) = (signed(1, 5), signed(1, 6));
        assert_eq!(a.supersedes(&b), a.id() < b.id());
        assert!(!a.supersedes(&a));
    }

    #[test]
    fn a_name_that_could_mislead_is_refused() {
        for text in ["", " Brixton", "Brixton ", "Brix\nton", "Brixton\u{202e}noinU", &"x".repeat(121)] {
            assert!(Name::new(text).is_err(), "{text:?}");
        }
        assert!(Name::new("Pobl Caerdydd – Undeb Diogelwch").is_ok());
    }
}
