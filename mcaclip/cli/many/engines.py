"""Who does rows of work: this process, or several processes of this machine."""

from __future__ import annotations

import contextlib
import signal
import traceback
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from multiprocessing import connection, get_context
from multiprocessing.process import BaseProcess
from typing import Any, Protocol

from mcaclip.cli.many.rows import PhotoRow, RowResult, record_of
from mcaclip.errors import StudioError

ATTEMPTS = 2
"""How often a row is tried whose worker ends before it is done."""
_END_SECONDS = 5.0


class Doer(Protocol):
    """What does rows; `mcaclip.cli.many.work.Work` is the real one."""

    def check(self, rows: Sequence[PhotoRow]) -> Mapping[int, str]:
        """What is wrong with the edits of rows, by the number of the row."""
        ...

    def do(self, row: PhotoRow) -> list[RowResult]:
        """Does a row; everything that is wrong with its photo stands in the records."""
        ...


class Engine(Protocol):
    """Does rows in some order. Used as a context, at whose end all of its workers have ended."""

    def __enter__(self) -> Engine: ...

    def __exit__(self, *_: object) -> None: ...

    def check(self, rows: Sequence[PhotoRow]) -> Mapping[int, str]:
        """See `Doer.check`. Raises StudioError when no worker can be made."""
        ...

    def run(self, rows: Sequence[PhotoRow]) -> Iterator[list[RowResult]]:
        """The records of each row, as they are done. Raises StudioError when no worker can be made."""
        ...


class InProcess:
    """Does rows one after the other."""

    def __init__(self, make: Callable[[], Doer]):
        self._make = make

    def __enter__(self) -> InProcess:
        self._doer = self._make()
        return self

    def __exit__(self, *_: object) -> None:
        del self._doer

    def check(self, rows: Sequence[PhotoRow]) -> Mapping[int, str]:
        """See `Engine.check`."""
        return self._doer.check(rows)

    def run(self, rows: Sequence[PhotoRow]) -> Iterator[list[RowResult]]:
        """See `Engine.run`."""
        yield from map(self._doer.do, rows)


class _Worker:
    """A process of its own that does one task at a time, and the row that it has."""

    def __init__(self, make: Callable[[], Doer]):
        context = get_context("spawn")  # torch's threads do not survive a fork
        self.connection, theirs = context.Pipe()
        self.process: BaseProcess = context.Process(target=_serve, args=(theirs, make), daemon=True)
        with _deaf_to_ctrl_c():
            self.process.start()
        theirs.close()  # so that the end of the process ends the connection
        self.row: PhotoRow | None = None
        self.attempt = 0

    def give(self, task: str, argument: object) -> None:
        with contextlib.suppress(OSError):  # it has ended; reading the answer tells
            self.connection.send((task, argument))

    def answer(self) -> Any:
        """Its answer. Raises StudioError when it has no networks, EOFError when it has ended."""
        try:
            good, answer = self.connection.recv()
        except OSError as error:
            raise EOFError from error
        if not good:
            raise StudioError(answer)
        return answer

    def end(self) -> None:
        """Ends the process; returns at once when it has ended already."""
        self.process.terminate()
        self.process.join(_END_SECONDS)
        self.process.kill()
        self.process.join()
        self.connection.close()


class Processes:
    """Processes that do rows at the same time, each with networks of its own.

    A worker that ends before its row is done is replaced. The row is tried once more when all others have begun, and
    reported when that fails too.

    Args:
        make: makes what does rows; sent to every worker.
        jobs: how many there are.
    """

    def __init__(self, make: Callable[[], Doer], jobs: int):
        self._make, self._jobs = make, jobs
        self._workers: list[_Worker] = []

    def __enter__(self) -> Processes:
        try:
            self._workers += [_Worker(self._make) for _ in range(self._jobs)]
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        for worker in self._workers:
            worker.process.terminate()
        for worker in self._workers:
            worker.end()
        self._workers.clear()

    def check(self, rows: Sequence[PhotoRow]) -> Mapping[int, str]:
        """See `Engine.check`."""
        for _ in range(ATTEMPTS):
            worker = self._workers[0]
            worker.give("check", rows)
            try:
                return worker.answer()
            except EOFError:
                self._replace(worker)
        raise StudioError(_UNABLE)

    def run(self, rows: Sequence[PhotoRow]) -> Iterator[list[RowResult]]:
        """See `Engine.run`."""
        waiting, lost, done = deque((row, 1) for row in rows), 0, 0
        while waiting or any(worker.row for worker in self._workers):
            for worker in self._workers:
                if worker.row is None and waiting:
                    worker.row, worker.attempt = waiting.popleft()
                    worker.give("do", worker.row)
            ready = connection.wait([worker.connection for worker in self._workers if worker.row])
            for worker in [worker for worker in self._workers if worker.connection in ready]:
                row, worker.row = worker.row, None
                assert row is not None
                try:
                    yield worker.answer()
                    done += 1
                except EOFError:
                    lost += 1
                    if not done and lost > ATTEMPTS * self._jobs:
                        raise StudioError(_UNABLE) from None
                    status = self._replace(worker)
                    if worker.attempt < ATTEMPTS:
                        waiting.append((row, worker.attempt + 1))
                    else:
                        yield [record_of(row, "failed", reason=_lost(status))]

    def _replace(self, worker: _Worker) -> int | None:
        """Puts a new worker in the place of one that has ended, whose exit status is returned."""
        worker.process.join(_END_SECONDS)
        status = worker.process.exitcode
        worker.end()
        self._workers[self._workers.index(worker)] = _Worker(self._make)
        return status


_UNABLE = (
    "The worker processes end before anything is done, perhaps for want of memory. Ask for fewer --jobs, or leave "
    "--jobs out to see what is wrong."
)


def _lost(status: int | None) -> str:
    how = (
        "ended" if status is None else f"killed by signal {-status}" if status < 0 else f"ended with status {status}"
    )
    return f"its worker was lost {ATTEMPTS} times ({how}); perhaps there is too little memory for it."


@contextlib.contextmanager
def _deaf_to_ctrl_c() -> Iterator[None]:
    """Processes that are started meanwhile never hear of Ctrl-C, which reaches all; their parent ends them."""
    try:
        before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    except ValueError:  # only the main thread may; then Ctrl-C is not ours to handle either
        yield
        return
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _serve(tasks: connection.Connection, make: Callable[[], Doer]) -> None:
    """What a worker process does until the other end of the connection closes."""
    signal.signal(signal.SIGTERM, _leave)
    problem, doer = "", None
    try:
        doer = make()
    except StudioError as error:
        problem = str(error)
    while True:
        try:
            task, argument = tasks.recv()
            tasks.send((False, problem) if doer is None else (True, getattr(doer, task)(argument)))
        except (EOFError, BrokenPipeError, ConnectionResetError):
            return
        except Exception:
            traceback.print_exc()
            raise SystemExit(1) from None


def _leave(*_: object) -> None:
    """Ends the process in good order, so that it leaves nothing unfinished."""
    raise SystemExit(128 + signal.SIGTERM)
