"""Which results a reader wants."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from agent.domain.control import CameraControl
from agent.domain.result import InferenceResult
from agent.errors import BadInput
from agent.pb.ofa_agent.v1 import status_pb2

NAMES_MOST = 1000
EVERY_NTH_MOST = 1_000_000
Labels = Callable[[], Sequence[str]]


@dataclass(slots=True)
class ResultFilter:
    """Looks at each result once, in order: it counts those that fit. An empty set or a None asks for nothing.

    A class fits by its number or by its name in the library that the camera has at that moment.
    """

    labels_of: Labels
    subnet_ids: frozenset[str]
    class_ids: frozenset[int]
    labels: frozenset[str]
    min_confidence: float | None
    max_confidence: float | None
    every_nth: int
    _fitted: int = 0

    @classmethod
    def of(cls, request: status_pb2.WatchResultsRequest, camera: CameraControl) -> ResultFilter | None:
        """The filter that a request asks for, None where it asks for all; raises BadInput naming the field."""
        for field in ("subnet_ids", "class_ids", "labels"):
            if len(getattr(request, field)) > NAMES_MOST:
                raise BadInput(field, f"has {len(getattr(request, field))} entries and at most {NAMES_MOST} may be")
        found = cls(
            labels_of=lambda: _labels(camera),
            subnet_ids=frozenset(request.subnet_ids),
            class_ids=frozenset(request.class_ids),
            labels=frozenset(request.labels),
            min_confidence=_confidence(request, "min_confidence"),
            max_confidence=_confidence(request, "max_confidence"),
            every_nth=request.every_nth or 1,
        )
        found._check(camera)
        return found if found._asks else None

    @property
    def _asks(self) -> bool:
        bounds = (self.min_confidence, self.max_confidence)
        names = self.subnet_ids or self.class_ids or self.labels
        return bool(names) or bounds != (None, None) or self.every_nth > 1

    def __call__(self, result: InferenceResult) -> bool:
        """Whether the reader wants it."""
        if not self._fits(result):
            return False
        self._fitted += 1
        return (self._fitted - 1) % self.every_nth == 0

    def _fits(self, result: InferenceResult) -> bool:
        inference = result.inference
        if self.subnet_ids and result.subnet_id not in self.subnet_ids:
            return False
        if self.min_confidence is not None and not inference.confidence >= self.min_confidence:
            return False
        if self.max_confidence is not None and not inference.confidence <= self.max_confidence:
            return False
        return self._fits_class(inference.class_id)

    def _fits_class(self, class_id: int) -> bool:
        if not self.class_ids and not self.labels:
            return True
        if class_id in self.class_ids:
            return True
        names = self.labels_of() if self.labels else ()
        return 0 <= class_id < len(names) and names[class_id] in self.labels

    def _check(self, camera: CameraControl) -> None:
        low, high = self.min_confidence, self.max_confidence
        if low is not None and high is not None and low > high:
            raise BadInput("min_confidence", f"{low:g} is above max_confidence {high:g}: no result could fit")
        if self.every_nth > EVERY_NTH_MOST:
            raise BadInput("every_nth", f"{self.every_nth} is more than {EVERY_NTH_MOST}")
        catalogue = camera.catalogue()
        if catalogue is None:  # one may come with a reload
            return
        active = camera.snapshot().active_subnet  # it may run though a new library has it no more
        for subnet_id in sorted(self.subnet_ids):
            if catalogue.get(subnet_id) is None and subnet_id != active:
                known = ", ".join(subnet.id for subnet in catalogue.subnets)
                raise BadInput("subnet_ids", f"{subnet_id!r} is not in the camera's library; it has {known}")
        for label in sorted(self.labels.difference(catalogue.labels)):
            known = ", ".join(catalogue.labels)
            raise BadInput("labels", f"{label!r} is no class of the camera's library; it has {known}")


def _labels(camera: CameraControl) -> Sequence[str]:
    catalogue = camera.catalogue()
    return catalogue.labels if catalogue else ()


def _confidence(request: status_pb2.WatchResultsRequest, field: str) -> float | None:
    if not request.HasField(field):
        return None
    value: float = getattr(request, field)
    if math.isnan(value) or not 0.0 <= value <= 1.0:
        raise BadInput(field, f"{value:g} is not within 0 to 1")
    return value
