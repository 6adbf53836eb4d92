"""What can be asked for: `GET /v1/models`, each model, and `GET /v1/audio/voices`, as OpenAI's clients read them."""

from fastapi import APIRouter, Request

from speech_core.contracts.models import ListedModel, ListedVoice, ModelList, VoiceList
from speech_core.errors import NotFound
from speech_tts.pipeline import Pipeline
from speech_tts.settings import TtsSettings

router = APIRouter(tags=["lists"])


@router.get("/v1/models")
async def list_models(request: Request) -> ModelList:
    """The engines, and the names of OpenAI's models that stand for the default."""
    pipeline: Pipeline = request.state.pipeline
    settings: TtsSettings = request.state.settings
    return ModelList(data=[ListedModel(id=name) for name in (*pipeline.voices.engines, *settings.model_aliases)])


@router.get("/v1/models/{model_id}")
async def retrieve_model(request: Request, model_id: str) -> ListedModel:
    """One of them."""
    engine_of(model_id, request.state.pipeline, request.state.settings)
    return ListedModel(id=model_id)


@router.get("/v1/audio/voices")
async def list_voices(request: Request) -> VoiceList:
    """What `voice` may name, the default first."""
    pipeline: Pipeline = request.state.pipeline
    voices = [
        ListedVoice(id=voice.id, name=voice.name, language=voice.language, engine=voice.engine)
        for voice in pipeline.voices
    ]
    return VoiceList(voices=voices)


def engine_of(model: str | None, pipeline: Pipeline, settings: TtsSettings) -> str | None:
    """
    The engine that *model* names, or none where it is one of OpenAI's names, which leave the choice open.

    Raises `NotFound` (unknown_model) for what is neither.
    """
    engines = pipeline.voices.engines
    if model is None or model in settings.model_aliases:
        return None
    if model in engines:
        return model
    known = ", ".join([*engines, *settings.model_aliases])
    raise NotFound(f"there is no model `{model}`; there are {known}", code="unknown_model", param="model")
