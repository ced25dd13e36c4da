"""The pictures that were asked for last, as files."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable

from .readers import Answer

#: What an entry takes beside its bytes, about.
_OVERHEAD = 500


class PictureCache:
    """Answers by key, the least recently used dropped first.

    capacity: in bytes.
    """

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._answers: OrderedDict[Hashable, Answer] = OrderedDict()
        self.size = 0
        self.hits = 0
        self.misses = 0

    def get(self, key: Hashable) -> Answer | None:
        answer = self._answers.get(key)
        if answer is None:
            self.misses += 1
            return None
        self.hits += 1
        self._answers.move_to_end(key)
        return answer

    def add(self, key: Hashable, answer: Answer) -> None:
        size = len(answer.body) + _OVERHEAD
        if size > self._capacity or key in self._answers:
            return
        self._answers[key] = answer
        self.size += size
        while self.size > self._capacity:
            _, dropped = self._answers.popitem(last=False)
            self.size -= len(dropped.body) + _OVERHEAD
