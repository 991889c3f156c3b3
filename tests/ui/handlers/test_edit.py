"""From words, cards and sliders to edits, and the film."""

from __future__ import annotations

import base64
import io
import struct
import threading
import zlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from mcaclip.editing.reader import PromptReader
from mcaclip.errors import StudioError
from mcaclip.ui.display import text
from mcaclip.ui.handlers import views
from mcaclip.ui.lab.inspect import inspect_view
from mcaclip.ui.state.session import FULL_RESULTS, MAX_FACES, forget
from tests.fakes import MASK_SIDES, PROMPTS
from tests.helpers.studio import AGREED, NOBODY, controls, edited, excluded, failing, given, last


def picture(url: str) -> np.ndarray:
    """A data URL's picture, `uint8 [H, W, 3]`."""
    data = base64.b64decode(url.partition(",")[2], validate=True)
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))


# -- edits ------------------------------------------------------------------------------------------------------


def test_an_edit_reads_its_prompt_once(studio, editor, face, monkeypatch):
    seen, read = [], PromptReader.read
    monkeypatch.setattr(PromptReader, "read", lambda *given: (seen.append(given[1]), read(*given))[1])
    edited(studio, face)
    assert seen == editor.resolved == [PROMPTS[0]]


def test_an_edit_needs_a_face_and_one_that_is_known(studio, face):
    with pytest.raises(StudioError, match="no face"):
        list(studio.edit(controls(), NOBODY))
    with pytest.raises(StudioError, match="no face"):
        list(studio.edit(controls(), replace(face, inversion=None)))


def test_an_edit_shows_its_picture_every_mask_and_itself_in_the_film(studio, face):
    view = last(studio.edit(controls("Green  Lipstick"), face))
    assert len(view["layers"]) == len(MASK_SIDES)
    assert "16 px" in view["layers"][4]["name"] and view["layers"][4]["area"].endswith(" %")
    assert view["session"].result.settings.prompt == PROMPTS[0], "the canonical wording"
    assert picture(view["edit"]["after"]).shape == (1024, 1024, 3)
    assert view["threshold"]["interactive"] is True and view["progress"] == ""
    assert view["save"]["interactive"] is True and view["download_edited"]["interactive"] is False
    assert [(frame["name"], frame["strength"], frame["shown"]) for frame in view["film"]] == [
        ("Original", "", False),
        (PROMPTS[0], "1.00", True),
    ]


@pytest.mark.parametrize("prompt", ["", "x" * 201, "red nose"])
def test_a_bad_prompt_is_told_by_the_prompt_alone_and_keeps_the_result(studio, session, prompt):
    shown = last(studio.edit(controls(prompt), session))
    assert shown.get("session", session).result is session.result
    assert shown["verdict"]["kind"] == "bad" and shown["progress"] == ""
    if prompt:
        assert shown["verdict"] == studio.prompt_hint(prompt)["verdict"], "as while it is typed"


def test_several_prompts_are_one_edit(studio, face):
    view = last(studio.edit(controls(f"{PROMPTS[0]} and {PROMPTS[2]}"), face))
    settings = view["session"].result.settings
    assert [part.prompt for part in settings.parts] == [PROMPTS[0], PROMPTS[2]]
    assert view["row_1"]["visible"] is True and view["row_2"]["visible"] is False
    assert view["strength_1"]["label"] == PROMPTS[2]
    again = last(studio.edit(controls(f"{PROMPTS[0]} and {PROMPTS[0].upper()}"), view["session"]))
    assert [part.prompt for part in again["session"].result.settings.parts] == [PROMPTS[0]]


def test_what_can_be_made_is_made_and_the_rest_stays_in_the_prompt_line(any_words, tmp_path):
    typed = "pink eyebrows, purple hair or red hair"
    view = last(any_words.edit(controls(typed), given(any_words, tmp_path)))
    assert [part.prompt for part in view["session"].result.settings.parts] == ["pink eyebrows"]
    assert "prompt" not in view
    verdict = any_words.prompt_hint(typed)["verdict"]
    assert verdict["kind"] == "fair"
    assert "Left out: “purple hair” and “red hair” do not go together" in verdict["line"]
    kept = ["pink eyebrows, purple hair", "pink eyebrows, red hair"]
    assert verdict["suggestions"] == kept, "a suggestion keeps what was understood"


