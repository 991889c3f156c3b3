from __future__ import annotations

import logging

import numpy as np
import pytest
import torch
from PIL import Image

from mcaclip.colour import colour_lab, lab_to_srgb, srgb_to_lab
from mcaclip.errors import PromptError
from mcaclip.evaluate import PARSE_SIZE, Row, as_markdown, collect_faces, contact_sheet, measure, run, summarise
from tests.fakes import FakeEditor

COLOUR = colour_lab("green")


@pytest.fixture
def picture() -> torch.Tensor:
    """`[3, 512, 512]`: noise in skin tones, 2 x 2 pixels each, so that pooling to 256 px keeps it."""
    small = torch.rand(3, PARSE_SIZE, PARSE_SIZE) * 0.2 + torch.tensor([0.5, 0.2, 0.1]).view(3, 1, 1)
    return small.repeat_interleave(2, 1).repeat_interleave(2, 2)


def box(first: int, last: int) -> torch.Tensor:
    """A square mask `[1, 1, 256, 256]`."""
    mask = torch.zeros(1, 1, PARSE_SIZE, PARSE_SIZE)
    mask[..., first:last, first:last] = 1
    return mask


def paint(picture: torch.Tensor, first: int, last: int, value: torch.Tensor) -> torch.Tensor:
    """The picture with a square, named in the mask's pixels, set to one value `[3]`."""
    painted = picture.clone()
    painted[:, 2 * first : 2 * last, 2 * first : 2 * last] = value.view(3, 1, 1)
    return painted


def test_the_colour_itself_has_moved_all_the_way(picture):
    edited = paint(picture, 100, 140, lab_to_srgb(COLOUR.view(3, 1, 1)).flatten())
    moved, leak = measure(picture, edited, box(100, 140), box(95, 145), COLOUR)
    assert moved == pytest.approx(1, abs=0.01)
    assert leak == 0


def test_an_unchanged_picture_has_not_moved(picture):
    assert measure(picture, picture, box(100, 140), box(95, 145), COLOUR) == (0, 0)


def test_half_way_in_lab_is_half_and_away_is_below_nothing(picture):
    mean = srgb_to_lab(picture)[:, 200:280, 200:280].mean((1, 2))
    for share in (0.5, -0.3):
        value = lab_to_srgb((mean + share * (COLOUR - mean)).view(3, 1, 1)).flatten()
        moved, _ = measure(picture, paint(picture, 100, 140, value), box(100, 140), box(95, 145), COLOUR)
        assert moved == pytest.approx(share, abs=0.02)


def test_what_happens_beside_the_region_is_no_success(picture):
    edited = paint(picture, 10, 90, lab_to_srgb(COLOUR.view(3, 1, 1)).flatten())
    moved, leak = measure(picture, edited, box(100, 140), box(95, 145), COLOUR)
    assert moved == 0
    assert leak > 1


def test_leak_is_the_mean_change_outside_in_bytes(picture):
    edited = picture + 8 / 127.5
    _, leak = measure(picture, edited, box(100, 140), box(95, 145), COLOUR)
    assert leak == pytest.approx(8, rel=1e-3)
    # the same change of half of what lies outside
    allowed = box(0, PARSE_SIZE)
    allowed[..., :20] = 0
    half = picture.clone()
    half[..., :20] += 8 / 127.5
    _, leak = measure(picture, half, box(100, 140), allowed, COLOUR)
    assert leak == pytest.approx(4, rel=1e-3)


def test_changes_inside_the_allowed_margin_do_not_leak(picture):
    edited = paint(picture, 95, 145, torch.tensor([-1.0, 1.0, -1.0]))
    assert measure(picture, edited, box(100, 140), box(95, 145), COLOUR)[1] == 0
    assert measure(picture, edited, box(100, 140), box(96, 144), COLOUR)[1] > 0


