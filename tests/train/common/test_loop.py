from __future__ import annotations

import json
import os
import signal

import pytest
import torch
from torch import nn

from mcaclip.errors import TrainingError
from tests.helpers.clock import Clock
from train.common.checkpoint import take_averaged
from train.common.loop import Budget, LoopSettings, TrainingLoop


def make(out, steps: int, **changes):
    torch.manual_seed(5)
    model = nn.Linear(3, 1)
    settings = LoopSettings(steps=40, ema=0.9, log_every=1, **changes)
    optimizer = torch.optim.Adam(model.parameters(), 0.05)
    loop = TrainingLoop(model, optimizer, settings, out, {"task": "sum"})

    def step(_, rng):
        x = torch.from_numpy(rng.standard_normal((8, 3))).float()
        if loop.step >= steps:
            raise KeyboardInterrupt
        return {"loss": (model(x + 0.01 * torch.randn_like(x)) - x.sum(1, keepdim=True)).square().mean()}

    return loop, step


def test_a_step_lowers_the_loss_and_every_step_is_logged(tmp_path):
    loop, step = make(tmp_path, 40)
    loop.run(step)
    rows = [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    assert rows[-1]["step"] == 40
    assert rows[-1]["loss"] < 0.5 * rows[0]["loss"]


@pytest.mark.parametrize("end", ["error", "signal"])
def test_a_resumed_run_ends_where_an_unbroken_one_does(tmp_path, end):
    whole, step = make(tmp_path / "whole", 40)
    whole.run(step)
    first, stopping = make(tmp_path / "parts", 17, checkpoint_seconds=0.0)
    handler = signal.getsignal(signal.SIGTERM)

    def ended(number, rng):
        if end == "signal" and number == 16:
            os.kill(os.getpid(), signal.SIGTERM)
        return stopping(number, rng)

    with pytest.raises(KeyboardInterrupt if end == "error" else SystemExit):
        first.run(ended)
    assert signal.getsignal(signal.SIGTERM) is handler
    second, step = make(tmp_path / "parts", 40)
    assert second.step == 17
    second.run(step)
    assert all(torch.equal(second.averaged_state()[name], value) for name, value in whole.averaged_state().items())


def test_other_settings_are_refused(tmp_path):
    loop, step = make(tmp_path, 40)
    loop.run(step)
    model = nn.Linear(3, 1)
    with pytest.raises(TrainingError, match="other settings"):
        TrainingLoop(model, torch.optim.Adam(model.parameters()), LoopSettings(4), tmp_path, {"task": "other"})


def test_a_loss_that_is_not_finite_stops_the_run(tmp_path):
    loop, _ = make(tmp_path, 40)
    with pytest.raises(TrainingError, match="loss is nan"):
        loop.run(lambda *_: {"loss": loop.model.weight.sum() * float("nan")})


def test_the_time_limit_ends_a_run_with_a_checkpoint(tmp_path):
    loop, step = make(tmp_path, 40, max_minutes=0.0)
    assert loop.run(step) == 0
    assert (tmp_path / "checkpoint.pt").exists()


def _refused(path, out, match: str) -> None:
    """A run of a damaged checkpoint says so in one line, and leaves the file as it is."""
    before = path.read_bytes() if path.is_file() else None
    with pytest.raises(TrainingError, match=match) as caught:
        make(out, 40)
    said = str(caught.value)
    assert str(path) in said and "\n" not in said and "another folder" in said
    assert path.is_dir() if before is None else path.read_bytes() == before


@pytest.fixture
def stopped(tmp_path):
    """The checkpoint of a run of 40 steps that was stopped after three."""
    loop, step = make(tmp_path, 3, checkpoint_seconds=0.0)
    with pytest.raises(KeyboardInterrupt):
        loop.run(step)
    return tmp_path / "checkpoint.pt"


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.95])
def test_cut_checkpoint_is_named_and_stays(stopped, share):
    whole = stopped.read_bytes()
    stopped.write_bytes(whole[: int(share * len(whole))])
    _refused(stopped, stopped.parent, "damaged or no checkpoint")


@pytest.mark.parametrize("content", [b"\x00" * 1000, b"hello", b"PK\x03\x04" + b"a" * 500, b"\x80\x02}q\x00."])
def test_garbage_in_place_of_a_checkpoint_is_named_and_stays(stopped, content):
    stopped.write_bytes(content)
    _refused(stopped, stopped.parent, "cannot be used")


def test_folder_in_place_of_a_checkpoint_is_named(tmp_path):
    (tmp_path / "checkpoint.pt").mkdir()
    _refused(tmp_path / "checkpoint.pt", tmp_path, "cannot be used")


NAN = float("nan")


