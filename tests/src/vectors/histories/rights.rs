//! Who may do what: revocations against grants, keeps, root keys, forks, ends.

use super::story::{
    By, COUNCIL, Claims, KENNINGTON, OWNER, PECKHAM, POLICE, Story, anyone, bent, device, give, grant, keep, organisation, second_device,
};
use csu_protocol::entry::{Body, Grant, Keep, Plane, Principal, Reason, Role};
use csu_protocol::time::Timestamp;

pub(super) fn all() -> Vec<Story> {
    vec![
        backdating(),
        deps_fall(),
        keep_not_arrived(),
        keep_arrived(),
        malicious_keep(),
        peers(),
        delegates(),
        revenge(),
        fallen_revocation(),
        regrant(),
        renunciation(),
        stolen_device(),
        owners_stolen_device(),
        root_key_after_eviction(),
        foreign_root_key(),
        device_from_above(),
        older_device(),
        successor_revoked(),
        void_grant(),
        forks(),
        anyones_role(),
        withdrawals(),
        receipt(),
        expiry(),
    ]
}

fn backdating() -> Story {
    let (mut s, genesis) = Story::new(
        "backdating",
        "An admin is revoked and claims not to have seen it: what the revoker kept stays, what came besides falls, honest replies stay.",
        4,
        vec![grant(POLICE, Role::Admin)],
    );
    let key = s.key(0, "key", OWNER, genesis);
    let kept_grant = s.control(0, "kept grant", POLICE, genesis, give(KENNINGTON, Role::Read));
    let kept = s.revise(0, "kept", POLICE, genesis, key, &[]);
    let theirs = s.part(0);
    s.revoke(0, "revoke", OWNER, genesis, POLICE);
    s.revise(theirs, "backdated", POLICE, genesis, key, &[kept]);
    s.control(theirs, "backdated grant", POLICE, genesis, give(COUNCIL, Role::Write));
    s.respond(theirs, "reply", KENNINGTON, kept_grant);
    let fork = s.make_revision(theirs, POLICE, genesis, key, &[]);
    let mut parents = vec![genesis, key];
    parents.sort();
    let fork = bent(POLICE, &fork, |header| (header.seq, header.previous, header.parents) = (0, None, parents));
    s.meet();
    s.tell(0, "fork of what was kept", fork);
    s.claim(Claims {
        void: vec!["backdated", "backdated grant", "fork of what was kept"],
        roles: vec![("Police", "none"), ("Kennington", "read"), ("Council", "none")],
        effective: vec!["kept"],
        ..Claims::default()
    })
}

fn deps_fall() -> Story {
    let (mut s, genesis) = Story::new(
        "built-on-void",
        "A writer is evicted with nothing kept: what builds on its revision is authorised and yet not effective; its void key still opens.",
        3,
        vec![grant(POLICE, Role::Write), grant(KENNINGTON, Role::Write)],
    );
    let key = s.key(0, "key", POLICE, genesis);
    let theirs = s.revise(0, "theirs", POLICE, genesis, key, &[]);
    s.revise(0, "on it", KENNINGTON, genesis, key, &[theirs]);
    s.revise(0, "beside it", KENNINGTON, genesis, key, &[]);
    s.evict(0, "evict", OWNER, genesis, POLICE);
    s.claim(Claims { void: vec!["key", "theirs"], effective: vec!["beside it"], roles: vec![("Police", "none")], ..Claims::default() })
}

fn late_keep(name: &'static str, about: &'static str, arrived: bool) -> Story {
    let (mut s, genesis) = Story::new(name, about, 2, vec![grant(POLICE, Role::Write)]);
    let key = s.key(0, "key", OWNER, genesis);
    let theirs = s.part(0);
    let first = s.revise(theirs, "first", POLICE, genesis, key, &[]);
    let second = s.make_revision(theirs, POLICE, genesis, key, &[first]);
    let kept = vec![keep(POLICE, Plane::Content, second.id())];
    s.control(0, "revoke", OWNER, genesis, Body::Revoke { principal: Principal::Organisation(organisation(POLICE)), keep: kept });
    if arrived {
        s.tell(theirs, "second", second);
    }
    let (void, effective) = if arrived { (vec![], vec!["first", "second"]) } else { (vec!["first"], vec![]) };
    s.claim(Claims { void, effective, ..Claims::default() })
}

