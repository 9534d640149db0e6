//! Making entries: what an honest author puts into a header.
//!
//! Nothing here decides whether the author may; [`crate::access`] does, for one's own entries as
//! for anybody's.

use crate::access::Access;
use crate::codec::Canonical;
use crate::entropy::Entropy;
use crate::entry::{
    Body, EntryError, EpochKey, Grant, Header, Openness, Part, Plane, Recipient, ResponsePayload, RevisionPayload, SealError, Signer,
    VerifiedEntry, Wraps, seal_payload,
};
use crate::id::{DocumentId, EntryId, OrganisationId};
use crate::limits;
use std::collections::BTreeSet;

/// Why an entry could not be made. The caller's mistake, or its request is too large.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AuthorError {
    /// The document has not begun.
    #[error("the document has no genesis on this node")]
    NoDocument,
    /// Something in it is out of bounds.
    #[error(transparent)]
    Entry(#[from] EntryError),
    /// Something could not be sealed.
    #[error(transparent)]
    Seal(#[from] SealError),
}

/// Who acts, by which right.
#[derive(Debug, Clone, Copy)]
pub struct Acting<'k> {
    /// The organisation.
    pub organisation: OrganisationId,
    /// Its device, or its root key.
    pub signer: Signer<'k>,
    /// The genesis or grant that gives the right; none for a root key.
    pub under: Option<EntryId>,
}

/// The readers a key is wrapped for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Audience {
    /// Each with the X25519 key of its card.
    pub recipients: Vec<(Recipient, [u8; 32])>,
    /// Whether the key is also carried openly.
    pub openness: Openness,
}

/// Begins a document.
///
/// # Errors
/// When the grants are out of bounds.
pub fn genesis(
    organisation: OrganisationId,
    signer: Signer<'_>,
    mut grants: Vec<Grant>,
    entropy: &mut Entropy,
) -> Result<VerifiedEntry, AuthorError> {
    grants.sort();
    let header = Header {
        document: None,
        organisation,
        author: signer.author(),
        under: None,
        seq: 0,
        previous: None,
        parents: Vec::new(),
        body: Body::Genesis { grants, nonce: entropy.bytes() },
        payload: None,
        wraps: None,
    };
    Ok(VerifiedEntry::sign(header, None, None, signer)?)
}

/// The header of the next entry by `acting`: chained to its last, over the heads it sees.
fn header(access: &Access, acting: &Acting<'_>, body: Body) -> Result<Header, AuthorError> {
    let document = access.document().ok_or(AuthorError::NoDocument)?;
    let author = acting.signer.author();
    let plane = body.plane();
    let (previous, seq) = match access.tip(&author, plane) {
        Some((id, seq)) => (Some(id), seq.saturating_add(1)),
        None => (None, 0),
    };
    // With more heads than fit, some are named now and the rest by whoever writes next.
    let half = limits::PARENTS / 2;
    let parents: BTreeSet<EntryId> = match plane {
        Plane::Control if access.heads(Plane::Control).count() > limits::PARENTS => first_parents(access, acting, &body),
        Plane::Control => access.heads(Plane::Control).collect(),
        Plane::Content => access.heads(Plane::Control).take(half).chain(access.heads(Plane::Content).take(half)).collect(),
    };
    Ok(Header {
        document: Some(document),
        organisation: acting.organisation,
        author,
        under: acting.under,
        seq,
        previous,
        parents: parents.into_iter().collect(),
        body,
        payload: None,
        wraps: None,
    })
}

/// What a control entry must have in its past to be sound and to do what it says, as few names as reach it: what a
/// revocation keeps; what names the organisation of a root key; and what other devices of the organisation did last, since
/// a grant gives again only what the organisation's own revocations in its past took. What the author's last entry reaches
/// need not be named.
fn needed(access: &Access, acting: &Acting<'_>, body: &Body) -> Vec<EntryId> {
    let kept = match body {
        Body::Revoke { keep, .. } => keep.as_slice(),
        Body::Genesis { .. }
        | Body::Grant { .. }
        | Body::Withdraw { .. }
        | Body::Erase
        | Body::Receipt { .. }
        | Body::Key { .. }
        | Body::Revision { .. }
        | Body::Response { .. } => &[],
    };
    let own = access.keep_all_of(&acting.organisation);
    let of_control = kept.iter().chain(&own).filter(|keep| keep.plane == Plane::Control && access.contains(&keep.entry));
    // A root key is heard only after what names its organisation.
    let naming = acting.under.is_none().then(|| access.standing_for_receipt(&acting.organisation)).flatten();
    let wanted: Vec<EntryId> = naming.into_iter().chain(of_control.map(|keep| keep.entry)).collect();
    let previous = access.tip(&acting.signer.author(), Plane::Control).map(|(id, _)| id);
    let reached = |id: &EntryId| {
        let by_other = |other: &EntryId| other != id && access.control_reaches(other, id);
        previous.is_some_and(|previous| access.control_reaches(&previous, id)) || wanted.iter().any(by_other)
    };
    let mut needed: Vec<EntryId> = Vec::new();
    for id in wanted.iter().filter(|id| !reached(id)) {
        if !needed.contains(id) {
            needed.push(*id);
        }
    }
    needed
}

/// The parents of a control entry when there are more heads than fit: first those without which it would
/// not be sound or not do what it says, or else whoever floods a document with forks could keep the
/// owner from evicting it.
fn first_parents(access: &Access, acting: &Acting<'_>, body: &Body) -> BTreeSet<EntryId> {
    let mut parents = BTreeSet::new();
    for parent in needed(access, acting, body).into_iter().chain(access.heads(Plane::Control)) {
        if parents.len() == limits::PARENTS {
            break;
        }
        parents.insert(parent);
    }
    parents
}

