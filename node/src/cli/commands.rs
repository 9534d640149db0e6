//! The commands that ask a running node and belong to no kind of document.

use super::args::{ConfirmArgs, ExportArgs, PeerVerb, Verb};
use super::client::{Client, segment};
use super::document::print_document;
use super::failure::Failure;
use super::output::Output;
use super::{account, asking, circle, doctor, grant, log, retention, screen, words};
use crate::config::Config;
use crate::desk::{
    AccessView, Check, ConfirmRequest, ExportFormat, Invitation, InvitationRequest, JoinRequest, PauseRequest, Peer, RespondRequest, Status,
};
use crate::keys::DataLock;
use std::io::{IsTerminal, Write};
use std::path::Path;
use std::time::Duration;

/// How long a node may take to stop before nobody waits for it any more.
const PATIENCE: Duration = Duration::from_secs(15);

/// Waits until the process that has a data folder has left it, so that the next command finds it free. Whether it has.
async fn has_stopped(data: &Path) -> bool {
    let until = tokio::time::Instant::now() + PATIENCE;
    // Of a folder that one may not look into nothing is known.
    while matches!(DataLock::held_by(data), Ok(Some(_))) {
        if tokio::time::Instant::now() >= until {
            return false;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    true
}

/// Asks the node what the command says.
///
/// # Errors
/// When it refuses, or cannot be asked.
pub async fn ask(verb: Verb, config: &Config, client: &Client, output: Output) -> Result<(), Failure> {
    match verb {
        Verb::Down => {
            let answer = client.post("/shutdown", &serde_json::json!({})).await?;
            let words = if has_stopped(&config.data).await { "The node has stopped.\n" } else { "The node is stopping.\n" };
            output.done(&answer, words)
        }
        Verb::Status => output.show(&client.get("/status").await?, |found: Status| words::status(&found)),
        Verb::Doctor => examine(config, client, output).await,
        Verb::Invite(args) => {
            let request = InvitationRequest { valid_hours: args.hours };
            output.show(&client.post("/invitations", &request).await?, |found: Invitation| words::invitation(&found))
        }
        Verb::Join(args) => {
            let answer = client.post("/join", &JoinRequest { ticket: args.ticket.concat() }).await?;
            output.show(&answer, |found: Peer| words::peer(&found))
        }
        Verb::Peer(verb) => peer(verb, client, output).await,
        Verb::Search(args) => super::search::search(args, client, output).await,
        Verb::Respond(args) => {
            let request = RespondRequest { remark: args.remark, text: args.text, personal_data_checked: args.personal_data_checked };
            let address = format!("/documents/{}/responses", segment(&args.document.reference));
            print_document(&client.post(&address, &request).await?, output)
        }
        Verb::Export(args) => export(&args, client).await,
        Verb::Grant(verb) => grant::run(verb, client, output).await,
        Verb::Circle(verb) => circle::run(verb, client, output).await,
        Verb::Account(verb) => account::run(verb, client, output).await,
        Verb::Access(document) => {
            let answer = client.get(&format!("/documents/{}/access", segment(&document.reference))).await?;
            output.show(&answer, |found: AccessView| words::access(&found))
        }
        Verb::Erase(args) => super::erase::erase(args, client, output).await,
        Verb::Release(args) => super::release::release(args, client, output).await,
        Verb::Log(args) => log::log(args, config, client, output).await,
        Verb::Retention(verb) => retention::retention(verb, client, output).await,
        // Those that ask no node never come here.
        Verb::Init(_) | Verb::Backup(_) | Verb::Restore(_) | Verb::Up(_) | Verb::Config | Verb::Passphrase(_) | Verb::Demo(_) => Ok(()),
    }
}

async fn examine(config: &Config, client: &Client, output: Output) -> Result<(), Failure> {
    let found: Vec<Check> = doctor::examine(config, client).await;
    match output {
        Output::Words => screen::print(&words::checks(&found)),
        Output::Json => screen::print(&screen::visible_json(&format!("{:#}\n", serde_json::json!(found)))),
    }
    let wrong = found.iter().filter(|check| !check.ok).count();
    if wrong == 0 {
        Ok(())
    } else {
        Err(Failure::new(format!("{wrong} of {} things are wrong", found.len()), "do what stands beside each"))
    }
}

async fn peer(verb: PeerVerb, client: &Client, output: Output) -> Result<(), Failure> {
    match verb {
        PeerVerb::List => output.show(&client.get("/peers").await?, |found: Vec<Peer>| words::peers(&found)),
        PeerVerb::Confirm(args) => confirm(&args, client, output).await,
        PeerVerb::Pause(args) => {
            let address = format!("/peers/{}/pause", segment(&args.peer.who));
            let answer = client.post(&address, &PauseRequest { paused: !args.resume }).await?;
            output.show(&answer, |found: Peer| words::peer(&found))
        }
        PeerVerb::Remove(args) => {
            let answer = client.delete(&format!("/peers/{}", segment(&args.who))).await?;
            output.done(&answer, "The pairing is ended. What was shared stays where it is.\n")
        }
    }
}

async fn confirm(args: &ConfirmArgs, client: &Client, output: Output) -> Result<(), Failure> {
    let (who, number) = match (&args.number, args.yes) {
        (Some(number), _) => (args.peer.who.clone(), Some(number.clone())),
        (None, true) => (args.peer.who.clone(), None),
        (None, false) => {
            let (who, number) = compare(&args.peer.who, client, output).await?;
            (who, Some(number))
        }
    };
    let address = format!("/peers/{}/confirm", segment(&who));
    output.show(&client.post(&address, &ConfirmRequest { number }).await?, |found: Peer| words::peer(&found))
}

/// Shows the security number and asks whether the other side reads the same. Comes back with the
/// neighbour's id, so that what is confirmed is what was shown, and the number.
async fn compare(who: &str, client: &Client, output: Output) -> Result<(String, String), Failure> {
    if output == Output::Json || !std::io::stdin().is_terminal() {
        return Err(Failure::usage(
            "nobody is here to compare the security number",
            "give the number that the other side read out with --number, or --yes if it was compared already",
        ));
    }
    let found: Vec<Peer> = client.get("/peers").await?.read()?;
    let peer = pick(&found, who)?;
    let Some(number) = &peer.number else {
        return Err(Failure::new(
            "there is no security number yet: the two nodes have not met",
            "see with `csu peer list` whether the other node can be reached, and try again in a minute",
        ));
    };
    let (name, shown) = (screen::visible(&peer.organisation.to_string()), screen::visible(number));
    let question = format!(
        "The security number with {name} is\n\n    {shown}\n\n\
         Ring them on a number you know from elsewhere. Let them read theirs to you.\n\
         Is it the same, digit by digit? Type yes or no: "
    );
    if asking::yes(&question, "give --number")? {
        Ok((peer.organisation.id.to_string(), number.clone()))
    } else {
        Err(Failure::new(
            "it was not confirmed, and nothing was exchanged",
            "if the numbers differ, somebody may stand between you: remove the pairing with `csu peer remove` and begin anew",
        ))
    }
}

/// The one organisation that a text can mean, as the node itself finds it.
fn pick<'a>(peers: &'a [Peer], who: &str) -> Result<&'a Peer, Failure> {
    let wanted = who.trim().to_lowercase();
    let exact = peers.iter().filter(|peer| peer.organisation.name.to_lowercase() == wanted || peer.organisation.id.to_string() == wanted);
    let near = peers
        .iter()
        .filter(|peer| peer.organisation.name.to_lowercase().contains(&wanted) || peer.organisation.id.to_string().starts_with(&wanted));
    let (exact, near): (Vec<&Peer>, Vec<&Peer>) = (exact.collect(), near.collect());
    match (exact.as_slice(), near.as_slice()) {
        ([peer], _) | ([], [peer]) => Ok(peer),
        ([], []) => Err(Failure::new(format!("no neighbour is called '{who}'"), "see `csu peer list`")),
        _ => Err(Failure::new(format!("several neighbours are meant by '{who}'"), "give more of the name, or the id; see `csu peer list`")),
    }
}

