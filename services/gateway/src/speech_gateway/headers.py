"""Which headers are passed on (RFC 9110, 7.6.1), in both directions."""

from collections.abc import Mapping

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
    dropped = _HOP_BY_HOP | _OWN_REQUEST | _named(headers)
    kept = {name: value for name, value in headers.items() if name.lower() not in dropped}
    return kept | {"x-request-id": request_id}


def to_caller(headers: Mapping[str, str]) -> dict[str, str]:
    """The upstream's headers without those of the upstream's connection."""
    dropped = _HOP_BY_HOP | _OWN_ANSWER | _named(headers)
    return {name: value for name, value in headers.items() if name.lower() not in dropped}


def _named(headers: Mapping[str, str]) -> set[str]:
    listed = next((value for name, value in headers.items() if name.lower() == "connection"), "")
    return {name.strip().lower() for name in listed.split(",")}
