"""The patterns of the filter operator Like (Part 4, 7.7.3, Table 124).

``%`` is any text, ``_`` one character, ``[a-c]`` one of a list, ``[^a-c]`` one of none of it,
and a backslash takes its meaning from the next character.
"""

from collections.abc import Callable
from functools import lru_cache

LONGEST = 256
LONGEST_TEXT = 512
"""Characters of a pattern, and of a text: matching takes as long as pattern times text.

The texts of our events are shorter, but a client may compare any of its own.
"""

Matcher = Callable[[str], bool]


def like(text: str, pattern: str) -> bool:
    """Tell whether all of ``text`` is as ``pattern`` says; overlong ones match nothing.

    No regular expression: with many ``%`` its backtracking takes exponential time, and
    the pattern is the client's.
    """
    if len(pattern) > LONGEST or len(text) > LONGEST_TEXT:
        return False
    tokens = _tokens(pattern)
    at = token = 0
    resume_at, resume_token = 0, -1
    while at < len(text):
        matcher = tokens[token] if token < len(tokens) else _never
        if matcher is None:
            resume_at, resume_token = at, token
            token += 1
        elif matcher(text[at]):
            at, token = at + 1, token + 1
        elif resume_token >= 0:  # let the last % have one character more
            resume_at += 1
            at, token = resume_at, resume_token + 1
        else:
            return False
    return all(matcher is None for matcher in tokens[token:])


@lru_cache(maxsize=256)
def _tokens(pattern: str) -> tuple[Matcher | None, ...]:
    """Return what each character of a text must be; None is any text."""
    tokens: list[Matcher | None] = []
    at = 0
    while at < len(pattern):
        char = pattern[at]
        at += 1
        if char == "%":
            tokens.append(None)
        elif char == "_":
            tokens.append(_any)
        elif char == "[" and (end := _end(pattern, at)) > 0:
            tokens.append(_list(pattern[at:end]))
            at = end + 1
        elif char == "\\" and at < len(pattern):
            tokens.append(pattern[at].__eq__)
            at += 1
        else:
            tokens.append(char.__eq__)
    return tuple(tokens)


def _end(pattern: str, at: int) -> int:
    """Return where the list that starts at ``at`` ends; -1 where it does not."""
    while at < len(pattern):
        if pattern[at] == "]":
            return at
        at += 2 if pattern[at] == "\\" else 1
    return -1


def _list(inner: str) -> Matcher:
    denied = inner.startswith("^")
    chars = _unescaped(inner[1:] if denied else inner)
    spans: list[tuple[str, str]] = []
    at = 0
    while at < len(chars):
        first, escaped = chars[at]
        if at + 2 < len(chars) and chars[at + 1] == ("-", False) and not escaped:
            spans.append((first, chars[at + 2][0]))
            at += 3
        else:
            spans.append((first, first))
            at += 1

    def matches(char: str) -> bool:
        return any(first <= char <= last for first, last in spans) is not denied

    return matches


def _unescaped(inner: str) -> list[tuple[str, bool]]:
    """Return the characters of a list, and of each whether it was escaped."""
    chars: list[tuple[str, bool]] = []
    escaped = False
    for char in inner:
        if char == "\\" and not escaped:
            escaped = True
            continue
        chars.append((char, escaped))
        escaped = False
    return chars


def _any(char: str) -> bool:
    return bool(char)


def _never(char: str) -> bool:
    return not char
