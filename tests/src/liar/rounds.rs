//! Lies about what both hold: in the steps of set reconciliation, and in what follows from them.
//!
//! Who begins rounds is the device with the lower id: [`Lie::begins`] says on which side of a round the liar must be.

use super::{Lie, Stage};
use crate::node::PATIENCE;
use crate::stranger::{Said, Stranger};
use csu_protocol::entry::Plane;
use csu_protocol::id::{DocumentId, EntryId, Hash};
use csu_protocol::limits;
use csu_protocol::wire::{Message, Place};
use std::time::{Duration, Instant};

/// negentropy: "I have nothing: tell me all."
const TELL_ALL: [u8; 5] = [0x61, 0, 0, 2, 0];
/// negentropy: "all the same".
const SAME: [u8; 1] = [0x61];
/// How long nothing comes before everything was answered.
const QUIET: Duration = Duration::from_millis(300);
/// How many items of a set that does not exist are claimed in one step.
const CLAIMED: u32 = 16_000;

fn id(number: u32) -> [u8; 32] {
    *blake3::hash(&number.to_le_bytes()).as_bytes()
}

/// How many steps of reconciliation it has heard.
fn steps(liar: &Stranger) -> usize {
    liar.record().messages().filter(|message| matches!(message, Message::Reconcile(step) if !step.is_empty())).count()
}

/// Waits for a step that the node sent after so many.
async fn step_after(liar: &mut Stranger, count: usize) {
    liar.listen_until("heard a step of reconciliation", |liar| (steps(liar) > count).then_some(())).await;
}

/// negentropy: "over the whole range I have these".
fn claimed(count: u32) -> Vec<u8> {
    let length = match count {
        0..0x80 => vec![count as u8],
        0x80..0x4000 => vec![(count >> 7) as u8 | 0x80, count as u8 & 0x7f],
        _ => panic!("at most 16383 are claimed in a step"),
    };
    let ids = (0..count).flat_map(id);
    [0x61, 0, 0, 2].into_iter().chain(length).chain(ids).collect()
}

/// negentropy: "over the whole range my fingerprint is this", which is nobody's.
fn differs(number: u32) -> Vec<u8> {
    [&[0x61, 0, 0, 1], &id(number)[..16]].concat()
}

/// Ends what the node asks, so that it goes on to ask the next: nothing of it exists.
async fn answer_with_nothing(liar: &mut Stranger, offer: impl Fn(usize) -> Vec<Place>) {
    let (begun, mut seen) = (Instant::now(), liar.record().frames().len());
    loop {
        liar.listen_for(QUIET, |liar| liar.record().frames().len() > seen).await;
        let news: Vec<Message> = liar.record().messages().skip(seen).collect();
        seen = liar.record().frames().len();
        if news.iter().any(|message| matches!(message, Message::Settled)) || !liar.is_connected() {
            return;
        }
        assert!(begun.elapsed() < PATIENCE, "the node asks on and on");
        for message in news {
            match message {
                Message::Need(items) => {
                    let places = offer(items.len());
                    liar.say_when_taken(&Said::Offer(places.clone())).await;
                    for (document, plane) in places {
                        liar.say_when_taken(&Said::Served { document, plane, lacking: Vec::new() }).await;
                    }
                }
                Message::Have { document, plane, .. } => {
                    liar.say_when_taken(&Said::Served { document, plane, lacking: Vec::new() }).await;
                }
                _ => {}
            }
        }
    }
}

/// One plane of documents that do not exist.
fn nowhere(plane: Plane, count: usize) -> Vec<Place> {
    let mut places: Vec<Place> = (0..count as u32).map(|number| (DocumentId::new(id(number)), plane)).collect();
    places.sort();
    places
}

/// All that the liar has heard of, and much that it has not, both planes.
fn everything(stage: &Stage) -> Vec<Place> {
    let known = stage.granted.iter().chain(&stage.secret).copied();
    let mut places: Vec<Place> =
        known.chain((0..50).map(|number| DocumentId::new(id(number)))).flat_map(|it| Plane::ALL.map(|plane| (it, plane))).collect();
    places.sort();
    places
}