def test_too_many_changes_are_told_while_they_are_typed(any_words):
    verdict = any_words.prompt_hint("red hair, green lips, blue goatee, pink skin, red eyes")["verdict"]
    assert verdict["kind"] == "bad" and "at most 4" in verdict["line"]


def test_a_cancelled_edit_leaves_the_page_ready_and_nothing_is_kept(studio, editor, session):
    editor.hold_edits = threading.Event()
    views = studio.edit(controls(PROMPTS[2]), session)
    begun = next(view for view in views if "session" in view)
    assert begun["cancel"]["visible"] is True and begun["session"].wanted.prompt == PROMPTS[2]
    assert studio.cancel(begun["session"]) == {}
    shown = last(views)
    assert shown["cancel"]["visible"] is False and shown["progress"] == ""
    assert shown["session"].result is session.result and shown["session"].wanted is None
    assert len(shown["session"].history) == 1


def test_files_come_back_after_the_folder_was_removed(studio, session):
    forget(session)
    view = last(studio.rerender(controls(PROMPTS[0], 0.5), session))
    assert Path(view["session"].history[-1].picture).is_file()


# -- strengths --------------------------------------------------------------------------------------------------


def test_a_new_prompt_and_a_new_face_begin_with_the_best_strength(any_words, tmp_path):
    face = given(any_words, tmp_path)
    view = last(any_words.edit(controls("green lipstick", 1.8, 0.3), face))
    assert view["strength_0"]["value"] == 0.8, "its best, not what the slider happened to show"
    moved = last(any_words.rerender(controls("green lipstick", 1.8), view["session"]))["session"]
    again = last(any_words.edit(controls("green lipstick", 1.8), moved))
    assert again["strength_0"]["value"] == 1.8, "what is shown keeps its strength"
    both = last(any_words.edit(controls("green lipstick and purple hair", 1.8), moved))
    assert [both[f"strength_{n}"]["value"] for n in (0, 1)] == [1.8, 1.0]
    other = given(any_words, tmp_path, seed=2, session=moved)
    assert last(any_words.edit(controls("green lipstick", 1.8), other))["strength_0"]["value"] == 0.8
    fresh = last(any_words.edit(controls("purple hair", 1.8), moved))
    assert fresh["strength_0"]["value"] == 1.0


def test_a_new_face_brings_the_fine_controls_back(studio, tmp_path, session):
    moved = controls(PROMPTS[0], 1.0, threshold=0.5, feather=3, invert=True)
    hard = last(studio.rerender(moved, session))
    again = (last(studio.rerender(moved, hard["session"])), studio.live(moved, hard["session"]))
    for view in (hard, *again):
        assert view["layers"] and not view.keys() & {*views.SLIDERS}, "they may have been moved on since"
    shown = last(studio.go_to(1, hard["session"]))
    assert (shown["threshold"]["value"], shown["feather"]["value"], shown["invert"]["value"]) == (0.5, 3, True)
    view = last(studio.random_face(3, 0.7, hard["session"]))
    assert (view["threshold"]["value"], view["feather"]["value"], view["invert"]["value"]) == (0, 0, False)


def test_a_moving_slider_shows_the_edit_at_full_size_and_leaves_the_session(studio, editor, session):
    editor.calls.clear()
    view = studio.live(controls(PROMPTS[0], 1.5), session)
    assert editor.calls == ["edit 1.5 0"]
    assert "session" not in view and picture(view["edit"]["after"]).shape == (1024, 1024, 3)
    assert view["edit"]["moving"] and text.LIVE_BADGE in view["result_line"]
    assert view["download_edited"]["interactive"] is False, "never a download of another picture"


