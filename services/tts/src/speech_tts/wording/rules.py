"""How figures are found in any language: patterns, and what each match is called."""

import re
from collections.abc import Callable, Iterable

# A number stands alone: in `A4`, `3.1.2` or `2024-05` it is part of something else.
START, END = r"(?<![\w.,:/-])", r"(?![\w:/]|[.,-]\d)"
# Or below zero: a dash after figures or their sign is no minus.
MINUS = r"(?<![\w.,:/$€£₽%-])(?P<minus>[-−])"
SIGNED_START = rf"(?:{MINUS}|{START})"
# Longer ones are numbers of accounts and telephones.
_MOST_DIGITS = 12

Rule = tuple[re.Pattern[str], Callable[[re.Match[str]], str]]


def applied(rules: Iterable[Rule], text: str) -> str:
    """*text* with each match said, one rule after the other."""
    for pattern, say in rules:
        text = pattern.sub(say, text)
    return text


def is_spelled(whole: str) -> bool:
    """Whether the digits before the point are said one by one."""
    return len(whole) > _MOST_DIGITS or (len(whole) > 1 and whole.startswith("0"))
