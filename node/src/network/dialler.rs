//! Whom to dial, and when.
//!
//! Plain state: time and jitter are arguments. Every device to be kept connected is waiting (for its
//! next dial), being dialled, or connected. A failure, or a loss before a session had settled,
//! doubles the delay up to the maximum; jitter takes off up to half, so that nodes which lost each
//! other at one moment do not return at one moment. Discovery on the local network brings the next
//! dial forward, but no faster than the shortest delay: anyone on the network can announce anything.

use super::address::{DialAddress, MAX_ADDRESSES};
use super::config::Timing;
use super::wishes::MAX_TICKETS;
use csu_protocol::id::DeviceId;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;
use tokio::time::Instant;

/// Dials that may be under way at once.
const MAX_DIALLING: usize = 32;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Waiting { at: Instant },
    Dialling,
    Connected,
}

/// Why a device is dialled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Claim {
    Peer,
    Ticket { until: Instant },
}

#[derive(Debug)]
struct Entry {
    claim: Claim,
    addresses: Vec<DialAddress>,
    discovered: Vec<DialAddress>,
    failures: u32,
    dialled_at: Option<Instant>,
    state: State,
}

impl Entry {
    fn new(now: Instant, claim: Claim, addresses: Vec<DialAddress>) -> Self {
        let state = State::Waiting { at: now };
        Self { claim, addresses, discovered: Vec::new(), failures: 0, dialled_at: None, state }
    }

    fn can_be_dialled(&self) -> bool {
        !self.addresses.is_empty() || !self.discovered.is_empty()
    }

    /// There is hope: forgets the failures and dials as soon as `pause` after the last dial.
    fn encourage(&mut self, now: Instant, pause: Duration) {
        self.failures = 0;
        if let State::Waiting { at } = &mut self.state {
            let soonest = self.dialled_at.map_or(now, |dialled| now.max(dialled + pause));
            *at = soonest.min(*at);
        }
    }
}

/// The devices to keep connected.
#[derive(Debug)]
pub(super) struct Dialler {
    timing: Timing,
    entries: BTreeMap<DeviceId, Entry>,
}

impl Dialler {
    pub(super) fn new(timing: Timing) -> Self {
        Self { timing, entries: BTreeMap::new() }
    }

    /// The devices to keep connected from now on, apart from tickets.
    pub(super) fn set_peers(&mut self, now: Instant, peers: BTreeMap<DeviceId, Vec<DialAddress>>) {
        self.entries.retain(|device, entry| peers.contains_key(device) || entry.claim != Claim::Peer);
        for (device, addresses) in peers {
            self.claim(now, device, Claim::Peer, addresses);
        }
    }

    /// Dials the device of a ticket for a while. The oldest ticket makes room if there are too many.
    pub(super) fn add_ticket(&mut self, now: Instant, device: DeviceId, addresses: Vec<DialAddress>) {
        let until = now + self.timing.ticket;
        if self.entries.get(&device).is_some_and(|entry| entry.claim == Claim::Peer) {
            return;
        }
        self.claim(now, device, Claim::Ticket { until }, addresses);
        let tickets = || self.entries.iter().filter(|(other, _)| **other != device).filter_map(ticket_end);
        if tickets().count() >= MAX_TICKETS
            && let Some((_, oldest)) = tickets().min()
        {
            self.entries.remove(&oldest);
        }
    }

    fn claim(&mut self, now: Instant, device: DeviceId, claim: Claim, addresses: Vec<DialAddress>) {
        let pause = self.timing.redial_min;
        match self.entries.get_mut(&device) {
            None => {
                self.entries.insert(device, Entry::new(now, claim, addresses));
            }
            Some(entry) => {
                if addresses.iter().any(|address| !entry.addresses.contains(address)) {
                    entry.encourage(now, pause);
                }
                entry.claim = claim;
                entry.addresses = addresses;
            }
        }
    }

    /// Forgets the ticket of `device`, if that is all it is here for.
    pub(super) fn finish_ticket(&mut self, device: &DeviceId) {
        if self.entries.get(device).is_some_and(|entry| entry.claim != Claim::Peer) {
            self.entries.remove(device);
        }
    }

    /// Forgets tickets whose time is up.
    pub(super) fn expire(&mut self, now: Instant) {
        self.entries.retain(|_, entry| match entry.claim {
            Claim::Peer => true,
            Claim::Ticket { until } => until > now,
        });
    }

    /// All devices that are to be connected.
    pub(super) fn known(&self) -> BTreeSet<DeviceId> {
        self.entries.keys().copied().collect()
    }

