#!/usr/bin/env python3
"""Checks every vector of protocol/vectors by a second implementation, written from protocol/SPEC.md alone.

    python3 tests/interop/spec_check.py [FOLDER]

Ids, signatures, derivations, tickets, padding, unsealing, wrapped keys, changes' outsides, messages; what is refused; and of whole
histories every verdict but the words that Automerge merges: soundness with its class, authority, roles, heads, versions, forks, and
which revisions and responses each reader opens. Prints what it counted; fails at the first difference.
"""

import json
import sys
from pathlib import Path

import spec_formats as f
from mnemonic import Mnemonic
from nacl.signing import SigningKey
from spec_rules import ROLES, Document

COUNTED = {}
REMARKS = ["acknowledge", "seen-here-too", "comment", "step-taken", "endorse", "opened", "step"]


def same(place, found, expected):
    COUNTED[place[0]] = COUNTED.get(place[0], 0) + 1
    if found != expected:
        sys.exit(f"{' / '.join(place)}: found {found!r}, expected {expected!r}")


def unhex(text):
    return bytes.fromhex(text)


def derivations(vectors):
    for name, value, also in ((v["name"], v["value"], v["also"]) for v in vectors):
        place = ("derivation", name)
        if "root secret" in value:
            secret, key = unhex(value["root secret"]), f.root_key(unhex(value["root secret"]))
            same(place, Mnemonic("english").to_mnemonic(secret), also["recovery phrase"])
            same(place, key.verify_key.encode().hex(), also["organisation"])
            same(place, SigningKey(unhex(value["device seed"])).verify_key.encode().hex(), also["device"])
            for generation in (0, 1):
                card = f.card_secret(secret, generation)
                same(place, card.hex(), also[f"card secret of generation {generation}"])
                same(place, f.wrap_key(card).hex(), also[f"wrap key of generation {generation}"])
        elif "invitation's secret" in value:
            secret, device = unhex(value["invitation's secret"]), unhex(value["other's device"])
            one = (unhex(value["one organisation"]), unhex(value["its device"]))
            other = (unhex(value["other organisation"]), device)
            same(place, f.pairing_proof(secret, device).hex(), also["proof by the other's device"])
            for sides in ((one, other), (other, one)):
                same(place, f.security_number(*sides, secret), also["security number"])
        elif "key" in value:
            same(place, f.commitment(unhex(value["key"])).hex(), also["commitment"])
        else:
            same(place, f.derive("0 entropy", unhex(value["seed"]), 64).hex(), also["first 64 bytes"])


def recoveries(vectors):
    for name, value, also in ((v["name"], v["value"], v["also"]) for v in vectors):
        place, secret, read = ("recovery", name), unhex(value["root secret"]), {key: unhex(text) for key, text in also.items()}
        if "recovery key" in also:
            same(place, f.root_key(secret).verify_key.encode(), read["organisation"])
            same(place, f.wrap_key(f.recovery_secret(secret)), read["recovery key"])
            signed = f.recovery_hash(read["organisation"], read["recovery key"])
            same(place, f.verifies(read["organisation"], "0 recovery key", signed, read["signature"]), True)
        else:
            before = unhex(value["hash before the encapsulated key"])
            same(place, f.backup_key(secret, read["encapsulated key"], before), read["backup's key"])
            signed = unhex(value["hash before the signature"])
            same(place, f.verifies(read["device"], "0 backup", signed, read["signature"]), True)


def entry_of(bytes_, also):
    part = {name: unhex(also[name]) if name in also else None for name in ("payload", "wraps")}
    return f.verified(unhex(bytes_), unhex(also["signature"]), part["payload"], part["wraps"]), part


class Formats:
    """How each format's bytes are read, and what must follow from them."""

    def __init__(self, folder):
        load = lambda name: json.loads((folder / f"{name}.json").read_text())["vectors"]
        self.document = unhex(load("header")[0]["also"]["id"])
        keys = {v["name"]: v for v in load("derivation")}
        police = keys["the keys of the police"]
        self.reader = unhex(police["also"]["organisation"])
        self.secrets = {0: unhex(police["also"]["card secret of generation 0"])}
        self.key = unhex(keys["an epoch"]["value"]["key"])
        self.read = {"card": f.card, "addresses": f.addresses, "ticket": f.ticket, "header": f.Header, "wraps": f.Wraps,
                     "revision-payload": f.revision_payload, "deflated-payload": f.deflated_payload,
                     "response-payload": f.response_payload, "message": f.message,
                     "sealed-payload": lambda data: f.open_payload(self.key, data, b"associated data")}

    def follows(self, form, vector):
        data, value, also, place = unhex(vector["bytes"]), vector["value"], vector["also"], (form, vector["name"])
        read = self.read[form](data)
        if form == "card":
            same(place, f.hash_of(data).hex(), also["id"])
            same(place, f.verifies(read[1], "0 card", f.hash_of(data), unhex(also["signature"])), True)
        elif form == "addresses":
            same(place, f.verifies(read[1], "0 addresses", f.hash_of(data), unhex(also["signature"])), True)
        elif form == "ticket":
            same(place, f.ticket_of_text(also["text"].upper()), data)
        elif form == "header":
            header, _ = entry_of(vector["bytes"], also)
            same(place, (header.id.hex(), f.KINDS[header.kind]), (also["id"], value["kind"]))
        elif form == "sealed-payload":
            same(place, read.hex(), also["opens to"])
        elif form == "wraps":
            try:
                committed = f.commitment(unhex(value["key"]))
                key = read.key(self.document, committed, self.reader, self.secrets)
                found = key.hex() + "".join(f", {k.hex()} of {i.hex()}" for i, k in read.earlier(self.document, key))
            except f.Refused as why:
                found = str(why)
            same(place, found, also["opens to"])
        elif form == "revision-payload" and read[3]:
            f.change(self.document, read[3], [])
            same(place, read[3].hex(), value["change"])
        elif form == "deflated-payload":
            same(place, read[3].hex(), also["change"])


