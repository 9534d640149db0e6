//! The laws of access, held against random histories with dishonest authors.
//!
//! A failure prints the seed and the shortest part of its history that breaks the law, one line an
//! entry. A seed that failed becomes a scenario in `access_scenarios.rs`.

use csu_protocol::access::{Access, Row};
use csu_protocol::entry::{Author, Body, Grant, Keep, Plane, Principal, Role, Subject, VerifiedEntry};
use csu_protocol::id::{EntryId, OrganisationId};
use csu_protocol::time::Timestamp;
use csu_tests::history::{Cast, Dice, History, Replay};
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::LazyLock;

/// How many histories each law is held against.
const HISTORIES: u64 = 1200;
/// How often somebody tries to write in a history. About half succeed.
const STEPS: usize = 50;
/// Before, among and after the ends of grants.
const MOMENTS_MS: [u64; 3] = [0, 50, 1000];

/// Everything that `Access` answers, without the order of arrival.
#[derive(Debug, PartialEq)]
struct Answers {
    sound: BTreeSet<EntryId>,
    authorised: BTreeMap<EntryId, bool>,
    effective: BTreeSet<EntryId>,
    responses: BTreeSet<EntryId>,
    keys: BTreeSet<EntryId>,
    rows: BTreeMap<(EntryId, Subject), (Row, BTreeSet<EntryId>)>,
    roles: BTreeMap<(OrganisationId, u64), Option<Role>>,
    anyone: Vec<Option<Role>>,
    readers: Vec<BTreeSet<OrganisationId>>,
    may_hold: BTreeMap<(OrganisationId, Plane, u64), bool>,
    standings: BTreeMap<(OrganisationId, Role, u64), Option<EntryId>>,
    named: BTreeSet<OrganisationId>,
    heads: Vec<Vec<EntryId>>,
    versions: Vec<csu_protocol::id::Hash>,
    tips: BTreeMap<(Author, Plane), Option<(EntryId, u64)>>,
    keeps: Vec<Vec<Keep>>,
    forked: BTreeSet<EntryId>,
    withdrawal: Option<EntryId>,
    erased: bool,
}

fn moments() -> [Timestamp; 3] {
    MOMENTS_MS.map(Timestamp::from_ms)
}

fn answers(cast: &Cast, access: &Access) -> Answers {
    let sound: BTreeSet<EntryId> = Plane::ALL.into_iter().flat_map(|plane| access.entries(plane)).collect();
    let everybody = || cast.members.iter().map(|member| member.id);
    let at_moments = || everybody().flat_map(|id| moments().map(|now| (id, now)));
    let row = |mut row: Row| {
        let ended_by = std::mem::take(&mut row.ended_by).into_iter().collect();
        ((row.entry, row.who), (row, ended_by))
    };
    let authors = cast.members.iter().flat_map(|member| {
        let devices = member.devices.iter().map(|key| Author::Device(key.device()));
        devices.chain([Author::Root(member.id)])
    });
    Answers {
        authorised: sound.iter().map(|id| (*id, access.is_authorised(id))).collect(),
        effective: access.effective_revisions().into_iter().collect(),
        responses: access.effective_responses().into_iter().collect(),
        keys: access.authorised_keys().into_iter().collect(),
        rows: access.rows().into_iter().map(row).collect(),
        roles: at_moments().map(|(id, now)| ((id, now.as_ms()), access.role_now(&id, now))).collect(),
        anyone: moments().map(|now| access.anyone_now(now)).into(),
        readers: moments().map(|now| access.readers(now)).into(),
        may_hold: at_moments()
            .flat_map(|(id, now)| Plane::ALL.map(|plane| ((id, plane, now.as_ms()), access.may_hold(&id, plane, now))))
            .collect(),
        standings: at_moments()
            .flat_map(|(id, now)| Role::ALL.map(|role| ((id, role, now.as_ms()), access.standing_for(&id, role, now))))
            .collect(),
        named: access.named(),
        heads: Plane::ALL.map(|plane| access.heads(plane).collect()).into(),
        versions: Plane::ALL.map(|plane| access.version(plane)).into(),
        tips: authors.flat_map(|author| Plane::ALL.map(|plane| ((author, plane), access.tip(&author, plane)))).collect(),
        keeps: everybody().map(|id| access.keep_all_of(&id)).collect(),
        forked: access.forks().flat_map(|(one, other)| [one, other]).collect(),
        withdrawal: access.withdrawal().map(|(id, ..)| id),
        erased: access.is_erased(),
        sound,
    }
}