    /// The local network knows an address of `device`.
    pub(super) fn discovered(&mut self, now: Instant, device: &DeviceId, address: DialAddress) {
        let pause = self.timing.redial_min;
        let Some(entry) = self.entries.get_mut(device) else { return };
        if entry.discovered.contains(&address) {
            return;
        }
        if entry.discovered.len() >= MAX_ADDRESSES {
            entry.discovered.remove(0);
        }
        entry.discovered.push(address);
        entry.encourage(now, pause);
    }

    /// The local network no longer knows that address.
    pub(super) fn discovery_expired(&mut self, device: &DeviceId, address: &DialAddress) {
        if let Some(entry) = self.entries.get_mut(device) {
            entry.discovered.retain(|known| known != address);
        }
    }

    /// The devices to dial now, with their addresses; they count as being dialled from here on.
    pub(super) fn due(&mut self, now: Instant) -> Vec<(DeviceId, Vec<DialAddress>)> {
        let room = MAX_DIALLING.saturating_sub(self.dialling());
        let mut due = Vec::new();
        for (device, entry) in &mut self.entries {
            let ready = matches!(entry.state, State::Waiting { at } if at <= now);
            if due.len() >= room || !ready || !entry.can_be_dialled() {
                continue;
            }
            entry.state = State::Dialling;
            entry.dialled_at = Some(now);
            let mut addresses = entry.addresses.clone();
            addresses.extend(entry.discovered.iter().filter(|found| !entry.addresses.contains(found)).cloned());
            due.push((*device, addresses));
        }
        due
    }

    fn dialling(&self) -> usize {
        self.entries.values().filter(|entry| entry.state == State::Dialling).count()
    }

    /// When [`due`](Self::due) or [`expire`](Self::expire) next has something to do.
    pub(super) fn next_wake(&self) -> Option<Instant> {
        let busy = self.dialling() >= MAX_DIALLING;
        let dials = self.entries.values().filter_map(move |entry| match entry.state {
            State::Waiting { at } if entry.can_be_dialled() && !busy => Some(at),
            State::Waiting { .. } | State::Dialling | State::Connected => None,
        });
        dials.chain(self.entries.iter().filter_map(ticket_end).map(|(until, _)| until)).min()
    }

    /// A connection with `device` stands.
    pub(super) fn connected(&mut self, device: &DeviceId) {
        if let Some(entry) = self.entries.get_mut(device) {
            entry.state = State::Connected;
        }
    }

    /// A session with `device` lasted: earlier failures no longer count.
    pub(super) fn settled(&mut self, device: &DeviceId) {
        if let Some(entry) = self.entries.get_mut(device) {
            entry.failures = 0;
        }
    }

    /// Dialling `device` failed while there was no other connection. Returns the delay until the next
    /// dial; `None` if there will be none, or the device is connected after all.
    pub(super) fn failed(&mut self, now: Instant, device: &DeviceId, jitter: u64) -> Option<Duration> {
        let connected = self.entries.get(device)?.state == State::Connected;
        if connected { None } else { self.lost(now, device, jitter) }
    }

    /// The last connection with `device` closed. Returns the delay until the next dial; `None` if
    /// there will be none.
    pub(super) fn lost(&mut self, now: Instant, device: &DeviceId, jitter: u64) -> Option<Duration> {
        let entry = self.entries.get_mut(device)?;
        entry.failures = entry.failures.saturating_add(1);
        let delay = backoff(&self.timing, entry.failures, jitter);
        entry.state = State::Waiting { at: now + delay };
        Some(delay)
    }

    /// Leaves `device` alone for the longest delay, once its connections are closed.
    pub(super) fn postpone(&mut self, now: Instant, device: &DeviceId) {
        if let Some(entry) = self.entries.get_mut(device) {
            // As if it had failed often: the loss that follows then gives the longest delay.
            entry.failures = u32::BITS;
            if let State::Waiting { at } = &mut entry.state {
                *at = now + self.timing.redial_max;
            }
        }
    }
}

fn ticket_end((device, entry): (&DeviceId, &Entry)) -> Option<(Instant, DeviceId)> {
    match entry.claim {
        Claim::Peer => None,
        Claim::Ticket { until } => Some((until, *device)),
    }
}

