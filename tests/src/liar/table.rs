//! The table of lies: what each says, what the liar needs for it, and what an honest node does.

use super::Needs::{self, Pairing, Ticket as Invited, Two};
use super::Verdict::{self, Borne, CutOff, HungUp};
use csu_protocol::entry::Role::{self, Read, Write};

macro_rules! lies {
    ($($(#[doc = $says:literal])+ $lie:ident = $name:literal, $needs:expr, $verdict:expr;)+) => {
        /// A lie.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Lie {
            $($(#[doc = $says])+ $lie,)+
        }

        impl Lie {
            /// Every lie.
            pub const ALL: &[Self] = &[$(Self::$lie,)+];

            /// Its name on a command line.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$lie => $name,)+ }
            }

            /// What it says.
            #[must_use]
            pub const fn says(self) -> &'static str {
                match self { $(Self::$lie => concat!($($says),+),)+ }
            }

            /// What the liar needs before.
            #[must_use]
            pub const fn needs(self) -> Needs {
                match self { $(Self::$lie => $needs,)+ }
            }

            /// What an honest node does about it.
            #[must_use]
            pub const fn verdict(self) -> Verdict {
                match self { $(Self::$lie => $verdict,)+ }
            }
        }
    };
}

/// A role in one document.
const fn role(role: Role) -> Needs {
    Needs::Role(role)
}

lies! {
    /// A card of its own organisation whose signature is wrong.
    ForgedCard = "forged-card", Pairing, CutOff("forgery");
    /// A card of a neighbour's organisation for its own device, signed by its own root key.
    StolenOrganisation = "stolen-organisation", Pairing, CutOff("forgery");
    /// A card of the node's own organisation of the next generation, signed by its own root key.
    NewerCardOfAnother = "newer-card-of-another", Pairing, CutOff("forgery");
    /// It comes back with the node's own card as its Hello.
    HelloOfTheNode = "hello-of-the-node", Pairing, CutOff("another organisation or device");
    /// It comes back with a neighbour's card as its Hello.
    HelloOfANeighbour = "hello-of-a-neighbour", Pairing, CutOff("another organisation or device");
    /// A newer card of its own that claims the device of an honest neighbour.
    ClaimedDevice = "claimed-device", Pairing, Borne;
    /// A record of addresses that another device signed.
    AddressesOfAnother = "addresses-of-another", Pairing, CutOff("forgery");

    /// Bytes that are no message at all.
    Garbage = "garbage", Pairing, CutOff("cannot be read");
    /// A message of a kind that does not exist.
    UnknownKind = "unknown-kind", Pairing, CutOff("cannot be read");
    /// A good message and one byte more.
    BytesAfter = "bytes-after", Pairing, CutOff("cannot be read");
    /// A good message with a length in more bytes than it needs.
    LongLength = "long-length", Pairing, CutOff("cannot be read");
    /// A good message with an array whose end is marked instead of counted.
    UncountedArray = "uncounted-array", Pairing, CutOff("cannot be read");
    /// Entry ids out of order.
    UnsortedIds = "unsorted-ids", Pairing, CutOff("cannot be read");
    /// The same entry id twice.
    RepeatedIds = "repeated-ids", Pairing, CutOff("cannot be read");
    /// A few bytes that announce 2^64 - 1 cards.
    HugeCards = "huge-cards", Pairing, CutOff("cannot be read");
    /// A few bytes that announce 2^32 entries.
    HugeEntries = "huge-entries", Pairing, CutOff("cannot be read");
    /// A few bytes that announce 2^63 entry ids.
    HugeIds = "huge-ids", Pairing, CutOff("cannot be read");
    /// A few bytes that announce a header of 2^40 bytes.
    HugeHeader = "huge-header", Pairing, CutOff("cannot be read");
    /// A frame longer than any may be.
    OversizedFrame = "oversized-frame", Pairing, CutOff("announced a frame of more than");
    /// The length of a frame of 4 GiB, and bytes without end.
    EndlessFrame = "endless-frame", Pairing, CutOff("announced a frame of more than");
    /// The length of the longest frame there may be, half of it, and then nothing any more.
    HalfAFrame = "half-a-frame", Pairing, HungUp("silent");
    /// A packed frame of a few bytes that says it unpacks to 4 GiB.
    FrameBomb = "frame-bomb", Pairing, CutOff("a packed frame of");
    /// A packed frame whose last message is longer than what is left of it.
    FrameMisfit = "frame-misfit", Pairing, CutOff("do not fit its length");
    /// The longest frame there may be, one byte now and then.
    SlowDrip = "slow-drip", Pairing, Borne;
    /// A connection on which nothing is ever said, not even that it is there.
    Mute = "mute", Pairing, Borne;

    /// An entry that names a neighbour's device as its author, signed by its own.
    ForeignAuthor = "foreign-author", role(Write), CutOff("forged");
    /// An entry of a neighbour's organisation by its own device.
    ForeignOrganisation = "foreign-organisation", role(Write), Borne;
    /// An entry whose payload was changed on the way.
    WrongPayload = "wrong-payload", role(Write), CutOff("is not the one its header names");
    /// An entry whose wrapped keys were changed on the way.
    WrongWraps = "wrong-wraps", role(Write), CutOff("is not the one its header names");
    /// An entry without the payload that its header names.
    MissingPayload = "missing-payload", role(Write), CutOff("is not the one its header names");
    /// An entry of one document as if it were of another.
    Misplaced = "misplaced", Two(Write), CutOff("of another document or plane");
    /// An entry of the content plane as if it were control.
    WrongPlane = "wrong-plane", role(Write), CutOff("of another document or plane");
    /// All of a chain of entries but the first, which never comes.
    MissingLink = "missing-link", role(Write), Borne;
    /// A chain of entries backwards, one by one, each before those that it builds on.
    Reordered = "reordered", role(Write), Borne;
    /// The same sound entry by the thousand.
    Duplicates = "duplicates", role(Write), Borne;
    /// A reader that grants itself more, again and again.
    GrantsItself = "grants-itself", role(Read), CutOff("breaks a rule");
    /// A reader that revokes the owner and every other reader, withdraws and erases.
    Usurper = "usurper", role(Read), CutOff("breaks a rule");
    /// Two different entries at one place of its chain: a fork.
    Fork = "fork", role(Write), Borne;
    /// A good revision sealed with a key that nobody has.
    GarbageSeal = "garbage-seal", role(Write), Borne;
    /// A revision sealed with the right key whose change is noise.
    GarbageChange = "garbage-change", role(Write), Borne;
    /// A key that is not the one its entry commits to, and a revision sealed under it.
    WrongCommitment = "wrong-commitment", role(Write), Borne;
    /// The sealed payload of one document's revision in a revision of another.
    ReplayedSeal = "replayed-seal", Two(Write), Borne;
    /// The change of one document's revision, well sealed, in a revision of another.
    ReplayedChange = "replayed-change", Two(Write), Borne;
    /// A change that is compressed and would become a thousand times as long.
    CompressedBomb = "compressed-bomb", role(Write), Borne;
    /// A change with one compressed column that would become a thousand times as long.
    ColumnBomb = "column-bomb", role(Write), Borne;
    /// A change of a few bytes that says it holds 2^40 operations.
    RunLengthBomb = "run-length-bomb", role(Write), Borne;

    /// Asks for documents by ids that it was never told, known ones and guessed ones.
    NeverGranted = "never-granted", Pairing, Borne;
    /// Asks for all of a document but what it claims to have: so that only the keys are left.
    AsksForKeys = "asks-for-keys", Pairing, Borne;
    /// Asks on and on for the content of a document whose Read it has lost.
    AfterRevocation = "after-revocation", role(Read), Borne;
    /// Says that it holds entries that do not exist.
    UnknownIds = "unknown-ids", role(Read), Borne;

    /// Its Hello once more when the session is live.
    ReplayedHello = "replayed-hello", Pairing, CutOff("out of turn");
    /// Its request to pair once more when the session is live.
    ReplayedPairRequest = "replayed-pair-request", Pairing, CutOff("out of turn");
    /// Its confirmation once more, a thousand times.
    ReplayedConfirmed = "replayed-confirmed", Pairing, Borne;
    /// Somebody else's request to pair, overheard.
    StolenPairRequest = "stolen-pair-request", Invited, CutOff("no valid invitation");
    /// Entries before anybody has confirmed anything.
    EarlyEntries = "early-entries", Invited, CutOff("out of turn");
    /// The end of an answer to nothing.
    UnaskedServed = "unasked-served", Pairing, CutOff("out of turn");
    /// The same device in two sessions at once, from two places.
    TwoSessions = "two-sessions", Pairing, Borne;
    /// Nothing: it stays connected and answers no question.
    Silence = "silence", Pairing, CutOff("did not answer in time");
    /// Nothing, when it is its turn to begin a round.
    SilenceAtFirst = "silence-at-first", Pairing, CutOff("did not answer in time");

    /// A step of reconciliation that breaks its rules.
    GarbageStep = "garbage-step", Pairing, CutOff("a step of reconciliation that cannot be read");
    /// A step of reconciliation in another version.
    OtherVersionStep = "other-version-step", Pairing, CutOff("a step of reconciliation that cannot be read");
    /// A step of reconciliation that announces 2^63 items.
    HugeStep = "huge-step", Pairing, CutOff("a step of reconciliation that cannot be read");
    /// A step of reconciliation longer than any may be.
    LongStep = "long-step", Pairing, CutOff("cannot be read");
    /// An answer to the node's step that breaks the rules.
    GarbageAnswer = "garbage-answer", Pairing, CutOff("a step of reconciliation that cannot be read");
    /// One step after the other that says nothing new.
    StepsWithoutEnd = "steps-without-end", Pairing, CutOff("more steps than a comparison takes");
    /// Answers that what it holds is different, whatever the node says.
    AnswersWithoutEnd = "answers-without-end", role(Write), Borne;
    /// Rounds begun and ended, one after the other.
    RoundsWithoutEnd = "rounds-without-end", Pairing, CutOff("out of turn");
    /// Wishes for a round, thousands.
    WishesWithoutEnd = "wishes-without-end", Pairing, Borne;
    /// Says that it holds the same as the node, when it holds more.
    SameSets = "same-sets", role(Write), Borne;
    /// Says that it holds nothing, and asks for all that the node holds.
    TellMeAll = "tell-me-all", Pairing, Borne;
    /// Claims thousands of documents that do not exist, and has none of them when asked.
    MillionsOfNeeds = "millions-of-needs", Pairing, Borne;
    /// Offers documents that do not exist, and says at once that it sent them.
    OfferOfNothing = "offer-of-nothing", Pairing, Borne;
    /// Offers documents that it was never granted, to see what the node says.
    OfferOfSecrets = "offer-of-secrets", Pairing, Borne;
    /// Offers more than it was asked for.
    OfferTooMany = "offer-too-many", Pairing, CutOff("more documents than allowed");
    /// Offers when nothing was asked for.
    UnaskedOffer = "unasked-offer", Pairing, CutOff("out of turn");
    /// Needs something when nothing was compared.
    UnaskedNeed = "unasked-need", Pairing, CutOff("out of turn");
    /// Needs out of order.
    UnsortedNeeds = "unsorted-needs", Pairing, CutOff("cannot be read");
    /// More needs in one message than there may be.
    TooManyNeeds = "too-many-needs", Pairing, CutOff("cannot be read");
    /// Needs things that are in no set.
    UnknownNeeds = "unknown-needs", Pairing, Borne;
    /// The answer to a probe that nobody made.
    UnaskedProbed = "unasked-probed", Pairing, CutOff("out of turn");
    /// Probes the entries of documents that it was never granted.
    ProbeOfSecrets = "probe-of-secrets", Pairing, Borne;
    /// A probe that breaks the rules.
    GarbageProbe = "garbage-probe", role(Read), CutOff("a step of reconciliation that cannot be read");
    /// Wants entries of documents that it was never granted, by their ids.
    WantOfSecrets = "want-of-secrets", Pairing, Borne;
    /// Asked for what it has of one document, says that it lacks entries of others.
    LacksWhatIsSecret = "lacks-what-is-secret", role(Read), Borne;
    /// Declines everything, takes it again, and declines it once more.
    DeclinesEverything = "declines-everything", role(Read), Borne;
    /// Declines documents without end.
    DeclinesWithoutEnd = "declines-without-end", Pairing, CutOff("documents that it declines");
    /// The end of a round that never began.
    SettledAtOnce = "settled-at-once", Pairing, CutOff("out of turn");
    /// The end of a round before anything was exchanged.
    SettledEarly = "settled-early", role(Read), Borne;

    /// A hundred thousand messages that mean nothing.
    FloodOfMessages = "flood-of-messages", Pairing, Borne;
    /// Requests without end, for documents that do not exist.
    FloodOfRequests = "flood-of-requests", Pairing, CutOff("it sent");
    /// Requests for everything, and never reads the answers.
    Deaf = "deaf", role(Read), Borne;
    /// Documents without end that do not name the node.
    FloodOfDocuments = "flood-of-documents", Pairing, CutOff("documents that do not name this organisation");
    /// One document without end that does not name the node.
    FloodOfEntries = "flood-of-entries", Pairing, CutOff("entries of a document that does not name this organisation");
    /// Entries without end that wait for what never comes.
    FloodOfWaiting = "flood-of-waiting", role(Write), Borne;
    /// Cards without end, of organisations that do not exist and many of its own.
    FloodOfCards = "flood-of-cards", Pairing, Borne;
    /// Requests to pair without end, from ever new devices that were not invited.
    FloodOfPairings = "flood-of-pairings", Invited, CutOff("no valid invitation");
}
