"""Starts the web page: `python app.py [--host 127.0.0.1] [--port 7860]`."""

from __future__ import annotations

import argparse
import logging
import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from mcaclip.config import DEFAULT_STACK
from mcaclip.ui.blocks import build, launch_options
from mcaclip.ui.handlers import Studio
from mcaclip.ui.loading import EditorSource, ReportProgress

if TYPE_CHECKING:
    from mcaclip.editor import FaceEditor


def parse_args() -> argparse.Namespace:
    """Host and port, from the arguments or from Gradio's own environment variables."""
    parser = argparse.ArgumentParser(description="MCA-CLIP Studio, the web page")
    parser.add_argument("--host", default=os.environ.get("GRADIO_SERVER_NAME", "127.0.0.1"))
    parser.add_argument("--port", type=int, default=int(os.environ.get("GRADIO_SERVER_PORT", "7860")))
    return parser.parse_args()


def load(report: ReportProgress) -> FaceEditor:
    """The editor of the stack `MCACLIP_STACK` (default compact). Imported here: torch and the models take seconds."""
    from mcaclip.editor import load_editor

    return load_editor(os.environ.get("MCACLIP_STACK") or DEFAULT_STACK, progress=report)


def main() -> None:
    """Opens the page at once and loads the models beside it."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    logging.getLogger("httpx").setLevel(logging.WARNING)
    args = parse_args()
    source = EditorSource(load)
    source.start()
    with tempfile.TemporaryDirectory(prefix="mcaclip-studio-") as folder:
        page = build(Studio(source, Path(folder)))
        page.launch(server_name=args.host, server_port=args.port, **launch_options())


if __name__ == "__main__":
    main()
