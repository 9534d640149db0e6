//! Who is who: root keys and their recovery phrases, devices, cards, tickets, security numbers.
//!
//! An organisation *is* its Ed25519 root key. The root key signs cards; a card says which device
//! acts for the organisation and which X25519 key others wrap document keys for. Any card ever
//! signed proves that its device may author for the organisation; the one of the highest
//! generation says whom to connect to and wrap keys for.

mod address;
mod card;
mod keys;
mod pairing;
mod phrase;
mod recovery;

pub use address::{Address, AddressError, AddressRecord, SignedAddresses};
pub use card::{Card, CardId, Name, NameError, OrganisationKind, Replaced, SignedCard};
pub use keys::{CardSecret, DeviceKey, IdentityError, RootKey, Signature, Verifier};
pub use pairing::{InvitationSecret, PairingProof, SecurityNumber, Ticket, TicketError};
pub use phrase::{PhraseError, RecoveryPhrase};
pub use recovery::{BackupKey, BackupKeyError, RecoveryKey, sign_backup, verify_backup};
