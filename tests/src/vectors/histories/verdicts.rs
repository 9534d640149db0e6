//! What an implementation must find of a history, in names and words alone.

use super::{EntryBytes, History};
use csu_protocol::access::{Access, Insertion, Missing, Row};
use csu_protocol::directory::Directory;
use csu_protocol::entry::{Plane, Role, Subject, VerifiedEntry};
use csu_protocol::id::{EntryId, OrganisationId};
use csu_protocol::reading::{self, Reader, Unreadable};
use csu_protocol::store::{Parts, StoredEntry};
use csu_protocol::time::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// The verdicts. Entries and organisations by their names in the file; every list of entries in the file's order.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Expected {
    /// Sound entries.
    pub sound: Vec<String>,
    /// Unsound entries, by the class of the rule they break.
    pub unsound: BTreeMap<String, String>,
    /// Entries that wait, and what for: ids, or the author's card.
    pub waiting: BTreeMap<String, Vec<String>>,
    /// Sound entries that are authorised.
    pub authorised: Vec<String>,
    /// Every role ever given by a sound entry: by entry, then anyone before organisations by name.
    pub rows: Vec<Given>,
    /// Who may do what at each of the file's moments, its end-of-serving included.
    pub roles: Vec<Roles>,
    /// Rule 8.
    pub effective_revisions: Vec<String>,
    /// Rule 8.
    pub effective_responses: Vec<String>,
    /// Keys that a new revision may be sealed under.
    pub authorised_keys: Vec<String>,
    /// The withdrawal that is shown.
    pub withdrawal: Option<String>,
    /// Whether an order to erase counts.
    pub erased: bool,
    /// Entries that share an author, plane and seq.
    pub forks: Vec<Vec<String>>,
    /// The heads of control and of content.
    pub heads: Planes<Vec<String>>,
    /// The versions of control and of content.
    pub versions: Planes<String>,
    /// What each reader reads.
    pub read: Vec<Read>,
}

/// Something of each plane.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Planes<T> {
    /// Of control.
    pub control: T,
    /// Of content.
    pub content: T,
}

/// A role that was given.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Given {
    /// By which entry.
    pub entry: String,
    /// To whom.
    pub who: String,
    /// Which.
    pub role: String,
    /// When serving it ends: the earliest end up the chain.
    pub until: Option<u64>,
    /// Whether the entry is authorised.
    pub authorised: bool,
    /// What ended it.
    pub ended_by: Vec<String>,
    /// The entries from the owner down by which it was given.
    pub chain: Vec<String>,
}

/// Roles at a moment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Roles {
    /// The moment, in milliseconds since 1970.
    pub at: u64,
    /// What anyone may.
    pub anyone: String,
    /// What each organisation may: its own role, or anyone's if that is higher.
    pub organisations: BTreeMap<String, String>,
}

/// What a reader reads.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Read {
    /// Who.
    pub organisation: String,
    /// The document's kind.
    pub kind: Option<String>,
    /// Its marking.
    pub marking: Option<String>,
    /// The state its content carries.
    pub state: Option<String>,
    /// Its fields.
    pub fields: serde_json::Value,
    /// The revisions that can be shown.
    pub revisions: Vec<String>,
    /// Of those, the ones whose change has no part in the content, because it does not fit what it builds on.
    pub left_out: Vec<String>,
    /// The responses that can be shown, with what they state.
    pub responses: BTreeMap<String, String>,
    /// What counts and cannot be shown, and why.
    pub unreadable: BTreeMap<String, String>,
}

/// Names of entries, and their order.
struct Names {
    names: BTreeMap<EntryId, (usize, String)>,
}

impl Names {
    fn of(&self, id: &EntryId) -> String {
        self.names.get(id).map_or_else(|| id.to_string(), |(_, name)| name.clone())
    }

    /// In the file's order.
    fn list(&self, ids: impl IntoIterator<Item = EntryId>) -> Vec<String> {
        let places: BTreeSet<(usize, EntryId)> =
            ids.into_iter().map(|id| (self.names.get(&id).map_or(usize::MAX, |(at, _)| *at), id)).collect();
        places.iter().map(|(_, id)| self.of(id)).collect()
    }
}

#[derive(Default)]
struct Received {
    access: Access,
    stored: Vec<StoredEntry>,
    unsound: BTreeMap<EntryId, String>,
    waiting: BTreeMap<EntryId, (VerifiedEntry, Missing)>,
}

fn receive(history: &History, order: &[usize], directory: &Directory) -> Received {
    let mut received = Received::default();
    for place in order {
        let mut open = vec![history.vectors[*place].verified()];
        while let Some(entry) = open.pop() {
            let id = entry.id();
            // A node files entries by their document; what belongs to another never meets this one.
            if entry.document() != history.document {
                received.unsound.insert(id, "other document".to_owned());
                continue;
            }
            match received.access.insert(entry, |organisation, author| directory.may_author(organisation, author)) {
                Insertion::Sound(sound) => {
                    let entry = sound.into_entry().into_signed();
                    received.stored.push(StoredEntry { entry, parts: Parts::Kept, from: None, received: Timestamp::default() });
                    open.extend(std::mem::take(&mut received.waiting).into_values().map(|(entry, _)| entry));
                }
                Insertion::Known => {}
                Insertion::Pending(entry, missing) => {
                    received.waiting.insert(id, (entry, missing));
                }
                Insertion::Unsound(id, rule) => {
                    received.unsound.insert(id, words(&format!("{rule:?}")));
                }
            }
        }
    }
    received
}

