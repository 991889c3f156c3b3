"""What every open tab works on, bounded in memory and time."""

from __future__ import annotations

import logging
import secrets
import threading
import time
from collections import Counter, OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from mcaclip.errors import StudioError
from mcaclip.platform.memory import return_freed_memory
from mcaclip.ui.display import text
from mcaclip.ui.state.editor import EditorProtocol
from mcaclip.ui.state.limits import network_of
from mcaclip.ui.state.rest import at_rest, awake, size_of
from mcaclip.ui.state.session import Session, forget
from mcaclip.ui.state.visitor_files import VisitorFiles

log = logging.getLogger(__name__)

IDLE_SECONDS = 3600
"""A tab without a request for so long is forgotten."""
CLOSED_SECONDS = 60
"""A tab whose connection ended is forgotten after so long, unless it comes back: phones drop connections."""
REST_SECONDS = 600
"""The pictures of a tab without a request for so long are dropped; its next request computes them again."""
MAX_TABS = 500
MAX_TABS_OF_ONE = 40
"""Tabs of one client that are kept; beyond that its own oldest one is removed."""
MAX_AWAKE_BYTES = 128 * 2**20
"""Pictures of all tabs together; those of the tab that is served come on top."""
SWEEP_SECONDS = 15
QUIET_SECONDS = 60
"""After so long without a request freed memory goes back to the system."""


@dataclass
class _Tab:
    """One tab: its state (awake or at rest), when it last asked for something, and when its connection ended."""

    session: Session = field(default_factory=Session)
    awake: bool = True
    size: int = 0
    used: float = 0.0
    closed: float | None = None


