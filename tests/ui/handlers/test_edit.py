"""What the page does, without a page."""

from __future__ import annotations

import base64
import struct
import threading
import zlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from mcaclip.errors import ImageError, NoFaceError, PromptError, StudioError
from mcaclip.results import session_file
from mcaclip.results.export import mark, read_record
from mcaclip.results.session_file import read_session
from mcaclip.types import to_uint8
from mcaclip.ui.display import text
from mcaclip.ui.display.painting import EXCLUDE_COLOUR
from mcaclip.ui.handlers.save import Studio
from mcaclip.ui.state.controls import Controls
from mcaclip.ui.state.limits import COMPUTATIONS
from mcaclip.ui.state.loading import EditorSource
from mcaclip.ui.state.session import FULL_RESULTS, Session, forget
from tests.fakes import ENTRIES, MASK_SIDES, PROMPTS, FakeEditor, write_photo
from tests.helpers.painted import data_url


@pytest.fixture
def editor() -> FakeEditor:
    return FakeEditor()


@pytest.fixture
def studio(editor, tmp_path) -> Studio:
    source = EditorSource(lambda report: editor)
    assert source.wait(10) is editor
    return Studio(source, tmp_path)


def _controls(prompt: str = PROMPTS[0], *more: str, strength: float = 1.0, **masks) -> Controls:
    prompts = (prompt, *more)
    return Controls(prompts, (strength,) * len(prompts), **masks)


def _last(views) -> dict:
    """All views laid over each other, as the page shows them in the end."""
    shown: dict = {}
    for view in views:
        shown.update(view)
    return shown


def _upload(studio: Studio, tmp_path: Path, faces: int = 1, aligned: bool = False, seed: int = 1) -> Session:
    path = write_photo(tmp_path / f"photo{seed}.png", faces, seed)
    return _last(studio.photo_changed(path, aligned, True, Session()))["session"]


def _reconstructed(studio: Studio, tmp_path: Path, seed: int = 1) -> Session:
    return _last(studio.reconstruct("good", _upload(studio, tmp_path, seed=seed)))["session"]


@pytest.fixture
def session(studio, tmp_path) -> Session:
    """A photo's face with one edit."""
    return _last(studio.edit(_controls(PROMPTS[0]), _reconstructed(studio, tmp_path)))["session"]


def _failing(views, error: type[Exception], match: str | None = None) -> dict:
    """All views of a handler that ends with an error, laid over each other."""
    shown: dict = {}
    with pytest.raises(error, match=match):
        for view in views:
            shown.update(view)
    return shown


def test_an_edit_reads_its_prompt_once(studio, editor, tmp_path):
    _last(studio.edit(_controls(PROMPTS[0]), _reconstructed(studio, tmp_path)))
    assert editor.resolved == [PROMPTS[0]]


def test_status_offers_the_fitted_prompts_once_ready(studio):
    view = studio.status()
    assert view["prompts"]["choices"] == list(PROMPTS)
    assert view["timer"]["active"] is False


def test_status_while_loading_keeps_asking(tmp_path):
    assert set(Studio(EditorSource(lambda report: FakeEditor()), tmp_path).status()) == {"status"}


def test_photo_with_one_face_can_be_reconstructed(studio, tmp_path):
    view = _last(studio.photo_changed(write_photo(tmp_path / "a.png", 1), False, True, Session()))
    assert view["session"].aligned is not None and view["session"].name == "a"
    assert view["reconstruct"]["interactive"] is True
    assert view["edit"]["interactive"] is False
    assert view["faces"]["visible"] is False


def test_photo_without_a_face_is_an_error_and_leaves_an_empty_page(studio, tmp_path, session):
    path = write_photo(tmp_path / "a.png", 0)
    shown = _failing(studio.photo_changed(path, False, True, session), NoFaceError)
    assert shown["session"].photo is None and shown["session"].result is None
    assert shown["face_progress"] == "" and shown["edited"] is None


