//! Who acts in the vectors: two organisations and their devices, from fixed secrets.

use csu_protocol::entropy::Entropy;
use csu_protocol::id::OrganisationId;
use csu_protocol::identity::{Address, DeviceKey, Name, OrganisationKind, RootKey, SignedAddresses, SignedCard};

/// The secrets from which everything is made.
pub(super) const BRIXTON_ROOT: [u8; 32] = [0x11; 32];
pub(super) const BRIXTON_DEVICE: [u8; 32] = [0x12; 32];
pub(super) const POLICE_ROOT: [u8; 32] = [0x21; 32];
pub(super) const POLICE_DEVICE: [u8; 32] = [0x22; 32];

/// An organisation that only appears by its id.
pub(super) const COUNCIL: OrganisationId = OrganisationId::new([0x33; 32]);

pub(super) struct Organisation {
    pub(super) root: RootKey,
    pub(super) device: DeviceKey,
}

impl Organisation {
    pub(super) fn id(&self) -> OrganisationId {
        self.root.organisation()
    }
}

pub(super) fn brixton() -> Organisation {
    Organisation { root: RootKey::from_secret(BRIXTON_ROOT), device: DeviceKey::from_seed(&BRIXTON_DEVICE) }
}

pub(super) fn police() -> Organisation {
    Organisation { root: RootKey::from_secret(POLICE_ROOT), device: DeviceKey::from_seed(&POLICE_DEVICE) }
}

/// A name that is known to be one.
#[expect(clippy::expect_used, reason = "the names are written here")]
pub(super) fn name(text: &str) -> Name {
    Name::new(text).expect("a name")
}

pub(super) fn card(of: &Organisation, generation: u64, text: &str, kind: OrganisationKind) -> SignedCard {
    SignedCard::sign(&of.root, generation, of.device.device(), name(text), kind)
}

pub(super) fn brixton_card() -> SignedCard {
    card(&brixton(), 0, "Brixton Community Security Union", OrganisationKind::Union)
}

#[expect(clippy::expect_used, reason = "the addresses are written here")]
pub(super) fn addresses() -> Vec<Address> {
    let texts = ["/ip4/192.0.2.7/udp/4820/quic-v1", "/dns/csu.example.org/tcp/4820"];
    texts.iter().map(|text| Address::new(text).expect("an address")).collect()
}

pub(super) fn brixton_addresses() -> SignedAddresses {
    SignedAddresses::sign(&brixton().device, 7, addresses())
}

pub(super) fn entropy(seed: u8) -> Entropy {
    Entropy::from_seed([seed; 32])
}
