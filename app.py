"""Starts the web page: `python app.py [--host 127.0.0.1] [--port 7860]`; see `docs/hosting.md` for public servers."""

from __future__ import annotations

import argparse
import gc
import logging
import os
import signal
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from mcaclip.config import DEFAULT_STACK
from mcaclip.errors import StudioError, WeightsError
from mcaclip.platform.memory import keep_freed_memory
from mcaclip.ui.server.folder import server_folder
from mcaclip.ui.server.starting import StartingPage
from mcaclip.ui.server.stubs import without_stubs
from mcaclip.weights import WeightFolders

if TYPE_CHECKING:
    from mcaclip.editor import FaceEditor
    from mcaclip.ui.state.loading import ReportProgress
    from mcaclip.ui.state.training_process import TrainingProcess

ENDING = [signal.SIGTERM, *([signal.SIGHUP] if hasattr(signal, "SIGHUP") else [])]
PRIVATE_NETWORKS = "127.0.0.0/8,10.0.0.0/8,172.16.0.0/12,192.168.0.0/16,::1,fc00::/7"


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """The options, from the arguments or from Gradio's own environment variables."""
    parser = argparse.ArgumentParser(description="MCA-CLIP Studio, the web page")
    parser.add_argument(
        "--host", default=os.environ.get("GRADIO_SERVER_NAME", "127.0.0.1"), help="address to listen on"
    )
    parser.add_argument("--port", type=_port, default=os.environ.get("GRADIO_SERVER_PORT", "7860"))
    parser.add_argument(
        "--allow-host", action="append", default=[], metavar="NAME",
        help="a further name under which the page may be asked for, e.g. that of a proxy before it (repeatable)",
    )  # fmt: skip
    parser.add_argument(
        "--proxy", default=PRIVATE_NETWORKS if os.environ.get("SPACE_ID") else "", metavar="ADDRESSES",
        help="addresses or networks of proxies that are trusted to name the client they ask for, with commas between",
    )  # fmt: skip
    parser.add_argument("--auth", type=Path, metavar="FILE", help="who may enter: a line USER:PASSWORD for each")
    parser.add_argument(
        "--root-path", default=os.environ.get("GRADIO_ROOT_PATH", ""), metavar="PATH",
        help="the path below which a proxy serves the page, e.g. /studio",
    )  # fmt: skip
    return parser.parse_args(argv)


def _port(text: str) -> int:
    """A port's number. Raises ArgumentTypeError."""
    if not (text.isdecimal() and 0 < int(text) < 2**16):
        raise argparse.ArgumentTypeError(f"{text!r} is no port; use a number from 1 to 65535")
    return int(text)


def read_users(path: Path) -> list[tuple[str, str]]:
    """The users of an `--auth` file; empty lines and those that begin with # do not count.

    Raises:
        StudioError: the file cannot be read, a line has no colon, or there is nobody in it.
    """
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise StudioError(
            f"--auth {path} cannot be read as a text file. Give one with a line USER:PASSWORD."
        ) from error
    users = []
    for number, line in enumerate(map(str.strip, lines), 1):
        if line and not line.startswith("#"):
            name, _, password = line.partition(":")
            if not name or not password:
                raise StudioError(f"--auth {path}: line {number} is not of the form USER:PASSWORD.")
            users.append((name, password))
    if not users:
        raise StudioError(f"--auth {path} names nobody. Write a line USER:PASSWORD for everyone who may enter.")
    return users


def load(report: ReportProgress | None = None, kept: Sequence[Path] = (), device: str = "auto") -> FaceEditor:
    """The editor of the stack `MCACLIP_STACK` (default compact) with the prompts that were learned here.

    `MCACLIP_GENERATOR` names a file of a generator of one's own.

    Imported here, because torch and the models take seconds.
    """
    from mcaclip.editor import load_editor

    own = os.environ.get("MCACLIP_GENERATOR")
    stack = os.environ.get("MCACLIP_STACK") or DEFAULT_STACK
    editor = load_editor(stack, device, report, generator_file=Path(own) if own else None)
    for path in kept:
        try:
            editor.add_edits(path)
        except WeightsError as error:
            logging.warning("%s is left out: %s", path.name, error)
    gc.freeze()
    gc.enable()
    return editor


def loader(training: TrainingProcess | None) -> Callable[[ReportProgress], FaceEditor]:
    """What loads the page's editor; on a ZeroGPU Space, one whose faces are computed there."""
    from mcaclip.ui.state import zero_gpu

    def kept() -> Sequence[Path]:
        return training.kept() if training else ()

    if not zero_gpu.on_zero_gpu():
        return lambda report: load(report, kept())
    call = zero_gpu.gpu_call(lambda: load(device="cuda", kept=kept()))
    return lambda report: zero_gpu.ZeroGpuEditor(load(report, kept(), "cpu"), call)


def open_training() -> TrainingProcess | None:
    """The training of this machine; None where `MCACLIP_TRAINING=off`, and on a public Space unless it is `on`."""
    from mcaclip.ui.state.training_process import TrainingProcess

    default = "off" if os.environ.get("SPACE_ID") else "on"
    if os.environ.get("MCACLIP_TRAINING", default).lower() in ("off", "0", "no", "false"):
        return None
    return TrainingProcess(WeightFolders.from_environment().cache / "training")


def serve(args: argparse.Namespace, folder: Path) -> None:
    """Answers at once, opens the page, loads the models behind it, and serves until the process is asked to end."""
    users = read_users(args.auth) if args.auth else None
    # read by Gradio when it is imported or a component is made
    os.environ["GRADIO_TEMP_DIR"] = str(folder / "gradio")
    os.environ["FORWARDED_ALLOW_IPS"] = args.proxy
    with StartingPage(args.host, args.port), without_stubs():
        from mcaclip.ui.handlers.save import Studio
        from mcaclip.ui.page.blocks import build, launch_options
        from mcaclip.ui.state.loading import EditorSource, warm_up
        from mcaclip.ui.state.zero_gpu import on_zero_gpu

        training = open_training()
        source = EditorSource(loader(training), None if on_zero_gpu() else warm_up)
        studio = Studio(source, folder, training)
        page = build(studio)
    address = {"server_name": args.host, "server_port": args.port}
    options: dict[str, Any] = {"auth": users, "root_path": args.root_path, "prevent_thread_lock": True}
    page.launch(**address, **options, **launch_options(args.host, args.allow_host))
    source.start()  # not before, which would only delay the page
    try:
        page.block_thread()
    finally:
        page.close(verbose=False)
        studio.tabs.end()


def end(number: int, _: object) -> NoReturn:
    """Turns a signal into an ordinary end, so that everything is put away; a second one does not cut it short."""
    for name in ENDING:
        signal.signal(name, signal.SIG_IGN)
    raise SystemExit(128 + number)


def main() -> int:
    """Serves the page; the exit status."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    logging.getLogger("httpx").setLevel(logging.WARNING)
    args = parse_args()
    for name in ENDING:
        signal.signal(name, end)
    parent = os.environ.get("GRADIO_TEMP_DIR")
    try:
        with server_folder(Path(parent) if parent else None) as folder:
            serve(args, folder)
    except (StudioError, OSError) as error:
        sys.stderr.write(f"app.py: {error}\n")
        return 2
    except SystemExit as ending:
        logging.shutdown()
        os._exit(ending.code if isinstance(ending.code, int) else 1)  # work in other threads is not waited for
    return 0


if __name__ == "__main__":
    keep_freed_memory()
    gc.disable()  # until the models are loaded: nothing that is made before is garbage
    sys.exit(main())
