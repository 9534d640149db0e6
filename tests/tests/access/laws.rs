//! The laws that speak of one set of entries.

use crate::pass::{Case, MOMENTS};
use crate::{effects, honest};
use csu_protocol::access::{Insertion, Row, Sharing, Unsound};
use csu_protocol::author::{self, Acting};
use csu_protocol::codec::Canonical;
use csu_protocol::entry::{Author, Body, Grant, Plane, Principal, Role, Signer, Subject, VerifiedEntry};
use csu_protocol::id::EntryId;
use csu_protocol::limits;
use csu_tests::history::{History, Replay};
use csu_tests::model::{Answers, Model};
use std::collections::{BTreeMap, BTreeSet};

/// Says how a history breaks it, if it does.
pub(crate) type Law = fn(&Case) -> Result<(), String>;

/// All laws, by the names that the tests use.
pub(crate) const LAWS: [(&str, Law); 13] = [
    ("arrival", arrival),
    ("model", model),
    ("half way", half_way),
    ("late cards", late_cards),
    ("incremental", incremental),
    ("effects", effects::effects),
    ("roles", roles),
    ("allowed", allowed),
    ("holders", holders),
    ("owner", owner),
    ("return", owner_returns),
    ("sharing", sharing),
    ("honest", honest::honest),
];

macro_rules! ensure {
    ($condition:expr, $($message:tt)*) => {
        if !$condition {
            return Err(format!($($message)*));
        }
    };
}
pub(crate) use ensure;

pub(crate) fn place(history: &History, id: &EntryId) -> String {
    let found = history.entries.iter().position(|entry| entry.id() == *id);
    found.map_or_else(|| format!("?{}", id.short()), |at| format!("#{at}"))
}

pub(crate) fn places<'i>(history: &History, ids: impl IntoIterator<Item = &'i EntryId>) -> Vec<String> {
    ids.into_iter().map(|id| place(history, id)).collect()
}

fn shuffled<'c>(case: &'c Case, purpose: &str) -> Vec<&'c VerifiedEntry> {
    let mut arrivals: Vec<&VerifiedEntry> = case.history.entries.iter().collect();
    case.dice(purpose).shuffle(&mut arrivals);
    arrivals
}

/// Whether two nodes that got the same came to the same.
fn same(case: &Case, other: &Replay) -> Result<(), String> {
    let (history, first) = (&case.history, &case.first);
    ensure!(first.unsound == other.unsound, "unsound: {:?} and {:?}", first.unsound, other.unsound);
    let waiting = |replay: &Replay| replay.pending.keys().copied().collect::<BTreeSet<_>>();
    let (one, two) = (waiting(first), waiting(other));
    ensure!(one == two, "waiting: {:?} and {:?}", places(history, &one), places(history, &two));
    let answers = Answers::of_access(&other.access, history.cast, MOMENTS);
    verdicts(history, &case.answers, &answers)
}

fn verdicts(history: &History, one: &Answers, other: &Answers) -> Result<(), String> {
    for (id, verdict) in &one.authorised {
        let other = other.authorised.get(id);
        ensure!(other == Some(verdict), "{} is authorised: {verdict} the one says, {other:?} the other", place(history, id));
    }
    one.difference(other).map_or(Ok(()), Err)
}

fn arrival(case: &Case) -> Result<(), String> {
    let mut replay = Replay::default();
    replay.receive(case.history.cast, &case.history.cast.everybody(), shuffled(case, "arrival"), |_, _| {});
    same(case, &replay)
}

/// Soundness never changes: not when a card comes late, nor when everything is received twice.
fn late_cards(case: &Case) -> Result<(), String> {
    let cast = case.history.cast;
    let late = cast.members[case.dice("late").below(cast.members.len())].id;
    let others = cast.everybody().into_iter().filter(|id| *id != late).collect();
    let arrivals = shuffled(case, "late cards");
    let (one, two) = arrivals.split_at(arrivals.len() / 2);
    let mut parts = Replay::default();
    parts.receive(cast, &others, two.iter().chain(one).chain(two).copied(), |_, _| {});
    ensure!(parts.sound().iter().all(|id| case.first.access.contains(id)), "sound only while a card was missing");
    ensure!(parts.unsound.keys().all(|id| case.first.unsound.contains_key(id)), "unsound only while a card was missing");
    let judged = Model::new(document(case), &case.history.entries, |id, author| *id != late && cast.is_device(id, author));
    against(&case.history, &judged, &parts)?;
    parts.retry(cast, &cast.everybody());
    same(case, &parts)
}

