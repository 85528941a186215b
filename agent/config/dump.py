"""The config with every default filled in, as YAML that loads to the same values."""

from __future__ import annotations

import yaml

from agent.config.keys import AGENT
from agent.config.schema import AgentConfig

_BREAKS = frozenset("\x85\u2028\u2029")  # of Unicode, which YAML takes for those of lines


def effective(config: AgentConfig) -> str:
    """`config` as a YAML text."""
    document = AGENT.plain(config)
    return yaml.dump(document, Dumper=_Dumper, sort_keys=False, width=110, allow_unicode=True)


class _Dumper(yaml.SafeDumper):
    """Never writes aliases: the reader refuses them."""

    def ignore_aliases(self, data: object) -> bool:  # noqa: ARG002
        return True


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    """In quotes where the reader would ask for them: YAML's own idea of a number is narrower (`1e9` is none), and what
    it takes for a line break it folds in single ones."""
    style = '"' if _BREAKS & set(text) else "'" if text[:1] in "+-.0123456789" else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _text)
