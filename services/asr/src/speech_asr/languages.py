"""The languages that Whisper knows, by code and by the English names that OpenAI's API answers with."""

from speech_core.errors import InvalidRequest

_TABLE = """
af afrikaans|am amharic|ar arabic|as assamese|az azerbaijani|ba bashkir|be belarusian|bg bulgarian|bn bengali|
bo tibetan|br breton|bs bosnian|ca catalan|cs czech|cy welsh|da danish|de german|el greek|en english|es spanish|
et estonian|eu basque|fa persian|fi finnish|fo faroese|fr french|gl galician|gu gujarati|ha hausa|haw hawaiian|
he hebrew|hi hindi|hr croatian|ht haitian creole|hu hungarian|hy armenian|id indonesian|is icelandic|it italian|
ja japanese|jw javanese|ka georgian|kk kazakh|km khmer|kn kannada|ko korean|la latin|lb luxembourgish|ln lingala|
lo lao|lt lithuanian|lv latvian|mg malagasy|mi maori|mk macedonian|ml malayalam|mn mongolian|mr marathi|ms malay|
mt maltese|my myanmar|ne nepali|nl dutch|nn nynorsk|no norwegian|oc occitan|pa punjabi|pl polish|ps pashto|
pt portuguese|ro romanian|ru russian|sa sanskrit|sd sindhi|si sinhala|sk slovak|sl slovenian|sn shona|so somali|
sq albanian|sr serbian|su sundanese|sv swedish|sw swahili|ta tamil|te telugu|tg tajik|th thai|tk turkmen|tl tagalog|
tr turkish|tt tatar|uk ukrainian|ur urdu|uz uzbek|vi vietnamese|yi yiddish|yo yoruba|yue cantonese|zh chinese
"""
NAMES = {code: name for code, _, name in (row.strip().partition(" ") for row in _TABLE.replace("\n", "").split("|"))}
_CODES = {name: code for code, name in NAMES.items()}


def code_of(asked: str | None, known: frozenset[str], *, param: str) -> str | None:
    """
    The code of a language that a caller named as `en`, `en-US` or `english`; None stays None.

    Raises `InvalidRequest` (unsupported_language) when the model does not know it.
    """
    if asked is None:
        return None
    word = asked.strip().lower()
    code = _CODES.get(word, word.replace("_", "-").partition("-")[0])
    if code not in known:
        raise InvalidRequest(
            f"the model does not know the language `{asked}`", code="unsupported_language", param=param
        )
    return code
