//! Range-based set reconciliation: what two sets differ in, in few steps of few bytes.
//!
//! One side asks and in the end knows what each lacks of the other's; the other side answers and learns nothing but the steps.
//! The steps are those of *negentropy*, protocol version 1 (first byte 0x61), with all timestamps 0. It leaves to each side how
//! it divides a range, and whoever divides otherwise understands it all the same; see [`Turn::parts`] for what is chosen here,
//! and why.
//!
//! Cost of a step: O(n) for n members, whatever it says. Bounded: bytes and number of steps, and so the hashes that one asks for.
//! Ranges that do not ascend, members outside their range and numbers that nothing follows are refused.

use crate::limits;
use sha2::{Digest, Sha256};
use std::ops::Range;

/// The first byte of every step.
const VERSION: u8 = 0x61;
/// A range is told as nothing, as its fingerprint, or as its members.
const SKIP: u8 = 0;
const FINGERPRINT: u8 = 1;
const LIST: u8 = 2;

/// Bytes after which the rest of a step becomes one fingerprint, which has room then.
const FULL_BYTES: usize = limits::RECONCILE_BYTES.saturating_sub(200);
/// Digits of a number, seven bits each: none in a step is longer.
const DIGITS: usize = 4;

/// As the sets hold them.
type Id = [u8; 32];

/// A step that breaks negentropy's rules, or one too many.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct BadStep;

/// A set whose members are in ascending order, each at its place.
pub(super) trait Sorted {
    /// How many there are.
    fn size(&self) -> usize;

    /// Those at some places.
    fn ids(&self, places: Range<usize>) -> impl Iterator<Item = &Id>;

    /// The first place, `from` or after it, of a member that is not below `least`; the size if there is none.
    fn find(&self, from: usize, least: &Id) -> usize;
}

/// Where a range ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Bound {
    /// Before the least member that begins with so many bytes of `least`, of which the others are 0, or is greater.
    Before { least: Id, length: usize },
    /// After all members.
    End,
}

impl Bound {
    /// Where the first range begins.
    const START: Self = Self::Before { least: [0; 32], length: 0 };

    /// The shortest between two members.
    fn between(last: &Id, next: &Id) -> Self {
        let alike = last.iter().zip(next).take_while(|(one, other)| one == other).count();
        let length = alike.saturating_add(1).min(next.len());
        let mut least = [0; 32];
        for (to, from) in least.iter_mut().zip(next).take(length) {
            *to = *from;
        }
        Self::Before { least, length }
    }

    fn is_above(&self, id: &Id) -> bool {
        match self {
            Self::Before { least, .. } => id < least,
            Self::End => true,
        }
    }

    /// Whether a range may go from here to there.
    fn may_go_to(&self, end: &Self) -> bool {
        match (self, end) {
            (Self::End, _) => false,
            (Self::Before { least, .. }, end) => end.is_above(least) || matches!(end, Self::Before { least: to, .. } if to == least),
        }
    }

    fn place<S: Sorted>(&self, set: &S, from: usize) -> usize {
        match self {
            Self::Before { least, .. } => set.find(from, least),
            Self::End => set.size(),
        }
    }
}

/// What a peer says of a range.
enum Said<'s> {
    Skip,
    Fingerprint(&'s [u8]),
    List(&'s [Id]),
}

/// A step, read from its front.
struct Reader<'s>(&'s [u8]);

impl<'s> Reader<'s> {
    fn take(&mut self, bytes: usize) -> Result<&'s [u8], BadStep> {
        let (taken, rest) = self.0.split_at_checked(bytes).ok_or(BadStep)?;
        self.0 = rest;
        Ok(taken)
    }

    fn number(&mut self) -> Result<usize, BadStep> {
        let mut number = 0;
        for _ in 0..DIGITS {
            let [digit] = self.take(1)? else { return Err(BadStep) };
            number = (number << 7) | usize::from(digit & 0x7f);
            if digit & 0x80 == 0 {
                return Ok(number);
            }
        }
        Err(BadStep)
    }

    fn bound(&mut self) -> Result<Bound, BadStep> {
        // The timestamp's difference to the last one, plus 1; or 0, which stands for the end.
        let (timestamp, length) = (self.number()?, self.number()?);
        match timestamp {
            0 if length == 0 => Ok(Bound::End),
            1 => {
                let mut least = [0; 32];
                least.get_mut(..length).ok_or(BadStep)?.copy_from_slice(self.take(length)?);
                Ok(Bound::Before { least, length })
            }
            _ => Err(BadStep),
        }
    }

    fn range(&mut self) -> Result<(Bound, Said<'s>), BadStep> {
        let bound = self.bound()?;
        let said = match u8::try_from(self.number()?) {
            Ok(SKIP) => Said::Skip,
            Ok(FINGERPRINT) => Said::Fingerprint(self.take(16)?),
            Ok(LIST) => {
                let bytes = self.number()?.checked_mul(32).ok_or(BadStep)?;
                Said::List(self.take(bytes)?.as_chunks().0)
            }
            _ => return Err(BadStep),
        };
        Ok((bound, said))
    }
}

