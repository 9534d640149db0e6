//! `csu release`: goes on with documents that wait for neighbours which never come back, after saying what is at stake.

use super::args::ReleaseArgs;
use super::asking;
use super::client::Client;
use super::failure::Failure;
use super::output::Output;
use super::screen::{columns, print, short_time, visible};
use crate::desk::{ReleaseRequest, Released, SilenceView};

/// Releases one document or all, or shows what waits.
///
/// # Errors
/// When the node refuses or cannot be asked, or nobody is there to say yes.
pub async fn release(args: ReleaseArgs, client: &Client, output: Output) -> Result<(), Failure> {
    if args.dry_run {
        return output.show(&client.get("/silent").await?, |found: SilenceView| silence(&found));
    }
    if !args.yes {
        if !asking::is_possible(output) {
            return Err(Failure::usage(
                "what neighbours may still know is contradicted by it, and nobody is here to be asked",
                "look with `csu release --dry-run` at what is at stake, then say --yes",
            ));
        }
        let found: SilenceView = client.get("/silent").await?.read()?;
        print(&silence(&found));
        let waits = found.documents > 0 || found.signing_waits;
        let question = if args.reference.is_some() { "\nGo on with this one? Type yes or no: " } else { "\nGo on? Type yes or no: " };
        if waits && !asking::yes(question, "add --yes")? {
            print("Nothing was done.\n");
            return Ok(());
        }
    }
    let request = ReleaseRequest { document: args.reference };
    output.show(&client.post("/silent/release", &request).await?, |done: Released| released(&done))
}

/// What is silent, whom it waits for, and what going on without them means.
fn silence(found: &SilenceView) -> String {
    if found.documents == 0 && !found.signing_waits {
        return "No document waits to be confirmed.\n".to_owned();
    }
    let mut text = match &found.older_copy {
        Some(seen) => format!("{}.\n", visible(seen)),
        None => String::new(),
    };
    let documents = if found.documents == 1 { "1 document is".to_owned() } else { format!("{} documents are", found.documents) };
    text.push_str(&format!("{documents} silent: not shown, served or changed until a neighbour that holds it has confirmed it.\n"));
    if found.signing_waits {
        text.push_str("Nothing is signed in shared documents until a neighbour is up to date.\n");
    }
    if !found.waits_for.is_empty() {
        let mut rows = vec![["COULD CONFIRM", "DOCUMENTS", "LAST SEEN"].map(str::to_owned).to_vec()];
        for awaited in &found.waits_for {
            let seen = match (awaited.connected, awaited.last_seen) {
                (true, _) => "connected now".to_owned(),
                (false, Some(at)) => short_time(at),
                (false, None) => "never".to_owned(),
            };
            rows.push(vec![awaited.who.to_string(), awaited.documents.to_string(), seen]);
        }
        text.push_str(&format!("\n{}", columns(&rows)));
        if found.more > 0 {
            text.push_str(&format!("and {} more\n", found.more));
        }
    }
    text.push_str(
        "\nIf any of these can still be reached, connect to it instead. Going on without them means:\n\
         - What your node signed after the copy was made, and only they know, may be contradicted: if one comes back after all,\n  \
           both entries stand, and nobody can say which you meant.\n\
         - What owners had erased, withdrawn or taken back after the copy was made is shown and served again until then.\n\
         - A neighbour that comes back with entries of this node's own shows that more is missing: everything waits once more.\n",
    );
    text
}

fn released(done: &Released) -> String {
    let documents = if done.released == 1 { "1 document speaks".to_owned() } else { format!("{} documents speak", done.released) };
    let mut text = format!("{documents} again. The access log says who released it, and when.\n");
    if done.silent > 0 {
        text.push_str(&format!("{} silent still.\n", if done.silent == 1 { "1 is".to_owned() } else { format!("{} are", done.silent) }));
    }
    if done.signing_waits {
        text.push_str("Nothing is signed in shared documents until a neighbour is up to date, or all are released.\n");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::desk::fake;

    #[test]
    fn what_is_at_stake_and_who_could_still_confirm_is_said_before_anything_is_released() {
        let text = silence(&fake::silence());
        assert!(text.contains("3 documents are silent") && text.contains("Nothing is signed in shared documents"), "{text}");
        assert!(text.contains("may be contradicted") && text.contains("had erased, withdrawn or taken back"), "{text}");
        assert!(text.contains("everything waits once more"), "{text}");
        assert!(text.contains("COULD CONFIRM") && text.contains("never") && text.contains("and 7 more"), "{text}");
        let none = SilenceView { documents: 0, signing_waits: false, older_copy: None, waits_for: vec![], more: 0 };
        assert_eq!(silence(&none), "No document waits to be confirmed.\n");
    }
}
