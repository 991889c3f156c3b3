"""From a photo, a seed, a session file or a reload to a face on the stage."""

from __future__ import annotations

import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from mcaclip.errors import ImageError, NoFaceError, StudioError
from mcaclip.results import session_file
from mcaclip.results.session_file import read_session
from mcaclip.ui.display import text
from mcaclip.ui.handlers.save import Studio
from mcaclip.ui.state.limits import COMPUTATIONS
from mcaclip.ui.state.loading import EditorSource
from mcaclip.ui.state.session import Session
from mcaclip.ui.state.visitor_files import VisitorFiles
from tests.fakes import PROMPTS, FakeEditor, write_photo
from tests.helpers.studio import AGREED, NOBODY, controls, edited, failing, given, last


def test_status_offers_the_fitted_prompts_once_ready(studio):
    view = studio.status()
    assert [card["prompt"] for card in view["cards"]["cards"]] == list(PROMPTS)
    assert view["timer"]["active"] is False


def test_status_while_loading_keeps_asking(tmp_path):
    assert set(Studio(EditorSource(lambda report: FakeEditor()), tmp_path).status()) == {"status"}


# -- a photo ----------------------------------------------------------------------------------------------------


def test_a_photo_is_on_the_stage_at_once_and_can_be_edited_a_moment_later(studio, editor, tmp_path):
    views = list(studio.photo_given(write_photo(tmp_path / "a.png", 1), False, AGREED))
    first = next(view for view in views if view.get("stage_view", {}).get("before"))
    assert first["session"].aligned is not None and first["session"].inversion is None
    assert first["face"] is None, "no previews before there is a face"
    assert first["threshold"]["interactive"] is False and first["save"]["interactive"] is False
    view = last(views)
    assert view["session"].inversion is not None and view["session"].name == "a"
    assert view["face"] == view["session"].number and view["threshold"]["interactive"] is True
    assert view["other_faces"]["visible"] is False and view["best"]["visible"] is False, "it is learned first"
    assert "Close to your face" in view["likeness"] and "0.86" in view["likeness"]
    assert view["progress"] == "" and editor.calls == ["find faces", "align", "invert instant 0"]


def test_a_photo_is_not_opened_before_consent(studio, editor, tmp_path, monkeypatch):
    monkeypatch.setattr("mcaclip.imaging.align.load_photo", lambda path: pytest.fail("the photo was opened"))
    path = write_photo(tmp_path / "a.png", 1)
    view = last(studio.photo_given(path, False, NOBODY))
    assert view["consent"]["visible"] is True and set(view) == {"session", "consent"}
    waiting = view["session"]
    assert waiting.photo is None and waiting.aligned is None and not waiting.consented and editor.calls == []
    monkeypatch.undo()
    view = last(studio.agreed(waiting))
    assert view["session"].aligned is not None and view["consent"]["visible"] is False
    again = last(studio.photo_given(write_photo(tmp_path / "b.png", 1, 2), False, view["session"]))
    assert again["session"].name == "b" and again["session"].consented, "asked once"


def test_a_photo_without_consent_is_removed(studio, tmp_path, session):
    studio.tabs.files = VisitorFiles(tmp_path)
    file = tmp_path / "upload" / "a.png"
    file.parent.mkdir()
    write_photo(file)
    studio.tabs.files.received([str(file)])
    studio.tabs.files.given(str(file), "tab")
    asked = replace(session, consented=False)
    waiting = last(studio.photo_given(str(file), False, asked))["session"]
    assert waiting.result is session.result, "the stage stays"
    view = last(studio.declined(waiting))
    assert view["session"].waiting is None and view["consent"]["visible"] is False
    assert not studio.tabs.files.knows(str(file))
    assert not file.exists()


def test_what_is_no_picture_is_refused_before_consent_is_asked_for(studio, tmp_path):
    studio.tabs.files = VisitorFiles(tmp_path)
    file = tmp_path / "notes.jpg"
    file.write_text("no picture")
    studio.tabs.files.received([str(file)])
    assert failing(studio.photo_given(str(file), False, NOBODY), ImageError, "not an image") == {}
    assert not file.exists(), "nothing of it is kept"


def test_consent_without_a_photo_changes_nothing_else(studio, session):
    view = last(studio.agreed(replace(session, consented=False)))
    assert set(view) == {"session", "consent"} and view["session"].consented
    assert set(last(studio.declined(session))) == {"session", "consent"}


