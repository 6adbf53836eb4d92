"""What can be asked for: the lists of the services, as OpenAI's clients and Open WebUI read them."""

from contextlib import suppress
from typing import Any

from fastapi import APIRouter, Request

from speech_core.contracts.models import ListedModel, ModelList, VoiceList
from speech_core.errors import NotFound
from speech_gateway.upstreams.service import Upstreams

router = APIRouter(tags=["lists"])


@router.get("/v1/models")
async def list_models(request: Request) -> ModelList:
    """Those of recognition, then those of synthesis."""
    return ModelList(data=await _models(request.state.upstreams))


@router.get("/v1/models/{model_id}")
async def retrieve_model(request: Request, model_id: str) -> ListedModel:
    """One of them, by any name that a request may give; 404 (`unknown_model`) for what is none."""
    upstreams: Upstreams = request.state.upstreams
    if model_id.strip("."):  # else it is a way to another path
        for service in (upstreams.asr, upstreams.tts):
            with suppress(NotFound):
                return ListedModel.model_validate(await service.get(f"/v1/models/{model_id}"))
    raise NotFound(f"there is no model `{model_id}`; see /v1/models", code="unknown_model", param="model")


@router.get("/v1/audio/models")
async def list_audio_models(request: Request) -> dict[str, Any]:
    """The same in the shape that Open WebUI asks for."""
    return {"models": [{"id": model.id} for model in await _models(request.state.upstreams)]}


@router.get("/v1/audio/voices")
async def list_voices(request: Request) -> VoiceList:
    """What `voice` may name, the default first."""
    upstreams: Upstreams = request.state.upstreams
    return VoiceList.model_validate(await upstreams.tts.get("/v1/audio/voices"))


async def _models(upstreams: Upstreams) -> list[ListedModel]:
    """Of both services: when one cannot be reached, that is an error and not a shorter list."""
    lists = [ModelList.model_validate(await one.get("/v1/models")) for one in (upstreams.asr, upstreams.tts)]
    return [model for listed in lists for model in listed.data]
