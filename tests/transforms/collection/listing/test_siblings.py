from __future__ import annotations

import unicodedata

import pytest

from headcount.transforms.collection.listing.siblings import Siblings
from headcount.transforms.collection.listing.sidecars import find_sidecars, index_sidecars, sidecar_names
from headcount.transforms.dates.spellings import DAY_FIRST


@pytest.mark.parametrize(
    ("photo", "sidecar"),
    [
        ("IMG_1.jpg", "IMG_1.jpg.xmp"),
        ("IMG_1.jpg", "IMG_1.xmp"),
        ("IMG_1.JPG", "IMG_1.XMP"),
        ("IMG_1.jpg", "IMG_1.jpg.json"),
        ("IMG_1.jpg", "IMG_1.jpg.supplemental-metadata.json"),
        ("IMG_20200101_101010_BURST0001.jpg", "IMG_20200101_101010_BURST0001.jpg.supplemental.json"),
        ("IMG(2).jpg", "IMG.jpg(2).json"),
        ("IMG(2).jpg", "IMG.jpg.supplemental-metadata(2).json"),
        ("A" * 60 + ".jpg", "A" * 46 + ".json"),
        ("no extension", "no extension.xmp"),
        # Without the extension.
        ("Peanut Cake.jpg", "Peanut Cake.json"),
        ("Peanut Cake.jpg", "Peanut Cake.supplemental-metadata.json"),
        # Of the original.
        ("A-edited.jpg", "A.jpg.supplemental-metadata.json"),
        ("A-edited.jpg", "A.HEIC.json"),
        ("B-edited(1).jpg", "B.jpg.supplemental-metadata(1).json"),
        ("B(1)-edited.jpg", "B.jpg.supplemental-metadata(1).json"),
        ("C-bearbeitet.jpg", "C.jpg.json"),
        ("C-modifié.jpg", "C.jpg.json"),
        ("C-modifie\u0301.jpg", "C.jpg.json"),
        ("C-ha editado.jpg", "C.jpg.json"),
        ("C-編集済み.jpg", "C.jpg.json"),
        (
            "IMG_20200101_101010_BURST0001_COVER_LONGER_NAME-edi.jpg",
            "IMG_20200101_101010_BURST0001_COVER_LONGER_NAM.json",
        ),
        # Of what the photo is made of.
        ("IMG_5.jpg", "IMG_5.HEIC.supplemental-metadata.json"),
        ("IMG_5.JPG", "IMG_5.heic.json"),
        ("IMG_5(1).jpg", "IMG_5.HEIC.supplemental-metadata(1).json"),
        # In another case or Unicode form.
        ("IMG_7.jpg", "IMG_7.JPG.json"),
        ("IMG_7.jpg", "img_7.jpg.Supplemental-Metadata.JSON"),
        ("IMG_7.jpg", "IMG_7.Xmp"),
        (unicodedata.normalize("NFC", "Café.jpg"), unicodedata.normalize("NFD", "Café.jpg.json")),
        (unicodedata.normalize("NFD", "CAFÉ.jpg"), unicodedata.normalize("NFC", "Café.jpg.xmp")),
    ],
)
def test_sidecars_of_a_photo(photo: str, sidecar: str) -> None:
    others = {"IMG_2.xmp", "IMG.json", "metadata.json", "edited.json", photo}
    assert find_sidecars(photo, index_sidecars(others | {sidecar})) == (sidecar,)


@pytest.mark.parametrize(
    ("photo", "sidecar"),
    [
        ("IMG_1(1).jpg", "IMG_1.jpg.json"),
        ("IMG_1.jpg", "IMG_1.jpg(1).json"),
        ("IMG_1-crop.jpg", "IMG_1.jpg.json"),
        ("A-edi.jpg", "A.jpg.json"),
        ("a.xmp", "a.xmp"),
    ],
)
def test_sidecars_of_others(photo: str, sidecar: str) -> None:
    assert find_sidecars(photo, index_sidecars([photo, sidecar])) == ()


def test_the_best_sidecar_comes_first() -> None:
    assert sidecar_names("a.jpg")[0] == "a.jpg.xmp"
    names = ["a.json", "a.heic.json", "a.jpg.json", "a.xmp", "a.jpg.xmp"]
    assert find_sidecars("a.jpg", index_sidecars(names)) == (
        "a.jpg.xmp",
        "a.xmp",
        "a.jpg.json",
        "a.json",
        "a.heic.json",
    )


def test_case_counts_where_names_differ_in_nothing_else() -> None:
    beside = index_sidecars(["a.xmp", "A.xmp"])
    assert find_sidecars("a.jpg", beside) == ("a.xmp",)
    assert find_sidecars("A.jpg", beside) == ("A.xmp",)


def test_only_a_name_that_needs_it_has_an_order() -> None:
    siblings = Siblings.of(["13-02-2019.jpg", "04-03-2019.jpg", "x.jpg"])
    assert [siblings.order_of(name) for name in ("04-03-2019.jpg", "13-02-2019.jpg", "x.jpg")] == [
        DAY_FIRST,
        "",
        "",
    ]
    assert Siblings.of(["04-03-2019.jpg"]).order_of("04-03-2019.jpg") == ""
