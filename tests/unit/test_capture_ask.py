"""What may be asked of a capture: labels that are folders anywhere, counts, intervals and timeouts within bounds."""

from __future__ import annotations

import pytest

from agent.domain.capture import CaptureAsk, label_of
from agent.errors import BadInput


@pytest.mark.parametrize(
    "label",
    ["ok", "scratch-2", "no part", "Kratzer_groß", "bez_vady.v2", "无缺陷", "हिन्दी", "x" * 64, "console", "nul-part"],
)
def test_a_label_that_is_a_folder_anywhere_is_taken(label: str) -> None:
    assert label_of(label) == label


@pytest.mark.parametrize(
    "label",
    [
        "",
        "x" * 65,
        "\N{CUNEIFORM SIGN A}" * 64,  # 64 letters of four bytes are more than a file name may have
        ".",
        "..",
        ".hidden",
        "a/b",
        "a\\b",
        "../up",
        "C:",
        "a*b",
        'a"b',
        "a?b",
        "a\nb",
        "a\0b",
        "a\u202eb",  # turns the text round
        "\udcff",
        " a",
        "a ",
        "a.",
        "con",
        "NUL.txt",
        "Lpt1",
        "aux .x",
    ],
)
def test_a_label_that_is_no_folder_somewhere_is_refused(label: str) -> None:
    with pytest.raises(BadInput, match=r"^label: "):
        label_of(label)


def test_a_label_has_one_spelling() -> None:
    assert label_of("großa\u0308") == label_of("große".replace("e", "ä")) == "großä"


def test_a_capture_without_a_timeout_gets_one_that_its_images_fit_into() -> None:
    assert CaptureAsk("ok", 100, 0.5).validated() == CaptureAsk("ok", 100, 0.5, timeout_s=210.0)
    assert CaptureAsk("ok", 100_000, 3600.0).validated().timeout_s == 24 * 3600


@pytest.mark.parametrize(
    ("ask", "field"),
    [
        (CaptureAsk("ok", 0), "count"),
        (CaptureAsk("ok", 100_001), "count"),
        (CaptureAsk("ok", 1, 0.049), "min_interval"),
        (CaptureAsk("ok", 1, 3601.0), "min_interval"),
        (CaptureAsk("ok", 1, float("nan")), "min_interval"),
        (CaptureAsk("ok", 1, 0.2, 0.9), "timeout"),
        (CaptureAsk("ok", 1, 0.2, 86_401.0), "timeout"),
        (CaptureAsk("o/k", 1), "label"),
    ],
)
def test_what_is_out_of_bounds_is_named(ask: CaptureAsk, field: str) -> None:
    with pytest.raises(BadInput, match=f"^{field}: "):
        ask.validated()
