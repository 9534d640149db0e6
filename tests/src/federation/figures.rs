//! What is counted while a simulation runs.

use std::fmt;
use std::ops::AddAssign;

/// Sums over one simulation, or over many.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Figures {
    /// Simulations.
    pub simulations: u64,
    /// Those with liars.
    pub with_liars: u64,
    /// Documents begun.
    pub documents: u64,
    /// Entries published by honest organisations and committed.
    pub published: u64,
    /// Frames that honest nodes sent.
    pub frames: u64,
    /// Entries in them.
    pub sent: u64,
    /// Entries of those that went the same way in the same session before.
    pub resent: u64,
    /// Entries of those that had come from their receiver in the same session.
    pub returned: u64,
    /// Entries that arrived where they were known already.
    pub known: u64,
    /// Entries that arrived at honest nodes from honest nodes.
    pub arrived: u64,
    /// Entries that peers brought and that were new.
    pub taken: u64,
    /// Bytes of all frames, whoever sent them.
    pub bytes: u64,
    /// Crashes.
    pub crashes: u64,
    /// Links that fell.
    pub falls: u64,
    /// Times that the federation fell into two halves.
    pub partitions: u64,
    /// Links on which nothing moved for a while.
    pub stalls: u64,
    /// Clocks that were put forward or back by up to days.
    pub jumps: u64,
    /// Disks that failed to read, write or commit.
    pub disk_errors: u64,
    /// Documents that were not taken because a budget was used up.
    pub declined: u64,
    /// Sessions that were opened.
    pub sessions: u64,
    /// Honest peers given up as silent, while links were slow.
    pub silent: u64,
    /// Which lies by name were told: a bit for each, as they stand in [`crate::liar::Lie`].
    pub lies: u128,
    /// Faults found in liars.
    pub liars_caught: u64,
    /// Times that everything had healed and the laws of quiescence held.
    pub settled: u64,
    /// Pairs of honest neighbours whose documents were compared then.
    pub pairs: u64,
    /// Planes of documents that both may hold, compared then.
    pub planes: u64,
    /// Frames from healing until silence, the most of any healing, in thousandths of what was allowed.
    pub worst_silence: u64,
    /// What all the frames were, in order: the first eight bytes of a hash over them.
    pub trace: u64,
}

impl AddAssign for Figures {
    fn add_assign(&mut self, other: Self) {
        self.simulations += other.simulations;
        self.with_liars += other.with_liars;
        self.documents += other.documents;
        self.published += other.published;
        self.frames += other.frames;
        self.sent += other.sent;
        self.resent += other.resent;
        self.returned += other.returned;
        self.known += other.known;
        self.arrived += other.arrived;
        self.crashes += other.crashes;
        self.falls += other.falls;
        self.lies |= other.lies;
        self.partitions += other.partitions;
        self.stalls += other.stalls;
        self.jumps += other.jumps;
        self.disk_errors += other.disk_errors;
        self.declined += other.declined;
        self.taken += other.taken;
        self.bytes += other.bytes;
        self.sessions += other.sessions;
        self.silent += other.silent;
        self.liars_caught += other.liars_caught;
        self.settled += other.settled;
        self.pairs += other.pairs;
        self.planes += other.planes;
        self.worst_silence = self.worst_silence.max(other.worst_silence);
        self.trace ^= other.trace;
    }
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{} simulations, {} of them with liars (caught {} times, {} different lies)",
            self.simulations,
            self.with_liars,
            self.liars_caught,
            self.lies.count_ones()
        )?;
        writeln!(f, "{} documents, {} entries published by honest organisations", self.documents, self.published)?;
        writeln!(f, "{} sessions, {} links fell, {} crashes, {} given up as silent", self.sessions, self.falls, self.crashes, self.silent)?;
        writeln!(
            f,
            "{} partitions, {} stalls, {} clocks put forward or back, {} disks failed, {} documents beyond a budget",
            self.partitions, self.stalls, self.jumps, self.disk_errors, self.declined
        )?;
        writeln!(f, "healed {} times: {} pairs of neighbours agreed on {} planes", self.settled, self.pairs, self.planes)?;
        let percent = |part: u64, whole: u64| part.saturating_mul(100).checked_div(whole).unwrap_or(0);
        writeln!(
            f,
            "{} frames with {} entries: {} ({} %) went the same way twice in a session, {} to whom they had come from; {} ({} %) of {} were known where they arrived",
            self.frames,
            self.sent,
            self.resent,
            percent(self.resent, self.sent),
            self.returned,
            self.known,
            percent(self.known, self.arrived),
            self.arrived
        )?;
        write!(f, "the longest way from healing to silence took {} thousandths of the frames allowed", self.worst_silence)
    }
}
