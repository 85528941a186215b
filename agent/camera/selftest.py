"""Golden images: inject one, infer, compare, and put the sensor back (facts/firefly-dl.md 1.5 and section 8).

The vendor verifies a network the same way: upload the image, TestPattern = InjectedImage, acquire, read the chunk.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial

from agent.camera import acquisition, network
from agent.camera.attribution import Attribution
from agent.camera.frames import Answer, FrameReader, Tally, Task
from agent.camera.guard import Guard
from agent.camera.nodes import Nodes
from agent.camera.session import Session
from agent.camera.settings import CameraSettings
from agent.camera.upload import INJECTED_IMAGE, FileSlot
from agent.domain.device import GoldenCheck, GoldenOutcome, Image8
from agent.errors import CameraError, CameraGone

# Image processing that would change the injected pixels (S13).
ISP_NODES = ("DenoiseEnable", "SharpeningEnable", "GammaEnable", "BlackLevelClampingEnable")
_ADC_SHIFT = 2  # 8-bit values in a 10-bit ADC container (section 8)


def supported(nodes: Nodes) -> bool:
    """Whether this firmware can inject an image."""
    return nodes.has_entry("FileSelector", INJECTED_IMAGE) and nodes.readable("InjectedWidth")


def payload(image: Image8) -> bytes:
    """Row by row, 16-bit little endian, value << 2."""
    return (image.astype("<u2") << _ADC_SHIFT).tobytes()


@dataclass(frozen=True, slots=True)
class Injected:
    """A golden image as the camera takes it."""

    data: bytes = field(repr=False)
    digest: bytes
    width: int
    height: int

    @classmethod
    def of(cls, image: Image8) -> Injected:
        data = payload(image)
        return cls(data, hashlib.sha256(data).digest(), image.shape[1], image.shape[0])


def prepare(
    nodes: Nodes,
    settings: CameraSettings,
    images: Sequence[Injected],
    resident: ResidentImage,
    restoration: Restoration,
) -> None:
    """Set up what the first image of a test needs, before inference is enabled for a network that still loads.

    Only where that image is on the camera: file and pattern are in the vendor's order, and a file is written by `run`.
    """
    first = next((image for image in images if resident.there(nodes, image)), None)
    if first is not None:
        _set_up(nodes, settings, first, restoration)
        restoration.ready = first.digest


def run(
    session: Session,
    settings: CameraSettings,
    task: Task,
    goldens: Sequence[GoldenCheck],
    images: Sequence[Injected],
    guard: Guard,
    resident: ResidentImage,
    restoration: Restoration,
) -> tuple[GoldenOutcome, ...]:
    """The outcome of each golden image, in their order. Injection is `supported` and acquisition stopped.

    `images` are those of the goldens. What is to be put back is noted in `restoration`, which the caller runs in any
    case.
    """
    nodes = session.nodes
    outcomes: dict[int, GoldenOutcome] = {}
    for number in sorted(range(len(goldens)), key=lambda n: not resident.holds(images[n])):
        image, ready, restoration.ready = images[number], restoration.ready, None
        if ready != image.digest:
            # Off meanwhile, so that no inference of the image before is in the pipe.
            network.disable(nodes)
            resident.put(nodes, image, guard)
            _set_up(nodes, settings, image, restoration)
            network.enable(nodes)
        # The stream's first inference has id 0 and would be taken for a stale one if the last golden's had it too.
        least_id = int(len(outcomes) == len(goldens) - 1)
        answer = _first_answer(session, settings, task, guard, least_id)
        outcomes[number] = _judged(answer, goldens[number])
    return tuple(outcomes[number] for number in range(len(goldens)))


def _set_up(nodes: Nodes, settings: CameraSettings, image: Injected, restoration: Restoration) -> None:
    """Everything but the file. The pattern is chosen anew after each file, as the vendor's example does."""
    if not restoration.pending:
        restoration.arm()
        for name in ISP_NODES:
            if nodes.writable(name) and nodes.get_bool(name):
                restoration.isp_on.append(name)
                nodes.set_bool(name, False)
        if settings.waits:
            acquisition.trigger_off(nodes)
    size = (image.width, image.height)
    if restoration.size != size:
        restoration.size = None
        nodes.set_int("InjectedWidth", image.width)
        nodes.set_int("InjectedHeight", image.height)
        restoration.size = size
    nodes.set_enum("TestPatternGeneratorSelector", "PipelineStart")
    nodes.set_enum("TestPattern", "InjectedImage")


