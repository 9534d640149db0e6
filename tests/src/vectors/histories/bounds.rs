//! Entries that are refused, each for one rule, and entries that wait.

use super::story::{By, COUNCIL, Claims, KENNINGTON, OWNER, POLICE, Story, anyone, bent, device, evict, give, grant, keep, organisation};
use csu_protocol::author::Audience;
use csu_protocol::entry::{Body, Openness, Plane, Principal, Reason, Role};
use csu_protocol::id::EntryId;

pub(super) fn all() -> Vec<Story> {
    vec![unsound_names(), unsound_rights(), unsound_keeps(), unsound_depth(), waiting()]
}

fn unsound_names() -> Story {
    let (mut s, genesis) = Story::new(
        "unsound-names",
        "Entries that name what they should not: another document, a wrong chain, content from control, entries of another kind.",
        3,
        vec![grant(POLICE, Role::Admin)],
    );
    let first = s.control(0, "first", POLICE, genesis, give(KENNINGTON, Role::Read));
    let key = s.key(0, "key", POLICE, genesis);
    let revision = s.revise(0, "revision", POLICE, genesis, key, &[]);
    let withdraw = s.control(0, "withdraw", OWNER, genesis, Body::Withdraw { reason: Reason::Other });
    let second = s.make(0, POLICE, genesis, give(KENNINGTON, Role::Write));
    s.beside("skips a seq", bent(POLICE, &second, |header| header.seq = 2));
    s.beside("another's previous", bent(POLICE, &second, |header| header.previous = Some(withdraw)));
    let next_key = s.make_key(0, POLICE, genesis);
    s.beside("previous of another plane", bent(POLICE, &next_key, |header| (header.seq, header.previous) = (1, Some(first))));
    let parents = |header: &mut csu_protocol::entry::Header| {
        header.parents.push(key);
        header.parents.sort();
    };
    s.beside("control that names content", bent(POLICE, &second, parents));
    let on_revision = s.make_revision(0, POLICE, genesis, revision, &[]);
    s.beside("an epoch that is a revision", on_revision);
    let on_genesis = s.make_revision(0, POLICE, genesis, genesis, &[]);
    s.beside("an epoch that is a genesis", on_genesis);
    let on_key = s.make_revision(0, POLICE, genesis, key, &[key]);
    s.beside("deps that are a key", on_key);
    let receipt = s.make(0, POLICE, genesis, Body::Receipt { erase: withdraw });
    s.beside("a receipt of a withdrawal", receipt);
    let under = s.make_key(0, POLICE, withdraw);
    s.beside("under a withdrawal", under);
    let elsewhere = s.make_genesis(vec![]);
    s.beside("a genesis of its own", elsewhere);
    s.claim(Claims {
        unsound: vec![
            ("skips a seq", "chain"),
            ("another's previous", "chain"),
            ("previous of another plane", "chain"),
            ("control that names content", "plane"),
            ("an epoch that is a revision", "kind"),
            ("an epoch that is a genesis", "kind"),
            ("deps that are a key", "kind"),
            ("a receipt of a withdrawal", "kind"),
            ("under a withdrawal", "kind"),
            ("a genesis of its own", "other document"),
        ],
        effective: vec!["revision"],
        ..Claims::default()
    })
}

