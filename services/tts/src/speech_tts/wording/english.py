"""English: what a figure is called."""

# num2words ships no types.
# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false, reportUnknownVariableType=false

import re

from num2words import num2words

from speech_tts.wording.rules import END, MINUS, SIGNED_START, START, Rule, applied, is_spelled

_CURRENCIES = {"$": "USD", "€": "EUR", "£": "GBP"}
_UNITS = {"$": "dollars", "€": "euros", "£": "pounds"}
_SCALES = {"k": "thousand", "m": "million", "b": "billion", "t": "trillion"}
_MONTHS = "January February March April May June July August September October November December".split()
_MONTH = rf"(?:{'|'.join(_MONTHS)})"
_NUMBER = r"\d{1,3}(?:,\d{3})+(?:\.\d{1,12})?|\d+(?:\.\d{1,12})?"


def spoken(text: str, *, month_first: bool) -> str:
    """
    Figures in words: `$3.50` is three dollars and fifty cents, `May 5, 2024` is May fifth, twenty twenty-four.

    `5/6/2024` is in May if *month_first*, else in June; what cannot be so is read the other way round.
    """
    return applied((_MONTH_FIRST if month_first else _DAY_FIRST, *_RULES), text)


def _cardinal(figures: str) -> str:
    figures = figures.replace(",", "")
    whole = figures.partition(".")[0]
    if is_spelled(whole):
        return " ".join("point" if one == "." else str(num2words(int(one))) for one in figures)
    # A comma would be a pause.
    return str(num2words(figures)).replace(",", "")


def _ordinal(figures: str) -> str:
    return str(num2words(int(figures), to="ordinal"))


def _year(figures: str) -> str:
    return str(num2words(int(figures), to="year"))


def _minus(match: re.Match[str]) -> str:
    return "minus " if match["minus"] else ""


def _money(match: re.Match[str]) -> str:
    return _minus(match) + _amount(match)


def _amount(match: re.Match[str]) -> str:
    sign, figures = match["sign"], match["figures"].replace(",", "")
    scale = match["word"] or _SCALES.get((match["letter"] or "")[:1].lower())
    if scale:
        return f"{_cardinal(figures)} {scale} {_UNITS[sign]}"
    if is_spelled(figures.partition(".")[0]):
        return f"{_cardinal(figures)} {_UNITS[sign]}"
    said = str(num2words(float(figures), to="currency", currency=_CURRENCIES[sign], separator=" and")).replace(",", "")
    return said if "." in figures else said.rpartition(" and zero ")[0]


def _iso_date(match: re.Match[str]) -> str:
    return _date(match["month"], match["day"], match["year"]) or match.group()


def _month_first(match: re.Match[str]) -> str:
    one, two, year = match["one"], match["two"], match["year"]
    return _date(one, two, year) or _date(two, one, year) or match.group()


def _day_first(match: re.Match[str]) -> str:
    one, two, year = match["one"], match["two"], match["year"]
    return _date(two, one, year) or _date(one, two, year) or match.group()


def _date(month: str, day: str, year: str) -> str:
    """Nothing where there is no such month or day."""
    if not (1 <= int(month) <= 12 and 1 <= int(day) <= 31):
        return ""
    return f"{_MONTHS[int(month) - 1]} {_ordinal(day)}, {_year(year)}"


def _decade(figures: str) -> str:
    """`1990` is nineteen nineties, `90` nineties, `00` two thousands."""
    said = _year("2000" if figures == "00" else figures)
    return f"{said[:-1]}ies" if said.endswith("y") else f"{said}s"


def _named_date(match: re.Match[str]) -> str:
    year = f", {_year(match['year'])}" if match["year"] else ""
    return f"{match['month']} {_ordinal(match['day'])}{year}"


def _time(match: re.Match[str]) -> str:
    hour, minute = int(match["hour"]), int(match["minute"])
    half = f" {match['half'].strip()}" if match["half"] else ""
    if minute == 0:
        return f"{num2words(hour)}{half}" if half or not 1 <= hour <= 12 else f"{num2words(hour)} o'clock"
    return f"{num2words(hour)} {'oh ' if minute < 10 else ''}{num2words(minute)}{half}"


_NUMERIC_DATE = re.compile(
    rf"{START}(?P<one>\d{{1,2}})(?P<mark>[/.-])(?P<two>\d{{1,2}})(?P=mark)(?P<year>[12]\d{{3}}){END}"
)
_MONTH_FIRST: Rule = (_NUMERIC_DATE, _month_first)
_DAY_FIRST: Rule = (_NUMERIC_DATE, _day_first)
_SCALE = r"(?:\s(?P<word>hundred|thousand|million|billion|trillion)\b|(?P<letter>k|[MmBb]n?|T)(?![^\W_]))?"
_RULES: tuple[Rule, ...] = (
    (
        re.compile(rf"(?:{MINUS}|(?<!\w))(?P<sign>[$€£])\s?(?P<figures>{_NUMBER}){_SCALE}(?!\w)"),
        _money,
    ),
    (re.compile(rf"{SIGNED_START}(?P<figures>{_NUMBER}){_SCALE}\s?(?P<sign>[$€£])(?!\w)"), _money),
    (re.compile(rf"{START}(?P<year>\d{{4}})-(?P<month>\d\d)-(?P<day>\d\d){END}"), _iso_date),
    (
        re.compile(rf"\b(?P<month>{_MONTH})\s(?P<day>\d{{1,2}})(?:st|nd|rd|th)?(?:,?\s(?P<year>\d{{4}}))?{END}"),
        _named_date,
    ),
    (
        re.compile(rf"{START}(?P<day>\d{{1,2}})(?:st|nd|rd|th)?\s(?P<month>{_MONTH})(?:,?\s(?P<year>\d{{4}}))?{END}"),
        _named_date,
    ),
    (
        re.compile(rf"{START}(?P<hour>[01]?\d|2[0-3]):(?P<minute>[0-5]\d)(?P<half>\s?[ap]\.?m\b)?(?![\w:]*\d)"),
        _time,
    ),
    (
        re.compile(r"(?<![\w.,:/])(?P<figures>(?:1[1-9]|20)\d0)['’]?s(?!\w)"),
        lambda match: _decade(match["figures"]),
    ),
    (
        re.compile(r"(?P<cue>(?<!\w)['’‘]|\b(?:[Tt]he|[Ee]arly|[Ll]ate)\s|\b[Mm]id[-\s])(?P<figures>\d0)['’]?s(?!\w)"),
        lambda match: match["cue"].strip("'’‘") + _decade(match["figures"]),
    ),
    (re.compile(rf"{START}(?P<figures>\d{{1,12}})(?:st|nd|rd|th)\b"), lambda match: _ordinal(match["figures"])),
    (
        re.compile(
            rf"(?P<cue>\b(?:[Ii]n|[Ss]ince|[Uu]ntil|[Bb]y|[Ff]rom|[Dd]uring|of|year)\s)(?P<year>1[1-9]\d\d|20\d\d){END}"
        ),
        lambda match: match["cue"] + _year(match["year"]),
    ),
    (
        re.compile(rf"{SIGNED_START}(?P<figures>{_NUMBER})\s?%"),
        lambda match: f"{_minus(match)}{_cardinal(match['figures'])} percent",
    ),
    (
        re.compile(rf"{SIGNED_START}(?P<figures>{_NUMBER}){END}"),
        lambda match: _minus(match) + _cardinal(match["figures"]),
    ),
)
