//! Where a device can be reached, signed by the device itself, because addresses change more
//! often than anyone takes a recovery phrase from its drawer.

use super::{DeviceKey, IdentityError, Signature, Verifier};
use crate::codec::{Canonical, CodecError, Reader, Writer};
use crate::id::{DeviceId, Hash};
use crate::limits;
use core::fmt;
use serde::{Deserialize, Serialize};

const DOMAIN: &str = "csu-link 0 addresses";

/// Why a text is no address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("'{found}' is no address: write it as a multiaddress such as /ip4/192.0.2.7/udp/4820/quic-v1, of at most {limit} bytes")]
pub struct AddressError {
    /// The start of what was found.
    pub found: String,
    /// The most bytes an address may have.
    pub limit: usize,
}

/// A multiaddress as text. Its grammar is the network's business; here it is bounded and printable.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Address(String);

impl Address {
    /// Checks an address.
    ///
    /// # Errors
    /// When it is too long, does not begin with a slash, or holds anything but visible ASCII.
    pub fn new(text: &str) -> Result<Self, AddressError> {
        if !text.starts_with('/') || text.len() > limits::ADDRESS_BYTES || !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(AddressError { found: text.chars().take(60).collect(), limit: limits::ADDRESS_BYTES });
        }
        Ok(Self(text.to_owned()))
    }

    /// The address.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub(crate) fn write(&self, w: &mut Writer) {
        w.text(&self.0);
    }

    pub(crate) fn read(r: &mut Reader<'_>) -> Result<Self, CodecError> {
        let text = r.text(limits::ADDRESS_BYTES, "an address")?;
        Self::new(text).map_err(|_| r.malformed("an address"))
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for Address {
    type Error = AddressError;

    fn try_from(text: String) -> Result<Self, AddressError> {
        Self::new(&text)
    }
}

impl From<Address> for String {
    fn from(address: Address) -> Self {
        address.0
    }
}

/// Where a device says it can be reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AddressRecord {
    /// The device.
    pub device: DeviceId,
    /// Counts its records; the highest holds.
    pub sequence: u64,
    /// Its addresses, best first.
    pub addresses: Vec<Address>,
}

impl Canonical for AddressRecord {
    const WHAT: &'static str = "a record of addresses";
    const LIMIT: usize = limits::ADDRESSES_BYTES;

    fn write(&self, w: &mut Writer) {
        w.array(4);
        w.uint(0);
        w.bytes(self.device.as_bytes());
        w.uint(self.sequence);
        w.list(&self.addresses, |w, address| address.write(w));
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, CodecError> {
        r.array(4, "a record of addresses")?;
        r.tag("version of a record of addresses", |version| (version == 0).then_some(()))?;
        Ok(Self {
            device: DeviceId::new(r.fixed("a device")?),
            sequence: r.uint("a sequence number")?,
            addresses: r.list(limits::ADDRESSES, "addresses", Address::read)?,
        })
    }
}

/// A record whose signature was checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedAddresses {
    record: AddressRecord,
    signature: Signature,
}

impl SignedAddresses {
    /// Signs the addresses of the device of `key`; more than [`limits::ADDRESSES`] are cut off.
    #[must_use]
    pub fn sign(key: &DeviceKey, sequence: u64, mut addresses: Vec<Address>) -> Self {
        addresses.truncate(limits::ADDRESSES);
        let record = AddressRecord { device: key.device(), sequence, addresses };
        let signature = key.sign(DOMAIN, Hash::of(&record.to_canonical()).as_bytes());
        Self { record, signature }
    }

    /// Takes a record and checks its signature by the device it names.
    ///
    /// # Errors
    /// When the signature does not fit.
    pub fn verify(record: AddressRecord, signature: Signature) -> Result<Self, IdentityError> {
        let hash = Hash::of(&record.to_canonical());
        Verifier::default().verify(record.device.as_bytes(), DOMAIN, hash.as_bytes(), &signature, "a record of addresses")?;
        Ok(Self { record, signature })
    }

    /// What it says.
    #[must_use]
    pub const fn record(&self) -> &AddressRecord {
        &self.record
    }

    /// The device's signature.
    #[must_use]
    pub const fn signature(&self) -> &Signature {
        &self.signature
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_of_addresses_reads_back_and_belongs_to_its_device() {
        let key = DeviceKey::from_seed(&[4; 32]);
        let signed = SignedAddresses::sign(&key, 2, vec![Address::new("/ip4/127.0.0.1/tcp/4820").unwrap()]);
        let read = AddressRecord::from_canonical(&signed.record().to_canonical()).unwrap();
        assert_eq!(SignedAddresses::verify(read.clone(), *signed.signature()).unwrap(), signed);
        let stolen = AddressRecord { device: DeviceKey::from_seed(&[5; 32]).device(), ..read };
        assert!(SignedAddresses::verify(stolen, *signed.signature()).is_err());
    }

    #[test]
    fn an_address_is_bounded_and_printable() {
        for text in ["", "example.org", "/ip4/1\n", &format!("/{}", "x".repeat(256))] {
            assert!(Address::new(text).is_err(), "{text:?}");
        }
    }
}
