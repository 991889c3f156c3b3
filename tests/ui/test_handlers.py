"""What the page does, without a page."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mcaclip.errors import ImageError, NoFaceError, PromptError, StudioError
from mcaclip.types import to_uint8
from mcaclip.ui import text
from mcaclip.ui.handlers import Studio
from mcaclip.ui.loading import EditorSource
from mcaclip.ui.session import Session, forget
from tests.fakes import MASK_SIDES, PROMPTS, FakeEditor, draw_face


@pytest.fixture
def editor() -> FakeEditor:
    return FakeEditor()


@pytest.fixture
def studio(editor, tmp_path) -> Studio:
    source = EditorSource(lambda report: editor)
    assert source.wait(10) is editor
    return Studio(source, tmp_path)


def _photo(path: Path, faces: int, seed: int = 1) -> str:
    face = to_uint8(draw_face(seed))[::4, ::4]
    picture = np.zeros_like(face) if faces == 0 else np.concatenate([face] * faces, axis=1)
    Image.fromarray(picture).save(path)
    return str(path)


def _last(views) -> dict:
    """All views laid over each other, as the page shows them in the end."""
    shown: dict = {}
    for view in views:
        shown.update(view)
    return shown


def _upload(studio: Studio, tmp_path: Path, faces: int = 1, aligned: bool = False, seed: int = 1) -> Session:
    path = _photo(tmp_path / f"photo{seed}.png", faces, seed)
    return _last(studio.photo_changed(path, aligned, Session()))["session"]


def _reconstructed(studio: Studio, tmp_path: Path, seed: int = 1) -> Session:
    return _last(studio.reconstruct("good", _upload(studio, tmp_path, seed=seed)))["session"]


def _edited(studio: Studio, tmp_path: Path) -> Session:
    return _last(studio.edit(PROMPTS[0], 1.0, 0.0, _reconstructed(studio, tmp_path)))["session"]


def test_status_offers_the_fitted_prompts_once_ready(studio):
    view = studio.status()
    assert view["prompts"]["choices"] == list(PROMPTS)
    assert view["timer"]["active"] is False


def test_status_while_loading_keeps_asking(tmp_path):
    assert set(Studio(EditorSource(lambda report: FakeEditor()), tmp_path).status()) == {"status"}


def test_photo_with_one_face_can_be_reconstructed(studio, tmp_path):
    view = _last(studio.photo_changed(_photo(tmp_path / "a.png", 1), False, Session()))
    assert view["session"].aligned is not None and view["session"].name == "a"
    assert view["reconstruct"]["interactive"] is True
    assert view["edit"]["interactive"] is False
    assert view["faces"]["visible"] is False


def test_photo_without_a_face_is_an_error_and_leaves_an_empty_page(studio, tmp_path):
    views = studio.photo_changed(_photo(tmp_path / "a.png", 0), False, _edited(studio, tmp_path))
    shown: dict = {}
    with pytest.raises(NoFaceError):
        for view in views:
            shown.update(view)
    assert shown["session"].photo is None and shown["session"].result is None
    assert shown["face_progress"] == "" and shown["edited"] is None


def test_damaged_file_is_an_error(studio, tmp_path):
    (tmp_path / "a.jpg").write_bytes(b"no image")
    with pytest.raises(ImageError):
        list(studio.photo_changed(str(tmp_path / "a.jpg"), False, Session()))


def test_several_faces_are_offered_and_can_be_chosen(studio, tmp_path):
    view = _last(studio.photo_changed(_photo(tmp_path / "a.png", 2), False, Session()))
    assert len(view["faces"]["value"]) == 2 and view["faces"]["selected_index"] == 0
    first = view["session"]
    second = _last(studio.face_chosen(1, first))["session"]
    assert not np.array_equal(second.aligned.quad, first.aligned.quad)
    assert second.inversion is None


def test_choosing_a_face_forgets_the_edit_of_the_other(studio, tmp_path):
    session = replace(_edited(studio, tmp_path), faces=_upload(studio, tmp_path, 2).faces)
    view = _last(studio.face_chosen(0, session))
    assert view["session"].result is None and view["edited"] is None


def test_aligned_photo_is_taken_as_it_is(studio, editor, tmp_path):
    session = _upload(studio, tmp_path, aligned=True)
    assert session.aligned.quad is None and editor.calls == []


def test_taking_the_photo_away_empties_the_page(studio, tmp_path):
    view = _last(studio.photo_changed(None, False, _edited(studio, tmp_path)))
    assert view["session"].aligned is None
    assert (view["aligned_view"], view["edited"], view["masks"]) == (None, None, None)


def test_random_face_can_be_edited_at_once(studio):
    view = _last(studio.random_face(7, Session()))
    assert view["edit"]["interactive"] is True
    assert view["reconstruct"]["interactive"] is False
    assert text.GENERATED in view["likeness"]
    edited = _last(studio.edit(PROMPTS[1], 1.0, 0.0, view["session"]))
    assert edited["download_pasted"]["visible"] is False
    assert Path(edited["download_edited"]["value"]).name == "seed_7_edited.png"


@pytest.mark.parametrize("seed", [None, -1, 1.5, 2**32])
def test_bad_seed_is_refused(studio, seed):
    with pytest.raises(StudioError, match="seed"):
        list(studio.random_face(seed, Session()))


def test_new_face_shows_its_seed(studio, editor):
    view = _last(studio.new_face(Session()))
    assert editor.calls == [f"sample {view['seed']}"]


def test_reconstruction_shows_frames_then_the_likeness_in_words(studio, tmp_path):
    views = list(studio.reconstruct("good", _upload(studio, tmp_path)))
    assert views[0]["stop"]["visible"] is True
    assert any("reconstruction_view" in view and "session" not in view for view in views)
    assert "Good likeness" in views[-1]["likeness"] and "0.78" in views[-1]["likeness"]
    assert views[-1]["stop"]["visible"] is False and views[-1]["edit"]["interactive"] is True


def test_stop_ends_a_reconstruction_that_would_go_on(studio, editor, tmp_path):
    import threading

    editor.hold = threading.Event()
    views = studio.reconstruct("good", _upload(studio, tmp_path))
    session = next(views)["session"]
    next(views)
    assert studio.stop(session) == {}
    shown = _last(views)
    assert shown["session"].inversion is None
    assert shown["stop"]["visible"] is False and shown["reconstruct"]["interactive"] is True


def test_edit_needs_a_face_and_its_reconstruction(studio, tmp_path):
    with pytest.raises(StudioError, match="no face"):
        list(studio.edit(PROMPTS[0], 1.0, 0.0, Session()))
    with pytest.raises(StudioError, match="not reconstructed"):
        list(studio.edit(PROMPTS[0], 1.0, 0.0, _upload(studio, tmp_path)))


def test_edit_shows_pictures_every_mask_and_downloads(studio, tmp_path):
    view = _last(studio.edit("Green  Lipstick", 1.0, 0.0, _reconstructed(studio, tmp_path)))
    assert len(view["masks"]) == len(MASK_SIDES)
    assert "16\N{NO-BREAK SPACE}px" in view["masks"][4][1]
    assert view["session"].result.settings.prompt == PROMPTS[0], "the canonical wording"
    edited = np.asarray(Image.open(view["download_edited"]["value"]))
    assert np.array_equal(edited, to_uint8(view["session"].result.image)), "downloads are lossless"
    assert Image.open(view["download_pasted"]["value"]).size == (256, 256), "the photo's size"
    assert view["strength"]["interactive"] is True and view["edit_progress"] == ""


@pytest.mark.parametrize("prompt", ["", "x" * 201, "red nose"])
def test_bad_prompt_is_an_error_and_keeps_the_result(studio, tmp_path, prompt):
    session = _edited(studio, tmp_path)
    shown: dict = {}
    with pytest.raises(PromptError):
        for view in studio.edit(prompt, 1.0, 0.0, session):
            shown.update(view)
    assert shown.get("session", session).result is session.result
    assert shown.get("edit_progress", "") == ""


def test_slider_shows_a_preview_and_leaves_the_session(studio, editor, tmp_path):
    session = _edited(studio, tmp_path)
    editor.calls.clear()
    view = studio.preview(1.5, 0.0, session)
    assert editor.calls == ["preview 1.5 0"]
    assert "session" not in view and view["edited"].shape == view["overlay"].shape == (256, 256, 3)
    assert text.PREVIEW_BADGE in view["result_line"]
    assert view["download_edited"]["interactive"] is False, "never a download of another picture"


def test_preview_that_comes_after_its_full_edit_shows_the_full_edit(studio, editor, tmp_path):
    session = _edited(studio, tmp_path)
    editor.calls.clear()
    view = studio.preview(1.0, 0.0, session)
    assert editor.calls == []
    assert Path(view["edited"]).is_file() and text.PREVIEW_BADGE not in view["result_line"]


def test_slider_without_an_edit_does_nothing(studio):
    assert studio.preview(1.5, 0.0, Session()) == {}


def test_letting_go_renders_once_without_inverting_again(studio, editor, tmp_path):
    session = _edited(studio, tmp_path)
    editor.calls.clear()
    view = _last(studio.rerender(0.5, 0.4, session))
    assert editor.calls == ["edit 0.5 0.4"]
    assert view["session"].result.settings.mask_threshold == 0.4
    _last(studio.rerender(0.5, 0.4, view["session"]))
    assert editor.calls == ["edit 0.5 0.4"], "the same values again need no work"


def test_two_tabs_never_share_a_face(studio, tmp_path):
    mine, theirs = _reconstructed(studio, tmp_path, seed=1), _reconstructed(studio, tmp_path, seed=2)
    first = studio.edit(PROMPTS[0], 1.0, 0.0, mine)
    second = studio.edit(PROMPTS[2], 1.0, 0.0, theirs)
    one: dict = {}
    two: dict = {}
    for left, right in zip(first, second, strict=False):
        one.update(left)
        two.update(right)
    one.update(_last(first))
    two.update(_last(second))
    assert one["session"].result.settings.prompt == PROMPTS[0]
    assert two["session"].result.settings.prompt == PROMPTS[2]
    assert one["session"].photo is mine.photo and two["session"].photo is theirs.photo
    assert one["session"].folder != two["session"].folder
    assert not np.array_equal(mine.photo, theirs.photo)


def test_closing_a_tab_removes_its_files_and_ends_its_work(studio, tmp_path):
    session = _edited(studio, tmp_path)
    assert any(session.folder.iterdir())
    forget(session)
    assert not session.folder.exists() and session.running.cancelled


def test_files_come_back_after_the_folder_was_removed(studio, tmp_path):
    session = _edited(studio, tmp_path)
    forget(session)
    view = _last(studio.rerender(0.5, 0.0, session))
    assert Path(view["download_edited"]["value"]).is_file()


def test_failed_models_are_told_on_every_event(tmp_path):
    def fail(report):
        raise StudioError("no weights: run the doctor")

    source = EditorSource(fail)
    source.wait(10)
    shown: dict = {}
    with pytest.raises(StudioError, match="doctor"):
        for view in Studio(source, tmp_path).random_face(1, Session()):
            shown.update(view)
    assert shown["face_progress"] == ""