fn keep_not_arrived() -> Story {
    late_keep(
        "keep-not-arrived",
        "A revocation keeps a content entry that is not here yet: it keeps nothing so far, not even what stands before it.",
        false,
    )
}

fn keep_arrived() -> Story {
    late_keep(
        "keep-arrived",
        "As keep-not-arrived, with the kept entry: from its arrival it is kept, with all before it by previous.",
        true,
    )
}

fn malicious_keep() -> Story {
    let (mut s, genesis) = Story::new(
        "malicious-keep",
        "A keep names another's entry as the evicted organisation's, or one of another plane: it keeps nothing, of anybody.",
        4,
        vec![grant(POLICE, Role::Write), grant(KENNINGTON, Role::Write)],
    );
    let key = s.key(0, "key", OWNER, genesis);
    let by_police = s.revise(0, "by police", POLICE, genesis, key, &[]);
    let by_kennington = s.revise(0, "by Kennington", KENNINGTON, genesis, key, &[by_police]);
    let other = s.control(0, "to council", OWNER, genesis, give(COUNCIL, Role::Write));
    s.revise(0, "by council", COUNCIL, other, key, &[]);
    let revoke = |whom, entry| Body::Revoke {
        principal: Principal::Organisation(organisation(whom)),
        keep: vec![keep(whom, Plane::Content, entry)],
    };
    s.control(0, "keeps Kennington's as the police's", OWNER, genesis, revoke(POLICE, by_kennington));
    s.control(0, "keeps a control entry as content", OWNER, genesis, revoke(COUNCIL, other));
    s.claim(Claims { void: vec!["by police", "by council"], effective: vec![], ..Claims::default() })
}

fn peers() -> Story {
    let (mut s, genesis) = Story::new(
        "peers",
        "Three admins that the owner named evict one another in a circle, on views of their own: none of it has effect.",
        4,
        vec![grant(POLICE, Role::Admin), grant(KENNINGTON, Role::Admin), grant(COUNCIL, Role::Admin)],
    );
    let (two, three) = (s.part(0), s.part(0));
    s.evict(0, "police evict Kennington", POLICE, genesis, KENNINGTON);
    s.evict(two, "Kennington evicts council", KENNINGTON, genesis, COUNCIL);
    s.evict(three, "council evicts police", COUNCIL, genesis, POLICE);
    s.meet();
    s.evict(0, "Kennington evicts police, knowing", KENNINGTON, genesis, POLICE);
    s.claim(Claims { roles: vec![("Police", "admin"), ("Kennington", "admin"), ("Council", "admin")], ..Claims::default() })
}

fn delegates() -> Story {
    let (mut s, genesis) = Story::new(
        "delegates",
        "Delegates cannot touch whoever stands above them; whoever stands above takes back across levels, and only it gives again.",
        4,
        vec![grant(POLICE, Role::Admin)],
    );
    let to_kennington = s.control(0, "to Kennington", POLICE, genesis, give(KENNINGTON, Role::Admin));
    s.control(0, "to council", KENNINGTON, to_kennington, give(COUNCIL, Role::Admin));
    s.evict(0, "Kennington evicts its giver", KENNINGTON, to_kennington, POLICE);
    let of_owner = Body::Revoke { principal: Principal::Device(device(OWNER)), keep: vec![] };
    s.control(0, "Kennington revokes the owner's device", KENNINGTON, to_kennington, of_owner);
    s.revoke(0, "owner revokes council", OWNER, genesis, COUNCIL);
    s.control(0, "Kennington gives again", KENNINGTON, to_kennington, give(COUNCIL, Role::Read));
    s.control(0, "police give Kennington more", POLICE, genesis, give(KENNINGTON, Role::Write));
    s.claim(Claims { roles: vec![("Police", "admin"), ("Kennington", "admin"), ("Council", "none")], ..Claims::default() })
}

