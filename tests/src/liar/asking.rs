//! Lies about what it may ask for, and about answering.

use super::{Lie, Stage};
use crate::node::PATIENCE;
use crate::stranger::{Said, Stranger};
use csu_protocol::entry::{Body, Plane, Principal};
use csu_protocol::id::{DocumentId, EntryId};
use csu_protocol::limits;
use std::time::{Duration, Instant};

/// How long nothing comes before everything was answered.
const QUIET: Duration = Duration::from_millis(300);

/// Asks for both planes of a document but for these entries, and hears the answers.
async fn ask(liar: &mut Stranger, document: DocumentId, ids: &[EntryId]) {
    let mut ids = ids.to_vec();
    ids.sort();
    for plane in Plane::ALL {
        liar.say(&Said::Have { document, plane, ids: ids.clone() });
    }
    liar.listen(QUIET).await;
}

pub(super) async fn tell(lie: Lie, liar: &mut Stranger, stage: &Stage) {
    match lie {
        Lie::NeverGranted => {
            let guesses = (0..3).map(|byte| DocumentId::new([byte; 32]));
            for document in stage.secret.iter().copied().chain(guesses) {
                ask(liar, document, &[]).await;
            }
        }
        Lie::AsksForKeys => {
            for document in &stage.secret {
                // The id of the genesis is the document's: it claims to have that, and whatever it can think of.
                let ids = [EntryId::new(*document.as_bytes()), EntryId::new([3; 32])];
                ask(liar, *document, &ids).await;
            }
        }
        Lie::AfterRevocation => {
            let (document, us) = (stage.document(), liar.organisation());
            liar.listen_until("lost its role", |liar| {
                let revoked = |body: &Body| matches!(body, Body::Revoke { principal: Principal::Organisation(who), .. } if *who == us);
                liar.record().entries().values().any(|entry| revoked(&entry.header().body)).then_some(())
            })
            .await;
            liar.listen(QUIET).await;
            for _ in 0..3 {
                ask(liar, document, &[]).await;
            }
        }
        Lie::UnknownIds => {
            let ids: Vec<EntryId> = (0..=255).map(|byte| EntryId::new([byte; 32])).collect();
            ask(liar, stage.document(), &ids).await;
        }
        Lie::UnaskedServed => liar.say(&Said::Served { document: DocumentId::new([7; 32]), plane: Plane::Content, lacking: Vec::new() }),
        Lie::Silence | Lie::SilenceAtFirst => silence(liar).await,
        _ => unreachable!("{lie:?} is told elsewhere"),
    }
}

/// Never begins a round, and never answers a step of one.
async fn silence(liar: &mut Stranger) {
    // It hears everything, and its network answers for it that it is there.
    let (begun, before) = (Instant::now(), liar.hang_ups());
    while liar.hang_ups() == before {
        assert!(begun.elapsed() < PATIENCE + Duration::from_millis(limits::ANSWER_MS), "whoever never answers is never given up");
        liar.listen(QUIET).await;
    }
}
