"""A chain of entries against its witnesses: a head that somebody has kept, and an export that was made earlier."""

from __future__ import annotations

from collections.abc import Iterable

from agent.domain.audit import AuditEntry, Break, ChainCheck, Head, short
from agent.domain.audit_export import ExportReader


class Verification:
    """Goes through a chain from its oldest entry on. Owner: the one caller that feeds it."""

    def __init__(self, anchor: Head, kept: Head | None = None, earlier: ExportReader | None = None) -> None:
        """`anchor`: the entry before the first one; `kept`: a head that the chain had once."""
        self._anchor = anchor
        self._check = ChainCheck(anchor.sha256, anchor.seq)
        self._kept = kept
        self._follows = None if earlier is None else _Follows(anchor, earlier)

    @property
    def checked(self) -> int:
        """Entries that hold."""
        return self._check.checked

    @property
    def head(self) -> Head:
        """The last one of them."""
        return Head(self._check.last or 0, self._check.sha256)

    def take(self, entries: Iterable[AuditEntry]) -> Break | None:
        """The first break in the next entries; None where they hold. Raises ExportBroken for the earlier export."""
        for entry in entries:
            broken = self._check.take((entry,)) or self._other_than_kept(Head(entry.seq, entry.sha256))
            if broken is None and self._follows is not None:
                broken = self._follows.take(entry)
            if broken is not None:
                return broken
        return None

    def end(self) -> Break | None:
        """What is wrong of the chain as a whole, when all of it was taken. Raises as `take`."""
        kept, head = self._kept, self.head
        if kept is not None and kept.seq > head.seq:
            why = f"is the newest one, but entry {kept.seq} was there: {kept.seq - head.seq} entries were cut off"
            return Break(head.seq, why)
        if kept is not None and kept.seq < self._anchor.seq:
            why = (
                f"is the oldest one that is kept: the head {kept.seq} is older and cannot be compared; use a newer one"
            )
            return Break(self._anchor.seq + 1, why)
        broken = self._other_than_kept(self._anchor)
        return self._follows.end(head) if broken is None and self._follows is not None else broken

    def _other_than_kept(self, found: Head) -> Break | None:
        if self._kept is None or found.seq != self._kept.seq or found.sha256 == self._kept.sha256:
            return None
        why = f"has {short(found.sha256)}, and it had {short(self._kept.sha256)}: the chain is another one"
        return Break(found.seq, why)


class _Follows:
    """Both chains side by side, by their numbers; neither is held in memory."""

    def __init__(self, anchor: Head, earlier: ExportReader) -> None:
        self._anchor = anchor
        self._reader = earlier
        self._earlier = earlier.entries()
        self._before = earlier.anchor  # the last one of the earlier chain that was passed
        self._entry: Head | None = None
        self._agreed = False
        self._step()

    def take(self, entry: AuditEntry) -> Break | None:
        while self._entry is not None and self._entry.seq < entry.seq:
            if self._entry.seq == self._anchor.seq and self._entry.sha256 != self._anchor.sha256:
                return self._differs(self._anchor, self._entry)
            self._step()
        if self._entry is None or self._entry.seq != entry.seq:
            return None
        if self._entry.sha256 != entry.sha256:
            return self._differs(Head(entry.seq, entry.sha256), self._entry)
        self._agreed = True
        self._step()
        return None

    def end(self, head: Head) -> Break | None:
        while self._entry is not None:
            self._step()
        last = self._before
        if last.seq > head.seq:
            why = f"is the newest one, but the earlier export ends at {last.seq}: {last.seq - head.seq} were cut off"
            return Break(head.seq, why)
        if self._anchor.seq > last.seq:
            why = f"is the oldest one, and the earlier export ends at {last.seq}: what is between them is in neither"
            return Break(self._anchor.seq + 1, why)
        if self._anchor.seq == last.seq and self._anchor.sha256 != last.sha256:
            return self._differs(self._anchor, last)
        return None

    def _differs(self, found: Head, was: Head) -> Break:
        what = "was altered since" if self._agreed else "the chain was replaced as a whole"
        return Break(found.seq, f"has {short(found.sha256)}, in the earlier export {short(was.sha256)}: {what}")

    def _step(self) -> None:
        if self._entry is not None:
            self._before = self._entry
        entry = next(self._earlier, None)
        self._entry = None if entry is None else Head(entry.seq, entry.sha256)
