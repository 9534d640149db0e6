//! Lies to a node, to see what it does.
//!
//! `--help` says how.

use csu_node::cli::screen::print;
use csu_protocol::entry::{Plane, Role};
use csu_protocol::id::{DeviceId, DocumentId};
use csu_protocol::identity::{DeviceKey, Name, OrganisationKind, RootKey, SecurityNumber, SignedCard, Ticket};
use csu_protocol::time::Timestamp;
use csu_protocol::wire::Message;
use csu_tests::liar::{Lie, Needs, Stage, Verdict};
use csu_tests::stranger::Stranger;
use std::collections::BTreeSet;
use std::process::ExitCode;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

const HELP: &str = "Lies to a node, to see what it does.

Usage: liar TICKET --lie NAME [--document ID]... [--seconds N]
       liar --list

  TICKET          what `csu invite` printed on the node under test
  --lie NAME      which lie
  --document ID   a document that the node holds and did not grant to the liar; may be said more than once
  --seconds N     how long to wait for people, 600 if it is not said
  --list          the lies there are, and what an honest node does
  --help          this text

The liar pairs by the ticket and prints the security number. Once that is confirmed on the node (`csu peer confirm`), and once it
has the role that its lie needs (`csu grant add`), it lies, prints what it hears, and says what an honest node should do.

  liar csu-ticket-... --lie forged-card
";

/// How long people may take, in seconds, if nobody says.
const SECONDS: u64 = 600;
/// How long the node may take to answer.
const ANSWER: Duration = Duration::from_secs(10);

struct Wish {
    ticket: Ticket,
    lie: Lie,
    secret: Vec<DocumentId>,
    patience: Duration,
}

#[tokio::main]
async fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if arguments.iter().any(|argument| argument == "--help") {
        print(HELP);
        return ExitCode::SUCCESS;
    }
    if arguments.iter().any(|argument| argument == "--list") {
        let said = Lie::ALL.iter().map(|lie| format!("{:24} {}\n{:24} then: {}\n", lie.name(), lie.says().trim(), "", expected(*lie)));
        print(&said.collect::<String>());
        return ExitCode::SUCCESS;
    }
    let told = match read(arguments) {
        Ok(wish) => tell(wish).await,
        Err(why) => Err(format!("{why}; type `liar --list`, or `liar TICKET --lie NAME`")),
    };
    match told {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("{why}");
            ExitCode::FAILURE
        }
    }
}

fn read(arguments: Vec<String>) -> Result<Wish, String> {
    let (mut ticket, mut lie, mut secret, mut seconds) = (None, None, Vec::new(), SECONDS);
    let mut arguments = arguments.into_iter();
    while let Some(argument) = arguments.next() {
        let mut value = || arguments.next().ok_or_else(|| format!("{argument} needs a value"));
        match argument.as_str() {
            "--lie" => {
                let name = value()?;
                lie = Some(Lie::named(&name).ok_or_else(|| format!("there is no lie '{name}'"))?);
            }
            "--document" => secret.push(value()?.parse().map_err(|error| format!("{error}"))?),
            "--seconds" => seconds = value()?.parse().map_err(|error| format!("--seconds: {error}"))?,
            text => ticket = Some(text.parse::<Ticket>().map_err(|error| error.to_string())?),
        }
    }
    let (ticket, lie) = (ticket.ok_or("no ticket is given")?, lie.ok_or("no lie is named")?);
    Ok(Wish { ticket, lie, secret, patience: Duration::from_secs(seconds) })
}

fn expected(lie: Lie) -> String {
    let stored = match lie.stored() {
        0 => "nothing of it is stored".to_owned(),
        count => format!("{count} of its entries are stored, for they are sound, and nothing of them is shown that should not be"),
    };
    match lie.verdict() {
        Verdict::CutOff(words) => format!("the node ends the session, its log says '{words}', and {stored}"),
        Verdict::HungUp(words) => format!("the node ends the connection, its log says '{words}', and {stored}"),
        Verdict::Borne => format!("the node goes on, and {stored}"),
    }
}

/// Keys of its own for every run, on the side of a round that the lie needs.
fn keys(ticket: &Ticket, lie: Lie) -> ([u8; 32], [u8; 32]) {
    let moment = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_nanos());
    let key = |number: u32| *blake3::hash(format!("{moment} {} {number}", std::process::id()).as_bytes()).as_bytes();
    let suits = |seed: &[u8; 32]| lie.begins().is_none_or(|begins| begins == (DeviceKey::from_seed(seed).device() < ticket.device));
    (key(0), (1..).map(key).find(suits).unwrap_or_default())
}

