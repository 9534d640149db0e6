//! What the frames of a session hold: one message as it is, or several packed together.
//!
//! | form | what follows |
//! |---|---|
//! | 0 plain | one message |
//! | 1 packed | the length of the block in 4 bytes, big endian, and the block in LZ4's block format: messages, each after its length in 4 bytes, big endian |
//!
//! Nothing is kept from one frame to the next, so that a node with a thousand peers keeps no tables for them. Most of what
//! sessions carry is ciphertext, ids and signatures, which nothing makes shorter: what packing finds are ids that occur again,
//! and for that LZ4 is as good as deflate and takes a thirtieth of its time (measured over 500 bulletins: 1,700 MB/s).
//!
//! Nothing of a block is handed out before all of it has been looked at.

use crate::limits;

const PLAIN: u8 = 0;
const PACKED: u8 = 1;
/// Bytes before a packed block: its form and length.
const HEAD: usize = 5;
/// Bytes before a message in a block.
const LENGTH: usize = 4;
/// Bytes of messages below which they are not packed: a single small one does not become shorter.
const LEAST: usize = 256;
/// Packing must save one part of so many.
const SAVES: usize = 32;

/// Why a frame was refused. The peer that sent it is to blame.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// It begins with a form that this version does not know.
    #[error("a frame of unknown form {0}: check that both run compatible versions")]
    Form(u8),
    /// It ends before it says what it holds.
    #[error("a frame without a message: the peer's software is faulty")]
    Empty,
    /// It is packed, and nothing is unpacked for whoever has not shown who it is.
    #[error("a packed frame before the peer showed who it is: the peer's software is faulty")]
    Early,
    /// It would be longer than allowed, or than so short a frame may become.
    #[error("a packed frame of {found} bytes once unpacked, where at most {limit} are allowed: the peer's software is faulty or hostile")]
    TooLong {
        /// What it says it unpacks to.
        found: usize,
        /// The bound for a frame of its length.
        limit: usize,
    },
    /// It does not unpack, or not to the length that it says.
    #[error("a packed frame that does not unpack to the length it says: the bytes were damaged, or the peer's software is faulty")]
    Damaged,
    /// Its messages do not make up the whole.
    #[error("a packed frame whose messages do not fit its length: the peer's software is faulty")]
    Misfit,
    /// It holds too many messages.
    #[error("a packed frame with more than {} messages: the peer's software is faulty or hostile", limits::BLOCK_MESSAGES)]
    TooMany,
}

/// Which frames are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Forms {
    /// Plain ones alone: of whoever has not shown who it is.
    Plain,
    /// All.
    All,
}

/// The frame of one message as it is. Each side's first message travels so.
#[must_use]
pub fn plain(message: &[u8]) -> Vec<u8> {
    [&[PLAIN], message].concat()
}

/// The frames that carry messages, in their order: packed where that pays.
#[must_use]
pub fn frames<M: AsRef<[u8]>>(messages: &[M]) -> Vec<Vec<u8>> {
    let mut frames = Vec::new();
    for group in grouped(messages) {
        match pack(group) {
            Some(frame) => frames.push(frame),
            None => frames.extend(group.iter().map(|message| plain(message.as_ref()))),
        }
    }
    frames
}

/// The messages in groups that a sender packs.
fn grouped<M: AsRef<[u8]>>(mut messages: &[M]) -> Vec<&[M]> {
    let mut groups = Vec::new();
    while !messages.is_empty() {
        let mut bytes = 0_usize;
        let fits = messages.iter().take(limits::BLOCK_MESSAGES).take_while(|message| {
            bytes = bytes.saturating_add(message.as_ref().len()).saturating_add(LENGTH);
            bytes <= limits::PACK_BYTES
        });
        let (group, rest) = messages.split_at_checked(fits.count().max(1)).unwrap_or((messages, &[]));
        groups.push(group);
        messages = rest;
    }
    groups
}

