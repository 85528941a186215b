"""Vendor numbers become leaves of the error tree (facts/firefly-dl.md section 3, list of codes, S16)."""

from __future__ import annotations

import pytest

from agent.camera.vendor_errors import CODES, error_code, translate
from agent.errors import CameraBusy, CameraError, CameraGone, CameraRefused, CameraTimeout

PUBLISHED = [*range(-1001, -1024, -1), *range(-2001, -2011, -1)]


class Vendor(Exception):
    def __init__(self, message: str, errorcode: object) -> None:
        super().__init__(message)
        self.message, self.errorcode = message, errorcode


@pytest.mark.parametrize("code", PUBLISHED)
def test_every_published_code_has_a_leaf_and_advice(code: int) -> None:
    entry = CODES[code]
    error = translate(Vendor(f"text [{code}]", code), "open camera 1")
    assert type(error) is entry.leaf
    assert error.vendor_code == code
    assert str(error).startswith("open camera 1: text")
    assert entry.advice in str(error)


@pytest.mark.parametrize(
    ("code", "leaf"),
    [
        (-1006, CameraGone),  # after a brief unplug
        (-1004, CameraBusy),
        (-1005, CameraBusy),
        (-1008, CameraBusy),  # Init right after a killed process
        (-1011, CameraTimeout),
        (-2006, CameraRefused),
        (-2002, CameraRefused),
        (-1010, CameraError),
        (-10000, CameraError),  # custom
    ],
)
def test_codes_that_decide_what_happens_next(code: int, leaf: type[CameraError]) -> None:
    assert type(translate(Vendor("x", code), "y")) is leaf


def test_the_number_is_said_once_and_the_message_is_one_line() -> None:
    text = str(
        translate(Vendor("Spinnaker: Failed waiting for EventData\n on NEW_BUFFER_DATA event. [-1011]", -1011), "grab")
    )
    assert text.count("[-1011]") == 1
    assert "\n" not in text


def test_an_exception_without_a_number_is_a_camera_error() -> None:
    error = translate(ValueError("odd"), "do something")
    assert type(error) is CameraError
    assert error.vendor_code is None
    assert error_code(Vendor("x", "no number")) is None


def test_an_error_of_our_own_passes_unchanged() -> None:
    error = CameraGone("x")
    assert translate(error, "y") is error
