"""Russian: what a figure is called, in the case that its neighbours ask for."""

# num2words ships no types.
# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false, reportUnknownVariableType=false

import re

from num2words import num2words

from speech_tts.wording.rules import END, MINUS, SIGNED_START, START, Rule, applied, is_spelled

_MONTHS = "января февраля марта апреля мая июня июля августа сентября октября ноября декабря".split()
_MONTH = rf"(?:{'|'.join(_MONTHS)})"
# Thousands are parted by a space, which may be one that does not break.
_NUMBER = r"\d{1,3}(?:[ \u00a0\u202f]\d{3})+(?:,\d{1,12})?|\d+(?:,\d{1,12})?"
_RUBLES, _DOLLARS, _EUROS = ("рубль", "рубля", "рублей"), ("доллар", "доллара", "долларов"), ("евро", "евро", "евро")
_POUNDS = ("фунт", "фунта", "фунтов")
_PERCENTS = ("процент", "процента", "процентов")
_CURRENCIES = {"₽": _RUBLES, "р": _RUBLES, "$": _DOLLARS, "д": _DOLLARS, "€": _EUROS, "е": _EUROS, "£": _POUNDS}
# After a hyphen, an ending tells case and gender.
_ENDINGS = {
    "й": {"case": "n", "gender": "m"}, "ый": {"case": "n", "gender": "m"}, "ой": {"case": "n", "gender": "m"},
    "я": {"case": "n", "gender": "f"}, "ая": {"case": "n", "gender": "f"},
    "е": {"case": "n", "gender": "n"}, "ое": {"case": "n", "gender": "n"},
    "го": {"case": "g", "gender": "m"}, "му": {"case": "d", "gender": "m"}, "м": {"case": "p", "gender": "m"},
}  # fmt: skip
# Endings of several; with that of the genitive, a number of _FEW is no ordinal.
_ENDINGS_OF_MANY = {"ые": "n", "х": "g", "ых": "g", "ми": "i", "ыми": "i"}
_FEW = ("2", "3", "4")
_YEAR_CASES = {"год": "n", "года": "g", "г.": "g", "году": "p", "годом": "i"}


def spoken(text: str) -> str:
    """Figures in words: `в 2024 году` is в две тысячи двадцать четвёртом году."""
    return applied(_RULES, text)


def _figures(text: str) -> str:
    return re.sub(r"\s", "", text).replace(",", ".")


def _cardinal(text: str) -> str:
    figures = _figures(text)
    whole = figures.partition(".")[0]
    if is_spelled(whole):
        return " ".join(str(num2words(int(one), lang="ru")) for one in figures if one != ".")
    return str(num2words(figures, lang="ru"))


def _ordinal(figures: str, *, case: str, gender: str = "m", plural: bool = False) -> str:
    return str(num2words(int(figures), lang="ru", to="ordinal", case=case, gender=gender, plural=plural))


def _with_ending(match: re.Match[str]) -> str:
    figures, ending = match["figures"], match["ending"]
    if figures in _FEW and ending == "х":
        return str(num2words(int(figures), lang="ru", case="g"))
    if case := _ENDINGS_OF_MANY.get(ending):
        return _ordinal(figures, case=case, plural=True)
    if match["years"] and ending in ("е", "м"):
        return _ordinal(figures, case="n" if ending == "е" else "d", plural=True)
    # Up to thirty it is a day of a month, above it can only be years.
    is_decade = ending == "е" and figures.endswith("0") and int(figures) > 30
    return _ordinal(figures, **_ENDINGS[ending], plural=is_decade)


def _minus(match: re.Match[str]) -> str:
    return "минус " if match["minus"] else ""


def _counted(text: str, forms: tuple[str, str, str]) -> str:
    """The number, and the thing that is counted in the form that goes with it."""
    whole, _, part = _figures(text).partition(".")
    one, few, many = forms
    last_two, last = int(whole[-2:]), int(whole[-1:])
    if part:
        form = few
    elif 11 <= last_two <= 14:
        form = many
    else:
        form = one if last == 1 else few if 2 <= last <= 4 else many
    return f"{_cardinal(text)} {form}"


