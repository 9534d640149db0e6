"""The formats of protocol/SPEC.md, written from its text alone. Section numbers in comments are its own."""

import hmac
import struct
import zlib
from base64 import b32decode
from hashlib import sha256

import nacl.exceptions
from blake3 import blake3
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from nacl.bindings import crypto_aead_xchacha20poly1305_ietf_decrypt as xchacha_open
from nacl.signing import SigningKey, VerifyKey

LIMITS = dict(HEADER=32768, PARENTS=64, DEPS=64, GRANTS=64, KEEPS=256, DEPTH=6, CONTROL_CHAIN=65536, CONTENT_CHAIN=1048576,
              ROOT_CHAIN=64, PAST_REVOKES=2048, PAYLOAD=1048576, WRAPS_BYTES=262144, WRAPS=1024, EARLIER=64, CARD=1024, NAME=120,
              ADDRESSES_BYTES=4096, ADDRESSES=12, ADDRESS=256, TICKET=4096, TEXT=16384, PERSON=200, INFLATE=32, MESSAGE=4194304, ITEMS=4096,
              IDS=65536, HAVE=256, NEEDS=256, STEP=524288)


class Refused(Exception):
    """Bytes that the specification refuses."""


def need(condition, why):
    if not condition:
        raise Refused(why)


# 1, 3


def hash_of(data):
    return blake3(data).digest()


def derive(context, material, length=32):
    return blake3(material, derive_key_context="csu-link " + context).digest(length=length)


def signed(domain, digest):
    return b"csu-link " + domain.encode() + b"\0" + digest


def verifies(key, domain, digest, signature):
    try:
        VerifyKey(key).verify(signed(domain, digest), signature)
        return True
    except (nacl.exceptions.BadSignatureError, ValueError):
        return False


# 2


def encode(value):
    def head(major, n):
        for bits, lead, form in ((8, 24, ">B"), (16, 25, ">H"), (32, 26, ">I"), (64, 27, ">Q")):
            if n < 24:
                return bytes([major << 5 | n])
            if n < 1 << bits:
                return bytes([major << 5 | lead]) + struct.pack(form, n)
        raise Refused("a number beyond 64 bits")

    if value is None:
        return b"\xf6"
    if isinstance(value, int):
        return head(0, value)
    if isinstance(value, bytes):
        return head(2, len(value)) + value
    if isinstance(value, str):
        return head(3, len(value.encode())) + value.encode()
    return head(4, len(value)) + b"".join(encode(item) for item in value)


class Reader:
    """Reads what stands next, or refuses."""

    def __init__(self, data):
        self.data, self.at = data, 0

    def take(self, count):
        need(self.at + count <= len(self.data), "too short")
        self.at += count
        return self.data[self.at - count : self.at]

    def head(self, major):
        first = self.take(1)[0]
        need(first >> 5 == major, "another type")
        low = first & 31
        if low < 24:
            return low
        need(low < 28, "an indefinite length, or nonsense")
        n = int.from_bytes(self.take(1 << low - 24), "big")
        need(n >= (24, 256, 65536, 1 << 32)[low - 24], "not in shortest form")
        return n

    def number(self, known=None):
        n = self.head(0)
        need(known is None or n in known, "an unknown tag")
        return n

    def data_of(self, limit, exactly=False):
        n = self.head(2)
        need(n == limit if exactly else n <= limit, "a length")
        return self.take(n)

    def fixed(self, n=32):
        return self.data_of(n, exactly=True)

    def text(self, limit):
        n = self.head(3)
        need(n <= limit, "a length")
        try:
            return self.take(n).decode()
        except UnicodeDecodeError as why:
            raise Refused("no UTF-8") from why

    def array(self, *items):
        n = self.head(4)
        need(n in items, "a count of items")
        return n

    def option(self, read):
        if self.data[self.at : self.at + 1] == b"\xf6":
            self.at += 1
            return None
        return read()

    def list(self, limit, read, key=None):
        n = self.head(4)
        need(n <= limit, "a list's length")
        values = []
        for _ in range(n):
            values.append(read())
            need(key is None or len(values) < 2 or key(values[-2]) < key(values[-1]), "a list out of order")
        return values


def whole(data, limit, read):
    """What `read` reads, if it is all of `data` and canonical."""
    need(len(data) <= limit, "too long")
    reader = Reader(data)
    value = read(reader)
    need(reader.at == len(data), "bytes after the end")
    need(encode(value) == data, "not canonical")
    return value