def test_a_live_edit_that_comes_after_the_kept_one_shows_the_kept_one(studio, editor, session):
    editor.calls.clear()
    view = studio.live(controls(PROMPTS[0], 1.0), session)
    assert editor.calls == []
    assert not view["edit"]["moving"] and text.LIVE_BADGE not in view["result_line"]


def test_slider_without_an_edit_does_nothing(studio, face):
    assert studio.live(controls(PROMPTS[0], 1.5), NOBODY) == {} == studio.live(controls(PROMPTS[0], 1.5), face)
    assert last(studio.rerender(controls(PROMPTS[0], 1.5), face)) == {}


def test_letting_go_renders_once_without_inverting_again(studio, editor, session):
    editor.calls.clear()
    view = last(studio.rerender(controls(PROMPTS[0], 0.5, threshold=0.4), session))
    assert editor.calls == ["edit 0.5 0.4"]
    assert view["session"].result.settings.mask_threshold == 0.4
    last(studio.rerender(controls(PROMPTS[0], 0.5, threshold=0.4), view["session"]))
    assert editor.calls == ["edit 0.5 0.4"], "the same values again need no work"


# -- cards ------------------------------------------------------------------------------------------------------


def test_a_card_edits_and_brings_its_best_strength(any_words, tmp_path):
    face = given(any_words, tmp_path)
    view = last(any_words.card_chosen({"prompt": "green lipstick"}, controls("", 1.9), face))
    assert (view["prompt"], view["strength_0"]["value"]) == ("green lipstick", 0.8)
    assert view["session"].result.settings.strength == 0.8
    view = last(any_words.card_chosen({"prompt": "zombie"}, controls("green lipstick", 0.8), view["session"]))
    assert view["prompt"] == "zombie" and view["row_1"]["visible"] is False


def test_a_card_is_added_to_the_edit_and_a_change_dropped_from_it(any_words, tmp_path):
    first = edited(any_words, given(any_words, tmp_path), "green lipstick")
    view = last(any_words.card_added({"prompt": "purple hair"}, controls("green lipstick", 0.4), first))
    parts = view["session"].result.settings.parts
    assert [(part.prompt, part.strength) for part in parts] == [("green lipstick", 0.4), ("purple hair", 1.0)]
    assert view["prompt"] == "green lipstick, purple hair" and len(view["session"].history) == 2
    assert last(any_words.card_added({"prompt": "purple hair"}, controls("", 0.4, 1.2), view["session"])) == {}
    view = last(any_words.change_dropped(0, controls("", 0.4, 1.2), view["session"]))
    assert [(p.prompt, p.strength) for p in view["session"].result.settings.parts] == [("purple hair", 1.2)]
    assert view["prompt"] == "purple hair"
    view = last(any_words.change_dropped(0, controls("", 1.2), view["session"]))
    assert view["session"].result is None and view["prompt"] == "" and len(view["session"].history) == 3
    with pytest.raises(StudioError, match="no edit"):
        list(any_words.change_dropped(0, controls(""), view["session"]))


def test_a_card_of_ones_own_brings_its_strengths(any_words, tmp_path):
    parts = [{"prompt": "green lipstick", "strength": 0.5}, {"prompt": "purple hair", "strength": 1.5}]
    view = last(any_words.card_chosen({"parts": parts}, controls(""), given(any_words, tmp_path)))
    assert [(p.prompt, p.strength) for p in view["session"].result.settings.parts] == [
        ("green lipstick", 0.5),
        ("purple hair", 1.5),
    ]
    assert view["prompt"] == "green lipstick, purple hair"
    assert view["parts"] == parts, "which the page can keep as a card again"


@pytest.mark.parametrize(
    "data",
    [
        {"prompt": 5},
        {"parts": []},
        {"parts": None},
        {"parts": "x"},
        {"parts": ["x"]},
        {"parts": [{}]},
        {"parts": [{"prompt": PROMPTS[0], "strength": "much"}]},
        {"parts": [{"prompt": PROMPTS[0], "strength": 1e9}]},
        {"parts": [{"prompt": PROMPTS[0], "strength": float("nan")}]},
    ],
)
def test_cards_that_are_none_are_refused(studio, session, data):
    shown = failing(studio.card_chosen(data, controls(), session), StudioError)
    assert shown.get("session", session).result is session.result


