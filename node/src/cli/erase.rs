//! `csu erase`: has a document destroyed everywhere, and shows who confirmed it.

use super::args::{EraseArgs, EraseVerb};
use super::client::{Client, segment};
use super::document::print_document;
use super::failure::Failure;
use super::output::Output;
use super::screen::{self, columns, heading, short_time, visible};
use crate::desk::{AnnexLine, ErasureRequest, ErasureView, Holder};
use csu_protocol::entry::Reason;
use std::io::{BufRead, IsTerminal, Read, Write};

/// Erases a document, or shows how that stands.
///
/// # Errors
/// When the node refuses or cannot be asked, or nobody is there to say yes.
pub async fn erase(args: EraseArgs, client: &Client, output: Output) -> Result<(), Failure> {
    match (args.verb, args.reference, args.why) {
        (Some(EraseVerb::Status(of)), ..) => match of.reference {
            Some(reference) => {
                let answer = client.get(&address(&reference)).await?;
                output.show(&answer, |found: ErasureView| render_erasure(&found))
            }
            None => output.show(&client.get("/erasures").await?, |found: Vec<ErasureView>| render_erasures(&found)),
        },
        (Some(EraseVerb::Keep(document)), ..) => print_document(&client.delete(&address(&document.reference)).await?, output),
        (None, Some(reference), Some(why)) => {
            let of = if args.yes { reference } else { ask(&reference, why, client, output).await? };
            let answer = client.post(&address(&of), &ErasureRequest { why }).await?;
            output.show(&answer, |found: ErasureView| render_order(&found))
        }
        (None, ..) => Err(Failure::usage("it is not said what to erase, or why", "see `csu erase --help`")),
    }
}

fn address(reference: &str) -> String {
    format!("/documents/{}/erasure", segment(reference))
}

/// Shows who holds the document and asks whether it is to be erased there. Comes back with its id, so that what is erased is
/// what was shown.
async fn ask(reference: &str, why: Reason, client: &Client, output: Output) -> Result<String, Failure> {
    if output == Output::Json || !std::io::stdin().is_terminal() {
        return Err(Failure::usage(
            "erasing cannot be undone, and nobody is here to be asked",
            "look with `csu erase status` at who holds it, then say --yes",
        ));
    }
    let found: ErasureView = client.get(&address(reference)).await?.read()?;
    if found.erased.is_some() {
        // The node says so, too, and since when.
        return Ok(found.id.to_string());
    }
    screen::print(&render_question(&found, why));
    std::io::stdout().flush().ok();
    let mut typed = String::new();
    std::io::stdin()
        .lock()
        .take(100)
        .read_line(&mut typed)
        .map_err(|error| Failure::new(format!("the terminal cannot be read ({error})"), "say --yes"))?;
    match typed.trim().to_lowercase().as_str() {
        "yes" => Ok(found.id.to_string()),
        _ => Err(Failure::new("nothing was erased", "type yes, the whole word, to erase it")),
    }
}

fn render_question(found: &ErasureView, why: Reason) -> String {
    let title = found.title.as_deref().unwrap_or("");
    let others: Vec<&Holder> = found.holders.iter().filter(|holder| !holder.here).collect();
    let mut text = format!("{}\n\nIt is erased here at once", heading(title));
    text.push_str(if others.is_empty() { "; nobody else was given it.\n" } else { ", and at these as soon as they are connected:\n" });
    for holder in others {
        text.push_str(&format!("  {} ({}, {})\n", visible(&holder.who.to_string()), had(holder), seen(holder)));
    }
    if found.anyone {
        text.push_str("  anyone: it could be read by whoever asked, and nobody knows who did\n");
    }
    let (own, others) = annexes_of(found);
    if !own.is_empty() {
        text.push_str(&format!("Its annexes are erased with it: {}.\n", own.join(", ")));
    }
    if !others.is_empty() {
        text.push_str(&format!("Of others, who alone can erase them: {}.\n", others.join(", ")));
    }
    text.push_str(&format!(
        "Whoever held it is told why: {why}. It cannot be undone. What somebody copied, photographed or backed up is beyond reach.\n\
         Erase it for good? Type yes or no: "
    ));
    text
}

/// What was ordered.
fn render_order(found: &ErasureView) -> String {
    let who: Vec<String> = found.holders.iter().filter(|holder| !holder.here).map(|holder| visible(&holder.who.to_string())).collect();
    let others = if who.is_empty() {
        "Nobody else held it.\n".to_owned()
    } else {
        format!("To confirm: {}. See `csu erase status {}`.\n", who.join(", "), visible(&found.reference))
    };
    let (own, not_ours) = annexes_of(found);
    let mut text = format!("Erased. What this node held of it is removed.\n{others}");
    if !own.is_empty() {
        text.push_str(&format!("Its annexes were erased with it: {}.\n", own.join(", ")));
    }
    if !not_ours.is_empty() {
        text.push_str(&format!("Annexes of others stay until they erase them: {}. Ask them to.\n", not_ours.join(", ")));
    }
    text
}

