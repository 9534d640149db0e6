//! What of a document's access a node keeps in mind while the document is idle.

use super::graph::Access;
use crate::codec::{Canonical, CodecError, Reader, Writer};
use crate::entry::{Plane, Role, Subject};
use crate::id::{DeviceId, DocumentId, Hash, OrganisationId};
use crate::time::Timestamp;
use std::collections::{BTreeMap, BTreeSet};

/// The version of [`Sharing`]'s encoding and of what it says of a graph. One of another version is found anew from entries.
const VERSION: u64 = 1;
/// More than any document names that fits into memory: whoever may grant names as many as it likes.
const SUBJECTS: usize = 1 << 28;

/// Who may hold a document and in which role, at any time: what all of its control plane comes to, without the graph.
///
/// It answers as the [`Access`] that it is of. Documents that are shared alike have equal ones.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Sharing {
    owner: Option<OrganisationId>,
    begun_by: Option<DeviceId>,
    vouched_by_root: bool,
    erased: bool,
    fallen_erasure: bool,
    /// Who confirmed an order to erase that counts.
    obeyed: BTreeSet<OrganisationId>,
    /// Of each subject that a sound entry names, the roles that were not taken back, ascending, each with its end.
    roles: BTreeMap<Subject, BTreeSet<(Role, Option<Timestamp>)>>,
}

impl Access {
    /// What to keep in mind of it.
    #[must_use]
    pub fn sharing(&self) -> Sharing {
        Sharing {
            owner: self.owner(),
            begun_by: self.begun_by(),
            vouched_by_root: self.is_vouched_by_root(),
            erased: self.is_erased(),
            fallen_erasure: self.has_fallen_erasure(),
            obeyed: self.obeyed().iter().map(|obeyed| obeyed.by).collect(),
            roles: self.naming.keys().map(|subject| (*subject, self.roles_of(*subject).collect())).collect(),
        }
    }
}

/// The member that stands for a plane of a document at a version, in the sets that peers compare. Its first bit is the plane,
/// so that whoever lacks it knows that much.
fn item(document: &DocumentId, plane: Plane, version: &Hash) -> Hash {
    let mut hasher = blake3::Hasher::new_derive_key("csu-link 1 set item");
    hasher.update(document.as_bytes());
    let tag = match plane {
        Plane::Control => 0,
        Plane::Content => 0x80,
    };
    hasher.update(&[tag >> 7]);
    hasher.update(version.as_bytes());
    let mut bytes = *hasher.finalize().as_bytes();
    let [first, ..] = &mut bytes;
    *first = (*first & 0x7f) | tag;
    Hash::new(bytes)
}

impl Access {
    /// What stands for a plane, as it is now, in the sets that peers compare; none while it has no entries.
    #[must_use]
    pub fn item(&self, plane: Plane) -> Option<Hash> {
        let document = self.document().filter(|_| self.heads(plane).next().is_some())?;
        Some(item(&document, plane, &self.version(plane)))
    }
}

impl Sharing {
    /// Whose document it is.
    #[must_use]
    pub const fn owner(&self) -> Option<OrganisationId> {
        self.owner
    }

    /// The device that began it.
    #[must_use]
    pub const fn begun_by(&self) -> Option<DeviceId> {
        self.begun_by
    }

    /// As [`Access::is_vouched_by_root`].
    #[must_use]
    pub const fn is_vouched_by_root(&self) -> bool {
        self.vouched_by_root
    }

    /// As [`Access::is_erased`].
    #[must_use]
    pub const fn is_erased(&self) -> bool {
        self.erased
    }

    /// As [`Access::has_fallen_erasure`].
    #[must_use]
    pub const fn has_fallen_erasure(&self) -> bool {
        self.fallen_erasure
    }

    /// Whether `organisation` is among those of [`Access::obeyed`].
    #[must_use]
    pub fn is_obeyed_by(&self, organisation: &OrganisationId) -> bool {
        self.obeyed.contains(organisation)
    }

    fn role_of_subject(&self, subject: &Subject, now: Timestamp) -> Option<Role> {
        let live = self.roles.get(subject)?.iter().filter(|(_, until)| until.is_none_or(|until| now < until));
        live.map(|(role, _)| *role).max()
    }

    /// As [`Access::role_now`].
    #[must_use]
    pub fn role_now(&self, organisation: &OrganisationId, now: Timestamp) -> Option<Role> {
        if self.owner == Some(*organisation) {
            return Some(Role::Admin);
        }
        self.role_of_subject(&Subject::Organisation(*organisation), now).max(self.role_of_subject(&Subject::Anyone, now))
    }

