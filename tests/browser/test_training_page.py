"""The Train tab with a process that only pretends to learn."""

from __future__ import annotations

import pytest

from mcaclip.ui.state.training_process import TrainingProcess
from tests.browser.conftest import serve
from tests.browser.walk import TOAST, type_in
from tests.fakes import FakeEditor
from tests.helpers.fake_training import COMMAND


@pytest.fixture
def training(tmp_path):
    made = TrainingProcess(tmp_path / "training", COMMAND)
    yield made
    made.stop()


@pytest.fixture
def url(tmp_path, training):
    (tmp_path / "tabs").mkdir()
    with serve(lambda report: FakeEditor(), tmp_path / "tabs", training) as address:
        yield address


def reload(page) -> None:
    page.reload()
    page.wait_for_selector("#status .status-ready")
    page.click("#page-lab-button")
    page.click("#page-train-button")


def start(page, prompt: str) -> None:
    page.click("#page-lab-button")
    page.click("#page-train-button")
    type_in(page, "#train-prompt input, #train-prompt textarea", prompt)
    page.click("#train-start")


def test_training_is_shown_again_after_a_reload_and_can_be_stopped_and_kept(url, visit, training):
    page = visit(url)
    start(page, "red nose")
    page.wait_for_selector("#train-curves svg")
    reload(page)
    page.wait_for_selector("#train-state >> text=red nose")
    page.wait_for_selector("#train-curves svg")
    page.wait_for_selector("#train-start[disabled]")
    page.click("#train-stop")
    page.wait_for_selector("#train-state >> text=was stopped")
    reload(page)
    page.click("#train-resume")
    page.wait_for_selector("#train-stop", state="visible")
    (training.run_folder / "go").touch()
    page.click("#train-keep")
    page.wait_for_selector(f"{TOAST} >> text=Added to the prompts: red_nose")
    page.click("#page-studio-button")
    page.wait_for_selector("#prompts label:has-text('red_nose')")


def test_second_visitor_sees_the_training_and_cannot_start_another(url, visit, training):
    first, second = visit(url), visit(url)
    second.click("#page-lab-button")
    second.click("#page-train-button")
    type_in(second, "#train-prompt input, #train-prompt textarea", "blue nose")
    start(first, "red nose")
    first.wait_for_selector("#train-stop", state="visible")
    second.click("#train-start")
    second.wait_for_selector(f"{TOAST} >> text=“red nose” is being learned")
    reload(second)
    second.wait_for_selector("#train-state >> text=red nose")
    second.wait_for_selector("#train-start[disabled]")
    assert training.status().job.prompt == "red nose"
