"""`ofa-agent sim exec`: programs for PySpin run as they are, in their own interpreter."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.cli.main import main
from agent.clock import SystemClock
from agent.sim.binding import Binding
from agent.sim.device import Firefly
from agent.sim.server import DeviceServer
from agent.sim.spec import SimulationSpec

REPOSITORY = Path(__file__).resolve().parents[2]
SERIALS = ("20000001", "20000002")

Completed = subprocess.CompletedProcess[str]


def _exec(folder: Path, source: str, *arguments: str, options: tuple[str, ...] = ()) -> Completed:
    """Run a program that was written to `folder`."""
    script = folder / "program.py"
    script.write_text(textwrap.dedent(source))
    command = [sys.executable, "-m", "agent", "sim", "exec", *options, str(script), *arguments]
    return subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, timeout=60, check=False)


@pytest.fixture
def sockets(tmp_path: Path) -> Iterator[tuple[str, ...]]:
    """Two device processes' sockets, served here."""
    paths = tuple(tmp_path / serial for serial in SERIALS)
    servers = [
        DeviceServer(path, Firefly(SimulationSpec(serial=serial), SystemClock()), lambda: None)
        for path, serial in zip(paths, SERIALS, strict=True)
    ]
    yield tuple(map(str, paths))
    for server in servers:
        server.close()


def test_a_program_finds_the_module_in_every_spelling_and_ends_without_cleaning_up(tmp_path: Path) -> None:
    (tmp_path / "beside.py").write_text("VALUE = 5\n")
    program = """
        import sys
        import beside
        import PySpin
        import PySpin.PySpin
        from PySpin import System, CameraPtr
        from PySpin.PySpin import TriggerMode_Off

        def first(cameras: PySpin.CameraList) -> PySpin.CameraPtr | PySpin.ImagePtr | None:
            return cameras[0]

        system = System.GetInstance()
        assert PySpin.PySpin.System is System and PySpin.System_GetInstance() is system
        camera = first(system.GetCameras())
        assert isinstance(camera, CameraPtr) and type(camera).__name__ == "CameraPtr"
        camera.Init()
        camera.BeginAcquisition()
        image = camera.GetNextImage(5000)
        assert isinstance(image, PySpin.ImagePtr)
        assert "openvino" not in sys.modules  # slow to load, and nothing was inferred
        print(__name__, sys.argv[1:], beside.VALUE, TriggerMode_Off, image.GetWidth(), __file__ == sys.argv[0])
    """
    done = _exec(tmp_path, program, "--mode", "/u", "-x")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "__main__ ['--mode', '/u', '-x'] 5 0 1440 True\n"


def test_exit_status_and_traceback_are_the_programs_own(tmp_path: Path) -> None:
    program = """
        import PySpin
        import sys
        try:
            PySpin.System.GetInstance().GetCameras()[0].GetNodeMap()
        except PySpin.SpinnakerException as ex:
            print(ex.errorcode)
        sys.exit(int(sys.argv[1])) if len(sys.argv) > 1 else PySpin.CIntegerPtr(None).GetValue()
    """
    assert _exec(tmp_path, program, "7").returncode == 7
    failed = _exec(tmp_path, program)
    assert (failed.returncode, failed.stdout) == (1, "-1002\n")
    first, second, *_, last = failed.stderr.splitlines()
    assert first == "Traceback (most recent call last):"
    assert second.startswith(f'  File "{tmp_path / "program.py"}", line 8, in <module>')
    assert "Spinnaker: " in last
    assert last.endswith("[-2005]")


def test_cameras_generation_and_flash_are_options(tmp_path: Path) -> None:
    program = """
        import PySpin
        assert hasattr(PySpin, "HQ_LINEAR") and not hasattr(PySpin, "ImageProcessor")
        for camera in PySpin.System.GetInstance().GetCameras():
            camera.Init()
            print(camera.TLDevice.DeviceSerialNumber(), camera.DeviceUserID(), end=" ")
            camera.DeviceUserID.SetValue("station")
    """
    options = ("--cameras", "2", "--generation", "2", "--flash-file", str(tmp_path / "flash"))
    assert _exec(tmp_path, program, options=options).stdout.split() == [*SERIALS]
    assert _exec(tmp_path, program, options=options).stdout.split() == [SERIALS[0], "station", SERIALS[1], "station"]


def test_children_of_a_program_share_its_device_processes(tmp_path: Path, sockets: tuple[str, ...]) -> None:
    program = """
        import multiprocessing
        import PySpin

        def grab(serial):
            system = PySpin.System.GetInstance()
            camera = system.GetCameras().GetBySerial(serial)
            camera.Init()
            camera.BeginAcquisition()
            width = camera.GetNextImage(10000).GetWidth()
            camera.EndAcquisition()
            camera.DeInit()
            return serial, width

        if __name__ == "__main__":
            serials = [c.TLDevice.DeviceSerialNumber() for c in PySpin.System.GetInstance().GetCameras()]
            with multiprocessing.get_context("spawn").Pool(2) as pool:
                print(pool.map(grab, serials, chunksize=1))
    """
    done = _exec(tmp_path, program, options=("--socket", sockets[0], "--socket", sockets[1]))
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == f"{[(serial, 1440) for serial in SERIALS]}\n"


def test_a_camera_of_another_process_takes_no_spec(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    script = tmp_path / "program.py"
    script.touch()
    assert main(["sim", "exec", "--socket", str(tmp_path / "camera"), "--cameras", "2", str(script)]) == 2
    assert "--socket uses a camera that runs already" in capsys.readouterr().err


def test_a_mistyped_option_is_no_script(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    script = tmp_path / "program.py"
    script.touch()
    assert main(["sim", "exec", "--camera", "2", str(script)]) == 2
    assert "no such option" in capsys.readouterr().err


def test_more_cameras_need_a_serial_number_that_counts(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    script = tmp_path / "program.py"
    script.touch()
    assert main(["sim", "exec", "--spec", '{"serial": "A1"}', "--cameras", "2", str(script)]) == 2
    assert "--cameras" in capsys.readouterr().err


def test_the_module_alone_is_no_camera(tmp_path: Path) -> None:
    drop_in = REPOSITORY / "agent" / "sim" / "drop_in"
    command = [sys.executable, "-c", f"import sys; sys.path.insert(0, {str(drop_in)!r}); import PySpin"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1
    assert done.stderr.endswith("start the program with 'ofa-agent sim exec'\n")


def test_a_binding_survives_the_environment() -> None:
    binding = Binding(2, ("/run/a", "/run/b"), (SimulationSpec(serial="1"), SimulationSpec(serial="2", seed=3)))
    assert Binding.from_text(binding.to_text()) == binding
    path = binding.environment({"PYTHONPATH": "/elsewhere", "HOME": "/h"})
    assert path["PYTHONPATH"].split(":")[1:] == ["/elsewhere"]
    assert path["HOME"] == "/h"
