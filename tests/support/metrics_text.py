"""What a scrape says, read as Prometheus reads it."""

from __future__ import annotations

import math
import shutil
import subprocess

import pytest
from prometheus_client.openmetrics import parser as openmetrics
from prometheus_client.parser import text_string_to_metric_families as text_families
from prometheus_client.samples import Sample

from agent.telemetry.metrics import Metrics


class Scraped:
    """One scrape in the text format; a series that is there twice is an error."""

    def __init__(self, text: str) -> None:
        self.families = {family.name: family for family in text_families(text)}
        self.samples: list[Sample] = [one for family in self.families.values() for one in family.samples]
        self._values = {(one.name, frozenset(one.labels.items())): one.value for one in self.samples}
        assert len(self._values) == len(self.samples), "a series is there twice"
        assert not any(math.isnan(one.value) for one in self.samples)

    @classmethod
    def of(cls, metrics: Metrics) -> Scraped:
        """Now; both formats have to say the same."""
        scraped = cls(metrics.exposition()[0].decode())
        text = metrics.exposition(True)[0].decode()
        parsed = openmetrics.text_string_to_metric_families(text)  # type: ignore[no-untyped-call]
        told = [one for family in parsed for one in family.samples]
        assert {_named(one) for one in told} == {_named(one) for one in scraped.samples}
        return scraped

    def get(self, name: str, **labels: str) -> float | None:
        """The value of that series; None where there is none."""
        return self._values.get((name, frozenset(labels.items())))

    def value(self, name: str, **labels: str) -> float:
        found = self.get(name, **labels)
        assert found is not None, f"no series {name}{labels}"
        return found

    def all(self, name: str, **labels: str) -> dict[tuple[str, ...], float]:
        """Values by their other labels, in order of the labels' names."""
        return {
            tuple(value for key, value in sorted(one.labels.items()) if key not in labels): one.value
            for one in self.samples
            if one.name == name and labels.items() <= one.labels.items()
        }

    @property
    def series(self) -> set[tuple[str, frozenset[tuple[str, str]]]]:
        return set(self._values)


def _named(sample: Sample) -> tuple[str, frozenset[tuple[str, str]]]:
    return sample.name, frozenset(sample.labels.items())


def promtool(*arguments: str, text: bytes = b"") -> str:
    """Run Prometheus' own checker; skips where it is missing, fails with what it says where it finds something."""
    program = shutil.which("promtool")
    if program is None:
        pytest.skip("promtool is not installed (Debian: apt-get install prometheus)")
    done = subprocess.run([program, *arguments], input=text, capture_output=True, timeout=60, check=False)
    said = (done.stdout + done.stderr).decode()
    assert done.returncode == 0, said
    return said
