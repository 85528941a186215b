"""Programs for the vendor's SDK, tried unchanged on the simulated camera through `ofa-agent sim exec`.

Each is a process of its own. In `make test` they are forked from one that has the simulation imported, in `make soak`
they import it themselves; test_sim_exec.py is about the interpreter.
"""

from __future__ import annotations

import io
import re
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from tests.conftest import REPOSITORY
from tests.support.forks import Forks
from tests.support.networks import tiny_ir, tiny_ssd
from tests.support.programs import Chain, Outcome, Run, check, start

pytestmark = pytest.mark.timeout(600)  # the first test waits for all programs

Outcomes = dict[str, list[Outcome]]

INJECTED = (640, 400)  # of the vendor's sample, firefly-dl.md section 8
IMAGE = r"image 0, 1440 x 1080"
TWO = ("--cameras", "2")

EXAMPLES = (
    Run("examples/acquisition.py", (r"DeviceModelName: Firefly", r"image 9, 1440 x 1080"), leaves={"*.jpg": 10}),
    Run("examples/acquisition_multiple_camera.py", (r"camera 1 saved .*-2\.jpg",), options=TWO, leaves={"*.jpg": 6}),
    Run(
        "examples/buffer_handling.py",
        (
            r"NewestFirst: frames \[\d, \d, \d\]",
            r"OldestFirst: frames \[0, 1, 2\]",
            r"NewestOnly: drained after 1, -1011\nNewestOnly: frames \[5\]",
            r"OldestFirstOverwrite: drained after 3, -1011\nOldestFirstOverwrite: frames \[3, 4, 5\]",
        ),
        ends=1,
    ),
    Run("examples/chunk_data.py", (r"FrameID: (now )?enabled", r"frame id: 2", r"Chunk ?ExposureTime: \d+")),
    Run("examples/counter_and_timer.py", (r"image 1440 x 1080",)),
    Run(
        "examples/device_events.py",
        (r"enabled", r"exposure end: EventExposureEnd, id \d+, number 1", r"any event: EventExposureEnd"),
    ),
    Run("examples/enumeration.py", (r"cameras: 2", r"interface: \S", r"device 1: \S+.* Firefly"), options=TWO),
    Run("examples/enumeration_quickspin.py", (r"1 cameras", r"device 0: .*serial \d+")),
    Run("examples/enumeration_events.py", (r"cameras: 1", r"[1-9]\d* interface handlers")),
    Run("examples/exposure_quickspin.py", (r"exposure 200000\.0 us", r"image 2"), leaves={"*.jpg": 3}),
    Run("examples/image_channel_statistics.py", (r"mean \d+\.\d+ of \d+", r"256 bins, sum 1555200")),
    Run("examples/image_events.py", (r"image 4, 1440 x 1080", r"as expected: .*\["), leaves={"*.jpg": 5}),
    Run("examples/image_format_control.py", (r"pixel format Mono8", r"Height is 1080", IMAGE), leaves={"*.png": 2}),
    Run("examples/image_format_control_quickspin.py", (r"X \d+, Width 720", r"image 720 x 540"), leaves={"*.bmp": 1}),
    Run("examples/log_events.py", (r"priority: \d+ \w+", r"message: \S", r"log events: [1-9]")),
    Run("examples/node_map_callback.py", (r"height changed to \d+", r"gain changed to 24\.00")),
    Run("examples/node_map_info.py", (r"TL device: \d+ values", r"TL stream: \d+ values", r"camera: \d+ values")),
    Run("examples/node_map_info_quickspin.py", (r"\(DeviceSerialNumber\): \d+", r"\(Width\): 1440", r"\(us\)")),
    Run("examples/save_to_video.py", (r"appended 3", r"film saved"), ("avi",), leaves={"SaveToVideo-avi-*": 1}),
    Run("examples/save_to_video.py", (r"appended 3", r"film saved"), ("mjpg",), leaves={"SaveToVideo-mjpg-*": 1}),
    Run("examples/trigger.py", (IMAGE, r"image 2"), leaves={"*.jpg": 3}),
    Run("examples/trigger_quickspin.py", (r"image 0, frame 0", r"image 2, frame 2"), leaves={"*.jpg": 3}),
)

ABSENT = (
    Run("examples/lookup_table.py", (r"not available on this camera",), ends=1),
    Run("examples/sequencer.py", (r"not available on this camera",), ends=1),
)