def test_damaged_file_is_an_error(studio, tmp_path):
    (tmp_path / "a.jpg").write_bytes(b"no image")
    with pytest.raises(ImageError):
        list(studio.photo_changed(str(tmp_path / "a.jpg"), False, True, Session()))


def test_several_faces_are_offered_and_can_be_chosen(studio, tmp_path):
    view = _last(studio.photo_changed(write_photo(tmp_path / "a.png", 2), False, True, Session()))
    assert len(view["faces"]["value"]) == 2 and view["faces"]["selected_index"] == 0
    first = view["session"]
    second = _last(studio.face_chosen(1, first))["session"]
    assert not np.array_equal(second.aligned.quad, first.aligned.quad)
    assert second.inversion is None


def test_choosing_a_face_forgets_the_edit_of_the_other(studio, tmp_path, session):
    session = replace(session, faces=_upload(studio, tmp_path, 2).faces)
    view = _last(studio.face_chosen(0, session))
    assert view["session"].result is None and view["edited"] is None


def test_aligned_photo_is_taken_as_it_is(studio, editor, tmp_path):
    session = _upload(studio, tmp_path, aligned=True)
    assert session.aligned.quad is None and editor.calls == []


def test_taking_the_photo_away_empties_the_page(studio, session):
    view = _last(studio.photo_changed(None, False, True, session))
    assert view["session"].aligned is None
    assert (view["aligned_view"], view["edited"], view["masks"]) == (None, None, None)


def test_random_face_can_be_edited_at_once(studio):
    view = _last(studio.random_face(7, 0.7, Session()))
    assert view["edit"]["interactive"] is True
    assert view["reconstruct"]["interactive"] is False
    assert text.GENERATED in view["likeness"]
    edited = _last(studio.edit(_controls(PROMPTS[1]), view["session"]))
    assert edited["download_pasted"]["visible"] is False
    assert Path(edited["download_edited"]["value"]).name == "seed_7_edited.png"


@pytest.mark.parametrize("seed", [None, -1, 1.5, 2**32])
def test_bad_seed_is_refused(studio, seed):
    with pytest.raises(StudioError, match="seed"):
        list(studio.random_face(seed, 0.7, Session()))


def test_new_face_shows_its_seed(studio, editor):
    view = _last(studio.new_face(0.7, Session()))
    assert editor.calls == [f"sample {view['seed']}"]


def test_reconstruction_shows_frames_then_the_likeness_in_words(studio, tmp_path):
    views = list(studio.reconstruct("good", _upload(studio, tmp_path)))
    assert views[0]["stop"]["visible"] is True
    assert any("reconstruction_view" in view and "session" not in view for view in views)
    assert "Close to your face" in views[-1]["likeness"] and "0.86" in views[-1]["likeness"]
    assert views[-1]["stop"]["visible"] is False and views[-1]["edit"]["interactive"] is True


@pytest.mark.parametrize("kept", [True, False], ids=["stop", "abandon"])
def test_a_reconstruction_ends_early_with_its_best_or_with_nothing(studio, editor, tmp_path, kept):
    editor.hold = threading.Event()
    views = studio.reconstruct("good", _upload(studio, tmp_path))
    running = next(views)["session"]
    next(views)
    assert (studio.stop if kept else studio.abandon)(running) == {}
    shown = {"session": running, **_last(views)}
    assert (shown["session"].inversion is not None) is kept
    assert shown["stop"]["visible"] is False and shown["reconstruct"]["interactive"] is True
    assert shown["edit"]["interactive"] is kept


def test_edit_needs_a_face_and_its_reconstruction(studio, tmp_path):
    with pytest.raises(StudioError, match="no face"):
        list(studio.edit(_controls(PROMPTS[0]), Session()))
    with pytest.raises(StudioError, match="not reconstructed"):
        list(studio.edit(_controls(PROMPTS[0]), _upload(studio, tmp_path)))