/// Writes a document in another format: as it is; on a terminal, so that it does not act on it.
///
/// # Errors
/// When the node refuses, or the file is there already or cannot be written.
pub async fn export(args: &ExportArgs, client: &Client) -> Result<(), Failure> {
    let address = format!("/documents/{}/export?format={}", segment(&args.document.reference), args.format);
    let answer = client.get(&address).await?;
    let unwritten = |place: &str, error: std::io::Error| {
        Failure::new(format!("{place} cannot be written ({error})"), "name a new file with --output; an existing file is never replaced")
    };
    if let Some(path) = &args.output {
        return crate::keys::write_new_private(path, &answer.body).map_err(|error| unwritten(&path.display().to_string(), error));
    }
    let mut out = std::io::stdout().lock();
    if out.is_terminal() {
        if args.format == ExportFormat::Automerge {
            return Err(Failure::usage("an Automerge document is no text for a terminal", "name a file with --output"));
        }
        screen::print(&screen::visible_lines(&String::from_utf8_lossy(&answer.body), ""));
        return Ok(());
    }
    out.write_all(&answer.body).and_then(|()| out.flush()).map_err(|error| unwritten("the standard output", error))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::desk::{Pairing, fake};
    use csu_protocol::id::OrganisationId;

    fn peer(byte: u8, name: &str) -> Peer {
        let mut organisation = fake::organisation();
        organisation.id = OrganisationId::new([byte; 32]);
        organisation.name = name.into();
        Peer {
            organisation,
            pairing: Pairing::Waiting,
            we_confirmed: false,
            they_confirmed: false,
            number: None,
            paused: false,
            connected: false,
            addresses: vec![],
            since: fake::moment(),
            fingerprint: String::new(),
            trouble: None,
        }
    }

    #[test]
    fn a_neighbour_is_found_by_a_part_of_its_name_and_never_guessed() {
        let peers = [peer(0xa1, "Brixton CSU"), peer(0xb2, "Brixton CSU North"), peer(0xb3, "Lambeth Police")];
        assert_eq!(pick(&peers, "brixton csu").unwrap().organisation.id, peers[0].organisation.id);
        assert_eq!(pick(&peers, "police").unwrap().organisation.id, peers[2].organisation.id);
        assert_eq!(pick(&peers, "a1a1").unwrap().organisation.id, peers[0].organisation.id);
        for who in ["brixton", "b", "leeds"] {
            pick(&peers, who).unwrap_err();
        }
    }
}