def test_a_region_of_few_and_faint_pixels_is_measured_too(picture):
    edited = paint(picture, 100, 103, lab_to_srgb(COLOUR.view(3, 1, 1)).flatten())
    moved, _ = measure(picture, edited, 0.4 * box(100, 103), box(95, 145), COLOUR)
    assert moved == pytest.approx(1, abs=0.01)


def row(face: str, prompt: str, moved: float, leak: float = 1.0, judge: float | None = None) -> Row:
    return Row(face, prompt, moved, moved >= 0.5, leak, identity=0.9, area=0.1, seconds=2.0, judge=judge)


def test_a_second_opinion_is_shown_only_where_it_was_asked_for():
    alone = summarise([row("seed_0", "red hair", 0.9)])
    judged = summarise([row("seed_0", "red hair", 0.9, judge=0.5), row("seed_1", "red hair", 0.9, judge=0.7)])
    assert judged["red hair (generated)"]["judge"] == pytest.approx(0.6)
    assert "judge" in as_markdown(judged) and "judge" not in as_markdown(alone)


def test_summary_has_means_and_hits_by_prompt_and_kind_of_face():
    rows = [
        row("seed_0", "green lipstick", 0.9, leak=1.0),
        row("seed_1", "green lipstick", 0.3, leak=2.0),
        row("anna", "green lipstick", 0.7, leak=5.0),
        row("seed_0", "purple hair", 0.6),
    ]
    summary = summarise(rows)
    assert set(summary) == {"green lipstick (generated)", "green lipstick (photo)", "purple hair (generated)"}
    generated = summary["green lipstick (generated)"]
    assert (generated["faces"], generated["hits"]) == (2, 1)
    assert generated["moved"] == pytest.approx(0.6) and generated["leak"] == pytest.approx(1.5)
    assert summary["green lipstick (photo)"]["leak"] == 5.0


def test_markdown_is_one_table_with_a_line_a_group():
    summary = summarise([row("seed_0", "green lipstick", 0.9), row("anna", "green lipstick", 0.2)])
    header, rule, *lines = as_markdown(summary).splitlines()
    names = [cell.strip() for cell in header.strip("|").split("|")]
    assert rule == "|---" * len(names) + "|"
    assert len(lines) == 2
    for line, (name, values) in zip(lines, summary.items(), strict=True):
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        assert cells[0] == name
        assert [float(cell) for cell in cells[1:]] == [values[column] for column in names[1:]]


def test_faces_are_seeds_and_the_photos_that_show_one(tmp_path, caplog):
    Image.new("RGB", (300, 300), (200, 160, 140)).save(tmp_path / "b_face.png")
    Image.new("RGB", (300, 300)).save(tmp_path / "a_black.jpg")
    Image.new("RGB", (300, 300), (90, 90, 90)).save(tmp_path / "c_beyond_the_limit.png")
    (tmp_path / "notes.txt").write_text("no photo")
    with caplog.at_level(logging.WARNING):
        faces = collect_faces(FakeEditor(), 2, tmp_path, limit=2, effort="good")
    assert [name for name, _ in faces] == ["seed_0", "seed_1", "b_face"]
    assert "a_black.jpg left out" in caplog.text


def test_a_prompt_without_a_part_and_a_colour_is_refused(tmp_path, parser):
    class Anything(FakeEditor):
        device = "cpu"

        def check_prompt(self, text: str) -> str:
            return text

    with pytest.raises(PromptError, match=r"not a mysterious smile$"):
        run(Anything(), tmp_path / "out", prompts=("green lipstick", "a mysterious smile"))
    assert not (tmp_path / "out").exists()


def test_contact_sheet_sets_each_edit_below_its_original():
    black, white = torch.full((3, 16, 16), -1.0), torch.ones(3, 16, 16)
    sheet = np.asarray(contact_sheet([(black, white)] * 3, columns=2))
    assert sheet.shape == (2 * 2 * 16, 2 * 16, 3)
    assert (sheet[:16, :16] == 0).all() and (sheet[16:32, :16] == 255).all()
    assert (sheet[32:, 16:] == 255).all()  # the empty place
