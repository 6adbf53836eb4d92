import hypothesis.strategies as st
import pytest
from hypothesis import example, given

from speech_tts.sentences import LONGEST_WORDS, Splitter, split
from speech_tts.wording import spoken


@pytest.mark.parametrize(
    ("text", "pieces"),
    [
        ("One. Two! Three?", ["One.", " Two!", " Three?"]),
        ("Dr. Smith is here. He waits.", ["Dr. Smith is here.", " He waits."]),
        ("It costs 3.50 euros. Really.", ["It costs 3.50 euros.", " Really."]),
        ("J. R. R. Tolkien wrote it. Yes.", ["J. R. R. Tolkien wrote it.", " Yes."]),
        ('"Come in." She did.', ['"Come in."', " She did."]),
        ('"Come in!" she said. "Now."', ['"Come in!" she said.', ' "Now."']),
        ("Well... perhaps. Fine", ["Well... perhaps.", " Fine"]),
        ("Well… Perhaps.", ["Well…", " Perhaps."]),
        ("1. Eggs\n2. Milk", ["1. Eggs", "\n2. Milk"]),
        ("- eggs\n- milk", ["- eggs", "\n- milk"]),
        ("A title\n\nA text.", ["A title", "\n\nA text."]),
        ("I was six. I left in 1990. Then", ["I was six.", " I left in 1990.", " Then"]),
        ("See https://example.com/a.b?c=d.e now. Yes", ["See https://example.com/a.b?c=d.e now.", " Yes"]),
        ("Он пришёл в 2020 г. домой. Всё.", ["Он пришёл в 2020 г. домой.", " Всё."]),
        ("你好。再见。", ["你好。", "再见。"]),
        ("ما اسمك؟ أنا سامي", ["ما اسمك؟", " أنا سامي"]),
        ("no stop at all", ["no stop at all"]),
    ],
)
def test_text_is_cut_where_a_sentence_ends(text: str, pieces: list[str]) -> None:
    assert list(split(text)) == pieces


def test_the_first_piece_is_a_clause_and_the_next_ones_grow() -> None:
    text = (
        "Well, my dear friend, I have come to tell you, after all these years, that nothing, nothing at all, changed."
    )

    assert list(split(text)) == [
        "Well, my dear friend,",
        " I have come to tell you, after all these years,",
        " that nothing, nothing at all, changed.",
    ]


def test_a_sentence_without_a_stop_is_forced_into_pieces() -> None:
    pieces = list(split("word " * 150))

    assert len(pieces) == 5
    assert all(len(piece.split()) <= LONGEST_WORDS for piece in pieces)


def test_a_long_sentence_is_rather_cut_after_a_comma() -> None:
    splitter = Splitter()
    list(splitter.feed("one two three four five six seven. " * 3))

    first, *_ = splitter.feed("one two three four five six seven eight nine ten eleven twelve, " + "more " * 30)

    assert first.endswith("twelve,")


def test_a_run_without_a_space_is_cut() -> None:
    assert max(map(len, split("x" * 10_000))) <= 60 * LONGEST_WORDS
    assert max(map(len, split("漢" * 1_000))) <= 2 * LONGEST_WORDS


def test_a_piece_comes_with_the_character_after_its_end() -> None:
    splitter = Splitter()

    assert list(splitter.feed("That is one.")) == []
    assert list(splitter.feed(" ")) == ["That is one."]


def test_after_a_flush_the_next_piece_is_a_first_one() -> None:
    splitter = Splitter()
    list(splitter.feed("one two three four five six seven. "))
    list(splitter.flush())

    assert list(splitter.feed("And now, my friend, go on")) == ["And now, my friend,"]


text = st.text(st.sampled_from("aAё1 .,!?…\n\"'()-;:。،؟漢9") | st.characters(), max_size=300)


@given(text, st.lists(st.integers(1, 40), min_size=1))
@example("a" * 59 + "12345 " * 40, [1])
@example(" " * 500 + "x. " + " " * 70 + "y", [7])
@example('He said "no..." ' + "x" * 70, [1])
def test_the_pieces_join_back_and_do_not_depend_on_the_portions(text: str, sizes: list[int]) -> None:
    splitter, pieces, at = Splitter(), [], 0
    for index in range(len(text)):
        size = sizes[index % len(sizes)]
        pieces += splitter.feed(text[at : at + size])
        at += size
    pieces += splitter.flush()

    assert pieces == list(split(text))
    assert "".join(pieces) == text


@given(
    st.lists(st.from_regex(r"[1-9][0-9]{0,2}(?:[., ][0-9]{3}){0,4}(?:[.,][0-9]{1,9})?", fullmatch=True), max_size=60)
)
def test_a_number_is_never_split(numbers: list[str]) -> None:
    text = " is ".join(numbers)
    ends = {0}
    for piece in split(text):
        ends.add(max(ends) + len(piece))

    at = 0
    for number in numbers:
        start = text.index(number, at)
        at = start + len(number)
        assert not any(start < end < at for end in ends)


def test_a_megabyte_is_held_in_pieces() -> None:
    splitter = Splitter()

    for _ in range(16):
        for piece in splitter.feed("Some words of a text; with clauses, and no end " * 1_400):
            assert len(piece) < 400

    assert len(splitter._rest) + sum(map(len, splitter._held)) < 400


@pytest.mark.parametrize(
    ("text", "pieces"),
    [
        ("On May 5, 2024, we met.", ["On May 5, 2024,", " we met."]),
        ("We have 5, 6 or 7 of them.", ["We have 5,", " 6 or 7 of them."]),
    ],
)
def test_a_date_is_not_cut_after_its_day(text: str, pieces: list[str]) -> None:
    assert list(split(text)) == pieces


@pytest.mark.parametrize("number", ["$5 million", "2024 году"])
def test_a_number_is_not_cut_from_what_it_counts(number: str) -> None:
    first, second = split("word " * (LONGEST_WORDS - 2) + number + " and more")

    assert not first.rstrip()[-1:].isdigit()
    assert number in second


def test_figures_are_as_long_as_the_words_that_are_spoken_for_them() -> None:
    pieces = list(split("$1,234.56 " * 60))

    assert all(len(spoken(piece, "en-US").split()) <= LONGEST_WORDS for piece in pieces)
    assert len(pieces) < 30
