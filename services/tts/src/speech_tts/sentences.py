"""
Where one can pause: text cut into pieces, even while it is still being written; together they are the text.

A piece ends with its sentence. The first ones may end with a clause: the first sounds at once, and while a piece
plays, there is time to make one of twice its words.
"""

import re
from collections.abc import Iterator, Sequence

# About twelve seconds of speech: an engine makes a piece whole before the first of its sound can leave.
LONGEST_WORDS = 30
# "Well," and a pause would be an outcry.
_FIRST_WORDS = 3

# Stops of scripts that put no space after them.
_WIDE_STOPS = "。！？｡؟۔"
_CLOSING = "\"'”’»)\\]」』）"
_OPENING = "\"'“‘«([{¿¡"
# Blanks, and what is written without one: up to a wide stop, or sixty characters, but whole numbers. A run of blanks,
# or of digits, that is longer than anything one could speak is cut all the same.
_TOKEN = re.compile(
    rf"\s{{200}}"
    rf"|\s*(?:[^\s{_WIDE_STOPS}]{{0,60}}[{_WIDE_STOPS}]+[{_CLOSING}]*"
    rf"|[^\s{_WIDE_STOPS}]{{1,60}}(?:(?<![\d.,])|(?![\d.,]))"
    rf"|[\d.,]{{1,60}})"
)
_STOP = re.compile(rf"(?P<mark>[.!?…]+|[{_WIDE_STOPS}]+)(?P<closing>[{_CLOSING}]*)$")
_CLAUSE_END = re.compile(rf"[,;:—–،，、；：][{_CLOSING}]*$")
_LIST_MARK = re.compile(r"(?:[-*•]|\d{1,3}[.)])$")
_DOTTED = re.compile(r"(?:[^\W\d]{1,2}\.)+[^\W\d]$")
# Of `May 5, 2024`.
_DAY = re.compile(r"(?<!\d)\d{1,2},$")
_YEAR = re.compile(r"\s+\d{4}(?!\d)")
_THOUSANDS = re.compile(r"\d{3}(?!\d)")
# Two ideographs, kana or syllables are about a word; so are six letters, and longer words are rare.
_WIDE = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af\uf900-\ufaff]")
_LETTERS_A_WORD = 12
# How far the next word may be for a stop that needs to know how it begins.
_LOOK_AHEAD = 64
_ABBREVIATIONS = frozenset(
    """
    mr mrs ms dr prof sr jr st mt vs etc cf approx nos fig figs vol pp ch sec inc ltd co corp dept est gen col lt capt
    sgt gov rep sen hon ph.d jan feb apr jun jul aug sep sept oct nov dec mon tue wed thu fri
    гг ул кв стр руб коп тыс млн млрд др проф акад им см рис табл
    """.split()
)


def split(text: str) -> Iterator[str]:
    """Yield the pieces of a whole text."""
    splitter = Splitter()
    yield from splitter.feed(text)
    yield from splitter.flush()


class Splitter:
    """
    Takes text in portions of any size and gives the same pieces.

    A piece is given once nothing that follows can change it, mostly a character after its end; one piece is held.
    """

    def __init__(self) -> None:
        self._rest = ""
        self._held: list[str] = []
        self._words = 0
        self._enough = _FIRST_WORDS

    def feed(self, text: str) -> Iterator[str]:
        """Yield the pieces that *text* completes."""
        self._rest += text
        yield from self._pieces(ended=False)

    def flush(self) -> Iterator[str]:
        """Yield what is left: nothing follows, or not soon, so that the next piece is a first one again."""
        yield from self._pieces(ended=True)
        self._held.append(self._rest)
        yield from self._cut(len(self._held))
        self._rest, self._enough = "", _FIRST_WORDS

    def _pieces(self, *, ended: bool) -> Iterator[str]:
        at = 0
        while match := _TOKEN.match(self._rest, at):
            token, after = match.group(), self._rest[match.end() : match.end() + _LOOK_AHEAD]
            if not ended and not _is_decided(token, after):
                break
            at = match.end()
            yield from self._take(token, after)
        self._rest = self._rest[at:]

    def _take(self, token: str, after: str) -> Iterator[str]:
        """Add the token to the piece, which may have to end before it, and may end with it."""
        if _begins(token):
            yield from self._cut(len(self._held))
        while self._held and self._words + _words(token) > _most_words(self._held[-1], token):
            yield from self._cut(_last_pause(self._held, token))
        is_end = _is_end(token, after, opens=not self._held)
        self._held.append(token)
        self._words += _words(token)
        if is_end or (self._words >= self._enough and _is_clause(token, after) and not after[:1].strip()):
            yield from self._cut(len(self._held))

    def _cut(self, count: int) -> Iterator[str]:
        tokens, self._held = self._held[:count], self._held[count:]
        if piece := "".join(tokens):
            yield piece
            self._enough = min(LONGEST_WORDS, max(self._enough, 2 * sum(map(_words, tokens))))
        self._words = sum(map(_words, self._held))


