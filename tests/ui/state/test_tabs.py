"""What is kept of tabs, for how long, and how much of it."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from mcaclip.errors import StudioError
from mcaclip.imaging import align
from mcaclip.types import AlignedFace, EditSettings, Paint, to_uint8
from mcaclip.ui.state import tabs as tabs_module
from mcaclip.ui.state.rest import at_rest, awake, shelved, size_of, taken
from mcaclip.ui.state.session import MAX_FACES, HistoryEntry, Session
from mcaclip.ui.state.tabs import CLOSED_SECONDS, IDLE_SECONDS, REST_SECONDS, Tabs
from mcaclip.ui.state.visitor_files import UNCLAIMED_SECONDS, VisitorFiles
from tests.fakes import PROMPTS, draw_face

QUAD = np.array([[40.0, 30.0], [30.0, 190.0], [190.0, 200.0], [200.0, 40.0]])


@pytest.fixture
def tabs(tmp_path, clock) -> Tabs:
    return Tabs(VisitorFiles(tmp_path, clock), clock)


@pytest.fixture
def upload(tabs, tmp_path) -> Path:
    """An uploaded file that is not fresh any more."""
    path = tmp_path / "upload" / "me.jpg"
    path.parent.mkdir()
    path.write_bytes(b"x")
    os.utime(path, (0, 0))
    tabs.files.received([str(path)])
    return path


@pytest.fixture
def edited(tmp_path, editor) -> Callable[..., Session]:
    """A session of a photo with painted edits, as a visitor has it."""

    def make(seed: int = 1) -> Session:
        photo = to_uint8(draw_face(seed))[::4, ::4]
        file = tmp_path / f"photo_{seed}.png"
        Image.fromarray(photo).save(file)
        crop, valid = align.crop_quad(photo, QUAD, align.ALIGNED_SIZE)
        face = AlignedFace(crop, QUAD, valid, None, photo)
        inversion = editor.invert(face)
        inversion = replace(inversion, reconstruction=editor.reconstruct(inversion.w_plus).reconstruction)
        paint = Paint(allow=(torch.rand(1, 512, 512) > 0.5).float())
        session = Session(photo=photo, aligned=face, inversion=inversion, paint=paint, photo_file=file)
        session = session.with_folder(tmp_path)
        for number, prompt in enumerate(PROMPTS):
            settings = EditSettings(prompt, paint=paint if number else None)
            session = session.added(HistoryEntry(number + 1, settings, result=editor.edit(inversion, settings)))
        return session

    return make


def test_a_face_at_rest_comes_back_bit_for_bit(edited, editor):
    session = edited()
    again = awake(at_rest(session), editor)
    assert np.array_equal(again.photo, session.photo)
    assert torch.equal(again.aligned.image, session.aligned.image)
    assert np.array_equal(again.aligned.valid, session.aligned.valid) and again.aligned.photo is again.photo
    assert torch.equal(again.inversion.reconstruction, session.inversion.reconstruction)
    assert torch.equal(again.result.image, session.result.image) and again.history[-1].result is again.result
    assert torch.equal(again.paint.allow, session.paint.allow)
    assert [e.settings.prompt for e in again.history] == list(PROMPTS) and again.at == session.at


def test_edits_that_share_a_painting_still_do_after_a_rest(edited, editor):
    again = awake(at_rest(edited()), editor)
    assert again.history[1].settings.paint is again.history[2].settings.paint is again.paint
    assert again.history[0].settings.paint is None


def test_a_generated_face_and_an_empty_tab_can_rest(editor):
    session = Session(inversion=editor.reconstruct(editor.sample(3).w_plus))
    again = awake(at_rest(session), editor)
    assert torch.equal(again.inversion.reconstruction, session.inversion.reconstruction) and again.photo is None
    assert awake(at_rest(Session()), editor).inversion is None


def test_a_tab_at_rest_is_small(edited):
    session = edited()
    assert size_of(session) > 50_000_000
    resting = at_rest(session)
    packed = sum(mask.nbytes for e in resting.history if e.settings.paint for mask in [e.settings.paint.allow])
    assert size_of(resting) == 0 and packed < 500_000


def test_a_removed_photo_is_an_error(edited, editor):
    session = edited()
    session.photo_file.unlink()
    with pytest.raises(StudioError, match="removed from the server"):
        awake(at_rest(session), editor)


def test_pictures_of_all_tabs_are_bounded(tabs, edited, editor, monkeypatch):
    session = edited()
    monkeypatch.setattr(tabs_module, "MAX_AWAKE_BYTES", 2 * size_of(session))
    for key in "abcd":
        tabs.keep(key, session)
    assert [size_of(tabs.resting(key)) > 0 for key in "abcd"] == [False, True, True, True]
    assert size_of(tabs.session("a", editor)) == size_of(replace(session, history=session.history[-1:]))
    assert [size_of(tabs.resting(key)) > 0 for key in "abcd"].count(True) <= 3


def test_an_idle_tab_rests_and_is_then_removed(tabs, clock, edited, editor):
    session = edited()
    tabs.connected("a")
    tabs.keep("a", session)
    clock.now = REST_SECONDS
    tabs.sweep()
    assert session.folder.is_dir() and size_of(tabs.resting("a")) == 0
    with pytest.raises(StudioError, match="loading"):
        tabs.session("a", None)
    assert tabs.session("a", editor).result is not None
    clock.now += IDLE_SECONDS
    tabs.sweep()
    assert not session.folder.exists() and session.running.cancelled


def test_a_closed_tab_is_removed_with_its_files_unless_it_reconnects(tabs, clock, edited, upload):
    session = edited()
    tabs.files.given(str(upload), "hash")
    tabs.connected("hash")
    tabs.keep("hash", session)
    tabs.disconnected("hash")
    clock.now = CLOSED_SECONDS - 1
    tabs.connected("hash")
    clock.now += CLOSED_SECONDS
    tabs.sweep()
    assert session.folder.is_dir() and upload.exists()
    tabs.disconnected("hash")
    clock.now += CLOSED_SECONDS
    tabs.sweep()
    assert not session.folder.exists() and not upload.exists()


def test_a_connection_that_is_renewed_before_the_old_one_ends_stays(tabs, clock, edited):
    session = edited()
    tabs.connected("hash")
    tabs.keep("hash", session)
    tabs.connected("hash")
    tabs.disconnected("hash")
    clock.now = 10 * CLOSED_SECONDS
    tabs.sweep()
    assert session.folder.is_dir()


@pytest.mark.parametrize(("is_open", "kept"), [(False, [False, True, True]), (True, [True, False, True])])
def test_the_oldest_tab_makes_room_with_its_files_unless_it_is_open(tabs, edited, monkeypatch, is_open, kept):
    monkeypatch.setattr(tabs_module, "MAX_TABS", 2)
    sessions = [edited(seed) for seed in (1, 2, 3)]
    if is_open:
        tabs.connected("a")
    for key, session in zip("abc", sessions, strict=True):
        tabs.keep(key, session)
    assert [session.folder.is_dir() for session in sessions] == kept


def test_one_client_cannot_push_out_the_others(tabs, edited, monkeypatch):
    monkeypatch.setattr(tabs_module, "MAX_TABS_OF_ONE", 2)
    victim = replace(edited(1), client="192.0.2.1")
    tabs.keep("victim", victim)
    sessions = [replace(edited(seed), client="192.0.2.9") for seed in (2, 3, 4)]
    for key, session in zip("abc", sessions, strict=True):
        tabs.keep(key, session)
    assert victim.folder.is_dir()
    assert [session.folder.is_dir() for session in sessions] == [False, True, True]


def test_an_empty_tab_is_not_kept_and_one_that_becomes_empty_is(tabs, edited):
    tabs.keep("a", Session())
    assert tabs._tabs == {}
    tabs.keep("a", edited())
    tabs.keep("a", Session())
    assert tabs.resting("a").inversion is None


def test_a_file_whose_request_was_refused_is_removed_after_a_while(tabs, clock, upload):
    tabs.files.given(str(upload), "never-kept")
    clock.now = UNCLAIMED_SECONDS
    tabs.sweep()
    assert not upload.exists() and tabs.files.stored_bytes == 0


def test_a_forgotten_tab_raises_once_and_can_start_again(tabs, edited):
    tabs.keep("a", edited())
    tabs.close("a")
    with pytest.raises(StudioError, match="removed from the server"):
        tabs.session("a", None)
    assert tabs.session("a", None).inversion is None


def test_a_face_at_rest_does_not_come_back_over_a_newer_one(tabs, edited, editor, monkeypatch):
    old, new = edited(1), edited(2)
    tabs.keep("a", old)
    tabs.keep("a", at_rest(old))
    tabs._tabs["a"].awake = False

    def slow(session, editor):
        tabs.keep("a", new)
        return awake(session, editor)

    monkeypatch.setattr(tabs_module, "awake", slow)
    assert tabs.session("a", editor).photo_file == old.photo_file
    assert tabs.resting("a") is new


def test_a_session_without_a_key_is_not_kept(tabs, edited):
    session = edited()
    tabs.keep("", session)
    assert not session.folder.exists() and tabs.resting("").inversion is None


def test_what_is_computed_for_a_forgotten_tab_is_dropped(tabs, edited):
    session = edited()
    tabs.keep("a", session)
    tabs.close("a")
    tabs.keep("a", late := session.with_folder(Path(tabs.files.root)))
    assert late.folder is not None and not late.folder.exists()


def test_one_bad_tab_does_not_keep_the_others(tabs, clock, edited):
    bad, good = edited(1), edited(2)
    tabs.keep("bad", replace(bad, folder=Path("/proc/self/mem")))
    tabs.keep("good", good)
    clock.now = IDLE_SECONDS
    tabs.sweep()
    assert not good.folder.exists()


def test_the_end_takes_everything(tabs, edited):
    sessions = [edited(seed) for seed in (1, 2)]
    for number, session in enumerate(sessions):
        tabs.keep(str(number), session)
    tabs.end()
    assert not any(session.folder.exists() for session in sessions)


# -- reloads ----------------------------------------------------------------------------------------------------


def test_a_reload_gets_its_session_back_with_its_files(tabs, clock, edited, upload, editor):
    tabs.connected("old")
    ticket = tabs.ticket("old")
    tabs.files.given(str(upload), "old")
    tabs.keep("old", session := edited())
    tabs.disconnected("old")
    tabs.connected("new")
    assert tabs.reclaim("new", [ticket]) is True
    again = tabs.session("new", editor)
    assert again.result is session.result and again.key == "new" and tabs.resting("old").inversion is None
    clock.now = 2 * CLOSED_SECONDS
    tabs.sweep()
    assert session.folder.is_dir() and upload.exists(), "they are the new tab's"
    assert tabs.files.given(str(upload), "new") == upload
    with pytest.raises(StudioError):
        tabs.files.given(str(upload), "old")
    tabs.close("new")
    assert not session.folder.exists() and not upload.exists()


def test_a_tab_whose_connection_is_open_is_not_taken_away(tabs, edited):
    tabs.connected("old")
    ticket = tabs.ticket("old")
    tabs.keep("old", session := edited())
    assert tabs.reclaim("new", [ticket]) is None, "a moment later it may be over"
    assert tabs.resting("old") is session and tabs.resting("new").inversion is None
    tabs.disconnected("old")
    assert tabs.reclaim("new", [ticket]) is True
    assert tabs.reclaim("third", [ticket]) is False, "a ticket counts once"


def test_of_several_tabs_of_a_browser_the_newest_that_is_closed_comes_back(tabs, edited):
    tickets = {}
    for seed, key in enumerate("abc", 1):
        tabs.connected(key)
        tickets[key] = tabs.ticket(key)
        tabs.keep(key, edited(seed))
    first = tabs.resting("a")
    tabs.disconnected("a")
    assert tabs.reclaim("new", [tickets[key] for key in "cba"]) is True
    assert tabs.resting("new").photo_file == first.photo_file
    assert tabs.resting("b").inversion is not None and tabs.resting("c").inversion is not None


def test_what_is_computed_for_a_tab_while_it_is_reloaded_comes_to_it(tabs, edited):
    ticket = tabs.ticket("old")
    tabs.keep("old", edited(1))
    assert tabs.reclaim("new", [ticket]) is True
    again = tabs.ticket("new")
    tabs.keep("old", late := edited(2))
    assert tabs.resting("new").photo_file == late.photo_file and tabs.resting("new").key == "new"
    assert tabs.reclaim("newest", [again]) is True
    tabs.keep("old", later := edited(3))
    assert tabs.resting("newest").photo_file == later.photo_file, "over two reloads"
    assert tabs.resting("old").inversion is None


@pytest.mark.parametrize("tickets", [[], [""], ["old"], ["x" * 10_000], ["../old", "old\0"]])
def test_a_key_that_is_no_ticket_opens_nothing(tabs, edited, tickets):
    tabs.keep("old", session := edited())
    tabs.ticket("old")
    assert tabs.reclaim("new", tickets) is False
    assert tabs.resting("old") is session and tabs.resting("new").inversion is None


def test_a_tab_that_has_something_takes_over_nothing(tabs, edited):
    ticket = tabs.ticket("old")
    tabs.keep("old", edited(1))
    tabs.keep("new", mine := edited(2))
    assert tabs.reclaim("new", [ticket]) is False and tabs.resting("new") is mine
    assert tabs.reclaim("", [ticket]) is False and tabs.resting("old").inversion is not None


def test_a_ticket_is_replaced_and_their_number_is_bounded(tabs, edited, monkeypatch):
    first, second = tabs.ticket("old"), tabs.ticket("old")
    tabs.keep("old", edited())
    assert first != second and len(second) >= 32
    assert tabs.reclaim("new", [first]) is False and tabs.reclaim("new", [second]) is True
    monkeypatch.setattr(tabs_module, "MAX_TABS", 2)
    for number in range(50):
        tabs.ticket(f"t{number}")
    assert len(tabs._tickets) <= 8


def test_a_renamed_tab_may_be_named_back(tabs, edited):
    """A browser that restores a closed tab may come with the old name again."""
    ticket = tabs.ticket("a")
    tabs.keep("a", edited())
    assert tabs.reclaim("b", [ticket]) is True
    assert tabs.reclaim("a", [tabs.ticket("b")]) is True
    tabs.keep("b", late := edited(2))
    assert tabs.resting("a").photo_file == late.photo_file


# -- the other faces of the film --------------------------------------------------------------------------------


def test_a_face_goes_on_the_shelf_and_comes_back_bit_for_bit(edited, editor):
    session = replace(edited(1), consented=True, marked=False)
    tab = shelved(session)
    assert tab.inversion is None and tab.photo is None and tab.history == () and tab.folder == session.folder
    assert (tab.consented, tab.marked, tab.number) == (True, False, session.number + 1)
    assert size_of(tab.shelf[0]) == 0
    other = replace(edited(2), number=tab.number, shelf=tab.shelf, folder=tab.folder, consented=True)
    back = taken(other, session.number, editor)
    assert torch.equal(back.result.image, session.result.image) and back.at == session.at
    assert torch.equal(back.paint.allow, session.paint.allow) and np.array_equal(back.photo, session.photo)
    assert [one.number for one in back.shelf] == [other.number] and back.consented
    assert taken(back, other.number, editor).photo_file == other.photo_file
    with pytest.raises(StudioError, match="no such edit"):
        taken(back, 99, editor)


def test_an_empty_stage_leaves_nothing_on_the_shelf_and_the_shelf_is_bounded(edited):
    assert shelved(Session()).shelf == ()
    session = edited(1)
    for number in range(MAX_FACES + 3):
        session = replace(edited(1), number=number, shelf=shelved(session).shelf)
    numbers = [one.number for one in session.shelf]
    assert len(numbers) == MAX_FACES - 1 and numbers == sorted(numbers), "the newest stay"
    assert all(one.shelf == () for one in session.shelf)


def test_a_face_whose_photo_is_gone_is_not_lost_silently(edited, editor):
    session = edited(1)
    other = replace(edited(2), number=1, shelf=shelved(session).shelf)
    session.photo_file.unlink()
    with pytest.raises(StudioError, match="removed from the server"):
        taken(other, session.number, editor)
