//! What happens in the demo, step by step, and what is checked.

use super::town::{Node, Town};
use super::{DemoError, PATIENCE};
use crate::cli::client::ClientError;
use crate::desk::{AccessLevel, AccessView, Document, Invitation, Peer, RespondRequest, RevocationOutcome, Status, StepRequest};
use csu_protocol::entry::{Reason, Remark, Role};
use serde_json::json;
use std::time::{Duration, Instant};

const BRIXTON: usize = 0;
const KENNINGTON: usize = 1;
const POLICE: usize = 2;
const NAMES: [(&str, &str, &str); 3] =
    [("Brixton CSU", "union", "brixton"), ("Kennington CSU", "union", "kennington"), ("Lambeth Police", "police", "police")];

/// Counts what was checked.
#[derive(Debug, Default)]
struct Checks(u32);

impl Checks {
    fn that(&mut self, node: &Node, holds: bool, what: &str) -> Result<(), DemoError> {
        self.0 = self.0.saturating_add(1);
        if holds {
            println!("      {:<15} {what}", node.name());
            Ok(())
        } else {
            Err(DemoError::Difference { who: node.name().to_owned(), what: format!("expected: {what}") })
        }
    }

    async fn until(&mut self, node: &Node, reference: &str, what: &str, is: impl Fn(&Document) -> bool) -> Result<Document, DemoError> {
        let (document, took) = node.until(reference, what, is).await?;
        self.0 = self.0.saturating_add(1);
        println!("      {:<15} {what} (seen after {} ms)", node.name(), took.as_millis());
        Ok(document)
    }
}

fn act(number: u32, text: &str) {
    println!("\n{number:>2}. {text}");
}

/// Plays the whole demo; how many checks passed.
pub(super) async fn play(town: &mut Town) -> Result<u32, DemoError> {
    let mut checks = Checks::default();
    act(1, "Two unions and a police force each start a node of their own");
    for (name, kind, folder) in NAMES {
        town.settle(name, kind, folder).await?;
        let node = town.node(town.nodes().len().saturating_sub(1))?;
        let status: Status = node.get("/status").await?;
        checks.that(
            node,
            status.organisation.name == name,
            &format!("is up, {} of organisation {}", kind, status.organisation.id.short()),
        )?;
    }
    act(2, "They pair: a ticket, the same security number on both screens, and a confirmation on each side");
    for (one, other) in [(BRIXTON, KENNINGTON), (BRIXTON, POLICE), (KENNINGTON, POLICE)] {
        pair(town.node(one)?, town.node(other)?, &mut checks).await?;
    }
    let bulletin = bulletin(town, &mut checks).await?;
    guide(town, &mut checks).await?;
    note(town, &mut checks).await?;
    annex(town, &mut checks).await?;
    away(town, &mut checks, &bulletin).await?;
    revoke_and_withdraw(town, &mut checks, &bulletin).await?;
    Ok(checks.0)
}

