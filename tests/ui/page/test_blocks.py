"""The page's settings: privacy, endpoints, queue."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor

import gradio as gr
import pytest

from mcaclip.ui.handlers.binder import MODEL_QUEUE
from mcaclip.ui.handlers.save import Studio
from mcaclip.ui.page.blocks import build, launch_options
from mcaclip.ui.state.loading import EditorSource
from tests.fakes import FakeEditor


@pytest.fixture(scope="module")
def page(tmp_path_factory) -> gr.Blocks:
    return build(Studio(EditorSource(lambda report: FakeEditor()), tmp_path_factory.mktemp("tabs")))


def test_nothing_is_served_recorded_or_sent():
    options = launch_options()
    assert options["allowed_paths"] == []
    assert options["run_history"] is False
    assert options["enable_monitoring"] is False
    assert options["share"] is False
    assert options["max_file_size"] == "48mb"


def test_page_sends_no_analytics_and_leaves_files_to_their_tabs(page):
    """Gradio's own cleaning goes by a file's age, whatever its tab is doing."""
    assert page.analytics_enabled is False
    assert page.delete_cache is None


def test_whatever_the_models_compute_waits_in_one_line(page):
    """What is not queued could be called directly, past everybody who waits."""
    assert page.api_open is False
    for fn in page.fns.values():
        alone = fn.concurrency_id == MODEL_QUEUE and fn.concurrency_limit == 1 and fn.queue
        assert alone or fn.api_visibility == "private"
    assert all(fn.concurrency_id == MODEL_QUEUE for fn in page.fns.values() if fn.api_visibility == "public")


def test_every_number_has_a_range_and_no_words_are_cut_off(page):
    parts = page.blocks.values()
    numbers = [part for part in parts if isinstance(part, (gr.Slider, gr.Number)) and part.elem_id]
    assert len(numbers) >= 9
    assert [part.elem_id for part in numbers if None in (part.minimum, part.maximum)] == []
    assert [part.elem_id for part in parts if isinstance(part, gr.Textbox) and part.max_length] == []


def test_compare_says_that_its_methods_are_being_loaded(page):
    (line,) = [part for part in page.blocks.values() if part.elem_id == "methods-ready"]
    assert "as soon as the models are loaded" in line.value


@pytest.mark.parametrize("count", [1, 2, 7])
def test_what_a_view_leaves_as_it_is_is_sent_as_gradio_sends_it(page, count):
    fn = next(fn for fn in page.fns.values() if len(fn.outputs) > 50)
    texts = [part for part in fn.outputs if isinstance(part, gr.HTML)][:count]
    view = {part: gr.update(visible=False) if number % 2 else f"{number}" for number, part in enumerate(texts)}
    with ThreadPoolExecutor() as pool:  # a thread without a loop: that of the browser tests may run in this one
        whole = pool.submit(asyncio.run, gr.Blocks.postprocess_data(page, fn, dict(view), None)).result()
        sent = pool.submit(asyncio.run, page.postprocess_data(fn, view, None)).result()
    unchanged = {"props": gr.skip(), **gr.skip()}  # what Gradio says of `gr.HTML`
    assert sent == [gr.skip() if one == unchanged else one for one in whole]
    assert sum(one not in (None, gr.skip()) for one in sent) == count


def test_a_view_is_sent_whole_so_that_the_next_one_cannot_take_from_it(page):
    """The page writes a difference into the view before, which it may not have shown yet."""
    fn = next(iter(page.fns.values()))
    outputs = [None] * (len(fn.outputs) - 2)

    def sent(final: bool, *values) -> list:
        return page.handle_streaming_diffs(fn, [*values, *outputs], "tab", "run", final)[:2]

    first, second = {"__type__": "update", "visible": True}, {"__type__": "update"}
    assert sent(False, first, "same") == [first, "same"]
    assert sent(False, second, "same") == [[["replace", [], second]], []]
    assert sent(False, "longer", "same and more") == [[["replace", [], "longer"]], [["replace", [], "same and more"]]]
    assert sent(True, "", "") == ["longer", "same and more"]
    assert "tab" not in page.pending_diff_streams


def test_no_choice_is_lost_while_another_is_under_way(page):
    """Gradio drops a second event while the first is under way, or runs it with the first one's data."""
    modes = {event: fn.trigger_mode for fn in page.fns.values() for event in fn.targets}
    ids = {block.elem_id: number for number, block in page.blocks.items() if getattr(block, "elem_id", None)}
    chosen = {"examples": ["select"], "stage-view": ["select"], "film": ["select", "compare"], "choices": ["select"]}
    chosen |= {"cards": ["select", "added", "wanted"], "verdict": ["select"], "photo": ["upload"]}
    for component, events in chosen.items():
        assert [modes[ids[component], event] for event in events] == ["multiple"] * len(events)
    again = {"edit-now": "click", "undo": "click", "redo": "click", "strength": "release", "invert": "input"}
    for control, event in (again | {"mark": "input", "prompt": "change"}).items():
        assert modes[ids[control], event] == "always_last"


def test_only_queued_events_of_the_models_may_write_a_face(page):
    """What runs in the background waits beside them, one at a time in a line of its own."""
    lines = {fn.name: fn.concurrency_id for fn in page.fns.values()}
    assert (lines["improve"], lines["wanted"]) == ("learning", "previews")
    assert all(fn.concurrency_limit == 1 for fn in page.fns.values() if fn.concurrency_id in ("learning", "previews"))
    assert lines["take_better"] == lines["files"] == lines["agreed"] == MODEL_QUEUE


def test_test_hooks_are_unique(page):
    ids = [block.elem_id for block in page.blocks.values() if getattr(block, "elem_id", None)]
    assert len(ids) == len(set(ids))


def test_photos_reach_our_own_reader_as_they_were_uploaded(page):
    photo = next(block for block in page.blocks.values() if getattr(block, "elem_id", None) == "photo")
    readers = [fn for fn in page.fns.values() if photo in fn.inputs]
    assert readers and not any(fn.preprocess for fn in readers)


def test_hooks_that_others_use_are_there(page):
    ids = {block.elem_id for block in page.blocks.values() if getattr(block, "elem_id", None)}
    kept = "stage prompt edit-now panel film consent save stop cards likeness strength"
    assert set(kept.split()) <= ids