/// The delay after so many failures in a row: between half of and the whole doubled delay.
fn backoff(timing: &Timing, failures: u32, jitter: u64) -> Duration {
    let doublings = failures.saturating_sub(1).min(20);
    let longest = timing.redial_min.saturating_mul(1 << doublings).min(timing.redial_max);
    let half_ms = u64::try_from((longest / 2).as_millis()).unwrap_or(u64::MAX);
    longest.saturating_sub(Duration::from_millis(jitter % half_ms.saturating_add(1)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::identity;
    use zeroize::Zeroizing;

    fn device(seed: u8) -> DeviceId {
        identity::keypair(&Zeroizing::new([seed; 32])).unwrap().device
    }

    fn address(port: u16) -> DialAddress {
        DialAddress::parse(&device(1), &format!("/ip4/192.0.2.7/tcp/{port}")).unwrap()
    }

    fn dialler_with(device: DeviceId, now: Instant) -> Dialler {
        let mut dialler = Dialler::new(Timing::default());
        dialler.set_peers(now, [(device, vec![address(1)])].into());
        dialler
    }

    #[test]
    fn the_first_dial_is_at_once_and_further_ones_wait_longer_up_to_the_longest_delay() {
        let mut now = Instant::now();
        let mut dialler = dialler_with(device(1), now);
        let mut delays = Vec::new();
        for _ in 0..9 {
            assert_eq!(dialler.due(now).len(), 1);
            assert!(dialler.due(now).is_empty(), "it is being dialled already");
            let delay = dialler.failed(now, &device(1), 0).unwrap();
            assert_eq!(dialler.next_wake(), Some(now + delay));
            assert!(dialler.due(now + delay - Duration::from_millis(1)).is_empty());
            delays.push(delay.as_secs());
            now += delay;
        }
        assert_eq!(delays, [1, 2, 4, 8, 16, 32, 60, 60, 60]);
    }

    #[test]
    fn jitter_takes_off_up_to_half() {
        let timing = Timing::default();
        for jitter in [0, 1, 77, 500, 501, u64::MAX] {
            let delay = backoff(&timing, 1, jitter);
            assert!(delay >= timing.redial_min / 2 && delay <= timing.redial_min, "{delay:?}");
        }
        assert_eq!(backoff(&timing, u32::MAX, 0), timing.redial_max);
    }

    #[test]
    fn a_settled_session_forgets_failures_and_a_short_one_does_not() {
        let now = Instant::now();
        let mut dialler = dialler_with(device(1), now);
        dialler.connected(&device(1));
        assert_eq!(dialler.lost(now, &device(1), 0), Some(Duration::from_secs(1)));
        dialler.connected(&device(1));
        assert_eq!(dialler.lost(now, &device(1), 0), Some(Duration::from_secs(2)));
        dialler.connected(&device(1));
        dialler.settled(&device(1));
        assert_eq!(dialler.lost(now, &device(1), 0), Some(Duration::from_secs(1)));
    }

    #[test]
    fn discovery_brings_the_next_dial_forward_and_adds_an_address_but_does_not_make_a_storm() {
        let now = Instant::now();
        let mut dialler = dialler_with(device(1), now);
        for _ in 0..6 {
            dialler.lost(now, &device(1), 0);
        }
        dialler.discovered(now, &device(1), address(2));
        assert_eq!(dialler.due(now), [(device(1), vec![address(1), address(2)])]);
        dialler.failed(now, &device(1), 0);
        for port in 3..100 {
            dialler.discovered(now, &device(1), address(port));
        }
        assert!(dialler.due(now).is_empty());
        let (_, addresses) = dialler.due(now + Duration::from_secs(1)).remove(0);
        assert_eq!(addresses.len(), 1 + MAX_ADDRESSES);
        dialler.discovered(now, &device(2), address(3));
        assert_eq!(dialler.known(), [device(1)].into(), "nobody else is dialled for being discovered");
    }

    #[test]
    fn a_ticket_ends_when_its_time_is_up_or_its_device_becomes_a_peer() {
        let now = Instant::now();
        let mut dialler = Dialler::new(Timing::default());
        dialler.add_ticket(now, device(1), vec![address(1)]);
        dialler.add_ticket(now, device(2), vec![address(1)]);
        dialler.set_peers(now, [(device(1), vec![])].into());
        let later = now + Timing::default().ticket;
        dialler.expire(later - Duration::from_secs(1));
        assert_eq!(dialler.known(), [device(1), device(2)].into());
        dialler.expire(later);
        assert_eq!(dialler.known(), [device(1)].into());
    }

    #[test]
    fn tickets_are_bounded() {
        let now = Instant::now();
        let mut dialler = Dialler::new(Timing::default());
        for seed in 0..20 {
            dialler.add_ticket(now + Duration::from_secs(seed.into()), device(seed), vec![address(1)]);
        }
        assert_eq!(dialler.known(), (12..20).map(device).collect());
    }

    #[test]
    fn a_device_nobody_has_an_address_of_is_waited_for() {
        let now = Instant::now();
        let mut dialler = Dialler::new(Timing::default());
        dialler.set_peers(now, [(device(1), vec![])].into());
        assert!(dialler.due(now).is_empty());
        assert_eq!(dialler.next_wake(), None);
    }

    #[test]
    fn a_postponed_device_is_left_alone_for_the_longest_delay() {
        let now = Instant::now();
        let mut dialler = dialler_with(device(1), now);
        dialler.connected(&device(1));
        dialler.postpone(now, &device(1));
        assert_eq!(dialler.lost(now, &device(1), 0), Some(Timing::default().redial_max));
    }
}
