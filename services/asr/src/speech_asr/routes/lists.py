"""What can be asked for: `GET /v1/models` and each model, as OpenAI's clients read them."""

from fnmatch import fnmatch

from fastapi import APIRouter, Request

from speech_asr.settings import AsrSettings
from speech_core.contracts.models import ListedModel, ModelList
from speech_core.errors import NotFound

router = APIRouter(tags=["lists"])


@router.get("/v1/models")
async def list_models(request: Request) -> ModelList:
    """The model, and the names of OpenAI's that stand for it, but for patterns."""
    settings: AsrSettings = request.state.settings
    names = [settings.model_name, *(name for name in settings.model_aliases if "*" not in name)]
    return ModelList(data=[ListedModel(id=name) for name in names])


@router.get("/v1/models/{model_id}")
async def retrieve_model(request: Request, model_id: str) -> ListedModel:
    """One of them, by any name that a request may give."""
    check_model(model_id, request.state.settings)
    return ListedModel(id=model_id)


def check_model(name: str, settings: AsrSettings) -> None:
    """Raises `NotFound` (unknown_model) for what is not a name of the model."""
    names = (settings.model_name, *settings.model_aliases)
    if not any(fnmatch(name, known) for known in names):
        raise NotFound(f"there is no model `{name}`; there are {', '.join(names)}", code="unknown_model", param="model")
