//! `csu circle`: named lists of organisations, and what follows when they change.

use super::args::{CircleMembersArgs, CircleVerb};
use super::asking;
use super::client::{Client, query, segment};
use super::failure::Failure;
use super::output::Output;
use super::screen::{columns, heading, print, short_time, visible, visible_json};
use super::words::{self, Told};
use crate::desk::{
    Applied, ApplyRequest, Circle, CircleChange, CircleRequest, CircleStep, MembersRequest, PendingPage, PendingQuery, RevocationEffect,
};
use csu_protocol::id::DocumentId;
use serde_json::{Value, json};

/// Whether what follows is to be done at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Follow {
    /// It is shown; somebody at a terminal is asked.
    Offer,
    /// It is done.
    Apply,
}

/// Runs one of them.
///
/// # Errors
/// When the node refuses, or cannot be asked, or some of what was to be done was not.
pub async fn run(verb: CircleVerb, client: &Client, output: Output) -> Result<(), Failure> {
    match verb {
        CircleVerb::Create(args) => {
            let request = CircleRequest { name: args.name, members: args.members };
            output.show(&client.post("/circles", &request).await?, |circle: Circle| one(&circle))
        }
        CircleVerb::Add(args) => {
            let request = MembersRequest { add: args.who.clone(), remove: Vec::new() };
            change(&args, &request, client, output).await
        }
        CircleVerb::Remove(args) => {
            let request = MembersRequest { add: Vec::new(), remove: args.who.clone() };
            change(&args, &request, client, output).await
        }
        CircleVerb::List(args) => match args.name {
            Some(name) => output.show(&client.get(&address(&name)).await?, |circle: Circle| one(&circle)),
            None => output.show(&client.get("/circles").await?, |circles: Vec<Circle>| list(&circles)),
        },
        CircleVerb::Delete(args) => {
            let answer = client.delete(&address(&args.name)).await?;
            output.done(
                &answer,
                "The circle is deleted. What was granted to its members stays theirs: take it back with `csu grant revoke`.\n",
            )
        }
        CircleVerb::Pending(args) => show_pending(args.name, client, output).await,
        CircleVerb::Apply(args) => {
            let circle: Circle = client.get(&address(&args.name)).await?.read()?;
            follow(&circle, Follow::Apply, client, output).await
        }
    }
}

fn address(name: &str) -> String {
    format!("/circles/{}", segment(name))
}

async fn change(args: &CircleMembersArgs, request: &MembersRequest, client: &Client, output: Output) -> Result<(), Failure> {
    let circle: Circle = client.post(&format!("{}/members", address(&args.name)), request).await?.read()?;
    if output == Output::Words {
        print(&one(&circle));
    }
    follow(&circle, if args.apply { Follow::Apply } else { Follow::Offer }, client, output).await
}

/// Everything that is pending for a circle.
async fn pending(name: &str, client: &Client) -> Result<Vec<CircleChange>, Failure> {
    let (mut found, mut asked) = (Vec::new(), PendingQuery::default());
    loop {
        let page: PendingPage = client.get(&format!("{}/pending{}", address(name), query(&asked))).await?.read()?;
        found.extend(page.items);
        match page.next {
            Some(next) => asked.after = Some(next),
            None => return Ok(found),
        }
    }
}

async fn show_pending(name: Option<String>, client: &Client, output: Output) -> Result<(), Failure> {
    let circles: Vec<Circle> = match name {
        Some(name) => vec![client.get(&address(&name)).await?.read()?],
        None => client.get("/circles").await?.read()?,
    };
    let mut all = Vec::new();
    for circle in circles {
        let pending = pending(&circle.name, client).await?;
        all.push((circle.name, pending));
    }
    match output {
        Output::Json => {
            let found: Vec<Value> = all.iter().map(|(name, pending)| json!({ "circle": name, "pending": pending })).collect();
            print_json(&json!(found));
        }
        Output::Words if all.iter().all(|(_, pending)| pending.is_empty()) => print("Nothing is pending.\n"),
        Output::Words => {
            for (name, pending) in all.iter().filter(|(_, pending)| !pending.is_empty()) {
                print(&offer(name, pending));
                print(&format!("Do it with: csu circle apply \"{}\"\n", visible(name)));
            }
        }
    }
    Ok(())
}

/// Shows what follows from a circle's members and does it, if that is wanted.
async fn follow(circle: &Circle, wanted: Follow, client: &Client, output: Output) -> Result<(), Failure> {
    let pending = pending(&circle.name, client).await?;
    if output == Output::Words {
        print(&if pending.is_empty() { "Nothing follows from that.\n".to_owned() } else { format!("\n{}", offer(&circle.name, &pending)) });
    }
    let mut documents: Vec<DocumentId> = Vec::new();
    for change in pending.iter().filter(|change| change.blocked.is_none()) {
        if !documents.contains(&change.document) {
            documents.push(change.document);
        }
    }
    let apply = match wanted {
        Follow::Apply => true,
        Follow::Offer => {
            !documents.is_empty()
                && asking::is_possible(output)
                && asking::yes("\nDo that now? Type yes or no: ", "add --apply, or leave it to `csu circle apply`")?
        }
    };
    let (mut applied, mut failures) = (Vec::new(), Vec::new());
    if apply {
        (applied, failures) = apply_all(&circle.name, &documents, client, output).await?;
    } else if !documents.is_empty() && output == Output::Words {
        print(&format!("\nNothing of that was done. Do it with: csu circle apply \"{}\"\n", visible(&circle.name)));
    }
    if output == Output::Json {
        print_json(&json!({ "circle": circle, "pending": pending, "applied": applied }));
    }
    match failures.first() {
        None => Ok(()),
        Some(first) => Err(Failure::new(
            format!("{} of {} documents could not be done; the first: {first}", failures.len(), documents.len()),
            format!("see what is left with `csu circle pending \"{}\"`, and apply it again", circle.name),
        )),
    }
}

