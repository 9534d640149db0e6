//! A document's content: changes that merge, and what they show.
//!
//! ```text
//! {
//!   kind: "bulletin", marking: "AMBER+STRICT", state: "issued",     strings
//!   fields: {                                                       a map; absent means not set
//!     instruction: Text, ...       Form::Text: a text object, made empty with its map
//!     headline: "...", ...         Form::Line, Choice, Time: strings; Form::Number: whole numbers
//!     category: ["Security"], ...  Form::List: a list of strings, made empty with its map
//!     info: [{...}], ...           Form::Records: a list of maps like `fields`
//!   }
//! }
//! ```
//!
//! That is an ordinary Automerge document: in JavaScript, `Automerge.load(content.save())` shows this
//! object, with texts as strings to splice and lines as immutable strings.
//!
//! **A change is one revision's content.** It has an Automerge actor of its own, derived from the document
//! and the change itself, so it fits no other document and nobody can take its place ([`Change::check`]);
//! two authors of the same edit make the same change. A [`Content`] is built from a set of changes; what
//! it shows, and what it leaves out, depends on that set alone. What it leaves out, it names.
//!
//! Of conflicting values, the stricter marking and the highest state hold; elsewhere Automerge's choice.
//! Checks run in this order, each on what the one before let pass: bytes (`chunk`), operations bounded
//! and read (`columns`), Automerge's own parser (`engine`), and whether changes fit together
//! (`soundness`).

mod chunk;
mod columns;
mod engine;
mod error;
mod reading;
mod snapshot;
mod soundness;
#[cfg(test)]
mod tests;
mod writing;

use super::fields::Fields;
use super::kind::Kind;
use super::marking::Marking;
use crate::id::{DocumentId, Hash};
use columns::Operations;
use core::fmt;
use engine::{At, Engine, Make, Object, Parsed, ROOT, Scalar, Writer};
pub use error::{ChangeError, LeftOut, ReviseError};
pub use snapshot::{Problem, Snapshot};
use soundness::{Known, Sorted};
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, OnceLock};

/// The first 16 bytes of a BLAKE3: what Automerge calls an actor, one for each change.
type ActorBytes = [u8; 16];

/// The hash of a change: SHA-256, as Automerge defines it. Prints as hexadecimal.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ChangeHash([u8; 32]);

impl ChangeHash {
    /// The hash with these bytes.
    #[must_use]
    pub const fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The bytes of the hash.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl From<Hash> for ChangeHash {
    fn from(hash: Hash) -> Self {
        Self(*hash.as_bytes())
    }
}

impl From<ChangeHash> for Hash {
    /// The same 32 bytes, for places that carry any hash. It is not BLAKE3 of anything.
    fn from(hash: ChangeHash) -> Self {
        Self::new(hash.0)
    }
}

impl fmt::Display for ChangeHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&data_encoding::HEXLOWER.encode(&self.0))
    }
}

impl fmt::Debug for ChangeHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ChangeHash({self})")
    }
}

/// A change whose bytes were checked. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Change(Arc<Checked>);

#[derive(Debug)]
struct Checked {
    hash: ChangeHash,
    deps: BTreeSet<ChangeHash>,
    actor: ActorBytes,
    others: Vec<ActorBytes>,
    start: u32,
    operations: Operations,
    parsed: Parsed,
}

impl PartialEq for Change {
    fn eq(&self, other: &Self) -> bool {
        self.hash() == other.hash()
    }
}

impl Eq for Change {}

impl Change {
    /// Checks a change's bytes: an uncompressed Automerge change and nothing more, within bounds, of
    /// exactly these dependencies, of the actor that this document and these bytes give, and encoded as
    /// Automerge encodes it. Whether it fits what it builds on, [`Content::build`] finds.
    ///
    /// # Errors
    ///
    /// What is wrong, and where. Whoever sent it need not have made it.
    pub fn check(document: &DocumentId, bytes: &[u8], deps: &BTreeSet<ChangeHash>) -> Result<Self, ChangeError> {
        let chunk = chunk::read(document, bytes, deps)?;
        let operations = chunk.columns.operations(&chunk.actor, &chunk.others)?;
        if operations.list.is_empty() {
            return Err(ChangeError::Empty);
        }
        let parsed = Parsed::parse(bytes).map_err(|why| ChangeError::Refused { why })?;
        Ok(Self(Arc::new(Checked {
            hash: chunk.hash,
            deps: deps.clone(),
            actor: chunk.actor,
            others: chunk.others,
            start: chunk.start,
            operations,
            parsed,
        })))
    }

