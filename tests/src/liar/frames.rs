//! Bytes that are no message, or a message in a shape that none may have.

use super::{Lie, Raw, Stage};
use crate::node::PATIENCE;
use crate::stranger::{Said, Stranger};
use csu_protocol::entry::Plane;
use csu_protocol::id::{DocumentId, EntryId};
use csu_protocol::limits;
use std::time::Duration;

/// A place as a message names it.
fn place() -> Vec<u8> {
    [vec![0x58, 32], vec![7; 32], vec![1]].concat()
}

/// A request for entries with these ids.
fn have(ids: &[EntryId]) -> Vec<u8> {
    Said::Have { document: DocumentId::new([7; 32]), plane: Plane::Content, ids: ids.to_vec() }.encode()
}

/// The frame of a lie.
pub(super) fn of(lie: Lie) -> Vec<u8> {
    let (low, high) = (EntryId::new([1; 32]), EntryId::new([2; 32]));
    match lie {
        Lie::Garbage => b"\xff\x00garbage".to_vec(),
        Lie::UnknownKind => vec![0x81, 0x18, 0xff],
        Lie::BytesAfter => [Said::Confirmed.encode(), vec![0]].concat(),
        // [2] with its tag in two bytes instead of one.
        Lie::LongLength => vec![0x81, 0x18, 0x02],
        Lie::UncountedArray => vec![0x9f, 0x02, 0xff],
        Lie::UnsortedIds => have(&[high, low]),
        Lie::RepeatedIds => have(&[low, low]),
        Lie::HugeCards => vec![0x82, 0x03, 0x9b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
        Lie::HugeEntries => [vec![0x84, 0x06], place(), vec![0x9a, 0xff, 0xff, 0xff, 0xff]].concat(),
        Lie::HugeIds => [vec![0x84, 0x05], place(), vec![0x9b, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]].concat(),
        Lie::HugeHeader => [vec![0x84, 0x06], place(), vec![0x81, 0x84, 0x5b, 0, 0, 1, 0, 0, 0, 0, 0]].concat(),
        Lie::OversizedFrame => vec![0; limits::MESSAGE_BYTES + 1024 * 1024],
        _ => unreachable!("{lie:?} is told elsewhere"),
    }
}

/// Lies below the frames, on a stream of their own with the liar's device key.
pub(super) async fn below(lie: Lie, liar: &mut Stranger, stage: &Stage) {
    let hello = liar.hello(true).encode();
    liar.leave().await;
    let mut raw = Raw::connect(liar.seed(), &stage.ticket).await;
    if lie == Lie::Mute {
        // The node closes it, without a word to its operator: there never was a session.
        tokio::time::timeout(PATIENCE, raw.read_to_end()).await.expect("a connection on which nothing is said is closed");
        return;
    }
    // A session begins with an empty frame.
    raw.frame(&[]).await;
    raw.message(&hello).await;
    let longest = u32::try_from(limits::MESSAGE_BYTES).expect("a frame's length").to_be_bytes();
    match lie {
        Lie::EndlessFrame => {
            raw.write(&u32::MAX.to_be_bytes()).await;
            while raw.write(&[0; 64 * 1024]).await {}
        }
        Lie::HalfAFrame => {
            raw.write(&longest).await;
            raw.write(&vec![0; limits::MESSAGE_BYTES / 2]).await;
            raw.read_to_end().await;
        }
        Lie::FrameBomb => {
            raw.frame(&[&[1, 0xff, 0xff, 0xff, 0xff, 0x1f, 0, 1, 0][..], &[0xff; 64], &[0x50, 0, 0, 0, 0, 0]].concat()).await;
            raw.read_to_end().await;
        }
        Lie::FrameMisfit => {
            // LZ4 for six bytes as they are.
            raw.frame(&[1, 0, 0, 0, 6, 0x60, 0, 0, 0, 3, 0x81, 0x02]).await;
            raw.read_to_end().await;
        }
        Lie::SlowDrip => {
            raw.write(&longest).await;
            for _ in 0..20 {
                raw.write(&[0]).await;
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
        _ => unreachable!("{lie:?} is told elsewhere"),
    }
}
