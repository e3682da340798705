"""As much of Cloud Logging's query language as our filters use: comparisons, AND (or a new line), OR, parentheses."""

import operator
import re
from typing import Any

Entry = dict[str, Any]
SEVERITIES = ("DEFAULT", "DEBUG", "INFO", "NOTICE", "WARNING", "ERROR", "CRITICAL")
_TOKEN = re.compile(r'\s*(\(|\)|AND\b|OR\b|[\w.]+\s*(?:>=|<=|!=|=|>|<)\s*(?:"[^"]*"|[\w.-]+))')
_COMPARISON = re.compile(r'([\w.]+)\s*(>=|<=|!=|=|>|<)\s*(?:"([^"]*)"|([\w.-]+))')
_OPERATORS = {
    "=": operator.eq,
    "!=": operator.ne,
    ">=": operator.ge,
    "<=": operator.le,
    ">": operator.gt,
    "<": operator.lt,
}


def entry(line: Entry) -> Entry:
    """The log entry that Cloud Run makes of a line of JSON: special fields leave the payload."""
    special = ("severity", "time", "logging.googleapis.com/")
    payload = {name: value for name, value in line.items() if not name.startswith(special)}
    resource = {"type": "cloud_run_revision", "labels": {"service_name": "api"}}
    return {"severity": line["severity"], "jsonPayload": payload, "resource": resource}


def value_of(found: Entry, path: str) -> Any:
    for name in path.split("."):
        found = found.get(name) if isinstance(found, dict) else None  # type: ignore[assignment]
    return found


def matches(found: Entry, query: str) -> bool:
    """Raises ValueError for what is no query."""
    tokens, at = [], 0
    while query[at:].strip():
        token = _TOKEN.match(query, at)
        if token is None:
            raise ValueError(f"not understood: {query[at:]!r}")
        tokens.append(token[1])
        at = token.end()
    result, rest = _all(found, tokens)
    if rest:
        raise ValueError(f"left over: {rest}")
    return result


def _all(found: Entry, tokens: list[str]) -> tuple[bool, list[str]]:
    # OR binds closer than AND.
    result, tokens = _any(found, tokens)
    while tokens and tokens[0] != ")":
        if tokens[0] == "AND":
            tokens = tokens[1:]
        one, tokens = _any(found, tokens)
        result = result and one
    return result, tokens


def _any(found: Entry, tokens: list[str]) -> tuple[bool, list[str]]:
    result, tokens = _one(found, tokens)
    while tokens and tokens[0] == "OR":
        one, tokens = _one(found, tokens[1:])
        result = result or one
    return result, tokens


def _one(found: Entry, tokens: list[str]) -> tuple[bool, list[str]]:
    if tokens[0] == "(":
        result, rest = _all(found, tokens[1:])
        if not rest or rest[0] != ")":
            raise ValueError("a parenthesis is left open")
        return result, rest[1:]
    comparison = _COMPARISON.fullmatch(tokens[0])
    if comparison is None:
        raise ValueError(f"not a comparison: {tokens[0]}")
    path, sign, text, bare = comparison.groups()
    actual, wanted = value_of(found, path), text if bare is None else bare
    if actual is None:
        return False, tokens[1:]
    if path == "severity":
        return _OPERATORS[sign](SEVERITIES.index(actual), SEVERITIES.index(wanted)), tokens[1:]
    if bare is not None:
        return _OPERATORS[sign](float(actual), float(wanted)), tokens[1:]
    return _OPERATORS[sign](str(actual), wanted), tokens[1:]


def extract(found: Entry, extractor: str) -> str | None:
    """EXTRACT(field) or REGEXP_EXTRACT(field, "regex with one group"). Raises ValueError."""
    plain = re.fullmatch(r"EXTRACT\(([\w.]+)\)", extractor)
    by_regex = re.fullmatch(r'REGEXP_EXTRACT\(([\w.]+), "(.+)"\)', extractor)
    if plain is None and by_regex is None:
        raise ValueError(f"not an extractor: {extractor}")
    value = value_of(found, (plain or by_regex)[1])  # type: ignore[index]
    if value is None or plain is not None:
        return None if value is None else str(value)
    within = re.search(by_regex[2], str(value))  # type: ignore[index]
    return None if within is None else within[1]
