"""What no engine may take: body, headers, and the status, code and field that the answer names."""

from typing import Any

JSON = {"content-type": "application/json"}

BadRequest = tuple[Any, dict[str, str], int, str, str | None]

BAD_REQUESTS: list[BadRequest] = [
    ({"text": ""}, JSON, 400, "empty_text", "text"),
    ({"text": " \n"}, JSON, 400, "empty_text", "text"),
    ({"text": "..."}, JSON, 400, "empty_text", "text"),
    ({"text": "...", "format": "wav"}, JSON, 400, "empty_text", "text"),
    ({"text": "\0"}, JSON, 400, "empty_text", "text"),
    ("...\n", {"content-type": "text/plain"}, 400, "empty_text", "text"),
    ({"text": "a" * 4097}, JSON, 413, "text_too_long", "text"),
    ({"text": "a" * 300_000}, JSON, 413, "text_too_long", "text"),
    ({"text": "a", "voice": "x"}, JSON, 400, "unknown_voice", "voice"),
    ({"text": "a", "language": "xx"}, JSON, 400, "unsupported_language", "language"),
    ({"text": "a", "bogus": 1}, JSON, 400, "unknown_field", "bogus"),
    ({"text": "a", "speed": 5}, JSON, 400, "invalid_request", "speed"),
    ({"text": "a", "format": "ra"}, JSON, 400, "invalid_request", "format"),
    ({"text": "a", "format": "opus", "sample_rate": 22_050}, JSON, 400, "unsupported_format", "sample_rate"),
    ({}, JSON, 400, "missing_field", "text"),
    ("{", JSON, 400, "invalid_json", None),
    ("", JSON, 400, "missing_field", None),
    ("[1]", JSON, 400, "invalid_request", None),
    ("a", {"content-type": "text/html"}, 415, "unsupported_media_type", None),
    ("a", {}, 415, "unsupported_media_type", None),
    (" \n \n", {"content-type": "text/plain"}, 400, "empty_text", "text"),
    ("a" * 4097, {"content-type": "text/plain"}, 413, "text_too_long", "text"),
]
