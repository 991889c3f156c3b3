from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

from mcaclip.errors import NoFaceError
from mcaclip.evaluation.faces import FLIP, GENERATED, PHOTO, FaceToMeasure, face_sources, table_faces, through_preview
from tests.helpers.toy_figures import FiguresEditor


@pytest.fixture
def photos(tmp_path):
    folder = tmp_path / "photos"
    folder.mkdir()
    Image.new("RGB", (80, 80), (200, 160, 140)).save(folder / "b_face.png")
    Image.new("RGB", (80, 80)).save(folder / "c_black.jpg")
    Image.new("RGB", (80, 80), (90, 90, 90)).save(folder / "d_beyond_the_limit.png")
    (folder / "a_notes.txt").write_text("no photo")
    return folder


def sources(editor, photos, out, effort="good"):
    return list(face_sources(editor, 2, photos, 2, effort, out))


def test_faces_are_seeds_and_the_first_photos(photos, tmp_path):
    found = sources(FiguresEditor(), photos, tmp_path / "out")
    assert [(one.name, one.kind) for one in found] == [
        ("seed_0", GENERATED), ("seed_1", GENERATED), ("b_face", PHOTO), ("c_black", PHOTO),
    ]  # fmt: skip
    assert [bool(one.photo) for one in found] == [False, False, True, True]
    assert torch.equal(found[1].get().w_plus, FiguresEditor().sample(1).w_plus)
    with pytest.raises(NoFaceError):
        found[3].get()


def test_a_photo_is_inverted_once_per_effort(photos, tmp_path):
    first, later = FiguresEditor(), FiguresEditor()
    made = sources(first, photos, tmp_path / "out")[2].get()
    kept = sources(later, photos, tmp_path / "out")[2].get()
    assert first.calls == ["invert good"] and later.calls == []
    assert torch.equal(made.w_plus, kept.w_plus) and kept.identity == pytest.approx(0.75)
    sources(later, photos, tmp_path / "out", "instant")[2].get()
    assert later.calls == ["invert instant"]


def test_another_photo_of_the_same_name_is_inverted_again(photos, tmp_path):
    editor = FiguresEditor()
    before = sources(editor, photos, tmp_path / "out")[2]
    before.get()
    Image.new("RGB", (80, 80), (10, 160, 140)).save(photos / "b_face.png")
    after = sources(editor, photos, tmp_path / "out")[2]
    after.get()
    assert before.photo != after.photo and editor.calls == ["invert good"] * 2


def test_a_damaged_inversion_is_made_again(photos, tmp_path, caplog):
    editor = FiguresEditor()
    sources(editor, photos, tmp_path / "out")[2].get()
    (kept,) = (tmp_path / "out" / "inversions").iterdir()
    kept.write_bytes(kept.read_bytes()[:40])
    found = sources(editor, photos, tmp_path / "out")[2].get()
    assert len(editor.calls) == 2 and "inverted again" in caplog.text
    assert np.isfinite(found.w_plus.numpy()).all()


def test_half_of_a_tables_faces_are_photos_and_their_mirror_images(photos, tmp_path):
    editor = FiguresEditor()
    found = table_faces(editor, 10, photos, "good", tmp_path / "out")
    assert [one.kind for one in found] == [GENERATED] * 5 + [PHOTO] * 3 + [FLIP] * 2
    assert len({one.name for one in found}) == 10
    plain, flipped = (one for one in found if one.name.startswith("b_face"))
    plain.get(), flipped.get(), flipped.get()
    assert editor.calls == ["invert good"] * 2, "each is inverted once"
    assert [one.kind for one in table_faces(editor, 4, photos, "good", tmp_path)] == [GENERATED] * 2 + [PHOTO] * 2
    assert [one.kind for one in table_faces(editor, 3, None, "good", tmp_path)] == [GENERATED] * 3


def test_a_face_at_the_previews_size_starts_from_the_previews_picture(photos, tmp_path):
    editor = FiguresEditor()
    generated, photo = (one for one in table_faces(editor, 2, photos, "good", tmp_path))
    small = through_preview(generated, editor.models.preview).get()
    assert torch.equal(small.original, generated.get().original), "the toy's preview is the generator"
    with_photo = FaceToMeasure("", PHOTO, lambda: replace(photo.get(), photo=torch.ones(3, 32, 32)))
    assert through_preview(with_photo, editor.models.preview).get().original.shape == small.original.shape