/// All histories. Signing them costs most of the time, so they are made once.
fn histories() -> &'static [History] {
    static HISTORIES_MADE: LazyLock<Vec<History>> = LazyLock::new(|| {
        let made = |seeds: Range<u64>| seeds.map(|seed| History::generate(seed, STEPS)).collect::<Vec<_>>();
        std::thread::scope(|scope| {
            let half = scope.spawn(|| made(0..HISTORIES / 2));
            let rest = made(HISTORIES / 2..HISTORIES);
            half.join().unwrap().into_iter().chain(rest).collect()
        })
    });
    &HISTORIES_MADE
}

/// Holds `law` against every history; of one that breaks it, shows the shortest part that does.
fn holds(law: impl Fn(&History) -> Result<(), String>) {
    for history in histories() {
        if law(history).is_ok() {
            continue;
        }
        let shortest = (1..=history.entries.len()).map(|length| history.prefix(length));
        for part in shortest {
            if let Err(broken) = law(&part) {
                panic!("{broken}\n{}", part.describe());
            }
        }
    }
}

macro_rules! ensure {
    ($condition:expr, $($message:tt)*) => {
        if !$condition {
            return Err(format!($($message)*));
        }
    };
}

fn received(history: &History) -> Replay {
    let mut replay = Replay::default();
    replay.receive(history.cast, &history.cast.everybody(), &history.entries, |_, _| {});
    replay
}

fn place(history: &History, id: &EntryId) -> String {
    let found = history.entries.iter().position(|entry| entry.id() == *id);
    found.map_or_else(|| format!("?{}", id.short()), |at| format!("#{at}"))
}

fn same(history: &History, one: &Replay, other: &Replay) -> Result<(), String> {
    ensure!(one.unsound == other.unsound, "unsound: {:?} and {:?}", one.unsound, other.unsound);
    ensure!(
        one.pending.keys().eq(other.pending.keys()),
        "waiting: {:?} and {:?}",
        one.pending.keys().map(|id| place(history, id)).collect::<Vec<_>>(),
        other.pending.keys().map(|id| place(history, id)).collect::<Vec<_>>()
    );
    let (one, other) = (answers(history.cast, &one.access), answers(history.cast, &other.access));
    for (id, verdict) in &one.authorised {
        ensure!(other.authorised.get(id) == Some(verdict), "{} is authorised: {verdict} in one order only", place(history, id));
    }
    ensure!(one == other, "{one:#?}\nand\n{other:#?}");
    Ok(())
}

#[test]
fn any_order_of_arrival_gives_the_same_soundness_and_the_same_answers() {
    holds(|history| {
        let cast = history.cast;
        let first = received(history);
        let mut dice = Dice::new("arrival", history.seed);

        // Everything shuffled.
        let mut arrivals: Vec<&VerifiedEntry> = history.entries.iter().collect();
        dice.shuffle(&mut arrivals);
        let mut shuffled = Replay::default();
        shuffled.receive(cast, &cast.everybody(), arrivals.iter().copied(), |_, _| {});
        same(history, &first, &shuffled)?;

        // Two parts shuffled, some twice, and one organisation's card last of all.
        let late = cast.members[dice.below(cast.members.len())].id;
        let others = cast.everybody().into_iter().filter(|id| *id != late).collect();
        let (one, two) = arrivals.split_at(arrivals.len() / 2);
        let mut parts = Replay::default();
        parts.receive(cast, &others, two.iter().chain(one).chain(two).copied(), |_, _| {});
        ensure!(parts.sound().iter().all(|id| first.access.contains(id)), "sound only while a card was missing");
        parts.retry(cast, &cast.everybody());
        same(history, &first, &parts)
    });
}

#[test]
fn asking_after_every_entry_gives_what_asking_once_gives() {
    holds(|history| {
        let once = received(history);
        let mut asked = Replay::default();
        let mut sound = BTreeSet::new();
        let mut forgot = None;
        asked.receive(history.cast, &history.cast.everybody(), &history.entries, |access, id| {
            sound.insert(id);
            if let Some(lost) = sound.iter().find(|id| !access.contains(id)) {
                forgot = Some(*lost);
            }
            for id in &sound {
                let _ = access.is_authorised(id);
            }
            for member in &history.cast.members {
                let _ = access.role_now(&member.id, Timestamp::default());
            }
            let _ = access.anyone_now(Timestamp::default());
        });
        ensure!(forgot.is_none(), "{forgot:?} was sound and is not");
        same(history, &once, &asked)
    });
}

