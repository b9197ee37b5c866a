"""A broker's log on disk, while the broker is down: what is in it, and losing its end as a machine does that lost power."""

import struct

HEAD = struct.Struct(">qiibIhi")  # base offset, length from there, leader epoch, magic, checksum, attributes, last offset delta


def batches(path):
    """[(position in the file, first offset, last offset)] of a segment; of what is whole."""
    data, at, found = path.read_bytes(), 0, []
    while at + HEAD.size <= len(data):
        first, length, _, magic, _, _, delta = HEAD.unpack_from(data, at)
        if magic != 2 or at + 12 + length > len(data):
            break
        found.append((at, first, first + delta))
        at += 12 + length
    return found


def newest(folder):
    return sorted(folder.glob("*.log"))[-1]


def cut(folder, keep):
    """Leaves `keep` of the batches in the newest segment of a partition, and torn bytes of the next one. Returns the first offset that is lost."""
    path = newest(folder)
    found = batches(path)
    position, first, _ = found[keep]
    with open(path, "r+b") as segment:
        segment.truncate(position + HEAD.size // 2)
    return first


def cut_all(data, topic, share, chance):
    """Of every partition of a topic: about that share of its newest segment, and one message at least. {partition: first lost}"""
    lost = {}
    for folder in sorted(data.glob(topic + "-*")):
        there = len(batches(newest(folder)))
        if there > 0:
            lost[int(folder.name[len(topic) + 1:])] = cut(folder, min(there - 1, int(there * (1 - share) + chance.random())))
    return lost
