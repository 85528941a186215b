"""The family that docs/how-to/add-a-supernet-family.md adds works as soon as its one file is there."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from agent.builder import families as package
from agent.builder.errors import UnexpectedWeights, WrongFamily
from agent.builder.extract import ExtractRequest, extract_subnet
from agent.builder.families import families
from agent.builder.ir import compile_ir
from agent.builder.runtime import Runner
from agent.builder.supernet import load_supernet
from tests.support.checkpoints import write_checkpoint

PAGE = Path(__file__).parents[3] / "docs" / "how-to" / "add-a-supernet-family.md"
MODULE = "slim_conv"

Array = NDArray[np.float32]


@pytest.fixture
def slim(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The folder that the page's file is in, which counts as one of the families' while a test runs."""
    folder = tmp_path / "families"
    folder.mkdir()
    code = re.search(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    assert code is not None
    (folder / f"{MODULE}.py").write_text(code.group(1), encoding="utf-8")
    monkeypatch.setattr(package, "__path__", [*package.__path__, str(folder)])
    families.cache_clear()
    yield folder
    families.cache_clear()
    sys.modules.pop(f"{package.__name__}.{MODULE}", None)
    vars(package).pop(MODULE, None)


def _weights() -> dict[str, Array]:
    random = np.random.default_rng(3)
    weights: dict[str, Array] = {}
    widths = [("stem", 3, 16), *((f"layers.{n}", 16 if n < 4 else 32, 16 if n < 3 else 32) for n in range(6))]
    for name, inner, out in widths:
        weights[f"{name}.conv.weight"] = (random.standard_normal((out, inner, 3, 3)) / np.sqrt(4 * inner)).astype("f4")
        for part in ("weight", "running_var"):
            weights[f"{name}.bn.{part}"] = random.uniform(0.5, 1.5, out).astype("f4")
        for part in ("bias", "running_mean"):
            weights[f"{name}.bn.{part}"] = random.uniform(-0.3, 0.3, out).astype("f4")
    weights["head.weight"] = random.standard_normal((5, 32)).astype("f4")
    weights["head.bias"] = random.standard_normal(5).astype("f4")
    return weights


def _unit(x: Array, weights: dict[str, Array], name: str, out: int, stride: int) -> Array:
    """Convolution, batch norm and ReLU, straight from their definitions."""
    windows = sliding_window_view(np.pad(x, ((0, 0), (1, 1), (1, 1))), (3, 3), (1, 2))[:, ::stride, ::stride]
    y = np.einsum("oikl,ihwkl->ohw", weights[f"{name}.conv.weight"][:out, : len(x)], windows)
    gamma, beta, mean, var = (
        weights[f"{name}.bn.{part}"][:out, None, None] for part in ("weight", "bias", "running_mean", "running_var")
    )
    answer: Array = np.maximum((y - mean) / np.sqrt(var + 1e-5) * gamma + beta, 0)
    return answer


@pytest.mark.usefixtures("slim")
def test_the_file_of_the_page_is_all_that_a_family_needs(tmp_path: Path) -> None:
    weights = _weights()
    path = write_checkpoint(tmp_path / "slim.pth", weights)
    assert "slim-conv" in [family.name for family in families()]
    out = tmp_path / "net.ovir"
    report = extract_subnet(ExtractRequest(path, '{"e": [1, 0.5, 1, 0.5, 1, 1], "d": [2, 1], "r": 33}', out))
    assert (report.family, report.arch.e) == ("slim-conv", (1, 0.5, 0, 0.5, 0, 0))
    x = np.random.default_rng(4).standard_normal((1, 3, 33, 33)).astype(np.float32)
    y = x[0]
    for name, width, stride in (("stem", 16, 2), ("layers.0", 16, 2), ("layers.1", 8, 1), ("layers.3", 16, 2)):
        y = _unit(y, weights, name, width, stride)
    wanted = weights["head.weight"][:, : len(y)] @ y.mean((1, 2)) + weights["head.bias"]
    np.testing.assert_allclose(Runner(compile_ir(out.read_bytes(), "x"))(x)[0], wanted, atol=1e-4)
    # 33 -> 17 -> 9 -> 9 -> 5
    macs = 16 * 27 * 17**2 + (16 * 16 + 8 * 16) * 9 * 81 + 16 * 8 * 9 * 25 + 5 * 16
    assert report.counts.macs_dense == macs


@pytest.mark.usefixtures("slim")
def test_its_files_are_checked_as_all_others_are(tmp_path: Path) -> None:
    more = _weights() | {"head.scale": np.ones(5, np.float32)}
    with pytest.raises(UnexpectedWeights, match=r"head\.scale unexpected: slim-conv has no such weight"):
        load_supernet(write_checkpoint(tmp_path / "more.pth", more))


def test_two_files_for_one_family_are_refused(slim: Path) -> None:
    (slim / "again.py").write_text((slim / f"{MODULE}.py").read_text(encoding="utf-8"), encoding="utf-8")
    with pytest.raises(WrongFamily, match="family 'slim-conv' is already that of another file"):
        families()
    sys.modules.pop(f"{package.__name__}.again", None)
    vars(package).pop("again", None)


def test_without_the_file_its_checkpoints_are_of_no_family(tmp_path: Path) -> None:
    with pytest.raises(WrongFamily, match="fit no known supernet family"):
        load_supernet(write_checkpoint(tmp_path / "slim.pth", _weights()))