USERS = (
    Run("users/api_tour.py", (r"wrong: \[\]",)),
    Run("users/attribute_camera.py", (r"described \d+ nodes, \d+ commands, fine True",)),
    Run("users/binning_and_flip.py", (r"binned \(540, 720\)", r"gamma 1\.0")),
    Run("users/buffer_hog.py", (r"held 10 then -1011", r"after Release: frame \d+")),
    Run("users/busy_system.py", (r"\[-1004\]", r"Camera is still streaming\. \[-1004\]", r"wrong: \[\]")),
    Run("users/camera_settings.py", (r"'width': 1440", r"no constant: -\d+, but InferenceNetwork")),
    Run("users/clock_offset.py", (r"ages of frames",)),
    Run("users/deep_formats.py", (r"Mono16 uint16 \(1080, 1440\)", r"Mono12p 12 2332800", r"packed: -\d+")),
    Run("users/error_codes.py", (r"wrong: \[\]",)),
    Run("users/event_nodes.py", (r"events \[\(\d+, \d+,",), ("{files}/classification",)),
    Run("users/free_running_inference.py", (r"has the result of",), ("{files}/classification",)),
    Run("users/hot_plug.py", (r"old reference: -\d+", r"back with frame 0 events: True True"), options=TWO),
    Run("users/image_files.py", (r"one\.raw': 1555200", r"no conversion: -\d+")),
    Run("users/leftover_file.py", (r"open Success blocked True .* close Success healed True",)),
    Run("users/live_view.py", (r"frames kept: 12 intact: 12 stack: \(12, 1080, 1440\) uint8",)),
    Run("users/never_releases.py", (r"frames 25 last \d+",)),
    Run("users/node_browser.py", (r"missing \[\]",), leaves={"profile.json": 1}),
    Run("users/node_wrapper.py", (r"raised -2005", r"raised -2002", r"raised -2006", r"takes no float")),
    Run("users/plug_events.py", (r"came True serials True",)),
    Run("users/recorder.py", (r"gapless True monotonic True",)),
    Run("users/reset_by_list.py", (r"back after \d+ black level 1\.0",)),
    Run("users/roi_and_rate.py", (r"region 3\d\d x 1080", r"measured (24\.9|25\.0)", r"too fast: -2002")),
    Run("users/spawn_child.py", (r"child ended with 0",), ("spawn",)),
    Run("users/spawn_child.py", (r"child ended with 0",), ("fork",)),
    Run("users/threaded_grabber.py", (r"thread alive False", r"Stream has been aborted.*\[-1012\]")),
    Run("users/trigger_loop.py", (r"missed 0",)),
    Run("users/two_threads_per_camera.py", (r"errors \[\]",), options=TWO),
    Run("users/typed_snapshot.py", (r"single 1 burst 4", r"Mono8 8 1440 1555200 True", r"Camera is not started")),
    Run("users/user_set_file.py", (r"different True, width after the copy 640",)),
    Run("users/user_sets.py", (r"loaded \('Off', 3000, 720, 540, 'Line0'\)",)),
    Run("users/video_capture.py", (r"longest 30000000\.0", r"set False")),
    Run("users/verify_network.py", (r"Input Width': 16", r"'Output Classes': 5"), ("{files}/classification",)),
)

OLD = ("--generation", "2")
GENERATIONS = (
    Run("generation2/convert.py", (r"image 2: \(1080, 1440\) and \(1080, 1440, 3\)",), options=OLD),
    Run("generation2/image_events.py", (r"new names absent: True",), options=OLD),
    Run("generation2/interface_events.py", (r"left: \d+", r"arrived: \d+"), options=OLD),
    Run("generation1/handlers.py", (r"images True",), options=("--generation", "1")),
)

CLASS = r"class \d+ confidence [01]\.\d{4}"
BOX = r"box 0 class \d+ confidence [01]\.\d{4} at -?\d+,-?\d+ -?\d+,-?\d+"
CLEANED = r"deleting \d+ bytes of InferenceNetwork"


def inference(kind: str, *more: str, says: tuple[str, ...] = (), file: str = "", ends: int = 0, spec: str = "") -> Run:
    options = ("--spec", spec) if spec else ()
    return Run("examples/inference.py", says, (f"{{files}}/{file or kind}", kind, *more), ends, options)


