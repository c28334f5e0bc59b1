"""A queue that interleaves: what waits is handed out in rotation over the host nodes it is for."""

from collections import deque
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
T = TypeVar("T")


class NodeQueue(Generic[K, T]):
    """What waits, by node: handed out in rotation over the nodes, first in first out within each.

    The rotation is what interleaves: calls to a node that is slow to answer lie apart, never in a row.
    """

    def __init__(self) -> None:
        self._items: dict[K, deque[T]] = {}
        self._ring: deque[K] = deque()
        self._size = 0

    def __len__(self) -> int:
        return self._size

    @property
    def nodes(self) -> int:
        """How many nodes something waits for."""
        return len(self._ring)

    def add(self, node: K, item: T) -> None:
        waiting = self._items.get(node)
        if waiting is None:
            waiting = self._items[node] = deque()
            self._ring.append(node)
        waiting.append(item)
        self._size += 1

    def take(self, admits: Callable[[K], bool]) -> T | None:
        """Give the next item of the first node that is admitted; None if none is.

        At most `in flight / per node` nodes are full at once, so few are passed over.
        """
        for _ in range(len(self._ring)):
            node = self._ring[0]
            if not admits(node):
                self._ring.rotate(-1)
                continue
            waiting = self._items[node]
            item = waiting.popleft()
            self._size -= 1
            if waiting:
                self._ring.rotate(-1)
            else:
                self._ring.popleft()
                del self._items[node]
            return item
        return None

    def clear(self) -> list[T]:
        items = [item for waiting in self._items.values() for item in waiting]
        self._items.clear()
        self._ring.clear()
        self._size = 0
        return items