    /// The change's hash.
    #[must_use]
    pub fn hash(&self) -> ChangeHash {
        self.0.hash
    }

    /// The changes that it builds on directly.
    #[must_use]
    pub fn deps(&self) -> &BTreeSet<ChangeHash> {
        &self.0.deps
    }

    /// The change's bytes.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        self.0.parsed.bytes()
    }

    /// The name of the kind that the change says the document is, if it says one: the first does, and those beside it.
    #[must_use]
    pub fn kind_name(&self) -> Option<String> {
        self.operations().kind.clone()
    }

    fn actor(&self) -> &ActorBytes {
        &self.0.actor
    }

    fn others(&self) -> &[ActorBytes] {
        &self.0.others
    }

    fn start(&self) -> u32 {
        self.0.start
    }

    fn operations(&self) -> &Operations {
        &self.0.operations
    }
}

/// What a revision is to make of a document.
#[derive(Debug, Clone)]
pub struct Wanted {
    /// The document's kind. It never changes.
    pub kind: &'static Kind,
    /// The marking.
    pub marking: Marking,
    /// The state to move to; none leaves it as it is.
    pub state: Option<String>,
    /// All the fields, not only those that change.
    pub fields: Fields,
}

/// A document's content, merged. It grows by what comes: [`Content::add`].
#[derive(Debug, Clone, Default)]
pub struct Content {
    changes: BTreeMap<ChangeHash, Change>,
    heads: BTreeSet<ChangeHash>,
    left_out: BTreeMap<ChangeHash, LeftOut>,
    /// Those of [`Content::left_out`]: what comes later may be what they build on.
    waiting: BTreeMap<ChangeHash, Change>,
    known: Known,
    engine: Engine,
    /// What it shows, once somebody asked: reading a long text takes Automerge about as long as changing it.
    shown: OnceLock<Arc<(Snapshot, Option<Object>)>>,
}

impl Content {
    /// Merges changes of one document. One that comes twice counts once; one that is unsound, or builds
    /// on something that is not there, is left out with all that builds on it, and named by
    /// [`Content::left_out`]. The outcome depends on the set alone, not on the order.
    #[must_use]
    pub fn build(changes: impl IntoIterator<Item = Change>) -> Self {
        let mut content = Self::default();
        content.add(changes);
        content
    }

    /// Merges further changes into it, in time that grows with these alone as far as it is ours. What comes of it is what
    /// [`Content::build`] makes of all together.
    pub fn add(&mut self, changes: impl IntoIterator<Item = Change>) {
        let is_new = |change: &Change| !self.changes.contains_key(&change.hash()) && !self.waiting.contains_key(&change.hash());
        let mut given: BTreeMap<ChangeHash, Change> = changes.into_iter().filter(is_new).map(|change| (change.hash(), change)).collect();
        if given.is_empty() {
            return;
        }
        self.shown.take();
        // What Automerge refused it may have refused for what was beside it.
        if self.left_out.values().any(|why| matches!(why, LeftOut::Refused { .. })) {
            return self.begin_anew(given);
        }
        let unsound = |hash: &ChangeHash| matches!(self.left_out.get(hash), Some(LeftOut::Unsound { .. }));
        given.extend(self.waiting.iter().filter(|(hash, _)| !unsound(hash)).map(|(hash, change)| (*hash, change.clone())));
        let Sorted { sound, left_out, is_order_dependent } = self.known.sort(&given);
        if is_order_dependent {
            return self.begin_anew(given);
        }
        let parsed = sound.iter().filter_map(|hash| given.get(hash)).map(|change| &change.0.parsed);
        match std::mem::take(&mut self.engine).apply(parsed) {
            Ok(engine) => self.engine = engine,
            Err(_) => return self.begin_anew(given),
        }
        for hash in sound {
            let Some(change) = given.remove(&hash) else { continue };
            for dep in change.deps() {
                self.heads.remove(dep);
            }
            self.heads.insert(hash);
            self.waiting.remove(&hash);
            self.left_out.remove(&hash);
            self.changes.insert(hash, change);
        }
        self.waiting.extend(given);
        self.left_out.extend(left_out);
    }

