"""What every group of settings has in common."""

from typing import Any

from pydantic import BaseModel, ConfigDict, model_validator


class Settings(BaseModel):
    """A group of settings: unknown keys are refused, and values never change."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    @model_validator(mode="before")
    @classmethod
    def _only_known_keys(cls, values: Any) -> Any:
        if isinstance(values, dict):
            for key in values:
                if key not in cls.model_fields:
                    allowed = ", ".join(cls.model_fields)
                    raise ValueError(f"unknown key {key!r} (allowed: {allowed})")
        return values