/// Does what follows, document by document: what was done is done, whatever happens to the next.
async fn apply_all(name: &str, documents: &[DocumentId], client: &Client, output: Output) -> Result<(Vec<Applied>, Vec<String>), Failure> {
    let (mut all, mut failures) = (Vec::new(), Vec::new());
    for (at, document) in documents.iter().enumerate() {
        let request = ApplyRequest { document: document.to_string() };
        let number = format!("[{}/{}]", at + 1, documents.len());
        let applied: Result<Applied, _> = client.post(&format!("{}/apply", address(name)), &request).await.and_then(|answer| answer.read());
        match applied {
            Ok(applied) => {
                if output == Output::Words {
                    print(&outcome(&number, &applied));
                }
                all.push(applied);
            }
            // A node that is gone does not come back for the next.
            Err(error @ (super::client::ClientError::Refused(_) | super::client::ClientError::Unreadable { .. })) => {
                if output == Output::Words {
                    print(&format!("{number} {}: not done: {}\n", document.short(), visible(&error.to_string())));
                }
                failures.push(format!("{}: {error}", document.short()));
            }
            Err(error) => return Err(Failure::from(error).and(&format!("go on with `csu circle apply \"{name}\"`"))),
        }
    }
    Ok((all, failures))
}

fn print_json(value: &Value) {
    print(&visible_json(&format!("{value:#}\n")));
}

/// One circle.
#[must_use]
pub fn one(circle: &Circle) -> String {
    let mut text = format!("{}\n", heading(&circle.name));
    for member in &circle.members {
        text.push_str(&format!("  {}\n", visible(&member.to_string())));
    }
    if circle.members.is_empty() {
        text.push_str("  nobody yet\n");
    }
    let documents = if circle.documents == 1 { "1 document is".to_owned() } else { format!("{} documents are", circle.documents) };
    text.push_str(&format!("{documents} granted to it. Grant to it with --to \"circle:{}\".\n", visible(&circle.name)));
    text
}

/// All circles.
#[must_use]
pub fn list(circles: &[Circle]) -> String {
    if circles.is_empty() {
        return "No circles yet. Make one with `csu circle create NAME MEMBER...`.\n".to_owned();
    }
    let mut rows = vec![["CIRCLE", "DOCUMENTS", "SINCE", "MEMBERS"].map(str::to_owned).to_vec()];
    for circle in circles {
        let members: Vec<String> = circle.members.iter().map(ToString::to_string).collect();
        rows.push(vec![circle.name.clone(), circle.documents.to_string(), short_time(circle.created), members.join(", ")]);
    }
    columns(&rows)
}

fn of_document(change: &CircleChange) -> String {
    let title = if change.title.is_empty() { String::new() } else { format!(" \"{}\"", visible(&change.title)) };
    format!("{}{title}", change.reference)
}

fn sentence(change: &CircleChange, told: Told) -> String {
    let who = visible(&change.who.to_string());
    let until = change.until.map(|until| format!(" until {}", short_time(until))).unwrap_or_default();
    let role = change.role;
    let would = told == Told::Before;
    match (change.change, change.keeps) {
        (CircleStep::Gives, _) => format!("{who} {} the role {role}{until}", if would { "would get" } else { "has got" }),
        (CircleStep::Takes, keeps) => {
            let keeps = keeps.map(|keeps| format!(" and keep {keeps}, which is from elsewhere")).unwrap_or_default();
            format!("{who} {} the role {role}{until}{keeps}", if would { "would lose" } else { "has lost" })
        }
    }
}

/// What follows from a circle's members.
#[must_use]
pub fn offer(name: &str, pending: &[CircleChange]) -> String {
    let mut text = format!("What follows from the circle {}:\n", visible(name));
    for change in pending {
        text.push_str(&format!("  {}: {}\n", of_document(change), sentence(change, Told::Before)));
        if let Some(effect) = &change.effect {
            // Its own loss was just told.
            let more = RevocationEffect { losses: Vec::new(), ..effect.clone() } != RevocationEffect::default();
            if effect.losses.len() > 1 || more {
                text.push_str(&words::effect(effect, Told::Before, "      "));
            }
        }
        if let Some(blocked) = &change.blocked {
            text.push_str(&format!("      not from here: {}\n      what to do: {}\n", visible(&blocked.why), visible(&blocked.remedy)));
        }
    }
    text
}

/// What was done for one document.
fn outcome(number: &str, applied: &Applied) -> String {
    let mut text = String::new();
    for change in &applied.done {
        text.push_str(&format!("{number} {}: {}\n", of_document(change), sentence(change, Told::After)));
    }
    for change in &applied.refused {
        let blocked = change.blocked.as_ref();
        let why = blocked.map(|blocked| format!("{}; {}", blocked.why, blocked.remedy)).unwrap_or_default();
        text.push_str(&format!("{number} {}: not done for {}: {}\n", of_document(change), visible(&change.who.to_string()), visible(&why)));
    }
    if text.is_empty() {
        text = format!("{number} {}: nothing was left to do\n", applied.reference);
    }
    text
}