    /// Merges all changes that there are and others, judged in the order that follows from them, and applied one by one.
    fn begin_anew(&mut self, mut given: BTreeMap<ChangeHash, Change>) {
        let Self { changes, waiting, .. } = std::mem::take(self);
        given.extend(changes.into_iter().chain(waiting));
        let Sorted { sound, mut left_out, .. } = self.known.sort(&given);
        let sound: Vec<&Change> = sound.iter().filter_map(|hash| given.get(hash)).collect();
        let (engine, accepted) = match Engine::default().apply(sound.iter().map(|change| &change.0.parsed)) {
            Ok(engine) => (engine, sound.iter().map(|change| change.hash()).collect()),
            Err(_) => one_by_one(&sound, &mut left_out),
        };
        let (changes, waiting): (BTreeMap<_, _>, _) = given.into_iter().partition(|(hash, _)| accepted.contains(hash));
        let mut heads = accepted;
        for change in changes.values() {
            for dep in change.deps() {
                heads.remove(dep);
            }
        }
        (self.changes, self.heads, self.left_out, self.waiting, self.engine) = (changes, heads, left_out, waiting, engine);
    }

    /// The changes that no other builds on: what the next revision depends on.
    #[must_use]
    pub const fn heads(&self) -> &BTreeSet<ChangeHash> {
        &self.heads
    }

    /// True if there are no changes.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }

    /// True if this change is part of the content.
    #[must_use]
    pub fn contains(&self, hash: &ChangeHash) -> bool {
        self.changes.contains_key(hash)
    }

    /// A change that is part of the content.
    #[must_use]
    pub fn change(&self, hash: &ChangeHash) -> Option<&Change> {
        self.changes.get(hash)
    }

    /// The changes that have no part in the content, with the reasons.
    #[must_use]
    pub const fn left_out(&self) -> &BTreeMap<ChangeHash, LeftOut> {
        &self.left_out
    }