SEQUENCES = (
    inference("classification", says=(r"FileWriteToFlash is False", CLASS, CLEANED)),
    inference("detection", says=(r"FileWriteToFlash is False", BOX, CLEANED)),
    inference("detection", "flash", says=(r"FileWriteToFlash is True", BOX, CLEANED)),
    inference("classification", says=(CLASS, CLEANED), spec='{"firmware": "1905.4.83"}'),
    inference("detection", says=(BOX, CLEANED), spec='{"quirks": "pessimistic"}'),
)
SAMPLE = inference("classification", "{files}/sample.raw", says=(r"wrote 2685476", CLASS, CLEANED), file="sample")
VERIFIED = Chain(
    "each injected image gets its own answer",
    tuple(
        inference("classification", f"{{files}}/image-{number}.raw", says=(r"deleting 512000 bytes of Inj", CLEANED))
        for number in (1, 2)
    ),
    shared=False,
)

USER_FILE = "examples/file_access_quickspin.py"
FLASH = ("--flash-file", "camera.flash")
IDLE = "users/acquire_or_say_why.py"
CHAINS = (
    # No padding (S14), no close after a failed write, Close and Open again (S12): firefly-dl.md section 2.
    Chain(
        "a failed upload leaves the file open and the next run recovers",
        (
            inference("classification", file="odd", says=(r"Error|ended with",), ends=1),
            Run(IDLE, (r"no frame", r"the camera is idle"), ends=1),
            inference("classification", says=(r"closing first, then opening again", CLASS, CLEANED)),
            Run(IDLE, (r"frame 0",)),
        ),
    ),
    # pyspin-surface.md section 2.1: such programs end 0 and leave the camera openable.
    Chain(
        "programs that clean nothing up leave the camera to the next",
        (
            Run("users/no_release_instance.py", (r"mean \d+\.\d",)),
            Run("users/no_release_instance.py", (r"mean \d+\.\d",)),
            Run(IDLE, (r"frame 0",)),
        ),
    ),
    # firefly-dl.md sections 3 and 6: Init fails right after a killed process, and works when tried again.
    Chain(
        "a killed program costs the next one a second attempt",
        (
            Run("users/dies_streaming.py", (r"frame 0",), ends=-9),
            Run("users/patient_open.py", (r"\[-1008\]", r"open at attempt [2-9]", r"frames \[0, 1, 2\]")),
        ),
        spec='{"quirks": {"init_fails_after_dead_host": true}}',
    ),
    # pyspin-surface.md section 3.3: one run uploads, the next downloads.
    Chain(
        "a frame kept in the user file is read back by another process",
        (
            Run(USER_FILE, (r"opened with result 0", r"uploaded 1555200"), ("--mode", "/u"), options=FLASH),
            Run(USER_FILE, (r"downloaded 1555200",), ("--mode", "/d"), options=FLASH),
        ),
        shared=False,
    ),
)

ALL = (*EXAMPLES, *ABSENT, *USERS, *GENERATIONS, *SEQUENCES, VERIFIED, *CHAINS)
LEFT_OUT = Run("examples/save_to_video.py", (), ("h264",), ends=1)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Files to upload: a network of each kind and one of odd length, and images of the vendor's raw format."""
    folder = tmp_path_factory.mktemp("files")
    (folder / "classification").write_bytes(_aligned(tiny_ir(classes=5)))
    (folder / "detection").write_bytes(_aligned(tiny_ssd()))
    (folder / "odd").write_bytes(_aligned(tiny_ir(classes=5), spare=1))
    for number in (1, 2):
        noise = np.random.Generator(np.random.PCG64(number)).integers(0, 256, INJECTED[::-1])
        (folder / f"image-{number}.raw").write_bytes((noise << 2).astype("<u2").tobytes())
    shared = REPOSITORY.parent / "shared" / "data"
    for name, source in (
        ("sample", "firefly-network-classification.graph"),
        ("sample.raw", "firefly-injected-640x400.raw"),
    ):
        (folder / name).symlink_to(shared / source)  # dangling without them, and its test is skipped
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


@pytest.fixture(scope="module")
def outcomes(
    request: pytest.FixtureRequest, files: Path, tmp_path_factory: pytest.TempPathFactory, forks: Forks
) -> Outcomes:
    """What became of every chosen program; two at a time, because they mostly start and wait."""
    chosen: list[Run | Chain] = []
    for item in request.session.items:
        if isinstance(item, pytest.Function) and item.module is request.module and "outcomes" in item.fixturenames:
            work = item.callspec.params["work"]
            assert isinstance(work, Run | Chain)
            chosen.append(work)
    folders = [tmp_path_factory.mktemp("program") for _ in chosen]
    with ThreadPoolExecutor(2) as pool:
        done = pool.map(start, chosen, folders, [files] * len(chosen), [forks] * len(chosen))
        return dict(zip(map(str, chosen), done, strict=True))


