"""Firebase Hosting's globs, as `hosting.rewrites[].source` uses them.

Hosting matches like minimatch: `*` stays in one segment, `**` as a whole segment spans any number, `{a,b}` is a choice,
a wildcard never takes a segment that begins with a dot, and a trailing slash of the path is ignored. So `/api/**`
matches `/api/` and `/api/x/y`, but not `/api`.
"""

import re
from functools import cached_property

GLOBSTAR = "**"
_UNSUPPORTED = re.compile(r"[\[\]()\\]|^[!#]")
_CHOICE = re.compile(r"\{([^{}]*)\}")
_WILDCARDS = {"*": "[^/]*", "?": "[^/]"}


class GlobError(ValueError):
    """A glob outside the shapes that are supported here."""


class Glob:
    """One compiled glob. Raises GlobError for character classes, extended globs, negation and escapes."""

    def __init__(self, source: str) -> None:
        if not source or _UNSUPPORTED.search(source):
            raise GlobError(f"unsupported glob: {source!r}")
        self.source = source

    def __repr__(self) -> str:
        return f"Glob({self.source!r})"

    @cached_property
    def _alternatives(self) -> list[list[str | re.Pattern[str]]]:
        return [[_compile(segment) for segment in choice.split("/")] for choice in _expand(self.source)]

    def match(self, path: str) -> bool:
        """Whether the URL path (no query, not decoded) is matched."""
        segments = re.sub(r"/{2,}", "/", "/" + path).split("/")
        return any(_match(pattern, segments) for pattern in self._alternatives)


def _expand(source: str) -> list[str]:
    """The globs that the braces of `source` stand for; innermost braces first, so nesting works."""
    choice = _CHOICE.search(source)
    if choice is None:
        if "{" in source or "}" in source:
            raise GlobError(f"unbalanced braces in glob: {source!r}")
        return [source]
    before, after = source[: choice.start()], source[choice.end() :]
    return [glob for option in choice[1].split(",") for glob in _expand(before + option + after)]


def _compile(segment: str) -> str | re.Pattern[str]:
    if segment == GLOBSTAR or not set(segment) & set(_WILDCARDS):
        return segment
    # A leading wildcard takes at least one character, and no dot.
    guard = r"(?=[^/.])" if segment[0] in _WILDCARDS else ""
    return re.compile(guard + "".join(_WILDCARDS.get(character, re.escape(character)) for character in segment))


def _match(pattern: list[str | re.Pattern[str]], path: list[str]) -> bool:
    if not pattern:
        return path in ([], [""])
    if not path:
        return False
    head, rest = pattern[0], pattern[1:]
    if head == GLOBSTAR:
        if not rest:
            return not any(segment.startswith(".") for segment in path)
        for taken in range(len(path) + 1):
            if taken and path[taken - 1].startswith("."):
                return False
            if _match(rest, path[taken:]):
                return True
        return False
    matched = head == path[0] if isinstance(head, str) else head.fullmatch(path[0]) is not None
    return matched and _match(rest, path[1:])