/// The annexes of a document that go with it, and those that only their owners can erase.
fn annexes_of(found: &ErasureView) -> (Vec<String>, Vec<String>) {
    let there = found.annexes.iter().filter(|annex| annex.state != "erased");
    let (own, others): (Vec<_>, Vec<_>) = there.partition(|annex| annex.owner.id == found.owner.id);
    let names = |annexes: Vec<&AnnexLine>| annexes.into_iter().map(|annex| visible(&annex.reference)).collect();
    let owners = |annexes: Vec<&AnnexLine>| {
        annexes.into_iter().map(|annex| format!("{} of {}", visible(&annex.reference), visible(&annex.owner.to_string()))).collect()
    };
    (names(own), owners(others))
}

fn had(holder: &Holder) -> String {
    let tense = if holder.live { "has" } else { "had" };
    format!("{tense} {}", holder.role)
}

fn seen(holder: &Holder) -> String {
    match (holder.here, holder.connected, holder.last_seen) {
        (true, ..) => "this node".to_owned(),
        (_, true, _) => "connected now".to_owned(),
        (_, _, Some(at)) => format!("last seen {}", short_time(at)),
        (_, _, None) => "never seen".to_owned(),
    }
}

/// Who held a document and who confirmed.
#[must_use]
pub fn render_erasure(found: &ErasureView) -> String {
    let mut text = format!("{}\n", heading(&format!("Document {}", found.reference)));
    match &found.erased {
        Some(erased) => {
            let why = erased.why.map(|why| format!(": {why}")).unwrap_or_default();
            text.push_str(&format!("Erased by {}, {}{why}\n", visible(&erased.by.to_string()), short_time(erased.at)));
            text.push_str(&match found.outstanding {
                0 => "All who held it have confirmed.\n".to_owned(),
                some => format!("{some} of {} have not confirmed yet.\n", found.holders.len()),
            });
        }
        None => text.push_str(&format!("Not erased. Its owner, {}, could have it erased.\n", visible(&found.owner.to_string()))),
    }
    let mut rows = vec![["ORGANISATION", "HAD", "CONFIRMED", "LAST SEEN"].map(str::to_owned).to_vec()];
    for holder in &found.holders {
        let confirmed = match (&found.erased, holder.confirmed) {
            (None, _) => String::new(),
            (Some(_), Some(at)) => short_time(at),
            (Some(_), None) => "OUTSTANDING".to_owned(),
        };
        rows.push(vec![holder.who.to_string(), holder.role.to_string(), confirmed, seen(holder)]);
    }
    text.push_str(&format!("\n{}", columns(&rows)));
    if found.anyone {
        text.push_str("\nAnyone could read it: others hold it too, and nobody can say who.\n");
    }
    if found.erased.is_some() {
        text.push_str("\nA confirmation is a signed word. What somebody copied or backed up before is beyond reach.\n");
    }
    text
}

fn render_erasures(found: &[ErasureView]) -> String {
    if found.is_empty() {
        return "Nothing was erased. The owner of a document can have it erased with `csu erase DOCUMENT --why REASON`.\n".to_owned();
    }
    let mut rows = vec![["DOCUMENT", "ERASED", "BY", "WHY", "CONFIRMED", "OUTSTANDING"].map(str::to_owned).to_vec()];
    for view in found {
        let Some(erased) = &view.erased else { continue };
        let outstanding: Vec<String> = view
            .holders
            .iter()
            .filter(|holder| holder.confirmed.is_none())
            .map(|holder| format!("{} ({})", visible(&holder.who.to_string()), seen(holder)))
            .collect();
        rows.push(vec![
            view.reference.clone(),
            short_time(erased.at),
            erased.by.to_string(),
            erased.why.map(|why| why.to_string()).unwrap_or_default(),
            format!("{} of {}", view.holders.len() - outstanding.len(), view.holders.len()),
            outstanding.join(", "),
        ]);
    }
    columns(&rows)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::desk::fake;

    #[test]
    fn who_has_not_confirmed_is_named_with_when_it_was_last_seen() {
        let text = render_erasure(&fake::erasure(true));
        assert!(text.contains("Erased by Brixton CSU") && text.contains(": legal"), "{text}");
        assert!(text.contains("1 of 2 have not confirmed") && text.contains("OUTSTANDING       never seen"), "{text}");
        assert!(text.contains("Anyone could read it"), "{text}");
        let text = render_erasures(&[fake::erasure(true)]);
        assert!(text.contains("1 of 2") && text.contains("(never seen)"), "{text}");
    }

    #[test]
    fn the_question_says_who_holds_it_why_and_that_it_is_for_good() {
        let text = render_question(&fake::erasure(false), Reason::Legal);
        assert!(text.contains("Burglaries in Mill Road") && text.contains("has read, never seen"), "{text}");
        assert!(text.contains("cannot be undone") && text.contains("why: legal") && text.contains("beyond reach"), "{text}");
    }
}