def test_edit_shows_pictures_every_mask_and_downloads(studio, tmp_path):
    view = _last(studio.edit(_controls("Green  Lipstick"), _reconstructed(studio, tmp_path)))
    assert len(view["masks"]) == len(MASK_SIDES)
    assert "16\N{NO-BREAK SPACE}px" in view["masks"][4][1]
    assert view["session"].result.settings.prompt == PROMPTS[0], "the canonical wording"
    edited = np.asarray(Image.open(view["download_edited"]["value"]))
    assert np.array_equal(edited, mark(to_uint8(view["session"].result.image))), "downloads are lossless"
    assert Image.open(view["download_pasted"]["value"]).size == (256, 256), "the photo's size"
    assert view["threshold"]["interactive"] is True and view["edit_progress"] == ""


@pytest.mark.parametrize("prompt", ["", "x" * 201, "red nose"])
def test_bad_prompt_is_an_error_and_keeps_the_result(studio, session, prompt):
    shown = _failing(studio.edit(_controls(prompt), session), PromptError)
    assert shown.get("session", session).result is session.result
    assert shown.get("edit_progress", "") == ""


def test_a_moving_slider_shows_the_edit_at_full_size_and_leaves_the_session(studio, editor, session):
    editor.calls.clear()
    view = studio.live(_controls(strength=1.5), session)
    assert editor.calls == ["edit 1.5 0"]
    assert "session" not in view and Image.open(view["edited"]).size == (1024, 1024)
    assert view["edited"] != session.history[session.at].picture, "what is kept stays as it is"
    assert text.LIVE_BADGE in view["result_line"]
    assert view["download_edited"]["interactive"] is False, "never a download of another picture"


def test_a_live_edit_that_comes_after_the_kept_one_shows_the_kept_one(studio, editor, session):
    editor.calls.clear()
    view = studio.live(_controls(), session)
    assert editor.calls == []
    assert Path(view["edited"]).is_file() and text.LIVE_BADGE not in view["result_line"]


def test_slider_without_an_edit_does_nothing(studio):
    assert studio.live(_controls(strength=1.5), Session()) == {}


def test_letting_go_renders_once_without_inverting_again(studio, editor, session):
    editor.calls.clear()
    view = _last(studio.rerender(_controls(strength=0.5, threshold=0.4), session))
    assert editor.calls == ["edit 0.5 0.4"]
    assert view["session"].result.settings.mask_threshold == 0.4
    _last(studio.rerender(_controls(strength=0.5, threshold=0.4), view["session"]))
    assert editor.calls == ["edit 0.5 0.4"], "the same values again need no work"


def test_two_tabs_never_share_a_face(studio, tmp_path):
    mine, theirs = _reconstructed(studio, tmp_path, seed=1), _reconstructed(studio, tmp_path, seed=2)
    first = studio.edit(_controls(PROMPTS[0]), mine)
    second = studio.edit(_controls(PROMPTS[2]), theirs)
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


def test_closing_a_tab_removes_its_files_and_ends_its_work(studio, session):
    assert any(session.folder.iterdir())
    forget(session)
    assert not session.folder.exists() and session.running.cancelled


def test_files_come_back_after_the_folder_was_removed(studio, session):
    forget(session)
    view = _last(studio.rerender(_controls(strength=0.5), session))
    assert Path(view["download_edited"]["value"]).is_file()


def test_every_event_reports_that_the_models_failed_to_load(tmp_path):
    def fail(report):
        raise StudioError("no weights: run the doctor")

    source = EditorSource(fail)
    source.wait(10)
    shown = _failing(Studio(source, tmp_path).random_face(1, 0.7, Session()), StudioError, "doctor")
    assert shown["face_progress"] == ""


def test_refine_goes_on_from_the_reconstruction(studio, editor, tmp_path):
    session = _reconstructed(studio, tmp_path)
    view = _last(studio.refine(session))
    assert editor.calls[-1] == "refine" and view["session"].inversion.identity == 0.86
    with pytest.raises(StudioError, match="not reconstructed"):
        list(studio.refine(_upload(studio, tmp_path)))


