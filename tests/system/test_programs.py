"""Programs for the real SDK, tried unchanged on the simulated camera through `ofa-agent sim exec`."""

from __future__ import annotations

import io
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest

from agent.sim.server import plant_path
from tests.support.networks import tiny_ir, tiny_ssd

pytestmark = pytest.mark.timeout(120)

PROGRAMS = Path(__file__).resolve().parents[1] / "programs"
EXEC = (sys.executable, "-m", "agent", "sim", "exec")
DEADLINE_S = 40.0
ENTER = "\n" * 8  # more than any program asks for


@dataclass(frozen=True, slots=True)
class Case:
    """One run of a program; `says` are patterns that its output must have, in this order."""

    script: str
    says: tuple[str, ...] = ()
    arguments: tuple[str, ...] = ()
    ends: int = 0
    options: tuple[str, ...] = ()
    leaves: dict[str, int] = field(default_factory=dict)  # pattern of file names: how many

    def __str__(self) -> str:
        return " ".join((self.script, *self.arguments))


OLD = ("--generation", "2")
OLDEST = ("--generation", "1")
IMAGE = r"image 0, 1440 x 1080"

EXAMPLES = (
    Case("examples/acquisition.py", (r"DeviceModelName: Firefly", r"image 9, 1440 x 1080"), leaves={"*.jpg": 10}),
    Case("examples/acquisition_multiple_camera.py", (r"camera 0 saved .*-2\.jpg",), leaves={"*.jpg": 3}),
    Case(
        "examples/buffer_handling.py",
        ends=1,
        says=(
            r"NewestFirst: frames \[\d, \d, \d\]",
            r"OldestFirst: frames \[0, 1, 2\]",
            r"NewestOnly: drained after 1, -1011",
            r"NewestOnly: frames \[5\]",
            r"OldestFirstOverwrite: drained after 3, -1011",
            r"OldestFirstOverwrite: frames \[3, 4, 5\]",
        ),
    ),
    Case(
        "examples/chunk_data.py", (r"FrameID: (now )?enabled", r"image 2", r"frame id: 2", r"Chunk ?ExposureTime: \d+")
    ),
    Case("examples/counter_and_timer.py", (IMAGE.replace("image 0,", "image"),)),
    Case(
        "examples/device_events.py",
        (r"enabled", r"exposure end: EventExposureEnd, id \d+, number 1", r"any event: EventExposureEnd"),
    ),
    Case("examples/enumeration.py", (r"cameras: 1", r"interface: \S", r"device 0: \S+.* Firefly")),
    Case("examples/enumeration_quickspin.py", (r"1 cameras", r"device 0: .*serial \d+")),
    Case("examples/enumeration_events.py", (r"cameras: 1", r"[1-9]\d* interface handlers")),
    Case("examples/exposure_quickspin.py", (r"exposure 200000\.0 us", r"image 2"), leaves={"*.jpg": 3}),
    Case("examples/image_channel_statistics.py", (r"mean \d+\.\d+ of \d+", r"256 bins, sum 1555200")),
    Case("examples/image_events.py", (r"image 4, 1440 x 1080", r"as expected: .*\["), leaves={"*.jpg": 5}),
    Case("examples/image_format_control.py", (r"pixel format Mono8", r"Height is 1080", IMAGE), leaves={"*.png": 2}),
    Case(
        "examples/image_format_control_quickspin.py",
        (r"OffsetX \d+, Width 720", r"image 720 x 540"),
        leaves={"*.bmp": 1},
    ),
    Case("examples/log_events.py", (r"priority: \d+ \w+", r"message: \S", r"log events: [1-9]")),
    Case("examples/node_map_callback.py", (r"height changed to \d+", r"gain changed to 24\.00")),
    Case("examples/node_map_info.py", (r"TL device: \d+ values", r"TL stream: \d+ values", r"camera: \d+ values")),
    Case("examples/node_map_info_quickspin.py", (r"\(DeviceSerialNumber\): \d+", r"\(Width\): 1440", r"\(us\)")),
    Case("examples/save_to_video.py", (r"appended 3", r"film saved"), ("avi",), leaves={"SaveToVideo-avi-*": 1}),
    Case("examples/save_to_video.py", (r"appended 3", r"film saved"), ("mjpg",), leaves={"SaveToVideo-mjpg-*": 1}),
    Case("examples/trigger.py", (IMAGE, r"image 2"), leaves={"*.jpg": 3}),
    Case("examples/trigger_quickspin.py", (r"image 0, frame 0", r"image 2, frame 2"), leaves={"*.jpg": 3}),
)

