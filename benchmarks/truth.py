"""Ages and genders that a whole run wrote, against the truth of the shared album or cafe.

    headcount run --input DATA/cafe --output out
    python -m benchmarks.truth --tables out --data DATA/cafe

A face of the cafe is that of the one portrait its centre lies on. Of the album, photos of one known person
with one face found count. So faces that were missed, or found where there is none, are not in these figures.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from headcount.models.attributes import load_calibration
from headcount.models.datasets.crops import Faces, labels_of
from headcount.models.datasets.labelled import LabelledFace
from headcount.models.evaluation.metrics import evaluate, markdown
from headcount.schemas.labels import GENDERS


def cafe_labels(faces: pd.DataFrame, data: Path) -> pd.DataFrame:
    """`faces` whose centre lies on a portrait, with the visitor's `true_age` and `true_gender`."""
    portraits = pd.read_csv(data / "portraits.csv").merge(pd.read_csv(data / "visitors.csv"), on="visitor")
    of_path = {path: list(rows.itertuples()) for path, rows in portraits.groupby("path")}
    labels = []
    for face in faces.itertuples():
        x, y = (face.left + face.right) / 2, (face.top + face.bottom) / 2
        on = [
            one
            for one in of_path.get(face.path, ())
            if one.left <= x < one.right and one.top <= y < one.bottom
        ]
        labels.append((on[0].age, on[0].gender) if len(on) == 1 else (np.nan, None))
    ages, genders = zip(*labels, strict=True)
    return faces.assign(true_age=ages, true_gender=genders).dropna(subset="true_age")


def album_labels(faces: pd.DataFrame, data: Path) -> pd.DataFrame:
    """The only face of each photo of one known person, with the person's `true_age`."""
    truth = pd.read_csv(data / "truth.csv").dropna(subset="age").set_index("path")
    alone = faces[~faces.path.duplicated(keep=False) & faces.path.isin(truth.index[truth.faces == 1])]
    return alone.assign(true_age=truth.age.loc[alone.path].to_numpy(), true_gender=None)


def figures(faces: pd.DataFrame) -> str:
    """The figures of labelled rows of the table `faces` as Markdown."""
    labels = [
        LabelledFace(
            face_id=row.face_id,
            picture=b"",
            age=(row.true_age, row.true_age + 1),
            female=float(row.true_gender == GENDERS[0]) if row.true_gender else np.nan,
        )
        for row in faces.itertuples()
    ]
    nothing = np.zeros((len(labels), 1, 1, 3), np.uint8)
    found = np.ones(len(labels), bool)
    known = Faces(crops=nothing, real=np.zeros((len(labels), 4), np.uint8), found=found, **labels_of(labels))
    outputs = {"age": np.stack(faces.p_age).astype(np.float32), "gender": faces.p_female.to_numpy()}
    metrics = evaluate(outputs, known, load_calibration())
    parts = [markdown(metrics), *(markdown(metrics, by) for by in ("by_band", "by_gender") if metrics[by])]
    if share := metrics["answered"].get("gender.share"):
        right = metrics["answered"]["gender.accuracy"]
        parts.append(f"Gender known: {share:.3f}, right among those {right:.3f}")
    return "\n\n".join(parts)


def main(argv: Sequence[str] | None = None) -> None:
    """Prints the figures of a run's faces."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--tables", type=Path, required=True, help="output folder of the run")
    parser.add_argument("--data", type=Path, required=True, help="the shared album/ or cafe/")
    args = parser.parse_args(argv)
    faces = pd.read_parquet(args.tables / "faces")
    faces["path"] = faces.uri.str.removeprefix(f"{args.data.resolve()}/")
    labels = cafe_labels if (args.data / "visitors.csv").exists() else album_labels
    print(figures(labels(faces, args.data)))


if __name__ == "__main__":
    main()