/// What the arrival of an entry may change.
#[derive(Debug, Clone, PartialEq, Default)]
struct State {
    authorised: BTreeMap<EntryId, bool>,
    live: BTreeSet<(EntryId, Subject)>,
}

fn state(access: &Access) -> State {
    let live = |row: &Row| row.authorised && row.ended_by.is_empty();
    State {
        authorised: Plane::ALL.into_iter().flat_map(|plane| access.entries(plane)).map(|id| (id, access.is_authorised(&id))).collect(),
        live: access.rows().into_iter().filter(live).map(|row| (row.entry, row.who)).collect(),
    }
}

/// Whether the arrival of `id` changed no more than it may.
fn check_effect(history: &History, access: &Access, id: EntryId, before: &State, after: &State) -> Result<(), String> {
    let arrived = |id: &EntryId| history.entry(id).map(|entry| &entry.header().body);
    let what = place(history, &id);
    let changed = |was: bool| {
        let changed =
            before.authorised.iter().filter(move |(other, verdict)| **verdict == was && after.authorised.get(other) != Some(verdict));
        changed.map(|(id, _)| *id).collect::<Vec<_>>()
    };
    let (lost, gained) = (changed(true), changed(false));
    let body = arrived(&id);
    if let (Some(Body::Revoke { .. }), true) = (body, access.is_authorised(&id)) {
        let back: Vec<_> = after.live.difference(&before.live).collect();
        let revoke = |id: &EntryId| matches!(arrived(id), Some(Body::Revoke { .. }));
        // Rule 6 (c): who evicts may keep what the root key of the evicted took back.
        let root_key_spoke =
            before.authorised.keys().any(|id| history.entry(id).is_some_and(|entry| matches!(entry.header().author, Author::Root(_))));
        ensure!(
            (gained.is_empty() && back.is_empty()) || lost.iter().any(revoke) || root_key_spoke,
            "{what} gave authority to {:?} and life to {back:?}, though no revocation fell",
            gained.iter().map(|id| place(history, id)).collect::<Vec<_>>()
        );
        return Ok(());
    }
    // Nothing but a revocation takes, and nothing but what was kept before it arrived is given back.
    ensure!(lost.is_empty(), "{what} voided {:?}", lost.iter().map(|id| place(history, id)).collect::<Vec<_>>());
    let author = history.entry(&id).map(|entry| entry.header().author);
    let kept_unseen = before.authorised.keys().chain([&id]).any(|revoke| match arrived(revoke) {
        Some(Body::Revoke { keep, .. }) => keep.iter().any(|keep| keep.entry == id && keep.plane == Plane::Content),
        Some(_) | None => false,
    });
    let theirs = |gained: &EntryId| kept_unseen && history.entry(gained).map(|entry| entry.header().author) == author;
    ensure!(gained.iter().all(theirs), "{what} gave authority to {:?}", gained.iter().map(|id| place(history, id)).collect::<Vec<_>>());
    let new: Vec<_> = after.live.symmetric_difference(&before.live).collect();
    let gives = access.is_authorised(&id);
    ensure!(new.iter().all(|(entry, _)| gives && *entry == id), "{what} changed the roles {new:?}");
    Ok(())
}

#[test]
fn only_an_authorised_revocation_takes_and_nothing_void_has_an_effect_on_others() {
    holds(|history| {
        let mut arrivals: Vec<&VerifiedEntry> = history.entries.iter().collect();
        Dice::new("effects", history.seed).shuffle(&mut arrivals);
        let mut replay = Replay::default();
        let (mut before, mut broken) = (State::default(), Ok(()));
        replay.receive(history.cast, &history.cast.everybody(), arrivals, |access, id| {
            let after = state(access);
            if broken.is_ok() {
                broken = check_effect(history, access, id, &before, &after);
            }
            before = after;
        });
        broken
    });
}

fn grants(history: &History, id: &EntryId) -> Vec<Grant> {
    match history.entry(id).map(|entry| &entry.header().body) {
        Some(Body::Genesis { grants, .. } | Body::Grant { grants }) => grants.clone(),
        Some(_) | None => Vec::new(),
    }
}