@pytest.mark.parametrize(
    ("content", "error"), [(None, NoFaceError), (b"no image", ImageError)], ids=["no face", "no image"]
)
def test_a_photo_that_cannot_be_used_leaves_the_stage_as_it_is(studio, tmp_path, session, content, error):
    path = Path(write_photo(tmp_path / "a.png", 0))
    if content is not None:
        path.write_bytes(content)
    shown = failing(studio.photo_given(str(path), False, session), error)
    assert shown["progress"] == "" and not {"session", "stage_view", "edit", "film"} & set(shown)


def test_several_faces_are_boxes_on_the_photo_and_one_can_be_chosen(studio, tmp_path, session):
    view = last(studio.photo_given(write_photo(tmp_path / "two.png", 2), False, session))
    boxes = view["stage_view"]["boxes"]
    assert [box["label"] for box in boxes] == ["Face 1", "Face 2"] and boxes[0]["x"] < 50 <= boxes[1]["x"]
    assert "2 faces" in view["result_line"] and view["edit"] is None
    choosing = view["session"]
    assert choosing.aligned is None and choosing.inversion is None and choosing.result is None
    with pytest.raises(StudioError, match="Click the face"):
        last(studio.edit(controls(PROMPTS[0]), choosing))
    view = last(studio.face_chosen(1, choosing))
    second = view["session"]
    assert second.inversion is not None and view["other_faces"]["visible"] is True
    back = last(studio.other_faces(second))
    assert len(back["stage_view"]["boxes"]) == 2
    first = last(studio.face_chosen(0, back["session"]))["session"]
    assert not np.array_equal(second.aligned.quad, first.aligned.quad)
    assert [other.number for other in first.shelf] == [session.number, second.number]
    with pytest.raises(StudioError, match="no face"):
        list(studio.face_chosen(2, second))
    with pytest.raises(StudioError, match="no face"):
        list(studio.face_chosen(0, NOBODY))


def test_an_aligned_photo_is_taken_as_it_is(studio, editor, tmp_path):
    path = write_photo(tmp_path / "a.png")
    session = last(studio.photo_given(path, True, AGREED))["session"]
    assert session.aligned.quad is None and editor.calls == ["invert instant 0"]


def test_no_photo_changes_nothing(studio, session):
    assert last(studio.photo_given(None, False, session)) == {}
    assert last(studio.open_session(None, session)) == {}


# -- a better inversion -----------------------------------------------------------------------------------------


def test_learning_shows_frames_and_then_the_edit_is_made_again(studio, editor, session):
    editor.calls.clear()
    views = list(studio.improve(session))
    assert views[0]["stop"]["visible"] is True and editor.calls == ["invert good 0"]
    assert views[0]["learning"] and "Learning this face<" in views[0]["learning_bar"], "something to see at once"
    again = next(studio.improve(session))
    assert "again, after the reload" in again["learning_bar"]
    assert any(view.get("learning") for view in views) and not any("session" in view for view in views)
    changed = replace(session, marked=False)
    view = last(studio.take_better(changed))
    assert view["session"].inversion is not session.inversion and not view["session"].marked
    assert view["stop"]["visible"] is False and view["learning"] is None and "0.86" in view["likeness"]
    assert editor.calls[-1] == "edit 1 0" and len(view["session"].history) == 1, "the same edit, not another"
    assert "strength_0" not in view and "threshold" not in view, "somebody may be moving the sliders"
    assert last(studio.take_better(view["session"])) == {}, "taken once"


@pytest.mark.parametrize("kept", [True, False], ids=["stop", "abandon"])
def test_learning_ends_early_with_its_best_or_with_nothing(studio, editor, face, kept):
    editor.hold = threading.Event()
    views = studio.improve(face)
    shown = {**next(views), **next(views)}
    assert shown["stop"]["visible"] is True
    assert (studio.stop if kept else studio.abandon)(face) == {}
    shown |= last(views)
    taken = last(studio.take_better(face))
    assert ("session" in taken) is kept
    assert bool({**shown, **taken}.get("best", {}).get("visible")) is kept, "of this face, not of the next one"
    assert {**shown, **taken}["stop"]["visible"] is False


def test_what_is_learned_of_a_face_never_comes_to_another(studio, tmp_path, face):
    list(studio.improve(face))
    other = given(studio, tmp_path, seed=2, session=face)
    assert last(studio.take_better(other)) == {}


def test_best_goes_on_from_the_inversion_that_there_is(studio, editor, face):
    views = list(studio.improve_more(face))
    assert views[0]["session"].learning is not None and editor.calls[-1] == "refine"
    assert last(studio.take_better(views[0]["session"]))["session"].inversion.identity == 0.86
    assert last(studio.improve(NOBODY)) == {} == last(studio.take_better(NOBODY))
    generated = last(studio.random_face(1, 0.7, NOBODY))["session"]
    assert last(studio.improve(generated)) == {}, "a generated face is known"