fn revenge() -> Story {
    let (mut s, genesis) = Story::new(
        "revenge",
        "An admin that was evicted revokes its own delegates and withdraws the document, backdated: all of it is void, and what it did before stays.",
        4,
        vec![grant(POLICE, Role::Admin)],
    );
    let to_kennington = s.control(0, "to Kennington", POLICE, genesis, give(KENNINGTON, Role::Write));
    let angry = s.part(0);
    s.revoke(0, "revoke", OWNER, genesis, POLICE);
    s.evict(angry, "evict Kennington", POLICE, genesis, KENNINGTON);
    let stolen = Body::Revoke { principal: Principal::Device(device(KENNINGTON)), keep: vec![] };
    s.control(angry, "revoke Kennington's device", POLICE, genesis, stolen);
    s.control(angry, "withdraw", POLICE, genesis, Body::Withdraw { reason: Reason::Mistaken });
    s.meet();
    s.respond(0, "reply", KENNINGTON, to_kennington);
    s.claim(Claims {
        void: vec!["evict Kennington", "revoke Kennington's device", "withdraw"],
        roles: vec![("Police", "none"), ("Kennington", "write")],
        ..Claims::default()
    })
}

fn fallen_revocation() -> Story {
    let (mut s, genesis) = Story::new(
        "fallen-revocation",
        "An admin evicts a delegate; the owner then evicts the admin and keeps only what came before that: the delegate has its role back.",
        3,
        vec![grant(POLICE, Role::Admin)],
    );
    s.control(0, "to Kennington", POLICE, genesis, give(KENNINGTON, Role::Write));
    let kept = s.access(0).keep_all_of(&organisation(POLICE));
    s.evict(0, "evict Kennington", POLICE, genesis, KENNINGTON);
    s.control(0, "evict police", OWNER, genesis, Body::Revoke { principal: Principal::Organisation(organisation(POLICE)), keep: kept });
    s.claim(Claims { void: vec!["evict Kennington"], roles: vec![("Police", "none"), ("Kennington", "write")], ..Claims::default() })
}

fn regrant() -> Story {
    let (mut s, genesis) = Story::new(
        "regrant",
        "A grant by whoever knew of the revocation gives again; one by whoever did not is authorised and gives nothing; the new role can be taken too.",
        2,
        vec![grant(POLICE, Role::Write)],
    );
    s.second(OWNER);
    let other = s.part(0);
    s.evict(0, "evict", OWNER, genesis, POLICE);
    let unknowing = s.control(other, "unknowing", By::Second(OWNER), genesis, give(POLICE, Role::Write));
    s.meet();
    let knowing = s.control(0, "knowing", OWNER, genesis, give(POLICE, Role::Read));
    s.respond(0, "reply", POLICE, knowing);
    let nobody = csu_protocol::author::Audience { recipients: vec![], openness: csu_protocol::entry::Openness::Anyone };
    let void = s.make_response(0, POLICE, unknowing, &nobody, "");
    s.beside("reply under the unknowing grant", void);
    s.control(0, "to police again", OWNER, genesis, give(POLICE, Role::Relay));
    s.evict(0, "evict again", OWNER, genesis, POLICE);
    s.control(0, "to police for the last time", OWNER, genesis, give(POLICE, Role::Relay));
    s.claim(Claims {
        void: vec!["reply"],
        unsound: vec![("reply under the unknowing grant", "revoked")],
        roles: vec![("Police", "relay")],
        ..Claims::default()
    })
}

