//! Pairing: tickets, proofs of having been invited, security numbers.
//!
//! A ticket is a single-use invitation. It tells where the inviting node is and carries a secret;
//! whoever shows the secret is the one invited. That the two organisations are who they seem
//! rests on the security number, which people read to each other.

use super::{Address, DeviceKey};
use crate::codec::{Canonical, CodecError, Reader, Writer};
use crate::entropy::Entropy;
use crate::id::{DeviceId, OrganisationId};
use crate::limits;
use crate::time::Timestamp;
use core::fmt;
use core::str::FromStr;
use zeroize::Zeroize;

/// The secret of one invitation.
#[derive(Clone, PartialEq, Eq, Zeroize)]
#[zeroize(drop)]
pub struct InvitationSecret([u8; 32]);

impl InvitationSecret {
    /// A fresh secret.
    #[must_use]
    pub fn draw(entropy: &mut Entropy) -> Self {
        Self(entropy.bytes())
    }

    /// The secret of these bytes, as a node keeps it until the invitation ends.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The bytes, for the node's own store.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Proof that whoever runs `device` knows the secret, worth nothing to another device.
    #[must_use]
    pub fn proof(&self, device: &DeviceId) -> PairingProof {
        let key = blake3::derive_key("csu-link 0 pairing proof", &self.0);
        PairingProof(blake3::keyed_hash(&key, device.as_bytes()))
    }
}

impl fmt::Debug for InvitationSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("InvitationSecret(..)")
    }
}

/// Shows that a device was invited. Compared in constant time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PairingProof(blake3::Hash);

impl PairingProof {
    /// The proof of these bytes.
    #[must_use]
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(blake3::Hash::from_bytes(bytes))
    }

    /// The bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 32] {
        self.0.as_bytes()
    }
}

/// Why a text is no ticket.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TicketError {
    /// It does not look like one.
    #[error("this is not a ticket: a ticket begins with 'csu-ticket-'; copy it whole from the other organisation's `csu invite`")]
    NotATicket,
    /// Something was lost or changed on the way.
    #[error("the ticket is damaged (a letter is missing or changed): copy it again, whole")]
    Damaged,
    /// The ticket is well copied, but cannot be understood.
    #[error("the ticket cannot be read: {0}; ask for a new one from an up-to-date csu")]
    Unreadable(#[from] CodecError),
}

/// An invitation, as one organisation hands it to another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ticket {
    /// The inviting organisation.
    pub organisation: OrganisationId,
    /// Its device.
    pub device: DeviceId,
    /// Where its device can be reached.
    pub addresses: Vec<Address>,
    /// The secret of the invitation.
    pub secret: InvitationSecret,
    /// When the invitation ends.
    pub expires: Timestamp,
}

const PREFIX: &str = "csu-ticket-";

fn checksum(bytes: &[u8]) -> [u8; 4] {
    let [a, b, c, d, ..] = blake3::derive_key("csu-link 0 ticket checksum", bytes);
    [a, b, c, d]
}

impl Canonical for Ticket {
    const WHAT: &'static str = "a ticket";
    const LIMIT: usize = limits::TICKET_BYTES;

    fn write(&self, w: &mut Writer) {
        w.array(6);
        w.uint(0);
        w.bytes(self.organisation.as_bytes());
        w.bytes(self.device.as_bytes());
        w.list(&self.addresses, |w, address| address.write(w));
        w.bytes(self.secret.as_bytes());
        w.uint(self.expires.as_ms());
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, CodecError> {
        r.array(6, "a ticket")?;
        r.tag("version of a ticket", |version| (version == 0).then_some(()))?;
        Ok(Self {
            organisation: OrganisationId::new(r.fixed("an organisation")?),
            device: DeviceId::new(r.fixed("a device")?),
            addresses: r.list(limits::ADDRESSES, "addresses", Address::read)?,
            secret: InvitationSecret::from_bytes(r.fixed("an invitation's secret")?),
            expires: Timestamp::from_ms(r.uint("an end")?),
        })
    }
}

impl fmt::Display for Ticket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut bytes = self.to_canonical();
        bytes.extend_from_slice(&checksum(&bytes));
        let text = data_encoding::BASE32_NOPAD.encode(&bytes).to_lowercase();
        write!(f, "{PREFIX}{text}")
    }
}

impl FromStr for Ticket {
    type Err = TicketError;

    fn from_str(text: &str) -> Result<Self, TicketError> {
        let text: String = text.chars().take(limits::TICKET_BYTES.saturating_mul(2)).filter(|c| !c.is_whitespace()).collect();
        let lower = text.to_lowercase();
        let body = lower.strip_prefix(PREFIX).ok_or(TicketError::NotATicket)?;
        let bytes = data_encoding::BASE32_NOPAD.decode(body.to_uppercase().as_bytes()).map_err(|_| TicketError::Damaged)?;
        let (ticket, sum) = bytes.split_last_chunk::<4>().ok_or(TicketError::Damaged)?;
        if checksum(ticket) != *sum {
            return Err(TicketError::Damaged);
        }
        Ok(Self::from_canonical(ticket)?)
    }
}