def test_several_prompts_are_one_edit(studio, tmp_path):
    view = _last(studio.edit(_controls(PROMPTS[0], "", PROMPTS[2]), _reconstructed(studio, tmp_path)))
    settings = view["session"].result.settings
    assert [part.prompt for part in settings.parts] == [PROMPTS[0], PROMPTS[2]]
    assert view["row_2"]["visible"] is True and view["row_3"]["visible"] is False
    with pytest.raises(PromptError, match="twice"):
        list(studio.edit(_controls(PROMPTS[0], PROMPTS[0].upper()), view["session"]))


def test_undo_and_redo_show_the_very_same_edit(studio, editor, session):
    second = _last(studio.edit(_controls(PROMPTS[2], strength=0.4), session))["session"]
    editor.calls.clear()
    back = _last(studio.step_back(second))
    assert back["session"].result is session.result
    assert back["prompt_0"] == PROMPTS[0] and back["strength_0"] == 1.0
    assert back["undo"]["interactive"] is False and back["redo"]["interactive"] is True
    forth = _last(studio.step_forward(back["session"]))
    assert forth["session"].result is second.result and editor.calls == []
    with pytest.raises(StudioError, match="no such edit"):
        list(studio.step_forward(forth["session"]))


def test_an_edit_after_undo_takes_the_place_of_what_was_undone(studio, session):
    second = _last(studio.edit(_controls(PROMPTS[2]), session))["session"]
    back = _last(studio.step_back(second))["session"]
    third = _last(studio.edit(_controls(PROMPTS[1]), back))["session"]
    assert [entry.settings.prompt for entry in third.history] == [PROMPTS[0], PROMPTS[1]]


def test_old_results_are_dropped_and_computed_again(studio, editor, session):
    for step in range(FULL_RESULTS):
        session = _last(studio.edit(_controls(strength=0.1 * step), session))["session"]
    assert session.history[0].result is None and session.history[1].result is not None
    editor.calls.clear()
    view = _last(studio.go_to(0, session))
    assert editor.calls == ["edit 1 0"] and view["session"].at == 0
    assert len(view["session"].history) == FULL_RESULTS + 1


def test_any_two_states_can_be_compared(studio, session):
    session = _last(studio.edit(_controls(PROMPTS[2]), session))["session"]
    left, right = studio.compare(-1, 1, session)["comparison"]
    assert Path(left).is_file() and Path(right).is_file() and left != right
    assert studio.compare(None, 1, session) == {"comparison": None}
    assert studio.compare(0, 99, session) == {"comparison": None}


def test_five_strengths_and_an_animation(studio, session):
    strip = _last(studio.strengths(session))["strip"]["value"]
    assert [caption for _, caption in strip] == ["0 ×", "0.5 ×", "1 ×", "1.5 ×", "2 ×"]
    view = _last(studio.sweep(session))
    assert Image.open(view["sweep_file"]["value"]).n_frames > 10
    chosen = _last(studio.strength_chosen(1, session))["session"]
    assert chosen.result.settings.strength == 0.5


def test_a_variation_goes_into_the_history_and_back_to_as_learned(studio, editor, session):
    learned = session.result.image
    view = _last(studio.variations(session))
    offered = view["variations"]["value"]
    assert [caption for _, caption in offered] == ["as learned", *(f"variation {n}" for n in (1, 2, 3, 4))]
    assert view["cancel"]["visible"] is False and view["edit_progress"] == ""
    shown = _last(studio.variation_chosen(2, view["session"]))
    chosen = shown["session"]
    assert "variations" not in shown, "the others stay to choose from"
    assert chosen.result.settings.variation == 2 and len(chosen.history) == 2
    assert "variation 2" in shown["result_line"]
    assert read_record(chosen.folder / "photo1_edited.png")["variation"] == 2
    editor.calls.clear()
    assert _last(studio.variation_chosen(2, chosen)) == {} and editor.calls == []
    moved = _last(studio.rerender(_controls(strength=0.5), chosen))["session"]
    assert (moved.result.settings.variation, moved.result.settings.strength) == (2, 0.5)
    assert _last(studio.step_back(chosen))["session"].result.settings.variation == 0
    back = _last(studio.variation_chosen(0, chosen))["session"]
    assert back.result.settings.variation == 0 and torch.equal(back.result.image, learned)