fn document(case: &Case) -> csu_protocol::id::DocumentId {
    case.model.genesis().into()
}

/// Whether the model says what a node came to.
fn against(history: &History, model: &Model, replay: &Replay) -> Result<(), String> {
    let sound = replay.sound();
    let differ: Vec<&EntryId> = sound.symmetric_difference(model.sound()).collect();
    let why = differ.first().map(|id| (sound.contains(*id), replay.unsound.get(*id), model.unsound().get(*id)));
    ensure!(differ.is_empty(), "{:?}: sound or not, {why:?}, and the other by the model", places(history, differ));
    for (id, unsound) in &replay.unsound {
        let broken = model.unsound().get(id).map_or(&[][..], Vec::as_slice);
        ensure!(broken.contains(unsound), "{} breaks {unsound:?}, and by the model {broken:?}", place(history, id));
    }
    let pending: BTreeSet<EntryId> = replay.pending.keys().copied().collect();
    ensure!(
        pending == *model.pending(),
        "waiting: {:?}, and by the model {:?}",
        places(history, &pending),
        places(history, model.pending())
    );
    if model.owner().is_none() {
        return Ok(());
    }
    let (fast, slow) = (Answers::of_access(&replay.access, history.cast, MOMENTS), Answers::of_model(model, history.cast, MOMENTS));
    verdicts(history, &fast, &slow)
}

fn model(case: &Case) -> Result<(), String> {
    against(&case.history, &case.model, &case.first)
}

/// A part of what there is, as if the rest were still on its way; asked on the way there, so that what was remembered
/// and should have been forgotten shows.
fn half_way(case: &Case) -> Result<(), String> {
    let cast = case.history.cast;
    let mut arrivals = shuffled(case, "half way");
    arrivals.truncate(case.dice("half").below(arrivals.len()) + 1);
    let mut replay = Replay::default();
    let mut dice = case.dice("asking");
    replay.receive(cast, &cast.everybody(), arrivals.iter().copied(), |access, _| {
        if dice.chance(20) {
            let _ = (access.rows(), access.effective_revisions());
        }
    });
    let judged = Model::new(document(case), arrivals, |id, author| cast.is_device(id, author));
    against(&case.history, &judged, &replay)
}

fn incremental(case: &Case) -> Result<(), String> {
    let cast = case.history.cast;
    let mut asked = Replay::default();
    let mut forgot = None;
    let mut sound: BTreeSet<EntryId> = BTreeSet::new();
    asked.receive(cast, &cast.everybody(), shuffled(case, "incremental"), |access, id| {
        sound.insert(id);
        if let Some(lost) = sound.iter().find(|id| !access.contains(id)) {
            forgot = Some(*lost);
        }
        for id in &sound {
            let _ = access.is_authorised(id);
        }
        for member in &cast.members {
            let _ = access.role_now(&member.id, MOMENTS[0]);
        }
        let _ = access.anyone_now(MOMENTS[0]);
    });
    ensure!(forgot.is_none(), "{forgot:?} was sound and is not");
    same(case, &asked)
}

fn grants(history: &History, id: &EntryId) -> Vec<Grant> {
    match history.entry(id).map(|entry| &entry.header().body) {
        Some(Body::Genesis { grants, .. } | Body::Grant { grants }) => grants.clone(),
        Some(_) | None => Vec::new(),
    }
}

fn roles(case: &Case) -> Result<(), String> {
    let (history, rows) = (&case.history, &case.answers.rows);
    let owner = history.cast.members[0].id;
    for row in rows.values() {
        let what = format!("{} to {}", place(history, &row.entry), history.cast.subject(row.who));
        let given = grants(history, &row.entry).into_iter().find(|grant| grant.subject == row.who);
        ensure!(given.is_some_and(|grant| grant.role == row.role), "{what}: other than the entry says");
        ensure!(row.chain.first().is_some_and(|link| link.by == owner), "{what}: not from the owner");
        ensure!(row.chain.last().is_some_and(|link| link.role == row.role && link.entry == row.entry), "{what}: ends elsewhere");
        ensure!(row.chain.len() <= usize::from(limits::DEPTH), "{what}: too deep");
        for pair in row.chain.windows(2) {
            let [above, below] = pair else { continue };
            let under = history.entry(&below.entry).and_then(|entry| entry.header().under);
            ensure!(under == Some(above.entry), "{what}: the chain is not what `under` says");
            ensure!(above.role == Role::Admin && below.role <= above.role, "{what}: given by who is no admin");
            let giver = rows.get(&(above.entry, Subject::Organisation(below.by)));
            ensure!(giver.is_some_and(|giver| giver.role == Role::Admin), "{what}: the giver held less");
            ensure!(giver.is_some_and(|giver| outlasts(giver, row)), "{what}: lasts longer than its giver's");
        }
    }
    Ok(())
}