/// An entry to publish before the control entry with this body, if that needs more in its past than one entry can name:
/// a grant of nothing, whose only deed is to gather heads. Asked for again until there is none.
///
/// # Errors
/// When the document has not begun.
pub fn gather(access: &Access, acting: &Acting<'_>, body: &Body) -> Result<Option<VerifiedEntry>, AuthorError> {
    // A root key cannot grant. What it keeps are the entries of one device, which are one chain.
    if acting.under.is_none() || needed(access, acting, body).len() <= limits::PARENTS {
        return Ok(None);
    }
    let mut header = header(access, acting, Body::Grant { grants: Vec::new() })?;
    let gathered: BTreeSet<EntryId> = needed(access, acting, body).into_iter().take(limits::PARENTS).collect();
    header.parents = gathered.into_iter().collect();
    Ok(Some(VerifiedEntry::sign(header, None, None, acting.signer)?))
}

/// A control entry other than a genesis.
///
/// # Errors
/// When the body is out of bounds or does not fit the author.
pub fn control(access: &Access, acting: &Acting<'_>, body: Body) -> Result<VerifiedEntry, AuthorError> {
    let body = match body {
        Body::Grant { mut grants } => {
            grants.sort();
            Body::Grant { grants }
        }
        Body::Revoke { principal, mut keep } => {
            keep.sort();
            Body::Revoke { principal, keep }
        }
        Body::Genesis { .. }
        | Body::Withdraw { .. }
        | Body::Erase
        | Body::Receipt { .. }
        | Body::Key { .. }
        | Body::Revision { .. }
        | Body::Response { .. } => body,
    };
    Ok(VerifiedEntry::sign(header(access, acting, body)?, None, None, acting.signer)?)
}

fn wrap(
    document: &DocumentId,
    audience: &Audience,
    earlier: &[(EntryId, EpochKey)],
    entropy: &mut Entropy,
) -> Result<(EpochKey, Vec<u8>), SealError> {
    let key = EpochKey::draw(entropy);
    let wraps = Wraps::seal(document, &key, &audience.recipients, audience.openness, earlier, entropy)?;
    Ok((key, wraps.to_canonical()))
}

/// Starts an epoch with a fresh key for `audience`; `earlier` are the keys of the epochs before.
///
/// # Errors
/// When there are too many recipients, or a card's key is unusable.
pub fn key(
    access: &Access,
    acting: &Acting<'_>,
    audience: &Audience,
    earlier: &[(EntryId, EpochKey)],
    entropy: &mut Entropy,
) -> Result<(VerifiedEntry, EpochKey), AuthorError> {
    let document = access.document().ok_or(AuthorError::NoDocument)?;
    let (key, wraps) = wrap(&document, audience, earlier, entropy)?;
    let mut header = header(access, acting, Body::Key { commitment: key.commitment() })?;
    header.wraps = Some(Part::of(&wraps));
    Ok((VerifiedEntry::sign(header, None, Some(wraps), acting.signer)?, key))
}

/// Seals a revision under the key of `epoch`, in the form that makes it shorter. `deps` are the revisions that its change builds
/// on.
///
/// # Errors
/// When the payload is out of bounds.
pub fn revision(
    access: &Access,
    acting: &Acting<'_>,
    epoch: (EntryId, &EpochKey),
    deps: Vec<EntryId>,
    payload: &RevisionPayload,
    entropy: &mut Entropy,
) -> Result<VerifiedEntry, AuthorError> {
    revision_of(access, acting, epoch, deps, &payload.to_sealable(), entropy)
}

/// Seals a revision whose payload is in a form already: [`RevisionPayload::to_sealable`] makes it.
///
/// # Errors
/// When the payload is out of bounds.
pub fn revision_of(
    access: &Access,
    acting: &Acting<'_>,
    (epoch, key): (EntryId, &EpochKey),
    mut deps: Vec<EntryId>,
    sealable: &[u8],
    entropy: &mut Entropy,
) -> Result<VerifiedEntry, AuthorError> {
    deps.sort();
    let mut header = header(access, acting, Body::Revision { epoch, deps })?;
    let sealed = seal_payload(key, sealable, &header.associated_data(), entropy)?;
    header.payload = Some(Part::of(&sealed));
    Ok(VerifiedEntry::sign(header, Some(sealed), None, acting.signer)?)
}

/// Seals a response under a key of its own, wrapped for `audience`.
///
/// # Errors
/// When the payload is out of bounds, or a card's key is unusable.
pub fn response(
    access: &Access,
    acting: &Acting<'_>,
    audience: &Audience,
    payload: &ResponsePayload,
    entropy: &mut Entropy,
) -> Result<VerifiedEntry, AuthorError> {
    let document = access.document().ok_or(AuthorError::NoDocument)?;
    let (key, wraps) = wrap(&document, audience, &[], entropy)?;
    let mut header = header(access, acting, Body::Response { commitment: key.commitment() })?;
    header.wraps = Some(Part::of(&wraps));
    let sealed = seal_payload(&key, &payload.to_canonical(), &header.associated_data(), entropy)?;
    header.payload = Some(Part::of(&sealed));
    Ok(VerifiedEntry::sign(header, Some(sealed), Some(wraps), acting.signer)?)
}
