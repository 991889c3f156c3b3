"""The command line: status, messages and files."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mcaclip.__main__ import main
from mcaclip.config import Stack
from mcaclip.errors import WeightsError
from mcaclip.types import to_uint8
from mcaclip.version import __version__
from tests.fakes import ENTRIES, PROMPTS, FakeEditor, draw_face


class Loader:
    """Counts how often the editor is loaded."""

    def __init__(self):
        self.stacks: list[str] = []
        self.edits: list[Path] = []
        self.editor = FakeEditor()

    def __call__(self, stack: Stack, edits: Sequence[Path]) -> FakeEditor:
        self.stacks.append(stack.label)
        self.edits = list(edits)
        return self.editor


@pytest.fixture
def load() -> Loader:
    return Loader()


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    path = tmp_path / "me.png"
    Image.fromarray(to_uint8(draw_face(1))).resize((240, 240)).save(path)
    return path


@pytest.fixture
def faceless(tmp_path: Path) -> Path:
    path = tmp_path / "night.png"
    Image.fromarray(np.zeros((200, 200, 3), np.uint8)).save(path)
    return path


def _complaints(capsys) -> list[str]:
    return [line for line in capsys.readouterr().err.splitlines() if line.startswith("mcaclip:")]


def test_edit_writes_a_folder_named_after_the_photo(tmp_path, photo, load, capsys):
    out = tmp_path / "out"
    status = main(["edit", str(photo), "--prompt", "green  lipstick", "--out", str(out), "--seed", "4"], load)
    assert status == 0
    said = json.loads((out / "me" / "result.json").read_text())
    assert (said["prompt"], said["seed"], said["inversion"]) == ("green lipstick", 4, "good")
    assert (out / "me" / "pasted.png").is_file()
    assert str(out / "me") in capsys.readouterr().out


def test_edit_passes_on_effort_strength_threshold_and_face(tmp_path, photo, load):
    options = ["--inversion", "best", "--strength", "0.5", "--mask-threshold", "0.3", "--seed", "9"]
    assert main(["edit", str(photo), "--prompt", "blue goatee", "--out", str(tmp_path / "o"), *options], load) == 0
    assert load.editor.calls == ["align", "invert best 9", "edit 0.5 0.3"]


def test_prompts_combine_with_their_strengths_and_a_mask(tmp_path, photo, load):
    mask = tmp_path / "mask.png"
    Image.fromarray(np.full((64, 64), 255, np.uint8)).save(mask)
    prompts = ["--prompt", "purple hair:0.7", "--prompt", "green lipstick", "--strength", "1.5"]
    tools = ["--mask", str(mask), "--mask-feather", "3", "--mask-invert"]
    assert main(["edit", str(photo), *prompts, *tools, "--out", str(tmp_path / "o")], load) == 0
    said = json.loads((tmp_path / "o" / "me" / "result.json").read_text())
    assert said["prompts"] == [
        {"prompt": "purple hair", "strength": 0.7},
        {"prompt": "green lipstick", "strength": 1.5},
    ]
    assert (said["prompt"], said["strength"]) == ("purple hair + green lipstick", None)
    assert (said["mask_invert"], said["mask_feather"], said["mask_painted"]) == (True, 3.0, True)


def test_variation_reaches_the_edit_and_the_record(tmp_path, photo, load):
    edit = ["edit", str(photo), "--prompt", "purple hair", "--out", str(tmp_path / "a")]
    assert main([*edit, "--variation", "3"], load) == 0
    sample = ["sample", "--seed", "1", "--prompt", "purple hair", "--out", str(tmp_path / "b")]
    assert main([*sample, "--variation", "999"], load) == 0 and main([*sample[:-1], str(tmp_path / "c")], load) == 0
    folders = (tmp_path / "a" / "me", tmp_path / "b" / "seed_1", tmp_path / "c" / "seed_1")
    assert [json.loads((f / "result.json").read_text())["variation"] for f in folders] == [3, 999, 0]
    assert (folders[1] / "edited.png").read_bytes() != (folders[2] / "edited.png").read_bytes()


def test_mask_that_is_not_square_is_told(tmp_path, photo, load, capsys):
    mask = tmp_path / "mask.png"
    Image.fromarray(np.zeros((64, 80), np.uint8)).save(mask)
    args = ["edit", str(photo), "--prompt", "blue goatee", "--mask", str(mask), "--out", str(tmp_path / "o")]
    assert main(args, load) == 2
    assert "square" in _complaints(capsys)[0]


def test_face_that_does_not_exist_is_named(tmp_path, photo, load, capsys):
    args = ["edit", str(photo), "--prompt", "blue goatee", "--out", str(tmp_path / "o"), "--face", "1"]
    assert main(args, load) == 2
    assert len(_complaints(capsys)) == 1


def test_one_bad_photo_does_not_stop_the_others(tmp_path, photo, faceless, load, capsys):
    damaged = tmp_path / "damaged.jpg"
    damaged.write_bytes(b"no image")
    missing = tmp_path / "missing.jpg"
    photos = [str(path) for path in (missing, damaged, faceless, photo)]
    out = tmp_path / "out"
    assert main(["edit", *photos, "--prompt", "purple hair", "--out", str(out)], load) == 3
    complaints = _complaints(capsys)
    assert len(complaints) == 3
    for path in (missing, damaged, faceless):
        assert sum(str(path) in line for line in complaints) == 1
    assert [path.name for path in out.iterdir()] == ["me"]
    assert len(load.stacks) == 1


def test_photos_with_the_same_name_get_different_folders(tmp_path, photo, load):
    other = tmp_path / "other" / "me.jpg"
    other.parent.mkdir()
    Image.open(photo).save(other)
    out = tmp_path / "out"
    assert main(["edit", str(photo), str(other), "--prompt", "purple hair", "--out", str(out)], load) == 0
    assert sorted(path.name for path in out.iterdir()) == ["me", "me_2"]


def _bad_edits(photo: str, out: str) -> dict[str, list[str]]:
    good = ["edit", photo, "--out", out]
    return {
        "missing photo": ["edit", photo + ".no", "--prompt", "blue goatee", "--out", out],
        "pattern without a match": ["edit", photo + "*.webp", "--prompt", "blue goatee", "--out", out],
        "no prompt": good,
        "empty prompt": [*good, "--prompt", "  "],
        "long prompt": [*good, "--prompt", "x" * 201],
        "a prompt twice": [*good, "--prompt", "blue goatee", "--prompt", "Blue goatee:0.5"],
        "strength of a prompt": [*good, "--prompt", "blue goatee:3"],
        "feather": [*good, "--prompt", "blue goatee", "--mask-feather", "40"],
        "variation": [*good, "--prompt", "blue goatee", "--variation", "1000"],
        "negative variation": [*good, "--prompt", "blue goatee", "--variation", "-1"],
        "variation with a point": [*good, "--prompt", "blue goatee", "--variation", "1.5"],
        "missing mask": [*good, "--prompt", "blue goatee", "--mask", photo + ".no"],
        "strength": [*good, "--prompt", "blue goatee", "--strength", "2.5"],
        "strength nan": [*good, "--prompt", "blue goatee", "--strength", "nan"],
        "threshold": [*good, "--prompt", "blue goatee", "--mask-threshold", "1"],
        "mode": [*good, "--prompt", "blue goatee", "--mode", "magic"],
        "no masks to invert": [*good, "--prompt", "blue goatee", "--without-pre", "--mask-invert"],
        "no number": [*good, "--prompt", "blue goatee", "--strength", "much"],
        "effort": [*good, "--prompt", "blue goatee", "--inversion", "fast"],
        "stack": [*good, "--prompt", "blue goatee", "--stack", "huge"],
        "slot": [*good, "--prompt", "blue goatee", "--clip", "BERT"],
        "edits that are not there": [*good, "--prompt", "blue goatee", "--edits", out],
        "negative face": [*good, "--prompt", "blue goatee", "--face", "-1"],
        "negative seed": [*good, "--prompt", "blue goatee", "--seed", "-1"],
        "no command": [],
        "unknown command": ["improve"],
        "sample without seed": ["sample", "--out", out],
        "out is a file": ["sample", "--seed", "1", "--out", photo],
    }


@pytest.mark.parametrize("case", sorted(_bad_edits("", "")))
def test_bad_input_takes_one_line_and_loads_nothing(case, tmp_path, photo, load, capsys):
    args = _bad_edits(str(photo), str(tmp_path / "out"))[case]
    assert main(args, load) == 2
    streams = capsys.readouterr()
    assert len(streams.err.splitlines()) == 1 and streams.err.startswith("mcaclip: ")
    assert streams.out == ""
    assert load.stacks == []


def test_prompt_without_a_fit_is_refused_once_with_the_way_to_fit_it(tmp_path, photo, load, capsys):
    args = ["edit", str(photo), str(photo), "--prompt", "red nose", "--out", str(tmp_path / "out")]
    assert main(args, load) == 2
    complaints = _complaints(capsys)
    assert len(complaints) == 1
    assert 'python -m train prompt "red nose"' in complaints[0]


def test_missing_weights_take_one_line(tmp_path, photo, capsys):
    def fail(stack: Stack, edits: Sequence[Path]) -> FakeEditor:
        raise WeightsError("The file is missing.\nRun: python -m mcaclip doctor")

    assert main(["edit", str(photo), "--prompt", "purple hair", "--out", str(tmp_path / "o")], fail) == 2
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_sample_without_a_prompt_writes_the_face_only(tmp_path, load):
    assert main(["sample", "--seed", "12", "--out", str(tmp_path)], load) == 0
    folder = tmp_path / "seed_12"
    files = {path.name for path in folder.iterdir()}
    assert files == {"aligned.png", "reconstruction.png", "latent.safetensors", "result.json"}
    assert json.loads((folder / "result.json").read_text())["prompt"] is None


def test_sample_with_a_prompt_writes_the_edit_too(tmp_path, load):
    assert main(["sample", "--seed", "12", "--prompt", "purple hair", "--out", str(tmp_path)], load) == 0
    assert (tmp_path / "seed_12" / "edited.png").is_file()
    assert load.editor.calls == ["sample 12", "edit 1 0"]


def test_invert_writes_no_edit(tmp_path, photo, load, capsys):
    assert main(["invert", str(photo), "--out", str(tmp_path / "out")], load) == 0
    files = {path.name for path in (tmp_path / "out" / "me").iterdir()}
    assert files == {"aligned.png", "reconstruction.png", "latent.safetensors", "result.json"}
    assert "likeness 0.78" in capsys.readouterr().out


def test_prompts_lists_what_is_fitted(load, capsys):
    assert main(["prompts"], load) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split("  ")[1] for line in lines[1:]] == list(PROMPTS)
    assert all(line.endswith("fitted") for line in lines[1:])


def test_prompts_lists_the_library_by_category_and_as_json(load, capsys):
    load.editor = FakeEditor(universal=True, entries=ENTRIES)
    assert main(["prompts"], load) == 0
    text = capsys.readouterr().out
    assert [line for line in text.splitlines() if line and not line.startswith(" ")][:3] == [
        "Lips",
        "Hair",
        "Expression",
    ]
    assert "strength 0.4 to 1.2, best 0.8  universal, fitted" in text and "= green skin 0.7 + grey hair 0.5" in text
    assert "Any other prompt" in text
    assert main(["prompts", "--json"], load) == 0
    found = {row["prompt"]: row for row in json.loads(capsys.readouterr().out)}
    assert found["zombie"]["recipe"] == [["green skin", 0.7], ["grey hair", 0.5]]
    assert found["zombie"]["modes"] == ["universal"] and found["green lipstick"]["modes"] == ["universal", "fitted"]
    assert found["blue goatee"]["category"] is None, "fitted, and not named by the library"


def test_universal_mode_takes_a_prompt_that_no_one_fitted(tmp_path, load, capsys):
    load.editor = FakeEditor(universal=True, entries=ENTRIES)
    args = ["sample", "--seed", "1", "--prompt", "pink eyebrows and zombie:0.5", "--out", str(tmp_path / "a")]
    assert main(args, load) == 0
    said = json.loads((tmp_path / "a" / "seed_1" / "result.json").read_text())
    assert [part["prompt"] for part in said["prompts"]] == ["pink eyebrows", "zombie"]
    assert (said["modes"], said["mode"]) == (["universal", "universal"], "automatic")
    assert main([*args, "--mode", "fitted"], load) == 2
    assert "no edit is fitted" in capsys.readouterr().err
    assert main(["sample", "--seed", "1", "--prompt", "violin", "--out", str(tmp_path / "b")], load) == 2
    assert "outside of what the models know" in capsys.readouterr().err


def test_strength_is_the_best_one_unless_it_is_given(tmp_path, load):
    load.editor = FakeEditor(universal=True, entries=ENTRIES)
    sample = ["sample", "--seed", "1", "--prompt", "green lipstick and purple hair"]
    for name, options, strengths in (("a", [], [0.8, 1.0]), ("b", ["--strength", "0.3"], [0.3, 0.3])):
        assert main([*sample, "--out", str(tmp_path / name), *options], load) == 0
        said = json.loads((tmp_path / name / "seed_1" / "result.json").read_text())
        assert [part["strength"] for part in said["prompts"]] == strengths


def test_what_is_doubtful_is_edited_with_a_note(tmp_path, load, capsys):
    load.editor = FakeEditor(universal=True)
    assert main(["sample", "--seed", "1", "--prompt", "green violin", "--out", str(tmp_path)], load) == 0
    assert "may not come out" in capsys.readouterr().out
    assert "violin" in json.loads((tmp_path / "seed_1" / "result.json").read_text())["notes"][0]


def test_stack_and_slots_and_fitted_edits_are_passed_on(tmp_path, load):
    (tmp_path / "edit.safetensors").write_bytes(b"a network")
    options = ["--clip", "ViT-B-32-quickgelu", "--edits", str(tmp_path / "edit.safetensors")]
    assert main(["prompts", *options], load) == 0
    assert main(["sample", "--seed", "1", "--out", str(tmp_path), "--stack", "paper"], load) == 0
    assert load.stacks == ["compact with clip ViT-B-32-quickgelu", "paper"]
    assert load.edits == []
    assert main(["sample", "--seed", "1", "--out", str(tmp_path), *options], load) == 0
    assert load.edits == [tmp_path / "edit.safetensors"]


def test_help_does_not_import_torch():
    code = (
        "import sys\nfrom mcaclip.__main__ import main\n"
        "try:\n    main(['--help'])\nexcept SystemExit as end:\n    assert end.code == 0\n"
        "sys.exit('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "edit" in done.stdout


def test_version_is_that_of_the_project(repo_root):
    assert f'\nversion = "{__version__}"\n' in (repo_root / "pyproject.toml").read_text()
