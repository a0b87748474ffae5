"""Headcount: who is in your photos, as an Apache Beam pipeline over photo collections."""

from pathlib import Path

__version__ = "0.1.0"

# In a clone the rooms lie next to this folder; installed, they lie in it.
_HERE = Path(__file__).parent
if not (_HERE / "transforms").is_dir():
    __path__.append(str(_HERE.parent))
