"""Hostile safetensors: session files and fitted edits."""

from __future__ import annotations

import json
import struct
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import torch
from safetensors.torch import load, save

from mcaclip.editing.library import collect
from mcaclip.editing.network.mca import MCANetwork, save_network
from mcaclip.editing.stack_fit import StackFit
from mcaclip.generators.stylegan2 import StyleGAN2, StyleGAN2Config
from mcaclip.results.session_file import SavedSession, photo_bytes, read_session, write_session
from mcaclip.types import EditSettings, Paint
from mcaclip.ui.handlers.face import saved_face
from tests.editing.network.test_mca import TINY
from tests.editing.network.test_mca import text as code
from tests.fakes import FakeEditor
from tests.stress.cases import World
from tests.stress.junk import damaged, mutated, text
from tests.stress.pictures import hostile

with torch.device("meta"):
    LAYERS = StyleGAN2(StyleGAN2Config(16, 4, 64)).layers
FLOATS = (torch.float32, torch.float64, torch.float16, torch.bfloat16)
DTYPES = (*FLOATS, torch.int64, torch.uint8, torch.bool, torch.int8)


def session_files(rng: Random, world: World) -> None:
    """A session file: a face that can be shown, edited and saved again, or refused."""
    check_session(world.write(_mutated(rng, good_session(world.folder)), ".safetensors"))


def check_session(path: Path) -> None:
    """What is read from a file can be used, and is the same when it is written and read again."""
    saved = read_session(path)
    face, editor = saved_face(saved), FakeEditor(universal=True)
    assert face is None or bool(torch.isfinite(face.image).all())
    editor.reconstruct(saved.w_plus, saved.identity)
    for settings in saved.edits:
        editor.check_settings(settings)
    write_session(path, saved)
    assert torch.equal(read_session(path).w_plus, saved.w_plus)


def edit_files(rng: Random, world: World) -> None:
    """A file for `--edits`: its prompts can be used, or it is refused."""
    check_edit(world.write(_mutated(rng, good_edit(world.folder)), ".safetensors"))


def check_edit(path: Path) -> None:
    """Every prompt of a file can be used."""
    for prompt, entry in collect([], [path], StackFit("stylegan2", LAYERS, "FaceCLIP"), "cpu").items():
        fitted = entry.fitted()
        t_w, delta = fitted.network(torch.zeros(1, 18, 512), fitted.codes[prompt])
        assert t_w.shape == delta.shape == (1, 18, 512)


@cache
def good_session(folder: Path) -> bytes:
    """A session file with a photo and two edits, one of them painted."""
    rng = np.random.default_rng(0)
    paint = Paint(allow=torch.ones(1, 64, 64), include=torch.zeros(1, 64, 64))
    settings = (EditSettings("green lipstick"), EditSettings("purple hair", 0.7, mask_feather=2.0, paint=paint))
    photo = rng.integers(0, 256, (96, 80, 3), dtype=np.uint8)
    quad = np.array([[10.0, 10], [10, 70], [70, 70], [70, 10]])
    w_plus = torch.from_numpy(rng.normal(size=(18, 512)).astype(np.float32))
    write_session(
        folder / "good", SavedSession("me", w_plus, 0.8, photo_bytes(photo), quad, settings, 1, {"fake": "0" * 64})
    )
    return (folder / "good").read_bytes()


@cache
def good_edit(folder: Path) -> bytes:
    """A file with one small edit network."""
    torch.manual_seed(0)
    network, prompt = MCANetwork(LAYERS, TINY), "green lipstick"
    save_network(network, folder / "good_edit", {prompt: {"steps": 3}}, {prompt: code(1)}, "stylegan2", "FaceCLIP")
    return (folder / "good_edit").read_bytes()


def _mutated(rng: Random, data: bytes) -> bytes:
    """A safetensors file with damaged bytes, a lying header, other metadata or other tensors."""
    way = rng.randrange(8)
    size = struct.unpack("<Q", data[:8])[0]
    header, body = json.loads(data[8 : 8 + size]), data[8 + size :]
    if way == 0:
        return damaged(rng, data)
    if way == 1:
        return struct.pack("<Q", rng.choice((0, 1, size - 1, size + 1, len(data), 2**40, 2**63))) + data[8:]
    if way == 2:
        return _file(mutated(rng, header, rng.randint(1, 3)), body)
    if way in (3, 4, 5):
        return _file({**header, "__metadata__": _other_metadata(rng, header["__metadata__"])}, body)
    tensors = load(data)
    for _ in range(rng.randint(1, 2)):
        name = rng.choice(list(tensors))
        tensors[name] = _other_tensor(rng, tensors[name])
        if rng.random() < 0.2:
            tensors[text(rng)[:30].encode(errors="replace").decode()] = tensors.pop(name)
    return save(tensors, header["__metadata__"])


def _file(header: Any, body: bytes) -> bytes:
    packed = json.dumps(header).encode()
    return struct.pack("<Q", len(packed)) + packed + body


def _other_metadata(rng: Random, metadata: dict[str, str]) -> dict[str, str]:
    """One entry changed inside, where it is JSON; numbers in it may become very large ones."""
    name = rng.choice(list(metadata))
    try:
        inside = json.dumps(mutated(rng, json.loads(metadata[name]), rng.randint(1, 3)))
    except ValueError:
        inside = text(rng)[:1000]
    if rng.random() < 0.1:
        inside = damaged(rng, inside.encode(errors="replace")).decode(errors="replace")
    return {**metadata, name: inside}


def _other_tensor(rng: Random, tensor: torch.Tensor) -> torch.Tensor:
    way = rng.randrange(5)
    if way == 0:
        return tensor.float().to(rng.choice(DTYPES))
    if way == 1:
        return torch.zeros(rng.choice(((), (0,), (1,), (0, 512), (18, 512), (1, 0, 512), (4, 2), (1, 1, 1, 1, 1))))
    if way == 2:
        return torch.frombuffer(bytearray(hostile(rng) or b"\0"), dtype=torch.uint8)
    changed = tensor.clone().flatten()
    if changed.numel():
        at = torch.tensor([rng.randrange(changed.numel()) for _ in range(20)])
        bad = rng.choice((float("nan"), float("inf"), -1e30, 1e5, 0.0))
        changed[at] = bad if changed.is_floating_point() else rng.randrange(256)
    return changed.view(tensor.shape)
