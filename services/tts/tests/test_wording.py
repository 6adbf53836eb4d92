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
        ("A4, mp3, v3.1.2, 192.168.0.1, 12/05/2024", "A4, mp3, v3.1.2, 192.168.0.1, 12/05/2024"),
    ],
)
def test_figures_are_said_in_english(written, said) -> None:
    assert spoken(written, "en-US") == said


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
        ("99.99.2024", "99.99.2024"),
    ],
)
def test_figures_are_said_in_russian(written, said) -> None:
    assert spoken(written, "ru") == said


@given(st.text(st.sampled_from("0123456789.,-:/%$€₽ stndrhмгойякруб") | st.characters(), max_size=80))
def test_any_text_can_be_said(text) -> None:
    for language in ("en-GB", "ru", "de"):
        spoken(text, language)


@given(st.text(st.characters(exclude_categories=["Nd", "Nl", "No"]), max_size=80))
def test_text_without_figures_stays_as_it_is(text) -> None:
    for language in ("en", "ru"):
        assert spoken(text, language) == text


def test_another_language_is_left_to_the_engine() -> None:
    assert spoken("Es kostet 3 Euro.", "de-DE") == "Es kostet 3 Euro."