def _judged(answer: Answer, golden: GoldenCheck) -> GoldenOutcome:
    close = abs(answer.confidence - golden.confidence) <= golden.tolerance
    return GoldenOutcome(answer.class_id, answer.confidence, close and answer.class_id == golden.class_id)


class ResidentImage:
    """The injected image that is on the camera, kept from one self test to the next. Owner: the device.

    An upload costs more than the inference that it is for, and falls in the gap of a swap; ladders share their goldens.
    The vendor's example deletes the file at once (section 8); here that is done when the camera is left.
    """

    def __init__(self) -> None:
        self._digest: bytes | None = None

    def holds(self, image: Injected) -> bool:
        return self._digest == image.digest

    def there(self, nodes: Nodes, image: Injected) -> bool:
        """Whether it is that one; the size on the camera is asked, so that a lost file is noticed."""
        return self.holds(image) and FileSlot(nodes, INJECTED_IMAGE).size() == len(image.data)

    def put(self, nodes: Nodes, image: Injected, guard: Guard) -> None:
        """Upload, unless it is there already."""
        if self.there(nodes, image):
            return
        self._digest = None
        FileSlot(nodes, INJECTED_IMAGE).write(image.data, False, guard, lambda _done, _total: None)
        self._digest = image.digest

    def drop(self, nodes: Nodes) -> bool:
        """Delete the file; False where there was none of ours."""
        if self._digest is None:
            return False
        self._digest = None
        FileSlot(nodes, INJECTED_IMAGE).delete()
        return True


class Restoration:
    """What a self test changed, until all of it is undone. Owner: the device.

    The network would go on inferring the golden image if one step were left out, so each is tried twice and the rest
    goes on without it; `run` raises the first error and may be called again.
    """

    def __init__(self, settings: CameraSettings) -> None:
        self._settings = settings
        self.isp_on: list[str] = []
        self.pending = False
        self.size: tuple[int, int] | None = None  # of the injected image, as last set; None where that is not known
        self.ready: bytes | None = None  # digest of the image that is set up, with nothing in the pipe
        self._largest: dict[str, int] = {}
        self._roi: tuple[int, int] | None = None  # width and height as last set

    def arm(self) -> None:
        self.pending = True

    def run(self, session: Session, infers: bool = True) -> None:
        """Undo; harmless when nothing is pending. `infers`: there is a network that is to go on with the sensor."""
        if not self.pending:
            return
        self.size = self.ready = None
        nodes, settings = session.nodes, self._settings
        steps: list[Callable[[], None]] = [
            session.end,
            lambda: network.disable(nodes),
            lambda: acquisition.injection_off(nodes),
            lambda: self._restore_sizes(nodes),
            lambda: self._restore_roi(nodes),
            *(partial(nodes.set_bool, name, True) for name in self.isp_on),
            *([lambda: acquisition.apply_trigger(nodes, settings)] if settings.waits else []),
            # Off (above) and on drops what is still being inferred from a golden image (interfaces.md section 3 (c)).
            *([lambda: network.enable(nodes)] if infers else []),
        ]
        errors = [error for error in map(_attempt, steps) if error is not None]
        if errors:
            raise errors[0]
        self.isp_on.clear()
        self.pending = False

    def _restore_roi(self, nodes: Nodes) -> None:
        self._roi = acquisition.set_roi(nodes, self._settings.roi, self._roi)

    def _restore_sizes(self, nodes: Nodes) -> None:
        """The vendor's example sets both back to their maxima (section 8)."""
        for name in ("InjectedWidth", "InjectedHeight"):
            if name not in self._largest:
                self._largest[name] = nodes.int_max(name)
            nodes.set_int(name, self._largest[name])


def _attempt(step: Callable[[], None]) -> CameraError | None:
    """Run a step, once more if it failed; its error, unless it worked. CameraGone is raised at once."""
    for last in (False, True):
        try:
            step()
        except CameraGone:
            raise
        except CameraError as exc:
            if last:
                return exc
        else:
            break
    return None


def _first_answer(session: Session, settings: CameraSettings, task: Task, guard: Guard, least_id: int) -> Answer:
    """Acquire until a result counts by the attribution rule; its frames are in no count of the stream."""
    attribution = Attribution(pipe_clear=True, bound_ns=0)
    session.begin()
    try:
        reader = FrameReader(session.pointer, session.nodes, task, Tally(), attribution)
        while True:
            guard.check()
            frame = reader.read(settings.timing.grab_timeout_ms)
            if frame is not None and frame.answer is not None and frame.answer.frame_id >= least_id:
                return frame.answer
    finally:
        session.end()
