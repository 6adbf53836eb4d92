import pytest

from speech_tts.sentences import LONGEST_WORDS, split


@pytest.mark.parametrize(
    ("text", "pieces"),
    [
        ("One. Two! Three?", ["One. ", "Two! ", "Three?"]),
        ("Dr. Smith is here. He waits.", ["Dr. Smith is here. ", "He waits."]),
        ("It costs 3.50 euros. Really.", ["It costs 3.50 euros. ", "Really."]),
        ("J. R. R. Tolkien wrote it. Yes.", ["J. R. R. Tolkien wrote it. ", "Yes."]),
        ('"Come in." She did.', ['"Come in." ', "She did."]),
        ("Well... perhaps. Fine", ["Well... ", "perhaps. ", "Fine"]),
        ("1. Eggs\n2. Milk", ["1. Eggs\n2. Milk"]),
        ("A title\n\nA text.", ["A title\n\n", "A text."]),
        ("Он пришёл в 2020 г. домой. Всё.", ["Он пришёл в 2020 г. домой. ", "Всё."]),
        ("你好。再见。", ["你好。", "再见。"]),
        ("no stop at all", ["no stop at all"]),
    ],
)
def test_text_is_cut_where_a_sentence_ends(text: str, pieces: list[str]) -> None:
    assert list(split(text)) == pieces


@pytest.mark.parametrize(
    "text",
    [
        "",
        "   ",
        " leading and trailing ",
        "a, b; c: d. " * 40,
        "word " * 200,
        "x" * 10_000,
        "... !!! ???",
        "\n\n\n",
        'He said: "No." And left (for good.) Then: 3.14, e.g. this.',
    ],
)
def test_the_pieces_join_back_to_the_text(text: str) -> None:
    assert "".join(split(text)) == text


def test_a_sentence_without_a_stop_is_forced_into_clauses() -> None:
    pieces = list(split("word " * 150))

    assert all(len(piece.split()) <= LONGEST_WORDS for piece in pieces)


def test_a_long_sentence_is_rather_cut_after_a_comma() -> None:
    first, *_ = split("one two three four five six seven eight nine ten eleven twelve, " + "more " * 30)

    assert first.endswith("twelve, ")
