"""Which headers are passed on (RFC 9110, 7.6.1), in both directions."""

from collections.abc import Collection, Mapping

_HOP_BY_HOP = frozenset(
    {
        "connection", "keep-alive", "proxy-authenticate", "proxy-authorization", "proxy-connection", "te", "trailer",
        "transfer-encoding", "upgrade",
    }
)  # fmt: skip
# On the way in, the connection's own, and the key, which opens the gateway and nothing else; on the way out, what each
# server writes itself.
_OWN_REQUEST = frozenset({"authorization", "host", "expect", "x-request-id"})
_OWN_ANSWER = frozenset({"date", "server", "x-request-id"})


def to_upstream(headers: Mapping[str, str], request_id: str) -> dict[str, str]:
    """The caller's headers without those of the caller's connection, with our request id."""
    return _joined(headers, _HOP_BY_HOP | _OWN_REQUEST | _named(headers)) | {"x-request-id": request_id}


def to_caller(headers: Mapping[str, str]) -> dict[str, str]:
    """The upstream's headers without those of the upstream's connection."""
    return _joined(headers, _HOP_BY_HOP | _OWN_ANSWER | _named(headers))


def _joined(headers: Mapping[str, str], dropped: Collection[str]) -> dict[str, str]:
    """What is not dropped; a field that is sent in several lines is one list (RFC 9110, 5.3)."""
    kept: dict[str, str] = {}
    for name, value in headers.items():
        if (lower := name.lower()) not in dropped:
            separator = "; " if lower == "cookie" else ", "
            kept[lower] = f"{kept[lower]}{separator}{value}" if lower in kept else value
    return kept


def _named(headers: Mapping[str, str]) -> set[str]:
    listed = ",".join(value for name, value in headers.items() if name.lower() == "connection")
    return {name.strip().lower() for name in listed.split(",")}
