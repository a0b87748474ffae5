"""Who is in your photos, from Python.

    import headcount

    result = headcount.run("photos", "out", attributes=["age", "gender"])
    result.faces.groupby("age_group", observed=True).size()
    headcount.read("out").photos
    headcount.look("party.jpg").faces

`run`, `read` and `look` do what the `headcount` command does, `ReadFaces` is their middle as a transform for
a Beam pipeline of your own, and all that they raise on purpose is a `HeadcountError`.
"""

from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from headcount.beam_pipeline.read_faces import ReadFaces as ReadFaces
    from headcount.beam_pipeline.settings import Settings as Settings
    from headcount.interface import look as look
    from headcount.interface import read as read
    from headcount.interface import run as run
    from headcount.results import Look as Look
    from headcount.results import Result as Result
    from headcount.schemas.errors import HeadcountError as HeadcountError
    from headcount.schemas.errors import PhotoError as PhotoError
    from headcount.schemas.errors import PoolError as PoolError
    from headcount.schemas.errors import RefusedError as RefusedError
    from headcount.schemas.errors import RunError as RunError
    from headcount.schemas.errors import UsageError as UsageError

_MODULES = {
    "HeadcountError": "schemas.errors",
    "Look": "results",
    "PhotoError": "schemas.errors",
    "PoolError": "schemas.errors",
    "ReadFaces": "beam_pipeline.read_faces",
    "RefusedError": "schemas.errors",
    "Result": "results",
    "RunError": "schemas.errors",
    "Settings": "beam_pipeline.settings",
    "UsageError": "schemas.errors",
    "look": "interface",
    "read": "interface",
    "run": "interface",
}
"""Where each name is from. Imported at its first use: child processes of a run import this package too, and
must stay without Beam and pandas."""

__all__ = ["__version__", *_MODULES]

# In a clone the rooms lie next to this folder; installed, they lie in it.
_HERE = Path(__file__).parent
if not (_HERE / "transforms").is_dir():
    __path__.append(str(_HERE.parent))


if not TYPE_CHECKING:  # A type checker would take any name for one of ours.

    def __getattr__(name: str) -> Any:
        if name not in _MODULES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
