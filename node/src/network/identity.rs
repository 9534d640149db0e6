//! A device is a libp2p peer: both are named by the same Ed25519 key.

use super::error::NetworkError;
use csu_protocol::id::DeviceId;
use libp2p::PeerId;
use libp2p::identity::{Keypair, PublicKey, ed25519};
use zeroize::Zeroizing;

/// Our own key, in both forms.
pub(super) struct Own {
    pub(super) keypair: Keypair,
    pub(super) device: DeviceId,
}

/// The key that grows from `seed`.
pub(super) fn keypair(seed: &Zeroizing<[u8; 32]>) -> Result<Own, NetworkError> {
    let unusable = |detail: String| NetworkError::Key { detail };
    // libp2p wipes the copy it is given.
    let keypair = Keypair::ed25519_from_bytes(**seed).map_err(|error| unusable(error.to_string()))?;
    let public = keypair.public().try_into_ed25519().map_err(|error| unusable(error.to_string()))?;
    Ok(Own { keypair, device: DeviceId::new(public.to_bytes()) })
}

/// The peer that is `device`; `None` if the bytes are no point of the curve.
pub(super) fn peer_id(device: &DeviceId) -> Option<PeerId> {
    ed25519::PublicKey::try_from_bytes(device.as_bytes()).ok().map(|key| PublicKey::from(key).to_peer_id())
}

/// The device that is `peer`; `None` if its key is no Ed25519 key.
pub(super) fn device_id(peer: &PeerId) -> Option<DeviceId> {
    // A small key is its own "hash": the identity multihash of its protobuf form.
    let key = PublicKey::try_decode_protobuf(peer.as_ref().digest()).ok()?;
    key.try_into_ed25519().ok().map(|key| DeviceId::new(key.to_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_is_a_peer_and_back() {
        let own = keypair(&Zeroizing::new([7; 32])).unwrap();
        let peer = peer_id(&own.device).unwrap();
        assert_eq!(peer, own.keypair.public().to_peer_id());
        assert_eq!(device_id(&peer), Some(own.device));
    }

    #[test]
    fn a_peer_without_an_ed25519_key_is_no_device() {
        assert_eq!(device_id(&PeerId::random()), None);
    }

    #[test]
    fn bytes_off_the_curve_name_no_peer() {
        let off_curve = (0..=255).map(|byte| DeviceId::new([byte; 32])).find(|device| peer_id(device).is_none());
        assert!(off_curve.is_some());
    }
}
