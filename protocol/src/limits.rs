//! Every bound of version 0, by name. Each is checked before memory is taken.
//!
//! Bounds on entries are part of soundness: all nodes must agree on them, so none may change
//! without the version changing. Bounds on messages and local budgets may.

/// Bytes of one canonical header.
pub const HEADER_BYTES: usize = 32 * 1024;
/// Entries one entry names as parents.
pub const PARENTS: usize = 64;
/// Revisions one revision names as deps.
pub const DEPS: usize = 64;
/// Grants in one genesis or grant entry.
pub const GRANTS: usize = 64;
/// Entries a revocation keeps.
pub const KEEPS: usize = 256;
/// How far below the genesis a standing may be.
pub const DEPTH: u8 = 6;
/// Control entries of one device in a document. Counted by `seq`, hence over an entry's own past,
/// so that all nodes agree.
pub const CONTROL_CHAIN_ENTRIES: u64 = 1 << 16;
/// Content entries of one device in a document.
pub const CONTENT_CHAIN_ENTRIES: u64 = 1 << 20;
/// Entries of one root key in a document: it has lost that many devices at most.
pub const ROOT_CHAIN_ENTRIES: u64 = 64;
/// Revocations by admins in the past of an entry by anyone but the owner and root keys, who must
/// always be able to act.
pub const PAST_REVOKES: usize = 2048;
/// Bytes of a sealed payload.
pub const PAYLOAD_BYTES: usize = 1024 * 1024;
/// How many times its own length a deflated change may inflate to. Texts stay below 10.
pub const INFLATE_RATIO: usize = 32;
/// Bytes of the wrapped keys of an entry.
pub const WRAPS_BYTES: usize = 256 * 1024;
/// Organisations a key is wrapped for.
pub const WRAPS: usize = 1024;
/// Heads of earlier epochs sealed under a new one.
pub const EARLIER_EPOCHS: usize = 64;

/// Bytes of a card.
pub const CARD_BYTES: usize = 1024;
/// Bytes of an organisation's name.
pub const NAME_BYTES: usize = 120;
/// Bytes of a record of addresses.
pub const ADDRESSES_BYTES: usize = 4 * 1024;
/// Addresses a device announces.
pub const ADDRESSES: usize = 12;
/// Bytes of one address.
pub const ADDRESS_BYTES: usize = 256;
/// Bytes of a ticket before it is written as text.
pub const TICKET_BYTES: usize = 4 * 1024;

/// Bytes of what a person says in a response.
pub const RESPONSE_TEXT_BYTES: usize = 16 * 1024;
/// Bytes of the name of the person who acted.
pub const PERSON_BYTES: usize = 200;

