from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from mcaclip.errors import TrainingError
from mcaclip.generators.base import NUM_WS
from tests.generators.toy import ToyGenerator
from train.common.faces import CodeSampler, RealCodes, collect_faces, hold_rows

PLAIN = {"psi": (1.0, 1.0), "mix": 0.0, "jitter": 0.0, "shift": 0.0}


class CountingGenerator(ToyGenerator):
    """Counts finished pictures; the one of number `stop` is interrupted."""

    def __init__(self, stop: int | None = None):
        torch.manual_seed(3)
        super().__init__()
        self.w_avg = torch.randn(512)
        self.finished = 0
        self.stop = stop

    def finish(self, rgb: torch.Tensor) -> torch.Tensor:
        if self.finished == self.stop:
            raise KeyboardInterrupt
        self.finished += 1
        return super().finish(rgb)


def draw(count: int = 6, seed: int = 0, **changes) -> torch.Tensor:
    sampler = CodeSampler(**{**PLAIN, **changes})
    return sampler.draw(CountingGenerator(), count, np.random.default_rng(seed))


def test_codes_follow_from_the_seed():
    changes = {"psi": (0.5, 1.0), "mix": 0.5, "jitter": 0.3, "shift": 0.5}
    codes = draw(seed=4, **changes)
    assert codes.shape == (6, NUM_WS, 512)
    assert torch.equal(codes, draw(seed=4, **changes))
    assert not torch.allclose(codes, draw(seed=5, **changes))


def test_plain_codes_are_w_in_every_row():
    codes = draw()
    assert torch.equal(codes, codes[:, :1].expand_as(codes))
    # the toy's mapping is the identity, so w is the seed's normal numbers
    torch.testing.assert_close(codes[:, 0].std(), torch.tensor(1.0), atol=0.05, rtol=0)
    assert not torch.allclose(codes[0], codes[1])


def test_psi_0_is_the_average_face():
    codes = draw(psi=(0.0, 0.0))
    torch.testing.assert_close(codes, CountingGenerator().w_avg.expand_as(codes))


def test_psi_is_drawn_for_each_face_from_its_range():
    w_avg = CountingGenerator().w_avg
    full, part = draw(40) - w_avg, draw(40, psi=(0.4, 0.6)) - w_avg
    psi = part.norm(dim=(1, 2)) / full.norm(dim=(1, 2))
    assert psi.min() >= 0.4 - 1e-4 and psi.max() <= 0.6 + 1e-4
    assert psi.std() > 0.02


def test_mixing_takes_the_upper_rows_from_another_face():
    plain, mixed = draw(20), draw(20, mix=1.0)
    crossovers = []
    for before, after in zip(plain, mixed, strict=True):
        changed = (before != after).any(1)
        first = int(changed.float().argmax())
        assert changed.tolist() == [False] * first + [True] * (NUM_WS - first)
        assert torch.equal(after[first:], after[first : first + 1].expand(NUM_WS - first, -1))
        crossovers.append(first)
    assert 3 <= min(crossovers) < max(crossovers) < 14


def test_mixing_happens_as_often_as_asked():
    changed = (draw(400) != draw(400, mix=0.25)).any(2).any(1)
    assert 0.17 < changed.float().mean() < 0.33


def test_jitter_moves_every_row_on_its_own_by_at_most_its_share():
    plain, jittered = draw(40), draw(40, jitter=0.5)
    offsets = (jittered - plain) / (plain[:, 0] - CountingGenerator().w_avg).std()
    spread = offsets.std(dim=2)
    assert (spread > 0).all() and spread.max() < 0.55
    assert spread.mean(1).max() > 0.4  # some faces come near the limit
    first, second = offsets[:, 0], offsets[:, 1]
    assert torch.nn.functional.cosine_similarity(first, second, dim=1).abs().max() < 0.25


def test_a_shift_moves_one_range_of_rows_together_and_far():
    plain, shifted = draw(20), draw(20, shift=1.0)
    firsts, lasts = set(), set()
    for offset in shifted - plain:
        moved = offset.abs().amax(1) > 0
        rows = moved.nonzero().flatten()
        assert len(rows) == rows[-1] - rows[0] + 1
        torch.testing.assert_close(offset[rows], offset[rows[:1]].expand(len(rows), -1), atol=1e-5, rtol=1e-5)
        firsts.add(int(rows[0]))
        lasts.add(int(rows[-1]))
    assert len(firsts) > 3 and len(lasts) > 3
    # three times another face's distance from the average, at most
    assert (shifted - plain).abs().amax() > 3


