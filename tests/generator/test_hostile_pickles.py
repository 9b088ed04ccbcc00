"""Files that want something else than to be read: refused with one sentence, at once, and nothing happens."""

import io
import os
import pickle
import random
import struct
import tracemalloc
import zipfile
from pathlib import Path

import numpy as np
import pytest

from avserver.errors import ModelError
from avserver.generator.importing import import_model
from tests.generator.pickles import (
    INFO,
    MAGIC,
    Call,
    Global,
    Persistent,
    dumps,
    legacy_file,
    persistent_object,
    storage,
    view,
    write,
    zip_file,
)

FILES = Path(__file__).parents[1] / "data" / "imports"
MEMORY = 80 * 2**20  # bytes that a refusal may take; 300 000 opcodes of the costliest kind take some 70 MB
FOUR = np.zeros(4, "<f4")
LOAD = Global("torch.storage", "_load_from_bytes")
SYSTEM = Global("os", "system")
TOUCH = "touch ran"  # in the folder of the test


class Reduced:
    """What any tutorial on hostile pickles shows, written by pickle itself."""

    def __reduce__(self):
        return os.system, (TOUCH,)


def extended(opcode: bytes) -> bytes:
    return b"\x80\x02" + opcode + b"."


def doubled(start: bytes, step: bytes, times: int = 100) -> bytes:
    """Every step mentions what the step before made twice: 2^100 leaves in a few bytes."""
    return b"\x80\x04" + start + step * times + b"."


def compressed_zip() -> bytes:
    return zip_file({"x": storage("0", 10**6)}, {"0": bytes(4 * 10**6)}, compression=zipfile.ZIP_DEFLATED)


def overlapping_zip() -> bytes:
    """An archive whose directory lists the same bytes under many names."""
    entry = bytes(1000)
    data = zip_file({"x": 1}, {"0": entry})
    end = data.rindex(b"PK\x05\x06")
    (size, start) = struct.unpack_from("<II", data, end + 12)
    directory = data[start : start + size]
    last = directory.rindex(b"PK\x01\x02")
    name = directory.index(b"m/data/0", last)
    extra = b"".join(directory[last:name] + f"m/dat{i:03}".encode() + directory[name + 8 :] for i in range(100))
    count = 2 + 100
    tail = struct.pack("<HHHHIIH", 0, 0, count, count, size + len(extra), start, 0)
    return data[:start] + directory + extra + b"PK\x05\x06" + tail


def forged_size_zip() -> bytes:
    """An archive whose only storage claims 10 GB in the directory."""
    data = bytearray(zip_file({"x": storage("0", 4)}, {"0": FOUR.tobytes()}))
    last = data.rindex(b"PK\x01\x02")
    struct.pack_into("<II", data, last + 20, 2**32 - 2, 2**32 - 2)
    return bytes(data)