fn unsound_rights() -> Story {
    let (mut s, genesis) = Story::new(
        "unsound-rights",
        "Entries that their authors' roles do not allow, each beside one that they do.",
        5,
        vec![grant(POLICE, Role::Relay), grant(KENNINGTON, Role::Read), grant(COUNCIL, Role::Write)],
    );
    const STRANGER: usize = 4;
    let nobody = Audience { recipients: vec![], openness: Openness::Anyone };
    let refused = |s: &mut Story, name: &str, by: usize, body: Body| {
        let entry = s.make(0, by, genesis, body);
        s.beside(name, entry);
    };
    let by_relay = s.make_response(0, POLICE, genesis, &nobody, "");
    s.beside("a relay responds", by_relay);
    let by_reader = s.make_key(0, KENNINGTON, genesis);
    s.beside("a reader starts an epoch", by_reader);
    s.respond(0, "a reader responds", KENNINGTON, genesis);
    let key = s.key(0, "a writer starts an epoch", COUNCIL, genesis);
    let by_reader = s.make_revision(0, KENNINGTON, genesis, key, &[]);
    s.beside("a reader revises", by_reader);
    s.revise(0, "a writer revises", COUNCIL, genesis, key, &[]);
    refused(&mut s, "a writer withdraws", COUNCIL, Body::Withdraw { reason: Reason::Other });
    refused(&mut s, "a writer grants", COUNCIL, give(STRANGER, Role::Read));
    refused(&mut s, "a writer revokes", COUNCIL, evict(POLICE));
    let stranger = s.make_response(0, STRANGER, genesis, &nobody, "");
    s.beside("a stranger responds", stranger);
    refused(&mut s, "the owner is evicted by itself", OWNER, evict(OWNER));
    let admin = s.control(0, "to an admin", OWNER, genesis, give(STRANGER, Role::Admin));
    let erase = s.make(0, STRANGER, admin, Body::Erase);
    s.beside("an admin erases", erase);
    let owner = s.make(0, STRANGER, admin, evict(OWNER));
    s.beside("an admin evicts the owner", owner);
    refused(&mut s, "anyone writes", OWNER, Body::Grant { grants: vec![anyone(Role::Write)] });
    refused(&mut s, "anyone relays", OWNER, Body::Grant { grants: vec![anyone(Role::Relay)] });
    s.evict(0, "the writer is evicted", OWNER, genesis, COUNCIL);
    let renounce = s.make(0, COUNCIL, genesis, evict(COUNCIL));
    s.beside("who was evicted and knows it gives up", renounce);
    let late = s.make_key(0, COUNCIL, genesis);
    s.beside("who was evicted and knows it writes", late);
    s.claim(Claims {
        void: vec!["a writer starts an epoch", "a writer revises"],
        unsound: vec![
            ("a relay responds", "role"),
            ("a reader starts an epoch", "role"),
            ("a reader revises", "role"),
            ("a writer withdraws", "role"),
            ("a writer grants", "role"),
            ("a writer revokes", "role"),
            ("a stranger responds", "no standing"),
            ("the owner is evicted by itself", "revokes owner"),
            ("an admin erases", "role"),
            ("an admin evicts the owner", "revokes owner"),
            ("anyone writes", "grants"),
            ("anyone relays", "grants"),
            ("who was evicted and knows it gives up", "revoked"),
            ("who was evicted and knows it writes", "revoked"),
        ],
        ..Claims::default()
    })
}

fn unsound_keeps() -> Story {
    let (mut s, genesis) = Story::new(
        "unsound-keeps",
        "Control keeps of others, misattributed or outside the past; a root key where its organisation was never named.",
        4,
        vec![grant(POLICE, Role::Admin), grant(KENNINGTON, Role::Admin)],
    );
    s.second(POLICE);
    let by_kennington = s.control(0, "by Kennington", KENNINGTON, genesis, give(COUNCIL, Role::Relay));
    let other = s.part(0);
    let unseen = s.control(other, "unseen", POLICE, genesis, give(KENNINGTON, Role::Read));
    let revoke = |whose, entry| Body::Revoke {
        principal: Principal::Organisation(organisation(POLICE)),
        keep: vec![keep(whose, Plane::Control, entry)],
    };
    let of_another = s.make(0, OWNER, genesis, revoke(KENNINGTON, by_kennington));
    let by_second = s.control(0, "by the second device", By::Second(POLICE), genesis, give(COUNCIL, Role::Relay));
    let misattributed = s.make(0, OWNER, genesis, revoke(POLICE, by_second));
    let not_in_past = s.make(0, OWNER, genesis, revoke(POLICE, unseen));
    s.beside("keeps another's", of_another);
    s.beside("keeps in another device's name", misattributed);
    s.meet();
    s.beside("keeps what its past does not hold", not_in_past);
    s.control(0, "keeps rightly", OWNER, genesis, revoke(POLICE, unseen));
    s.claim(Claims {
        void: vec!["by the second device"],
        unsound: vec![
            ("keeps another's", "keep"),
            ("keeps in another device's name", "keep"),
            ("keeps what its past does not hold", "keep"),
        ],
        roles: vec![("Police", "none"), ("Kennington", "admin"), ("Council", "relay")],
        ..Claims::default()
    })
}