def test_cancelled_variations_leave_the_page_ready(studio, session):
    views = studio.variations(session)
    begun = next(views)
    begun["session"].running.cancel()
    shown = {**begun, **_failing(views, StudioError, "Cancelled")}
    assert shown["cancel"]["visible"] is False and "variations" not in shown


def _excluded(rows: int) -> str:
    """Strokes that exclude so many of 100 rows."""
    layer = np.zeros((100, 100, 4), np.uint8)
    layer[:rows] = (*EXCLUDE_COLOUR, 255)
    return data_url(layer)


def test_painting_reaches_the_masks_and_can_be_removed(studio, session):
    with pytest.raises(StudioError, match="painted yet"):
        list(studio.paint(_excluded(0), _controls(), session))
    view = _last(studio.paint(_excluded(100), _controls(), session))
    assert not view["session"].result.combined_mask.any()
    assert view["session"].result.settings.paint is view["session"].paint
    clean = _last(studio.unpaint(_controls(), view["session"]))["session"]
    assert clean.paint is None and clean.result.combined_mask.any()


@pytest.mark.parametrize("size", [(100_000, 100_000), (2000, 10), (0, 0)])
def test_a_painting_of_any_claimed_size_is_refused(studio, session, size):
    header = struct.pack(">IIBBBBB", *size, 8, 6, 0, 0, 0)
    chunk = struct.pack(">I", 13) + b"IHDR" + header + struct.pack(">I", zlib.crc32(b"IHDR" + header))
    data = base64.b64encode(b"\x89PNG\r\n\x1a\n" + chunk + struct.pack(">I", 0) + b"IDAT" + bytes(4)).decode()
    with pytest.raises(StudioError, match=text.BAD_PAINTING[:20]):
        list(studio.paint(f"data:image/png;base64,{data}", _controls(), session))


def test_saved_session_comes_back_whole(studio, tmp_path, session):
    session = _last(studio.edit(_controls(PROMPTS[2], strength=0.5), session))["session"]
    file = Path(session.folder) / "photo1.mcaclip.safetensors"
    view = _last(studio.open_session(str(file), Session()))
    found = view["session"]
    assert torch.equal(found.inversion.w_plus, session.inversion.w_plus)
    assert np.array_equal(found.photo, session.photo) and np.array_equal(found.aligned.quad, session.aligned.quad)
    assert (found.aligned.image - session.aligned.image).abs().mean() < 0.02
    assert [entry.settings for entry in found.history] == [entry.settings for entry in session.history]
    assert found.at == 1 and found.result.settings == session.result.settings
    assert view["prompt_0"] == PROMPTS[2]
    (tmp_path / "bad.safetensors").write_bytes(b"none")
    with pytest.raises(StudioError, match="not a session"):
        list(studio.open_session(str(tmp_path / "bad.safetensors"), Session()))


def test_saved_session_keeps_the_photo_as_it_was_uploaded(studio, tmp_path):
    noise = np.random.default_rng(0).integers(0, 256, (1800, 1800, 3), dtype=np.uint8)
    path = tmp_path / "large.jpg"
    Image.fromarray(noise).save(path, quality=100, subsampling=0)
    assert len(session_file.photo_bytes(noise)) > 8_000_000  # a PNG of its pixels was once left out
    session = _last(studio.photo_changed(str(path), True, True, Session()))["session"]
    session = _last(studio.reconstruct("good", session))["session"]
    session = _last(studio.edit(_controls(), session))["session"]
    file = Path(session.folder) / "large.mcaclip.safetensors"
    found = _last(studio.open_session(str(file), Session()))["session"]
    assert found.photo_file.read_bytes() == path.read_bytes() and np.array_equal(found.photo, session.photo)
    assert torch.equal(found.aligned.image, session.aligned.image)
    again = read_session(_saved_again(studio, found))
    assert again.photo == path.read_bytes()