def opened(document, entries, reader, secrets):
    """What a reader opens: revisions, responses, and what counts and cannot be shown."""
    keys, waiting = {}, []
    for i, (entry, part) in entries.items():
        if entry.kind == f.KEY:
            try:
                waiting.append((i, f.Wraps(part["wraps"]).key(document.document, entry.body[1], reader, secrets)))
            except f.Refused:
                pass
    while waiting:
        i, key = waiting.pop()
        known = entries.get(i)
        if i not in keys and known and known[0].kind == f.KEY and f.commitment(key) == known[0].body[1]:
            keys[i] = key
            waiting += f.Wraps(known[1]["wraps"]).earlier(document.document, key)
    changes, responses, unreadable = {}, {}, {}
    for i, (entry, part) in entries.items():
        if entry.kind == f.REVISION and document.effective(i):
            if entry.body[1] not in keys:
                unreadable[i] = "no key"
                continue
            try:
                plain = f.open_payload(keys[entry.body[1]], part["payload"], entry.associated())
            except f.Refused:
                unreadable[i] = "does not open"
                continue
            try:
                payload = f.revision_payload(plain)
            except f.Refused:
                unreadable[i] = "malformed"
                continue
            if any(dep not in changes for dep in entry.body[2]):
                unreadable[i] = "builds on what is not shown"
                continue
            try:
                changes[i] = f.change(document.document, payload[3], {changes[dep] for dep in entry.body[2]})
            except f.Refused:
                unreadable[i] = "change refused"
        if entry.kind == f.RESPONSE and document.effective(i):
            try:
                key = f.Wraps(part["wraps"]).key(document.document, entry.body[1], reader, secrets)
                _, _, _, remark, _, text = f.response_payload(f.open_payload(key, part["payload"], entry.associated()))
                responses[i] = f"{REMARKS[remark]}: {text}"
            except f.Refused:
                pass
    return changes, responses, unreadable


def history(file, backwards):
    place = (file["format"],)
    authors = set()
    for card in file["cards"]:
        data = unhex(card["bytes"])
        read = f.card(data)
        same(place, f.verifies(read[1], "0 card", f.hash_of(data), unhex(card["signature"])), True)
        same(place, read[1].hex(), file["organisations"][card["organisation"]])
        authors.add((read[1], read[3]))
    entries, names, order = {}, {}, []
    for vector in file["vectors"]:
        entry, part = entry_of(vector["bytes"], vector["also"])
        same(place, entry.id.hex(), vector["also"]["id"])
        entries[entry.id], names[entry.id] = (entry, part), vector["name"]
        order.append(entry)
    who = {unhex(i): name for name, i in file["organisations"].items()}
    document = Document(unhex(file["document"]), lambda organisation, device: (organisation, device) in authors)
    unsound, waiting = {}, list(reversed(order) if backwards else order)
    before = -1
    while before != len(waiting):
        before, still, missing = len(waiting), [], {}
        for entry in waiting:
            waits, wrong = document.take(entry)
            if wrong:
                unsound[names[entry.id]] = wrong
            if waits:
                still.append(entry)
                missing[names[entry.id]] = waits
        waiting = still
    place_of = {i: at for at, i in enumerate(entries)}
    listed = lambda ids: [names[i] for i in sorted(ids, key=place_of.get)]
    expected, view = file["expected"], document.all()

    def check(field, found):
        same((*place, field), found, expected[field])

    check("sound", listed(view))
    check("unsound", unsound)
    ids = lambda waits: sorted(names.get(i, i.hex()) for i in waits[0]) + ["card"] * waits[1]
    same((*place, "waiting"), {name: ids(waits) for name, waits in missing.items()},
         {name: sorted(what, key=lambda what: (what == "card", what)) for name, what in expected["waiting"].items()})
    check("authorised", listed(i for i in view if document.authorised(i, view)))
    rows = [{"entry": names[i], "who": who.get(subject, "anyone"), "role": ROLES[role], "until": document.end(i, subject),
             "authorised": document.authorised(i, view), "ended_by": listed(document.ended_by(i, subject)),
             "chain": [names[link] for link in document.chain(i)]} for i, subject, role in document.given()]
    key = lambda row: (row["entry"], row["who"])
    same((*place, "rows"), sorted(rows, key=key), sorted(expected["rows"], key=key))
    check("roles", [{"at": at, "anyone": document.anyone_at(at),
                     "organisations": {name: document.role_at(i, at) for i, name in who.items()}} for at in file["moments"]])
    check("effective_revisions", listed(document.of_kind(f.REVISION, document.effective)))
    check("effective_responses", listed(document.of_kind(f.RESPONSE, document.effective)))
    authorised = lambda i: document.authorised(i, view)
    check("authorised_keys", listed(document.of_kind(f.KEY, authorised)))
    check("withdrawal", names.get(min(document.of_kind(f.WITHDRAW, authorised), default=None)))
    check("erased", bool(document.of_kind(f.ERASE, authorised)))
    check("forks", sorted(map(listed, document.forks())))
    check("heads", {"control": listed(document.heads(0)), "content": listed(document.heads(1))})
    check("versions", {"control": document.version(0).hex(), "content": document.version(1).hex()})
    sound = {i: entries[i] for i in entries if i in view}
    for reader, read in zip(file["readers"], expected["read"]):
        secrets = {int(generation): unhex(secret) for generation, secret in reader["card_secrets"].items()}
        organisation = unhex(file["organisations"][reader["organisation"]])
        changes, responses, unreadable = opened(document, sound, organisation, secrets)
        same((*place, "read"), listed(changes), read["revisions"])
        same((*place, "read"), {names[i]: text for i, text in responses.items()}, read["responses"])
        same((*place, "read"), {names[i]: why for i, why in unreadable.items()}, read["unreadable"])