ABSENT = (
    Case("examples/lookup_table.py", (r"not available on this camera",), ends=1),
    Case("examples/sequencer.py", (r"not available on this camera",), ends=1),
)

USERS = (
    Case("users/api_tour.py", (r"wrong: \[\]",)),
    Case("users/binning_and_flip.py", (r"binned \(540, 720\)", r"gamma 1\.0")),
    Case("users/buffer_hog.py", (r"held 10 then -1011", r"after Release: frame \d+")),
    Case("users/busy_system.py", (r"\[-1004\]", r"Camera is still streaming\. \[-1004\]", r"wrong: \[\]")),
    Case("users/camera_settings.py", (r"'width': 1440", r"no constant: -\d+, but InferenceNetwork")),
    Case("users/clock_offset.py", (r"ages of frames",)),
    Case("users/error_codes.py", (r"wrong: \[\]",)),
    Case("users/hot_plug.py", (r"old reference: -\d+", r"back with frame 0 events: True True")),
    Case("users/image_files.py", (r"one\.raw': 1555200", r"no conversion: -\d+")),
    Case("users/leftover_file.py", (r"open Success blocked True .* close Success healed True",)),
    Case("users/live_view.py", (r"frames kept: 12 intact: 12 stack: \(12, 1080, 1440\) uint8",)),
    Case("users/deep_formats.py", (r"Mono16 uint16 \(1080, 1440\)", r"Mono12p 12 2332800", r"packed: -\d+")),
    Case("users/never_releases.py", (r"frames 25 last \d+",)),
    Case("users/no_release_instance.py", (r"mean \d+\.\d",)),
    Case("users/node_browser.py", (r"missing \[\]",), leaves={"profile.json": 1}),
    Case("users/node_wrapper.py", (r"raised -2005", r"raised -2002", r"raised -2006", r"takes no float")),
    Case("users/recorder.py", (r"gapless True monotonic True",)),
    Case("users/roi_and_rate.py", (r"region 3\d\d x 1080", r"measured (24\.9|25\.0)", r"too fast: -2002")),
    Case("users/spawn_child.py", (r"child ended with 0",), ("spawn",)),
    Case("users/spawn_child.py", (r"child ended with 0",), ("fork",)),
    Case("users/threaded_grabber.py", (r"thread alive False", r"Stream has been aborted.*\[-1012\]")),
    Case("users/two_threads_per_camera.py", (r"errors \[\]",)),
    Case("users/typed_snapshot.py", (r"single 1 burst 4", r"Mono8 8 1440 1555200 True", r"Camera is not started")),
    Case("users/user_set_file.py", (r"different True, width after the copy 640",)),
    Case("users/user_sets.py", (r"loaded \('Off', 3000, 720, 540, 'Line0'\)",)),
)

GENERATIONS = (
    Case("generation2/convert.py", (r"image 2: \(1080, 1440\) and \(1080, 1440, 3\)",), options=OLD),
    Case("generation2/image_events.py", (r"new names absent: True",), options=OLD),
    Case("generation2/interface_events.py", (r"left: \d+", r"arrived: \d+"), options=OLD),
    Case("generation1/handlers.py", (r"images True",), options=OLDEST),
)

INFERRED = (
    r"frame \d+, inferred frame \d+",
    r"class \d+ confidence [01]\.\d{4}",
    r"deleting \d+ bytes of InferenceNetwork",
)
BOXES = (
    r"boxes: \d+ \(version \d+, \d+ bytes each\)",
    r"box 0 class \d+ confidence [01]\.\d{4} at -?\d+,-?\d+ \d+,\d+",
)
INJECTED = (640, 400)  # of the vendor's sample, firefly-dl.md section 8