fn put_number(step: &mut Vec<u8>, number: usize) {
    let digit = |shift: usize| u8::try_from((number >> shift) & 0x7f).unwrap_or_default();
    let digits = (1..DIGITS).rev().map(|place| place.saturating_mul(7));
    step.extend(digits.filter(|shift| number >> shift > 0).map(|shift| digit(shift) | 0x80));
    step.push(digit(0));
}

fn put_range(step: &mut Vec<u8>, bound: &Bound, mode: u8) {
    match bound {
        Bound::Before { least, length } => {
            step.push(1);
            put_number(step, *length);
            step.extend(least.iter().take(*length));
        }
        Bound::End => step.extend([0, 0]),
    }
    step.push(mode);
}

fn put_fingerprint<S: Sorted>(step: &mut Vec<u8>, bound: &Bound, set: &S, places: Range<usize>) {
    put_range(step, bound, FINGERPRINT);
    step.extend(fingerprint(set, places));
}

fn put_list<S: Sorted>(step: &mut Vec<u8>, bound: &Bound, set: &S, places: Range<usize>) {
    put_range(step, bound, LIST);
    put_number(step, places.len());
    step.extend(set.ids(places).flatten());
}

/// The same for the same members, and for others only with a chance of about one in 2^64, if nobody chose them for that.
fn fingerprint<S: Sorted>(set: &S, places: Range<usize>) -> [u8; 16] {
    let (mut sum, count) = ([0_u64; 4], places.len());
    for id in set.ids(places) {
        let mut carry = false;
        for (lane, bytes) in sum.iter_mut().zip(id.as_chunks().0) {
            (*lane, carry) = lane.carrying_add(u64::from_le_bytes(*bytes), carry);
        }
    }
    let mut bytes: Vec<u8> = sum.iter().flat_map(|lane| lane.to_le_bytes()).collect();
    put_number(&mut bytes, count);
    let digest: [u8; 32] = Sha256::digest(bytes).into();
    digest.first_chunk().copied().unwrap_or_default()
}

/// Who speaks.
#[derive(Debug, Clone, Copy)]
enum Turn {
    /// Who asks, in its first step.
    First,
    /// Who asks, later.
    Asking,
    Answering,
}

impl Turn {
    /// Into how many parts a range of so many members is divided; none if it is listed instead.
    ///
    /// Most sets that are compared are equal: the first step is short. With few differences among very many members, the longer
    /// of the two costs is that of the levels below: an answer has many parts, and the next question makes of each that differs
    /// parts of a handful, about as many as each has members, since what the answer to it holds are the members of one of them.
    /// Whoever answers ends the comparison of a range by a list, whoever asks would only be told another. So 200,000 members are
    /// compared in two round trips, and two million too.
    fn parts(self, members: usize) -> Option<usize> {
        match self {
            Self::First => (members >= 32).then_some(16),
            Self::Answering => (members >= 32).then(|| (members >> 8).clamp(8, 128)),
            Self::Asking => (members >= 4).then(|| members.saturating_add(members >> 1).isqrt().clamp(2, 64)),
        }
    }
}

/// What is said of a range that differs.
fn divided<S: Sorted>(set: &S, places: Range<usize>, bound: Bound, turn: Turn) -> Vec<u8> {
    let mut step = Vec::new();
    let Some(parts) = turn.parts(places.len()) else {
        put_list(&mut step, &bound, set, places);
        return step;
    };
    let (each, longer) = (places.len().checked_div(parts).unwrap_or_default(), places.len().checked_rem(parts).unwrap_or_default());
    let mut from = places.start;
    for part in 0..parts {
        let to = from.saturating_add(each).saturating_add(usize::from(part < longer));
        let mut around = set.ids(to.saturating_sub(1)..to.saturating_add(1).min(places.end));
        let end = match (around.next(), around.next()) {
            (Some(last), Some(next)) => Bound::between(last, next),
            _ => bound,
        };
        put_fingerprint(&mut step, &end, set, from..to);
        from = to;
    }
    step
}

/// What is to be said to a step, as far as it is written.
struct Reply<'s, S> {
    set: &'s S,
    step: Vec<u8>,
    /// Up to which place it tells of members.
    told: usize,
    /// Whether nothing was said of the ranges since.
    skipped: bool,
}

impl<S: Sorted> Reply<'_, S> {
    /// Tells of a range that begins there, up to a place.
    fn tell(&mut self, begin: &Bound, mut range: Vec<u8>, told: usize) {
        if std::mem::take(&mut self.skipped) {
            put_range(&mut self.step, begin, SKIP);
        }
        self.step.append(&mut range);
        self.told = told;
    }

    /// The same by a list, as far as there is room for it; up to which place there was.
    fn list(&mut self, begin: &Bound, places: Range<usize>, bound: &Bound) -> usize {
        let room = FULL_BYTES.saturating_sub(self.step.len()) >> 5;
        let end = places.end.min(places.start.saturating_add(room));
        let cut = self.set.ids(end..places.end).next().map(|next| Bound::Before { least: *next, length: next.len() });
        let mut range = Vec::new();
        put_list(&mut range, &cut.unwrap_or(*bound), self.set, places.start..end);
        self.tell(begin, range, end);
        end
    }

    /// The step, ended by one fingerprint over all that it does not tell of.
    fn cut_short(mut self) -> Vec<u8> {
        put_fingerprint(&mut self.step, &Bound::End, self.set, self.told..self.set.size());
        self.step
    }
}