/// Bytes of one message between peers.
pub const MESSAGE_BYTES: usize = 4 * 1024 * 1024;
/// Bytes of the messages that one packed frame holds, with their lengths, once unpacked.
pub const BLOCK_BYTES: usize = 512 * 1024;
/// Messages in one packed frame.
pub const BLOCK_MESSAGES: usize = 64;
/// How many times its own length a packed frame may unpack to. Honest ones stay below 4: what is packed is mostly ciphertext.
pub const BLOCK_RATIO: usize = 16;
/// Bytes of messages that a sender packs into one frame, unless one alone is longer: more would hardly become shorter, and what is
/// under way when a connection breaks is lost as a whole.
pub const PACK_BYTES: usize = 32 * 1024;
/// Items in one list of a message.
pub const MESSAGE_ITEMS: usize = 4096;
/// Cards in one message: with signatures they stay below [`MESSAGE_BYTES`].
pub const MESSAGE_CARDS: usize = 2048;
/// Entry ids in one message.
pub const MESSAGE_IDS: usize = 65_536;
/// Entry ids that a node lists when it asks for what it lacks; with more, both compare them step by step.
pub const HAVE_IDS: usize = 256;
/// Bytes of one step of set reconciliation.
pub const RECONCILE_BYTES: usize = 512 * 1024;
/// Steps of one comparison, of documents or of the entries of one.
pub const RECONCILE_STEPS: u32 = 64;
/// Items of the other's set that one message asks for.
pub const NEEDS: usize = 256;
/// Items that one side may turn out to lack in one round; the next round finds the rest.
pub const ROUND_NEEDS: usize = 1 << 18;
/// How long after the beginning of one round the next may begin, in milliseconds.
pub const ROUND_EVERY_MS: u64 = 1000;
/// How long the first round of one session waits at most for that of another, whose peer brings what this one would bring again,
/// in milliseconds.
pub const FIRST_ROUND_WAITS_MS: u64 = 10_000;
/// How often it is looked meanwhile whether that is over, in milliseconds.
pub const FIRST_ROUND_LOOKS_MS: u64 = 100;
/// Bytes of entries gathered into one message, unless one entry alone is longer.
pub const ENTRIES_BYTES: usize = 256 * 1024;
/// Frames under way to one peer that its connection has not yet taken.
pub const WINDOW_FRAMES: usize = 128;
/// Bytes of frames under way after which no further one is sent, so that with the longest frame they
/// stay within what a connection queues.
pub const WINDOW_BYTES: usize = 4 * 1024 * 1024;
/// Bytes waiting for one peer before live entries are left to the next round of reconciliation.
pub const OUTBOX_BYTES: usize = 4 * 1024 * 1024;
/// Bytes waiting for one peer after which its session ends: it asks, and does not take the answers.
pub const OUTBOX_MOST_BYTES: usize = 16 * 1024 * 1024;
/// Planes of documents one node asks another for at a time.
pub const REQUESTS: usize = 128;
/// Of these, planes whose entries are being compared step by step.
pub const PROBES: usize = 4;
/// Requests of one peer that wait to be served.
pub const SERVES: usize = 1024;
/// Entries of a plane that are sent unasked to whoever may hold them since just now; of longer planes both find out first
/// what differs.
pub const PUSHED_WHOLE: usize = 16;
/// Peers that are sent at once, whole, what another peer brought, even if all of them hear of such things from elsewhere; to the
/// others that do it is offered a little later, if they have not shown by then that they have it.
pub const FORWARDED_AT_ONCE: usize = 2;
/// How much later that is at least, in milliseconds.
pub const OFFER_AFTER_MS: u64 = 200;
/// And at most, in milliseconds.
pub const OFFER_WITHIN_MS: u64 = 1000;
/// Planes of documents of which something is to be offered to one peer; more is sent at once.
pub const OFFERED_LATER: usize = 256;
/// Planes of documents that a peer may decline, and that a node remembers to have declined to a peer.
pub const DECLINED: usize = 1 << 16;
/// Entries of one document that wait for something missing.
pub const PENDING_ENTRIES: usize = 1024;
/// Bytes of them.
pub const PENDING_BYTES: usize = 4 * 1024 * 1024;
/// Documents of which something waits; of others it is forgotten until the next round.
pub const PENDING_DOCUMENTS: usize = 32;
/// Documents of one peer held in memory alone, because nothing received so far names this organisation.
pub const UNNAMED_DOCUMENTS: usize = 64;
/// Entries of one of them.
pub const UNNAMED_ENTRIES: usize = 4096;
/// Bytes of them.
pub const UNNAMED_BYTES: usize = 2 * 1024 * 1024;
/// Unsound entries a peer may send in one session before it is disconnected.
pub const FAULTS: u32 = 3;
/// How long a peer may take to begin answering a request, in milliseconds.
pub const ANSWER_MS: u64 = 60_000;
/// How long a stranger may take to show an invitation, in milliseconds.
pub const STRANGER_MS: u64 = 10_000;
/// Bytes of the one frame that is read of a stranger before it has shown who it is.
pub const STRANGER_BYTES: usize = 8 * 1024;
/// Cards of one organisation that are kept.
pub const CARDS_EACH: usize = 64;
/// Cards of one organisation up to which one that is newer than the others is kept if its device itself shows it.
pub const CARDS_SHOWN: usize = 1024;
/// Cards that one peer may bring of others.
pub const CARDS_BROUGHT: usize = 8192;
/// Cards for which there is no room, kept while a session lasts in case an entry needs one.
pub const SPARE_CARDS: usize = 4096;