pub(super) async fn tell(lie: Lie, liar: &mut Stranger, stage: &Stage) {
    match lie {
        Lie::GarbageStep => liar.say(&Said::Reconcile(vec![0x61, 0, 0, 9, 1, 2, 3])),
        Lie::OtherVersionStep => liar.say(&Said::Reconcile(vec![0x60])),
        Lie::HugeStep => liar.say(&Said::Reconcile([&[0x61, 0, 0, 2][..], &[0xff; 8], &[0x7f]].concat())),
        Lie::LongStep => {
            let length = u32::try_from(limits::RECONCILE_BYTES + 1).expect("a length").to_be_bytes();
            liar.send([&[0x82, 0x09, 0x5a][..], &length, &vec![0x61; limits::RECONCILE_BYTES + 1]].concat());
        }
        Lie::GarbageAnswer => {
            step_after(liar, 0).await;
            liar.say(&Said::Reconcile(vec![0x61, 0, 0, 9, 1, 2, 3]));
        }
        Lie::StepsWithoutEnd => {
            for _ in 0..1000 {
                if !liar.say_when_taken(&Said::Reconcile(SAME.to_vec())).await {
                    return;
                }
            }
        }
        Lie::AnswersWithoutEnd => {
            for number in 0..1000 {
                let heard = steps(liar);
                if number == 0 {
                    step_after(liar, 0).await;
                }
                liar.say(&Said::Reconcile(differs(number)));
                let more = liar.listen_for(Duration::from_secs(1), |liar| steps(liar) > heard).await;
                if number > 0 && !more {
                    return;
                }
            }
        }
        Lie::RoundsWithoutEnd => {
            for _ in 0..1000 {
                liar.say_when_taken(&Said::Reconcile(TELL_ALL.to_vec())).await;
                if !liar.say_when_taken(&Said::Settled).await {
                    return;
                }
            }
        }
        Lie::WishesWithoutEnd => {
            for _ in 0..5000 {
                liar.say_when_taken(&Said::Reconcile(Vec::new())).await;
            }
        }
        Lie::SameSets => {
            step_after(liar, 0).await;
            liar.say(&Said::Reconcile(SAME.to_vec()));
            liar.listen(QUIET).await;
        }
        Lie::TellMeAll => {
            liar.say(&Said::Reconcile(TELL_ALL.to_vec()));
            step_after(liar, 0).await;
        }
        _ => after_steps(lie, liar, stage).await,
    }
}