def _money(match: re.Match[str]) -> str:
    return _minus(match) + _counted(match["figures"], _CURRENCIES[match["sign"][0].lower()])


def _year(match: re.Match[str]) -> str:
    word = match["word"]
    return f"{_ordinal(match['year'], case=_YEAR_CASES[word])} {'года' if word == 'г.' else word}"


def _numeric_date(match: re.Match[str]) -> str:
    return _date(match, match["year"], int(match["month"]), match["day"])


def _date(match: re.Match[str], year: str, month: int, day: str) -> str:
    if not (1 <= month <= 12 and 1 <= int(day) <= 31):
        return match.group()
    return f"{_ordinal(day, case='g')} {_MONTHS[month - 1]} {_ordinal(year, case='g')} года"


def _named_date(match: re.Match[str]) -> str:
    year = f" {_ordinal(match['year'], case='g')} года" if match["year"] else ""
    return f"{_ordinal(match['day'], case='g')} {match['month']}{year}"


def _iso_date(match: re.Match[str]) -> str:
    return _date(match, match["year"], int(match["month"]), match["day"])


def _time(match: re.Match[str]) -> str:
    hour, minute = _cardinal(match["hour"].lstrip("0") or "0"), match["minute"]
    return f"{hour} {_cardinal(minute) if minute != '00' else 'ноль ноль'}"


_RULES: tuple[Rule, ...] = (
    (re.compile(rf"{START}(?P<year>\d{{4}})-(?P<month>\d\d)-(?P<day>\d\d){END}"), _iso_date),
    (re.compile(rf"{START}(?P<hour>[01]?\d|2[0-3]):(?P<minute>[0-5]\d)(?![\w:]*\d)"), _time),
    (
        re.compile(
            rf"{SIGNED_START}(?P<figures>{_NUMBER})[ \u00a0]?"
            rf"(?P<sign>[₽$€£]|руб(?:\.|(?!\w))|долл(?:\.|(?!\w))|евро(?!\w))"
        ),
        _money,
    ),
    (
        re.compile(rf"(?:{MINUS}|(?<!\w))(?P<sign>[₽$€£])\s?(?P<figures>{_NUMBER})(?!\d)"),
        _money,
    ),
    (
        re.compile(
            rf"{START}(?P<day>\d\d?)(?P<mark>[./])(?P<month>\d\d?)(?P=mark)(?P<year>\d{{4}})(?:\sг\.|\sгода)?(?![\w.]\d)"
        ),
        _numeric_date,
    ),
    (
        re.compile(
            rf"{START}(?P<day>[0-3]?\d)\s(?P<month>{_MONTH})\b(?:\s(?P<year>\d{{4}})(?:\s(?:года|г\.)(?!\w))?(?!\d))?"
        ),
        _named_date,
    ),
    (
        re.compile(rf"{START}(?P<year>\d{{3,4}})\s(?P<word>году|годом|года|год|г\.)(?!\w)"),
        _year,
    ),
    (
        re.compile(
            rf"{START}(?P<figures>\d{{1,12}})-(?P<ending>{'|'.join((*_ENDINGS, *_ENDINGS_OF_MANY))})(?!\w)"
            rf"(?=(?P<years>\sгод(?:ы|ам)\b)?)"
        ),
        _with_ending,
    ),
    (
        re.compile(rf"{SIGNED_START}(?P<figures>{_NUMBER})\s?%"),
        lambda match: _minus(match) + _counted(match["figures"], _PERCENTS),
    ),
    (
        re.compile(rf"{SIGNED_START}(?P<figures>{_NUMBER}){END}"),
        lambda match: _minus(match) + _cardinal(match["figures"]),
    ),
)