async fn pair(one: &Node, other: &Node, checks: &mut Checks) -> Result<(), DemoError> {
    let invitation: Invitation = one.post("/invitations", &json!({ "validHours": 1 })).await?;
    let _joined: Peer = other.post("/join", &json!({ "ticket": invitation.ticket })).await?;
    let theirs = wait_for_number(one, other.name()).await?;
    let ours = wait_for_number(other, one.name()).await?;
    checks.that(one, ours == theirs, &format!("and {} show {theirs}", other.name()))?;
    for (here, there) in [(one, other), (other, one)] {
        let path = format!("/peers/{}/confirm", crate::cli::client::segment(there.name()));
        let _peer: Peer = here.post(&path, &json!({ "number": theirs })).await?;
    }
    for (here, there) in [(one, other), (other, one)] {
        let until = Instant::now() + PATIENCE;
        loop {
            let peer = here.peer(there.name()).await?;
            if peer.pairing == crate::desk::Pairing::Confirmed && peer.connected {
                break;
            }
            if Instant::now() > until {
                return Err(DemoError::Difference {
                    who: here.name().to_owned(),
                    what: format!("pairing with {} was not complete in time", there.name()),
                });
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
    Ok(())
}

async fn wait_for_number(node: &Node, of: &str) -> Result<String, DemoError> {
    let until = Instant::now() + PATIENCE;
    loop {
        match node.peer(of).await {
            Ok(Peer { number: Some(number), .. }) => return Ok(number),
            Ok(_) | Err(DemoError::Difference { .. }) if Instant::now() < until => tokio::time::sleep(Duration::from_millis(20)).await,
            Ok(_) => {
                return Err(DemoError::Difference { who: node.name().to_owned(), what: format!("no security number with {of} in time") });
            }
            Err(error) => return Err(error),
        }
    }
}

fn to(who: &[(&str, Role)]) -> StepRequest {
    let to = who.iter().map(|(who, role)| crate::desk::Recipient { who: (*who).to_owned(), role: Some(*role), until: None });
    StepRequest { to: to.collect(), ..StepRequest::default() }
}

fn assign(words: &[&str]) -> StepRequest {
    StepRequest { assign: words.iter().map(|word| (*word).to_owned()).collect(), ..StepRequest::default() }
}

fn first<'d>(document: &'d Document, field: &str) -> &'d str {
    document.fields.get("info").and_then(|info| info.get(0)).and_then(|info| info.get(field)).and_then(|value| value.as_str()).unwrap_or("")
}

fn id_of(document: &Document) -> String {
    document.id.map_or_else(|| document.reference.clone(), |id| id.to_string())
}

async fn bulletin(town: &Town, checks: &mut Checks) -> Result<String, DemoError> {
    let (brixton, kennington, police) = (town.node(BRIXTON)?, town.node(KENNINGTON)?, town.node(POLICE)?);
    act(3, "Brixton imports alerts that others wrote, as drafts that stay on its node");
    let burglary = brixton.import("brixton-burglary.cap", include_str!("alerts/brixton-burglary.cap")).await?;
    let other = brixton.import("two-languages.cap", include_str!("alerts/two-languages.cap")).await?;
    for imported in [&burglary, &other] {
        let draft = imported.document.state == "draft" && imported.document.id.is_none();
        let what =
            format!("has draft {} \"{}\", with {} warnings", imported.document.reference, imported.document.title, imported.warnings.len());
        checks.that(brixton, draft, &what)?;
    }
    act(4, "Brixton issues the burglary bulletin: Kennington may read it, the police may revise it too");
    // Who wrote the alert is named in it by the address of an office.
    let looked = StepRequest {
        personal_data_checked: Some("the sender is an office".to_owned()),
        ..to(&[("Kennington CSU", Role::Read), ("Lambeth Police", Role::Write)])
    };
    let issued = brixton.step(&burglary.document.reference, "issue", &looked).await?;
    let reference = id_of(&issued);
    checks.that(brixton, issued.state == "issued", &format!("issued {} \"{}\"", issued.reference, issued.title))?;
    for node in [kennington, police] {
        let found = checks.until(node, &reference, "holds it, opened and verified", |document| document.state == "issued").await?;
        checks.that(
            node,
            found.fields == issued.fields && found.owner.name == "Brixton CSU",
            "reads the same words, signed by Brixton CSU",
        )?;
    }
    checks.that(kennington, kennington.document(&reference).await?.access == AccessLevel::Read, "may read and respond")?;
    let refused = kennington.refusal(&format!("/documents/{reference}/steps/update"), &assign(&["headline=Changed"])).await;
    checks.that(kennington, matches!(refused, Some(ClientError::Refused(_))), "is refused when it tries to revise it")?;
    act(5, "The police revise it, Kennington has seen the same; both reach everyone");
    police.step(&reference, "update", &assign(&["instruction=Lock rear windows. Report anything seen on 101."])).await?;
    for node in [brixton, kennington] {
        checks
            .until(node, &reference, "reads the police's revision", |document| {
                document.state == "updated" && first(document, "instruction").starts_with("Lock rear windows. Report")
            })
            .await?;
    }
    let said = RespondRequest {
        remark: Remark::SeenHereToo,
        text: Some("One on Kennington Road, the same way in.".to_owned()),
        personal_data_checked: None,
    };
    let _document: Document = kennington.post(&format!("/documents/{reference}/responses"), &said).await?;
    for node in [brixton, police] {
        checks
            .until(node, &reference, "reads Kennington's response", |document| {
                document.responses.iter().any(|response| response.remark == Remark::SeenHereToo && response.by.name == "Kennington CSU")
            })
            .await?;
    }
    let access: AccessView = brixton.get(&format!("/documents/{reference}/access")).await?;
    for row in &access.rows {
        println!("                      {}", row.sentence);
    }
    Ok(reference)
}

async fn guide(town: &Town, checks: &mut Checks) -> Result<(), DemoError> {
    let (brixton, kennington, police) = (town.node(BRIXTON)?, town.node(KENNINGTON)?, town.node(POLICE)?);
    act(6, "Kennington publishes a guide to what worked; Brixton reads it, the police have no part in it");
    let words = [
        "title=Alley gates that stay shut",
        "problem=Rear alleys give a way in that nobody overlooks.",
        "summary=Gates with self-closing hinges, keys with the residents, and one person who cares.",
        "evidenceBasis=evaluation",
    ];
    let draft = kennington.draft("guide", &words, &[("Brixton CSU", Role::Read)]).await?;
    let published = kennington.step(&draft.reference, "publish", &StepRequest::default()).await?;
    let reference = id_of(&published);
    checks
        .until(brixton, &reference, "reads the guide", |document| {
            document.state == "published" && document.title == "Alley gates that stay shut"
        })
        .await?;
    let unknown = police.document(&reference).await;
    let none = matches!(&unknown, Err(DemoError::Refused { error: ClientError::Refused(problem), .. }) if problem.status() == 404);
    checks.that(police, none, "knows of no such document")
}

async fn note(town: &Town, checks: &mut Checks) -> Result<(), DemoError> {
    let (brixton, kennington, police) = (town.node(BRIXTON)?, town.node(KENNINGTON)?, town.node(POLICE)?);
    act(7, "Brixton sends the police a liaison note; they answer, Brixton closes it");
    let words = ["subject=Lighting behind the station", "text=Three reports this month. Who maintains the lamps?"];
    let draft = brixton.draft("note", &words, &[("Lambeth Police", Role::Read)]).await?;
    let sent = brixton.step(&draft.reference, "send", &StepRequest::default()).await?;
    let reference = id_of(&sent);
    checks.until(police, &reference, "has the note", |document| document.state == "sent").await?;
    let closing = police.refusal(&format!("/documents/{reference}/steps/close"), &StepRequest::default()).await;
    checks.that(
        police,
        matches!(closing, Some(ClientError::Refused(_))),
        "is refused when they try to close what is Brixton's to close",
    )?;
    let answer = StepRequest { text: Some("The council does; we have passed it on.".to_owned()), ..StepRequest::default() };
    police.step(&reference, "answer", &answer).await?;
    checks.until(brixton, &reference, "has the answer", |document| document.state == "answered").await?;
    brixton.step(&reference, "close", &StepRequest::default()).await?;
    checks.until(police, &reference, "sees it closed", |document| document.state == "closed").await?;
    let none = kennington.document(&reference).await.is_err();
    checks.that(kennington, none, "knows of no such note")
}

async fn annex(town: &Town, checks: &mut Checks) -> Result<(), DemoError> {
    const NAME: &str = "Mr Jonas Wetherby";
    let (brixton, kennington, police) = (town.node(BRIXTON)?, town.node(KENNINGTON)?, town.node(POLICE)?);
    act(8, "A draft names a suspect: the name goes to an annex for the police, who give a reason to open it");
    let headline = format!("headline=Van seen at both burglaries; {NAME} drove it");
    let words = [&headline, "event=Burglary", "category=Security", "severity=Moderate", "urgency=Expected", "certainty=Likely"];
    let draft = brixton.draft("bulletin", &words, &[("Kennington CSU", Role::Read), ("Lambeth Police", Role::Read)]).await?;
    let issue = format!("/documents/{}/steps/issue", draft.reference);
    let found = match brixton.refusal(&issue, &StepRequest::default()).await {
        Some(ClientError::Refused(problem)) => problem.findings().iter().any(|found| found.words == NAME),
        _ => false,
    };
    checks.that(brixton, found, "is refused when it would issue what looks like a person's name")?;
    let moved = StepRequest { move_to_annex: true, ..StepRequest::default() };
    let issued = brixton.step(&draft.reference, "issue", &moved).await?;
    checks.that(brixton, issued.title.contains("[in the annex]"), &format!("issued \"{}\"", issued.title))?;
    let annex = issued.annexes.first().map(|annex| annex.reference.clone()).unwrap_or_default();
    let annex = id_of(&brixton.step(&annex, "issue", &to(&[("Lambeth Police", Role::Read)])).await?);
    checks.until(kennington, &id_of(&issued), "reads the bulletin", |document| document.state == "issued").await?;
    checks.that(kennington, kennington.document(&annex).await.is_err(), "knows of no annex")?;
    let openings = format!("/documents/{annex}/openings");
    let opened = wait_to_open(police, &openings, "to trace the van, case 4411").await?;
    let told = opened.fields.get("persons").is_some_and(|persons| persons.to_string().contains(NAME));
    checks.that(police, told, "opens the annex for a reason, and reads the name")?;
    let silent = matches!(police.refusal(&openings, &json!({})).await, Some(ClientError::Refused(problem)) if problem.status() == 403);
    checks.that(police, silent, "is refused without a reason")?;
    let until = Instant::now() + PATIENCE;
    loop {
        let lines = brixton.log(&annex, "consultation").await?;
        if lines.iter().any(|line| line.who == "Lambeth Police" && line.why.as_deref() == Some("to trace the van, case 4411")) {
            return checks.that(brixton, true, "has in its log who opened the annex, when and why");
        }
        if Instant::now() > until {
            return checks.that(brixton, false, "has in its log who opened the annex, when and why");
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Opens an annex as soon as it is there.
async fn wait_to_open(node: &Node, openings: &str, reason: &str) -> Result<Document, DemoError> {
    let until = Instant::now() + PATIENCE;
    loop {
        match node.post(openings, &json!({ "reason": reason })).await {
            Err(DemoError::Refused { error: ClientError::Refused(problem), .. })
                if matches!(problem.status(), 404 | 409) && Instant::now() < until =>
            {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            other => return other,
        }
    }
}

async fn away(town: &mut Town, checks: &mut Checks, bulletin: &str) -> Result<(), DemoError> {
    act(9, "The police node is off while Brixton updates the bulletin; it catches up when it is back");
    town.node_mut(POLICE)?.stop().await;
    let update = assign(&["headline=Four burglaries through rear windows in one week", "severity=Severe"]);
    town.node(BRIXTON)?.step(bulletin, "update", &update).await?;
    let newer = |document: &Document| first(document, "headline").starts_with("Four") && first(document, "severity") == "Severe";
    checks.until(town.node(KENNINGTON)?, bulletin, "reads the update meanwhile", newer).await?;
    let begun = Instant::now();
    town.node_mut(POLICE)?.start().await?;
    checks.until(town.node(POLICE)?, bulletin, "has caught up", newer).await?;
    println!("                      {} ms after it was started again", begun.elapsed().as_millis());
    let brixton = town.node(BRIXTON)?;
    let lines = brixton.log(bulletin, "disclosure").await?;
    for who in ["Kennington CSU", "Lambeth Police"] {
        let told = lines.iter().any(|line| line.to.as_deref() == Some(who));
        checks.that(brixton, told, &format!("names in its log what it disclosed to {who}"))?;
    }
    Ok(())
}

async fn revoke_and_withdraw(town: &Town, checks: &mut Checks, bulletin: &str) -> Result<(), DemoError> {
    let (brixton, kennington, police) = (town.node(BRIXTON)?, town.node(KENNINGTON)?, town.node(POLICE)?);
    act(10, "Brixton takes Kennington's role back, and updates once more");
    let revoked: RevocationOutcome =
        brixton.post(&format!("/documents/{bulletin}/revocations"), &json!({ "who": "Kennington CSU" })).await?;
    checks.that(brixton, revoked.falls.iter().any(|who| who.name == "Kennington CSU"), "shows that Kennington loses it")?;
    checks.until(kennington, bulletin, "learns that its role has ended", |document| document.access == AccessLevel::Former).await?;
    brixton.step(bulletin, "update", &assign(&["headline=Two people arrested"])).await?;
    checks.until(police, bulletin, "reads the new revision", |document| first(document, "headline") == "Two people arrested").await?;
    act(11, "Brixton withdraws the bulletin; former readers learn of it, and of nothing else");
    let reason = StepRequest { reason: Some(Reason::NoLongerNeeded), ..StepRequest::default() };
    brixton.step(bulletin, "withdraw", &reason).await?;
    for node in [kennington, police] {
        let found = checks
            .until(node, bulletin, "sees it withdrawn, by whom and why", |document| {
                document.state == "withdrawn"
                    && document
                        .withdrawn
                        .as_ref()
                        .is_some_and(|withdrawn| withdrawn.reason == Reason::NoLongerNeeded && withdrawn.by.name == "Brixton CSU")
            })
            .await?;
        if node.name() == kennington.name() {
            let old = first(&found, "headline").starts_with("Four");
            checks.that(node, old, "still reads what it was given, and nothing of the later revision")?;
        }
    }
    let cancel = police.text(&format!("/documents/{bulletin}/export?format=cap")).await?;
    checks.that(
        police,
        cancel.contains("<msgType>Cancel</msgType>") && cancel.contains("<references>"),
        "exports it as a CAP Cancel with references",
    )
}
