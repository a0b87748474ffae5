"""The attribute networks trained by this project, by name."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

_WEIGHTS: Final = Path(__file__).parent / "weights"

DEFAULT_MODEL: Final = "headcount"

SHIPPED: Final[Mapping[str, str]] = {
    DEFAULT_MODEL: str(_WEIGHTS / "attributes.tflite"),
    "fairface": str(_WEIGHTS / "fairface.tflite"),
}
"""From all sources, and from FairFace alone, whose terms (CC BY 4.0) permit commercial use.
`cards/attributes.md` says how well they do."""