@pytest.mark.parametrize("work", EXAMPLES, ids=str)
def test_a_program_after_a_vendor_example_ends_as_its_original(work: Run, outcomes: Outcomes) -> None:
    """Checklist of `facts/pyspin-surface.md` section 6."""
    check(work, outcomes[str(work)][0])


@pytest.mark.parametrize("work", ABSENT, ids=str)
def test_an_example_for_nodes_that_the_camera_lacks_says_so_and_fails_cleanly(work: Run, outcomes: Outcomes) -> None:
    """`facts/pyspin-surface.md` sections 4 and 6."""
    check(work, outcomes[str(work)][0])


@pytest.mark.parametrize("work", [LEFT_OUT], ids=str)
def test_a_call_that_is_left_out_says_which_it_is(work: Run, outcomes: Outcomes) -> None:
    """The video of `facts/pyspin-surface.md` section 3.4 that needs an encoder."""
    outcome = outcomes[str(work)][0]
    assert outcome.status == work.ends
    assert "NotImplementedError: SpinVideo.Open with H264Option" in outcome.errors


@pytest.mark.parametrize("work", USERS, ids=str)
def test_a_program_as_users_write_them_works(work: Run, outcomes: Outcomes) -> None:
    """What independent programs do, `facts/pyspin-surface.md` section 2."""
    check(work, outcomes[str(work)][0])


@pytest.mark.parametrize("work", GENERATIONS, ids=str)
def test_a_program_for_an_older_sdk_works_behind_the_switch(work: Run, outcomes: Outcomes) -> None:
    """`facts/pyspin-surface.md` section 5."""
    check(work, outcomes[str(work)][0])


@pytest.mark.parametrize("work", SEQUENCES, ids=str)
def test_the_vendor_sequence_uploads_infers_and_cleans_up(work: Run, outcomes: Outcomes) -> None:
    """The sequence of `facts/firefly-dl.md` section 2 (S12), with its flaws."""
    told = check(work, outcomes[str(work)][0])
    frames = re.findall(r"frame (\d+), inferred frame (\d+)", told)
    # InferenceReady: every frame carries its own result.
    assert [own for own, _ in frames] == [of for _, of in frames]
    assert len(frames) == 10


@pytest.mark.parametrize("work", [SAMPLE], ids=str)
def test_the_files_of_the_vendor_sample_are_taken(work: Run, outcomes: Outcomes, shared_data: Path) -> None:
    """The network and the image that come with the vendor's example, `facts/firefly-dl.md` section 8."""
    told = check(work, outcomes[str(work)][0])
    assert {int(one) for one in re.findall(r"class (\d+)", told)} <= set(range(5))


@pytest.mark.parametrize("work", [VERIFIED], ids=str)
def test_the_vendor_way_of_verifying_a_network_infers_the_injected_image(work: Chain, outcomes: Outcomes) -> None:
    """The injected image of `facts/firefly-dl.md` section 8 (S13) is seen, whatever passes in front of the camera."""
    both = zip(work.runs, outcomes[str(work)], strict=True)
    one, other = (set(re.findall(CLASS, check(run, outcome))) for run, outcome in both)
    assert len(one) == len(other) == 1
    assert one != other


@pytest.mark.parametrize("work", CHAINS, ids=str)
def test_programs_one_after_another_find_the_camera_as_the_last_one_left_it(work: Chain, outcomes: Outcomes) -> None:
    for run, outcome in zip(work.runs, outcomes[str(work)], strict=True):
        check(run, outcome)
    pictures = sorted(outcomes[str(work)][0].folder.glob("*loaded.pgm"))
    assert len({one.read_bytes() for one in pictures}) <= 1, pictures


@pytest.mark.soak
@pytest.mark.parametrize("work", ALL, ids=str)
def test_a_program_ends_so_in_an_interpreter_that_has_nothing_imported(
    work: Run | Chain, files: Path, tmp_path: Path
) -> None:
    runs = work.runs if isinstance(work, Chain) else (work,)
    for run, outcome in zip(runs, start(work, tmp_path, files, None), strict=True):
        check(run, outcome)