fn renunciation() -> Story {
    let (mut s, genesis) = Story::new(
        "renunciation",
        "An organisation gives up one of its two standings: what it kept stays, what it wrote besides falls, the other standing lives; giving up twice does no harm.",
        2,
        vec![grant(POLICE, Role::Relay)],
    );
    let writes = s.control(0, "to police", OWNER, genesis, give(POLICE, Role::Write));
    let key = s.key(0, "key", OWNER, genesis);
    let other = s.part(0);
    s.revise(0, "kept", POLICE, writes, key, &[]);
    s.revoke(0, "renounce", POLICE, writes, POLICE);
    let concurrent = s.make_revision(other, POLICE, writes, key, &[]);
    s.tell(other, "concurrent", concurrent);
    s.meet();
    s.evict(0, "renounce the other", POLICE, genesis, POLICE);
    s.evict(0, "renounce it twice", POLICE, genesis, POLICE);
    let late = s.make_key(0, POLICE, writes);
    s.beside("late", late);
    s.claim(Claims {
        void: vec!["concurrent"],
        unsound: vec![("late", "revoked")],
        roles: vec![("Police", "none")],
        effective: vec!["kept"],
        ..Claims::default()
    })
}

fn stolen_device() -> Story {
    let (mut s, genesis) = Story::new(
        "stolen-device",
        "A root key revokes its organisation's stolen device and keeps what was honest; the next device goes on under the same standing.",
        2,
        vec![grant(POLICE, Role::Write)],
    );
    s.second(POLICE);
    let key = s.key(0, "key", OWNER, genesis);
    let honest = s.revise(0, "honest", POLICE, genesis, key, &[]);
    let thief = s.part(0);
    let kept = s.access(0).keep_all_of(&organisation(POLICE));
    let word = Body::Revoke { principal: Principal::Device(device(POLICE)), keep: kept };
    s.control(0, "root key's word", By::Root(POLICE), genesis, word);
    s.revise(thief, "stolen", POLICE, genesis, key, &[honest]);
    s.meet();
    s.revise(0, "by the next device", By::Second(POLICE), genesis, key, &[honest]);
    let late = s.make_revision(0, POLICE, genesis, key, &[]);
    s.beside("late", late);
    s.claim(Claims {
        void: vec!["stolen"],
        unsound: vec![("late", "revoked")],
        roles: vec![("Police", "write")],
        effective: vec!["honest", "by the next device"],
        ..Claims::default()
    })
}

fn owners_stolen_device() -> Story {
    let (mut s, genesis) = Story::new(
        "owners-stolen-device",
        "With the owner's stolen device a thief evicts a writer, grants itself helpers and erases: the owner's root key takes all of it back.",
        3,
        vec![grant(POLICE, Role::Admin)],
    );
    let kept: Vec<Keep> = s.access(0).keep_all_of(&organisation(OWNER));
    let thief = s.part(0);
    s.evict(thief, "evict", OWNER, genesis, POLICE);
    s.control(thief, "to Kennington", OWNER, genesis, give(KENNINGTON, Role::Admin));
    s.control(thief, "erase", OWNER, genesis, Body::Erase);
    let word = Body::Revoke { principal: Principal::Device(device(OWNER)), keep: kept };
    s.control(0, "root key's word", By::Root(OWNER), genesis, word);
    s.meet();
    s.claim(Claims {
        void: vec!["evict", "to Kennington", "erase"],
        roles: vec![("Police", "admin"), ("Kennington", "none"), ("Brixton", "admin")],
        ..Claims::default()
    })
}

fn root_key_after_eviction() -> Story {
    let (mut s, genesis) = Story::new(
        "root-key-after-eviction",
        "The root key of an evicted organisation cannot void what its evictor kept; one that spoke before the eviction is kept with the rest.",
        5,
        vec![grant(POLICE, Role::Admin), grant(COUNCIL, Role::Admin)],
    );
    s.control(0, "police to Kennington", POLICE, genesis, give(KENNINGTON, Role::Write));
    s.control(0, "council's thief to Peckham", COUNCIL, genesis, give(PECKHAM, Role::Write));
    let word = |of| Body::Revoke { principal: Principal::Device(device(of)), keep: vec![] };
    s.control(0, "council's root key, before", By::Root(COUNCIL), genesis, word(COUNCIL));
    let angry = s.part(0);
    s.revoke(0, "revoke police", OWNER, genesis, POLICE);
    s.revoke(0, "revoke council", OWNER, genesis, COUNCIL);
    s.control(angry, "police's root key, not knowing", By::Root(POLICE), genesis, word(POLICE));
    s.meet();
    s.claim(Claims {
        void: vec!["council's thief to Peckham"],
        roles: vec![("Kennington", "write"), ("Peckham", "none"), ("Police", "none"), ("Council", "none")],
        ..Claims::default()
    })
}

