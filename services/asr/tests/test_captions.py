import pysubs2
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from speech_asr import captions
from speech_asr.segments import Segment

# What subtitles are made of: arrows, times, tags, numbers and blank lines.
text = st.text(st.sampled_from("aё1-><&:,.0\n ") | st.characters(exclude_categories=("C", "Z")), max_size=40)
lengths = st.lists(st.tuples(st.integers(0, 5_000), st.integers(0, 5_000), text), max_size=8)


@pytest.mark.parametrize("form", ["srt", "vtt"])
@given(lengths)
@example([(0, 1_000, "it goes ---> there")])
@example([(0, 1_000, "1\n\n2")])
def test_a_parser_finds_the_cues_that_were_written_and_no_other(form: str, lengths) -> None:
    segments, at = [], 0
    for pause, length, said in lengths:
        segments.append(Segment((at + pause) / 1000, (at + pause + length) / 1000, said))
        at += pause + length

    written = getattr(captions, form)(segments)

    told = [segment for segment in segments if segment.text.split()]
    cues = pysubs2.SSAFile.from_string(written, format_=form) if told else []
    assert [cue.start for cue in cues] == [round(segment.start_seconds * 1000) for segment in told]
    assert all(cue.end > cue.start for cue in cues)
    assert written.count("-->") == len(told)