/// Whether one role ends no earlier than the other.
fn outlasts(one: &Row, other: &Row) -> bool {
    one.until.is_none_or(|until| other.until.is_some_and(|other| other <= until))
}

/// Nothing counts beyond what the role says by which its author acted, whoever it is.
fn allowed(case: &Case) -> Result<(), String> {
    let history = &case.history;
    let owner = history.cast.members[0].id;
    for entry in history.entries.iter().filter(|entry| case.answers.authorised.get(&entry.id()) == Some(&true)) {
        let (header, what) = (entry.header(), place(history, &entry.id()));
        let Some(under) = header.under else { continue };
        let is_receipt = matches!(header.body, Body::Receipt { .. });
        ensure!(is_receipt || case.answers.authorised.get(&under) == Some(&true), "{what} counts under what does not");
        if header.organisation == owner && under == case.model.genesis() {
            continue;
        }
        let held = case.answers.rows.get(&(under, Subject::Organisation(header.organisation))).map(|row| row.role);
        let gives_up = matches!(&header.body, Body::Revoke { principal, .. } if *principal == Principal::Organisation(header.organisation));
        let needed = match &header.body {
            Body::Receipt { .. } => Role::Relay,
            Body::Revoke { .. } if gives_up => Role::Relay,
            Body::Response { .. } => Role::Read,
            Body::Key { .. } | Body::Revision { .. } => Role::Write,
            Body::Grant { .. } | Body::Revoke { .. } | Body::Withdraw { .. } => Role::Admin,
            Body::Genesis { .. } | Body::Erase => return Err(format!("{what} is the owner's to write")),
        };
        ensure!(held >= Some(needed), "{what} needs {needed}, under {held:?}");
    }
    Ok(())
}

fn holders(case: &Case) -> Result<(), String> {
    let history = &case.history;
    for member in &history.cast.members {
        for now in MOMENTS {
            let theirs = |row: &&Row| row.who == Subject::Organisation(member.id) || row.who == Subject::Anyone;
            let live: Vec<&Row> = case.answers.rows.values().filter(theirs).filter(|row| row.is_live(now)).collect();
            let owns = case.first.access.owner() == Some(member.id);
            let may = |plane| case.first.access.may_hold(&member.id, plane, now);
            let name = history.cast.name(&member.id);
            ensure!(may(Plane::Content) == (owns || !live.is_empty()), "{name} may hold content: {}", may(Plane::Content));
            ensure!(may(Plane::Control) || !may(Plane::Content), "{name} may hold content and not control");
            let reads = case.first.access.readers(now).contains(&member.id);
            let own = |row: &&&Row| row.who != Subject::Anyone && row.role >= Role::Read;
            ensure!(reads == (owns || live.iter().any(|row| own(&row))), "{name} reads: {reads}");
            let role = case.first.access.role_now(&member.id, now);
            let most = if owns { Some(Role::Admin) } else { live.iter().map(|row| row.role).max() };
            ensure!(role == most, "{name} has {role:?}, and by grants {most:?}");
        }
    }
    Ok(())
}

/// What is kept in mind of an idle document answers as its graph does, at every moment and for everybody.
fn sharing(case: &Case) -> Result<(), String> {
    let (access, sharing) = (&case.first.access, case.first.access.sharing());
    let reread = Sharing::from_canonical(&sharing.to_canonical()).map_err(|error| error.to_string())?;
    ensure!(reread == sharing, "it does not come back from disk as it was");
    ensure!(sharing.owner() == access.owner() && sharing.begun_by() == access.begun_by(), "whose it is differs");
    ensure!(sharing.is_erased() == access.is_erased(), "whether it is erased differs");
    ensure!(sharing.has_fallen_erasure() == access.has_fallen_erasure(), "whether an order to erase fell differs");
    ensure!(sharing.is_vouched_by_root() == access.is_vouched_by_root(), "whether the root key vouches differs");
    ensure!(sharing.named() == access.named(), "whom it names differs");
    for now in MOMENTS {
        ensure!(sharing.next_end(now) == access.next_end(now), "the next end differs");
        ensure!(sharing.lapsed(now) == access.lapsed(now), "who lapsed differs");
    }
    for member in &case.history.cast.members {
        let name = case.history.cast.name(&member.id);
        let obeyed = access.obeyed().iter().any(|obeyed| obeyed.by == member.id);
        ensure!(sharing.is_obeyed_by(&member.id) == obeyed, "whether {name} confirmed differs");
        ensure!(sharing.was_ever_named(&member.id) == access.was_ever_named(&member.id), "whether it names {name} differs");
        for now in MOMENTS {
            let (role, known) = (access.role_now(&member.id, now), sharing.role_now(&member.id, now));
            ensure!(known == role, "{name} has {role:?}, and {known:?} by what is kept in mind");
            let holds = |plane| sharing.may_hold(&member.id, plane, now) == access.may_hold(&member.id, plane, now);
            ensure!(Plane::ALL.into_iter().all(holds), "what {name} may hold differs");
        }
    }
    Ok(())
}

