"""The room Train with a process that only pretends to learn."""

from __future__ import annotations

import pytest

from mcaclip.ui.state.training_process import TrainingProcess
from tests.browser.conftest import serve
from tests.fakes import FakeEditor
from tests.helpers.fake_training import COMMAND

TOAST = ".toast-body"
PROMPT = "#train-prompt input, #train-prompt textarea"


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


def open_train(page) -> None:
    page.click("#page-lab-button")
    page.click("#page-train-button")


def start(page, prompt: str) -> None:
    open_train(page)
    page.fill(PROMPT, prompt)
    page.press(PROMPT, "Tab")
    page.click("#train-start")


def reload(page) -> None:
    page.reload()
    page.wait_for_selector("#train-room", state="visible")


def test_training_is_shown_again_in_its_own_place_and_can_be_stopped_and_kept(url, visit, training):
    page = visit(url)
    start(page, "red nose")
    page.wait_for_selector("#train-body >> text=The first samples come")
    page.wait_for_selector("#train-body svg")
    page.wait_for_selector("#train-state >> text=about 20 minutes left")
    reload(page)
    page.wait_for_selector("#train-state >> text=red nose")
    page.wait_for_selector("#train-body svg")
    page.wait_for_selector("#train-start[disabled]")
    page.click("#train-stop")
    page.wait_for_selector("#train-state >> text=was stopped")
    reload(page)
    page.click("#train-resume")
    page.wait_for_selector("#train-stop", state="visible")
    (training.run_folder / "go").touch()
    page.click("#train-keep")
    page.wait_for_selector(f"{TOAST} >> text=Added to the cards: red_nose")
    page.wait_for_selector('.card.learned[data-prompt="red_nose"]', state="visible")
    assert page.input_value("#prompt input, #prompt textarea") == "red_nose"
    assert "#lab" not in page.url


def test_an_example_fills_the_room_and_a_second_visitor_cannot_start_another_training(url, visit, training):
    first, second = visit(url), visit(url)
    open_train(second)
    second.wait_for_selector("#train-body >> text=An example")
    assert second.locator("#train-body svg").count() > 5
    second.click("#page-inspect-button")
    second.wait_for_selector("#inspect .to-studio", state="visible")
    second.click("#page-train-button")
    second.fill(PROMPT, "blue nose")
    second.press(PROMPT, "Tab")
    start(first, "red nose")
    first.wait_for_selector("#train-stop", state="visible")
    second.click("#train-start")
    second.wait_for_selector(f"{TOAST} >> text=“red nose” is being learned")
    reload(second)
    second.wait_for_selector("#train-state >> text=red nose")
    second.wait_for_selector("#train-start[disabled]")
    assert training.status().job.prompt == "red nose"