#[test]
fn the_owner_is_always_admin_and_acts_with_effect_unless_its_root_key_revoked_the_device() {
    holds(|history| {
        let access = received(history).access;
        let owner = history.cast.members[0].id;
        for now in moments() {
            ensure!(access.role_now(&owner, now) == Some(Role::Admin), "the owner is no admin");
            ensure!(access.readers(now).contains(&owner), "the owner cannot read");
        }
        let genesis = history.document().map(EntryId::from);
        let own_word = |author: Author| {
            history.entries.iter().filter(|entry| access.contains(&entry.id())).any(|entry| {
                let header = entry.header();
                let Body::Revoke { principal: Principal::Device(device), .. } = header.body else { return false };
                header.author == Author::Root(owner) && author == Author::Device(device)
            })
        };
        for entry in history.entries.iter().filter(|entry| entry.header().organisation == owner && access.contains(&entry.id())) {
            let header = entry.header();
            if header.under == genesis && !own_word(header.author) {
                ensure!(access.is_authorised(&entry.id()), "{} of the owner is void", place(history, &entry.id()));
            }
        }
        Ok(())
    });
}

#[test]
fn every_role_comes_from_an_authorised_grant_whose_whole_chain_allows_it() {
    holds(|history| {
        let access = received(history).access;
        let owner = history.cast.members[0].id;
        for row in access.rows() {
            let what = format!("{} to {}", place(history, &row.entry), history.cast.subject(row.who));
            let given = grants(history, &row.entry).into_iter().find(|grant| grant.subject == row.who);
            ensure!(given.is_some_and(|grant| grant.role == row.role), "{what}: other than the entry says");
            ensure!(row.chain.first().is_some_and(|link| link.by == owner), "{what}: not from the owner");
            ensure!(row.chain.last().is_some_and(|link| link.role == row.role && link.entry == row.entry), "{what}: ends elsewhere");
            ensure!(row.chain.len() <= 6, "{what}: too deep");
            for pair in row.chain.windows(2) {
                let [above, below] = pair else { continue };
                let under = history.entry(&below.entry).and_then(|entry| entry.header().under);
                ensure!(under == Some(above.entry), "{what}: the chain is not what `under` says");
                ensure!(above.role == Role::Admin, "{what}: given by who is no admin");
                let held = grants(history, &above.entry).into_iter().find(|grant| grant.subject == Subject::Organisation(below.by));
                ensure!(held.is_some_and(|grant| grant.role == Role::Admin), "{what}: the giver held less");
            }
        }
        for member in history.cast.members.iter().filter(|member| member.id != owner) {
            for now in moments() {
                let Some(role) = access.role_now(&member.id, now) else { continue };
                let gives = |entry: &VerifiedEntry| {
                    let fits = |grant: &Grant| {
                        (grant.subject == Subject::Anyone || grant.subject == Subject::Organisation(member.id)) && grant.role == role
                    };
                    access.is_authorised(&entry.id()) && grants(history, &entry.id()).iter().any(fits)
                };
                ensure!(history.entries.iter().any(gives), "{} is {role} by no grant", history.cast.name(&member.id));
            }
        }
        Ok(())
    });
}

#[test]
fn the_histories_hold_enough_of_everything_that_the_laws_speak_of() {
    let mut counted: BTreeMap<String, usize> = BTreeMap::new();
    let mut count = |what: String| *counted.entry(what).or_default() += 1;
    for history in &histories()[..300] {
        let replay = received(history);
        for entry in &history.entries {
            let id = entry.id();
            let kind = entry.header().body.name();
            match (replay.access.contains(&id), replay.access.is_authorised(&id)) {
                (true, true) => count(format!("{kind} that counts")),
                (true, false) => count(format!("{kind} that is void")),
                (false, _) => count("unsound or waiting".to_owned()),
            }
            if let (Author::Root(_), true) = (entry.header().author, replay.access.contains(&id)) {
                count("by a root key".to_owned());
            }
        }
        for unsound in replay.unsound.values() {
            count(format!("{unsound:?}"));
        }
        for row in replay.access.rows() {
            count(format!("role {} levels down", row.chain.len()));
            count(format!("role ended by {}", row.ended_by.len().min(2)));
        }
        count(format!("with forks: {}", replay.access.forks().count() > 0));
    }
    let enough = |what: &str, least: usize| assert!(counted.get(what).is_some_and(|found| *found >= least), "{what}: {counted:#?}");
    for kind in ["grant", "revoke", "key", "revision", "response", "withdraw"] {
        enough(&format!("{kind} that counts"), 20);
        enough(&format!("{kind} that is void"), 20);
    }
    enough("receipt that counts", 20);
    enough("by a root key", 100);
    enough("with forks: true", 50);
    for unsound in ["Chain", "Plane", "Kind", "NoStanding", "Role", "Revoked", "Grants", "RevokesOwner", "Keep", "RootUnnamed"] {
        enough(unsound, 3);
    }
}
