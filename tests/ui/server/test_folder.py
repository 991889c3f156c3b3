"""What a server leaves on the disk, however it ends."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from mcaclip.ui.server.folder import PREFIX, server_folder

SERVER = """
import sys, time
from pathlib import Path
from mcaclip.ui.server.folder import server_folder
with server_folder(Path(sys.argv[1])) as folder:
    (folder / "face.jpg").write_bytes(b"x")
    print(folder, flush=True)
    time.sleep(600)
"""


def _server(parent: Path) -> tuple[subprocess.Popen, Path]:
    process = subprocess.Popen([sys.executable, "-c", SERVER, str(parent)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    return process, Path(process.stdout.readline().strip())


def test_the_folder_is_private_and_goes_at_the_end(tmp_path):
    with server_folder(tmp_path) as folder:
        assert folder.name.startswith(PREFIX) and folder.stat().st_mode & 0o077 == 0
        (folder / "face.jpg").write_bytes(b"x")
    assert not folder.exists()
    with pytest.raises(RuntimeError), server_folder(tmp_path) as folder:
        raise RuntimeError
    assert not folder.exists()


def test_what_a_killed_server_left_is_removed_by_the_next_and_a_living_one_is_not_touched(tmp_path):
    killed, left = _server(tmp_path)
    living, own = _server(tmp_path)
    try:
        assert (left / "face.jpg").exists(), "both lived at the same time"
        killed.send_signal(signal.SIGKILL)
        killed.wait()
        assert (left / "face.jpg").exists()
        with server_folder(tmp_path):
            assert not left.exists() and (own / "face.jpg").exists()
    finally:
        living.kill()
        living.wait()


def test_only_folders_of_servers_are_removed(tmp_path):
    target = tmp_path / "elsewhere"
    target.mkdir()
    (target / "server.lock").touch()
    (tmp_path / f"{PREFIX}link").symlink_to(target)
    foreign = tmp_path / f"{PREFIX}without-a-lock"
    foreign.mkdir()
    (tmp_path / f"{PREFIX}file").write_text("x")
    with server_folder(tmp_path):
        pass
    assert target.is_dir() and foreign.is_dir() and (tmp_path / f"{PREFIX}file").exists()
    assert os.path.islink(tmp_path / f"{PREFIX}link")