def test_an_instant_look_that_is_cancelled_leaves_the_page_ready(studio, editor, tmp_path):
    views = studio.photo_given(write_photo(tmp_path / "a.png"), False, AGREED)
    shown: dict = {}
    for view in views:
        shown |= view
        if "session" in view and view["session"].aligned is not None:
            view["session"].running.cancel()
    assert shown["progress"] == "" and shown["session"].inversion is None


# -- faces that do not exist ------------------------------------------------------------------------------------


def test_random_face_can_be_edited_at_once(studio):
    view = last(studio.random_face(7, 0.7, NOBODY))
    assert view["threshold"]["interactive"] is True and view["face"] == view["session"].number
    assert view["best"]["visible"] is False
    assert text.GENERATED in view["likeness"] and view["session"].name == "seed_7"


@pytest.mark.parametrize("seed", [None, -1, 1.5, 2**32, True, "7"])
def test_bad_seed_is_refused(studio, seed):
    with pytest.raises(StudioError, match="whole number"):
        list(studio.random_face(seed, 0.7, NOBODY))


def test_new_face_shows_its_seed(studio, editor):
    view = last(studio.new_face(0.7, NOBODY))
    assert editor.calls == [f"sample {view['seed']}"]


def test_every_event_reports_that_the_models_failed_to_load(tmp_path):
    def fail(report):
        raise StudioError("no weights: run the doctor")

    source = EditorSource(fail)
    source.wait(10)
    shown = failing(Studio(source, tmp_path).random_face(1, 0.7, NOBODY), StudioError, "doctor")
    assert shown["progress"] == ""


def test_too_many_computations_a_minute_are_refused(studio):
    for _ in range(COMPUTATIONS.amount):
        studio.limits.compute("192.0.2.1")
    with pytest.raises(StudioError, match="Wait a little"):
        list(studio.random_face(1, 0.7, Session(client="192.0.2.1")))
    assert last(studio.random_face(1, 0.7, Session(client="192.0.2.2")))["session"].inversion is not None


def test_two_tabs_never_share_a_face(studio, tmp_path):
    mine, theirs = given(studio, tmp_path, seed=1), given(studio, tmp_path, seed=2)
    first = studio.edit(controls(PROMPTS[0]), mine)
    second = studio.edit(controls(PROMPTS[2]), theirs)
    one: dict = {}
    two: dict = {}
    for left, right in zip(first, second, strict=False):
        one.update(left)
        two.update(right)
    one.update(last(first))
    two.update(last(second))
    assert one["session"].result.settings.prompt == PROMPTS[0]
    assert two["session"].result.settings.prompt == PROMPTS[2]
    assert one["session"].photo is mine.photo and two["session"].photo is theirs.photo
    assert one["session"].folder != two["session"].folder
    assert not np.array_equal(mine.photo, theirs.photo)


# -- a saved session --------------------------------------------------------------------------------------------


def _saved(studio: Studio, session: Session) -> Path:
    return Path(last(studio.files(True, session))["download_session"]["value"])


def test_saved_session_comes_back_whole(studio, tmp_path, session):
    session = edited(studio, session, PROMPTS[2])
    view = last(studio.open_session(str(_saved(studio, session)), NOBODY))
    found = view["session"]
    assert torch.equal(found.inversion.w_plus, session.inversion.w_plus)
    assert np.array_equal(found.photo, session.photo) and np.array_equal(found.aligned.quad, session.aligned.quad)
    assert (found.aligned.image - session.aligned.image).abs().mean() < 0.02
    assert [entry.settings for entry in found.history] == [entry.settings for entry in session.history]
    assert found.at == 1 and found.result.settings == session.result.settings
    assert view["prompt"] == PROMPTS[2] and len(view["film"]) == 3
    (tmp_path / "bad.safetensors").write_bytes(b"none")
    shown = failing(studio.open_session(str(tmp_path / "bad.safetensors"), found), StudioError, "not a session")
    assert "session" not in shown and shown["progress"] == "", "the stage stays"


def test_saved_session_keeps_the_photo_as_it_was_uploaded(studio, tmp_path):
    noise = np.random.default_rng(0).integers(0, 256, (1800, 1800, 3), dtype=np.uint8)
    path = tmp_path / "large.jpg"
    Image.fromarray(noise).save(path, quality=100, subsampling=0)
    assert len(session_file.photo_bytes(noise)) > 8_000_000  # a PNG of its pixels was once left out
    session = edited(studio, last(studio.photo_given(str(path), True, AGREED))["session"])
    found = last(studio.open_session(str(_saved(studio, session)), NOBODY))["session"]
    assert found.photo_file.read_bytes() == path.read_bytes() and np.array_equal(found.photo, session.photo)
    assert torch.equal(found.aligned.image, session.aligned.image)
    assert read_session(_saved(studio, found)).photo == path.read_bytes()