/// The number both screens show, read aloud on a telephone number that both sides know: the
/// same on both only if nobody stands between them. 83 bits, as five groups of five digits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecurityNumber(String);

impl SecurityNumber {
    /// The number over both root keys, both devices and the invitation's secret, the same
    /// whichever side computes it.
    #[must_use]
    pub fn of(one: (OrganisationId, DeviceId), other: (OrganisationId, DeviceId), secret: &InvitationSecret) -> Self {
        let (low, high) = if one <= other { (one, other) } else { (other, one) };
        let mut hasher = blake3::Hasher::new_derive_key("csu-link 0 security number");
        for (organisation, device) in [low, high] {
            hasher.update(organisation.as_bytes());
            hasher.update(device.as_bytes());
        }
        hasher.update(secret.as_bytes());
        let mut bytes = [0; 16];
        hasher.finalize_xof().fill(&mut bytes);
        let digits = format!("{:025}", u128::from_le_bytes(bytes) % 10_000_000_000_000_000_000_000_000);
        let grouped: Vec<String> = digits.as_bytes().chunks(5).map(|five| String::from_utf8_lossy(five).into_owned()).collect();
        Self(grouped.join(" "))
    }

    /// The number that was printed as `text`, from a node's own store.
    #[must_use]
    pub fn from_printed(text: &str) -> Option<Self> {
        let grouped = text.split(' ').all(|five| five.len() == 5 && five.bytes().all(|byte| byte.is_ascii_digit()));
        (text.len() == 29 && grouped).then(|| Self(text.to_owned()))
    }

    /// Whether `typed` is this number, however it was spaced.
    #[must_use]
    pub fn matches(&self, typed: &str) -> bool {
        let digits = |text: &str| text.chars().filter(char::is_ascii_digit).collect::<String>();
        digits(typed) == digits(&self.0)
    }
}

impl fmt::Display for SecurityNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Ticket {
    /// An invitation to the organisation that runs `device`.
    #[must_use]
    pub fn new(
        organisation: OrganisationId,
        device: &DeviceKey,
        addresses: Vec<Address>,
        secret: InvitationSecret,
        expires: Timestamp,
    ) -> Self {
        Self { organisation, device: device.device(), addresses, secret, expires }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ticket() -> Ticket {
        Ticket {
            organisation: OrganisationId::new([1; 32]),
            device: DeviceId::new([2; 32]),
            addresses: vec![Address::new("/ip4/127.0.0.1/udp/4820/quic-v1").unwrap()],
            secret: InvitationSecret::from_bytes([3; 32]),
            expires: Timestamp::from_ms(1_700_000_000_000),
        }
    }

    #[test]
    fn a_ticket_survives_being_broken_over_lines_and_shouted() {
        let text = ticket().to_string();
        let (head, tail) = text.split_at(60);
        assert_eq!(format!(" {head}\n  {tail} ").to_uppercase().parse::<Ticket>().unwrap(), ticket());
    }

    #[test]
    fn every_changed_letter_of_a_ticket_is_noticed() {
        let text = ticket().to_string();
        assert_eq!("hello".parse::<Ticket>(), Err(TicketError::NotATicket));
        assert_eq!("csu-ticket-".parse::<Ticket>(), Err(TicketError::Damaged));
        for at in PREFIX.len()..text.len() {
            let mut damaged = text.clone().into_bytes();
            damaged[at] = if damaged[at] == b'a' { b'b' } else { b'a' };
            assert_eq!(String::from_utf8(damaged).unwrap().parse::<Ticket>(), Err(TicketError::Damaged), "letter {at}");
        }
    }

    #[test]
    fn both_sides_see_one_security_number_and_an_impostor_another() {
        let secret = InvitationSecret::from_bytes([7; 32]);
        let side = |byte| (OrganisationId::new([byte; 32]), DeviceId::new([byte; 32]));
        let number = SecurityNumber::of(side(1), side(2), &secret);
        assert_eq!(number, SecurityNumber::of(side(2), side(1), &secret));
        assert_ne!(number, SecurityNumber::of(side(1), side(3), &secret));
        assert_ne!(number, SecurityNumber::of(side(1), side(2), &InvitationSecret::from_bytes([8; 32])));
        assert_eq!(number.to_string().len(), 29);
        assert!(number.matches(&number.to_string().replace(' ', "-")));
        assert!(!number.matches(""));
    }

    #[test]
    fn a_proof_is_worth_nothing_to_another_device() {
        let secret = InvitationSecret::from_bytes([7; 32]);
        assert_ne!(secret.proof(&DeviceId::new([1; 32])), secret.proof(&DeviceId::new([2; 32])));
    }
}
