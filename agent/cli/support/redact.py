"""Takes secrets out of what leaves the machine.

Three ways, because none is enough: by the name of a key (`password: x`), by the look of a value (a PEM block, a URL
with a login, a bearer token), and by the value itself wherever it stands, once it was found under such a name in the
config or the environment. When in doubt it redacts.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping

MARK = "[redacted]"
SHORTEST = 6  # characters of a secret that is looked for everywhere; a shorter one stands in other words too

_SMELL = (
    r"pass(?:word|wd|phrase|code)|passwd|pwd|secret|token|credential|authorization|cookie|session[_-]?id"
    r"|(?:api|access|private|secret|signing|account|auth|shared|encryption|ssh)[_-]?key|bearer|private"
)
_NAME = re.compile(rf"(?i){_SMELL}")
_ENVIRONMENT_NAME = re.compile(rf"(?i){_SMELL}|(?:^|_)(?:key|auth|pass)(?:_|$)")
_PEM = re.compile(r"-----BEGIN [A-Z0-9 ]+-----.*?(?:-----END [A-Z0-9 ]+-----|\Z)", re.DOTALL)
_LOGIN = re.compile(r"(?i)([a-z][a-z0-9+.-]{0,20}://)[^\s/@'\"]{1,500}@")
_HEADER = re.compile(r"(?i)\b((?:proxy-)?authorization|(?:set-)?cookie)(\"?\s*[:=]\s*)[^\n]+")
_SCHEME = re.compile(r"(?i)\b(bearer|basic)\s+[A-Za-z0-9._~+/=-]{6,}")
_PAIR = re.compile(
    rf"(?i)((?:{_SMELL})[\w.-]{{0,60}})(\\?[\"']?\s{{0,9}}(?:[:=]|=>)\s{{0,9}})"
    r"(\\\"(?:(?!\\\").)*\\\"|\"(?:[^\"\\]|\\.)*\"|'(?:[^'\\]|\\.)*'|[^\s,;&}\])\"']+)"
)
_SAID = re.compile(r"(?i)\b(pass(?:word|phrase|code)|passwd|pwd)\s+(?:(?:is|was)\s+)?(?!\[)([^\s,;]+)")
_KNOWN = re.compile(
    r"\beyJ[\w-]{8,}\.[\w-]+(?:\.[\w-]*)?|\b(?:AKIA|ASIA)[A-Z0-9]{16}\b|\bgh[pousr]_\w{20,}|\bglpat-[\w-]{16,}"
    r"|\bxox[abprs]-[\w-]{10,}|\bAIza[\w-]{30,}|\bAGE-SECRET-KEY-\w+"
)
_LONG = re.compile(r"(?<![\w/+.-])[A-Za-z0-9_+/-]{32,}={0,2}(?![\w/.-])")
_YAML_KEY = re.compile(r"^(?P<lead>\s*(?:-\s+)*)(?P<quote>[\"']?)(?P<key>[\w. -]+?)(?P=quote)\s*:(?P<value>\s.*|)$")
_CLIENT = re.compile(r"(?<![\w.:/+-])[\w.+-]+@[\w-][\w.-]*")


def smells(name: str) -> bool:
    """Whether a key of that name is likely to hold a secret."""
    return _NAME.search(name) is not None


class Redactor:
    """Owner of the secrets that were found, and of what names stand for; `redacted` counts what was taken out."""

    def __init__(self, names: Mapping[str, str] | None = None) -> None:
        """`names`: words that are to be replaced by others, where the bundle is to be anonymous."""
        self._secrets: set[str] = set()
        self._names = dict(names or {})
        self._clients: dict[str, str] = {}
        self.redacted = 0

    def learn(self, secret: str) -> None:
        """Redact this value wherever it stands; a short one is left to its name."""
        secret = secret.strip()
        if len(secret) >= SHORTEST and secret != MARK:
            self._secrets.add(secret)

    def learn_environment(self, environment: Mapping[str, str]) -> None:
        """The values of variables whose names smell of a secret."""
        for name, value in environment.items():
            if _ENVIRONMENT_NAME.search(name) and not re.fullmatch(r"(?:/[\w.-]+)+/?", value):
                self.learn(value)

    def value(self, value: object) -> object:
        """A value of JSON with what is under a smelly key taken out, and every text as `text` makes it."""
        if isinstance(value, Mapping):
            return {self.text(str(key)): self._under(str(key), item) for key, item in value.items()}
        if isinstance(value, (list, tuple)):
            return [self.value(item) for item in value]
        return value if value is None or isinstance(value, (bool, int, float)) else self.text(str(value))

    def _under(self, key: str, item: object) -> object:
        if not smells(key) or item is None or isinstance(item, bool) or item in ("", [], {}, MARK):
            return self.value(item)
        self.redacted += 1
        return MARK

    def text(self, text: str) -> str:
        """A text without what looks like a secret or is a known one."""
        for secret in sorted(self._secrets, key=len, reverse=True):
            text = self._sub(re.compile(re.escape(secret)), MARK, text)
        for pattern, by in _PATTERNS:
            text = self._sub(pattern, by, text)
        text = _LONG.sub(self._long, text)
        return self._anonymous(text) if self._names else text

    def _sub(self, pattern: re.Pattern[str], by: str | Callable[[re.Match[str]], str], text: str) -> str:
        text, count = pattern.subn(by, text)
        self.redacted += count
        return text

    def _long(self, match: re.Match[str]) -> str:
        """A long word of mixed letters and digits is a key of some kind; digests, ids and paths are not mixed so."""
        word = match[0]
        mixed = all(re.search(kind, word) for kind in ("[a-z]", "[A-Z]", "[0-9]"))
        if not mixed or ("/" in word and not re.search(r"[+=]", word)):
            return word
        self.redacted += 1
        return MARK

    def _anonymous(self, text: str) -> str:
        text = _CLIENT.sub(lambda match: self._clients.setdefault(match[0], f"client-{len(self._clients) + 1}"), text)
        for name, stand_in in sorted(self._names.items(), key=lambda pair: -len(pair[0])):
            text = re.sub(rf"(?i)(?<![A-Za-z0-9]){re.escape(name)}(?![A-Za-z0-9])", stand_in, text)
        return text

    # -- config files -------------------------------------------------------------------------------------------------

    def config(self, text: str) -> str:
        """A YAML text, valid or not, with every value under a smelly key taken out, however it is folded."""
        lines, hidden = [], -1  # deeper lines than `hidden` belong to the value that was taken out
        for line in text.splitlines():
            indent = len(line) - len(line.lstrip(" -"))
            if hidden >= 0 and (not line.strip() or indent > hidden):
                continue
            hidden = -1
            found, (plain, _, comment) = _YAML_KEY.match(line), line.partition("#")
            if found is not None and (smells(found["key"]) or found["key"] == "key"):
                hidden = len(found["lead"])
                self.redacted += 1
                lines.append(f"{found['lead']}{found['key']}: {MARK}")
            elif smells(comment):
                self.redacted += 1
                lines.append(f"{plain}# {MARK}")
            else:
                lines.append(line)
        return self.text("\n".join(lines) + "\n")

    def learn_config(self, text: str) -> None:
        """The values that `config` takes out, so that they are found where something quotes them."""
        hidden = -1
        for line in text.splitlines():
            indent = len(line) - len(line.lstrip(" -"))
            if hidden >= 0 and line.strip() and indent > hidden:
                self._learn_scalars(line)
                continue
            hidden = -1 if line.strip() else hidden
            found = _YAML_KEY.match(line)
            if found is not None and smells(found["key"]):
                hidden = len(found["lead"])
                self._learn_scalars(found["value"])
            for pair in _PAIR.finditer(line):
                self._learn_scalars(pair[3])
            for login in re.finditer(r"://([^\s/@'\"]+)@", line):
                for part in login[1].split(":"):
                    self.learn(part)

    def _learn_scalars(self, text: str) -> None:
        text = re.sub(r"\s#.*$", "", text.strip())
        for one in (text, text.strip("\"'"), text.lstrip("- ").strip("\"'"), text.partition(":")[2].strip(" \"'")):
            if one not in {"|", ">", "|-", ">-"}:
                self.learn(one)


_PATTERNS: tuple[tuple[re.Pattern[str], str | Callable[[re.Match[str]], str]], ...] = (
    (_PEM, MARK),
    (_LOGIN, rf"\1{MARK}@"),
    (_HEADER, rf"\1\2{MARK}"),
    (_SCHEME, rf"\1 {MARK}"),
    (_PAIR, lambda m: f"{m[1]}{m[2]}{_quoted(m[3])}"),
    (_SAID, rf"\1 {MARK}"),
    (_KNOWN, MARK),
)


def _quoted(value: str) -> str:
    """The mark in the quotes of the value, so that JSON and YAML stay what they are."""
    for quote in ('\\"', '"', "'"):
        if value.startswith(quote) and value.endswith(quote):
            return f"{quote}{MARK}{quote}"
    return MARK


def stand_ins(users: Iterable[str], hosts: Iterable[str]) -> dict[str, str]:
    """Words for users and hosts by which an anonymous bundle calls them."""
    named = {name: f"user-{number}" for number, name in enumerate(sorted(set(filter(None, users))), 1)}
    return named | {name: f"host-{number}" for number, name in enumerate(sorted(set(filter(None, hosts))), 1)}
