"""What is other in one config than in another, and what taking it over needs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from agent.config import AgentConfig
from agent.config.diff import differences, worst
from agent.config.keys import AGENT
from agent.config.kinds import NumberOr
from agent.config.kinds_access import Roles
from agent.config.kinds_special import Region
from agent.config.schema import Group, LibrarySource, LineInput, Simulation
from agent.config.table import Key, KeyTable, Many, Sub
from agent.domain.budget import Budget
from agent.domain.reload import Change, ReloadClass
from agent.domain.schedule import ScheduleEntry
from tests.unit.config.configs import BASE, FULL, loaded

LIVE, SWAP, RESTART = ReloadClass.LIVE, ReloadClass.SWAP, ReloadClass.RESTART


@pytest.fixture(name="full")
def full_config(tmp_path: Path) -> AgentConfig:
    return loaded(tmp_path, FULL)


@dataclass(frozen=True)
class Variant:
    """A value with one key other, which is at `place` of the schema and called `named` in the file."""

    place: str
    named: str
    key: Key
    value: Any


def variants(value: Any, table: KeyTable[Any], place: str = "", named: str = "") -> Iterator[Variant]:
    """One for each key below; names of cameras and groups stay."""
    for key in table.keys:
        at, called = (f"{start}.{key.name}" if start else key.name for start in (place, named))
        inner: Any = table.get(value, key.name)
        if isinstance(key.kind, Sub):
            for one in variants(inner, key.kind.table, at, called) if inner is not None else ():
                yield replace(one, value=replace(value, **{key.name: one.value}))
        elif isinstance(key.kind, Many) and key.kind.by:
            for number, member in enumerate(inner):
                for one in variants(member, key.kind.table, f"{at}[]", f"{called}[{member.name}]"):
                    members = (*inner[:number], one.value, *inner[number + 1 :])
                    yield replace(one, value=replace(value, **{key.name: members}))
        elif not place.endswith("[]") or key.name != "name":
            yield Variant(at, called, key, replace(value, **{key.name: another(inner, key.kind)}))


def another(value: Any, kind: object) -> Any:
    """Some other value that can be told; the same where there is none."""
    if isinstance(kind, Region):
        return (1, 2, 3, 4)
    if isinstance(kind, Roles):
        return {}
    if value is None:
        return 0.5 if isinstance(kind, NumberOr) else None
    by_type: dict[type, Callable[[], Any]] = {
        bool: lambda: not value,
        int: lambda: value + 1,
        float: lambda: value + 1,
        str: lambda: f"{value}x",
        tuple: lambda: (),
        dict: lambda: {"other": 1},
        LineInput: lambda: None,
    }
    return value / "other" if isinstance(value, Path) else by_type[type(value)]()


def test_one_key_that_is_other_is_one_change_with_the_class_of_that_key(full: AgentConfig) -> None:
    met = set()
    for one in variants(full, AGENT):
        if one.value != full:
            told = [change for change in differences(full, one.value) if not inherited(change.key, one.named)]
            assert [(change.key, change.reload) for change in told] == [(one.named, one.key.reload)]
            assert told[0].before != told[0].after
            met.add(one.place)
    whole = {path for path, _ in AGENT.leaves() if "schedule[]." not in path and not path.endswith("[].name")}
    assert whole - met == set()


def inherited(changed: str, key: str) -> bool:
    """A camera with a policy of its own changes with what the file says for all, where it says nothing itself."""
    return changed != key and changed == f"cameras[station-1].{key}"


def test_what_is_the_same_is_no_change(full: AgentConfig) -> None:
    assert differences(full, full) == ()
    assert differences(full, replace(full, cameras=full.cameras[::-1], source=Path("/elsewhere"))) == ()


def test_values_are_told_as_the_file_would_say_them(full: AgentConfig, tmp_path: Path) -> None:
    policy = replace(
        full.policy,
        default_budget=Budget(parts_per_minute=900.0),
        schedule=full.policy.schedule[:1],
        idle_profiling=False,
    )
    said = [c for c in differences(full, replace(full, policy=policy)) if not c.key.startswith("cameras")]
    assert said[:3] == [
        Change("policy.default_budget.max_latency_ms", LIVE, "70", "none"),
        Change("policy.default_budget.parts_per_minute", LIVE, "none", "900"),
        Change("policy.default_budget.min_accuracy", LIVE, "0.8", "none"),
    ]
    assert said[-1] == Change("policy.idle_profiling", LIVE, "true", "false")
    schedule = next(change for change in said if change.key == "policy.schedule")
    assert schedule.after.startswith(
        '[{"cron": "0 6 * * 1-5", "timezone": "host", "max_latency_ms": "none", "parts_per'
    )


def test_a_camera_that_comes_or_goes_is_a_change_that_needs_a_restart(full: AgentConfig) -> None:
    (change,) = differences(full, replace(full, cameras=full.cameras[:2]))
    assert (change.key, change.reload, change.after) == ("cameras[station-3]", RESTART, "")
    assert '"name": "station-3"' in change.before
    (change,) = differences(replace(full, cameras=full.cameras[1:]), full)
    assert (change.key, change.reload, change.before) == ("cameras[station-1]", RESTART, "")


def test_a_camera_of_another_name_is_another_camera(full: AgentConfig) -> None:
    renamed = replace(full, cameras=(replace(full.cameras[0], name="station-9"), *full.cameras[1:]))
    told = [(change.key, change.reload) for change in differences(full, renamed)]
    assert told == [("cameras[station-1]", RESTART), ("cameras[station-9]", RESTART)]


def test_a_group_that_comes_or_goes_needs_a_restart(full: AgentConfig) -> None:
    (change,) = differences(full, replace(full, groups=()))
    assert (change.key, change.reload) == ("groups[line-1]", RESTART)
    both = replace(full, groups=(*full.groups, Group("line-2", ("station-3",))))
    assert [change.key for change in differences(full, both)] == ["groups[line-2]"]


def test_a_library_that_comes_or_goes_may_swap(full: AgentConfig) -> None:
    (change,) = differences(full, replace(full, library=None))
    assert (change.key, change.reload, change.after) == ("library", SWAP, "")
    (change,) = differences(replace(full, library=None), replace(full, library=LibrarySource(Path("/l"))))
    assert (change.before, change.after) == ("", '{"path": "/l", "allow_older": false, "max_age_days": "none"}')


def test_a_policy_of_its_own_is_told_key_by_key(tmp_path: Path) -> None:
    plain = loaded(tmp_path, BASE)
    own = loaded(tmp_path, "version: 1\ncameras: [{name: a, sdk: spinnaker, policy: {swap: {window: permit}}}]\n")
    assert differences(plain, own) == (Change("cameras[a].policy.swap.window", LIVE, "any", "permit"),)
    assert differences(own, plain) == (Change("cameras[a].policy.swap.window", LIVE, "permit", "any"),)


def test_a_camera_with_a_policy_of_its_own_follows_the_file_where_it_says_nothing(full: AgentConfig) -> None:
    after = replace(full, policy=replace(full.policy, miss_cost=3.0))
    own = replace(full.cameras[0], policy=replace(full.policy_of(full.cameras[0]), miss_cost=3.0))
    told = differences(full, replace(after, cameras=(own, *full.cameras[1:])))
    assert [change.key for change in told] == ["cameras[station-1].policy.miss_cost", "policy.miss_cost"]


def test_a_mapping_that_comes_as_a_whole_has_the_worst_class_of_its_keys(full: AgentConfig) -> None:
    classes = {key.name: worst(key) for key in AGENT.keys}
    assert classes["library"] is SWAP
    assert classes["policy"] is LIVE
    assert classes["api"] is RESTART
    simulated = replace(full.cameras[0], sdk="simulated", simulation=Simulation())
    told = differences(full, replace(full, cameras=(simulated, *full.cameras[1:])))
    assert [(change.key, change.reload) for change in told] == [
        ("cameras[station-1].sdk", RESTART),
        ("cameras[station-1].simulation", RESTART),
    ]


def test_an_entry_of_a_schedule_is_no_change_of_its_own(full: AgentConfig) -> None:
    entry = ScheduleEntry("1 1 * * *", None, Budget(max_latency_ms=9.0))
    policy = replace(full.policy, schedule=(*full.policy.schedule, entry))
    told = differences(full, replace(full, policy=policy, cameras=full.cameras))
    assert [change.key for change in told] == ["policy.schedule"]