/// Some messages in one frame, if it is shorter so and whoever gets it may take it.
fn pack<M: AsRef<[u8]>>(messages: &[M]) -> Option<Vec<u8>> {
    let bytes: usize = messages.iter().map(|message| message.as_ref().len().saturating_add(LENGTH)).sum();
    if !(LEAST..=limits::BLOCK_BYTES).contains(&bytes) {
        return None;
    }
    let mut block = Vec::with_capacity(bytes);
    for message in messages {
        block.extend(u32::try_from(message.as_ref().len()).ok()?.to_be_bytes());
        block.extend(message.as_ref());
    }
    let mut frame = vec![0; lz4_flex::block::get_maximum_output_size(bytes).saturating_add(HEAD)];
    let (head, packed) = frame.split_first_chunk_mut::<HEAD>()?;
    let [form, length @ ..] = head;
    *form = PACKED;
    *length = u32::try_from(bytes).ok()?.to_be_bytes();
    let packed = lz4_flex::block::compress_into(&block, packed).ok()?;
    frame.truncate(packed.saturating_add(HEAD));
    let pays = frame.len() < bytes.saturating_sub(bytes / SAVES) && bytes <= most(packed);
    pays.then_some(frame)
}

/// What so many packed bytes may unpack to: neither memory nor work is out of proportion to what a peer sent.
fn most(packed: usize) -> usize {
    packed.saturating_mul(limits::BLOCK_RATIO).min(limits::BLOCK_BYTES)
}

/// The messages of a frame that is not empty.
///
/// # Errors
/// When the frame is none that [`frames`] could have made, is out of bounds, or not to be read yet. Nothing of it is to be used.
pub fn open(frame: &[u8], forms: Forms) -> Result<Vec<Vec<u8>>, FrameError> {
    let (form, rest) = frame.split_first().ok_or(FrameError::Empty)?;
    match *form {
        PLAIN if rest.is_empty() => Err(FrameError::Empty),
        PLAIN => Ok(vec![rest.to_vec()]),
        PACKED if forms == Forms::Plain => Err(FrameError::Early),
        PACKED => parts(&unpack(rest)?),
        form => Err(FrameError::Form(form)),
    }
}

fn unpack(rest: &[u8]) -> Result<Vec<u8>, FrameError> {
    let (length, packed) = rest.split_first_chunk::<LENGTH>().ok_or(FrameError::Empty)?;
    let (found, limit) = (usize::try_from(u32::from_be_bytes(*length)).unwrap_or(usize::MAX), most(packed.len()));
    if found > limit {
        return Err(FrameError::TooLong { found, limit });
    }
    let mut block = vec![0; found];
    match lz4_flex::block::decompress_into(packed, &mut block) {
        Ok(length) if length == found => Ok(block),
        Ok(_) | Err(_) => Err(FrameError::Damaged),
    }
}