def _saved_again(studio: Studio, session: Session) -> Path:
    return Path(_last(studio.files(True, session))["download_session"]["value"])


def test_downloads_remember_and_the_mark_can_be_left_out(studio, session):
    face = session.folder / "photo1_edited.png"
    assert read_record(face)["prompts"] == [{"prompt": PROMPTS[0], "strength": 1.0}]
    marked = np.asarray(Image.open(face))
    plain_view = _last(studio.files(False, session))
    plain = np.asarray(Image.open(plain_view["download_edited"]["value"]))
    assert not np.array_equal(marked, plain)
    again = _last(studio.rerender(_controls(strength=0.5), plain_view["session"]))
    kept = to_uint8(again["session"].result.image)
    assert np.array_equal(np.asarray(Image.open(again["download_edited"]["value"])), kept), "the switch stays off"


@pytest.mark.parametrize(
    ("typed", "words", "absent"),
    [
        (["green  Lipstick"], "Known well", ""),
        (["red nose"], "Not learned yet", ""),
        ([""], "Choose one", ""),
        (["green spaceship"], "do not know the word “spaceship”", "can learn it"),
        (["green spaceship"], f"Nearest that I know: {PROMPTS[0]}", ""),
        (["green hair"], "can learn it", ""),
        (["💄"], "Latin letters", ""),
        (["зелёная помада"], "Latin letters", ""),
        (["<img src=x>"], "&lt;img", "<img"),
        ([PROMPTS[0], "", "red nose", PROMPTS[1]], "red nose", ""),
        ([PROMPTS[0], PROMPTS[1], "", ""], PROMPTS[1], ""),
    ],
)
def test_hint_says_how_well_the_first_unknown_or_the_last_prompt_is_known(studio, typed, words, absent):
    hint = studio.prompt_hint(*typed)["prompt_help"]
    assert words in hint and not (absent and absent in hint)


def test_photo_is_not_opened_before_consent(studio, editor, tmp_path):
    path = write_photo(tmp_path / "a.png", 1)
    view = _last(studio.photo_changed(path, False, False, Session()))
    assert "Tick" in view["face_progress"] and view["session"].photo is None and editor.calls == []
    view = _last(studio.consent_changed(path, False, True, view["session"]))
    assert view["session"].aligned is not None
    withdrawn = _last(studio.consent_changed(path, False, False, view["session"]))["session"]
    assert withdrawn.aligned is None and withdrawn.photo is None


def test_consent_alone_changes_nothing(studio, session):
    assert _last(studio.consent_changed(None, False, False, session)) == {}


def test_too_many_computations_a_minute_are_refused(studio):
    for _ in range(COMPUTATIONS.amount):
        studio.limits.compute("192.0.2.1")
    with pytest.raises(StudioError, match="Wait a little"):
        list(studio.random_face(1, 0.7, Session(client="192.0.2.1")))
    assert _last(studio.random_face(1, 0.7, Session(client="192.0.2.2")))["session"].inversion is not None


def test_category_narrows_the_prompts_and_keeps_a_choice_that_is_in_it(studio):
    view = studio.category_chosen("Hair", PROMPTS[2])["prompts"]
    assert view["choices"] == [PROMPTS[2]] and view["value"] == PROMPTS[2]
    assert studio.category_chosen("Lips", PROMPTS[2])["prompts"]["value"] is None
    assert len(studio.category_chosen("All", None)["prompts"]["choices"]) == len(PROMPTS)


def test_undo_brings_strokes_back_and_takes_them_away(studio, session):
    painted = _last(studio.paint(_excluded(50), _controls(), session))
    assert 'class="strokes"' in painted["canvas"]
    before = _last(studio.step_back(painted["session"]))
    assert 'class="board"' in before["canvas"] and 'class="strokes"' not in before["canvas"]
    assert 'class="strokes"' in _last(studio.step_forward(before["session"]))["canvas"]


@pytest.fixture
def any_words(tmp_path) -> Studio:
    """A studio whose editor has a universal network and a prompt library."""
    source = EditorSource(lambda report: FakeEditor(universal=True, entries=ENTRIES))
    source.wait(10)
    return Studio(source, tmp_path)