def run(case: Case, cwd: Path) -> str:
    """One program in its own process and folder; what it printed, after its status, words and files were checked."""
    command = (*EXEC, *case.options, str(PROGRAMS / case.script), *case.arguments)
    env = dict(os.environ, PYTHONUNBUFFERED="1")
    done = subprocess.run(
        command, input=ENTER, capture_output=True, text=True, timeout=DEADLINE_S, cwd=cwd, env=env, check=False
    )
    told = f"{case}\n{done.stdout}\n{done.stderr}"
    assert done.returncode == case.ends, told
    assert "Traceback" not in done.stderr, told
    at = 0
    for pattern in case.says:
        found = re.compile(pattern).search(done.stdout, at)
        assert found, f"{pattern!r} is missing or out of order in {told}"
        at = found.end()
    for pattern, count in case.leaves.items():
        left = [one for one in cwd.glob(pattern) if one.stat().st_size > 0]
        assert len(left) == count, f"{pattern}: {sorted(one.name for one in cwd.iterdir())} of {told}"
    return done.stdout


@pytest.mark.parametrize("case", EXAMPLES, ids=str)
def test_a_program_after_a_vendor_example_ends_as_its_original(case: Case, tmp_path: Path) -> None:
    """Checklist of `facts/pyspin-surface.md` section 6."""
    run(case, tmp_path)


@pytest.mark.parametrize("case", ABSENT, ids=str)
def test_an_example_for_nodes_that_the_camera_lacks_says_so_and_fails_cleanly(case: Case, tmp_path: Path) -> None:
    """`facts/pyspin-surface.md` sections 4 and 6."""
    run(case, tmp_path)


@pytest.mark.parametrize("case", USERS, ids=str)
def test_a_program_as_users_write_them_works(case: Case, tmp_path: Path) -> None:
    """What independent programs do, `facts/pyspin-surface.md` section 2."""
    run(case, tmp_path)


@pytest.mark.parametrize("case", GENERATIONS, ids=str)
def test_a_program_for_an_older_sdk_works_behind_the_switch(case: Case, tmp_path: Path) -> None:
    """`facts/pyspin-surface.md` section 5."""
    run(case, tmp_path)


@pytest.fixture(scope="module")
def networks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Files to upload: a network of each kind and one of odd length, and an image of the vendor's raw format."""
    folder = tmp_path_factory.mktemp("networks")
    (folder / "classification").write_bytes(_aligned(tiny_ir(classes=5)))
    (folder / "detection").write_bytes(_aligned(tiny_ssd()))
    (folder / "odd").write_bytes(_aligned(tiny_ir(classes=5), spare=1))
    for seed in (1, 2):
        noise = np.random.Generator(np.random.PCG64(seed)).integers(0, 256, INJECTED[::-1])
        (folder / f"image-{seed}.raw").write_bytes((noise << 2).astype("<u2").tobytes())
    return folder


def _aligned(archive: bytes, spare: int = 0) -> bytes:
    """The same archive with a comment, so that its length is a multiple of four and `spare` bytes."""
    for length in range(4):
        file = io.BytesIO(archive)
        with zipfile.ZipFile(file, "a") as opened:
            opened.comment = b" " * length
        if len(file.getvalue()) % 4 == spare:
            return file.getvalue()
    raise AssertionError("a comment makes the archive longer by its length")


