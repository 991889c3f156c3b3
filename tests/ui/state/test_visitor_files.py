"""Which files a visitor may name, and when they go."""

import os
from pathlib import Path

import pytest

from mcaclip.errors import StudioError
from mcaclip.ui.state import visitor_files
from mcaclip.ui.state.visitor_files import UNCLAIMED_SECONDS, UploadFolder, VisitorFiles, file_paths


@pytest.fixture
def files(tmp_path, clock) -> VisitorFiles:
    (tmp_path / "gradio").mkdir()
    return VisitorFiles(tmp_path / "gradio", clock)


@pytest.fixture(autouse=True)
def written_long_ago(monkeypatch):
    monkeypatch.setattr(visitor_files, "FRESH_SECONDS", 0)


@pytest.fixture
def shared(files) -> Path:
    """A picture as Gradio keeps it, in a folder named by its content."""
    path = files.root / "hash" / "face.webp"
    path.parent.mkdir()
    path.write_bytes(b"x")
    return path


def _upload(files: VisitorFiles, name: str = "me.jpg") -> str:
    with UploadFolder(files.root).apart() as folder:
        folder.mkdir(parents=True)
        (folder / name).write_bytes(b"face")
    files.received([str(folder / name)])
    return str(folder / name)


def test_an_upload_can_be_named_by_the_tab_that_names_it_first(files):
    path = _upload(files)
    assert files.given({"path": path, "meta": {}}, "one") == Path(path)
    assert files.given(path, "one") == Path(path)
    with pytest.raises(StudioError):
        files.given(path, "two")


@pytest.mark.parametrize(
    "value", [None, "", 5, True, [], {}, {"path": None}, {"path": 7}, {"path": ["a"]}, "\0", "http://x/y"]
)
def test_what_is_no_path_is_refused(files, value):
    with pytest.raises(StudioError, match="Upload it again"):
        files.given(value, "one")


def test_files_that_nobody_uploaded_all_get_the_same_answer(files, tmp_path):
    _upload(files)
    (tmp_path / "secret.png").write_bytes(b"x")
    (files.root / "planted.png").write_bytes(b"x")
    os.chmod(tmp_path / "secret.png", 0)
    tries = [
        tmp_path / "secret.png",
        tmp_path / "missing.png",
        tmp_path,
        files.root / "planted.png",
        files.root / ".." / "secret.png",
    ]
    answers = set()
    for path in tries:
        with pytest.raises(StudioError) as refused:
            files.given({"path": str(path)}, "one")
        answers.add(str(refused.value))
    assert len(answers) == 1
    files.leave("one")
    assert (tmp_path / "secret.png").exists() and (files.root / "planted.png").exists()


def test_a_tab_takes_its_uploads_with_it_and_nothing_else(files):
    mine, theirs, unclaimed = (_upload(files, name) for name in ("a.jpg", "b.jpg", "c.jpg"))
    files.given(mine, "me")
    files.given(theirs, "them")
    files.leave("me")
    assert not Path(mine).parent.exists()
    assert Path(theirs).exists() and Path(unclaimed).exists()
    with pytest.raises(StudioError):
        files.given(mine, "me")


def test_a_picture_of_two_tabs_is_removed_with_the_last(files, shared):
    for tab in ("one", "two"):
        files.shown([str(shared)], tab)
    files.leave("one")
    assert shared.exists()
    files.leave("two")
    assert not shared.parent.exists() and files.root.exists()


def test_a_newer_file_of_the_same_name_takes_the_place_of_the_older(files):
    def made(content: str, name: str) -> str:
        path = files.root / content / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(content)
        return str(path)

    for name in ("face.mcaclip.safetensors", "image.jpeg"):
        first, second = made("1", name), made("2", name)
        files.shown([first], "me")
        files.shown([first], "them")
        files.shown([second], "me")
        files.leave("them")
        assert Path(first).exists() is name.startswith("image.") and Path(second).exists()


def test_files_without_a_tab_go_after_a_while(files, clock):
    path, claimed = _upload(files), _upload(files)
    files.given(claimed, "me")
    clock.now = UNCLAIMED_SECONDS - 1
    files.expire()
    assert Path(path).exists()
    clock.now = UNCLAIMED_SECONDS
    files.expire()
    assert not Path(path).exists() and Path(claimed).exists()


def test_pictures_of_the_page_itself_are_never_removed(files, tmp_path):
    own = tmp_path / "assets.jpg"
    own.write_bytes(b"x")
    link = files.root / "link.jpg"
    link.symlink_to(own)
    files.shown([str(own), str(link)], "one")
    files.leave("one")
    assert own.exists() and not files.knows(str(own)) and not files.knows(str(link))


def test_a_cleaner_never_raises(files):
    path = _upload(files)
    files.given(path, "me")
    Path(path).unlink()
    Path(path).mkdir()
    files.leave("me")
    files.leave("unknown")
    files.expire()


def test_two_uploads_of_one_picture_do_not_share_a_folder(files):
    folder = UploadFolder(files.root)
    assert Path(folder) == files.root
    with folder.apart() as one:
        assert Path(folder) == one
    with folder.apart() as two:
        assert one != two and one.parent == two.parent == files.root


def test_an_upload_that_was_cut_off_leaves_nothing(files):
    with UploadFolder(files.root).apart() as folder:
        folder.mkdir()
        (folder / "tmp123").write_bytes(b"half")
    files.remove_strays(folder)
    assert not folder.exists()
    path = Path(_upload(files))
    files.remove_strays(path.parent)
    files.remove_strays(files.root)
    assert path.exists()


def test_every_path_in_a_request_is_seen():
    value = [{"path": "a"}, {"x": [{"y": {"path": "b", "meta": {"path": 3}}}]}, "path", None]
    assert set(file_paths(value)) == {"a", "b", 3}


def test_a_picture_that_is_made_again_is_kept_for_the_tab_that_receives_it(files, shared, clock, monkeypatch):
    monkeypatch.setattr(visitor_files, "FRESH_SECONDS", 30)
    files.shown([str(shared)], "one")
    files.leave("one")
    files.shown([str(shared)], "two")
    assert shared.exists()
    os.utime(shared, (0, 0))
    files.leave("two")
    clock.now = UNCLAIMED_SECONDS
    files.expire()
    assert not shared.exists()
