"""Soundness and access of protocol/SPEC.md (sections 13 to 16), written from its text alone and in the plainest way."""

from functools import lru_cache

from spec_formats import ERASE, GENESIS, GRANT, KEY, LIMITS, RECEIPT, RESPONSE, REVISION, REVOKE, WITHDRAW, version

ROLES = ["relay", "read", "write", "admin"]
NEEDED = {GRANT: 3, REVOKE: 3, WITHDRAW: 3, ERASE: 3, KEY: 2, REVISION: 2, RESPONSE: 1, RECEIPT: 0}
ANYONE = None


class Document:
    """The sound entries of one document."""

    def __init__(self, document, may_author):
        self.document, self.may_author = document, may_author
        self.entries, self.pasts = {}, {}

    # 14

    def take(self, entry):
        """Takes an entry: what it waits for, or the class of what is wrong, or nothing."""
        if (entry.document or entry.id) != self.document:
            return None, "other document"
        missing = {name for name in entry.names() if name not in self.entries}
        card = not entry.by_root and not self.may_author(entry.organisation, entry.author[1])
        if missing or card:
            return (missing, card), None
        past = frozenset(entry.names().union(*(self.pasts[name] for name in entry.names())))
        wrong = self.unsound(entry, past)
        if wrong is None:
            self.entries[entry.id], self.pasts[entry.id] = entry, past
            self.cached.cache_clear()
        return None, wrong

    def unsound(self, entry, past):
        at = self.entries.get
        if entry.previous is not None:  # S2
            before = at(entry.previous)
            same = (before.author, before.organisation, before.plane) == (entry.author, entry.organisation, entry.plane)
            if not same or before.seq + 1 != entry.seq:
                return "chain"
        if entry.plane == 0 and any(at(name).plane == 1 for name in entry.names()):  # S3
            return "plane"
        standing = None
        if entry.by_root:  # S4
            named = any(at(i).kind in (GENESIS, GRANT) and self.grant_in(i, entry.organisation) for i in past)
            if entry.organisation != self.owner() and not named:
                return "root unnamed"
        elif entry.kind != GENESIS:
            if at(entry.under).kind not in (GENESIS, GRANT):  # S5
                return "kind"
            standing = (entry.under, entry.organisation)
            role = self.role_of(standing)
            if role is None:  # S6
                return "no standing"
            renounces = entry.kind == REVOKE and entry.body[1] == [1, entry.organisation]
            if role < (0 if renounces else NEEDED[entry.kind]):  # S7
                return "role"
            if entry.kind == ERASE and not self.is_top(standing):  # S8
                return "role"
            if entry.kind != RECEIPT:  # S9
                device = entry.author[1]
                bearing = self.above(standing, past) | self.on_device(standing, device, past)
                if not renounces:
                    bearing |= self.renunciations(standing, past)
                if bearing or not self.authorised(entry.under, past):
                    return "revoked"
                higher = self.ancestors(standing)
                counted = [i for i in past if self.by_admin(i) and self.acting(i) in higher and self.authorised(i, past)]
                if len(counted) > LIMITS["PAST_REVOKES"]:  # S10
                    return "quota"
        if entry.kind in (GENESIS, GRANT):
            if any(subject is ANYONE and role != 1 for subject, role, _ in entry.body[1]):  # S11
                return "grants"
            if entry.kind == GENESIS and any(subject == entry.organisation for subject, _, _ in entry.body[1]):  # S12
                return "grants"
            if entry.kind == GRANT and self.depth(standing) + 1 > LIMITS["DEPTH"]:  # S13
                return "depth"
        if entry.kind == REVOKE:
            principal, keeps = entry.body[1], entry.body[2]
            if principal == [1, self.owner()]:  # S14
                return "revokes owner"
            for author, plane, kept in keeps:
                if plane == 0:  # S15, S16
                    found = at(kept) if kept in past else None
                    if found is None or found.plane != 0 or found.author != author:
                        return "keep"
                    if principal[0] == 1 and found.organisation != principal[1]:
                        return "keep"
        if entry.kind == RECEIPT and at(entry.body[1]).kind != ERASE:  # S17
            return "kind"
        if entry.kind == REVISION:
            if at(entry.body[1]).kind != KEY or any(at(dep).kind != REVISION for dep in entry.body[2]):
                return "kind"
        return None

    def by_admin(self, i):
        entry = self.entries[i]
        return entry.kind == REVOKE and not entry.by_root and entry.body[1] != [1, entry.organisation]

    # 15: A1

    def owner(self):
        genesis = self.entries.get(self.document)
        return genesis and genesis.organisation

    def is_top(self, standing):
        return standing == (self.document, self.owner())

    def grant_in(self, i, subject):
        entry = self.entries[i]
        if entry.kind not in (GENESIS, GRANT):
            return None
        return next((grant for grant in entry.body[1] if grant[0] == subject), None)

    def role_of(self, standing):
        if self.is_top(standing):
            return 3
        grant = self.grant_in(*standing)
        return grant and grant[1]

    def acting(self, i):
        entry = self.entries[i]
        return None if entry.under is None else (entry.under, entry.organisation)

    def giver(self, grant):
        """The standing from which a genesis or grant gave."""
        return (self.document, self.owner()) if grant == self.document else self.acting(grant)

    def parent(self, standing):
        return None if self.is_top(standing) else self.giver(standing[0])

    def ancestors(self, standing):
        found = []
        while (standing := self.parent(standing)) is not None:
            found.append(standing)
        return found

    def depth(self, standing):
        return len(self.ancestors(standing))

    # A4

    def keeps(self, revoke, i):
        entry = self.entries[i]
        for author, plane, kept in self.entries[revoke].body[2]:
            if author == entry.author and plane == entry.plane and kept in self.entries:
                last = self.entries[kept]
                if last.author != author or last.plane != plane:
                    continue
                while kept is not None:
                    if kept == i:
                        return True
                    kept = self.entries[kept].previous
        return False

    def revokes(self, principal, view):
        return [i for i in view if self.entries[i].kind == REVOKE and self.entries[i].body[1] == principal]

    # A5: what bears on what `grant` gave to a principal, from the standing `parent`

    def above_principal(self, principal, grant, parent, view):
        if parent is None:
            return set()
        higher = [parent, *self.ancestors(parent)]
        found = set()
        for r in self.revokes(principal, view):
            knowing = r in self.pasts[grant] and self.acting(r) == parent
            if self.acting(r) in higher and not knowing and self.authorised(r, view):
                found.add(r)
        return found

    def above(self, standing, view):
        return self.above_principal([1, standing[1]], standing[0], self.parent(standing), view)

    # A6

    def renunciations(self, standing, view):
        return {r for r in self.revokes([1, standing[1]], view) if self.acting(r) == standing and self.authorised(r, view)}

    def on_device(self, standing, device, view):
        above, found = self.above(standing, view), set()
        beginner = self.entries[self.document].author
        for r in self.revokes([2, device], view):
            if self.entries[r].by_root:
                if self.entries[r].organisation == standing[1] and all(self.keeps(a, r) for a in above):
                    found.add(r)
            elif self.acting(r) in self.ancestors(standing) and self.authorised(r, view):
                found.add(r)
            elif self.is_top(standing) and device != beginner[1] and self.acting(r) == standing:  # (d)
                if self.entries[r].author == beginner and self.authorised(r, view):
                    found.add(r)
        return found

    # A7, A8

    def authorised(self, i, view):
        return self.cached(self, i, view)

    @staticmethod
    @lru_cache(maxsize=None)
    def cached(self, i, view):
        entry = self.entries[i]
        if entry.kind == GENESIS or entry.by_root or entry.kind == RECEIPT:
            return True
        standing = self.acting(i)
        if not self.authorised(standing[0], view):
            return False
        bearing = self.above(standing, view) | self.on_device(standing, entry.author[1], view)
        renounces = entry.kind == REVOKE and entry.body[1] == [1, entry.organisation]
        if not renounces:
            bearing |= self.renunciations(standing, view)
        return all(self.keeps(r, i) for r in bearing)

    def all(self):
        return frozenset(self.entries)

    def effective(self, i):
        entry, view = self.entries[i], self.all()
        return self.authorised(i, view) and all(self.effective(dep) for dep in (entry.body[2] if entry.kind == REVISION else []))

    def of_kind(self, kind, counts):
        return [i for i, entry in self.entries.items() if entry.kind == kind and counts(i)]

    # 16

    def ended_by(self, grant, subject):
        view = self.all()
        if subject is ANYONE:
            return self.above_principal([0], grant, self.giver(grant), view)
        return self.above((grant, subject), view) | self.renunciations((grant, subject), view)

    def end(self, grant, subject):
        ends = [self.grant_in(grant, subject)[2]]
        standing = self.giver(grant)
        while not self.is_top(standing):
            ends.append(self.grant_in(*standing)[2])
            standing = self.parent(standing)
        ends = [end for end in ends if end is not None]
        return min(ends) if ends else None

    def given(self):
        for i, entry in self.entries.items():
            if entry.kind in (GENESIS, GRANT):
                for subject, role, _ in entry.body[1]:
                    yield i, subject, role

    def chain(self, grant):
        found = [grant]
        while not self.is_top(standing := self.giver(found[0])):
            found.insert(0, standing[0])
        return found

    def own_role(self, subject, now):
        live = [-1]
        for i, who, role in self.given():
            end = self.end(i, who)
            if who == subject and self.authorised(i, self.all()) and not self.ended_by(i, who) and (end is None or now < end):
                live.append(role)
        return max(live)

    def role_at(self, organisation, now):
        role = 3 if organisation == self.owner() else max(self.own_role(organisation, now), self.own_role(ANYONE, now))
        return "none" if role < 0 else ROLES[role]

    def anyone_at(self, now):
        role = self.own_role(ANYONE, now)
        return "none" if role < 0 else ROLES[role]

    # 13

    def heads(self, plane):
        mine = {i for i, entry in self.entries.items() if entry.plane == plane}
        return mine - {name for i in mine for name in self.entries[i].names()}

    def version(self, plane):
        return version(self.heads(plane))

    def forks(self):
        groups = {}
        for i, entry in self.entries.items():
            groups.setdefault((tuple(entry.author), entry.plane, entry.seq), []).append(i)
        return [group for group in groups.values() if len(group) > 1]
