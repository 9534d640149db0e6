//! Passwords: which may be chosen, and how they are hashed and checked.
//!
//! As NIST SP 800-63B has it: long ones, of whatever characters, and no rules of composition. Hashed by Argon2id with what OWASP
//! asks for at least, on threads of their own and few at once, so that whoever tries many makes nobody else wait for memory.

use crate::desk::{PasswordHash, Problem};
use crate::roles::folded_name;
use argon2::{Algorithm, Argon2, Params, PasswordHasher, PasswordVerifier, Version};
use std::collections::BTreeSet;
use std::sync::{Arc, LazyLock};
use std::time::Duration;
use tokio::sync::Semaphore;
use unicode_normalization::UnicodeNormalization;
use zeroize::Zeroizing;

/// The fewest characters of a password.
pub(super) const PASSWORD_CHARACTERS: usize = 12;
/// The most bytes of one.
const PASSWORD_BYTES: usize = 1024;
/// The fewest different characters: what has fewer is a key that was held down, or two in turn.
const DIFFERENT: usize = 5;

/// Memory in KiB, passes and lanes.
const COST: (u32, u32, u32) = (19 * 1024, 2, 1);
/// How many are hashed at once.
const AT_ONCE: usize = 2;
/// How long anybody waits for their turn.
const PATIENCE: Duration = Duration::from_secs(10);

/// What somebody typed.
pub(super) struct Password(Zeroizing<String>);

impl std::fmt::Debug for Password {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Password(..)")
    }
}

/// Why a password cannot be chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum PasswordError {
    /// Too short.
    #[error("Password must be {PASSWORD_CHARACTERS} characters or more")]
    Short,
    /// Too long.
    #[error("Password must be {PASSWORD_BYTES} characters or fewer")]
    Long,
    /// One that is tried first.
    #[error("Password must be harder to guess: choose several words that do not belong together")]
    Guessed,
}

impl Password {
    /// A password as it was chosen before. Letters with accents are the same however a keyboard puts them together (Unicode's
    /// form NFC, as RFC 8265 has it).
    pub(super) fn given(text: &str) -> Self {
        Self(Zeroizing::new(text.nfc().collect()))
    }

    /// A new password for whoever bears this name.
    pub(super) fn chosen(text: &str, name: &str) -> Result<Self, PasswordError> {
        let given = Self::given(text);
        let different: BTreeSet<char> = given.0.chars().collect();
        if given.0.len() > PASSWORD_BYTES {
            Err(PasswordError::Long)
        } else if given.0.chars().count() < PASSWORD_CHARACTERS {
            Err(PasswordError::Short)
        } else if different.len() < DIFFERENT || folded_name(&given.0) == folded_name(name) {
            Err(PasswordError::Guessed)
        } else {
            Ok(given)
        }
    }
}

fn argon() -> Result<Argon2<'static>, argon2::Error> {
    let (memory, passes, lanes) = COST;
    Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, Params::new(memory, passes, lanes, None)?))
}

fn hashed(password: &Password) -> Option<String> {
    let mut salt = [0; 16];
    getrandom::fill(&mut salt).ok()?;
    Some(argon().ok()?.hash_password_with_salt(password.0.as_bytes(), &salt).ok()?.to_string())
}

/// The hash of nobody's password: checked where there is none, so that it takes as long.
static NOBODYS: LazyLock<Option<String>> = LazyLock::new(|| hashed(&Password::given("nobody has this password")));

/// Hashes and checks, few at once.
#[derive(Debug, Clone)]
pub(super) struct Hasher(Arc<Semaphore>);

impl Hasher {
    pub(super) fn new() -> Self {
        Self(Arc::new(Semaphore::new(AT_ONCE)))
    }

    async fn run<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T, Problem> {
        let busy = || Problem::unavailable("many people are signing in at this moment", "wait a few seconds, then try again");
        let turn = tokio::time::timeout(PATIENCE, Arc::clone(&self.0).acquire_owned()).await.map_err(|_| busy())?.map_err(|_| busy())?;
        let done = tokio::task::spawn_blocking(move || {
            let done = work();
            // Only now: whoever goes away meanwhile does not make room by that.
            drop(turn);
            done
        });
        done.await.map_err(|_| busy())
    }