fn unsound_depth() -> Story {
    let (mut s, genesis) = Story::new(
        "unsound-depth",
        "Delegation ends six levels below the owner. The last may do all else; a root key that nothing names may not speak.",
        8,
        vec![grant(1, Role::Admin)],
    );
    let mut under = genesis;
    for who in 1..=5 {
        under = s.control(0, &format!("to level {}", who + 1), who, under, give(who + 1, Role::Admin));
    }
    let too_deep = s.make(0, 6, under, give(7, Role::Read));
    s.beside("to level 7", too_deep);
    let word = Body::Revoke { principal: Principal::Device(device(7)), keep: vec![] };
    let unnamed = s.make(0, By::Root(7), genesis, word);
    s.beside("by a root key that nothing names", unnamed);
    s.control(0, "withdraw", 6, under, Body::Withdraw { reason: Reason::Mistaken });
    s.evict(0, "evict level 2", 1, genesis, 2);
    s.claim(Claims {
        void: vec!["to level 3", "to level 4", "to level 5", "to level 6", "withdraw"],
        unsound: vec![("to level 7", "depth"), ("by a root key that nothing names", "root unnamed")],
        roles: vec![("Police", "admin"), ("Kennington", "none"), ("Camberwell", "none")],
        ..Claims::default()
    })
}

fn waiting() -> Story {
    let (mut s, genesis) = Story::new(
        "waiting",
        "Entries that wait: for an entry that never comes, for a card that nobody showed, for a device that no card names, and for what is unsound.",
        4,
        vec![grant(POLICE, Role::Admin), grant(KENNINGTON, Role::Write)],
    );
    s.silent(KENNINGTON);
    let lost = s.make(0, POLICE, genesis, give(COUNCIL, Role::Write));
    let lost_id = lost.id();
    let view = s.part(0);
    s.tell(view, "lost", lost);
    s.control(view, "names the lost one", POLICE, genesis, give(COUNCIL, Role::Read));
    s.forget("lost");
    let by_silent = s.make_key(0, KENNINGTON, genesis);
    let silent_id = by_silent.id();
    s.beside("by whom no card is known", by_silent);
    let other_device = s.make(0, By::Second(POLICE), genesis, give(COUNCIL, Role::Relay));
    s.beside("by a device that no card names", other_device);
    let by_writer = s.make(0, KENNINGTON, genesis, Body::Withdraw { reason: Reason::Other });
    s.beside("not allowed, and still without a card", by_writer);
    let refused = s.make(0, POLICE, genesis, Body::Erase);
    let refused_id = refused.id();
    s.beside("unsound", refused);
    let first = s.make(0, POLICE, genesis, Body::Withdraw { reason: Reason::Other });
    let over = |ids: &[EntryId]| {
        let mut parents = ids.to_vec();
        parents.sort();
        parents
    };
    s.beside("over the unsound one", bent(POLICE, &first, |header| header.parents = over(&[genesis, refused_id])));
    let key = s.make_key(0, POLICE, genesis);
    s.beside("over two that are not here", bent(POLICE, &key, |header| header.parents = over(&[lost_id, silent_id])));
    s.claim(Claims {
        unsound: vec![("unsound", "role")],
        waiting: vec![
            "names the lost one",
            "by whom no card is known",
            "by a device that no card names",
            "not allowed, and still without a card",
            "over the unsound one",
            "over two that are not here",
        ],
        roles: vec![("Police", "admin"), ("Kennington", "write"), ("Council", "none")],
        ..Claims::default()
    })
}
