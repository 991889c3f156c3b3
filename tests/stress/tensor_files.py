"""Hostile safetensors: session files and fitted edits."""

from __future__ import annotations

import json
import struct
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import save

from mcaclip.editing.library import collect
from mcaclip.editing.network.mca import MCANetwork, save_network
from mcaclip.editing.stack_fit import StackFit
from mcaclip.generators.stylegan2 import StyleGAN2, StyleGAN2Config
from mcaclip.results.session_file import SavedSession, read_session, write_session
from mcaclip.types import EditSettings, Paint
from mcaclip.ui.handlers.face import saved_face
from tests.editing.network.test_mca import TINY
from tests.editing.network.test_mca import text as code
from tests.fakes import FakeEditor
from tests.stress.cases import World
from tests.stress.junk import Random, damaged, mutated, pick, text
from tests.stress.pictures import hostile

with torch.device("meta"):
    LAYERS = StyleGAN2(StyleGAN2Config(16, 4, 64)).layers
KINDS = (
    torch.float32,
    torch.float64,
    torch.float16,
    torch.bfloat16,
    torch.int64,
    torch.uint8,
    torch.bool,
    torch.int8,
)


def session_files(rng: Random, world: World) -> None:
    """A session file: a face that can be shown, edited and saved again, or refused."""
    path = world.write(_mutated(rng, good_session(world.folder)), ".safetensors")
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
    path = world.write(_mutated(rng, _good_edit(world.folder)), ".safetensors")
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
    write_session(folder / "good", SavedSession("me", w_plus, 0.8, photo, quad, settings, 1, {"fake": "0" * 64}))
    return (folder / "good").read_bytes()


@cache
def _good_edit(folder: Path) -> bytes:
    torch.manual_seed(0)
    network, prompt = MCANetwork(LAYERS, TINY), "green lipstick"
    save_network(network, folder / "good_edit", {prompt: {"steps": 3}}, {prompt: code(1)}, "stylegan2", "FaceCLIP")
    return (folder / "good_edit").read_bytes()


def _mutated(rng: Random, data: bytes) -> bytes:
    """A safetensors file with damaged bytes, a lying header, other metadata or other tensors."""
    way = int(rng.integers(8))
    size = struct.unpack("<Q", data[:8])[0]
    header, body = json.loads(data[8 : 8 + size]), data[8 + size :]
    if way == 0:
        return damaged(rng, data)
    if way == 1:
        return struct.pack("<Q", pick(rng, (0, 1, size - 1, size + 1, len(data), 2**40, 2**63))) + data[8:]
    if way == 2:
        return _file(mutated(rng, header, int(rng.integers(1, 4))), body)
    if way in (3, 4, 5):
        return _file({**header, "__metadata__": _other_metadata(rng, header["__metadata__"])}, body)
    tensors = {name: torch.zeros(1) for name in header if name != "__metadata__"}
    for name, spec in header.items():
        if name != "__metadata__":
            begin, end = spec["data_offsets"]
            kind = {"F32": torch.float32, "F64": torch.float64, "F16": torch.float16, "U8": torch.uint8}[
                spec["dtype"]
            ]
            tensors[name] = torch.frombuffer(bytearray(body[begin:end]), dtype=kind).view(spec["shape"])
    for _ in range(int(rng.integers(1, 3))):
        name = pick(rng, list(tensors))
        tensors[name] = _other_tensor(rng, tensors[name])
        if rng.random() < 0.2:
            tensors[text(rng)[:30].encode(errors="replace").decode()] = tensors.pop(name)
    return save(tensors, header["__metadata__"])


def _file(header: Any, body: bytes) -> bytes:
    packed = json.dumps(header).encode()
    return struct.pack("<Q", len(packed)) + packed + body


def _other_metadata(rng: Random, metadata: dict[str, str]) -> dict[str, str]:
    """One entry changed inside, where it is JSON; numbers in it may become very large ones."""
    name = pick(rng, list(metadata))
    try:
        inside = json.dumps(mutated(rng, json.loads(metadata[name]), int(rng.integers(1, 4))))
    except ValueError:
        inside = text(rng)[:1000]
    return {
        **metadata,
        name: damaged(rng, inside.encode(errors="replace")).decode(errors="replace")
        if rng.random() < 0.1
        else inside,
    }


def _other_tensor(rng: Random, tensor: torch.Tensor) -> torch.Tensor:
    way = int(rng.integers(5))
    if way == 0:
        return tensor.float().to(pick(rng, KINDS))
    if way == 1:
        return torch.zeros(pick(rng, ((), (0,), (1,), (0, 512), (18, 512), (1, 0, 512), (4, 2), (1, 1, 1, 1, 1))))
    if way == 2:
        return torch.frombuffer(bytearray(hostile(rng) or b"\0"), dtype=torch.uint8)
    changed = tensor.clone().flatten()
    if changed.numel():
        at = torch.from_numpy(rng.integers(0, changed.numel(), 20))
        bad = pick(rng, (float("nan"), float("inf"), -1e30, 1e5, 0.0))
        changed[at] = bad if changed.is_floating_point() else int(rng.integers(256))
    return changed.view(tensor.shape)
