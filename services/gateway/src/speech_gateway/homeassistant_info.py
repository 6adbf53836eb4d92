"""What Home Assistant is told of us: the models, the voices, and what they can do."""

import warnings
from contextlib import suppress

from speech_core import __version__
from speech_core.contracts.models import ModelList, VoiceList
from speech_core.errors import SpeechError
from speech_gateway.upstreams.service import Upstreams

with warnings.catch_warnings():
    # It prefers a module that leaves the standard library, and has its own where that has gone.
    warnings.simplefilter("ignore")
    from wyoming.info import AsrModel, AsrProgram, Attribution, Info, TtsProgram, TtsVoice

_US = Attribution("kubespeech", "https://github.com/kubespeech/kubespeech")
# Whisper's, which the client wants to show.
_LANGUAGES = (
    "af ar az be bg bs ca cs cy da de el en es et fa fi fr gl he hi hr hu hy id is it ja kk kn ko lt lv mi mk mr ms ne "
    "nl no pl pt ro ru sk sl sr sv sw ta th tl tr uk ur vi zh"
).split()


async def info(upstreams: Upstreams) -> Info:
    """What both services have; of one that cannot be reached, nothing."""
    models: list[str] = []
    voices = VoiceList(voices=[])
    with suppress(SpeechError):
        models = [one.id for one in ModelList.model_validate(await upstreams.asr.get("/v1/models")).data]
    with suppress(SpeechError):
        voices = VoiceList.model_validate(await upstreams.tts.get("/v1/audio/voices"))
    return Info(
        asr=[AsrProgram("kubespeech", _US, True, "Whisper", __version__, [_model(name) for name in models[:1]])],
        tts=[
            TtsProgram(
                "kubespeech", _US, True, "Piper and others", __version__,
                [TtsVoice(voice.id, _US, True, voice.name, None, [voice.language]) for voice in voices.voices],
                supports_synthesize_streaming=True,
            )
        ],
    )  # fmt: skip


def _model(name: str) -> AsrModel:
    return AsrModel(name, _US, True, name, None, list[str](_LANGUAGES))