async fn tell(Wish { ticket, lie, secret, patience }: Wish) -> Result<(), String> {
    let name = format!("Liar {}", lie.name());
    let (root, seed) = keys(&ticket, lie);
    let mut liar = Stranger::with_keys(root, seed, &name).await;
    println!("{name}: {}\nIf the node is honest: {}.\n", lie.says().trim(), expected(lie));
    if lie.needs() != Needs::Ticket {
        pair(&mut liar, &ticket, patience).await?;
    }
    let granted = wait_for_role(&mut liar, lie, patience).await?;
    let node = ticket.device;
    let stranger = || {
        let root = RootKey::from_secret([0x11; 32]);
        SignedCard::sign(
            &root,
            0,
            DeviceId::new([0x11; 32]),
            Name::new("Nobody").unwrap_or_else(|_| unreachable!()),
            OrganisationKind::Other,
        )
    };
    let other = |card: &SignedCard| card.card().device != node && card.card().device != liar.device.device();
    let neighbour = liar.record().cards().find(other).unwrap_or_else(stranger);
    let stage = Stage { ticket, granted, secret, neighbour };
    let (heard, before) = (liar.record().frames().len(), liar.hang_ups());
    println!("It lies now.");
    lie.tell(&mut liar, &stage).await;
    liar.listen_for(ANSWER, |liar| liar.hang_ups() > before).await;
    for message in liar.record().messages().skip(heard) {
        println!("It hears: {}", csu_tests::stranger::brief(&message));
    }
    let ended = if liar.hang_ups() > before { "The node ended the session." } else { "The session goes on." };
    println!("{ended} See the node's log: `csu log --verb network`, and `csu doctor`.");
    Ok(())
}

async fn pair(liar: &mut Stranger, ticket: &Ticket, patience: Duration) -> Result<(), String> {
    liar.try_connect(ticket).await;
    if !liar.listen_for(ANSWER, Stranger::is_connected).await {
        return Err("the node does not let it in: is it up, and the ticket fresh?".to_owned());
    }
    liar.say(&liar.pair_request(ticket));
    let greeted = |liar: &Stranger| liar.record().messages().any(|message| matches!(message, Message::Hello { .. }));
    if !liar.listen_for(ANSWER, greeted).await {
        return Err("the node does not answer: was the ticket used already?".to_owned());
    }
    liar.say(&liar.hello(false));
    let (ours, theirs) = ((liar.organisation(), liar.device.device()), (ticket.organisation, ticket.device));
    println!("Security number: {}", SecurityNumber::of(ours, theirs, &ticket.secret));
    println!("Confirm it on the node: csu peer confirm '{}'", liar.name());
    liar.say(&Message::Confirmed);
    let confirmed = |liar: &Stranger| liar.record().messages().any(|message| matches!(message, Message::Confirmed));
    if liar.listen_for(patience, confirmed).await { Ok(()) } else { Err("nobody confirmed it".to_owned()) }
}

/// Documents in which it has the role that its lie needs.
async fn wait_for_role(liar: &mut Stranger, lie: Lie, patience: Duration) -> Result<Vec<DocumentId>, String> {
    let (role, count) = match lie.needs() {
        Needs::Ticket | Needs::Pairing => return Ok(Vec::new()),
        Needs::Role(role) => (role, 1),
        Needs::Two(role) => (role, 2),
    };
    println!("Give it the role in {count} of your documents: csu grant add DOCUMENT '{}' --role {role}", liar.name());
    if liar.listen_for(patience, |liar| granted(liar, role).len() >= count).await {
        liar.listen(Duration::from_secs(1)).await;
        Ok(granted(liar, role))
    } else {
        Err(format!("nobody gave it the role '{role}'"))
    }
}

fn granted(liar: &Stranger, role: Role) -> Vec<DocumentId> {
    let documents: BTreeSet<DocumentId> = liar.record().entries().values().map(|entry| entry.document()).collect();
    let may = |document: &DocumentId| {
        let view = liar.view(document);
        let has = view.access.standing_for(&liar.organisation(), role, Timestamp::from_ms(1)).is_some();
        has && view.access.heads(Plane::Content).next().is_some()
    };
    documents.into_iter().filter(may).collect()
}