@pytest.mark.parametrize(
    "data", [{}, {"prompt": None}, {"prompt": ""}, {"parts": [{"prompt": PROMPTS[0], "strength": 1.0}] * 99}]
)
def test_cards_of_no_prompt_are_told_by_the_prompt(studio, session, data):
    shown = last(studio.card_chosen(data, controls(), session))
    assert shown["verdict"]["kind"] == "bad" and "session" not in shown


def test_cards_are_previewed_on_the_face_on_the_stage(studio, editor, face):
    editor.calls.clear()
    views = list(studio.cards_wanted(face.number, [PROMPTS[0], "no such card", 5, PROMPTS[2]], face))
    assert [sorted(view["previews"]["made"]) for view in views] == [
        [PROMPTS[0]],
        [PROMPTS[0], PROMPTS[2]],
        [PROMPTS[0], PROMPTS[2]],
    ]
    assert views[-1]["previews"]["done"] is True and views[-1]["previews"]["face"] == face.number
    assert picture(views[-1]["previews"]["made"][PROMPTS[0]]).shape[0] >= 128
    assert editor.calls == [f"preview {PROMPTS[0]}", f"preview {PROMPTS[2]}"]
    for other in (None, "x", face.number + 1):
        assert last(studio.cards_wanted(other, [PROMPTS[0]], face))["previews"]["made"] == {}
    assert last(studio.cards_wanted(0, [PROMPTS[0]], NOBODY))["previews"]["done"] is True


# -- the film ---------------------------------------------------------------------------------------------------


def test_undo_and_redo_show_the_very_same_edit(studio, editor, session):
    second = last(studio.rerender(controls(PROMPTS[0], 0.4), edited(studio, session, PROMPTS[2])))["session"]
    editor.calls.clear()
    back = last(studio.step_back(last(studio.step_back(second))["session"]))
    assert back["session"].result is session.result
    assert back["prompt"] == PROMPTS[0] and back["strength_0"]["value"] == 1.0
    assert back["undo"]["interactive"] is True and back["redo"]["interactive"] is True
    original = last(studio.step_back(back["session"]))
    assert original["edit"] is None and original["session"].result is None and original["row_0"]["visible"] is False
    assert original["undo"]["interactive"] is False and len(original["session"].history) == 3
    assert original["film"][0]["shown"] is True and original["save"]["interactive"] is False
    assert last(studio.step_back(original["session"]))["session"].at == -1
    forth = original["session"]
    for _ in range(3):
        forth = last(studio.step_forward(forth))["session"]
    assert forth.result is second.result and editor.calls == []
    with pytest.raises(StudioError, match="no such edit"):
        list(studio.step_forward(forth))


def test_an_edit_after_undo_takes_the_place_of_what_was_undone(studio, session):
    back = last(studio.step_back(edited(studio, session, PROMPTS[2])))["session"]
    third = edited(studio, back, PROMPTS[1])
    assert [entry.settings.prompt for entry in third.history] == [PROMPTS[0], PROMPTS[1]]


def test_old_results_are_dropped_and_computed_again(studio, editor, session):
    for step in range(FULL_RESULTS):
        session = last(studio.rerender(controls(PROMPTS[0], 0.1 * step), session))["session"]
    assert session.history[0].result is None and session.history[1].result is not None
    editor.calls.clear()
    view = last(studio.go_to(0, session))
    assert editor.calls == ["edit 1 0"] and view["session"].at == 0
    assert len(view["session"].history) == FULL_RESULTS + 1


