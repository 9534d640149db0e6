//! `csu grant`: giving roles, and taking them back after showing what falls.

use super::args::{GrantArgs, GrantVerb, RevokeArgs};
use super::asking;
use super::client::{Client, segment};
use super::document::render_document;
use super::failure::Failure;
use super::output::Output;
use super::screen::{print, visible};
use super::words::{self, Told};
use crate::desk::{CIRCLE_PREFIX, Document, GrantLine, GrantRequest, PassedOn, RevocationEffect, RevocationOutcome, RevocationRequest};
use csu_protocol::entry::Role;

/// Runs one of them.
///
/// # Errors
/// When the node refuses, or cannot be asked.
pub async fn run(verb: GrantVerb, client: &Client, output: Output) -> Result<(), Failure> {
    match verb {
        GrantVerb::Add(args) => add(args, client, output).await,
        GrantVerb::List(document) => {
            let answer = client.get(&format!("/documents/{}/grants", segment(&document.reference))).await?;
            output.show(&answer, |found: Vec<GrantLine>| words::grants(&found))
        }
        GrantVerb::Revoke(args) => revoke(args, client, output).await,
    }
}

/// Whom two arguments name, of which one is given.
fn named(who: Option<String>, circle: Option<String>) -> String {
    circle.map_or_else(|| who.unwrap_or_default(), |name| format!("{CIRCLE_PREFIX}{name}"))
}

async fn add(args: GrantArgs, client: &Client, output: Output) -> Result<(), Failure> {
    let reference = args.document.reference;
    let who = named(args.who, args.circle);
    let GrantArgs { role, until, personal_data_checked, .. } = args;
    let request = GrantRequest { who: who.clone(), role: Some(role), until, personal_data_checked };
    let answer = client.post(&format!("/documents/{}/grants", segment(&reference)), &request).await?;
    output.show(&answer, |document: Document| {
        let mut text = render_document(&document);
        if role == Role::Admin {
            text.push_str(&delegation(&who, &document.reference));
        }
        text
    })
}

/// What giving the role admin means.
fn delegation(who: &str, reference: &str) -> String {
    let (who, reference) = (visible(who), visible(reference));
    format!(
        "\nWith the role admin {who} can give roles in turn, admin too, take them from those below it, and withdraw the document.\n\
         Nobody can take this document from its owner. If you take the role back, what was passed on stays, unless you\n\
         add --cascade. See what would fall before: csu grant revoke {reference} \"{who}\" --dry-run\n"
    )
}

async fn revoke(args: RevokeArgs, client: &Client, output: Output) -> Result<(), Failure> {
    let address = format!("/documents/{}/revocations", segment(&args.document.reference));
    let passed_on = if args.cascade { PassedOn::Fall } else { PassedOn::Stay };
    let request = RevocationRequest { who: named(args.who, args.circle), passed_on };
    let asks = !args.yes && asking::is_possible(output);
    if args.dry_run || asks {
        let answer = client.post(&format!("{address}/preview"), &request).await?;
        let shown = |effect: RevocationEffect| words::effect(&effect, Told::Before, "");
        output.show(&answer, shown)?;
        if args.dry_run {
            return Ok(());
        }
        if !asking::yes("\nTake it back? Type yes or no: ", "add --yes")? {
            print("Nothing was done.\n");
            return Ok(());
        }
    }
    let answer = client.post(&address, &request).await?;
    output.show(&answer, |found: RevocationOutcome| words::revocation(&found))
}
