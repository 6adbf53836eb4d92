"""What can be asked for: `GET /v1/models`, in the shape that OpenAI's clients read."""

from fastapi import APIRouter, Request

from speech_asr.settings import AsrSettings
from speech_core.contracts.models import ListedModel, ModelList

router = APIRouter(tags=["lists"])


@router.get("/v1/models")
async def list_models(request: Request) -> ModelList:
    """The model, and the names of OpenAI's that stand for it, but for patterns."""
    settings: AsrSettings = request.state.settings
    names = [settings.model_name, *(name for name in settings.model_aliases if "*" not in name)]
    return ModelList(data=[ListedModel(id=name) for name in names])