def _words(token: str) -> int:
    """How many words it is as long as; the figures of a number are three for two, as in `$1,234.56`."""
    wide, figures = len(_WIDE.findall(token)), sum(map(str.isdigit, token))
    return max(1, (3 * figures + 1) // 2 + (wide + 1) // 2 + (len(token.strip()) - wide - figures) // _LETTERS_A_WORD)


def _is_decided(token: str, after: str) -> bool:
    """Whether more text could neither lengthen *token* nor change what it ends."""
    stop = _STOP.search(token)
    is_far = len(after) == _LOOK_AHEAD
    if stop and _goes_on_in_lower_case(stop):
        return bool(after.strip()) or is_far
    if _DAY.search(token):  # four figures are a year once something else follows
        next_ = after.strip()
        return is_far or (bool(next_) and not (next_.isdigit() and len(next_) <= 4 and not after[-1:].isspace()))
    return bool(after)


def _is_clause(token: str, after: str) -> bool:
    """Whether a clause ends with *token*; a date does not end with its day."""
    return bool(_CLAUSE_END.search(token)) and not (_DAY.search(token) and _YEAR.match(after))


def _goes_on_in_lower_case(stop: re.Match[str]) -> bool:
    """Whether the sentence may go on after the stop: after speech that is quoted, after dots."""
    return bool(stop["closing"]) or stop["mark"] in ("...", "…")


def _begins(token: str) -> bool:
    """Whether a paragraph, or the item of a list, begins with the token."""
    word = token.strip()
    newlines = token.partition(word)[0].count("\n") if word else 0
    return newlines > 1 or (newlines == 1 and bool(_LIST_MARK.match(word)))


def _is_end(token: str, after: str, *, opens: bool) -> bool:
    """Whether a sentence ends with *token*, before *after*; *opens* when it is the first of its piece."""
    stop = _STOP.search(token)
    if stop is None:
        return False
    if stop["mark"][0] not in _WIDE_STOPS and after[:1].strip():
        return False
    if _goes_on_in_lower_case(stop):
        return not after.strip()[:1].islower()
    return stop["mark"] != "." or not _is_shortened(token.strip()[:-1].lstrip(_OPENING), opens=opens)


def _is_shortened(word: str, *, opens: bool) -> bool:
    """Whether the full stop after *word* is that of an abbreviation, an initial, or the number of a list's item."""
    is_initial = len(word) == 1 and word.isalpha()
    is_number = opens and bool(_LIST_MARK.match(f"{word}."))
    return word.lower() in _ABBREVIATIONS or bool(_DOTTED.match(word)) or is_initial or is_number


def _last_pause(held: Sequence[str], token: str) -> int:
    """How many of *held*, which is as long as a piece may be, can be spoken before the rest and *token*."""
    following = [*held[1:], token]
    counts = range(len(held), len(held) // 3, -1)
    for is_pause in (_is_clause, _is_whole, _is_not_in_thousands):
        for count in counts:
            if is_pause(held[count - 1], following[count - 1]):
                return count
    return len(held)


def _most_words(token: str, following: str) -> int:
    """How long a piece with *token* may become by what follows: a number of several tokens ends in it."""
    return LONGEST_WORDS if _is_not_in_thousands(token, following) else 2 * LONGEST_WORDS


def _is_whole(token: str, following: str) -> bool:
    """Not between a number and what it counts."""
    return not token[-1:].isdigit()


def _is_not_in_thousands(token: str, following: str) -> bool:
    return not (token[-1:].isdigit() and _THOUSANDS.match(following.strip()))
