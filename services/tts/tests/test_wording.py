import hypothesis.strategies as st
import pytest
from hypothesis import given

from speech_tts.wording import spoken


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("It costs $3.50.", "It costs three dollars and fifty cents."),
        ("It costs $3.", "It costs three dollars."),
        ("$5 million or £1,200", "five million dollars or one thousand two hundred pounds sterling"),
        ("On 2024-05-12.", "On May twelfth, twenty twenty-four."),
        ("May 5, 2024 and 5 May", "May fifth, twenty twenty-four and May fifth"),
        ("At 5:30 pm, 12:05, 5:00.", "At five thirty pm, twelve oh five, five o'clock."),
        ("the 22nd", "the twenty-second"),
        ("$5M, $10k, $1.5bn", "five million dollars, ten thousand dollars, one point five billion dollars"),
        ("at 12:30pm", "at twelve thirty pm"),
        (
            "In 1999 he had 1999 apples.",
            "In nineteen ninety-nine he had one thousand nine hundred and ninety-nine apples.",
        ),
        ("5% of 1,234.5 is -3.", "five percent of one thousand two hundred and thirty-four point five is minus three."),
        ("Call 0123.", "Call zero one two three."),
        ("A4, mp3, v3.1.2, 192.168.0.1, 24/7, 1/2", "A4, mp3, v3.1.2, 192.168.0.1, 24/7, 1/2"),
        (
            "5€, 20 £ and 5$, 1,200.50€!",
            "five euro, twenty pounds sterling and five dollars, one thousand two hundred euro and fifty cents!",
        ),
        ("5M€ or 1.5 million $", "five million euros or one point five million dollars"),
        ("-$5, -5€, −5%, 5-10", "minus five dollars, minus five euro, minus five percent, 5-10"),
        ("100$-200$, 5%-10%", "one hundred dollars-200$, five percent-10%"),
        ("the 1990s, mid-1980's", "the nineteen nineties, mid-nineteen eighties"),
        ("1900s, 2000s, 2010s, 1910s", "nineteen hundreds, two thousands, twenty tens, nineteen tens"),
        ("the '90s, the ’20s, in the 80s", "the nineties, the twenties, in the eighties"),
        ("90s, 1000s, 1995s", "90s, 1000s, 1995s"),
    ],
)
def test_figures_are_said_in_english(written, said) -> None:
    assert spoken(written, "en-US") == said


@pytest.mark.parametrize(
    ("written", "american", "british"),
    [
        ("12/05/2024", "December fifth, twenty twenty-four", "May twelfth, twenty twenty-four"),
        ("5.1.1999", "May first, nineteen ninety-nine", "January fifth, nineteen ninety-nine"),
        ("05-01-2005", "May first, two thousand and five", "January fifth, two thousand and five"),
        ("12/31/2024", "December thirty-first, twenty twenty-four", "December thirty-first, twenty twenty-four"),
        ("31/12/2024", "December thirty-first, twenty twenty-four", "December thirty-first, twenty twenty-four"),
        ("32/12/2024, 13/13/2024, 1/1-2024", *["32/12/2024, 13/13/2024, 1/1-2024"] * 2),
    ],
)
def test_a_date_in_figures_is_that_of_the_region(written, american, british) -> None:
    assert spoken(f"On {written}.", "en-US") == spoken(f"On {written}.", "en-us-nyc") == f"On {american}."
    assert {spoken(f"On {written}.", language) for language in ("en-GB", "en", "en-AU")} == {f"On {british}."}


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("1 000 000 руб.", "один миллион рублей"),
        ("21 ₽, $5, 2,5 €", "двадцать один рубль, пять долларов, две целых пять десятых евро"),
        ("12.05.2024 г.", "двенадцатого мая две тысячи двадцать четвёртого года"),
        ("12 мая 2024 года", "двенадцатого мая две тысячи двадцать четвёртого года"),
        (
            "2024-05-12, 5 мая 2024",
            "двенадцатого мая две тысячи двадцать четвёртого года, пятого мая две тысячи двадцать четвёртого года",
        ),
        ("в 5:30 и в 15:00", "в пять тридцать и в пятнадцать ноль ноль"),
        ("в 2024 году", "в две тысячи двадцать четвёртом году"),
        ("5%, 21%, 2,5%", "пять процентов, двадцать один процент, две целых пять десятых процента"),
        ("1-й, 2-я, 5-го", "первый, вторая, пятого"),
        ("Мне 42.", "Мне сорок два."),
        ("99.99.2024, 05.2024, 1.2.3", "99.99.2024, 05.2024, 1.2.3"),
        ("1.5.2024", "первого мая две тысячи двадцать четвёртого года"),
        ("12/05/2024", "двенадцатого мая две тысячи двадцать четвёртого года"),
        ("5€, 20£, £2, 1$", "пять евро, двадцать фунтов, два фунта, один доллар"),
        ("-5 ₽, −5%", "минус пять рублей, минус пять процентов"),
        ("1990-е, 90-е, 2000-х", "тысяча девятьсот девяностые, девяностые, двухтысячных"),
        ("в 90-х, 20-е годы, к 1980-м годам", "в девяностых, двадцатые годы, к тысяча девятьсот восьмидесятым годам"),
        ("20-е мая, в 1990-м году", "двадцатое мая, в тысяча девятьсот девяностом году"),
        ("2-х, 5-х", "двух, пятых"),
    ],
)
def test_figures_are_said_in_russian(written, said) -> None:
    assert spoken(written, "ru") == said


@given(st.text(st.sampled_from("0123456789.,-:/%$€£₽'’ stndrhхмгойякруб") | st.characters(), max_size=80))
def test_any_text_can_be_said(text) -> None:
    for language in ("en-GB", "ru", "de"):
        spoken(text, language)


@given(st.text(st.characters(exclude_categories=["Nd", "Nl", "No"]), max_size=80))
def test_text_without_figures_stays_as_it_is(text) -> None:
    for language in ("en", "ru"):
        assert spoken(text, language) == text


def test_another_language_is_left_to_the_engine() -> None:
    assert spoken("Es kostet 3 Euro.", "de-DE") == "Es kostet 3 Euro."
