"""Rows for tests, and tables that two runs wrote made comparable."""

import pandas as pd

from headcount.schemas.photos import Photo


def photo(uri: str, photo_id: str | None = None, **more: object) -> Photo:
    """A photo whose `photo_id` is its name unless another is given."""
    photo_id = photo_id or uri.rpartition("/")[2]
    size = {"width": 9, "height": 9, "orientation": 1, "file_type": "jpeg", "bytes": 1, "faces": 1}
    return Photo(uri=uri, photo_id=photo_id, **size, **more)


def key(table: pd.DataFrame) -> list[tuple]:
    """The rows in an order of their own, comparable."""
    plain = table.drop(columns="p_age", errors="ignore").astype(object).where(table.notna(), None)
    return sorted(map(tuple, plain.to_numpy()), key=repr)
