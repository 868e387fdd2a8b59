#!/usr/bin/env python3
"""Judges a copy of a Hue & Cry audit log, or an evidence pack, offline.

    python3 verify.py FOLDER --key NAME+ID+KEY [--checkpoint FILE]...

Standard library only; nothing in it comes from the program that wrote the copy. Take the key, this file and, best,
a later checkpoint from elsewhere than the copy. Exit code: 0 all is as it was signed, 6 it is not, 2 wrong usage.

Formats: RFC 6962 (tree), RFC 8032 (Ed25519), C2SP signed-note, tlog-checkpoint and tlog-tiles; the leaf and the
lines of records as docs/reference/audit.md describes them.
"""

import argparse
import base64
import datetime
import hashlib
import json
import os
import re
import struct
import sys

CLOCK_BACK_MS_MAX = 60_000
TIME_MS_END = 253_402_300_800_000  # the year 10000
LISTED_MAX = 100
FIELDS = ["principal", "object", "before", "after", "reason", "origin", "request_id"]
ZEROS = bytes(32)


# --- Ed25519, verification only (RFC 8032 section 5.1.7) -------------------------------------------------------

P = 2**255 - 19
L = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P
SQRT_M1 = pow(2, (P - 1) // 4, P)


def point_add(a, b):
    """Adds points in extended coordinates (x, y, z, t), x·y = z·t."""
    e = (a[1] - a[0]) * (b[1] - b[0]) % P
    f = (a[1] + a[0]) * (b[1] + b[0]) % P
    g = 2 * a[3] * b[3] * D % P
    h = 2 * a[2] * b[2] % P
    i, j, k, m = f - e, h - g, h + g, f + e
    return (i * j % P, k * m % P, j * k % P, i * m % P)


def point_mul(scalar, point):
    total = (0, 1, 1, 0)
    while scalar:
        if scalar & 1:
            total = point_add(total, point)
        point = point_add(point, point)
        scalar >>= 1
    return total


def same_point(a, b):
    return (a[0] * b[2] - b[0] * a[2]) % P == 0 and (a[1] * b[2] - b[1] * a[2]) % P == 0


def point_of(data):
    y = int.from_bytes(data, "little")
    sign, y = y >> 255, y & ((1 << 255) - 1)
    if y >= P:
        return None
    x2 = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    x = pow(x2, (P + 3) // 8, P)
    if (x * x - x2) % P:
        x = x * SQRT_M1 % P
    if (x * x - x2) % P or (x == 0 and sign):
        return None
    if x & 1 != sign:
        x = P - x
    return (x, y, 1, x * y % P)


BASE = point_of((4 * pow(5, P - 2, P) % P).to_bytes(32, "little"))


def ed25519_fits(key, message, signature):
    if len(key) != 32 or len(signature) != 64:
        return False
    a, r = point_of(key), point_of(signature[:32])
    s = int.from_bytes(signature[32:], "little")
    if a is None or r is None or s >= L:
        return False
    # keys and nonces of small order would fit any message
    if any(same_point(point_mul(8, point), (0, 1, 1, 0)) for point in (a, r)):
        return False
    h = int.from_bytes(hashlib.sha512(signature[:32] + key + message).digest(), "little") % L
    return same_point(point_mul(s, BASE), point_add(r, point_mul(h, a)))


# --- notes, keys, checkpoints (C2SP) ---------------------------------------------------------------------------


def base64_of(text):
    """Decodes base64 that is written as it would be encoded; None otherwise."""
    try:
        data = base64.b64decode(text.encode("ascii"), validate=True)
    except (ValueError, UnicodeError):
        return None
    return data if base64.b64encode(data).decode() == text else None


class Key:
    def __init__(self, vkey):
        self.text = vkey.strip()
        name, _, rest = self.text.partition("+")
        key_id, _, key = rest.partition("+")
        data = base64_of(key)
        if data is None or len(data) != 33 or data[0] != 1:
            raise ValueError("this is no public key: write NAME+ID+KEY, as `huecry audit key` prints it")
        self.name, self.key = name, data[1:]
        self.id = hashlib.sha256(name.encode() + b"\n" + data).digest()[:4]
        if self.id.hex() != key_id:
            raise ValueError("the key's id does not fit its name and bytes")


class Checkpoint:
    def __init__(self, note, text):
        lines = text.split("\n")
        if len(lines) != 6 or lines[5]:
            raise ValueError("the signed text is no checkpoint of an audit log")
        self.note, self.origin = note, lines[0]
        self.size, self.time_ms = number(lines[1]), number(lines[3], "time_ms ")
        self.root = base64_of(lines[2])
        self.previous = base64_of(lines[4][9:]) if lines[4].startswith("previous ") else None
        sizes = [len(hash or b"") for hash in (self.root, self.previous)]
        if sizes != [32, 32] or not 0 <= self.size <= 2**48 or not 0 <= self.time_ms < TIME_MS_END:
            raise ValueError("the signed text is no checkpoint of an audit log")

    def hash(self):
        return hashlib.sha256(self.note.encode()).digest()


def number(text, prefix=""):
    if not re.fullmatch(re.escape(prefix) + r"(0|-?[1-9][0-9]*)", text):
        raise ValueError("the signed text is no checkpoint of an audit log")
    return int(text[len(prefix):])


def open_note(key, note, own):
    """A checkpoint whose signature fits; raises ValueError. `own`: ours must be the only signature."""
    if len(note.encode()) > 16 * 1024 or "\n\n" not in note:
        raise ValueError("this is no signed note")
    text, _, signatures = note.rpartition("\n\n")
    text += "\n"
    lines = signatures.split("\n")
    if own and (len(lines) != 2 or lines[1]):
        raise ValueError("this is no signed note")
    for line in lines:
        match = re.fullmatch("\u2014 ([^ ]+) ([^ ]+)", line)
        data = base64_of(match[2]) if match else None
        if data is None:
            raise ValueError("this is no signed note")
        if match[1] == key.name and data[:4] == key.id:
            if not ed25519_fits(key.key, text.encode(), data[4:]):
                raise ValueError("the signature does not fit")
            checkpoint = Checkpoint(note, text)
            if checkpoint.origin != key.name:
                raise ValueError("it is the checkpoint of another log")
            return checkpoint
        if own:
            break
    raise ValueError("it is not signed by this key")


def read_unchecked(key, note):
    """A checkpoint of the history: a later signature covers it."""
    text, _, signature = note.partition("\n\n")
    checkpoint = Checkpoint(note, text + "\n")
    if not signature.startswith("\u2014 ") or signature.find("\n") != len(signature) - 1:
        raise ValueError("this is no signed note")
    if checkpoint.origin != key.name:
        raise ValueError("it is the checkpoint of another log")
    return checkpoint


# --- the tree (RFC 6962 section 2.1) and its tiles (C2SP tlog-tiles) --------------------------------------------


def leaf_hash(leaf):
    return hashlib.sha256(b"\0" + leaf).digest()


def node_hash(left, right):
    return hashlib.sha256(b"\1" + left + right).digest()


def root_of(nodes):
    if not nodes:
        return hashlib.sha256().digest()
    if len(nodes) == 1:
        return nodes[0]
    half = 1 << ((len(nodes) - 1).bit_length() - 1)
    return node_hash(root_of(nodes[:half]), root_of(nodes[half:]))


def inclusion_root(leaf, index, size, path):
    """The root that an audit path leads to (RFC 9162 section 2.1.3.2); None if its length is wrong."""
    if index >= size:
        return None
    at, last, root = index, size - 1, leaf
    for sibling in path:
        if last == 0:
            return None
        if at & 1 or at == last:
            root = node_hash(sibling, root)
            while not at & 1 and at:
                at >>= 1
                last >>= 1
        else:
            root = node_hash(root, sibling)
        at >>= 1
        last >>= 1
    return root if last == 0 else None


def tile_path(level, index, width):
    groups = ["%03d" % (index % 1000)]
    while index >= 1000:
        index //= 1000
        groups.append("x%03d" % (index % 1000))
    partial = ".p/%d" % width if width < 256 else ""
    return "tile/%s/%s%s" % (level, "/".join(reversed(groups)), partial)


def tile_names(size):
    """The file of each tile of a tree of `size` leaves."""
    names = set()
    for level in ["entries", 0, 1, 2, 3, 4, 5]:
        row = size if level == "entries" else size >> (8 * level)
        for index in range((row + 255) // 256):
            names.add(tile_path(level, index, min(256, row - 256 * index)))
    return names


class Edge:
    """The growing tree; calls `full(name, content)` for each tile that is done."""

    def __init__(self, full):
        self.size, self.rows, self.bundle, self.full = 0, [[]], [], full

    def push(self, leaf, hash):
        self.bundle.append(struct.pack(">H", min(len(leaf), 65535)) + leaf)
        self.size += 1
        level = 0
        while True:
            if len(self.rows) <= level:
                self.rows.append([])
            row = self.rows[level]
            row.append(hash)
            if len(row) < 256:
                return
            index = (self.size >> (8 * (level + 1))) - 1
            if level == 0:
                self.full(tile_path("entries", index, 256), b"".join(self.bundle))
                self.bundle = []
            self.full(tile_path(level, index, 256), b"".join(row))
            self.rows[level] = []
            hash = root_of(row)
            level += 1

    def root(self):
        lower = []
        for row in self.rows:
            nodes = row + lower
            lower = [root_of(nodes)] if nodes else []
        return lower[0] if lower else root_of([])

    def partials(self):
        for level in ["entries"] + list(range(len(self.rows))):
            row = self.bundle if level == "entries" else self.rows[level]
            if row:
                above = self.size if level == "entries" else self.size >> (8 * level)
                yield tile_path(level, above // 256, len(row)), b"".join(row)


# --- records ---------------------------------------------------------------------------------------------------

CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


def canonical(value):
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def once(pairs):
    keys = [key for key, _ in pairs]
    if len(set(keys)) != len(keys):
        raise ValueError("a key twice")
    return dict(pairs)


class Entry:
    def __init__(self, line):
        data = json.loads(line, object_pairs_hook=once)
        if canonical(data) != line or list(data) != ["index", "id", "at_ms", "clock_ms", "action", "values"]:
            raise ValueError("not written as the program writes it")
        self.index, self.id, self.action = data["index"], data["id"], data["action"]
        self.at_ms, self.clock_ms, values = data["at_ms"], data["clock_ms"], data["values"]
        numbers = [self.index, self.at_ms, self.clock_ms]
        if any(type(n) is not int for n in numbers) or type(self.action) is not str or list(values) != FIELDS:
            raise ValueError("not a record")
        if not re.fullmatch("aud_[0-7][%s]{25}" % CROCKFORD, self.id):
            raise ValueError("not a record")
        self.texts, self.erased, self.withheld, commitments = {}, set(), 0, []
        for tag, name in enumerate(FIELDS, 1):
            commitments.append(self.commitment(tag, name, values[name]))
        ulid = 0
        for char in self.id[4:]:
            ulid = ulid << 5 | CROCKFORD.index(char)
        action = self.action.encode()
        head = struct.pack(">4sQ16sqqI", b"HCA1", self.index, ulid.to_bytes(16, "big"), self.at_ms,
                           self.clock_ms, len(action))
        self.leaf = head + action + b"".join(commitments)

    def commitment(self, tag, name, value):
        if list(value) == ["erased"]:
            self.erased.add(name)
            return unhex(value["erased"], 32)
        if list(value) == ["withheld"]:
            self.withheld += 1
            return unhex(value["withheld"], 32)
        if list(value) != ["salt", "text"] or not isinstance(value["text"], (str, type(None))):
            raise ValueError("not a value")
        salt, text = unhex(value["salt"], 16), value["text"]
        self.texts[name] = text
        given = b"\0" if text is None else b"\1" + text.encode()
        return hashlib.sha256(salt + bytes([tag]) + given).digest()


def unhex(text, size):
    if type(text) is not str or not re.fullmatch("[0-9a-f]{%d}" % (2 * size), text):
        raise ValueError("not hex")
    return bytes.fromhex(text)


# --- the verdict -----------------------------------------------------------------------------------------------


class Report:
    def __init__(self):
        self.records, self.erased_values, self.checkpoints, self.signed_at_ms = 0, 0, 0, None
        self.withheld_values = 0
        self.findings, self.total = [], 0

    def find(self, code, place, detail):
        self.total += 1
        if len(self.findings) < LISTED_MAX:
            self.findings.append({"code": code, "place": place, "detail": str(detail)})


def read(folder, name):
    try:
        with open(os.path.join(folder, name), "rb") as file:
            return file.read()
    except (FileNotFoundError, NotADirectoryError):
        return None


def lines_of(folder, name):
    """The lines of a file with their line breaks; none if it is not there."""
    path = os.path.join(folder, name)
    if os.path.exists(path):
        with open(path, "rb") as file:
            yield from file


class Judge:
    def __init__(self, folder, key, kept):
        self.folder, self.key, self.kept, self.report = folder, key, kept, Report()
        self.points, self.head = {}, None

    def find(self, *finding):
        self.report.find(*finding)

    def run(self):
        if read(self.folder, "key") != (self.key.text + "\n").encode():
            self.find("key_differs", "key", "the key in the copy is not the one that was given")
        self.read_head()
        if read(self.folder, "pack.json") is not None:
            self.judge_pack()
        else:
            self.read_history()
            self.read_kept()
            self.judge_copy()
        return self.report

    def add_point(self, place, checkpoint, is_head=False):
        self.points.setdefault(checkpoint.size, []).append((place, checkpoint, is_head))
        self.report.checkpoints += 1

    def read_head(self):
        content = read(self.folder, "checkpoint")
        if content is None:
            return self.find("checkpoint_missing", "checkpoint", "the copy has no last checkpoint")
        try:
            self.head = open_note(self.key, content.decode(), own=True)
            self.report.signed_at_ms = self.head.time_ms
        except ValueError as error:
            self.find("checkpoint_invalid", "checkpoint", error)

    def read_history(self):
        folder, previous = os.path.join(self.folder, "checkpoints"), None
        for name in sorted(os.listdir(folder)) if os.path.isdir(folder) else []:
            content = read(self.folder, "checkpoints/" + name)
            if content and not content.endswith(b"\n"):
                self.find("history_broken", "checkpoints/" + name, "the last line is not whole")
            lines = content[:-1] if content.endswith(b"\n") else content
            for at, line in enumerate(lines.split(b"\n"), 1):
                place = "checkpoints/%s line %d" % (name, at)
                previous = self.history_line(name, place, line, previous) or previous
        if self.head:
            if previous is None or previous.note != self.head.note:
                self.find("history_broken", "checkpoints", "it does not end with the last checkpoint")
            self.add_point("checkpoint", self.head, is_head=True)

    def history_line(self, name, place, line, previous):
        try:
            line = line.decode()
            data = json.loads(line, object_pairs_hook=once)
            if list(data) != ["note"] or canonical(data) != line:
                raise ValueError
            checkpoint = read_unchecked(self.key, data["note"])
        except (ValueError, TypeError, AttributeError):
            self.find("history_broken", place, "the line is no checkpoint")
            return None
        if checkpoint.previous != (previous.hash() if previous else ZEROS):
            self.find("history_broken", place, "it does not name the checkpoint before it")
        if previous and (previous.size > checkpoint.size or previous.time_ms > checkpoint.time_ms):
            self.find("history_broken", place, "size or time went back")
        if name != day_of(checkpoint.time_ms):
            self.find("history_broken", place, "it stands in the file of another day")
        self.add_point(place, checkpoint)
        return checkpoint

    def read_kept(self):
        for place, note in self.kept:
            try:
                self.add_point(place, open_note(self.key, note, own=False))
            except ValueError as error:
                self.find("checkpoint_invalid", place, error)

    def judge_copy(self):
        self.size = self.head.size if self.head else 0
        self.names = tile_names(self.size)
        self.misfits, self.changed, self.missing = [], set(), set()
        self.at_ms = self.clock_max = self.signed_max = -(2**63)
        self.root_fits, self.erased, self.announced = None, {}, {}
        self.edge = Edge(self.compare_tile)
        self.leaf_tile = (None, b"")
        self.at_size()
        for line in lines_of(self.folder, "records.jsonl"):
            self.line(line)
            self.at_size()
        self.finish()

    def line(self, line):
        index, entry = self.edge.size, None
        try:
            if not line.endswith(b"\n"):
                raise ValueError
            entry = Entry(line[:-1].decode())
        except (ValueError, TypeError, KeyError, AttributeError, struct.error, OverflowError, RecursionError):
            self.find("record_unreadable", "record %d" % index, "the line is not a record")
        leaf = entry.leaf if entry else line
        place = "record %d%s" % (index, " (%s)" % entry.id if entry else "")
        if entry:
            self.entry(index, place, entry)
        hash = leaf_hash(leaf)
        self.compare_leaf(index, place, hash)
        self.edge.push(leaf, hash)

    def entry(self, index, place, entry):
        if entry.index != index:
            self.find("record_order", place, "it says that its place is %d" % entry.index)
        if entry.at_ms != max(entry.clock_ms, self.at_ms):
            self.find("time_order", place, "its time follows neither from its clock nor from the record before")
        for known, what in [(self.at_ms, "the record before"), (self.signed_max, "a tree signed before it")]:
            if known - entry.clock_ms > CLOCK_BACK_MS_MAX:
                detail = "its clock stood %d ms before the time of %s" % (known - entry.clock_ms, what)
                self.find("clock_set_back", place, detail)
                break
        self.at_ms, self.clock_max = entry.at_ms, max(self.clock_max, entry.clock_ms)
        self.report.records += 1
        self.report.withheld_values += entry.withheld
        if entry.erased:
            self.report.erased_values += len(entry.erased)
            self.erased[entry.id] = (index, entry.erased)
        if entry.action == "audit.erase" and entry.texts.get("object") is not None:
            try:
                fields = set(json.loads(entry.texts.get("after") or "")["fields"])
            except (ValueError, TypeError, KeyError):
                fields = set()
            self.announced.setdefault(entry.texts["object"], []).append((index, fields))

    def compare_leaf(self, index, place, hash):
        if index >= self.size:
            return
        number = index // 256
        if self.leaf_tile[0] != number:
            name = tile_path(0, number, min(256, self.size - 256 * number))
            self.leaf_tile = (number, read(self.folder, name) or b"")
        at = 32 * (index % 256)
        known = self.leaf_tile[1][at:at + 32]
        if len(known) == 32 and known != hash:
            self.misfits.append((place, "it is not what was written: the leaf in the tree is another"))

    def compare_tile(self, name, content):
        if name in self.names:
            found = read(self.folder, name)
            if found is None:
                self.missing.add(name)
            elif found != content:
                self.changed.add(name)

    def at_size(self):
        size, points = self.edge.size, self.points.pop(self.edge.size, [])
        root = self.edge.root() if points else None
        for place, checkpoint, is_head in points:
            if checkpoint.root != root:
                self.find("root_differs", place, "the first %d records have another root than the signed one" % size)
            if is_head:
                self.root_fits = checkpoint.root == root
                for name, content in self.edge.partials():
                    self.compare_tile(name, content)
            if self.clock_max - checkpoint.time_ms > CLOCK_BACK_MS_MAX:
                self.find("clock_set_back", place, "it was signed before the clock of a record in it")
            self.signed_max = max(self.signed_max, checkpoint.time_ms)

    def finish(self):
        records = self.edge.size
        for points in self.points.values():
            for place, checkpoint, _ in points:
                detail = "it covers %d records, the copy has %d" % (checkpoint.size, records)
                self.find("truncated", place, detail)
        if self.head and records > self.size:
            detail = "%d records stand after the last signed one" % (records - self.size)
            self.find("records_unsigned", "records.jsonl", detail)
        for id, (index, fields) in self.erased.items():
            named = set().union(*(names for at, names in self.announced.get(id, []) if at > index))
            for name in sorted(fields - named):
                detail = "its %s is gone, and no record says that it was erased" % name
                self.find("erased_unannounced", "record %d (%s)" % (index, id), detail)
        for place, detail in [] if self.root_fits else self.misfits:
            self.find("record_changed", place, detail)
        for name in sorted(self.changed) if self.root_fits or not self.misfits else []:
            self.find("tile_changed", name, "it is not that of the records")
        for name in sorted(self.missing):
            self.find("tile_missing", name, "there is no such file")
        for name in sorted(files_below(self.folder, "tile") - self.names):
            self.find("tile_unexpected", name, "the tree has no such tile")

    def judge_pack(self):
        if self.head:
            self.add_point("checkpoint", self.head, is_head=True)
        for place, note in self.kept:
            try:
                kept = open_note(self.key, note, own=False)
                self.report.checkpoints += 1
                if self.head and kept.size == self.head.size and kept.root != self.head.root:
                    self.find("root_differs", place, "a tree of the same size has another root")
            except ValueError as error:
                self.find("checkpoint_invalid", place, error)
        self.lists = set()
        records = list(lines_of(self.folder, "records.jsonl"))
        proofs = list(lines_of(self.folder, "proofs.jsonl"))
        if len(records) != len(proofs):
            self.find("proof_invalid", "proofs.jsonl", "%d proofs for %d records" % (len(proofs), len(records)))
        for at, (record, proof) in enumerate(zip(records, proofs)):
            self.proof(at, record, proof)
        list_of_files = read(self.folder, "pack.json")
        if hashlib.sha256(list_of_files).hexdigest() not in self.lists:
            self.find("attachment_changed", "pack.json", "no record of this pack names this list of attachments")
        try:
            attachments = {item["file"]: item["sha256"] for item in json.loads(list_of_files)["attachments"]}
        except (ValueError, TypeError, KeyError):
            return self.find("attachment_changed", "pack.json", "it cannot be read")
        there = files_below(self.folder, "attachments")
        for name in sorted(there | set(attachments)):
            content = read(self.folder, name) if name.startswith("attachments/") and ".." not in name else None
            if content is None or hashlib.sha256(content).hexdigest() != attachments.get(name):
                self.find("attachment_changed", name, "it is not the one that was packed")

    def proof(self, at, record, proof):
        place = "record at line %d" % (at + 1)
        try:
            if not record.endswith(b"\n") or not proof.endswith(b"\n"):
                raise ValueError("the line is not whole")
            entry, text = Entry(record[:-1].decode()), proof[:-1].decode()
            place = "record %d (%s)" % (entry.index, entry.id)
            data = json.loads(text, object_pairs_hook=once)
            path = [unhex(hash, 32) for hash in data["path"]]
            if canonical(data) != text or list(data) != ["index", "path"] or data["index"] != entry.index:
                raise ValueError("the proof is of another record")
        except (ValueError, TypeError, KeyError, AttributeError, struct.error, OverflowError):
            return self.find("proof_invalid", place, "record or proof cannot be read")
        self.report.records += 1
        self.report.erased_values += len(entry.erased)
        self.report.withheld_values += entry.withheld
        if not self.head:
            return
        if inclusion_root(leaf_hash(entry.leaf), entry.index, self.head.size, path) != self.head.root:
            self.find("proof_invalid", place, "the proof does not lead to the signed root")
        elif entry.action == "audit.pack":
            try:
                self.lists.add(json.loads(entry.texts.get("after") or "")["list_sha256"])
            except (ValueError, TypeError, KeyError):
                pass


def day_of(time_ms):
    day = datetime.datetime(1970, 1, 1) + datetime.timedelta(milliseconds=time_ms)
    return day.strftime("%Y-%m-%d")


def files_below(folder, name):
    found = set()
    for base, _, files in os.walk(os.path.join(folder, name)):
        relative = os.path.relpath(base, folder).replace(os.sep, "/")
        found.update(relative + "/" + file for file in files)
    return found


def verify(folder, vkey, kept):
    """The report on `folder`; `kept` is a list of (where it is from, note)."""
    return Judge(folder, Key(vkey), kept).run()


def main():
    parser = argparse.ArgumentParser(description="Judges a copy of an audit log, or an evidence pack, offline.")
    parser.add_argument("folder")
    parser.add_argument("--key", required=True, help="NAME+ID+KEY, from elsewhere than the copy")
    parser.add_argument("--checkpoint", action="append", default=[], help="a checkpoint kept elsewhere")
    arguments = parser.parse_args()
    try:
        kept = [(path, open(path, encoding="utf-8").read()) for path in arguments.checkpoint]
        os.listdir(arguments.folder)
        report = verify(arguments.folder, arguments.key, kept)
    except (OSError, ValueError) as error:
        print("error: %s" % error, file=sys.stderr)
        return 2
    print("%d records, %d values erased, %d withheld, %d checkpoints compared"
          % (report.records, report.erased_values, report.withheld_values, report.checkpoints))
    for finding in report.findings:
        print("%(code)s: %(place)s: %(detail)s" % finding)
    if report.total > len(report.findings):
        print("and %d more" % (report.total - len(report.findings)))
    print("TAMPERED: %d findings" % report.total if report.total else "as it was signed")
    return 6 if report.total else 0


if __name__ == "__main__":
    sys.exit(main())