fn owner(case: &Case) -> Result<(), String> {
    let (history, access) = (&case.history, &case.first.access);
    let owner = history.cast.members[0].id;
    for now in MOMENTS {
        ensure!(access.role_now(&owner, now) == Some(Role::Admin), "the owner is no admin");
        ensure!(access.readers(now).contains(&owner), "the owner cannot read");
        ensure!(access.standing_for(&owner, Role::Admin, now) == Some(case.model.genesis()), "the owner has lost the genesis");
    }
    // The root key's word on any device, and that of the device that began the document on any other.
    let mut own_word = words(case, Author::Root(owner));
    let beginner = case.model.header(&case.model.genesis()).author;
    own_word.extend(words(case, beginner).into_iter().filter(|device| *device != beginner));
    for entry in history.entries.iter().filter(|entry| entry.header().organisation == owner) {
        let (header, id) = (entry.header(), entry.id());
        if header.under != Some(case.model.genesis()) || own_word.contains(&header.author) {
            continue;
        }
        ensure!(!access.contains(&id) || access.is_authorised(&id), "{} of the owner is void", place(history, &id));
        let refused = case.first.unsound.get(&id);
        let locked_out = [Unsound::Revoked, Unsound::Quota, Unsound::Role, Unsound::NoStanding];
        ensure!(refused.is_none_or(|why| !locked_out.contains(why)), "{} of the owner is refused: {refused:?}", place(history, &id));
    }
    Ok(())
}

/// Which devices an author spoke of.
fn words(case: &Case, by: Author) -> BTreeSet<Author> {
    let spoken = case.history.entries.iter().filter(|entry| case.first.access.contains(&entry.id()) && entry.header().author == by);
    let of_device = spoken.filter_map(|entry| match entry.header().body {
        Body::Revoke { principal: Principal::Device(device), .. } => Some(Author::Device(device)),
        _ => None,
    });
    of_device.collect()
}

/// Whatever a thief of the device that began the document signed, the root key brings the owner's next device back.
fn owner_returns(case: &Case) -> Result<(), String> {
    let owner = &case.history.cast.members[0];
    let [old, next] = [0, 1].map(|device| owner.device(device));
    if words(case, Author::Root(owner.id)).contains(&Author::Device(next)) || case.first.access.is_empty() {
        return Ok(());
    }
    let mut access = case.first.access.clone();
    if let Some(word) = access.disown(&owner.id, &old, &BTreeSet::from([next]), BTreeSet::new) {
        let acting = Acting { organisation: owner.id, signer: Signer::Root(&owner.root), under: None };
        let word = author::control(&access, &acting, word).map_err(|error| error.to_string())?;
        let taken = access.insert(word, |_, _| true);
        ensure!(matches!(taken, Insertion::Sound(_)), "the root key's word: {taken:?}");
    }
    let acting = Acting { organisation: owner.id, signer: Signer::Device(&owner.devices[1]), under: Some(case.model.genesis()) };
    let entry = author::control(&access, &acting, Body::Grant { grants: Vec::new() }).map_err(|error| error.to_string())?;
    let id = entry.id();
    let taken = access.insert(entry, |_, _| true);
    ensure!(matches!(taken, Insertion::Sound(_)), "the next device's entry: {taken:?}");
    ensure!(access.is_authorised(&id), "the next device's entry is void");
    ensure!(access.disown(&owner.id, &old, &BTreeSet::from([next]), BTreeSet::new).is_none(), "the root key has to say more");
    Ok(())
}

/// What the entries of a history are, by id.
pub(crate) fn bodies(history: &History) -> BTreeMap<EntryId, &VerifiedEntry> {
    history.entries.iter().map(|entry| (entry.id(), entry)).collect()
}
