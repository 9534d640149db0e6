//! Who acts: organisations with all their secrets, made once.

use csu_protocol::entry::{Author, Signer};
use csu_protocol::id::OrganisationId;
use csu_protocol::identity::{CardSecret, DeviceKey, Name, OrganisationKind, RootKey, SignedCard};
use csu_protocol::time::Timestamp;
use std::collections::BTreeMap;
use std::sync::OnceLock;

/// How many there are.
pub const COUNT: usize = 4;

/// When everything happens, unless the input says otherwise.
pub const NOW: Timestamp = Timestamp::from_ms(1_700_000_000_000);

/// One organisation.
#[derive(Debug)]
pub struct Party {
    /// Its id.
    pub id: OrganisationId,
    /// Its root key.
    pub root: RootKey,
    /// Its devices, the second after the first was lost.
    pub devices: [DeviceKey; 2],
    /// The cards of both.
    pub cards: [SignedCard; 2],
    /// What opens keys wrapped for either.
    pub secrets: BTreeMap<u64, CardSecret>,
}

impl Party {
    fn new(number: u8) -> Self {
        let root = RootKey::from_secret([number + 1; 32]);
        let devices = [100, 200].map(|base: u8| DeviceKey::from_seed(&[base + number; 32]));
        let name = Name::new(&format!("Union {number}")).expect("a name");
        let card = |at: usize| SignedCard::sign(&root, at as u64, devices[at].device(), name.clone(), OrganisationKind::Union);
        let cards = [card(0), card(1)];
        let secrets = [0, 1].map(|generation| (generation, root.card_secret(generation))).into();
        Self { id: root.organisation(), root, devices, cards, secrets }
    }

    /// A device as a signer.
    #[must_use]
    pub const fn signer(&self, device: usize) -> Signer<'_> {
        Signer::Device(&self.devices[device % 2])
    }
}

/// All of them. The first owns what nobody else does.
#[must_use]
pub fn all() -> &'static [Party; COUNT] {
    static ALL: OnceLock<[Party; COUNT]> = OnceLock::new();
    ALL.get_or_init(|| [0, 1, 2, 3].map(Party::new))
}

/// Whether `author` is a device of `organisation`.
#[must_use]
pub fn is_device(organisation: &OrganisationId, author: &Author) -> bool {
    let theirs = |party: &Party| party.devices.iter().any(|key| *author == Author::Device(key.device()));
    all().iter().any(|party| party.id == *organisation && theirs(party))
}
