from __future__ import annotations

import json

import pytest
import torch

from mcaclip.errors import PromptError, WeightsError
from mcaclip.imaging.colour import lab_of, srgb_to_lab
from mcaclip.language import colours
from mcaclip.language.colours import COLOURS, names_by_words, srgb_of, survey_colours, unseen_colours


def test_everyday_colours_keep_their_values():
    for name, rgb in COLOURS.items():
        torch.testing.assert_close(lab_of(name), srgb_to_lab(torch.tensor(rgb).view(3, 1, 1) / 127.5 - 1).flatten())


def test_survey_colours_are_there_and_civil():
    assert len(json.loads(colours.COLOURS_FILE.read_text())) == 949
    assert srgb_of("dusty rose") == (192, 115, 122)
    assert not {"dark", "lipstick", "blush"} & set(survey_colours())
    assert not any("vomit" in name or "poop" in name for name in survey_colours())


def test_every_name_is_found_by_its_words():
    for words, name in names_by_words().items():
        assert words == colours.plain(words)
        assert lab_of(name).shape == (3,)
    assert names_by_words()["robins egg blue"] == "robin's egg blue"
    assert names_by_words()["pale gray"] == "pale grey"
    assert names_by_words()["gray"] == "grey"


def test_unseen_colours_are_survey_names_of_several_words():
    assert 50 < len(unseen_colours()) < 90
    assert all(" " in name and name in survey_colours() for name in unseen_colours())
    assert not unseen_colours() & set(colours.COLOUR_SYNONYMS)


def test_unknown_names_and_broken_files_are_refused(monkeypatch, tmp_path):
    with pytest.raises(PromptError, match="everyday"):
        srgb_of("octarine")
    (tmp_path / "x.json").write_text('{"a": [1]}')
    monkeypatch.setattr(colours, "COLOURS_FILE", tmp_path / "x.json")
    with pytest.raises(WeightsError, match="git"):
        colours.survey_colours.__wrapped__()


def test_the_file_is_what_the_command_writes(tmp_path):
    pytest.importorskip("matplotlib")
    from train.clip.captions.colour_names import write_colour_names

    assert write_colour_names(tmp_path / "colours.json") == 949
    assert (tmp_path / "colours.json").read_bytes() == colours.COLOURS_FILE.read_bytes()