fn foreign_root_key() -> Story {
    let (mut s, genesis) = Story::new(
        "foreign-root-key",
        "Two root keys revoke each other's devices: a root key speaks for its own organisation's devices alone.",
        3,
        vec![grant(POLICE, Role::Write), grant(KENNINGTON, Role::Write)],
    );
    let key = s.key(0, "key", POLICE, genesis);
    let revision = s.revise(0, "revision", KENNINGTON, genesis, key, &[]);
    let word = |of| Body::Revoke { principal: Principal::Device(device(of)), keep: vec![] };
    s.control(0, "Kennington's root key of the police's device", By::Root(KENNINGTON), genesis, word(POLICE));
    s.control(0, "police's root key of Kennington's device", By::Root(POLICE), genesis, word(KENNINGTON));
    s.revise(0, "by the police's device", POLICE, genesis, key, &[revision]);
    s.claim(Claims {
        roles: vec![("Police", "write"), ("Kennington", "write")],
        effective: vec!["revision", "by the police's device"],
        ..Claims::default()
    })
}

fn device_from_above() -> Story {
    let (mut s, genesis) = Story::new(
        "device-from-above",
        "A peer's revocation of a device has no effect, the owner's has; granting its organisation anew does not restore the device.",
        3,
        vec![grant(POLICE, Role::Write), grant(KENNINGTON, Role::Admin)],
    );
    s.second(POLICE);
    s.key(0, "key", POLICE, genesis);
    let body = Body::Revoke { principal: Principal::Device(device(POLICE)), keep: vec![] };
    s.control(0, "by a peer", KENNINGTON, genesis, body.clone());
    s.control(0, "by the owner", OWNER, genesis, body);
    let again = s.control(0, "to police again", OWNER, genesis, give(POLICE, Role::Write));
    let late = s.make_key(0, POLICE, again);
    s.beside("late", late);
    s.key(0, "by the next device", By::Second(POLICE), again);
    s.claim(Claims { void: vec!["key"], unsound: vec![("late", "revoked")], roles: vec![("Police", "write")], ..Claims::default() })
}

fn older_device() -> Story {
    let (mut s, genesis) = Story::new(
        "older-device",
        "The device that began a document says that another of the owner's may not act: what that one does, shown the document by an accomplice, falls; nor does it, or an admin, say so of others.",
        3,
        vec![grant(POLICE, Role::Admin)],
    );
    s.second(OWNER);
    let thief = s.part(0);
    let bar = |device| Body::Revoke { principal: Principal::Device(device), keep: vec![] };
    s.control(0, "bar the older device", OWNER, genesis, bar(second_device(OWNER)));
    let key = s.key(0, "key", OWNER, genesis);
    s.revise(0, "first words", OWNER, genesis, key, &[]);
    let theirs = s.key(thief, "thief's key", By::Second(OWNER), genesis);
    s.revise(thief, "thief's words", By::Second(OWNER), genesis, theirs, &[]);
    s.control(thief, "thief to Kennington", By::Second(OWNER), genesis, give(KENNINGTON, Role::Admin));
    s.control(thief, "thief bars the beginner", By::Second(OWNER), genesis, bar(device(OWNER)));
    s.evict(thief, "thief evicts the police", By::Second(OWNER), genesis, POLICE);
    s.control(0, "police bar the beginner", POLICE, genesis, bar(device(OWNER)));
    s.meet();
    s.control(0, "beginner to Kennington", OWNER, genesis, give(KENNINGTON, Role::Read));
    let late = s.make(0, By::Second(OWNER), genesis, give(KENNINGTON, Role::Write));
    s.beside("thief, knowing", late);
    s.claim(Claims {
        void: vec!["thief's key", "thief's words", "thief to Kennington", "thief bars the beginner", "thief evicts the police"],
        unsound: vec![("thief, knowing", "revoked")],
        roles: vec![("Police", "admin"), ("Kennington", "read")],
        effective: vec!["first words"],
        ..Claims::default()
    })
}