    /// What the document shows.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        self.shown().0.clone()
    }

    /// The same, and where its fields are.
    fn shown(&self) -> &(Snapshot, Option<Object>) {
        self.shown.get_or_init(|| Arc::new(snapshot::read(&self.engine)))
    }

    /// What the document showed at `heads`: with these changes and all below them. None if one of them
    /// is not here.
    #[must_use]
    pub fn snapshot_at(&self, heads: &[ChangeHash]) -> Option<Snapshot> {
        self.at(heads).ok().map(|content| content.snapshot())
    }

    /// The content at `heads`: these changes and all below them. None if one of them is not here.
    #[must_use]
    pub fn version(&self, heads: &[ChangeHash]) -> Option<Self> {
        self.at(heads).ok().map(Cow::into_owned)
    }

    /// The whole document as an Automerge file, for export. The same changes give the same bytes.
    ///
    /// # Errors
    ///
    /// [`ReviseError::Failed`] if Automerge fails, which is a defect.
    pub fn save(&self) -> Result<Vec<u8>, ReviseError> {
        // Automerge writes changes in the order in which it got them.
        let whole = Self::build(self.changes.values().cloned());
        whole.engine.save().map_err(|why| ReviseError::Failed { why })
    }

    /// Makes the change that leads from the document at `base` to what is wanted, in as few operations as
    /// do it. `base` is what the author saw, [`Content::heads`] as a rule; it is empty for a document
    /// that has no content yet. The same arguments give the same change.
    ///
    /// # Errors
    ///
    /// [`ReviseError::NothingChanged`] if there is nothing to do; otherwise what is wrong with the
    /// arguments, or that the edit is too large.
    pub fn revise(&self, document: &DocumentId, base: &[ChangeHash], wanted: &Wanted) -> Result<Change, ReviseError> {
        if let Some(state) = wanted.state.as_deref()
            && !wanted.kind.written_states().any(|allowed| allowed == state)
        {
            return Err(ReviseError::State { found: state.to_owned(), allowed: wanted.kind.written_states().collect() });
        }
        if base.is_empty() && !self.is_empty() {
            return Err(ReviseError::NoBase);
        }
        let base = self.at(base)?;
        let (shown, root) = base.shown();
        if let Some(found) = shown.kind_name.as_deref()
            && found != wanted.kind.name
        {
            return Err(ReviseError::OtherKind { found: found.to_owned(), wanted: wanted.kind.name });
        }
        let bytes = base
            .engine
            .edit(|writer| write(writer, shown, root.as_ref(), wanted))
            .map_err(|why| ReviseError::Failed { why })?
            .ok_or(ReviseError::NothingChanged)?;
        let bytes = chunk::with_right_actor(document, &bytes)?;
        Ok(Change::check(document, &bytes, &base.heads)?)
    }

    /// The content at `heads`: with these changes and all below them.
    fn at(&self, heads: &[ChangeHash]) -> Result<Cow<'_, Self>, ReviseError> {
        if heads.len() == self.heads.len() && heads.iter().all(|head| self.heads.contains(head)) {
            return Ok(Cow::Borrowed(self));
        }
        let mut below = BTreeMap::new();
        let mut left = heads.to_vec();
        while let Some(hash) = left.pop() {
            let change = self.changes.get(&hash).ok_or(ReviseError::UnknownBase(hash))?;
            if below.insert(hash, change.clone()).is_none() {
                left.extend(change.deps());
            }
        }
        Ok(Cow::Owned(Self::build(below.into_values())))
    }
}

/// Applies changes one after the other, in the order given, leaving out those that Automerge refuses and
/// what builds on them. No change is known to get this far and be refused; this is for the unknown ones.
fn one_by_one(sound: &[&Change], left_out: &mut BTreeMap<ChangeHash, LeftOut>) -> (Engine, BTreeSet<ChangeHash>) {
    let mut engine = Engine::default();
    let mut accepted = BTreeSet::new();
    for change in sound {
        if let Some(missing) = change.deps().iter().find(|dep| !accepted.contains(*dep)) {
            left_out.insert(change.hash(), LeftOut::Missing(*missing));
            continue;
        }
        match engine.clone().apply(std::iter::once(&change.0.parsed)) {
            Ok(next) => {
                engine = next;
                accepted.insert(change.hash());
            }
            Err(why) => {
                left_out.insert(change.hash(), LeftOut::Refused { why });
            }
        }
    }
    (engine, accepted)
}

/// Writes what is wanted over what is shown.
fn write(writer: &mut Writer<'_>, shown: &Snapshot, fields: Option<&Object>, wanted: &Wanted) -> Result<(), String> {
    let kind = wanted.kind;
    if shown.kind_name.is_none() {
        writer.put(&ROOT, &At::Key("kind"), &Scalar::Text(kind.name))?;
    }
    if shown.marking != Some(wanted.marking) {
        writer.put(&ROOT, &At::Key("marking"), &Scalar::Text(wanted.marking.as_str()))?;
    }
    if let Some(state) = wanted.state.as_deref().filter(|state| shown.state != Some(*state)) {
        writer.put(&ROOT, &At::Key("state"), &Scalar::Text(state))?;
    }
    match fields {
        Some(object) => writing::change(writer, kind, object, kind.fields, shown.fields.as_map(), wanted.fields.as_map()),
        None => {
            let object = writer.make(&ROOT, &At::Key("fields"), Make::Map)?;
            writing::fill(writer, kind, &object, kind.fields, wanted.fields.as_map())
        }
    }
}
