"""The base of configurations and records."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class FrozenModel(BaseModel):
    """A pydantic model that refuses keys which it does not declare, and whose values never change."""

    model_config = ConfigDict(extra="forbid", frozen=True)
