"""The wire as models: what both ends of a connection execute."""

from pydantic import BaseModel, ConfigDict


class Sent(BaseModel):
    """What a caller sends: an unknown field is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Answered(BaseModel):
    """What we answer; the other end ignores fields it does not know."""

    model_config = ConfigDict(frozen=True)