@pytest.fixture
def collect(tmp_path):
    def run(folder: str, generator: CountingGenerator, **changes):
        return collect_faces(generator, CodeSampler(), 5, 7, tmp_path / folder, **changes)

    return run


def test_collected_faces_are_shrunk_and_go_with_their_codes(collect):
    faces = collect("whole", CountingGenerator())
    assert faces.codes.shape == (5, NUM_WS, 512)
    assert faces.images.shape == (5, 3, 256, 256) and faces.images.dtype == torch.float16
    assert all(image.float().std() > 0 for image in faces.images)


def test_collecting_goes_on_where_it_was_interrupted(collect):
    whole = collect("whole", CountingGenerator())
    with pytest.raises(KeyboardInterrupt):
        collect("parts", CountingGenerator(stop=2))
    second = CountingGenerator()
    resumed = collect("parts", second)
    assert second.finished == 3
    assert torch.equal(resumed.codes, whole.codes)
    assert torch.equal(resumed.images, whole.images)
    assert torch.equal(collect("parts", second).images, whole.images)
    assert second.finished == 3, "a complete set is read, not made again"


def test_out_of_time_gives_the_faces_that_are_there(collect):
    with pytest.raises(KeyboardInterrupt):
        collect("parts", CountingGenerator(stop=2))
    faces = collect("parts", CountingGenerator(), minutes=-1.0)
    assert len(faces.codes) == len(faces.images) == 2


def test_common_offsets_are_shared_by_all_rows():
    plain, moved = draw(20), draw(20, common=0.5)
    offset = moved - plain
    torch.testing.assert_close(offset, offset[:, :1].expand_as(offset), atol=1e-5, rtol=0)
    spread = offset[:, 0].std(1)
    assert 0.3 < spread.max() < 0.75 and spread.min() < 0.2


def test_only_rows_that_are_too_long_are_shortened():
    shift = torch.zeros(1, 18, 512)
    shift[0, 0, 0], shift[0, 1, 0] = 3.0, 0.5
    hold_rows(shift, 1.0)
    assert shift[0, :2, 0].tolist() == [1.0, 0.5] and not shift[0, 2:].any()


def test_real_codes_are_drawn_from_their_file_alone(tmp_path):
    known = torch.randn(5, NUM_WS, 512)
    torch.save(known.half(), tmp_path / "faces.pt")
    real = RealCodes.read(tmp_path / "faces.pt")
    drawn = real.draw(CountingGenerator(), 40, np.random.default_rng(1))
    assert drawn.shape == (40, NUM_WS, 512) and drawn.dtype == torch.float32
    found = {next(i for i in range(5) if torch.equal(code, known[i].half().float())) for code in drawn}
    assert found == set(range(5)), "each of them"
    assert torch.equal(drawn, real.draw(CountingGenerator(), 40, np.random.default_rng(1)))
    torch.save(known[:4], tmp_path / "fewer.pt")
    assert RealCodes.read(tmp_path / "fewer.pt").sha256 != real.sha256


class Opens:
    """What an unpickler must not run."""

    def __reduce__(self):
        return (open, ("opened", "w"))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (torch.zeros(3, 14, 512), r"float32 \[3, 14, 512\]. Codes of faces are one tensor of numbers \[N, 18, 512\]"),
        (torch.zeros(18, 512), r"float32 \[18, 512\]"),
        (torch.zeros(0, 18, 512), r"float32 \[0, 18, 512\]"),
        (torch.zeros(2, 18, 512, dtype=torch.int64), r"int64 \[2, 18, 512\]"),
        (torch.zeros(()), r"float32 \[\]"),
        (torch.full((2, 18, 512), torch.nan), "no numbers"),
        ({"latents": torch.zeros(2, 18, 512)}, "holds a dict, not a tensor"),
        (Opens(), "no file of a tensor"),
    ],
)
def test_other_files_are_no_codes(content, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    torch.save(content, "codes.pt")
    with pytest.raises(TrainingError, match=message):
        RealCodes.read(Path("codes.pt"))
    assert not Path("opened").exists()


def test_what_torch_did_not_write_is_no_file_of_codes(tmp_path):
    (tmp_path / "codes.pt").write_bytes(b"no codes")
    for name in ("codes.pt", "none.pt"):
        with pytest.raises(TrainingError, match=f"{name} is missing, damaged or no file of a tensor"):
            RealCodes.read(tmp_path / name)