# 4


def root_key(secret):
    return SigningKey(derive("0 root signing key", secret))


def card_secret(root_secret, generation):
    return derive("0 card secret", root_secret + struct.pack("<Q", generation))


def wrap_key(secret):
    return X25519PrivateKey.from_private_bytes(secret).public_key().public_bytes_raw()


def recovery_secret(root_secret):
    return derive("0 recovery secret", root_secret)


def recovery_hash(organisation, key):
    return hash_of(encode([0, organisation, key]))


def backup_key(root_secret, encapsulated, before):
    return hpke_context(recovery_secret(root_secret), encapsulated, b"csu-link 0 backup key\0" + before)[2]


# 5


def misleading(c):
    n = ord(c)
    return n < 32 or 0x7F <= n < 0xA0 or 0x200B <= n <= 0x200F or 0x202A <= n <= 0x202E or 0x2060 <= n <= 0x206F or n == 0xFEFF


def read_card(r):
    r.array(7)
    card = [r.number([0]), r.fixed(), r.number(), r.fixed(), r.fixed(), r.text(LIMITS["NAME"]), r.number(range(5))]
    name = card[5]
    need(name and name == name.strip() and not any(map(misleading, name)), "a name")
    try:  # An exchange with a key of small order is all zeros, which the library refuses.
        X25519PrivateKey.from_private_bytes(bytes([1] * 32)).exchange(X25519PublicKey.from_public_bytes(card[4]))
    except ValueError as why:
        raise Refused("a wrap key of small order") from why
    return card


def card(data):
    return whole(data, LIMITS["CARD"], read_card)


# 6, 7


def read_address(r):
    text = r.text(LIMITS["ADDRESS"])
    need(text.startswith("/") and all(0x21 <= ord(c) <= 0x7E for c in text), "an address")
    return text


def addresses(data):
    def read(r):
        r.array(4)
        return [r.number([0]), r.fixed(), r.number(), r.list(LIMITS["ADDRESSES"], lambda: read_address(r))]

    return whole(data, LIMITS["ADDRESSES_BYTES"], read)


def ticket(data):
    def read(r):
        r.array(6)
        return [r.number([0]), r.fixed(), r.fixed(), r.list(LIMITS["ADDRESSES"], lambda: read_address(r)), r.fixed(), r.number()]

    return whole(data, LIMITS["TICKET"], read)


def ticket_of_text(text):
    text = "".join(text[: 2 * LIMITS["TICKET"]].split()).lower()
    need(text.startswith("csu-ticket-"), "no ticket")
    body = text[len("csu-ticket-") :].upper()
    data = b32decode(body + "=" * (-len(body) % 8))
    need(derive("0 ticket checksum", data[:-4])[:4] == data[-4:], "a checksum")
    return data[:-4]


def pairing_proof(secret, device):
    return blake3(device, key=derive("0 pairing proof", secret)).digest()


def security_number(one, other, secret):
    low, high = sorted([one, other])
    digest = derive("0 security number", b"".join(low) + b"".join(high) + secret, 16)
    digits = f"{int.from_bytes(digest, 'little') % 10**25:025}"
    return " ".join(digits[at : at + 5] for at in range(0, 25, 5))


# 8, 9

GENESIS, GRANT, REVOKE, WITHDRAW, ERASE, RECEIPT, KEY, REVISION, RESPONSE = 0, 1, 2, 3, 4, 5, 16, 17, 18
KINDS = {GENESIS: "genesis", GRANT: "grant", REVOKE: "revoke", WITHDRAW: "withdraw", ERASE: "erase", RECEIPT: "receipt", KEY: "key",
         REVISION: "revision", RESPONSE: "response"}


def read_author(r):
    r.array(2)
    return [r.number([0, 1]), r.fixed()]