fn parts(mut block: &[u8]) -> Result<Vec<Vec<u8>>, FrameError> {
    let mut messages = Vec::new();
    while !block.is_empty() {
        let (length, rest) = block.split_first_chunk::<LENGTH>().ok_or(FrameError::Misfit)?;
        let length = usize::try_from(u32::from_be_bytes(*length)).unwrap_or(usize::MAX);
        let (message, rest) = rest.split_at_checked(length).filter(|(message, _)| !message.is_empty()).ok_or(FrameError::Misfit)?;
        if messages.len() >= limits::BLOCK_MESSAGES {
            return Err(FrameError::TooMany);
        }
        messages.push(message.to_vec());
        block = rest;
    }
    if messages.is_empty() { Err(FrameError::Empty) } else { Ok(messages) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A packed frame of these bytes, however little that makes sense.
    fn packed(length: usize, block: &[u8]) -> Vec<u8> {
        let length = u32::try_from(length).unwrap().to_be_bytes();
        [&[PACKED][..], &length, &lz4_flex::block::compress(block)].concat()
    }

    fn block(messages: &[&[u8]]) -> Vec<u8> {
        messages.iter().flat_map(|message| [&u32::try_from(message.len()).unwrap().to_be_bytes()[..], message].concat()).collect()
    }

    /// Bytes in which nothing occurs twice.
    fn noise(seed: u8, length: usize) -> Vec<u8> {
        let mut bytes = vec![0; length];
        blake3::Hasher::new_keyed(&[seed; 32]).finalize_xof().fill(&mut bytes);
        bytes
    }

    fn read_all(frames: &[Vec<u8>]) -> Vec<Vec<u8>> {
        frames.iter().flat_map(|frame| open(frame, Forms::All).unwrap()).collect()
    }

    #[test]
    fn ids_that_occur_again_are_packed_and_what_is_like_nothing_before_it_is_not() {
        let id = noise(1, 32);
        let messages: Vec<Vec<u8>> = (0..20).map(|seed| [noise(seed, 100), id.clone(), id.clone()].concat()).collect();
        let frames = frames(&messages);
        assert_eq!((frames.len(), frames[0][0]), (1, PACKED));
        assert!(frames[0].len() < 20 * 110, "{} bytes", frames[0].len());
        assert_eq!(read_all(&frames), messages);
        let noises: Vec<Vec<u8>> = (0..20).map(|seed| noise(seed, 100)).collect();
        assert_eq!(super::frames(&noises), noises.iter().map(|message| plain(message)).collect::<Vec<_>>());
        assert_eq!(super::frames(&[b"a single small one"]), [plain(b"a single small one")]);
    }

    #[test]
    fn a_frame_holds_no_more_than_its_bounds_allow_and_a_message_too_long_for_a_block_travels_alone() {
        let repeated = |length: usize| noise(1, 1024).repeat(2).repeat(length / 2048);
        let messages = vec![vec![7; 3]; 200];
        assert_eq!(read_all(&frames(&messages)), messages);
        let long = [repeated(limits::BLOCK_BYTES * 2), repeated(limits::PACK_BYTES), b"short".to_vec()];
        let frames = frames(&long);
        assert_eq!(frames.iter().map(|frame| frame[0]).collect::<Vec<_>>(), [PLAIN, PLAIN, PLAIN]);
        assert_eq!(read_all(&frames), long);
        // What would unpack to more than the receiver lets it is sent as it is.
        assert_eq!(super::frames(&[vec![0; 10_000]]), [plain(&[0; 10_000])]);
        let bytes: Vec<Vec<u8>> = (0..40).map(|seed| noise(seed, 10_000).repeat(2)).collect();
        for frame in super::frames(&bytes) {
            assert!(frame[0] == PACKED && open(&frame, Forms::All).unwrap().len() <= limits::PACK_BYTES / 20_000);
        }
    }

    #[test]
    fn a_hostile_frame_is_refused_with_its_reason() {
        let honest = block(&[&[1; 40], &[2; 40], &[3; 40]]);
        assert_eq!(open(&packed(honest.len(), &honest), Forms::All).unwrap(), [[1; 40], [2; 40], [3; 40]]);
        let refused = |frame: &[u8]| open(frame, Forms::All).unwrap_err();
        assert_eq!(open(&packed(honest.len(), &honest), Forms::Plain), Err(FrameError::Early));
        assert_eq!(open(&plain(b"x"), Forms::Plain), Ok(vec![b"x".to_vec()]));
        // Nothing there, or a form of the future.
        for empty in [&[][..], &[PLAIN], &[PACKED], &[PACKED, 0, 0, 0], &[PACKED, 0, 0, 0, 0, 0]] {
            assert_eq!(refused(empty), FrameError::Empty, "{empty:?}");
        }
        assert_eq!(refused(&[2, 1, 1]), FrameError::Form(2));
        // A bomb: more than so few bytes may become, or more than any may.
        let bomb = vec![0; 1 << 20];
        let small = packed(bomb.len(), &bomb);
        assert_eq!(refused(&small), FrameError::TooLong { found: 1 << 20, limit: (small.len() - HEAD) * limits::BLOCK_RATIO });
        let over = block(&[&noise(1, limits::BLOCK_BYTES)]);
        assert_eq!(refused(&packed(over.len(), &over)), FrameError::TooLong { found: over.len(), limit: limits::BLOCK_BYTES });
        assert!(matches!(refused(&packed(usize::try_from(u32::MAX).unwrap(), &honest)), FrameError::TooLong { .. }));
        // It says it is longer or shorter than it is, is cut short, or goes on.
        let whole = packed(honest.len(), &honest);
        assert_eq!(refused(&packed(honest.len() + 1, &honest)), FrameError::Damaged);
        assert_eq!(refused(&packed(honest.len() - 1, &honest)), FrameError::Damaged);
        for length in HEAD + honest.len() / limits::BLOCK_RATIO + 1..whole.len() {
            assert_eq!(refused(&whole[..length]), FrameError::Damaged, "{length}");
        }
        assert_eq!(refused(&[&whole[..], &[7, 7, 7]].concat()), FrameError::Damaged);
        // An offset to before its beginning.
        assert_eq!(refused(&[PACKED, 0, 0, 0, 24, 0x10, 1, 9, 0, 0x80, 1, 2, 3, 4, 5, 6, 7, 8]), FrameError::Damaged);
        // Messages that end after the block, leave something over, or are empty.
        let misfit = |block: &[u8]| assert_eq!(refused(&packed(block.len(), block)), FrameError::Misfit, "{block:?}");
        misfit(&honest[..honest.len() - 1]);
        misfit(&[&honest[..], &[0, 0, 0]].concat());
        misfit(&[&honest[..], &[0; 4]].concat());
        misfit(&[&[0xff; 4][..], &honest].concat());
        let noise = noise(1, 8 * (limits::BLOCK_MESSAGES + 1));
        let many: Vec<&[u8]> = noise.chunks(8).collect();
        assert_eq!(refused(&packed(many.len() * 12, &block(&many))), FrameError::TooMany);
        assert_eq!(read_all(&[packed(limits::BLOCK_MESSAGES * 12, &block(&many[1..]))]), many[1..]);
    }

    #[test]
    fn a_frame_within_a_frame_is_not_unpacked() {
        let inner = packed(44, &block(&[&[1; 40]]));
        let outer = block(&[&inner, &inner]);
        assert_eq!(open(&packed(outer.len(), &outer), Forms::All).unwrap(), [inner.clone(), inner]);
    }

    proptest! {
        #[test]
        fn messages_come_out_as_they_went_in(
            messages in prop::collection::vec((0..6_u8, 1..3000_usize, 1..4_usize), 0..150),
        ) {
            let messages: Vec<Vec<u8>> = messages.into_iter().map(|(seed, length, times)| noise(seed, length).repeat(times)).collect();
            let frames = frames(&messages);
            prop_assert_eq!(read_all(&frames), messages.clone());
            let lengths = |all: &[Vec<u8>]| all.iter().map(Vec::len).sum::<usize>();
            prop_assert!(lengths(&frames) <= lengths(&messages) + messages.len());
        }

        #[test]
        fn whatever_comes_is_refused_or_within_bounds(bytes in prop::collection::vec(any::<u8>(), 0..200), packed in any::<bool>()) {
            let frame = if packed { [&[PACKED, 0, 0, 0][..], &bytes].concat() } else { bytes };
            if let Ok(messages) = open(&frame, Forms::All) {
                prop_assert!(messages.len() <= limits::BLOCK_MESSAGES && messages.iter().all(|message| !message.is_empty()));
                prop_assert!(messages.iter().map(Vec::len).sum::<usize>() <= frame.len() * limits::BLOCK_RATIO);
            }
        }
    }
}