@pytest.mark.parametrize(
    ("change", "match"),
    [
        (lambda state: state.clear(), "of another version"),
        (lambda state: state.pop("averaged"), "without averaged"),
        (lambda state: state.pop("step"), "without step"),
        (lambda state: state["model"]["weight"].fill_(NAN), "weight are not finite"),
        (lambda state: state["averaged"]["bias"].fill_(float("inf")), "bias are not finite"),
        (lambda state: state["model"].pop("bias"), "another network"),
        (lambda state: state["averaged"].update(other=torch.zeros(1)), "another network"),
        (lambda state: state.update(model=7), "another network"),
        (lambda state: state["model"].update(weight=torch.zeros(2, 3)), "another shape"),
        (lambda state: state["model"].update(weight="a"), "another shape"),
        (lambda state: state.update(optimizer=[]), "optimiser's state does not fit"),
        (lambda state: state["optimizer"].update(state={9: {}}), "optimiser's state does not fit"),
        (lambda state: state["optimizer"]["state"][0].update(exp_avg=torch.zeros(7)), "does not fit"),
        (lambda state: state["optimizer"].update(param_groups=[]), "does not fit"),
        (lambda state: state["optimizer"]["param_groups"][0].update(step=-1), "does not fit"),
        (lambda state: state["optimizer"]["state"][0]["exp_avg"].fill_(NAN), "optimiser's state is not finite"),
        (lambda state: state.update(step="three"), "count of steps"),
        (lambda state: state.update(step=-1), "count of steps"),
        (lambda state: state.update(seconds=NAN), "count of steps or seconds"),
        (lambda state: state.update(torch_rng=torch.zeros(3)), "state is damaged"),
        (lambda state: state.update(torch_rng=None), "state is damaged"),
        (lambda state: state.update(numpy_rng="{}"), "state is damaged"),
        (lambda state: state.update(numpy_rng=7), "state is damaged"),
    ],
)
def test_checkpoint_with_damaged_parts_is_named_and_stays(stopped, change, match):
    state = torch.load(stopped, weights_only=True)
    change(state)
    torch.save(state, stopped)
    _refused(stopped, stopped.parent, match)


def test_full_disk_leaves_the_former_checkpoint(stopped, monkeypatch):
    before = stopped.read_bytes()
    loop, step = make(stopped.parent, 40, checkpoint_seconds=0.0)

    def full(state, file):
        file.write(b"half")
        try:
            raise OSError(28, "No space left on device")
        finally:
            raise RuntimeError("[enforce fail at inline_container.cc:603] .\nunexpected pos 64 vs 0")

    monkeypatch.setattr("train.common.checkpoint.torch.save", full)
    with pytest.raises(TrainingError, match=r"cannot be written \(No space left on device\)") as caught:
        loop.run(step)
    assert "\n" not in str(caught.value) and "Free some space" in str(caught.value)
    assert stopped.read_bytes() == before and not list(stopped.parent.glob("*.tmp"))
    monkeypatch.undo()
    assert make(stopped.parent, 40)[0].step == 3


def test_interrupted_run_goes_on_where_it_was(tmp_path):
    loop, step = make(tmp_path, 40)

    def ended(number, rng):
        if number == 4:
            os.kill(os.getpid(), signal.SIGINT)
        return step(number, rng)

    with pytest.raises(SystemExit) as caught:
        loop.run(ended)
    assert caught.value.code == 130
    assert make(tmp_path, 40)[0].step == 5


def test_second_interrupt_does_not_wait_for_the_step(tmp_path):
    loop, _ = make(tmp_path, 40)

    def hangs(number, rng):
        os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getpid(), signal.SIGINT)
        raise AssertionError

    with pytest.raises(KeyboardInterrupt):
        loop.run(hangs)


def test_metrics_behind_a_cut_line_are_whole(tmp_path):
    (tmp_path / "metrics.jsonl").write_text('{"step": 1, "loss": 1.0}\n{"step": 2, "lo')
    loop, step = make(tmp_path, 40)
    loop.run(step)
    lines = (tmp_path / "metrics.jsonl").read_text().splitlines()
    assert [json.loads(line)["step"] for line in lines] == [1, *range(1, 41)]


def test_another_run_begins_with_the_averaged_weights(stopped):
    model = nn.Linear(3, 1)
    take_averaged(stopped, model)
    state = torch.load(stopped, weights_only=True)
    torch.testing.assert_close(model.state_dict(), state["averaged"])
    with pytest.raises(TrainingError, match="another shape"):
        take_averaged(stopped, nn.Linear(4, 1))
    state["averaged"]["weight"].fill_(NAN)
    torch.save(state, stopped)
    with pytest.raises(TrainingError, match="not finite"):
        take_averaged(stopped, model)
    stopped.write_bytes(b"garbage")
    with pytest.raises(TrainingError, match="cannot be used"):
        take_averaged(stopped, model)
    for path in (stopped.parent, stopped.parent / "none.pt"):
        with pytest.raises(TrainingError, match="there is no file"):
            take_averaged(path, model)


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def budget(clock):
    return Budget(10, {"first": 0.5, "second": 0.3, "last": 0.2}, clock)


def test_every_stage_gets_its_share_when_all_keep_to_it(budget, clock):
    for stage, minutes in (("first", 5), ("second", 3), ("last", 2)):
        assert budget.minutes(stage) == pytest.approx(minutes)
        clock.now += 60 * minutes


def test_the_time_of_an_early_stage_goes_to_the_later_ones(budget):
    assert budget.minutes("second") == pytest.approx(6)
    assert budget.minutes("last") == pytest.approx(10)


def test_a_stage_that_overran_takes_from_the_later_ones_and_never_below_nothing(budget, clock):
    clock.now += 60 * 8
    assert budget.minutes("second") == pytest.approx(2 * 0.6)
    clock.now += 60 * 5
    assert budget.minutes("last") == 0


def test_an_unknown_stage_is_refused(budget):
    with pytest.raises(ValueError, match="other"):
        budget.minutes("other")