    /// As [`Access::names`].
    #[must_use]
    pub fn names(&self, subject: Subject) -> bool {
        self.roles.contains_key(&subject)
    }

    /// As [`Access::was_ever_named`].
    #[must_use]
    pub fn was_ever_named(&self, organisation: &OrganisationId) -> bool {
        self.owner == Some(*organisation) || self.names(Subject::Organisation(*organisation)) || self.names(Subject::Anyone)
    }

    /// As [`Access::may_hold`].
    #[must_use]
    pub fn may_hold(&self, organisation: &OrganisationId, plane: Plane, now: Timestamp) -> bool {
        match plane {
            Plane::Control => self.was_ever_named(organisation),
            Plane::Content => self.role_now(organisation, now).is_some(),
        }
    }

    /// As [`Access::named`].
    #[must_use]
    pub fn named(&self) -> BTreeSet<OrganisationId> {
        self.roles.keys().filter_map(Subject::organisation).chain(self.owner).collect()
    }

    /// As [`Access::next_end`].
    #[must_use]
    pub fn next_end(&self, now: Timestamp) -> Option<Timestamp> {
        self.roles.values().flatten().filter_map(|(_, until)| until.filter(|until| *until > now)).min()
    }

    /// As [`Access::lapsed`].
    #[must_use]
    pub fn lapsed(&self, now: Timestamp) -> Vec<Subject> {
        let has_lapsed = |roles: &BTreeSet<(Role, Option<Timestamp>)>| {
            !roles.is_empty() && roles.iter().all(|(_, until)| until.is_some_and(|until| until <= now))
        };
        self.roles.iter().filter(|(_, roles)| has_lapsed(roles)).map(|(subject, _)| *subject).collect()
    }
}

/// On this node's disk only: no peer ever sees it.
impl Canonical for Sharing {
    const WHAT: &'static str = "who shares a document";
    const LIMIT: usize = 1 << 30;

    fn write(&self, w: &mut Writer) {
        w.array(8);
        w.uint(VERSION);
        w.option(self.owner.as_ref(), |w, owner| w.bytes(owner.as_bytes()));
        w.option(self.begun_by.as_ref(), |w, device| w.bytes(device.as_bytes()));
        for flag in [self.vouched_by_root, self.erased, self.fallen_erasure] {
            w.uint(u64::from(flag));
        }
        let obeyed: Vec<_> = self.obeyed.iter().collect();
        w.list(&obeyed, |w, organisation| w.bytes(organisation.as_bytes()));
        let roles: Vec<_> = self.roles.iter().collect();
        w.list(&roles, |w, (subject, roles)| {
            w.array(2);
            subject.write(w);
            let roles: Vec<_> = roles.iter().collect();
            w.list(&roles, |w, (role, until)| {
                w.array(2);
                role.write(w);
                w.option(until.as_ref(), |w, until| w.uint(until.as_ms()));
            });
        });
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, CodecError> {
        r.array(8, Self::WHAT)?;
        r.tag("version of who shares a document", |version| (version == VERSION).then_some(()))?;
        let owner = r.option(|r| r.fixed("an organisation"))?.map(OrganisationId::new);
        let begun_by = r.option(|r| r.fixed("a device"))?.map(DeviceId::new);
        let mut flag = || {
            r.tag("flag", |flag| match flag {
                0 => Some(false),
                1 => Some(true),
                _ => None,
            })
        };
        let (vouched_by_root, erased, fallen_erasure) = (flag()?, flag()?, flag()?);
        let obeyed = r.ascending(SUBJECTS, "organisations", |r| r.fixed("an organisation"), |organisation| *organisation)?;
        let read_role = |r: &mut Reader<'_>| {
            r.array(2, "a role and its end")?;
            Ok((Role::read(r)?, r.option(|r| r.uint("a time"))?.map(Timestamp::from_ms)))
        };
        let read_subject = |r: &mut Reader<'_>| {
            r.array(2, "a subject and its roles")?;
            let subject = Subject::read(r)?;
            Ok((subject, r.ascending(SUBJECTS, "roles", read_role, |role| *role)?.into_iter().collect()))
        };
        let roles = r.ascending(SUBJECTS, "subjects", read_subject, |(subject, _): &(Subject, _)| *subject)?;
        Ok(Self {
            owner,
            begun_by,
            vouched_by_root,
            erased,
            fallen_erasure,
            obeyed: obeyed.into_iter().map(OrganisationId::new).collect(),
            roles: roles.into_iter().collect(),
        })
    }
}
