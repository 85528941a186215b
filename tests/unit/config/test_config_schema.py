"""The JSON Schema and the reference page: made from the tables of the reader, and agreeing with it."""

from __future__ import annotations

import copy
import itertools
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from agent.config.document import Items, Node, Scalar, Table
from agent.config.json_schema import json_schema, schema_text
from agent.config.keys import AGENT
from agent.config.reading import Section
from agent.config.reference import reference
from agent.config.table import REQUIRED, Many
from agent.domain.reload import ReloadClass
from agent.errors import ConfigError
from tests.unit.config.configs import BASE, FULL

REPOSITORY = Path(__file__).parents[3]
SAMPLES = sorted((REPOSITORY / "deploy" / "config").glob("*.yaml"))
PAGES = REPOSITORY / "docs" / "reference"
LEAVES = list(AGENT.leaves())
DOCUMENT: Any = yaml.safe_load(FULL)


VALIDATOR: Any = jsonschema.Draft7Validator(json_schema())


def accepts(document: object) -> bool:
    return bool(VALIDATOR.is_valid(document))


def node(value: object) -> Node:
    """The tree that the reader sees; texts are in quotes, as in JSON."""
    if isinstance(value, dict):
        return Table(tuple((key, 1, node(inner)) for key, inner in value.items()), 1)
    if isinstance(value, list):
        return Items(tuple(node(inner) for inner in value), 1)
    return Scalar(value, False, 1) if isinstance(value, str) else Scalar(json.dumps(value), True, 1)


def reads(document: object) -> bool:
    top = node(document)
    assert isinstance(top, Table)
    try:
        AGENT.read(Section(Path("agent.yaml"), "", top))
    except ConfigError:
        return False
    return True


def test_the_pages_are_those_that_the_tables_make() -> None:
    assert (PAGES / "config.schema.json").read_text("utf-8") == schema_text(), "run python tools/config_reference.py"
    assert (PAGES / "config.md").read_text("utf-8") == reference(), "run python tools/config_reference.py"


def test_the_schema_is_one() -> None:
    validator: Any = jsonschema.Draft7Validator
    validator.check_schema(json_schema())


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda path: path.name)
def test_the_schema_takes_every_sample(sample: Path) -> None:
    assert accepts(yaml.safe_load(sample.read_text("utf-8")))


@pytest.mark.parametrize("text", [BASE, FULL], ids=["least", "full"])
def test_the_schema_takes_what_the_reader_takes(text: str) -> None:
    document = yaml.safe_load(text)
    assert accepts(document)
    assert reads(document)


def mappings(document: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Where in a document there are mappings, apart from those that the simulation reads itself."""
    if isinstance(document, dict):
        yield path
        for key, value in document.items():
            if key not in ("spec", "faults"):
                yield from mappings(value, (*path, key))
    elif isinstance(document, list):
        for index, value in enumerate(document):
            yield from mappings(value, (*path, index))


def at(document: Any, path: tuple[Any, ...]) -> Any:
    for step in path:
        document = document[step]
    return document


@pytest.mark.parametrize("path", list(mappings(DOCUMENT)), ids=str)
def test_an_unknown_key_is_refused_wherever_it_is_by_the_schema_and_the_reader(path: tuple[Any, ...]) -> None:
    document = copy.deepcopy(DOCUMENT)
    at(document, path)["surprise"] = 1
    assert not accepts(document)
    assert not reads(document)


def leaf_places(document: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    if isinstance(document, dict) and path[-1:] != ("spec",):
        for key, value in document.items():
            yield from leaf_places(value, (*path, key))
    elif isinstance(document, list) and document and isinstance(document[0], dict) and path[-1:] != ("faults",):
        for index, value in enumerate(document):
            yield from leaf_places(value, (*path, index))
    else:
        yield path


VALUES: list[Any] = [-1, 0, 0.3, 5, 1e9, "", "surprise", "none", "auto", True, [], ["x"], [[]], {}, {"x": 1}]


@pytest.mark.parametrize("path", list(leaf_places(DOCUMENT)), ids=str)
def test_schema_and_reader_judge_alike_what_one_key_may_be(path: tuple[Any, ...]) -> None:
    for value in VALUES:
        document = copy.deepcopy(DOCUMENT)
        at(document, path[:-1])[path[-1]] = value
        said, done = accepts(document), reads(document)
        alike = said == done or (path[-1], spelt(value)) in BY_THE_READER_ALONE
        assert alike, f"schema says {said}, the reader {done} of {spelt(value)}"


def spelt(value: object) -> str:
    return json.dumps(value).replace('"', "'")


# What one key may be is not all that is asked of it: a plain word of YAML that JSON takes for a number or a truth is a
# text to the reader; whether there is such a time, zone, camera or group is for the reader alone.
PLAIN_WORDS = ("-1", "0", "0.3", "5", "1000000000.0", "true")
BY_THE_READER_ALONE = {
    *itertools.product(("name", "path", "state_dir", "unix_socket", "socket", "box_format"), PLAIN_WORDS),
    *itertools.product(("cert", "key", "client_ca", "revoked"), PLAIN_WORDS),
    *itertools.product(("cron", "timezone", "name"), ("'surprise'", "'none'", "'auto'")),
    ("serial", "true"),
    ("cameras", "['x']"),
    ("max_concurrent_swaps", "5"),
}


def test_every_key_is_in_the_schema_and_on_the_page_with_its_class() -> None:
    page = reference()
    for path, key in LEAVES:
        assert key.reload is not None
        assert property_at(path)["description"] == f"{key.says} Reload: {key.reload.value}."
        assert f"| `{key.name}` |" in page
        assert ("default" in property_at(path)) == (
            key.default is not REQUIRED and not key.default_says and key.kind.plain(key.default) is not None
        ) or path.startswith("cameras[].policy.")


def property_at(path: str) -> Any:
    found: Any = json_schema()
    for step in path.split("."):
        found = found["properties"][step.removesuffix("[]")]
        found = found["items"] if step.endswith("[]") else found
    return found


def test_every_key_has_one_class_and_those_of_a_list_that_is_one_value_have_that_of_the_list() -> None:
    assert len({path for path, _ in LEAVES}) == len(LEAVES) > 60
    assert all(isinstance(key.reload, ReloadClass) for _, key in LEAVES)
    entries = [key for path, key in LEAVES if "schedule[]" in path]
    assert len(entries) == 12  # of the file and of a camera
    assert {key.reload for key in entries} == {ReloadClass.LIVE}
    lists = [key for key in AGENT.keys if isinstance(key.kind, Many)]
    assert {key.name: key.reload for key in lists} == {"cameras": ReloadClass.RESTART, "groups": ReloadClass.RESTART}


def test_a_key_says_nothing_of_its_class_only_where_its_own_keys_do() -> None:
    for path, key in LEAVES:
        assert key.says.endswith("."), path
        assert key.kind.words, path
