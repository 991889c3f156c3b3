"""Serves the page with the fake editor: `python -m tests.browser.serve [--port N] [--parent FOLDER]`.

As `app.py` does it, with a folder of its own that goes at the end, real limits and the health route.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any, NoReturn

from mcaclip.platform.memory import keep_freed_memory
from mcaclip.ui.server.folder import server_folder


def serve(port: int, folder: Path) -> None:
    """Serves until the process is asked to end."""
    # read by Gradio when it is imported
    os.environ["GRADIO_TEMP_DIR"] = str(folder / "gradio")
    os.environ["FORWARDED_ALLOW_IPS"] = ""
    from mcaclip.editing.prompts import load_prompts
    from mcaclip.types import Inversion
    from mcaclip.ui.handlers.save import Studio
    from mcaclip.ui.page.blocks import build, launch_options
    from mcaclip.ui.state.loading import EditorSource
    from mcaclip.ui.state.training_process import TrainingProcess
    from tests.fakes import FakeEditor
    from tests.helpers.fake_methods import FakeMethods

    class Repeatable(FakeEditor):
        """The code of a photo has one picture, as with the real editor: a tab that rested shows what it had."""

        def invert(self, *args: Any, **options: Any) -> Inversion:
            found = super().invert(*args, **options)
            return replace(self.reconstruct(found.w_plus), identity=found.identity)

    source = EditorSource(lambda report: Repeatable(universal=True, entries=load_prompts()))
    source.start()
    studio = Studio(
        source, folder, TrainingProcess(folder / "training", (sys.executable, "-c", ""))
    )  # learns nothing
    page = build(studio, FakeMethods)
    page.launch(server_port=port, prevent_thread_lock=True, **launch_options())
    try:
        page.block_thread()
    finally:
        page.close(verbose=False)
        studio.tabs.end()


def end(number: int, _: object) -> NoReturn:
    """Turns a signal into an ordinary end, which a second signal does not cut short."""
    signal.signal(number, signal.SIG_IGN)
    raise SystemExit(0)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=7860)
    parser.add_argument("--parent", type=Path, help="where the server's folder is made")
    args = parser.parse_args()
    signal.signal(signal.SIGTERM, end)
    try:
        with server_folder(args.parent) as folder:
            serve(args.port, folder)
    except SystemExit:
        os._exit(0)  # as app.py does: work in other threads is not waited for


if __name__ == "__main__":
    keep_freed_memory()
    main()