fn successor_revoked() -> Story {
    let (mut s, genesis) = Story::new(
        "successor-revoked",
        "A thief of the device that began a document revokes the owner's next device first: the root key takes that back, and the next device's work counts again.",
        3,
        vec![grant(POLICE, Role::Write)],
    );
    s.second(OWNER);
    let key = s.key(0, "key", OWNER, genesis);
    s.revise(0, "honest", OWNER, genesis, key, &[]);
    let kept = s.access(0).keep_all_of(&organisation(OWNER));
    let thief = s.part(0);
    let bar = Body::Revoke { principal: Principal::Device(second_device(OWNER)), keep: vec![] };
    s.control(thief, "thief bars the next device", OWNER, genesis, bar.clone());
    s.control(0, "next device to Kennington", By::Second(OWNER), genesis, give(KENNINGTON, Role::Read));
    s.meet();
    let early = s.make(0, By::Second(OWNER), genesis, give(KENNINGTON, Role::Write));
    s.beside("next device, before the root key", early);
    let word = Body::Revoke { principal: Principal::Device(device(OWNER)), keep: kept };
    s.control(0, "root key's word", By::Root(OWNER), genesis, word);
    s.control(0, "next device, after the root key", By::Second(OWNER), genesis, give(KENNINGTON, Role::Write));
    s.control(thief, "thief bars it again", OWNER, genesis, bar);
    s.meet();
    s.claim(Claims {
        void: vec!["thief bars the next device", "thief bars it again"],
        unsound: vec![("next device, before the root key", "revoked")],
        roles: vec![("Police", "write"), ("Kennington", "write")],
        effective: vec!["honest"],
        ..Claims::default()
    })
}

fn void_grant() -> Story {
    let (mut s, genesis) = Story::new(
        "void-grant",
        "An evicted admin grants, backdated; whoever was granted works honestly below it, and grants on: sound, and void.",
        4,
        vec![grant(POLICE, Role::Admin)],
    );
    let key = s.key(0, "key", OWNER, genesis);
    let theirs = s.part(0);
    s.evict(0, "evict", OWNER, genesis, POLICE);
    let to_kennington = s.control(theirs, "to Kennington", POLICE, genesis, give(KENNINGTON, Role::Admin));
    let to_council = s.control(theirs, "to council", KENNINGTON, to_kennington, give(COUNCIL, Role::Write));
    s.revise(theirs, "by council", COUNCIL, to_council, key, &[]);
    s.key(theirs, "council's key", COUNCIL, to_council);
    s.respond(theirs, "Kennington's reply", KENNINGTON, to_kennington);
    s.meet();
    let knowing = s.make(0, KENNINGTON, to_kennington, give(COUNCIL, Role::Read));
    s.beside("to council, knowing", knowing);
    s.claim(Claims {
        void: vec!["to Kennington", "to council", "by council", "council's key", "Kennington's reply"],
        unsound: vec![("to council, knowing", "revoked")],
        roles: vec![("Police", "none"), ("Kennington", "none"), ("Council", "none")],
        ..Claims::default()
    })
}

fn forks() -> Story {
    let (mut s, genesis) = Story::new(
        "forks",
        "One device signs three entries of one seq. All are sound and count; a revocation that keeps one keeps neither the others nor what follows them.",
        4,
        vec![grant(POLICE, Role::Admin)],
    );
    let key = s.key(0, "key", OWNER, genesis);
    let (two, three) = (s.part(0), s.part(0));
    s.control(0, "one", POLICE, genesis, give(KENNINGTON, Role::Read));
    s.control(two, "other", POLICE, genesis, give(KENNINGTON, Role::Write));
    s.control(two, "after the other", POLICE, genesis, give(COUNCIL, Role::Read));
    s.control(three, "third", POLICE, genesis, give(COUNCIL, Role::Relay));
    s.revise(0, "revision", POLICE, genesis, key, &[]);
    s.revise(two, "its fork", POLICE, genesis, key, &[]);
    let one = s.access(0).keep_all_of(&organisation(POLICE));
    s.meet();
    s.control(
        0,
        "revoke, keeping one",
        OWNER,
        genesis,
        Body::Revoke { principal: Principal::Organisation(organisation(POLICE)), keep: one },
    );
    s.claim(Claims {
        void: vec!["other", "after the other", "third", "its fork"],
        roles: vec![("Kennington", "read"), ("Council", "none")],
        effective: vec!["revision"],
        ..Claims::default()
    })
}

