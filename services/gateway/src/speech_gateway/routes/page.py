"""`GET /`: the playground, a page of our own files and nobody else's."""

from pathlib import Path

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse
from starlette.staticfiles import StaticFiles

from speech_gateway.settings import GatewaySettings

FOLDER = Path(__file__).parents[1] / "playground"
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; "
    "media-src 'self' blob:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_HEADERS = {
    "content-security-policy": _POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "permissions-policy": "microphone=(self)",
    "cache-control": "no-cache",
}

router = APIRouter(include_in_schema=False)
files = StaticFiles(directory=FOLDER)


@router.get("/")
async def page(request: Request) -> HTMLResponse:
    """The page, which knows whether to ask for a key."""
    settings: GatewaySettings = request.state.settings
    html = (FOLDER / "index.html").read_text(encoding="utf-8")
    return HTMLResponse(html.replace("{{keys}}", "on" if settings.keys_file else "off"), headers=_HEADERS)
