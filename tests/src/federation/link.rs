//! The link between two organisations: sessions that come and go, and frames in order.
//!
//! A session has a number. Its two ends learn of its end at different times, and a new one may begin before the
//! second has. What was under way when a link fell is lost.

use super::frames::Frame;
use crate::history::Dice;
use csu_protocol::id::EntryId;
use std::collections::{BTreeSet, VecDeque};

/// Two organisations that can reach each other, at times.
#[derive(Debug)]
pub(super) struct Link {
    /// Their numbers.
    pub(super) ends: [usize; 2],
    /// Whether they can reach each other now.
    pub(super) up: bool,
    /// The session whose frames move, if one does.
    pub(super) carries: Option<u64>,
    /// The session that each end believes in.
    pub(super) session: [Option<u64>; 2],
    pub(super) last_session: u64,
    pub(super) opened_ms: u64,
    /// How long a frame is under way, and how much longer some are.
    pub(super) latency_ms: u64,
    pub(super) jitter_ms: u64,
    /// Bytes that move in a millisecond.
    pub(super) rate: u64,
    /// Until when nothing moves, although the link is up.
    pub(super) stalled_until: u64,
    /// Bytes ever sent to each end.
    pub(super) bytes: [u64; 2],
    /// Frames on their way to each end, in order.
    pub(super) queue: [VecDeque<Frame>; 2],
    /// Until when each end's connection is busy with frames.
    pub(super) busy_until: [u64; 2],
    /// Until when an end may give the other up: frames of bad days are still under way.
    pub(super) slow_until: u64,
    /// When the last frame to each end arrives.
    pub(super) last_arrival: [u64; 2],
    /// Sessions in a row that came to nothing.
    pub(super) tries: u32,
    pub(super) dial_at: Option<u64>,
    /// Lengths of the frames of each end that its connection has not taken yet.
    pub(super) in_flight: [VecDeque<usize>; 2],
    /// What each end sent, and heard, in this session.
    pub(super) sent: [BTreeSet<EntryId>; 2],
    pub(super) heard: [BTreeSet<EntryId>; 2],
}

impl Link {
    pub(super) fn new(one: usize, other: usize) -> Self {
        Self {
            ends: [one, other],
            up: true,
            carries: None,
            session: [None; 2],
            last_session: 0,
            opened_ms: 0,
            latency_ms: 5,
            jitter_ms: 0,
            rate: 10_000,
            stalled_until: 0,
            bytes: [0; 2],
            queue: Default::default(),
            busy_until: [0; 2],
            slow_until: 0,
            last_arrival: [0; 2],
            tries: 0,
            dial_at: None,
            in_flight: Default::default(),
            sent: Default::default(),
            heard: Default::default(),
        }
    }

    /// Which end a member is.
    pub(super) fn side(&self, member: usize) -> usize {
        usize::from(self.ends[1] == member)
    }

    /// The ways of a good day.
    pub(super) fn be_quick(&mut self, dice: &mut Dice) {
        self.latency_ms = 1 + dice.below(50) as u64;
        self.jitter_ms = 0;
        self.rate = 10_000;
    }

    /// The ways of a bad day; now and then so bad that peers give each other up.
    pub(super) fn be_slow(&mut self, dice: &mut Dice) {
        self.latency_ms = 1 + dice.below(400) as u64;
        self.jitter_ms = [0, 20, 2_000][dice.below(3)];
        self.rate = [1, 50, 500, 5_000, 10_000][dice.below(5)];
    }

    /// What is under way is on its way for as long as it takes, and is answered after that.
    pub(super) fn be_patient(&mut self, now_ms: u64) {
        let last = self.busy_until.into_iter().chain(self.last_arrival).chain([self.stalled_until]).max().unwrap_or_default();
        self.slow_until = last.max(now_ms) + 60_000;
    }

    /// Opens a session.
    pub(super) fn open(&mut self, now_ms: u64) -> u64 {
        self.last_session += 1;
        self.carries = Some(self.last_session);
        self.session = [Some(self.last_session); 2];
        self.opened_ms = now_ms;
        self.busy_until = [now_ms; 2];
        self.last_arrival = [now_ms; 2];
        self.queue = Default::default();
        self.in_flight = Default::default();
        self.sent = Default::default();
        self.heard = Default::default();
        self.last_session
    }

    /// Puts a frame on its way. When the connection has taken it, and when it arrives.
    pub(super) fn send(&mut self, side: usize, frame: Frame, now_ms: u64, dice: &mut Dice) -> (u64, u64) {
        let taken = self.busy_until[side].max(now_ms) + frame.bytes.len() as u64 / self.rate;
        self.busy_until[side] = taken;
        let jitter = if self.jitter_ms > 0 { dice.below(self.jitter_ms as usize) as u64 } else { 0 };
        let arrives = (taken + self.latency_ms + jitter).max(self.last_arrival[1 - side]);
        self.last_arrival[1 - side] = arrives;
        self.bytes[1 - side] += frame.bytes.len() as u64;
        self.queue[1 - side].push_back(frame);
        (taken, arrives)
    }
}
