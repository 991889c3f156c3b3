"""Serves the page with the fake editor, for looking at it: `python -m tests.browser.serve --port N`."""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

from mcaclip.editing.prompts import load_prompts
from mcaclip.ui.handlers.edit import Studio
from mcaclip.ui.page.blocks import build, launch_options
from mcaclip.ui.state.loading import EditorSource
from tests.fakes import FakeEditor
from tests.helpers.fake_methods import FakeMethods


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, default=7860)
    port = parser.parse_args().port
    source = EditorSource(lambda report: FakeEditor(universal=True, entries=load_prompts()))
    source.start()
    with tempfile.TemporaryDirectory() as folder:
        page = build(Studio(source, Path(folder)), FakeMethods)
        page.launch(server_name="127.0.0.1", server_port=port, **launch_options())


if __name__ == "__main__":
    main()
