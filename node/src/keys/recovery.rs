//! The public key that backups are sealed for.

use super::{KeysError, RECOVERY_FILE, RECOVERY_FORMAT, file, folder};
use csu_protocol::id::OrganisationId;
use csu_protocol::identity::{RecoveryKey, Signature};
use std::path::Path;
use zeroize::Zeroizing;

/// The key that backups of a data folder are sealed for; none if it was made before there were backups.
///
/// # Errors
/// When it cannot be read, or the root key of `organisation` did not sign it.
pub fn recovery_key(data: &Path, organisation: OrganisationId) -> Result<Option<RecoveryKey>, KeysError> {
    let path = folder(data).join(RECOVERY_FILE);
    let lines = match file::read(&path, RECOVERY_FORMAT) {
        Ok(lines) => lines,
        Err(KeysError::Missing { .. }) => return Ok(None),
        Err(error) => return Err(error),
    };
    let decode = |line: Option<&Zeroizing<String>>| data_encoding::HEXLOWER.decode(line?.as_bytes()).ok();
    let read = || {
        let public = <[u8; 32]>::try_from(decode(lines.first())?).ok()?;
        let signature = <[u8; 64]>::try_from(decode(lines.get(1))?).ok()?;
        RecoveryKey::verify(organisation, public, Signature::new(signature)).ok()
    };
    read().map(Some).ok_or_else(|| KeysError::damaged(&path, "this organisation's root key did not sign it"))
}

/// Writes the key that backups of a data folder are sealed for, in the place of one that may be there.
///
/// # Errors
/// When the folder cannot be written.
pub fn put_recovery_key(data: &Path, key: &RecoveryKey) -> Result<(), KeysError> {
    file::replace_file(&folder(data).join(RECOVERY_FILE), RECOVERY_FORMAT, &lines(key))
}

pub(super) fn lines(key: &RecoveryKey) -> Vec<Zeroizing<String>> {
    let hex = |bytes: &[u8]| Zeroizing::new(data_encoding::HEXLOWER.encode(bytes));
    vec![hex(key.public()), hex(key.signature().as_bytes())]
}

#[cfg(test)]
mod tests {
    use super::super::{Birth, Keys, Passphrase};
    use super::*;
    use csu_protocol::identity::{Name, OrganisationKind, RootKey};
    use std::collections::BTreeSet;

    fn birth(byte: u8) -> Birth {
        let name = Name::new("Brixton CSU").unwrap();
        Birth::new(&Zeroizing::new([byte; 32]), Zeroizing::new([byte + 1; 32]), name, OrganisationKind::Union).unwrap()
    }

    #[test]
    fn the_recovery_key_is_there_from_the_beginning_and_stays_when_keys_are_sealed() {
        let data = tempfile::tempdir().unwrap();
        let born = birth(1);
        let organisation = born.keys.card().card().organisation;
        born.keys.store(data.path(), None).unwrap();
        let key = recovery_key(data.path(), organisation).unwrap().unwrap();
        assert_eq!(key, RecoveryKey::of(&born.phrase.root_key().unwrap()));
        let passphrase = Passphrase::chosen("five words that do not belong").unwrap();
        Keys::seal(data.path(), None, Some(&passphrase)).unwrap();
        assert_eq!(recovery_key(data.path(), organisation).unwrap().unwrap(), key);
        std::fs::remove_file(folder(data.path()).join(RECOVERY_FILE)).unwrap();
        assert_eq!(recovery_key(data.path(), organisation).unwrap(), None);
        Keys::load(data.path(), Some(&passphrase)).unwrap();
        put_recovery_key(data.path(), &key).unwrap();
        Keys::seal(data.path(), Some(&passphrase), None).unwrap();
        assert_eq!(recovery_key(data.path(), organisation).unwrap().unwrap(), key);
    }

    #[test]
    fn anothers_recovery_key_is_refused_and_the_node_starts_all_the_same() {
        let data = tempfile::tempdir().unwrap();
        let born = birth(1);
        born.keys.store(data.path(), None).unwrap();
        put_recovery_key(data.path(), &RecoveryKey::of(&RootKey::from_secret([9; 32]))).unwrap();
        let error = recovery_key(data.path(), born.keys.card().card().organisation).unwrap_err().to_string();
        assert!(error.contains("recovery.pub") && error.contains("did not sign"), "{error}");
        Keys::load(data.path(), None).unwrap();
    }

    #[test]
    fn card_secrets_that_are_learnt_later_are_kept_sealed_or_not() {
        let root = RootKey::from_secret([1; 32]);
        for passphrase in [None, Some(Passphrase::chosen("five words that do not belong").unwrap())] {
            let data = tempfile::tempdir().unwrap();
            let name = Name::new("Brixton CSU").unwrap();
            let keys = Keys::renewed(&root, Zeroizing::new([5; 32]), 7, &BTreeSet::from([0]), name, OrganisationKind::Union);
            keys.store(data.path(), passphrase.as_ref()).unwrap();
            let mut keys = Keys::load(data.path(), passphrase.as_ref()).unwrap();
            assert_eq!(keys.add_card_secrets(data.path(), &root, [0, 3, 5, 7]).unwrap(), 2);
            assert_eq!(keys.add_card_secrets(data.path(), &root, [3]).unwrap(), 0);
            assert!(keys.add_card_secrets(data.path(), &RootKey::from_secret([2; 32]), [4]).is_err());
            let again = Keys::load(data.path(), passphrase.as_ref()).unwrap();
            assert_eq!(again.card_secrets().keys().copied().collect::<Vec<_>>(), [0, 3, 5, 7]);
            assert_eq!(again.card_secrets()[&5].public(), root.card_secret(5).public());
            assert_eq!(Keys::are_sealed(data.path()), passphrase.is_some());
            Keys::destroy(data.path()).unwrap();
            assert_eq!(std::fs::read_dir(data.path()).unwrap().count(), 0);
        }
    }
}
