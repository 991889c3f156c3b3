"""Who does rows of work: a Ray cluster, or a small one that is started on this machine for the time."""

from __future__ import annotations

import contextlib
import importlib
import logging
import math
import os
import pickle
import signal
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from mcaclip.cli.many.engines import ATTEMPTS, Doer
from mcaclip.cli.many.rows import PhotoRow, RowResult, record_of
from mcaclip.cli.photos import PhotoOptions, usable_cores
from mcaclip.errors import StudioError, quotable

BLOCKS_AT_MOST = 2000
"""Larger tables have several rows in a block, so that Ray's own work per block stays small beside the rows'."""
LOST = "its worker was lost again and again; perhaps there is too little memory for it."


class OnRay:
    """Actors of Ray Data that do rows, each on one core, or on one GPU with `--device cuda`.

    Ray replaces actors and machines that are lost, and repeats what they had; what they had finished is found in the
    output folder. Rows that are lost again are done one by one, as long as some of
    them are done; what then remains is reported.

    Args:
        make: makes what does rows; sent to every actor.
        jobs: how many actors there are at most.
        options: of the command.
    """

    def __init__(self, make: Callable[[], Doer], jobs: int, options: PhotoOptions):
        self._make, self._jobs, self._address = make, jobs, options.address
        self._resources = {"num_cpus": 1, "num_gpus": int(options.device == "cuda")}
        self._ours = False

    def __enter__(self) -> OnRay:
        ray = _module("ray")
        if not ray.is_initialized():
            on_terminate = signal.getsignal(signal.SIGTERM)
            try:
                ray.init(**self._where(), log_to_driver=False, logging_level=logging.ERROR)
            except (ConnectionError, ValueError, RuntimeError) as error:
                raise StudioError(f"Ray cannot be reached: {quotable(str(error))} Check --address.") from error
            self._ours = True
            with contextlib.suppress(ValueError, TypeError):  # only in the main thread; Ray has set its own
                signal.signal(signal.SIGTERM, on_terminate)
        return self

    def _where(self) -> dict[str, Any]:
        if self._address or os.environ.get("RAY_ADDRESS"):
            return {"address": self._address}
        own = {"PYTHONPATH": os.pathsep.join(path or os.getcwd() for path in sys.path)}
        cores = max(usable_cores(), self._jobs)
        return {
            "address": "local",
            "num_cpus": cores,
            "include_dashboard": False,
            "runtime_env": {"env_vars": own},
        }

    def __exit__(self, *_: object) -> None:
        if self._ours:
            _module("ray").shutdown()

    def check(self, rows: Sequence[PhotoRow]) -> Mapping[int, str]:
        """See `Engine.check`."""
        ray = _module("ray")
        try:
            return ray.get(ray.remote(**self._resources)(_check).remote(self._make, list(rows)))
        except StudioError as error:
            raise StudioError(str(getattr(error, "cause", error))) from error
        except ray.exceptions.RayError as error:
            raise StudioError(f"Ray cannot do the work: {quotable(str(error))}") from error

    def run(self, rows: Sequence[PhotoRow]) -> Iterator[list[RowResult]]:
        """See `Engine.run`."""
        left = {row.number: row for row in rows}
        in_a_block, before = math.ceil(len(rows) / BLOCKS_AT_MOST), len(rows) + 1
        while left and len(left) < before:
            before = len(left)
            for records in self._done(list(left.values()), in_a_block):
                left.pop(records[0].row, None)
                yield records
            in_a_block = 1
        for row in left.values():
            yield [record_of(row, "failed", reason=LOST)]

    def _done(self, rows: Sequence[PhotoRow], rows_of_a_block: int) -> Iterator[list[RowResult]]:
        """The records of those rows that are not lost."""
        data = _module("ray.data")
        context = data.DataContext.get_current()
        context.max_errored_blocks = -1  # a lost block must not end the others
        context.enable_progress_bars = False
        logging.getLogger("ray.data").setLevel(logging.CRITICAL)
        # the bytes are our own: they come back from actors that were sent here
        items = [{"row": pickle.dumps(row)} for row in rows]
        blocks = math.ceil(len(items) / rows_of_a_block)
        done = data.from_items(items, override_num_blocks=blocks).map_batches(
            _Actor,
            fn_constructor_args=(self._make,),
            batch_size=1,
            compute=data.ActorPoolStrategy(size=self._jobs),
            ray_remote_args_fn=_retries,
            **self._resources,
        )
        for item in done.iter_rows():
            yield pickle.loads(item["records"])


class _Actor:
    """Does one row at a time on a machine of the cluster, with networks that it loads once."""

    def __init__(self, make: Callable[[], Doer]):
        self._doer = make()

    def __call__(self, batch: dict[str, Any]) -> dict[str, list[bytes]]:
        return {"records": [pickle.dumps(self._doer.do(pickle.loads(row))) for row in batch["row"]]}


def _retries() -> dict[str, Any]:
    """Ray's options of an actor: how often it is replaced, and a block tried again with a new one."""
    return {"max_restarts": -1, "max_task_retries": ATTEMPTS}


def _check(make: Callable[[], Doer], rows: Sequence[PhotoRow]) -> Mapping[int, str]:
    return make().check(rows)


def _module(name: str) -> Any:
    """A module of Ray. Raises StudioError where it is not installed."""
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise StudioError('--engine ray needs Ray: pip install "mcaclip-studio[ray]".') from error
