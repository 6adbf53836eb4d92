"""`GET /` and `/docs`: the playground and the interface, pages of our own files that fetch nothing from elsewhere."""

from importlib.resources import files
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
    "referrer-policy": "no-referrer",
    "permissions-policy": "microphone=(self)",
    "cache-control": "no-cache",
}
# Swagger UI writes styles and pictures into its page.
_DOCS_POLICY = _POLICY.replace("style-src", "style-src 'unsafe-inline'").replace("img-src", "img-src data:")

router = APIRouter(include_in_schema=False)
# The more special one first. Swagger UI itself comes with a package that carries its files.
FILES = {
    "/playground/swagger": StaticFiles(directory=str(files("fastapi_offline") / "static")),
    "/playground": StaticFiles(directory=FOLDER),
}


@router.get("/")
async def page(request: Request) -> HTMLResponse:
    """The page, which knows whether to ask for a key."""
    settings: GatewaySettings = request.state.settings
    html = (FOLDER / "index.html").read_text(encoding="utf-8")
    return HTMLResponse(html.replace("{{keys}}", "on" if settings.keys_file else "off"), headers=_HEADERS)


@router.get("/docs")
async def docs() -> HTMLResponse:
    """The interface, to read and to try."""
    html = (FOLDER / "docs.html").read_text(encoding="utf-8")
    return HTMLResponse(html, headers={**_HEADERS, "content-security-policy": _DOCS_POLICY})