/// `RevokesOwner` as "revokes owner".
fn words(name: &str) -> String {
    let mut words = String::new();
    for c in name.chars() {
        if c.is_uppercase() && !words.is_empty() {
            words.push(' ');
        }
        words.extend(c.to_lowercase());
    }
    words
}

pub(super) fn find(history: &History, order: &[usize]) -> Expected {
    let directory = history.directory();
    let entry = |(at, entry): (usize, &EntryBytes)| (entry.verified().id(), (at, entry.name.clone()));
    let names = Names { names: history.vectors.iter().enumerate().map(entry).collect() };
    let received = receive(history, order, &directory);
    let access = &received.access;
    let sound: Vec<EntryId> = Plane::ALL.into_iter().flat_map(|plane| access.entries(plane)).collect();
    let waits = |(entry, missing): &(VerifiedEntry, Missing)| {
        let mut what = names.list(missing.entries.iter().copied());
        if missing.card {
            what.push("card".to_owned());
        }
        (names.of(&entry.id()), what)
    };
    Expected {
        authorised: names.list(sound.iter().copied().filter(|id| access.is_authorised(id))),
        sound: names.list(sound),
        unsound: received.unsound.iter().map(|(id, rule)| (names.of(id), rule.clone())).collect(),
        waiting: received.waiting.values().map(waits).collect(),
        rows: rows(history, access, &names),
        roles: history.moments.iter().map(|at| roles(history, access, *at)).collect(),
        effective_revisions: names.list(access.effective_revisions()),
        effective_responses: names.list(access.effective_responses()),
        authorised_keys: names.list(access.authorised_keys()),
        withdrawal: access.withdrawal().map(|(id, ..)| names.of(&id)),
        erased: access.is_erased(),
        forks: forks(access, &names),
        heads: Planes { control: names.list(access.heads(Plane::Control)), content: names.list(access.heads(Plane::Content)) },
        versions: Planes { control: access.version(Plane::Control).to_string(), content: access.version(Plane::Content).to_string() },
        read: history.readers.iter().map(|reader| read(history, &received, &names, &reader.organisation, &reader.opened())).collect(),
    }
}

fn rows(history: &History, access: &Access, names: &Names) -> Vec<Given> {
    let place = |row: &Row| names.names.get(&row.entry).map(|(at, _)| *at);
    let who = |subject: Subject| match subject {
        Subject::Anyone => "anyone".to_owned(),
        Subject::Organisation(id) => history.name_of(&id),
    };
    let given = |row: &Row| Given {
        entry: names.of(&row.entry),
        who: who(row.who),
        role: row.role.to_string(),
        until: row.until.map(Timestamp::as_ms),
        authorised: row.authorised,
        ended_by: names.list(row.ended_by.iter().copied()),
        chain: row.chain.iter().map(|link| names.of(&link.entry)).collect(),
    };
    let mut rows: Vec<_> = access.rows().iter().map(|row| (place(row), row.who != Subject::Anyone, given(row))).collect();
    rows.sort();
    rows.into_iter().map(|(_, _, row)| row).collect()
}

fn roles(history: &History, access: &Access, at: u64) -> Roles {
    let now = Timestamp::from_ms(at);
    let word = |role: Option<Role>| role.map_or("none", Role::as_str).to_owned();
    Roles {
        at,
        anyone: word(access.anyone_now(now)),
        organisations: history.organisations.iter().map(|(name, id)| (name.clone(), word(access.role_now(id, now)))).collect(),
    }
}

fn forks(access: &Access, names: &Names) -> Vec<Vec<String>> {
    // Pairs share their first entry, and which came first differs: what does not is who belongs together.
    let mut groups: Vec<BTreeSet<EntryId>> = Vec::new();
    for (one, other) in access.forks() {
        match groups.iter_mut().find(|group| group.contains(&one) || group.contains(&other)) {
            Some(group) => group.extend([one, other]),
            None => groups.push(BTreeSet::from([one, other])),
        }
    }
    let mut named: Vec<Vec<String>> = groups.into_iter().map(|group| names.list(group)).collect();
    named.sort();
    named
}

fn read(
    history: &History,
    received: &Received,
    names: &Names,
    name: &str,
    secrets: &BTreeMap<u64, csu_protocol::identity::CardSecret>,
) -> Read {
    let organisation: OrganisationId = history.organisations[name];
    let opened = reading::open(&received.access, &received.stored, &Reader { organisation, secrets });
    let shown = opened.content.snapshot();
    assert!(shown.problems.is_empty(), "{:?}", shown.problems);
    let left_out = opened.revisions.iter().filter(|revision| opened.content.left_out().contains_key(&revision.change));
    Read {
        organisation: name.to_owned(),
        kind: shown.kind_name,
        marking: shown.marking.map(|marking| marking.to_string()),
        state: shown.state.map(str::to_owned),
        fields: serde_json::to_value(shown.fields).expect("fields are JSON"),
        left_out: names.list(left_out.map(|revision| revision.entry)),
        revisions: names.list(opened.revisions.iter().map(|revision| revision.entry)),
        responses: opened
            .responses
            .iter()
            .map(|response| (names.of(&response.entry), format!("{}: {}", response.payload.remark, response.payload.text)))
            .collect(),
        unreadable: opened.unreadable.iter().map(|(id, why)| (names.of(id), class(why).to_owned())).collect(),
    }
}

fn class(why: &Unreadable) -> &'static str {
    match why {
        Unreadable::Key(_) => "no key",
        Unreadable::Payload(_) => "does not open",
        Unreadable::Malformed(_) => "malformed",
        Unreadable::Change(_) => "change refused",
        Unreadable::Destroyed => "destroyed",
        Unreadable::OtherKind => "other kind",
        Unreadable::Dep(_) => "builds on what is not shown",
    }
}
