"""What can be asked for: `GET /v1/models` and `GET /v1/audio/voices`, in the shapes that OpenAI's clients read."""

from fastapi import APIRouter, Request

from speech_core.contracts.models import ListedModel, ListedVoice, ModelList, VoiceList
from speech_tts.pipeline import Pipeline
from speech_tts.settings import TtsSettings

router = APIRouter(tags=["lists"])


@router.get("/v1/models")
async def list_models(request: Request) -> ModelList:
    """The engines, and the names of OpenAI's models that stand for the default."""
    pipeline: Pipeline = request.state.pipeline
    settings: TtsSettings = request.state.settings
    return ModelList(data=[ListedModel(id=name) for name in (*pipeline.voices.engines, *settings.model_aliases)])


@router.get("/v1/audio/voices")
async def list_voices(request: Request) -> VoiceList:
    """What `voice` may name, the default first."""
    pipeline: Pipeline = request.state.pipeline
    voices = [
        ListedVoice(id=voice.id, name=voice.name, language=voice.language, engine=voice.engine)
        for voice in pipeline.voices
    ]
    return VoiceList(voices=voices)
