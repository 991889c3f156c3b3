"""Starts the web page: `python app.py [--host 127.0.0.1] [--port 7860]`."""

from __future__ import annotations

import argparse
import logging
import os
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from mcaclip.config import DEFAULT_STACK
from mcaclip.errors import WeightsError
from mcaclip.memory import keep_freed_memory
from mcaclip.ui.blocks import build, launch_options
from mcaclip.ui.handlers import Studio
from mcaclip.ui.health import add_health
from mcaclip.ui.loading import EditorSource, ReportProgress
from mcaclip.ui.training import TrainingDesk
from mcaclip.weights_files import Places

if TYPE_CHECKING:
    from mcaclip.editor import FaceEditor


def parse_args() -> argparse.Namespace:
    """Host and port, from the arguments or from Gradio's own environment variables."""
    parser = argparse.ArgumentParser(description="MCA-CLIP Studio, the web page")
    parser.add_argument("--host", default=os.environ.get("GRADIO_SERVER_NAME", "127.0.0.1"))
    parser.add_argument("--port", type=int, default=int(os.environ.get("GRADIO_SERVER_PORT", "7860")))
    return parser.parse_args()


def load(report: ReportProgress, kept: Sequence[Path]) -> FaceEditor:
    """The editor of the stack `MCACLIP_STACK` (default compact) with the prompts that were learned here.

    Imported here, because torch and the models take seconds.
    """
    from mcaclip.editor import load_editor

    editor = load_editor(os.environ.get("MCACLIP_STACK") or DEFAULT_STACK, progress=report)
    for path in kept:
        try:
            editor.add_edits(path)
        except WeightsError as error:
            logging.warning("%s is left out: %s", path.name, error)
    return editor


def open_training() -> TrainingDesk | None:
    """The training of this machine; None where `MCACLIP_TRAINING=off`, and on a public Space unless it is `on`."""
    default = "off" if os.environ.get("SPACE_ID") else "on"
    if os.environ.get("MCACLIP_TRAINING", default).lower() in ("off", "0", "no", "false"):
        return None
    return TrainingDesk(Places.from_environment().cache / "training")


def main() -> None:
    """Opens the page at once and loads the models beside it."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    logging.getLogger("httpx").setLevel(logging.WARNING)
    args = parse_args()
    training = open_training()
    source = EditorSource(lambda report: load(report, training.kept() if training else ()))
    source.start()
    with tempfile.TemporaryDirectory(prefix="mcaclip-studio-") as folder:
        os.environ.setdefault("GRADIO_TEMP_DIR", str(Path(folder) / "gradio"))  # gone when the server ends
        page = build(Studio(source, Path(folder), training))
        address = {"server_name": args.host, "server_port": args.port}
        app, _, _ = page.launch(**address, prevent_thread_lock=True, **launch_options())
        add_health(app, source)
        page.block_thread()


if __name__ == "__main__":
    keep_freed_memory()
    main()