def test_any_two_states_can_be_compared(studio, session):
    session = edited(studio, session, PROMPTS[2])
    view = studio.frame_compared(session.number, 0, session)
    left, right = picture(view["edit"]["left"]), picture(view["edit"]["after"])
    assert left.shape == right.shape and not np.array_equal(left, right)
    assert view["edit"]["view"] == "split" and f"{PROMPTS[0]} 1.00" in view["result_line"]
    original = studio.frame_compared(session.number, -1, session)["edit"]
    assert original["left"] != view["edit"]["left"] and original["after"] == view["edit"]["after"]
    for face, at in ((session.number, 99), (session.number, None), (99, 0), (None, 0), (session.number, True)):
        assert studio.frame_compared(face, at, session) == {}
    assert studio.frame_compared(session.number, 0, session.unedited()) == {}


def test_alike_edits_are_in_the_film_once_and_others_say_how_they_were_made(studio, face):
    session = edited(studio, edited(studio, face), PROMPTS[2])
    view = last(studio.edit(controls(PROMPTS[0], invert=True, feather=3.0), session))
    session = edited(studio, view["session"])
    assert [entry.settings.prompt for entry in session.history] == [PROMPTS[2], PROMPTS[0], PROMPTS[0]]
    view = last(studio.edit(controls(PROMPTS[0]), session))
    assert [frame["tools"] for frame in view["film"]] == ["", "", "inverted, feather 3 px", ""]
    assert "inverted" in view["film"][2]["title"] and view["film"][3]["shown"] is True
    back = last(studio.step_back(view["session"]))["session"]
    assert back.result.settings.mask_invert, "one step is the edit before"


def test_the_film_survives_a_change_of_face_and_leads_back(studio, editor, tmp_path, session):
    other = edited(studio, given(studio, tmp_path, seed=2, session=session), PROMPTS[2])
    editor.calls.clear()
    view = last(studio.frame_chosen(session.number, 0, other))
    back = view["session"]
    assert np.array_equal(back.photo, session.photo) and back.at == 0 and view["prompt"] == PROMPTS[0]
    assert torch.equal(back.inversion.w_plus, session.inversion.w_plus)
    assert [frame["name"] for frame in view["film"]] == ["Original", PROMPTS[0], "Original", PROMPTS[2]]
    assert [frame["shown"] for frame in view["film"]] == [False, True, False, False]
    assert "align" not in editor.calls and not any(call.startswith("invert") for call in editor.calls)
    assert last(studio.frame_chosen(other.number, -1, back))["session"].number == other.number
    for face, at in ((99, 0), (session.number, 99), (session.number, -2)):
        with pytest.raises(StudioError, match="no such edit"):
            list(studio.frame_chosen(face, at, back))
    for face, at in ((None, 0), ("x", 0), (session.number, None), (True, 0), (session.number, 1.0)):
        with pytest.raises(StudioError, match="do not fit"):
            list(studio.frame_chosen(face, at, back))


def test_the_film_holds_so_many_faces(studio, tmp_path):
    session = AGREED
    for seed in range(MAX_FACES + 2):
        session = last(studio.random_face(seed, 0.7, session))["session"]
    assert len(session.shelf) == MAX_FACES - 1
    assert len({other.number for other in (*session.shelf, session)}) == MAX_FACES


# -- other ways to make the same edit ---------------------------------------------------------------------------


def test_five_strengths_to_choose_from(studio, session):
    choices = last(studio.strengths(session))["choices"]
    assert [one["caption"] for one in choices] == ["0.25 ×", "0.5 ×", "1 ×", "1.5 ×", "2 ×"]
    chosen = last(studio.choice_taken(1, choices[1]["kind"], session))["session"]
    assert chosen.result.settings.strength == 0.5
    with pytest.raises(StudioError, match="do not fit"):
        list(studio.choice_taken(5, "strength", session))


