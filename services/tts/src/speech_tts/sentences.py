"""Where one can pause: text cut into sentences, and very long ones into clauses; together they are the text."""

import re
from collections.abc import Iterator

# About twelve seconds of speech: an engine makes a piece whole before the first of its sound can leave.
LONGEST_WORDS = 30

# A stop, what closes after it, and the space that shows that it was one; or a stop of a script without spaces.
_BOUNDARY = re.compile(r"""(?:[.!?…]+["'”’»)\]]*(?=\s|$)|[。！？｡؟۔]+["'”’»）」』]*|\n\s*\n)\s*""")
_CLAUSE = re.compile(r"[,;:—–،，、；][\"'”’»)\]]*\s+")
_WORD = re.compile(r"\S+\s*")
_LAST_WORD = re.compile(r"""[^\s("'“‘«\[]+$""")
_ABBREVIATIONS = frozenset(
    """
    mr mrs ms dr prof sr jr st mt vs etc e.g i.e cf al approx no nos fig figs vol pp p ch sec inc ltd co corp dept est
    jan feb mar apr jun jul aug sep sept oct nov dec mon tue wed thu fri sat sun a.m p.m u.s u.k
    г гг ул д кв стр руб коп тыс млн млрд т.е т.к т.д т.п др проф акад им см рис табл
    """.split()
)


def split(text: str) -> Iterator[str]:
    """Yield pieces to be spoken one after the other; together they are *text*."""
    for sentence in _sentences(text):
        yield from _clauses(sentence)


def _sentences(text: str) -> Iterator[str]:
    start = 0
    for boundary in _BOUNDARY.finditer(text):
        if not _is_stop(text[start : boundary.start()], boundary.group()):
            continue
        yield text[start : boundary.end()]
        start = boundary.end()
    if start < len(text):
        yield text[start:]


def _is_stop(before: str, mark: str) -> bool:
    """Whether the full stop after *before* ends a sentence: not after an abbreviation, an initial, a list's number."""
    if not mark.strip():
        return bool(before.strip())
    if mark.strip() != ".":
        return True
    last = _LAST_WORD.search(before)
    if last is None:
        return bool(before.strip())
    word = last.group().lower()
    if word in _ABBREVIATIONS:
        return False
    is_initial = len(word) == 1 and word.isalpha() and last.group().isupper()
    is_list_number = word.isdigit() and not before[: last.start()].rpartition("\n")[2].strip()
    return not is_initial and not is_list_number


def _clauses(sentence: str) -> Iterator[str]:
    """A sentence of bearable length as it is; a longer one cut after a comma, or where it must be."""
    words = [match.group() for match in _WORD.finditer(sentence)]
    if len(words) <= LONGEST_WORDS:
        yield sentence
        return
    words[0] = sentence[: len(sentence) - sum(map(len, words))] + words[0]
    while len(words) > LONGEST_WORDS:
        cut = _last_pause(words[:LONGEST_WORDS])
        yield "".join(words[:cut])
        words = words[cut:]
    yield "".join(words)


def _last_pause(words: list[str]) -> int:
    for index in range(len(words), LONGEST_WORDS // 3, -1):
        if _CLAUSE.search(words[index - 1]):
            return index
    return len(words)
