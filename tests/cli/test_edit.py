"""The command line: status, messages and files."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mcaclip.__main__ import main
from mcaclip.config import Stack
from mcaclip.errors import WeightsError
from mcaclip.types import to_uint8
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
    assert sorted(path.name for path in out.iterdir()) == ["me", "summary.csv"]
    assert len(load.stacks) == 1


def test_photos_with_the_same_name_get_different_folders(tmp_path, photo, load):
    other = tmp_path / "other" / "me.jpg"
    other.parent.mkdir()
    Image.open(photo).save(other)
    out = tmp_path / "out"
    assert main(["edit", str(photo), str(other), "--prompt", "purple hair", "--out", str(out)], load) == 0
    assert sorted(path.name for path in out.iterdir()) == ["me", "me_2", "summary.csv"]


def _edit(load, out: Path, *photos: Path | str, prompt: str = "purple hair", options: Sequence[str] = ()) -> int:
    return main(["edit", *map(str, photos), "--prompt", prompt, "--out", str(out), *options], load)


def _prompts(out: Path) -> dict[str, str]:
    return {f.parent.name: json.loads(f.read_text(encoding="utf-8"))["prompt"] for f in out.glob("*/result.json")}


def test_a_second_prompt_goes_into_a_folder_of_its_own(tmp_path, photo, load, capsys):
    out = tmp_path / "out"
    for prompt in ("purple hair", "green lipstick", "blue goatee"):
        assert _edit(load, out, photo, prompt=prompt) == 0
    assert _prompts(out) == {"me": "purple hair", "me_2": "green lipstick", "me_3": "blue goatee"}
    assert str(out / "me_3") in capsys.readouterr().out
    assert sorted(path.name for path in out.iterdir()) == ["me", "me_2", "me_3"]


def test_what_is_there_already_is_not_made_again(tmp_path, photo, load, capsys):
    out, same = tmp_path / "out", tmp_path / "other" / "me.png"
    same.parent.mkdir()
    same.write_bytes(photo.read_bytes())
    assert _edit(load, out, photo, same) == 0
    assert set(_prompts(out)) == {"me"} and capsys.readouterr().out.count("already there;") == 1
    load.editor.calls.clear()
    assert _edit(load, out, photo, same) == 0
    assert load.editor.calls == [] and capsys.readouterr().out.count("already there;") == 2
    for options in (["--seed", "5"], ["--mark"], ["--strength", "0.5"], ["--inversion", "best"]):
        assert _edit(load, out, photo, options=options) == 0
    assert len(_prompts(out)) == 5
    (out / "me" / "edited.png").unlink()
    assert _edit(load, out, photo) == 0 and len(load.editor.calls) == 5 * 3, "a damaged one is made again"
    Image.new("RGB", (240, 240), (200, 150, 120)).save(photo)
    assert _edit(load, out, photo) == 0 and len(_prompts(out)) == 7, "another photo of that name"


def test_overwrite_replaces_the_folder_and_leaves_what_is_not_ours(tmp_path, photo, load):
    out = tmp_path / "out"
    assert _edit(load, out, photo) == 0
    (out / "me" / "notes.txt").write_text("mine")
    assert _edit(load, out, photo, prompt="green lipstick", options=["--overwrite"]) == 0
    assert _prompts(out) == {"me": "green lipstick"} and (out / "me" / "notes.txt").read_text() == "mine"


def test_a_sample_keeps_its_earlier_results_too(tmp_path, load):
    sample = ["sample", "--seed", "1", "--out", str(tmp_path)]
    for prompt in ("purple hair", "green lipstick", "purple hair"):
        assert main([*sample, "--prompt", prompt], load) == 0
    assert _prompts(tmp_path) == {"seed_1": "purple hair", "seed_1_2": "green lipstick"}


@pytest.mark.parametrize(
    "name", ["...jpg", "CON.png", "x" * 200 + ".png", "me\udce9.png", "-rf.png", "a b.png", ". .png"]
)
def test_any_file_name_makes_a_folder_in_out(tmp_path, photo, load, name, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "keep.txt").write_text("mine")
    odd = tmp_path / "photos" / name
    odd.parent.mkdir()
    odd.write_bytes(photo.read_bytes())
    before = sorted(tmp_path.iterdir())
    assert _edit(load, Path("out"), odd) == 0
    (folder,) = (tmp_path / "out").iterdir()
    assert json.loads((folder / "result.json").read_text(encoding="utf-8"))["prompt"] == "purple hair"
    assert sorted(tmp_path.iterdir()) == sorted([*before, tmp_path / "out"])
    assert not folder.name.startswith((".", "-")) and folder.name != "CON"


def test_a_full_disk_is_told_in_one_line_and_leaves_nothing(tmp_path, photo, load, capsys, monkeypatch):
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Image.Image, "save", full)
    assert _edit(load, tmp_path / "out", photo) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "No space left on device" in line and list((tmp_path / "out").iterdir()) == []


def test_an_interrupted_edit_leaves_nothing(tmp_path, photo, load, monkeypatch):
    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("mcaclip.results.folder.describe", stop)
    with pytest.raises(KeyboardInterrupt):
        _edit(load, tmp_path / "out", photo)
    assert list((tmp_path / "out").iterdir()) == []


def test_the_mark_is_only_there_when_it_is_asked_for(tmp_path, photo, load):
    assert _edit(load, tmp_path / "a", photo) == _edit(load, tmp_path / "b", photo, options=["--mark"]) == 0
    plain, marked = (np.asarray(Image.open(tmp_path / f / "me" / "edited.png")).astype(int) for f in ("a", "b"))
    changed = (plain != marked).any(2)
    assert 0 < changed.mean() < 0.1 and not changed[:512].any()


def _mask(path: Path, width: int, height: int, box: tuple[int, int, int, int]) -> Path:
    mask = Image.new("L", (width, height))
    mask.paste(255, box)
    mask.save(path)
    return path


def test_a_mask_of_the_photo_s_shape_lies_over_each_photo(tmp_path, load):
    photos = {}
    for seed, name in enumerate(("wide", "other"), 1):
        photos[name] = tmp_path / f"{name}.png"
        Image.fromarray(to_uint8(draw_face(seed))).resize((300, 240)).save(photos[name])

    def pasted(name: str, *options: str) -> list[np.ndarray]:
        assert _edit(load, tmp_path / name, *photos.values(), options=options) == 0
        return [np.asarray(Image.open(tmp_path / name / stem / "pasted.png")).astype(int) for stem in photos]

    nowhere, left = (
        pasted(name, "--mask", str(_mask(tmp_path / f"{name}.png", 300, 240, box)))
        for name, box in (("nowhere", (0, 0, 1, 1)), ("left", (0, 0, 150, 240)))
    )
    for path, same, half in zip(photos.values(), nowhere, left, strict=True):
        photo = np.asarray(Image.open(path)).astype(int)
        changed = (half != photo).any((0, 2)).nonzero()[0]
        assert np.array_equal(same, photo)
        assert len(changed) and changed.max() < 150 + 12, "the paste is feathered"
    del photos["other"]
    everywhere = _mask(tmp_path / "everywhere.png", 300, 240, (0, 0, 300, 240))
    assert np.array_equal(pasted("everywhere", "--mask", str(everywhere)), pasted("without"))


def test_a_mask_of_no_fitting_shape_names_both_sizes(tmp_path, photo, load, capsys):
    mask = _mask(tmp_path / "mask.png", 300, 200, (0, 0, 9, 9))
    assert _edit(load, tmp_path / "o", photo, options=["--mask", str(mask)]) == 2
    (line,) = _complaints(capsys)
    assert "300 x 200" in line and "240 x 240" in line and "invert" not in " ".join(load.editor.calls)


@pytest.mark.parametrize("content", [b"", b"no image", b"\x89PNG\r\n\x1a\n"])
def test_a_mask_that_cannot_be_read_is_named_before_anything_is_loaded(tmp_path, photo, load, capsys, content):
    (tmp_path / "mask.png").write_bytes(content)
    assert _edit(load, tmp_path / "o", photo, options=["--mask", str(tmp_path / "mask.png")]) == 2
    (line,) = _complaints(capsys)
    assert "mask.png" in line and load.stacks == []


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


def test_what_can_be_made_is_made_and_the_result_says_what_is_left_out(tmp_path, photo, load, capsys):
    args = ["edit", str(photo), "--prompt", "purple hair, red lips", "--out", str(tmp_path / "out")]
    assert main(args, load) == 0
    said = capsys.readouterr().out
    assert "Left out: " in said and 'train prompt "red lips"' in said
    record = json.loads((tmp_path / "out" / "me" / "result.json").read_text())
    assert [part["prompt"] for part in record["prompts"]] == ["purple hair"]
    assert any(note.startswith("Left out: ") for note in record["notes"])


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
    assert "do not understand these words" in capsys.readouterr().err


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
    assert "about 5 of 10 photos" in capsys.readouterr().out
    assert "photos" in json.loads((tmp_path / "seed_1" / "result.json").read_text())["notes"][0]


def test_stack_and_slots_and_fitted_edits_are_passed_on(tmp_path, load):
    (tmp_path / "edit.safetensors").write_bytes(b"a network")
    options = ["--clip", "ViT-B-32-quickgelu", "--edits", str(tmp_path / "edit.safetensors")]
    assert main(["prompts", *options], load) == 0
    assert main(["sample", "--seed", "1", "--out", str(tmp_path), "--stack", "paper"], load) == 0
    assert load.stacks == ["compact with clip ViT-B-32-quickgelu", "paper"]
    assert load.edits == []
    assert main(["sample", "--seed", "1", "--out", str(tmp_path), *options], load) == 0
    assert load.edits == [tmp_path / "edit.safetensors"]
