"""`GET /v1/models` and `GET /v1/audio/voices`: what a request may name, as OpenAI's clients and Open WebUI read it."""

from typing import Literal

from speech_core.contracts import Answered


class ListedModel(Answered):
    """A model; *created* is not known of any."""

    id: str
    object: Literal["model"] = "model"
    created: int = 0
    owned_by: str = "kubespeech"


class ModelList(Answered):
    object: Literal["list"] = "list"
    data: list[ListedModel]


class ListedVoice(Answered):
    """A voice; *id* is what a request's `voice` names."""

    id: str
    name: str
    language: str
    engine: str


class VoiceList(Answered):
    """All of them, the default first."""

    voices: list[ListedVoice]