def session(file):
    """Every frame of two sessions is read, and each step of comparison is the one that the sets of both give."""
    names, planes = ("Brixton", "Police"), {"control": 0, "content": 1}
    held = lambda who: file["places"]["both"] + file["places"][who]
    items = {who: {f.set_item(unhex(d), planes[p], unhex(v)): (unhex(d), planes[p]) for d, p, v in held(who)} for who in names}
    ids = {who: set(map(unhex, file["probed"]["both"] + file["probed"][who])) for who in names}
    compared = {}
    for part in ("pairing", "reconnect"):
        sets = items if part == "reconnect" else {who: {} for who in names}
        compared[part, 9] = [f.Comparison(sets["Brixton"], True), f.Comparison(sets["Police"], False), None]
        compared[part, 12] = compared[part, 15] = [f.Comparison(ids["Brixton"], True), f.Comparison(ids["Police"], False), None]
    for vector in file["vectors"]:
        place, part, read = ("session", vector["name"]), vector["value"]["session"], f.message(unhex(vector["bytes"]))
        tag, asks = read[0], vector["value"]["from"] == "Brixton"
        if tag in (9, 12, 15):
            comparison = compared[part, tag]
            step = comparison[0].first() if comparison[2] is None else comparison[0 if asks else 1].next(comparison[2])
            same(place, read[-1].hex(), step.hex())
            comparison[2] = read[-1]
        if tag == 13:
            ours = compared[part, 12][0]
            same(place, ours.next(compared[part, 12][2]), None)
            same(place, (set(read[3]), ours.theirs, ours.ours), (ids["Police"] - ids["Brixton"],) * 2 + (ids["Brixton"] - ids["Police"],))
        if tag == 10 and part == "reconnect":
            asking = compared[part, 9][0]
            same(place, asking.next(compared[part, 9][2]), None)
            same(place, set(read[1]) <= asking.theirs == set(items["Police"]) - set(items["Brixton"]), True)
        same(place, f.hash_of(f.encode(read)), f.hash_of(unhex(vector["bytes"])))


def main():
    here = Path(__file__).resolve().parent
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else here.parent.parent / "protocol" / "vectors"
    formats = Formats(folder)
    for path in sorted(folder.glob("*.json")):
        file = json.loads(path.read_text())
        if file["format"].startswith("history-"):
            history(file, backwards=False)
            history(file, backwards=True)
        elif file["format"] == "session":
            session(file)
        elif file["format"] == "derivation":
            derivations(file["vectors"])
        elif file["format"] == "recovery":
            recoveries(file["vectors"])
        else:
            for vector in file["vectors"]:
                formats.follows(file["format"], vector)
            for refusal in file["refused"]:
                try:
                    formats.read[file["format"]](unhex(refusal["bytes"]))
                except f.Refused:
                    same((file["format"], refusal["name"]), True, True)
                else:
                    sys.exit(f"{path.name}: accepted: {refusal['name']}")
    print(f"{sum(COUNTED.values())} checks in {len(COUNTED)} files: all as the specification says")


if __name__ == "__main__":
    main()
