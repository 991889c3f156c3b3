"""What a training run computes with."""

from __future__ import annotations

import pytest
import torch

from mcaclip.errors import TrainingError
from tests.helpers.options import choices
from train.cli.prompt import Options
from train.common.precision import PRECISIONS, Precision, choose_precision

CPU, CUDA = torch.device("cpu"), torch.device("cuda")


@pytest.mark.parametrize(
    ("found", "expected"),
    [({"avx512_bf16": True}, torch.bfloat16), ({"amx_bf16": True}, torch.bfloat16), ({"avx512_bf16": False}, None)],
)
def test_a_cpu_computes_in_bf16_if_it_has_it(monkeypatch, found, expected):
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: found)
    assert choose_precision("auto", CPU) == Precision(expected, tf32=False)


def test_a_cpu_can_be_asked_for_either_format():
    assert choices(Options, "precision") == PRECISIONS
    assert choose_precision("fp32", CPU) == Precision(None, tf32=False)
    assert choose_precision("bf16", CPU).autocast_to is torch.bfloat16


@pytest.mark.parametrize(("has_bf16", "expected"), [(True, torch.bfloat16), (False, torch.float16)])
def test_a_card_computes_in_the_shortest_type_it_has(monkeypatch, has_bf16, expected):
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation: has_bf16)
    chosen = choose_precision("auto", CUDA)
    assert chosen == Precision(expected, tf32=True)
    assert chosen.scaled == (not has_bf16)


def test_a_card_can_be_asked_for_plain_float32():
    assert choose_precision("fp32", CUDA) == Precision(None, tf32=False)
    assert choose_precision("tf32", CUDA) == Precision(None, tf32=True)


@pytest.mark.parametrize("name", ["tf32", "fp16", "int8"])
def test_what_the_device_cannot_do_is_refused(name):
    with pytest.raises(TrainingError, match="fp32"):
        choose_precision(name, CPU)


def test_the_switch_for_tf32_is_set(monkeypatch):
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", True)
    before = torch.get_float32_matmul_precision()
    try:
        Precision(tf32=True).apply()
        assert torch.get_float32_matmul_precision() == "high" and torch.backends.cudnn.allow_tf32
        Precision().apply()
        assert torch.get_float32_matmul_precision() == "highest" and not torch.backends.cudnn.allow_tf32
    finally:
        torch.set_float32_matmul_precision(before)


def test_autocast_holds_inside_only():
    a = torch.ones(2, 2)
    with Precision(torch.bfloat16).autocast(CPU):
        assert (a @ a).dtype is torch.bfloat16
    with Precision().autocast(CPU):
        assert (a @ a).dtype is torch.float32
