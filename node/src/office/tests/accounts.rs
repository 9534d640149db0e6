//! Accounts, and what each role may ask of the desk.

use super::*;
use crate::desk::{
    AccountRequest, AccountRole, AccountsDesk, Blame, DisableRequest, ExportFormat, LinkChoice, LinkPurpose, PasswordHash, Presence, Roles,
    RolesRequest, SessionMark,
};
use crate::roles::AccountKey;
use AccountRole::{Administrator, DataProtectionLead, Editor, Issuer};

type Call = fn(&mut dyn Desk, &Actor) -> Result<(), Problem>;

/// Asks with what every request has in common: names of what is not there.
macro_rules! call {
    ($method:ident $(, $argument:expr)*) => {
        (stringify!($method), (|desk: &mut dyn Desk, actor: &Actor| desk.$method(actor $(, $argument)*).map(drop)) as Call)
    };
}

const ALL: &[AccountRole] = &AccountRole::ALL;

/// Every method of the desk that somebody asks as themselves, and who may.
fn methods() -> Vec<((&'static str, Call), &'static [AccountRole])> {
    macro_rules! request {
        ($text:expr) => {
            serde_json::from_str($text).unwrap()
        };
    }
    vec![
        (call!(peers), ALL),
        (call!(documents, request!("{}")), ALL),
        (call!(document, "abcd"), ALL),
        (call!(preview_step, "abcd", "issue", request!("{}")), ALL),
        (call!(history, "abcd"), ALL),
        (call!(grants, "abcd"), ALL),
        (call!(preview_revocation, "abcd", request!(r#"{"who": "x"}"#)), ALL),
        (call!(circles), ALL),
        (call!(circle, "x"), ALL),
        (call!(pending, "x", request!("{}")), ALL),
        (call!(access, "abcd"), ALL),
        (call!(silent), ALL),
        (call!(erasure, "abcd"), ALL),
        (call!(erasures), ALL),
        (call!(export, "abcd", ExportFormat::Json), ALL),
        (call!(log, request!("{}")), ALL),
        (call!(log_head), ALL),
        (call!(check_log, request!("{}")), ALL),
        (call!(retention, request!("{}")), ALL),
        (call!(draft, request!(r#"{"kind": "guide"}"#)), &[Editor]),
        (call!(edit, "abcd", request!("{}")), &[Editor]),
        (call!(discard, "abcd"), &[Editor]),
        (call!(import_cap, crate::desk::ImportRequest { name: None, bytes: vec![] }), &[Editor]),
        (call!(step, "abcd", "issue", request!("{}")), &[Issuer]),
        (call!(respond, "abcd", request!(r#"{"remark": "acknowledge"}"#)), &[Issuer]),
        (call!(grant, "abcd", request!(r#"{"who": "x"}"#)), &[Issuer]),
        (call!(revoke, "abcd", request!(r#"{"who": "x"}"#)), &[Issuer]),
        (call!(create_circle, request!(r#"{"name": "Ward"}"#)), &[Issuer]),
        (call!(change_circle, "x", request!("{}")), &[Issuer]),
        (call!(delete_circle, "x"), &[Issuer]),
        (call!(apply_circle, "x", request!(r#"{"document": "abcd"}"#)), &[Issuer]),
        (call!(open, "abcd", request!(r#"{"reason": "to see it"}"#)), &[Issuer, DataProtectionLead]),
        (call!(erase, "abcd", request!(r#"{"why": "legal"}"#)), &[DataProtectionLead]),
        (call!(keep_document, "abcd"), &[DataProtectionLead]),
        (call!(release_silent, request!("{}")), &[DataProtectionLead]),
        (call!(export_log, &request!("{}")), &[DataProtectionLead]),
        (call!(set_retention, "abcd", request!(r#"{"why": "x"}"#)), &[DataProtectionLead]),
        (call!(run_retention, request!(r#"{"dryRun": false}"#)), &[DataProtectionLead]),
        (call!(invite, request!("{}")), &[Administrator]),
        (call!(join, request!(r#"{"ticket": "x"}"#)), &[Administrator]),
        (call!(confirm_peer, "x", request!("{}")), &[Administrator]),
        (call!(pause_peer, "x", request!(r#"{"paused": true}"#)), &[Administrator]),
        (call!(remove_peer, "x"), &[Administrator]),
        (call!(recover, crate::desk::RecoveryStep::default()), &[Administrator]),
        (call!(backup), &[Administrator]),
        (call!(shutdown), &[Administrator]),
        (call!(accounts), &[Administrator]),
        (call!(create_account, request!(r#"{"name": "Sam"}"#)), &[Administrator]),
        (call!(set_roles, "x", request!(r#"{"roles": []}"#)), &[Administrator]),
        (call!(disable_account, "x", request!(r#"{"disabled": true}"#)), &[Administrator]),
        (call!(link_account, "x"), &[Administrator]),
        (call!(first_link), &[Administrator]),
    ]
}

/// The methods of a trait in its source: each name, and whether it is asked by somebody.
fn declared(source: &str) -> Vec<(String, bool)> {
    let body = source.split_once("pub trait ").unwrap().1;
    let heads = body.split("\n    fn ").skip(1);
    heads.map(|head| (head.split('(').next().unwrap().to_owned(), head.split(')').next().unwrap().contains("&Actor"))).collect()
}

#[test]
fn every_method_of_the_desk_is_done_for_those_roles_alone_that_may_and_a_refusal_says_which_and_who_can_help() {
    let (_folder, mut office, _) = office();
    let methods = methods();
    let mut known: Vec<&str> = methods.iter().map(|((name, _), _)| *name).collect();
    known.sort_unstable();
    let mut declared: Vec<String> = [include_str!("../../desk.rs"), include_str!("../../desk/accounts.rs")]
        .into_iter()
        .flat_map(declared)
        .filter_map(|(name, asked)| asked.then_some(name))
        .collect();
    declared.sort();
    assert_eq!(known, declared, "a method of the desk is not in the table");
    for ((name, call), may) in methods {
        for role in AccountRole::ALL {
            let actor = Actor::of_account("Kim", [role].into_iter().collect()).unwrap();
            let lines = office.storage.log_head().unwrap().lines;
            let refused = call(&mut office, &actor).err().filter(|problem| problem.detail().starts_with("this needs the role "));
            assert_eq!(refused.is_none(), may.contains(&role), "{name} as {role}: {refused:?}");
            if let Some(problem) = refused {
                assert_eq!(problem.blame(), Some(Blame::Denied));
                assert!(problem.detail().contains(may[0].label()), "{name}: {problem}");
                assert!(problem.remedy().contains("csu account roles"), "{name}: {problem}");
                assert_eq!(office.storage.log_head().unwrap().lines, lines, "{name} as {role} did something");
            }
        }
        // Whoever owns the node may all of it.
        let refused = call(&mut office, &Actor::named("owner").unwrap()).err();
        assert!(!refused.is_some_and(|problem| problem.detail().starts_with("this needs")), "{name}");
        office.storage.rollback().unwrap();
        office.stopping = false;
    }
}

fn add(office: &mut Office, name: &str, roles: Roles) -> SessionMark {
    let link = office.create_account(&Actor::unnamed(), AccountRequest { name: name.into(), roles }).unwrap();
    take(office, &link.address, None).unwrap()
}

fn take(office: &mut Office, address: &str, name: Option<&str>) -> Result<SessionMark, Problem> {
    let token = address.rsplit('/').next().unwrap();
    let choice = LinkChoice { name: name.map(str::to_owned), password: PasswordHash::new("$argon2id$x".into()) };
    let taken = office.take_link(token, choice).map(|signed_in| signed_in.mark);
    office.settle().unwrap();
    taken
}

fn only(role: AccountRole) -> Roles {
    [role].into_iter().collect()
}

#[test]
fn a_refusal_names_who_has_the_role_and_who_can_give_it() {
    let (_folder, mut office, _) = office();
    add(&mut office, "Ada", only(Administrator));
    add(&mut office, "Ivo", only(Issuer));
    let reader = Actor::of_account("Rae", Roles::READING).unwrap();
    let problem = office.step(&reader, "abcd", "issue", StepRequest::default()).unwrap_err();
    assert_eq!(
        problem.to_string(),
        "this needs the role Issuer, and Rae has Reader: ask Ivo to do it, or ask Ada, who can give you the role"
    );
}

#[test]
fn the_first_account_is_made_once_by_the_newest_link_and_has_every_role() {
    let (_folder, mut office, _) = office();
    let owner = Actor::unnamed();
    let old = office.first_link(&owner).unwrap().unwrap();
    let new = office.first_link(&owner).unwrap().unwrap();
    assert!(new.address.starts_with("http://localhost:4821/begin/"), "{}", new.address);
    assert_eq!(take(&mut office, &old.address, Some("Mallory")).unwrap_err().status(), 404, "a newer one took its place");
    let token = new.address.rsplit('/').next().unwrap().to_owned();
    assert_eq!(office.link_purpose(&token).unwrap(), LinkPurpose::First);
    assert_eq!(take(&mut office, &new.address, None).unwrap_err().field(), Some("name"));
    let mark = take(&mut office, &new.address, Some(" Ada   Lovelace ")).unwrap();
    assert_eq!(take(&mut office, &new.address, Some("Mallory")).unwrap_err().status(), 404, "used twice");
    let account = office.visit(mark, Presence::Acts).unwrap().unwrap().account;
    assert_eq!((account.name.as_str(), account.roles), ("Ada Lovelace", Roles::every()));
    assert_eq!(office.first_link(&owner).unwrap(), None);
    let log = Desk::log(&mut office, &owner, crate::desk::LogQuery::default()).unwrap();
    assert!(log.iter().any(|line| line.who == "Ada Lovelace" && line.detail == "made the first account by a link"));
}

#[test]
fn once_there_is_an_account_no_link_makes_a_first_one() {
    let (_folder, mut office, _) = office();
    let first = office.first_link(&Actor::unnamed()).unwrap().unwrap();
    add(&mut office, "Ada", Roles::every());
    assert_eq!(take(&mut office, &first.address, Some("Mallory")).unwrap_err().status(), 404);
}

#[test]
fn a_link_whose_time_is_over_is_good_for_nothing() {
    let (_folder, mut office, _) = office();
    let link = office.create_account(&Actor::unnamed(), AccountRequest { name: "Jo".into(), roles: Roles::READING }).unwrap();
    let token = link.address.rsplit('/').next().unwrap();
    let hash = csu_protocol::id::Hash::of(token.as_bytes());
    let row = office.storage.link(&hash).unwrap().unwrap();
    assert!(row.until.as_ms().abs_diff(now().as_ms() + 24 * 60 * 60 * 1000) < 60_000);
    office.storage.put_link(&hash, &crate::storage::LinkRow { until: now(), ..row }, Timestamp::from_ms(0)).unwrap();
    assert_eq!(take(&mut office, &link.address, None).unwrap_err().status(), 404);
}

#[test]
fn sessions_end_with_the_password_with_the_account_and_when_their_person_says_so() {
    let (_folder, mut office, _) = office();
    let owner = Actor::unnamed();
    let first = add(&mut office, "Jo", only(Editor));
    let visits = |office: &mut Office, mark| office.visit(mark, Presence::Acts).unwrap().is_some();
    assert!(visits(&mut office, first));
    let second = office.change_password(first, PasswordHash::new("$argon2id$y".into())).unwrap().mark;
    assert!(!visits(&mut office, first) && visits(&mut office, second));
    assert_eq!(office.change_password(first, PasswordHash::new("$argon2id$z".into())).unwrap_err().status(), 403);
    office.sign_in(first).unwrap_err();
    // Other roles end nothing, and hold from the next request on.
    office.set_roles(&owner, "JO", RolesRequest { roles: only(Issuer) }).unwrap();
    assert_eq!(office.visit(second, Presence::Acts).unwrap().unwrap().account.roles, only(Issuer));
    office.disable_account(&owner, "Jo", DisableRequest { disabled: true }).unwrap();
    assert!(!visits(&mut office, second));
    assert_eq!(office.link_account(&owner, "Jo").unwrap_err().status(), 409);
    let now_mark = office.credentials("jo").unwrap().unwrap().mark;
    assert_eq!(office.sign_in(now_mark).unwrap_err().status(), 403);
    office.disable_account(&owner, "Jo", DisableRequest { disabled: false }).unwrap();
    assert!(!visits(&mut office, second), "what was ended does not come back");
    let third = office.credentials("jo").unwrap().unwrap().mark;
    office.sign_in(third).unwrap();
    office.end_sessions(third).unwrap();
    assert!(!visits(&mut office, third));
    assert!(!visits(&mut office, SessionMark { account: AccountKey::new(99), generation: 0 }));
}

#[test]
fn a_link_for_a_new_password_ends_what_was_begun_with_the_old_one_and_falls_with_a_change() {
    let (_folder, mut office, _) = office();
    let owner = Actor::unnamed();
    let before = add(&mut office, "Jo", Roles::READING);
    let link = office.link_account(&owner, "jo").unwrap();
    assert!(office.visit(before, Presence::Acts).unwrap().is_some(), "nothing has changed yet");
    let after = take(&mut office, &link.address, None).unwrap();
    assert!(office.visit(before, Presence::Acts).unwrap().is_none());
    assert_eq!(take(&mut office, &link.address, None).unwrap_err().status(), 404, "used twice");
    let forgotten = office.link_account(&owner, "jo").unwrap();
    office.change_password(after, PasswordHash::new("$argon2id$y".into())).unwrap();
    assert_eq!(take(&mut office, &forgotten.address, None).unwrap_err().status(), 404);
    let disabled = office.link_account(&owner, "jo").unwrap();
    office.disable_account(&owner, "jo", DisableRequest { disabled: true }).unwrap();
    assert_eq!(take(&mut office, &disabled.address, None).unwrap_err().status(), 404);
}

#[test]
fn names_that_mislead_are_refused_and_so_is_one_that_somebody_bears() {
    let (_folder, mut office, _) = office();
    let owner = Actor::unnamed();
    add(&mut office, "Zoë", Roles::READING);
    for (name, status) in [
        ("", 422),
        (" \t ", 422),
        ("a\u{202e}b", 422),
        ("This  Node", 422),
        ("somebody at this node", 422),
        (&"x".repeat(500), 422),
        ("ZOE\u{308}", 409),
    ] {
        let request = AccountRequest { name: name.into(), roles: Roles::READING };
        assert_eq!(office.create_account(&owner, request).unwrap_err().status(), status, "{name:?}");
        office.storage.rollback().unwrap();
    }
}

#[test]
fn the_last_administrator_stays_unless_the_owner_of_the_node_says_otherwise() {
    let (_folder, mut office, _) = office();
    let ada = add(&mut office, "Ada", only(Administrator));
    // One that nobody can sign in to yet does not count.
    office.create_account(&Actor::unnamed(), AccountRequest { name: "Sam".into(), roles: only(Administrator) }).unwrap();
    let actor = office.visit(ada, Presence::Acts).unwrap().unwrap().actor().unwrap();
    let reading = RolesRequest { roles: Roles::READING };
    assert_eq!(office.set_roles(&actor, "Ada", reading).unwrap_err().status(), 409);
    assert_eq!(office.disable_account(&actor, "Ada", DisableRequest { disabled: true }).unwrap_err().status(), 409);
    add(&mut office, "Kim", only(Administrator));
    office.set_roles(&actor, "Ada", reading).unwrap();
    office.disable_account(&Actor::unnamed(), "Kim", DisableRequest { disabled: true }).unwrap();
}

#[test]
fn the_visit_before_this_one_is_what_the_next_begins_from() {
    let (_folder, mut office, _) = office();
    let mark = add(&mut office, "Jo", Roles::READING);
    let mut row = office.storage.account(mark.account).unwrap().unwrap();
    assert_eq!(row.visit_before, None);
    let earlier = Timestamp::from_ms(now().as_ms() - 3_600_000);
    row.seen = Some(earlier);
    office.storage.put_account(&row).unwrap();
    let signed_in = office.sign_in(mark).unwrap();
    assert_eq!(signed_in.last_visit, Some(earlier.into()));
    // A page that only watches is nobody's visit; who acts is noted, and the visit before stays what it was.
    row = office.storage.account(mark.account).unwrap().unwrap();
    row.seen = Some(earlier);
    office.storage.put_account(&row).unwrap();
    office.visit(mark, Presence::Watches).unwrap().unwrap();
    assert_eq!(office.storage.account(mark.account).unwrap().unwrap().seen, Some(earlier));
    assert_eq!(office.visit(mark, Presence::Acts).unwrap().unwrap().last_visit, Some(earlier.into()));
    assert_ne!(office.storage.account(mark.account).unwrap().unwrap().seen, Some(earlier));
}

#[test]
fn the_draft_of_a_sealed_part_is_for_those_who_work_on_it() {
    let (_folder, mut office, _) = office();
    let owner = Actor::unnamed();
    let assign = vec!["title=Gates".to_owned(), "problem=Alleys".to_owned(), "summary=Gates".to_owned(), "evidenceBasis=claim".to_owned()];
    let whole = office.draft(&owner, DraftRequest { kind: "guide".to_owned(), assign, ..DraftRequest::default() }).unwrap();
    let request = DraftRequest { kind: "annex".to_owned(), of: Some(whole.reference.clone()), ..DraftRequest::default() };
    let annex = office.draft(&owner, request).unwrap();
    for role in AccountRole::ALL {
        let actor = Actor::of_account("Kim", only(role)).unwrap();
        let may = [Editor, Issuer, DataProtectionLead].contains(&role);
        assert_eq!(office.document(&actor, &annex.reference).is_ok(), may, "{role}");
        assert_eq!(office.export(&actor, &annex.reference, ExportFormat::Json).is_ok(), may, "{role}");
        office.document(&actor, &whole.reference).unwrap();
    }
}