def test_a_variation_goes_into_the_history_and_back_to_as_learned(studio, editor, session):
    learned = session.result.image
    view = last(studio.variations(session))
    offered = view["choices"]
    assert [one["caption"] for one in offered] == ["as learned", *(f"variation {n}" for n in (1, 2, 3, 4))]
    assert view["cancel"]["visible"] is False and view["progress"] == ""
    shown = last(studio.choice_taken(2, "variation", view["session"]))
    chosen = shown["session"]
    assert "choices" not in shown, "the others stay to choose from"
    assert chosen.result.settings.variation == 2 and len(chosen.history) == 2
    assert "variation 2" in shown["result_line"]
    editor.calls.clear()
    assert last(studio.choice_taken(2, "variation", chosen)) == {} and editor.calls == []
    moved = last(studio.rerender(controls(PROMPTS[0], 0.5), chosen))["session"]
    assert (moved.result.settings.variation, moved.result.settings.strength) == (2, 0.5)
    assert last(studio.step_back(chosen))["session"].result.settings.variation == 0
    back = last(studio.choice_taken(0, "variation", chosen))["session"]
    assert back.result.settings.variation == 0 and torch.equal(back.result.image, learned)


def test_cancelled_variations_leave_the_page_ready(studio, session):
    views = studio.variations(session)
    begun = next(views)
    begun["session"].running.cancel()
    shown = {**begun, **failing(views, StudioError, "Cancelled")}
    assert shown["cancel"]["visible"] is False and "choices" not in shown
    with pytest.raises(StudioError, match="no edit"):
        list(studio.variations(session.unedited()))


# -- painting ---------------------------------------------------------------------------------------------------


def test_painting_reaches_the_masks_and_can_be_removed(studio, session):
    with pytest.raises(StudioError, match="painted yet"):
        list(studio.paint(excluded(0), controls(PROMPTS[0], 1.0), session))
    view = last(studio.paint(excluded(100), controls(PROMPTS[0], 1.0), session))
    assert not view["session"].result.combined_mask.any()
    assert view["session"].result.settings.paint is view["session"].paint
    clean = last(studio.unpaint(controls(PROMPTS[0], 1.0), view["session"]))["session"]
    assert clean.paint is None and clean.result.combined_mask.any()


def test_undo_brings_strokes_back_and_takes_them_away(studio, session):
    painted = last(studio.paint(excluded(50), controls(PROMPTS[0], 1.0), session))
    assert painted["strokes_shown"].startswith("data:image/png")
    before = last(studio.step_back(painted["session"]))
    assert before["strokes_shown"] == ""
    assert last(studio.step_forward(before["session"]))["strokes_shown"] == painted["strokes_shown"]


@pytest.mark.parametrize("size", [(100_000, 100_000), (2000, 10), (0, 0)])
def test_a_painting_of_any_claimed_size_is_refused(studio, session, size):
    header = struct.pack(">IIBBBBB", *size, 8, 6, 0, 0, 0)
    chunk = struct.pack(">I", 13) + b"IHDR" + header + struct.pack(">I", zlib.crc32(b"IHDR" + header))
    data = base64.b64encode(b"\x89PNG\r\n\x1a\n" + chunk + struct.pack(">I", 0) + b"IDAT" + bytes(4)).decode()
    with pytest.raises(StudioError, match=text.BAD_PAINTING[:20]):
        list(studio.paint(f"data:image/png;base64,{data}", controls(), session))


# -- words ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("typed", "kind", "words", "absent"),
    [
        ("green  Lipstick", "good", "is known", ""),
        ("red nose", "bad", "Not learned yet", ""),
        ("", "idle", "Choose a card", ""),
        (None, "idle", "Choose a card", ""),
        ("green spaceship", "bad", "do not understand these words", "can learn it"),
        ("green hair", "bad", "can learn it", ""),
        ("💄", "bad", "Latin letters", ""),
        ("зелёная помада", "bad", "Latin letters", ""),
        (f"{PROMPTS[0]} and {PROMPTS[1]}", "good", PROMPTS[1], ""),
    ],
)
def test_the_verdict_says_how_well_words_are_known(studio, typed, kind, words, absent):
    verdict = studio.prompt_hint(typed)["verdict"]
    assert verdict["kind"] == kind and words in verdict["line"] and not (absent and absent in verdict["line"])
    assert "python" not in verdict["line"], "no commands in messages"