/// Lies in what follows the steps: needs, offers, probes, ends.
async fn after_steps(lie: Lie, liar: &mut Stranger, stage: &Stage) {
    match lie {
        Lie::MillionsOfNeeds => {
            step_after(liar, 0).await;
            liar.say(&Said::Reconcile(claimed(CLAIMED)));
            answer_with_nothing(liar, |_| Vec::new()).await;
        }
        Lie::OfferOfNothing | Lie::OfferOfSecrets | Lie::OfferTooMany => {
            step_after(liar, 0).await;
            liar.say(&Said::Reconcile(claimed(10)));
            let secret = stage.secret.clone();
            let offer = move |most: usize| match lie {
                Lie::OfferOfNothing => nowhere(Plane::Control, most),
                Lie::OfferTooMany => nowhere(Plane::Control, most + 10),
                _ => {
                    let mut places: Vec<Place> = secret.iter().map(|document| (*document, Plane::Control)).collect();
                    places.sort();
                    places.truncate(most);
                    places
                }
            };
            answer_with_nothing(liar, offer).await;
        }
        Lie::UnaskedOffer => liar.say(&Said::Offer(nowhere(Plane::Control, 3))),
        Lie::UnaskedNeed => liar.say(&Said::Need(vec![Hash::new([7; 32])])),
        Lie::UnsortedNeeds => liar.say(&Said::Need(vec![Hash::new([9; 32]), Hash::new([7; 32])])),
        Lie::TooManyNeeds => {
            let mut items: Vec<Hash> = (0..=limits::NEEDS as u32).map(|number| Hash::new(id(number))).collect();
            items.sort();
            liar.say(&Said::Need(items));
        }
        Lie::UnknownNeeds => {
            liar.say(&Said::Reconcile(TELL_ALL.to_vec()));
            step_after(liar, 0).await;
            let mut items: Vec<Hash> = (0..limits::NEEDS as u32).map(|number| Hash::new(id(number))).collect();
            items.sort();
            liar.say(&Said::Need(items));
            liar.listen(QUIET).await;
            liar.say(&Said::Settled);
        }
        Lie::UnaskedProbed => liar.say(&Said::Probed { document: DocumentId::new([7; 32]), plane: Plane::Content, step: SAME.to_vec() }),
        Lie::ProbeOfSecrets => {
            for (document, plane) in everything(stage).into_iter().filter(|(document, _)| !stage.granted.contains(document)) {
                liar.say(&Said::Probe { document, plane, step: TELL_ALL.to_vec() });
            }
            liar.listen(QUIET).await;
        }
        Lie::GarbageProbe => liar.say(&Said::Probe { document: stage.document(), plane: Plane::Content, step: vec![0x61, 0, 0, 9] }),
        Lie::WantOfSecrets => {
            for (document, plane) in everything(stage).into_iter().filter(|(document, _)| !stage.granted.contains(document)) {
                // The id of a document is that of its first entry.
                liar.say(&Said::Want { document, plane, ids: vec![EntryId::new(*document.as_bytes())] });
            }
            liar.listen(QUIET).await;
        }
        Lie::LacksWhatIsSecret => {
            // The first round began before anything was granted: it wishes for another. Then it seems to have nothing but what nobody
            // knows, and asked for what it has, says that it lacks entries of other documents.
            step_after(liar, 0).await;
            liar.say(&Said::Reconcile(SAME.to_vec()));
            liar.listen(QUIET).await;
            let heard = steps(liar);
            liar.say(&Said::Reconcile(Vec::new()));
            step_after(liar, heard).await;
            liar.say(&Said::Reconcile([&[0x61, 0, 0, 2, 1], &id(7)[..]].concat()));
            liar.listen(QUIET).await;
            let mut lacking: Vec<EntryId> = stage.secret.iter().map(|document| EntryId::new(*document.as_bytes())).collect();
            lacking.sort();
            let asked = |message| match message {
                Message::Have { document, plane, .. } => Some((document, plane)),
                _ => None,
            };
            let places: Vec<Place> = liar.record().messages().filter_map(asked).collect();
            assert!(!places.is_empty(), "the node asked for nothing: {:?}", liar.record());
            for (document, plane) in places {
                liar.say(&Said::Served { document, plane, lacking: lacking.clone() });
            }
            liar.listen(QUIET).await;
        }
        Lie::DeclinesEverything => {
            for again in [false, true, false] {
                liar.say(&Said::Decline { places: everything(stage), again });
            }
        }
        Lie::DeclinesWithoutEnd => {
            for first in 0..20 {
                let ids = (first * 4096..(first + 1) * 4096).map(|number| DocumentId::new(id(number)));
                let mut places: Vec<Place> = ids.map(|document| (document, Plane::Control)).collect();
                places.sort();
                if !liar.say_when_taken(&Said::Decline { places, again: false }).await {
                    return;
                }
            }
        }
        Lie::SettledAtOnce => liar.say(&Said::Settled),
        Lie::SettledEarly => {
            liar.say(&Said::Reconcile(TELL_ALL.to_vec()));
            step_after(liar, 0).await;
            liar.say(&Said::Settled);
        }
        _ => unreachable!("{lie:?} is told elsewhere"),
    }
}
