//! Who acts in histories.

use csu_protocol::entry::{Author, Subject};
use csu_protocol::id::{DeviceId, OrganisationId};
use csu_protocol::identity::{DeviceKey, RootKey};
use std::collections::BTreeSet;
use std::sync::OnceLock;

/// An organisation with all its secrets.
#[derive(Debug)]
pub struct Member {
    /// Its id.
    pub id: OrganisationId,
    /// Its root key.
    pub root: RootKey,
    /// Its devices, in the order in which cards named them.
    pub devices: Vec<DeviceKey>,
}

impl Member {
    /// The device at `index`, as ids go.
    #[must_use]
    pub fn device(&self, index: usize) -> DeviceId {
        self.devices[index].device()
    }
}

/// Some organisations. The first owns the documents.
#[derive(Debug)]
pub struct Cast {
    /// They.
    pub members: Vec<Member>,
}

impl Cast {
    /// `organisations` of two devices each.
    #[must_use]
    pub fn new(organisations: u8) -> Self {
        let member = |number: u8| {
            let root = RootKey::from_secret([number; 32]);
            let devices = [100, 200].map(|base: u8| DeviceKey::from_seed(&[base + number; 32]));
            Member { id: root.organisation(), root, devices: devices.into() }
        };
        Self { members: (0..organisations).map(member).collect() }
    }

    /// The five of random histories. Keys cost time, so they are made once.
    #[must_use]
    pub fn shared() -> &'static Self {
        static SHARED: OnceLock<Cast> = OnceLock::new();
        SHARED.get_or_init(|| Self::new(5))
    }

    /// Everybody's id.
    #[must_use]
    pub fn everybody(&self) -> BTreeSet<OrganisationId> {
        self.members.iter().map(|member| member.id).collect()
    }

    /// Everybody who may sign: all devices and root keys.
    pub fn authors(&self) -> impl Iterator<Item = Author> {
        self.members.iter().flat_map(|member| {
            let devices = member.devices.iter().map(|key| Author::Device(key.device()));
            devices.chain([Author::Root(member.id)])
        })
    }

    /// Whether a card says that `author` is a device of `organisation`.
    #[must_use]
    pub fn is_device(&self, organisation: &OrganisationId, author: &Author) -> bool {
        let theirs = |member: &Member| member.devices.iter().any(|key| *author == Author::Device(key.device()));
        self.members.iter().any(|member| member.id == *organisation && theirs(member))
    }

    /// The letter of an organisation in descriptions.
    #[must_use]
    pub fn name(&self, id: &OrganisationId) -> String {
        let letters = self.members.iter().zip('A'..);
        letters.filter(|(member, _)| member.id == *id).map(|(_, letter)| letter.to_string()).next().unwrap_or_else(|| id.short())
    }

    /// The letter of a subject in descriptions.
    #[must_use]
    pub fn subject(&self, subject: Subject) -> String {
        match subject {
            Subject::Anyone => "anyone".to_owned(),
            Subject::Organisation(id) => self.name(&id),
        }
    }

    /// An author in descriptions: `a0` is the first device of `A`.
    #[must_use]
    pub fn author(&self, author: &Author) -> String {
        match author {
            Author::Root(id) => format!("root {}", self.name(id)),
            Author::Device(id) => {
                let devices = self.members.iter().zip('a'..).flat_map(|(member, letter)| {
                    member.devices.iter().enumerate().map(move |(at, key)| (key.device(), format!("{letter}{at}")))
                });
                devices.into_iter().find(|(device, _)| device == id).map_or_else(|| id.short(), |(_, name)| name)
            }
        }
    }
}