def test_any_words_are_edited_at_once_and_the_result_names_the_network(any_words, tmp_path):
    view = _last(any_words.edit(_controls("pink eyebrows and zombie"), _reconstructed(any_words, tmp_path)))
    settings = view["session"].result.settings
    assert [part.prompt for part in settings.parts] == ["pink eyebrows", "zombie"]
    assert (view["prompt_0"], view["prompt_1"], view["row_2"]["visible"]) == ("pink eyebrows", "zombie", True)
    assert "universal network" in view["result_line"] and "was not learned by itself" in view["inspect"]
    assert read_record(view["session"].folder / "photo1_edited.png")["modes"] == ["universal", "universal"]


def test_the_mode_counts_for_the_edit_and_comes_back_with_undo(any_words, tmp_path):
    face = _reconstructed(any_words, tmp_path)
    first = _last(any_words.edit(_controls(PROMPTS[0], mode="fitted"), face))["session"]
    assert first.result.modes == ("fitted",)
    second = _last(any_words.edit(_controls(PROMPTS[0]), first))
    assert second["session"].result.modes == ("universal",) and second["mode"] == "automatic"
    assert _last(any_words.step_back(second["session"]))["mode"] == "fitted"
    moved = _last(any_words.rerender(_controls(PROMPTS[0], strength=0.5), first))["session"]
    assert moved.result.modes == ("fitted",), "sliders change strengths only"
    with pytest.raises(PromptError, match="no edit is fitted"):
        list(any_words.edit(_controls("pink eyebrows", mode="fitted"), first))


def test_mask_tools_and_paint_work_on_any_words(any_words, tmp_path):
    session = _last(any_words.edit(_controls("pink eyebrows"), _reconstructed(any_words, tmp_path)))["session"]
    hard = _last(any_words.rerender(_controls("pink eyebrows", threshold=0.5, invert=True), session))["session"]
    assert set(hard.result.combined_mask.unique().tolist()) == {0.0, 1.0}
    view = _last(any_words.paint(_excluded(100), _controls("pink eyebrows"), session))
    assert not view["session"].result.combined_mask.any()


@pytest.mark.parametrize(
    ("typed", "mode", "words"),
    [
        ("pink eyebrows", None, "can be edited at once"),
        ("green lipstick", None, "from strength 0.4 to 1.2, best near 0.8"),
        ("green lipstick", "fitted", "was learned. “green lipstick” looks good from strength 0.4"),
        ("pink lips and zombie", None, "“pink lips”, “zombie”. “zombie” is made of green skin, grey"),
        ("green violin", None, "may not come out"),
        ("violin", None, "outside of what the models know"),
        ("violin", "universal", "outside of what the models know"),
        ("pink eyebrows", "fitted", "choose Universal"),
    ],
)
def test_hint_says_what_will_happen_to_any_words(any_words, typed, mode, words):
    assert words in any_words.prompt_hint(typed, mode=mode)["prompt_help"]


def test_a_picked_prompt_brings_its_best_strength(any_words):
    view = any_words.prompt_picked("green lipstick", "", "", "", "")
    assert (view["prompt_0"], view["strength_0"]) == ("green lipstick", 0.8)
    view = any_words.prompt_picked("zombie", "green lipstick", "purple hair", "", "")
    assert (view["prompt_2"], view["strength_2"], view["prompts"]) == ("zombie", 1.0, None)


def test_the_library_is_offered_by_its_categories(any_words):
    view = any_words.status()
    assert view["category"]["choices"] == ["All", "Lips", "Hair", "Expression", "Characters", "Beard"]
    assert view["mode"]["visible"] is True
    assert any_words.category_chosen("Characters", None)["prompts"]["choices"] == ["zombie"]


def test_a_doubtful_prompt_has_a_warning_below_the_result(any_words, tmp_path):
    view = _last(any_words.edit(_controls("green violin"), _reconstructed(any_words, tmp_path)))
    assert "may not come out" in view["result_line"]
