"""Tables that two runs wrote, made comparable."""

import pandas as pd


def key(table: pd.DataFrame) -> list[tuple]:
    """The rows in an order of their own, comparable."""
    plain = table.drop(columns="p_age", errors="ignore").astype(object).where(table.notna(), None)
    return sorted(map(tuple, plain.to_numpy()), key=repr)
