"""What `run`, `read` and `look` give: tables as pandas DataFrames, and a picture."""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

import pyarrow.parquet as pq

from headcount.schemas.columns import arrow_table
from headcount.schemas.errors import UsageError
from headcount.schemas.faces import Face
from headcount.schemas.failures import Failure
from headcount.schemas.manifest import Manifest
from headcount.schemas.photos import Photo
from headcount.transforms.collection.output import output_at
from headcount.transforms.collection.storage import is_remote, join, local_copy

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from PIL import Image


class Result:
    """The tables of one complete run, read when they are first used.

    `manifest` says how it was made; `metrics` are the engine's counters of the run that was just done,
    empty for an earlier one.
    """

    def __init__(self, output: str, manifest: Manifest, metrics: Mapping[str, Any] | None = None) -> None:
        self.output = output
        self.manifest = manifest
        self.metrics = dict(metrics or {})

    @cached_property
    def photos(self) -> pd.DataFrame:
        """One row per file that was read."""
        return self._table("photos")

    @cached_property
    def faces(self) -> pd.DataFrame:
        """One row per face, with its box, age, gender and mood."""
        return self._table("faces")

    @cached_property
    def failures(self) -> pd.DataFrame:
        """One row per loss: where, what, which file."""
        return self._table("failures")

    @cached_property
    def files(self) -> pd.DataFrame:
        """One row per file or folder that was met, and what became of it."""
        return self._table("files")

    @cached_property
    def footfall(self) -> pd.DataFrame:
        """Faces per camera, hour, age group, gender and mood."""
        return self._table("footfall")

    @cached_property
    def album(self) -> pd.DataFrame:
        """Photos and faces per month and age group."""
        return self._table("album")

    def __repr__(self) -> str:
        rows = self.manifest.rows
        counts = ", ".join(f"{rows[table]:,} {table}" for table in ("photos", "faces", "failures"))
        return f"<headcount.Result {self.output}: {counts}>"

    def _table(self, name: str) -> pd.DataFrame:
        import pandas as pd

        # A bucket keeps the tables of the last run apart, so that no copying run is seen half done.
        root = (
            output_at(self.output, self.manifest.run_id).run_folder if is_remote(self.output) else self.output
        )
        try:
            with local_copy(join(root, name, f"{name}.parquet")) as file:
                wrote = (pq.read_schema(file).metadata or {}).get(b"headcount.run_id", b"").decode()
                # Folders named year=2024 above the file are no columns.
                table = pd.read_parquet(file, partitioning=None)
        except FileNotFoundError:
            wrote = ""
        if wrote != self.manifest.run_id:
            raise UsageError(
                f"{self.output} was written again since; headcount.read({self.output!r}) has its tables"
            )
        return table


class Look:
    """What is seen in one picture; a notebook shows it.

    `picture` is uint8 RGB [height, width, 3] with a numbered box around each face, `faces` has the columns
    of the faces table, the face with number 1 first, `photo` is the picture's row of the photos table, and
    `failures` says what was lost of it.
    """

    def __init__(
        self, photo: Photo, faces: Sequence[Face], picture: Image.Image, failures: Sequence[Failure]
    ) -> None:
        self._image = picture
        self.faces: pd.DataFrame = arrow_table(Face, faces).to_pandas()
        self.faces.index += 1
        self.failures: pd.DataFrame = arrow_table(Failure, failures).to_pandas()
        self.photo: pd.Series[Any] = arrow_table(Photo, [photo]).to_pandas().iloc[0]

    @cached_property
    def picture(self) -> np.ndarray:
        """See Look."""
        import numpy as np

        return np.asarray(self._image)

    def __repr__(self) -> str:
        return f"<headcount.Look {self.photo.uri}: {len(self.faces)} faces>"

    def _repr_png_(self) -> bytes:
        return self._encoded("PNG")

    def _repr_html_(self) -> str:
        columns = ["age", "age_low", "age_high", "age_group", "gender", "p_female", "mood", "score"]
        picture = base64.b64encode(self._encoded("JPEG")).decode()
        table = self.faces[columns].to_html(na_rep="", float_format="{:.2f}".format)
        return f'<img src="data:image/jpeg;base64,{picture}" style="max-width: 100%">{table}'

    def _encoded(self, format: str) -> bytes:
        content = io.BytesIO()
        self._image.save(content, format)
        return content.getvalue()