def test_unknown_words_come_with_suggestions_of_the_same_part(studio):
    assert studio.prompt_hint("red hair")["verdict"]["suggestions"][0] == PROMPTS[2]
    assert studio.prompt_hint("green spaceship")["verdict"]["suggestions"][0] == PROMPTS[0]


def test_any_words_are_edited_at_once_and_the_result_says_how(any_words, tmp_path):
    view = last(any_words.edit(controls("pink eyebrows and zombie"), given(any_words, tmp_path)))
    settings = view["session"].result.settings
    assert [part.prompt for part in settings.parts] == ["pink eyebrows", "zombie"]
    assert (view["row_1"]["visible"], view["row_2"]["visible"]) == (True, False)
    assert "universal network" not in view["result_line"], "that is for Fine tune"
    assert "was not learned by itself" in inspect_view(any_words, view["session"])["inspect_shifts"]
    assert view["session"].result.modes == ("universal", "universal")


def test_the_mode_counts_for_the_edit_and_comes_back_with_undo(any_words, tmp_path):
    face = given(any_words, tmp_path)
    view = last(any_words.edit(controls(PROMPTS[0], mode="fitted"), face))
    first = view["session"]
    assert first.result.modes == ("fitted",) and "fitted network" in view["result_line"]
    second = last(any_words.edit(controls(PROMPTS[0]), first))
    assert second["session"].result.modes == ("universal",) and second["mode"] == "automatic"
    assert last(any_words.step_back(second["session"]))["mode"] == "fitted"
    moved = last(any_words.rerender(controls(PROMPTS[0], 0.5), first))["session"]
    assert moved.result.modes == ("fitted",), "sliders change strengths only"
    refused = last(any_words.edit(controls("pink eyebrows", mode="fitted"), first))
    assert "choose Universal" in refused["verdict"]["line"] and "session" not in refused


def test_mask_tools_and_paint_work_on_any_words(any_words, tmp_path):
    session = edited(any_words, given(any_words, tmp_path), "pink eyebrows")
    hard = last(any_words.rerender(controls("", 1.0, threshold=0.5, invert=True), session))["session"]
    assert set(hard.result.combined_mask.unique().tolist()) == {0.0, 1.0}
    view = last(any_words.paint(excluded(100), controls("", 1.0), session))
    assert not view["session"].result.combined_mask.any()


@pytest.mark.parametrize(
    ("typed", "mode", "kind", "words"),
    [
        ("pink eyebrows", None, "good", "is known"),
        ("green lipstick", "fitted", "good", "is known"),
        ("pink lips and zombie", None, "good", "“pink lips”, “zombie”. “zombie” is made of green skin, grey"),
        ("green violin", None, "fair", "about 5 of 10 photos"),
        ("violin", None, "bad", "do not understand these words"),
        ("violin", "universal", "bad", "do not understand these words"),
        ("lila Haare", None, "bad", "Please use other words, in English"),
        ("lila Haare", "fitted", "bad", "Please use other words, in English"),
        ("green lipstick " * 20, None, "bad", "has 299 characters, the limit is 200"),
        ("pink eyebrows", "fitted", "bad", "choose Universal"),
    ],
)
def test_the_verdict_says_what_will_happen_to_any_words(any_words, typed, mode, kind, words):
    verdict = any_words.prompt_hint(typed, mode)["verdict"]
    assert verdict["kind"] == kind and words in verdict["line"]


def test_the_library_is_offered_by_its_categories(any_words):
    view = any_words.status()
    categories = dict.fromkeys(card["category"] for card in view["cards"]["cards"])
    assert list(categories) == ["Lips", "Hair", "Expression", "Characters", "Beard"]
    assert view["mode"]["visible"] is True


def test_a_doubtful_prompt_has_a_warning_below_the_result(any_words, tmp_path):
    view = last(any_words.edit(controls("green violin"), given(any_words, tmp_path)))
    assert "about 5 of 10 photos" in view["result_line"]