@contextmanager
def device() -> Iterator[tuple[str, ...]]:
    """A device process that outlives programs; the options that make a program use it."""
    folder = tempfile.mkdtemp(prefix="ofa-test-")  # a socket's path must be short
    path = Path(folder) / "camera.sock"
    serving = subprocess.Popen((*EXEC[:-1], "serve", "--socket", str(path)), stdout=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + DEADLINE_S
        while not plant_path(path).is_socket():
            assert serving.poll() is None, f"the device ended with {serving.returncode}"
            assert time.monotonic() < deadline, "the device did not come"
            time.sleep(0.02)
        yield ("--socket", str(path))
    finally:
        serving.terminate()
        serving.wait(DEADLINE_S)
        shutil.rmtree(folder, ignore_errors=True)


def results(output: str) -> list[str]:
    return re.findall(r"class \d+ confidence \S+", output)


@pytest.mark.parametrize("memory", [(), ("flash",)], ids=["ddr", "flash"])
@pytest.mark.parametrize("kind", ["classification", "detection"])
def test_the_vendor_sequence_uploads_infers_and_cleans_up(
    kind: str, memory: tuple[str, ...], networks: Path, tmp_path: Path
) -> None:
    """The sequence of `facts/firefly-dl.md` section 2 (S12), with its flaws."""
    says = (rf"FileWriteToFlash is {bool(memory)}", *(BOXES if kind == "detection" else INFERRED))
    told = run(Case("examples/inference.py", says, (str(networks / kind), kind, *memory)), tmp_path)
    frames = re.findall(r"frame (\d+), inferred frame (\d+)", told)
    assert len(frames) == 10
    # InferenceReady: every frame carries its own result.
    assert all(own == of for own, of in frames), frames


def test_the_vendor_way_of_verifying_a_network_infers_the_injected_image(networks: Path, tmp_path: Path) -> None:
    """The injected image of section 8 (S13) is seen whatever is in front of the camera."""
    told: list[set[str]] = []
    for image in ("image-1.raw", "image-2.raw", "image-1.raw"):
        arguments = (str(networks / "classification"), "classification", str(networks / image))
        seed = ("--seed", str(len(told)))
        case = Case("examples/inference.py", (r"deleting 512000 bytes of InjectedImage",), arguments, options=seed)
        told.append(set(results(run(case, tmp_path))))
    assert len(told[0]) == 1, told
    assert told[0] == told[2] != told[1]


def test_a_failed_upload_leaves_the_file_open_and_the_next_run_recovers(networks: Path, tmp_path: Path) -> None:
    """`facts/firefly-dl.md` section 2: no padding (S14), no close after a failed write, Close and Open again (S12)."""
    with device() as options:
        odd, good = str(networks / "odd"), str(networks / "classification")
        run(Case("examples/inference.py", (r"Error|ended with",), (odd, "classification"), 1, options), tmp_path)
        run(Case("users/acquire_or_say_why.py", (r"no frame", r"the camera is idle"), (), 1, options), tmp_path)
        again = (r"closing first, then opening again", *INFERRED)
        run(Case("examples/inference.py", again, (good, "classification"), 0, options), tmp_path)
        run(Case("users/acquire_or_say_why.py", (r"frame 0",), (), 0, options), tmp_path)


def test_a_frame_kept_in_the_user_file_is_read_back_by_another_process(tmp_path: Path) -> None:
    """`facts/pyspin-surface.md` section 3.3."""
    with device() as options:
        script = "examples/file_access_quickspin.py"
        run(Case(script, (r"opened with result 0", r"uploaded 1555200"), ("--mode", "/u"), options=options), tmp_path)
        run(Case(script, (r"downloaded 1555200",), ("--mode", "/d"), options=options), tmp_path)
    assert (tmp_path / "uploaded.pgm").read_bytes() == (tmp_path / "downloaded.pgm").read_bytes()


def test_programs_that_clean_nothing_up_leave_the_camera_to_the_next(tmp_path: Path) -> None:
    """`facts/pyspin-surface.md` section 2.1: such programs end 0 and leave the camera openable."""
    with device() as options:
        for script in ("users/no_release_instance.py", "users/no_release_instance.py", "examples/trigger_quickspin.py"):
            run(Case(script, options=options), tmp_path)


def test_inference_beside_the_stream_names_the_frame_of_each_result(networks: Path, tmp_path: Path) -> None:
    """`facts/firefly-dl.md` section 2: free running, a result repeats until the next one (S20)."""
    case = Case("users/free_running_inference.py", (r"has the result of",), (str(networks / "classification"),))
    run(case, tmp_path)


def test_a_camera_tells_what_network_it_has_got(networks: Path, tmp_path: Path) -> None:
    """Properties of section 1.1 (S1, S3), the documented way to verify an upload."""
    says = (r"'Network Input Width': 16", r"'Output Classes': 5")
    run(Case("users/verify_network.py", says, (str(networks / "classification"),)), tmp_path)


def test_results_come_as_events_too(networks: Path, tmp_path: Path) -> None:
    """Nodes of section 1.4 (S4), read in a node callback."""
    run(Case("users/event_nodes.py", (r"events \[\(\d+, \d+,",), (str(networks / "classification"),)), tmp_path)