/// What is to be said to a step. Whoever asks is told of each list, and at which places its own members of that range are.
fn reply<S: Sorted>(set: &S, step: &[u8], turn: Turn, mut listed: impl FnMut(Range<usize>, &[Id])) -> Result<Vec<u8>, BadStep> {
    let mut reader = Reader(step);
    // To another version negentropy would answer with its own, which nobody here speaks.
    if reader.take(1)? != [VERSION] {
        return Err(BadStep);
    }
    let mut reply = Reply { set, step: vec![VERSION], told: 0, skipped: false };
    let (mut begin, mut lower) = (Bound::START, 0);
    while !reader.0.is_empty() {
        let (bound, said) = reader.range()?;
        if !begin.may_go_to(&bound) {
            return Err(BadStep);
        }
        let upper = bound.place(set, lower);
        match said {
            Said::Fingerprint(theirs) if fingerprint(set, lower..upper) != *theirs => {
                let parts = divided(set, lower..upper, bound, turn);
                if reply.step.len().saturating_add(parts.len()) > FULL_BYTES {
                    return Ok(reply.cut_short());
                }
                reply.tell(&begin, parts, upper);
            }
            Said::List(theirs) => {
                if !theirs.iter().all(|id| bound.is_above(id) && !begin.is_above(id)) {
                    return Err(BadStep);
                }
                if matches!(turn, Turn::Answering) {
                    if reply.list(&begin, lower..upper, &bound) < upper {
                        return Ok(reply.cut_short());
                    }
                } else {
                    listed(lower..upper, theirs);
                    reply.skipped = true;
                }
            }
            Said::Skip | Said::Fingerprint(_) => reply.skipped = true,
        }
        (begin, lower) = (bound, upper);
    }
    Ok(reply.step)
}

/// The side that asks.
#[derive(Debug)]
pub(super) struct Asking<S> {
    set: S,
    steps: u32,
    /// What only this side has.
    pub(super) ours: Vec<Id>,
    /// What only the other side has. It may lie: these are claims.
    pub(super) theirs: Vec<Id>,
}

impl<S: Sorted> Asking<S> {
    /// Begins; and the first step, to be sent.
    pub(super) fn begin(set: S) -> (Self, Vec<u8>) {
        let mut first = vec![VERSION];
        first.extend(divided(&set, 0..set.size(), Bound::End, Turn::First));
        (Self { set, steps: 0, ours: Vec::new(), theirs: Vec::new() }, first)
    }

    /// Takes an answer; the next step to be sent, or none when the comparison is over. It is also over
    /// when it took too many steps or the other side claims too much: what was found so far is good.
    pub(super) fn take(&mut self, answer: &[u8]) -> Result<Option<Vec<u8>>, BadStep> {
        self.steps = self.steps.saturating_add(1);
        let Self { set, ours, theirs, .. } = self;
        let next = reply(set, answer, Turn::Asking, |places, listed| {
            let mut listed = listed.to_vec();
            listed.sort_unstable();
            listed.dedup();
            ours.extend(set.ids(places.clone()).filter(|id| listed.binary_search(id).is_err()));
            // Both are ascending.
            let mut known = set.ids(places).peekable();
            listed.retain(|id| {
                while known.next_if(|known| *known < id).is_some() {}
                known.peek() != Some(&id)
            });
            theirs.append(&mut listed);
        })?;
        let go_on = self.steps < limits::RECONCILE_STEPS && self.theirs.len() < limits::ROUND_NEEDS;
        Ok(Some(next).filter(|next| go_on && next.len() > 1))
    }

    /// Whether it ended before all was compared.
    pub(super) const fn is_cut_short(&self) -> bool {
        self.steps >= limits::RECONCILE_STEPS || self.theirs.len() >= limits::ROUND_NEEDS
    }

    /// Whether the other side showed that it has nothing at all.
    pub(super) fn is_alone(&self) -> bool {
        self.theirs.is_empty() && self.ours.len() == self.set.size() && !self.is_cut_short()
    }
}

/// The side that answers.
#[derive(Debug)]
pub(super) struct Answering<S> {
    set: S,
    steps: u32,
}

impl<S: Sorted> Answering<S> {
    /// Begins.
    pub(super) const fn begin(set: S) -> Self {
        Self { set, steps: 0 }
    }

    /// The answer to a step.
    pub(super) fn answer(&mut self, step: &[u8]) -> Result<Vec<u8>, BadStep> {
        self.steps = self.steps.saturating_add(1);
        if self.steps > limits::RECONCILE_STEPS {
            return Err(BadStep);
        }
        reply(&self.set, step, Turn::Answering, |_, _| ())
    }
}

#[cfg(test)]
mod tests;
