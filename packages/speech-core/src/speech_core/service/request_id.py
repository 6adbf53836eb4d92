"""The id by which a request is found in the logs: the caller's own, or ours."""

import re
from uuid import uuid4

REQUEST_ID_HEADER = "x-request-id"
# A caller's id goes into logs and headers: short and harmless, or we make our own.
_ACCEPTED = re.compile(r"[A-Za-z0-9._:-]{1,128}")


def request_id_of(given: str) -> str:
    """What the caller has *given*, where it can be used."""
    return given if _ACCEPTED.fullmatch(given) else uuid4().hex