fn anyones_role() -> Story {
    let (mut s, genesis) = Story::new("anyone", "Anyone is given Read, loses it and regains it.", 2, vec![anyone(Role::Read)]);
    s.control(0, "revoke", OWNER, genesis, Body::Revoke { principal: Principal::Anyone, keep: vec![] });
    s.control(0, "again", OWNER, genesis, Body::Grant { grants: vec![anyone(Role::Read)] });
    s.claim(Claims { roles: vec![("Police", "read")], ..Claims::default() })
}

fn withdrawals() -> Story {
    let (mut s, genesis) = Story::new(
        "withdrawals",
        "Two withdrawals at once: both count, and of the two the one with the lower id is shown. A writer's is unsound.",
        3,
        vec![grant(POLICE, Role::Admin), grant(KENNINGTON, Role::Write)],
    );
    let other = s.part(0);
    s.control(0, "by the owner", OWNER, genesis, Body::Withdraw { reason: Reason::Mistaken });
    s.control(other, "by an admin", POLICE, genesis, Body::Withdraw { reason: Reason::Legal });
    s.meet();
    let by_writer = s.make(0, KENNINGTON, genesis, Body::Withdraw { reason: Reason::Other });
    s.beside("by a writer", by_writer);
    s.claim(Claims { unsound: vec![("by a writer", "role")], ..Claims::default() })
}

fn receipt() -> Story {
    let (mut s, genesis) = Story::new(
        "receipt",
        "An erasure by the owner, and receipts: a former reader's counts though it knows of its revocation, a stranger's is unsound.",
        3,
        vec![grant(POLICE, Role::Read)],
    );
    let key = s.key(0, "key", OWNER, genesis);
    s.revise(0, "revision", OWNER, genesis, key, &[]);
    s.evict(0, "evict", OWNER, genesis, POLICE);
    let erase = s.control(0, "erase", OWNER, genesis, Body::Erase);
    s.control(0, "former reader's", POLICE, genesis, Body::Receipt { erase });
    let stranger = s.make(0, KENNINGTON, genesis, Body::Receipt { erase });
    s.beside("stranger's", stranger);
    s.claim(Claims {
        unsound: vec![("stranger's", "no standing")],
        effective: vec!["revision"],
        roles: vec![("Police", "none")],
        ..Claims::default()
    })
}

fn expiry() -> Story {
    let until = |grant: Grant, ms| Grant { until: Some(Timestamp::from_ms(ms)), ..grant };
    let (mut s, genesis) = Story::new(
        "expiry",
        "Ends of grants stop serving down the chain and take no authority: what is signed after them counts.",
        4,
        vec![until(grant(POLICE, Role::Admin), 10), until(anyone(Role::Read), 30)],
    );
    s.moments(&[9, 10, 19, 20, 30]);
    let grants = vec![until(grant(KENNINGTON, Role::Write), 20)];
    let to_kennington = s.control(0, "to Kennington", POLICE, genesis, Body::Grant { grants });
    s.respond(0, "reply", KENNINGTON, to_kennington);
    s.control(0, "to council", OWNER, genesis, Body::Grant { grants: vec![until(grant(COUNCIL, Role::Relay), 20)] });
    s.claim(Claims {
        roles: vec![("Police", "none"), ("Kennington", "none"), ("Council", "none"), ("Brixton", "admin")],
        ..Claims::default()
    })
}