def read_body(r):
    items = r.array(1, 2, 3)
    tag = r.number(KINDS)
    need(items == {GENESIS: 3, REVOKE: 3, REVISION: 3, ERASE: 1}.get(tag, 2), "items of a body")

    def grant():
        r.array(3)
        return [r.option(r.fixed), r.number(range(4)), r.option(r.number)]

    def keep():
        r.array(3)
        return [read_author(r), r.number([0, 1]), r.fixed()]

    def principal():
        n = r.array(1, 2)
        kind = r.number([0, 1, 2])
        need(n == (1 if kind == 0 else 2), "a principal")
        return [kind] if kind == 0 else [kind, r.fixed()]

    def grants():
        return r.list(LIMITS["GRANTS"], grant, lambda g: (g[0] is not None, g[0] or b""))

    if tag == GENESIS:
        return [tag, grants(), r.fixed(16)]
    if tag == GRANT:
        return [tag, grants()]
    if tag == REVOKE:
        return [tag, principal(), r.list(LIMITS["KEEPS"], keep, lambda k: (k[0], k[1]))]
    if tag == WITHDRAW:
        return [tag, r.number(range(7))]
    if tag == ERASE:
        return [tag]
    if tag == REVISION:
        return [tag, r.fixed(), r.list(LIMITS["DEPS"], r.fixed, lambda i: i)]
    return [tag, r.fixed()]


def read_part(r):
    r.array(2)
    return [r.fixed(), r.number()]


class Header:
    def __init__(self, data):
        def read(r):
            r.array(11)
            return [r.number([0]), r.option(r.fixed), r.fixed(), read_author(r), r.option(r.fixed), r.number(), r.option(r.fixed),
                    r.list(LIMITS["PARENTS"], r.fixed, lambda i: i), read_body(r), r.option(lambda: read_part(r)),
                    r.option(lambda: read_part(r))]

        self.items = whole(data, LIMITS["HEADER"], read)
        (_, self.document, self.organisation, self.author, self.under, self.seq, self.previous, self.parents, self.body, self.payload,
         self.wraps) = self.items
        self.id, self.kind = hash_of(data), self.body[0]
        self.plane = 1 if self.kind >= KEY else 0
        self.by_root = self.author[0] == 1
        self.check_form()

    def check_form(self):
        genesis = self.kind == GENESIS
        if genesis:  # F1
            first = [self.document, self.under, self.previous, self.seq, self.parents] == [None, None, None, 0, []]
            need(first, "F1")
        else:
            need(self.document is not None, "F1")
        if self.by_root:  # F3
            device = self.kind == REVOKE and self.body[1][0] == 2
            need(device and self.author[1] == self.organisation and self.under is None and self.parents, "F3")
        else:
            need(genesis or self.under is not None, "F2")
        need((self.seq == 0) == (self.previous is None), "F4")
        quota = LIMITS["ROOT_CHAIN"] if self.by_root else LIMITS["CONTENT_CHAIN"] if self.plane else LIMITS["CONTROL_CHAIN"]
        need(self.seq < quota, "F5")
        if self.kind == REVOKE:  # F6
            principal, keeps = self.body[1], self.body[2]
            for (sort, key), _, _ in keeps:
                need(principal[0] != 0, "F6")
                need(principal[0] != 2 or (sort == 0 and key == principal[1]), "F6")
                need(principal[0] != 1 or sort == 0 or key == principal[1], "F6")
        parts = {KEY: (False, True), REVISION: (True, False), RESPONSE: (True, True)}.get(self.kind, (False, False))
        need((self.payload is not None, self.wraps is not None) == parts, "F7")
        need(self.payload is None or self.payload[1] <= LIMITS["PAYLOAD"], "F8")
        need(self.wraps is None or self.wraps[1] <= LIMITS["WRAPS_BYTES"], "F8")

    def associated(self):
        return encode(self.items[:9] + [None] + self.items[10:])

    def names(self):
        found = list(self.parents) + [i for i in (self.previous, self.under) if i is not None]
        if self.kind == REVISION:
            found += [self.body[1], *self.body[2]]
        if self.kind == RECEIPT:
            found.append(self.body[1])
        return set(found)


def verified(data, signature, payload, wraps):
    """The header of an entry, its parts and signature checked."""
    header = Header(data)
    for named, part in ((header.payload, payload), (header.wraps, wraps)):
        need(named == (None if part is None else [hash_of(part), len(part)]), "a part")
    need(verifies(header.author[1], "0 entry", header.id, signature), "a signature")
    return header


# 10


def padme(n):
    if n < 2:
        return n
    e = n.bit_length() - 1
    s = e.bit_length()
    m = (1 << max(0, e - s)) - 1
    return (n + m) & ~m


