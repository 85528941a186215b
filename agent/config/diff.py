"""What is other in one config than in another: each key with its values, and what taking it over needs. Pure."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from typing import Any

from agent.config.keys import AGENT
from agent.config.kinds import Kind
from agent.config.schema import AgentConfig, Plain
from agent.config.table import Key, KeyTable, Many, Sub
from agent.domain.reload import Change, ReloadClass


def differences(before: AgentConfig, after: AgentConfig) -> tuple[Change, ...]:
    """Every change from `before` to `after`, in the order of the tables.

    Cameras and groups are told apart by their names: `cameras[station-1].policy.swap.window`. Another order of them is
    no change. A camera with a policy of its own, before or after, also changes with what the file says for all.
    """
    own = {camera.name for config in (before, after) for camera in config.cameras if camera.policy is not None}
    return tuple(_in_table("", AGENT, _spoken_out(before, own), _spoken_out(after, own)))


def shown(plain: Plain) -> str:
    """One value as the file would say it, on one line."""
    if isinstance(plain, str):
        return plain
    if isinstance(plain, float) and plain.is_integer():
        return f"{plain:.0f}"
    return json.dumps(plain, ensure_ascii=False)


def _spoken_out(config: AgentConfig, cameras: Collection[str]) -> AgentConfig:
    """`config` where each of `cameras` says its whole policy itself."""
    return replace(
        config,
        cameras=tuple(
            replace(camera, policy=config.policy_of(camera)) if camera.name in cameras else camera
            for camera in config.cameras
        ),
    )


def _in_table(path: str, table: KeyTable[Any], before: object, after: object) -> Iterator[Change]:
    for key in table.keys:
        inner = f"{path}.{key.name}" if path else key.name
        yield from _in_key(inner, key, table.get(before, key.name), table.get(after, key.name))


def _in_key(path: str, key: Key, before: Any, after: Any) -> Iterator[Change]:
    if before == after:
        return
    if isinstance(key.kind, Sub) and before is not None and after is not None:
        yield from _in_table(path, key.kind.table, before, after)
    elif isinstance(key.kind, Many) and key.kind.by:
        yield from _in_list(path, key, key.kind, before, after)
    else:
        yield _change(path, worst(key), key.kind, before, after)


def _in_list(
    path: str, key: Key, kind: Many[Any], before: Sequence[object], after: Sequence[object]
) -> Iterator[Change]:
    """Each by its name; one that has come or gone is a change of its own."""
    old = {kind.table.get(one, kind.by): one for one in before}
    new = {kind.table.get(one, kind.by): one for one in after}
    for name in dict.fromkeys((*old, *new)):
        inner = f"{path}[{name}]"
        if name in old and name in new:
            yield from _in_table(inner, kind.table, old[name], new[name])
        else:
            yield _change(inner, worst(key), Sub(kind.table), old.get(name), new.get(name))


def worst(key: Key) -> ReloadClass:
    """The class of a key; of a mapping that comes or goes as a whole, the worst of what is in it."""
    if key.reload is not None:
        return key.reload
    assert isinstance(key.kind, Sub)
    ranks = list(ReloadClass)
    return max((leaf.reload for _, leaf in key.kind.table.leaves() if leaf.reload is not None), key=ranks.index)


def _change(path: str, reload: ReloadClass, kind: Kind[Any], before: object, after: object) -> Change:
    return Change(path, reload, _said(kind, before), _said(kind, after))


def _said(kind: Kind[Any], value: object) -> str:
    plain = kind.plain(value)
    return "" if plain is None else shown(plain)