# -- a reload ---------------------------------------------------------------------------------------------------


def test_a_reload_shows_what_was_there(studio, session):
    view = last(studio.resume(session))
    assert view["edit"]["after"] and view["prompt"] == PROMPTS[0] and len(view["film"]) == 2
    assert view["save"]["interactive"] is True and view["consent"]["visible"] is False
    original = last(studio.step_back(session))["session"]
    view = last(studio.resume(original))
    assert view["edit"] is None and view["stage_view"]["before"] and view["redo"]["interactive"] is True
    assert last(studio.resume(NOBODY)) == {}


def test_a_reload_goes_on_where_it_was_interrupted(studio, editor, tmp_path, face):
    path = write_photo(tmp_path / "late.png")
    waiting = last(studio.photo_given(path, False, NOBODY))["session"]
    assert last(studio.resume(waiting))["consent"]["visible"] is True
    choosing = given(studio, tmp_path, 2, session=face)
    assert len(last(studio.resume(choosing))["stage_view"]["boxes"]) == 2
    seen = replace(face, inversion=None)
    assert last(studio.resume(seen))["session"].inversion is not None, "the face is looked at"
    begun = next(view for view in studio.edit(controls(PROMPTS[2]), face) if "session" in view)["session"]
    view = last(studio.resume(begun))
    assert view["session"].result.settings.prompt == PROMPTS[2] and view["session"].wanted is None
    assert len(view["session"].history) == 1


@pytest.mark.parametrize("own", [None, "", "no such ticket", 5, ["x"]])
@pytest.mark.parametrize("tickets", [None, "x", 5, {"a": 1}, [None, 5, ["x"], {}], ["no such ticket"], []])
def test_tickets_that_are_none_open_nothing(studio, tickets, own, session):
    studio.tabs.keep("tab", session)
    view = studio.arrive(tickets, own, Session(key="other"))
    assert studio.tabs.resting("other").inversion is None
    assert all(isinstance(one, str) for one in view["tickets"]) and len(view["tickets"]) <= 8
    assert studio.tabs.resting("tab") is session


@pytest.mark.parametrize("known", [True, False], ids=["reloaded", "opened again"])
def test_a_ticket_brings_the_tab_back(studio, session, known):
    studio.tabs.connected("tab")
    tickets = studio.arrive([], None, Session(key="tab"))["tickets"]
    studio.tabs.keep("tab", session)
    studio.tabs.disconnected("tab")
    view = studio.arrive(tickets, tickets[0] if known else None, Session(key="again"))
    again = studio.tabs.resting("again")
    assert again.result is session.result and again.key == "again"
    assert view["tickets"][0] not in tickets, "a ticket is used once"
    assert studio.tabs.resting("tab").inversion is None


def test_tabs_that_come_back_together_do_not_swap_their_faces(studio, face, session):
    tickets: list[str] = []
    for key, work in (("first", face), ("second", session)):
        studio.tabs.connected(key)
        tickets = studio.arrive(tickets, None, Session(key=key))["tickets"]
        studio.tabs.keep(key, work)
    for key in ("first", "second"):
        studio.tabs.disconnected(key)
    second, first = tickets
    studio.arrive(tickets, first, Session(key="first again"))
    studio.arrive(tickets, second, Session(key="second again"))
    assert studio.tabs.resting("first again").result is None
    assert studio.tabs.resting("second again").result is session.result


def test_a_second_tab_does_not_wait_for_the_end_of_the_first(studio, session):
    studio.tabs.connected("tab")
    tickets = studio.arrive([], None, Session(key="tab"))["tickets"]
    studio.tabs.keep("tab", session)
    assert len(studio.arrive(tickets, None, Session(key="second"))["tickets"]) == 2
    studio.tabs.disconnected("tab")
    assert studio.tabs.resting("second").inversion is None and studio.tabs.resting("tab") is session


def test_faces_of_the_film_rest_and_come_back(studio, tmp_path, session):
    other = given(studio, tmp_path, seed=2, session=session)
    assert [len(one.history) for one in other.shelf] == [1]
    assert not len(other.shelf[0].photo) and other.shelf[0].result is None, "at rest"
    film = last(studio.resume(other))["film"]
    assert [frame["name"] for frame in film] == ["Original", PROMPTS[0], "Original"]
    assert [frame["shown"] for frame in film] == [False, False, True]
