"""The generations of one camera, in order: what tells the results of two activations apart."""

from __future__ import annotations

import bisect

from agent.domain.journal import Journal


class Generations:
    """Draws from the journal, where a number is durable before it is used and never comes again.

    One that was drawn ahead and not needed is the next, so that numbers follow on each other as activations do; after a
    restart of the agent it is left out. Owner: whoever runs the camera's transactions, one at a time.
    """

    def __init__(self, journal: Journal, camera: str) -> None:
        self._journal = journal
        self._camera = camera
        self._unused: list[int] = []

    async def draw(self) -> int:
        """The next one, higher than all that were used. Raises JournalError."""
        return self._unused.pop(0) if self._unused else await self._journal.next_generation(self._camera)

    def give_back(self, *numbers: int) -> None:
        """These were drawn and no camera has seen them."""
        for number in numbers:
            bisect.insort(self._unused, number)