HOSTILE = {
    "os.system": (pickle.dumps(Reduced()), "'(posix|nt).system'"),
    "os.system, protocol 0": (pickle.dumps(Reduced(), 0), "no pickle of protocol 2 or later"),
    "os.system as text": (b"\x80\x02" + pickle.dumps(Reduced(), 0), "'(posix|nt).system'"),
    "builtins.eval": (dumps(Call(Global("builtins", "eval"), ("open('ran', 'w')",))), "'builtins.eval'"),
    "builtins.getattr": (dumps({"G_ema": Call(Global("builtins", "getattr"), (SYSTEM, "x"))}), "'builtins.getattr'"),
    "in a state": (dumps(persistent_object("Generator", {"x": Call(SYSTEM, (TOUCH,))})), "'os.system'"),
    "nested reduce": (dumps(Call(Call(Global("functools", "partial"), (SYSTEM, TOUCH)))), "'functools.partial'"),
    "calls a value": (dumps(Call(Global("numpy", "ndarray"), ((2,),))), "calls 'numpy.ndarray', which cannot be"),
    "calls a result": (dumps(Call(Call(Global("collections", "OrderedDict")))), "calls a dict, which cannot be called"),
    "dotted name": (b"\x80\x04\x8c\x05torch\x8c\x0b_utils.os.x\x93.", "'torch._utils.os.x'"),
    "global of no text": (b"\x80\x04K\x01K\x02\x93.", "a global without a name"),
    "global of a newline": (b"\x80\x04\x8c\x03os\n\x8c\x06system\x93.", r"'os\\n.system'"),
    "INST": (b"\x80\x02(Vtouch ran\nios\nsystem\n.", "the opcode INST 'os system'"),
    "OBJ": (b"\x80\x02(" + write(SYSTEM) + write(TOUCH) + b"o.", "'os.system'"),
    "NEWOBJ": (b"\x80\x02" + write(SYSTEM) + write((TOUCH,)) + b"\x81.", "'os.system'"),
    "NEWOBJ_EX": (
        b"\x80\x04" + write(Global("dnnlib.util", "EasyDict")) + b")" + write({"a": 1}) + b"\x92.",
        "named arguments",
    ),
    "EXT1": (extended(b"\x82\x01"), "the opcode EXT1 1"),
    "EXT4": (extended(b"\x84\x01\x00\x00\x00"), "the opcode EXT4 1"),
    "out-of-band buffer": (b"\x80\x05\x97.", "the opcode NEXT_BUFFER"),
    "BUILD on a constructor": (dumps(Call(LOAD, (b"",), {"a": 1})), "bytes that torch didn't save"),
    "BUILD on a function": (
        b"\x80\x02" + write(LOAD) + write({"__setstate__": 1}) + b"b.",
        "the state of a Constructor",
    ),
    "BUILD twice": (
        b"\x80\x02" + write(Call(Global("argparse", "Namespace"), (), {"a": 1})) + write({"b": 1}) + b"b.",
        "takes its attributes once",
    ),
    "persistent id": (dumps(Persistent("anything")), "outside of it by 'anything'"),
    "unknown persistent id": (zip_file(Persistent(("module", 1, 2, 3, 4)), {}), "outside of it that is no storage"),
    "persistent id of lines": (b"\x80\x02Pos.system\n.", "the opcode PERSID 'os.system'"),
    "inner pickle": (
        dumps(Call(LOAD, (legacy_file(Call(SYSTEM, (TOUCH,)), {}),))),
        "'os.system'",
    ),
    "inner pickle in a zip": (dumps(Call(LOAD, (zip_file(Call(SYSTEM, (TOUCH,)), {}),))), "'os.system'"),
    "inner pickle, hostile header": (
        dumps(Call(LOAD, (dumps(MAGIC) + dumps(1001) + dumps(Call(SYSTEM, (TOUCH,))),))),
        "'os.system'",
    ),
    "inner in inner": (
        dumps(Call(LOAD, (legacy_file(Call(LOAD, (legacy_file(storage("0", 4), {"0": FOUR}),)), {}),))),
        "'torch.storage._load_from_bytes'",
    ),
    "a bomb of tuples": (doubled(b")", b"\x94h\x00\x86"), "found"),
    "a bomb of growing tuples": (doubled(b")", b"\x942\x86"), "no generator that is known"),
    "a bomb as key": (b"\x80\x04})" + b"2\x86" * 60 + b"Ns.", "as a key; names and numbers are"),
    "a bomb as argument": (
        dumps(Call(Global("torch", "Size"), (1,)))[:-3] + b")" + b"2\x86" * 60 + b"\x85R.",
        "damaged|calls",
    ),
    "a bomb of lists": (doubled(b"]", b"2a"), "found: .*a list"),
    "nested without end": (b"\x80\x04" + b"]" * 400_000 + b"a" * 399_999 + b".", "more than 300000 steps"),
    "a memo of millions": (b"\x80\x04N" + b"\x94" * 400_000 + b".", "more than 300000 steps"),
    "sets of nothing": (b"\x80\x04" + b"\x8f" * 400_000 + b".", "more than 300000 steps"),
    "copies of long bytes": (
        b"\x80\x04"
        + write(Global("_codecs", "encode"))
        + b"\x940"
        + write("x" * 10**6)
        + b"\x940"
        + b"h\x00h\x01X\x06\x00\x00\x00latin1\x86R" * 1000
        + b".",
        "makes more of its bytes than there are",
    ),
    "10 GB of bytes": (
        b"\x80\x04\x8e" + struct.pack("<Q", 10 * 2**30) + b"few.",
        "damaged: expected 10737418240 bytes",
    ),
    "10 GB of text": (b"\x80\x04\x8d" + struct.pack("<Q", 10 * 2**30) + b"few.", "damaged: expected 10737418240 bytes"),
    "2^63 of bytes": (b"\x80\x04\x8e" + b"\xff" * 8 + b"few.", "damaged"),
    "10 GB of storage": (
        legacy_file(view(storage("0", 10**10), 0, (1,), (1,)), {"0": FOUR}),
        "claims 40000000000 bytes",
    ),
    "10 GB of zipped storage": (zip_file(view(storage("0", 10**10), 0, (1,), (1,)), {"0": b""}), "claims 40000000000"),
    "10 GB in a zip's directory": (forged_size_zip(), "claim more bytes than the file has"),
    "10 GB of array": (
        dumps(
            Call(
                Global("numpy.core.multiarray", "_reconstruct"),
                (Global("numpy", "ndarray"), (0,), b"b"),
                (1, (10**10,), Call(Global("numpy", "dtype"), ("f4", False, True)), False, b"few"),
            )
        ),
        r"shape \(10000000000,\) does not fit its bytes",
    ),
    "an array of objects": (dumps(Call(Global("numpy", "dtype"), ("O8", False, True))), "the number type 'O8'"),
    "an expanded tensor": (
        zip_file(view(storage("0", 4), 0, (10**9,), (0,)), {"0": FOUR.tobytes()}),
        "does not fit its storage of 4 numbers",
    ),
    "strides beyond the storage": (
        zip_file(view(storage("0", 4), 0, (2, 2), (3, 1)), {"0": FOUR.tobytes()}),
        "strides \\(3, 1\\) and offset 0 does not fit its storage",
    ),
    "negative strides": (zip_file(view(storage("0", 4), 3, (4,), (-1,)), {"0": FOUR.tobytes()}), "from 0 on"),
    "negative offset": (zip_file(view(storage("0", 4), -4, (4,), (1,)), {"0": FOUR.tobytes()}), "from 0 on"),
    "a storage twice": (
        zip_file([storage("0", 4), storage("0", 2)], {"0": FOUR.tobytes()}),
        "describes the storage '0' in two ways",
    ),
    "a storage elsewhere": (zip_file(storage("../../../etc/passwd", 4), {}), "the archive holds 0"),
    "a storage of the counts": (legacy_file(storage("0", 4), {"0": np.zeros(8, "<f4")}), "has 8 numbers where 4"),
    "a storage not listed": (legacy_file({"G_ema": view(storage("0", 4), 0, (4,), (1,))}, {}), "no generator"),
    "a compressed zip": (compressed_zip(), "is compressed, which PyTorch never does"),
    "an overlapping zip": (overlapping_zip(), "claim more bytes than the file has"),
    "a zip of entries": (zip_file({"x": 1}, {}) + b"PK\x01\x02" * 30_000, "more than 20000 entries"),
    "a zip that leaves its folder": (zip_file({"x": 1}, {}, folder="../.."), "torch.save didn't write"),
    "another zip": (zip_file({"x": 1}, {"0": b""}, folder="a/b"), r"it holds 'a/b/data.pkl', 'a/b/data/0'"),
    "big-endian": (b"".join(map(dumps, (MAGIC, 1001, INFO | {"little_endian": False}, 1, []))), "big-endian"),
    "an empty stack": (b"\x80\x02R.", "takes from an empty stack"),
    "a mark that is not there": (b"\x80\x02t.", "a mark that is not there"),
    "a memo that is not there": (b"\x80\x02h\x05.", "mentions a value that it hasn't given"),
    "a key without value": (b"\x80\x02}(K\x01u.", "a key without a value"),
    "digits without end": (b"\x80\x02L" + b"9" * 10**5 + b"L\n.", "damaged"),
    "nothing": (b"", "it begins with b''"),
    "an end": (b"\x80", "damaged"),
    "an error page": (b"<!DOCTYPE html>\n<html></html>", r"begins with b'<!DOCTYPE html>\\n<htm'"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_it_is_refused_with_one_sentence_and_nothing_happens(name, tmp_path, monkeypatch):
    data, words = HOSTILE[name]
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "hostile.pkl"
    path.write_bytes(data)
    tracemalloc.start()
    try:
        with pytest.raises(ModelError, match=words) as caught:
            import_model(path)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 1000
    assert peak < MEMORY
    assert [entry.name for entry in tmp_path.iterdir()] == ["hostile.pkl"]


def test_the_attacks_are_real(tmp_path, monkeypatch):
    """What pickle does with the first of them."""
    monkeypatch.chdir(tmp_path)
    pickle.load(io.BytesIO(HOSTILE["os.system"][0]))
    assert (tmp_path / "ran").exists()


@pytest.mark.parametrize("name", ["stylegan2_resnet.pkl", "tensorflow.pkl", "rosinality.pt", "rosinality_legacy.pt"])
def test_damaged_models_are_refused_or_read_but_break_nothing(name, tmp_path):
    good = (FILES / name).read_bytes()
    path = tmp_path / name
    rng = random.Random(1)
    refusals = []
    for i in range(60):
        data = bytearray(good)
        if i % 3 == 0:
            del data[rng.randrange(len(data)) :]
        else:
            for _ in range(rng.choice((1, 10, 100))):
                data[rng.randrange(len(data))] = rng.randrange(256)
        path.write_bytes(data)
        try:
            import_model(path)
        except ModelError as err:
            refusals.append(str(err))
    assert len(refusals) > 20
    assert not any("\n" in refusal for refusal in refusals)