    /// The hash to keep of a password.
    pub(super) async fn hash(&self, password: Password) -> Result<PasswordHash, Problem> {
        let hash = self.run(move || hashed(&password)).await?;
        let failed = || Problem::unavailable("the password could not be hashed: memory or randomness is short", "restart the machine");
        hash.map(PasswordHash::new).ok_or_else(failed)
    }

    /// Whether a password is the one of this hash. Takes as long where there is no hash, and is never right then.
    pub(super) async fn check(&self, password: Password, hash: Option<PasswordHash>) -> Result<bool, Problem> {
        self.run(move || {
            let nobodys = NOBODYS.as_deref();
            let against = hash.as_ref().map(PasswordHash::as_str).or(nobodys);
            let same = against.is_some_and(|against| {
                let verified = argon().map(|argon| PasswordVerifier::<str>::verify_password(&argon, password.0.as_bytes(), against));
                matches!(verified, Ok(Ok(())))
            });
            same && hash.is_some()
        })
        .await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_long_and_of_whatever_characters() {
        for good in ["correct horse battery", "aaaaaaaabcde", "密码密码很长的一个密码字", "            12 34"] {
            Password::chosen(good, "Jo").unwrap();
        }
        for (bad, why) in [
            ("elevenchars", PasswordError::Short),
            ("éééééééééé", PasswordError::Short),
            ("121212121212121212", PasswordError::Guessed),
            ("AMINA  rahman OKAFOR", PasswordError::Guessed),
        ] {
            assert_eq!(Password::chosen(bad, "Amina Rahman Okafor").unwrap_err(), why, "{bad}");
        }
        assert_eq!(Password::chosen(&"abcdef".repeat(200), "Jo").unwrap_err(), PasswordError::Long);
        assert_eq!(format!("{:?}", Password::given("secret")), "Password(..)");
    }

    #[tokio::test]
    async fn the_hash_is_argon2id_with_its_cost_and_opens_by_the_same_password_however_it_is_composed() {
        let hasher = Hasher::new();
        let hash = hasher.hash(Password::given("caf\u{e9} caf\u{e9} caf\u{e9}")).await.unwrap();
        assert!(hash.as_str().starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{}", hash.as_str());
        assert!(hasher.check(Password::given("cafe\u{301} cafe\u{301} cafe\u{301}"), Some(hash.clone())).await.unwrap());
        assert!(!hasher.check(Password::given("caf\u{e9} caf\u{e9} cafe"), Some(hash.clone())).await.unwrap());
        let again = hasher.hash(Password::given("caf\u{e9} caf\u{e9} caf\u{e9}")).await.unwrap();
        assert_ne!(hash, again, "salted");
    }

    #[tokio::test]
    async fn a_name_that_nobody_bears_takes_as_long_as_a_wrong_password() {
        let hasher = Hasher::new();
        let hash = hasher.hash(Password::given("correct horse battery")).await.unwrap();
        let mut shortest = [Duration::MAX; 2];
        for n in 0..10 {
            let against = (n % 2 == 0).then(|| hash.clone());
            let begun = std::time::Instant::now();
            hasher.check(Password::given("wrong"), against).await.unwrap();
            shortest[n % 2] = shortest[n % 2].min(begun.elapsed());
        }
        let [wrong, nobody] = shortest;
        assert!(nobody > wrong / 2 && nobody < wrong * 2, "{wrong:?} {nobody:?}");
    }

    #[tokio::test]
    async fn where_there_is_no_hash_no_password_is_right() {
        let hasher = Hasher::new();
        assert!(!hasher.check(Password::given("nobody has this password"), None).await.unwrap());
        let garbage = PasswordHash::new("no hash".into());
        assert!(!hasher.check(Password::given("no hash"), Some(garbage)).await.unwrap());
    }
}
