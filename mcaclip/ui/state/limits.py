"""How much one client may request within a time, over all its tabs, sessions and routes."""

from __future__ import annotations

import ipaddress
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from mcaclip.errors import StudioError
from mcaclip.ui.display import text


@dataclass(frozen=True)
class Allowance:
    """An amount within a time."""

    amount: int
    seconds: float


COMPUTATIONS = Allowance(40, 60)
"""Faces, reconstructions and edits; previews while a slider moves do not count."""
EVENTS = Allowance(1200, 60)
"""All other requests of the page: previews, hints while a prompt is typed, choices."""
UPLOADED_BYTES = Allowance(160_000_000, 600)
LOGINS = Allowance(10, 60)


class Limits:
    """Counts the requests of clients; may be shared by threads.

    Args:
        clock: seconds that only go forwards.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic):
        self._clock = clock
        self._lock = threading.Lock()
        self._used: dict[tuple[str, Allowance], deque[tuple[float, int]]] = {}

    def take(self, client: str, allowance: Allowance, amount: int = 1) -> bool:
        """Counts `amount` if the client may still have it; returns whether it may."""
        with self._lock:
            now, key = self._clock(), (network_of(client), allowance)
            self._forget_old(now)
            used = self._used.setdefault(key, deque())
            if sum(size for _, size in used) + amount > allowance.amount:
                return False
            used.append((now, amount))
            return True

    def compute(self, client: str) -> None:
        """Counts a computation. Raises StudioError when there were too many within a minute."""
        if not self.take(client, COMPUTATIONS):
            raise StudioError(text.TOO_MANY)

    def _forget_old(self, now: float) -> None:
        """Drops requests that no longer count, and clients without any."""
        for key, used in list(self._used.items()):
            while used and now - used[0][0] >= key[1].seconds:
                used.popleft()
            if not used:
                del self._used[key]


def network_of(client: str) -> str:
    """What counts as one client: an IPv4 address, or the 64 bits of an IPv6 address that a provider hands out."""
    try:
        address = ipaddress.ip_address(client.partition("%")[0])
    except ValueError:
        return client
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is not None:
            return str(address.ipv4_mapped)
        return str(ipaddress.ip_network((address, 64), strict=False))
    return str(address)