def open_sealed(context, key, data, aad):
    need(len(data) >= 24, "too short")
    try:
        return xchacha_open(data[24:], aad, data[:24], derive(context, key))
    except Exception as why:
        raise Refused("does not open") from why


def open_payload(key, data, aad):
    padded = open_sealed("0 payload", key, data, aad)
    need(len(padded) >= 4, "does not open")
    length = int.from_bytes(padded[:4], "little")
    need(4 + length <= len(padded) and not any(padded[4 + length :]) and padme(4 + length) == len(padded), "padding")
    return padded[4 : 4 + length]


def commitment(key):
    return derive("0 key commitment", key)


def hpke_context(secret, encapsulated, info):
    """RFC 9180, base mode, 0x0020 / 0x0001 / 0x0003: the key, the nonce, and 32 bytes exported for the empty context."""

    def hkdf(salt, ikm, info_, length):
        prk, out, block = hmac.digest(salt or bytes(32), ikm, "sha256"), b"", b""
        if info_ is None:
            return prk
        for at in range(1, length // 32 + 2):
            block = hmac.digest(prk, block + info_ + bytes([at]), "sha256")
            out += block
        return out[:length]

    def expand(prk, info_, length):
        out, block = b"", b""
        for at in range(1, length // 32 + 2):
            block = hmac.digest(prk, block + info_ + bytes([at]), "sha256")
            out += block
        return out[:length]

    def extracts(suite):
        return lambda salt, label, ikm: hkdf(salt, b"HPKE-v1" + suite + label + ikm, None, 0)

    def expands(suite):
        return lambda prk, label, info_, n: expand(prk, n.to_bytes(2, "big") + b"HPKE-v1" + suite + label + info_, n)

    kem, suite = b"KEM\x00\x20", b"HPKE\x00\x20\x00\x01\x00\x03"
    private = X25519PrivateKey.from_private_bytes(secret)
    shared = private.exchange(X25519PublicKey.from_public_bytes(encapsulated))
    context = encapsulated + private.public_key().public_bytes_raw()
    secret_ = expands(kem)(extracts(kem)(b"", b"eae_prk", shared), b"shared_secret", context, 32)
    schedule = b"\0" + extracts(suite)(b"", b"psk_id_hash", b"") + extracts(suite)(b"", b"info_hash", info)
    prk = extracts(suite)(secret_, b"secret", b"")
    exporter = expands(suite)(prk, b"exp", schedule, 32)
    return (expands(suite)(prk, b"key", schedule, 32), expands(suite)(prk, b"base_nonce", schedule, 12),
            expands(suite)(exporter, b"sec", b"", 32))


def hpke_open(secret, encapsulated, info, aad, ciphertext):
    key, nonce, _ = hpke_context(secret, encapsulated, info)
    try:
        return ChaCha20Poly1305(key).decrypt(nonce, ciphertext, aad)
    except Exception as why:
        raise Refused("does not open") from why


class Wraps:
    def __init__(self, data):
        def read(r):
            r.array(3)

            def wrap():
                r.array(4)
                return [r.fixed(), r.number(), r.fixed(), r.fixed(48)]

            return [r.option(r.fixed), r.list(LIMITS["WRAPS"], wrap, lambda w: w[0]),
                    r.option(lambda: r.data_of(LIMITS["WRAPS_BYTES"]))]

        self.open, self.wraps, self.sealed = whole(data, LIMITS["WRAPS_BYTES"], read)

    def key(self, document, committed, organisation, secrets):
        """The key, for who holds these card secrets by generation."""
        key = self.open
        if key is None:
            mine = [w for w in self.wraps if w[0] == organisation]
            need(mine, "not wrapped for the reader")
            _, generation, encapsulated, ciphertext = mine[0]
            need(generation in secrets, "no secret")
            info = b"csu-link 0 wrap\0" + document + organisation + struct.pack("<Q", generation)
            key = hpke_open(secrets[generation], encapsulated, info, committed, ciphertext)
        need(commitment(key) == committed, "not what was committed to")
        return key

    def earlier(self, document, key):
        if self.sealed is None:
            return []
        r = Reader(open_sealed("0 earlier epochs", key, self.sealed, document + commitment(key)))

        def one():
            r.array(2)
            return r.fixed(), r.fixed()

        return r.list(LIMITS["EARLIER"], one)


def revision_payload(data):
    def read(r):
        r.array(4)
        return [r.number([0]), r.number(), r.option(lambda: r.text(LIMITS["PERSON"])), r.data_of(LIMITS["PAYLOAD"])]

    return deflated_payload(data) if data[:1] == b"\x85" else whole(data, LIMITS["PAYLOAD"], read)


def deflated_payload(data):
    def read(r):
        r.array(5)
        return [r.number([1]), r.number(), r.option(lambda: r.text(LIMITS["PERSON"])), r.number(), r.data_of(LIMITS["PAYLOAD"])]

    form, at, person, length, deflated = whole(data, LIMITS["PAYLOAD"], read)
    need(length <= min(LIMITS["PAYLOAD"], LIMITS["INFLATE"] * len(deflated)), "too long once inflated")
    inflater = zlib.decompressobj(-15)
    try:
        change = inflater.decompress(deflated, length + 1)
    except zlib.error as why:
        raise Refused("does not inflate") from why
    need(inflater.eof and not inflater.unused_data and len(change) == length, "does not inflate to its length")
    return [form, at, person, change]


def response_payload(data):
    def read(r):
        r.array(6)
        return [r.number([0]), r.number(), r.option(lambda: r.text(LIMITS["PERSON"])), r.number(range(7)), r.text(64),
                r.text(LIMITS["TEXT"])]

    return whole(data, LIMITS["TEXT"] + 1024, read)


# 11


def change(document, data, deps):
    """The change hash of a change whose outside is right. Its operations are for Automerge."""

    class Cursor(Reader):
        def leb(self):
            value, shift = 0, 0
            while True:
                byte = self.take(1)[0]
                value |= (byte & 127) << shift
                if byte < 128:
                    need(byte or not shift, "not in shortest form")
                    return value
                shift += 7

    c = Cursor(data)
    need(c.take(4) == bytes.fromhex("856f4a83"), "magic")
    checksum = c.take(4)
    start = c.at
    need(c.take(1) == b"\1", "type")
    length = c.leb()
    body_at = c.at
    digest = sha256(data[start:]).digest()
    need(length == len(data) - body_at and digest[:4] == checksum, "length or checksum")
    count = c.leb()
    need([c.take(32) for _ in range(count)] == sorted(deps), "dependencies")
    need(c.leb() == 16, "actor")
    actor_at = c.at - body_at
    actor, body = c.take(16), data[body_at:]
    need(derive("0 automerge actor", document + body[:actor_at] + bytes(16) + body[actor_at + 16 :], 16) == actor, "actor")
    need(c.leb() == 1 and 0 < c.leb() < 1 << 32 and c.leb() == 0 and c.leb() == 0, "sequence, counter, time or message")
    others = []
    for _ in range(c.leb()):
        need(c.leb() == 16, "an actor")
        others.append(c.take(16))
    need(all(a < b for a, b in zip(others, others[1:])), "actors in order")
    columns = [(c.leb(), c.leb()) for _ in range(c.leb())]
    specifications = [s for s, _ in columns]
    known = {1, 2, 17, 19, 21, 52, 66, 86, 87, 112, 113, 115}
    need(specifications == sorted(set(specifications)) and set(specifications) <= known, "columns")
    need(sum(n for _, n in columns) == len(data) - c.at, "columns' bytes")
    need(all(n or s == 52 for s, n in columns), "an empty column")
    return digest


# 13, 19


def version(heads):
    return derive("0 version", b"".join(sorted(heads)))


def set_item(document, plane, version_):
    x = derive("1 set item", document + bytes([plane]) + version_)
    return bytes([x[0] & 127 | plane << 7]) + x[1:]


class Comparison:
    """One side of a comparison (19.4), of members that are all known."""

    def __init__(self, members, asks):
        self.members, self.asks, self.ours, self.theirs = sorted(members), asks, set(), set()

    def number(self, n):
        digits = [n & 127]
        while n := n >> 7:
            digits.insert(0, n & 127 | 128)
        return bytes(digits)

    def bound(self, prefix):
        return b"\0\0" if prefix is None else b"\1" + self.number(len(prefix)) + prefix

    def fingerprint(self, low, high):
        total = sum(int.from_bytes(member, "little") for member in self.members[low:high]) % (1 << 256)
        return sha256(total.to_bytes(32, "little") + self.number(high - low)).digest()[:16]

    def listed(self, low, high, end):
        return self.bound(end) + b"\2" + self.number(high - low) + b"".join(self.members[low:high])

    def divided(self, low, high, end):
        if high - low < 32:
            return self.listed(low, high, end)
        out, each, greater = b"", (high - low) // 16, (high - low) % 16
        for at in range(16):
            size = each + (at < greater)
            prefix = end
            if at < 15:
                before, after = self.members[low + size - 1], self.members[low + size]
                prefix = after[: next(n for n in range(1, 33) if after[:n] != before[:n])]
            out += self.bound(prefix) + b"\1" + self.fingerprint(low, low + size)
            low += size
        return out

    def first(self):
        return b"\x61" + self.divided(0, len(self.members), None)

    def next(self, step):
        """What follows a step; nothing if whoever asks is done."""
        r = Reader(step)
        need(r.take(1) == b"\x61", "another version")

        def number():
            n = 0
            while True:
                byte = r.take(1)[0]
                n = n << 7 | byte & 127
                if byte < 128:
                    return n

        out, low, skipped, last = b"\x61", 0, False, b""
        while r.at < len(step):
            infinite = number() == 0
            prefix = r.take(number())
            end = None if infinite else prefix
            high = len(self.members) if infinite else next((i for i, m in enumerate(self.members) if m >= prefix), len(self.members))
            high, mode, answer = max(high, low), number(), b""
            if mode == 1 and r.take(16) != self.fingerprint(low, high):
                answer = self.divided(low, high, end)
            elif mode == 2:
                theirs, ours = {r.take(32) for _ in range(number())}, set(self.members[low:high])
                if self.asks:
                    self.ours |= ours - theirs
                    self.theirs |= theirs - ours
                else:
                    answer = self.listed(low, high, end)
            need(mode < 3, "a mode")
            if answer and skipped:
                out += self.bound(last) + b"\0"
            out, skipped, low, last = out + answer, not answer, high, end
        return None if self.asks and len(out) == 1 else out


def message(data):
    def read(r):
        items = r.array(1, 2, 3, 4)
        tag = r.number([0, 1, 2, 3, *range(5, 16)])
        need(items == {0: 4, 1: 3, 2: 1, 3: 2, 8: 3, 9: 2, 10: 2, 11: 2, 14: 1}.get(tag, 4), "items of a message")

        def pair(limit, domain, check):
            r.array(2)
            data_, signature = r.data_of(limit), r.fixed(64)
            value = check(data_)
            need(verifies(value[1], domain, hash_of(data_), signature), "a signature")
            return [data_, signature]

        def card_():
            return pair(LIMITS["CARD"], "0 card", card)

        def place():
            return [r.fixed(), r.number([0, 1])]

        def places(limit):
            def one():
                r.array(2)
                return place()

            return r.list(limit, one, lambda p: p)

        def entry(where):
            r.array(4)
            found = [r.data_of(LIMITS["HEADER"]), r.fixed(64), r.option(lambda: r.data_of(LIMITS["PAYLOAD"])),
                     r.option(lambda: r.data_of(LIMITS["WRAPS_BYTES"]))]
            header = verified(*found)
            need([header.document or header.id, header.plane] == where, "an entry out of place")
            return found

        if tag == 0:
            return [tag, card_(), r.option(lambda: pair(LIMITS["ADDRESSES_BYTES"], "0 addresses", addresses)), r.number([0, 1])]
        if tag == 1:
            return [tag, card_(), r.fixed()]
        if tag == 3:
            return [tag, r.list(LIMITS["ITEMS"], card_)]
        if tag in (5, 7, 13):
            return [tag, *place(), r.list(LIMITS["IDS"] if tag == 13 else LIMITS["HAVE"], r.fixed, lambda i: i)]
        if tag == 6:
            where = place()
            return [tag, *where, r.list(LIMITS["ITEMS"], lambda: entry(where))]
        if tag == 8:
            return [tag, places(LIMITS["ITEMS"]), r.number([0, 1])]
        if tag == 9:
            return [tag, r.data_of(LIMITS["STEP"])]
        if tag == 10:
            return [tag, r.list(LIMITS["NEEDS"], r.fixed, lambda i: i)]
        if tag == 11:
            return [tag, places(LIMITS["NEEDS"])]
        if tag in (12, 15):
            return [tag, *place(), r.data_of(LIMITS["STEP"])]
        return [tag]

    return whole(data, LIMITS["MESSAGE"], read)