class Tabs:
    """The sessions of all tabs; may be shared by threads.

    A tab's key is what its browser's connection is named by, Gradio's session hash: nobody else knows it. After a
    reload the browser has another one; it gets its session back for the ticket that it was given.

    Args:
        files: of the visitors; those of a tab go with it.
        clock: seconds that only go forwards.
    """

    def __init__(self, files: VisitorFiles, clock: Callable[[], float] = time.monotonic):
        self.files = files
        self._clock = clock
        self._lock = threading.RLock()
        self._tabs: OrderedDict[str, _Tab] = OrderedDict()
        self._gone: OrderedDict[str, None] = OrderedDict()
        self._tickets: OrderedDict[str, str] = OrderedDict()
        self._renamed: OrderedDict[str, str] = OrderedDict()
        self._open: Counter[str] = Counter()
        self._used = clock()
        self._trimmed = True
        self._ending = threading.Event()

    def connected(self, key: str) -> None:
        """The browser holds a connection for a tab, for the first time or again."""
        with self._lock:
            self._open[key] += 1
            if key in self._tabs:
                self._tabs[key].closed = None

    def disconnected(self, key: str) -> None:
        """A connection ended: its tab is closed, or the network is interrupted."""
        with self._lock:
            self._open[key] -= 1
            if self._open[key] <= 0:
                del self._open[key]
                if key in self._tabs:
                    self._tabs[key].closed = self._clock()

    def ticket(self, key: str) -> str:
        """A new secret for the browser of a tab, which shows it after a reload."""
        with self._lock:
            made = secrets.token_urlsafe(24)
            self._tickets = OrderedDict((old, tab) for old, tab in self._tickets.items() if tab != key)
            self._tickets[made] = key
            while len(self._tickets) > 4 * MAX_TABS:
                self._tickets.popitem(last=False)
            return made

    def reclaim(self, key: str, tickets: Sequence[str]) -> bool | None:
        """Gives a tab that was reloaded its session back, under its new key.

        Args:
            key: of the tab now.
            tickets: what its browser holds, the newest first; others of its tabs may be open.

        Returns:
            Whether it got one; None where all that are known belong to tabs whose connection is still open, which
            a moment later may be over.
        """
        with self._lock:
            if not key or key in self._tabs:
                return False
            mine = [self._tickets[ticket] for ticket in tickets if ticket in self._tickets]
            mine = [one for one in mine if one in self._tabs]
            old = next((one for one in mine if not self._open[one]), None)
            if old is None:
                return None if mine else False
            tab = self._tabs[key] = self._tabs.pop(old)
            tab.closed, tab.used = None, self._clock()
            tab.session = replace(tab.session, key=key)
            self._renamed.pop(key, None)
            self._renamed[old] = key
            while len(self._renamed) > MAX_TABS:
                self._renamed.popitem(last=False)
        self.files.renamed(old, key)
        return True

    def resting(self, key: str) -> Session:
        """A tab's session as it is, perhaps without its pictures. Raises StudioError, once, if it was forgotten."""
        with self._lock:
            tab = self._touched(key)
            return Session() if tab is None else tab.session

    def session(self, key: str, editor: EditorProtocol | None) -> Session:
        """A tab's session with all its pictures; to be called where the models may be used.

        Args:
            key: of the tab.
            editor: computes the pictures of a tab at rest; None while it is loaded.

        Raises:
            StudioError: it was forgotten (raised once), it rests and the models are not loaded yet, or its photo
                cannot be read again.
        """
        with self._lock:
            tab = self._touched(key)
            session, is_awake = (Session(), True) if tab is None else (tab.session, tab.awake)
        if is_awake:
            return session
        if editor is None:
            raise StudioError(text.STILL_LOADING)
        whole = awake(session, editor)
        with self._lock:
            tab = self._tabs.get(key)
            if tab is not None and tab.session is session:  # otherwise something newer came meanwhile
                self._put(tab, key, whole)
        return whole

    def keep(self, key: str, session: Session) -> None:
        """Remembers what a tab works on now. The session of a tab that was forgotten meanwhile is dropped."""
        with self._lock:
            while key in self._renamed:  # it was reloaded meanwhile
                key = self._renamed[key]
                session = replace(session, key=key)
            gone = key in self._gone or not key
            if not gone and (key in self._tabs or not session.empty):
                tab = self._tabs.setdefault(key, _Tab())
                tab.used = self._clock()
                tab.closed = None if self._open[key] else tab.used
                self._tabs.move_to_end(key)
                self._put(tab, key, session)
            surplus = self._surplus(network_of(session.client))
        if gone:
            forget(session)
            self.files.leave(key)
        for oldest in surplus:
            self.close(oldest)

    def close(self, key: str) -> None:
        """Forgets a tab, with all its files. Never raises."""
        with self._lock:
            tab = self._tabs.pop(key, None)
            self._gone[key] = None
            self._gone.move_to_end(key)
            while len(self._gone) > MAX_TABS:
                self._gone.popitem(last=False)
            self._trimmed = False
        if tab is not None:
            forget(tab.session)
        self.files.leave(key)

    def sweep(self) -> None:
        """Forgets tabs that are gone, puts idle ones to rest, gives memory back. Never raises."""
        with self._lock:
            now = self._clock()
            gone = [key for key, tab in self._tabs.items() if _is_gone(tab, now)]
            for tab in self._tabs.values():
                if now - tab.used >= REST_SECONDS:
                    _rest(tab)
            quiet = not self._trimmed and now - self._used >= QUIET_SECONDS
            self._trimmed = self._trimmed or quiet
        for key in gone:
            self.close(key)
        with self._lock:
            known = set(self._tabs)
        self.files.expire(known)
        if quiet:
            return_freed_memory()

    def used(self) -> None:
        """The models were used just now."""
        with self._lock:
            self._used, self._trimmed = self._clock(), False

    def start(self) -> None:
        """Sweeps from time to time, in a thread of its own."""
        threading.Thread(target=self._keep_sweeping, name="studio-sweep", daemon=True).start()

    def end(self) -> None:
        """Forgets all tabs, with all their files. Never raises."""
        self._ending.set()
        with self._lock:
            keys = list(self._tabs)
        for key in keys:
            self.close(key)

    def _keep_sweeping(self) -> None:
        while not self._ending.wait(SWEEP_SECONDS):
            try:
                self.sweep()
            except Exception:  # one bad tab must not keep the files of all others
                log.exception("A sweep of the tabs failed")

    def _surplus(self, client: str) -> list[str]:
        """The tabs to remove: first those of a client that has too many, then any; open ones last."""
        order = sorted(self._tabs, key=lambda key: self._open[key] > 0)  # the longest unused first
        own = [key for key in order if network_of(self._tabs[key].session.client) == client]
        too_many = own[: max(0, len(own) - MAX_TABS_OF_ONE)]
        others = [key for key in order if key not in too_many]
        return [*too_many, *others[: max(0, len(others) - MAX_TABS)]]

    def _put(self, tab: _Tab, key: str, session: Session) -> None:
        tab.session, tab.awake, tab.size = session, True, size_of(session)
        self._bound(key)

    def _touched(self, key: str) -> _Tab | None:
        """The tab of a key, used just now; None for a new key. Raises StudioError, once, if it was forgotten."""
        if key in self._gone:
            del self._gone[key]
            raise StudioError(text.TAB_GONE)
        tab = self._tabs.get(key)
        if tab is not None:
            self._tabs.move_to_end(key)
            tab.used = self._clock()
            tab.closed = None if self._open[key] else tab.used
        return tab

    def _bound(self, served: str) -> None:
        """Puts the tabs that were used longest ago to rest until all pictures fit, except those of one tab."""
        total = sum(tab.size for key, tab in self._tabs.items() if key != served)
        for key, tab in self._tabs.items():
            if total <= MAX_AWAKE_BYTES:
                return
            if key != served:
                total -= tab.size
                _rest(tab)


def _is_gone(tab: _Tab, now: float) -> bool:
    closed = tab.closed is not None and now - tab.closed >= CLOSED_SECONDS
    return closed or now - tab.used >= IDLE_SECONDS


def _rest(tab: _Tab) -> None:
    if tab.awake:
        tab.session, tab.awake, tab.size = at_rest(tab.session), False, 0
