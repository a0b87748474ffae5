from __future__ import annotations

import csv
import io
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pillow_heif
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from PIL.JpegImagePlugin import JpegImageFile

from headcount.schemas.errors import PhotoError
from headcount.transforms.photo.decode import Decoded, _load_jpeg, decode, read_header
from headcount.transforms.photo.file_types import HEAD_BYTES, PHOTO_FORMATS, sniff

MAX_PIXELS = 10**8
WIDTH, HEIGHT = 96, 64
CORNERS = np.array([[[255, 0, 0], [0, 255, 0]], [[0, 0, 255], [255, 255, 0]]], np.uint8)
"""Red, green / blue, yellow: every turn and mirror of it is different."""
PICTURE = Image.fromarray(CORNERS.repeat(HEIGHT // 2, axis=0).repeat(WIDTH // 2, axis=1))


def encoded(format: str, picture: Image.Image = PICTURE, **options: object) -> bytes:
    file = io.BytesIO()
    if format == "heic":
        pillow_heif.from_pillow(picture).save(file, quality=90, **options)
    else:
        picture.copy().save(file, format, **options)  # the JPEG writer leaves settings on its picture
    return file.getvalue()


def decoded(image: bytes, orientation: int | None = 1, longer_side: int = 1000) -> Decoded:
    return decode(image, sniff(image[:HEAD_BYTES], "").format, orientation, longer_side, MAX_PIXELS)


def corners(pixels: np.ndarray) -> np.ndarray:
    """The colour in the middle of each quarter."""
    height, width, _ = pixels.shape
    return pixels[np.ix_((height // 4, 3 * height // 4), (width // 4, 3 * width // 4))]


def assert_close(pixels: np.ndarray, expected: np.ndarray, by: int = 12) -> None:
    assert np.abs(pixels.astype(int) - expected).max() <= by, (pixels, expected)


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png(width: int, height: int) -> bytes:
    """A PNG that claims a size and holds nothing."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(b""))
        + chunk(b"IEND", b"")
    )


def noise() -> Image.Image:
    return Image.fromarray(np.random.default_rng(0).integers(0, 255, (HEIGHT, WIDTH, 3), np.uint8))


def gray16() -> Image.Image:
    return Image.fromarray(np.asarray(PICTURE.convert("L")).astype(np.uint16) * 257)


def rgb16_png() -> bytes:
    rows = np.asarray(PICTURE).astype(">u2") * 257
    body = b"".join(b"\0" + row.tobytes() for row in rows)
    header = struct.pack(">IIBBBBB", WIDTH, HEIGHT, 16, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(body))
        + chunk(b"IEND", b"")
    )


def black() -> Image.Image:
    return Image.new("RGB", PICTURE.size, "black")


IN_COLOUR: dict[str, Callable[[], bytes]] = {
    "jpeg": lambda: encoded("jpeg", quality=95, subsampling=0),
    "progressive": lambda: encoded("jpeg", quality=95, subsampling=0, progressive=True),
    "multi-picture jpeg": lambda: encoded(
        "mpo", save_all=True, append_images=[black()], quality=95, subsampling=0
    ),
    "cmyk jpeg": lambda: encoded("jpeg", PICTURE.convert("CMYK"), quality=95),
    "png": lambda: encoded("png"),
    "16-bit png": rgb16_png,
    "palette": lambda: encoded("png", PICTURE.quantize(16)),
    "animated png": lambda: encoded("png", save_all=True, append_images=[black()]),
    "webp": lambda: encoded("webp", lossless=True),
    "animated webp": lambda: encoded("webp", save_all=True, append_images=[black()], lossless=True),
    "animated gif": lambda: encoded("gif", save_all=True, append_images=[black()]),
    "bmp": lambda: encoded("bmp"),
    "multi-page tiff": lambda: encoded("tiff", save_all=True, append_images=[black()]),
    "jpeg in tiff": lambda: encoded("tiff", compression="jpeg"),
    "lzw tiff": lambda: encoded("tiff", compression="tiff_lzw"),
    "cmyk tiff": lambda: encoded("tiff", PICTURE.convert("CMYK")),
    "tiled tiff": lambda: encoded("tiff", compression="tiff_deflate", tiffinfo={322: 32, 323: 32}),
    "heic": lambda: encoded("heic"),
    "heic with a thumbnail": lambda: encoded("heic", thumbnails=[32]),
}


@pytest.mark.parametrize("kind", IN_COLOUR)
def test_every_kind_of_file_gives_the_same_pixels(kind: str) -> None:
    photo = decoded(IN_COLOUR[kind]())
    assert photo.pixels.dtype == np.uint8
    assert photo.pixels.shape == (HEIGHT, WIDTH, 3)
    assert (photo.width, photo.height, photo.damage) == (WIDTH, HEIGHT, None)
    assert_close(corners(photo.pixels), CORNERS)


@pytest.mark.parametrize("format", ["png", "tiff"])
def test_16_bit_grey_keeps_the_upper_byte(format: str) -> None:
    pixels = decoded(encoded(format, gray16())).pixels
    assert np.array_equal(pixels, np.asarray(PICTURE.convert("L").convert("RGB")))


def test_transparent_is_white() -> None:
    half = PICTURE.convert("RGBA")
    half.putalpha(Image.fromarray(np.array([[0], [255]], np.uint8).repeat(32, 0).repeat(WIDTH, 1)))
    expected = CORNERS.copy()
    expected[0] = 255
    for image in (encoded("png", half), encoded("webp", half, lossless=True), encoded("tiff", half)):
        assert_close(corners(decoded(image).pixels), expected)
    palette = PICTURE.quantize(4)
    red = palette.getpixel((0, 0))
    for image in (encoded("png", palette, transparency=red), encoded("gif", palette, transparency=red)):
        assert_close(corners(decoded(image).pixels)[0, 0], np.array([255, 255, 255]))


TURNED = {
    1: CORNERS,
    2: CORNERS[:, ::-1],
    3: CORNERS[::-1, ::-1],
    4: CORNERS[::-1],
    5: CORNERS.transpose(1, 0, 2),
    6: CORNERS[::-1].transpose(1, 0, 2),
    7: CORNERS[::-1, ::-1].transpose(1, 0, 2),
    8: CORNERS.transpose(1, 0, 2)[::-1],
}
"""What each EXIF orientation makes of CORNERS: 6 is a turn by 90 degrees clockwise."""


@pytest.mark.parametrize("orientation", [*TURNED, 0, 9, None])
@pytest.mark.parametrize("format", ["jpeg", "png", "webp"])
def test_orientation_is_applied_once(format: str, orientation: int | None) -> None:
    exif = Image.Exif()
    exif[0x112] = orientation or 1
    photo = decoded(encoded(format, exif=exif, quality=95), orientation)
    assert_close(corners(photo.pixels), TURNED.get(orientation or 1, CORNERS), by=40)
    size = (HEIGHT, WIDTH) if orientation in (5, 6, 7, 8) else (WIDTH, HEIGHT)
    assert (photo.width, photo.height) == photo.pixels.shape[1::-1] == size


@pytest.mark.parametrize("orientation", TURNED)
@pytest.mark.parametrize(
    "options", [{"format": "heic"}, {"format": "tiff"}, {"format": "tiff", "compression": "jpeg"}]
)
def test_heic_and_tiff_are_turned_by_their_reader_alone(options: dict[str, str], orientation: int) -> None:
    exif = Image.Exif()
    exif[0x112] = orientation
    photo = decoded(
        encoded(**options, exif=exif.tobytes() if options["format"] == "heic" else exif), orientation
    )
    assert_close(corners(photo.pixels), TURNED[orientation], by=40)
    assert (photo.width, photo.height) == photo.pixels.shape[1::-1]


@pytest.mark.parametrize("format", sorted(PHOTO_FORMATS))
@pytest.mark.parametrize("longer_side", [1, 20, 25, 40, 48, 96, 200])
def test_reduced_but_not_below_the_longer_side(format: str, longer_side: int) -> None:
    photo = decoded(encoded(format), 6, longer_side)
    rows, columns, _ = photo.pixels.shape
    assert {photo.width, photo.height} == {WIDTH, HEIGHT}
    assert min(longer_side, WIDTH) <= max(rows, columns) <= max(2 * longer_side, 2)
    assert columns == pytest.approx(rows * photo.width / photo.height, abs=1)


def test_size_is_checked_before_any_pixel() -> None:
    for size in ((10**6, 10**6), (2**31 - 1, 2**31 - 1), (10_001, 10_000)):
        with pytest.raises(PhotoError, match=f"too_large: {size[0]} x {size[1]}"):
            read_header(png(*size), "png", MAX_PIXELS)
        with pytest.raises(PhotoError, match="too_large"):
            decode(png(*size), "png", 1, 640, MAX_PIXELS)
    assert read_header(png(10_000, 10_000), "png", MAX_PIXELS).width == 10_000


def test_not_a_picture() -> None:
    for image, format, code in (
        (b"", "jpeg", "empty"),
        (b"", None, "empty"),
        (b"hello", None, "not_an_image"),
        (png(0, 5), "png", "bad_image"),
        (encoded("png"), "jpeg", "bad_image"),
        (encoded("tiff", Image.new("F", (8, 8))), "tiff", "bad_image"),
        (encoded("tiff", tiffinfo={254: 1}), "tiff", "not_an_image"),
        (encoded("tiff", tiffinfo={50706: b"\1\4\0\0"}), "tiff", "not_an_image"),
    ):
        with pytest.raises(PhotoError) as error:
            decode(image, format, 1, 640, MAX_PIXELS)
        assert error.value.code == code


def test_out_of_memory_is_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_memory(*_: object) -> None:
        raise MemoryError

    monkeypatch.setattr("headcount.transforms.photo.decode._to_rgb", no_memory)
    with pytest.raises(PhotoError, match="out_of_memory"):
        decoded(encoded("png"))


def test_damaged_metadata_does_not_cost_the_picture() -> None:
    """EXIF whose resolution is an empty text."""
    tags = struct.pack("<HHHIIHHII", 2, 0x11A, 2, 1, 0, 0x128, 3, 1, 2)
    exif = b"Exif\0\0II*\0\x08\0\0\0" + tags + bytes(4)
    image = encoded("jpeg")
    image = image[:2] + b"\xff\xe1" + struct.pack(">H", len(exif) + 2) + exif + image[2:]
    assert decoded(image).damage is None


@pytest.mark.parametrize("progressive", [False, True])
def test_a_jpeg_that_ends_early_is_kept_as_far_as_it_goes(progressive: bool) -> None:
    image = encoded("jpeg", noise(), quality=95, progressive=progressive)
    whole, half = decoded(image), decoded(image[: len(image) * 6 // 10])
    assert whole.damage is None
    assert half.damage is not None
    assert "truncated" in half.damage
    assert (half.width, half.height) == (WIDTH, HEIGHT)
    if not progressive:
        assert np.array_equal(half.pixels[:16], whole.pixels[:16])
        assert np.ptp(half.pixels[-8:]) == 0
    scan = image.index(b"\xff\xda")
    for early in (scan - 4, scan + 2, scan + 12):
        with pytest.raises(PhotoError, match="bad_image"):
            decoded(image[:early])


@pytest.mark.parametrize("format", sorted(PHOTO_FORMATS - {"jpeg"}))
def test_other_formats_that_end_early_are_bad(format: str) -> None:
    image = encoded(format, noise())
    with pytest.raises(PhotoError, match="bad_image"):
        decoded(image[: len(image) // 2])


def test_a_warning_of_the_library_is_no_failure() -> None:
    image = encoded("png")
    no_frames = chunk(b"acTL", struct.pack(">II", 0, 0))
    assert np.array_equal(decoded(image[:33] + no_frames + image[33:]).pixels, np.asarray(PICTURE))


def test_jpeg_is_scaled_while_decoding() -> None:
    assert _load_jpeg(JpegImageFile(io.BytesIO(encoded("jpeg"))), 24).size == (24, 16)
    assert _load_jpeg(JpegImageFile(io.BytesIO(encoded("jpeg"))), 25).size == (48, 32)


def test_libraries_print_and_log_nothing(
    capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    image = bytearray(encoded("tiff", compression="tiff_deflate"))
    image[12:30] = b"\xff" * 18
    with pytest.raises(PhotoError, match="bad_image"):
        decoded(bytes(image))
    samples_per_pixel = struct.pack("<HHI", 277, 3, 1)
    many = encoded("tiff").replace(samples_per_pixel + b"\3", samples_per_pixel + b"\x63")
    with pytest.raises(PhotoError, match="Invalid value for samples per pixel"):
        decoded(many)
    jpeg = encoded("jpeg", noise())
    assert decoded(jpeg[: len(jpeg) // 2]).damage
    assert capfd.readouterr() == ("", "")
    assert caplog.records == []


SEEDS = [
    *(make() for make in IN_COLOUR.values()),
    encoded("tiff", PICTURE.convert("1"), compression="group4"),
    encoded("png", gray16()),
]


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_damaged_bytes_raise_nothing_but_photo_error(data: st.DataObject) -> None:
    image = bytearray(data.draw(st.sampled_from(SEEDS)))
    places = st.one_of(st.integers(0, 63), st.integers(0, len(image) - 1))
    for place, byte in data.draw(st.lists(st.tuples(places, st.integers(0, 255)), max_size=8)):
        image[place] = byte
    damaged = bytes(image[: data.draw(st.one_of(st.just(len(image)), st.integers(0, len(image))))])
    _decode_or_photo_error(damaged, data.draw(st.integers(0, 9)))


@settings(max_examples=50, deadline=None)
@given(st.binary(max_size=200), st.sampled_from([*sorted(PHOTO_FORMATS), None]))
def test_arbitrary_bytes_raise_photo_error(image: bytes, format: str | None) -> None:
    for function in (lambda: read_header(image, format, 10**6), lambda: decode(image, format, 1, 64, 10**6)):
        with pytest.raises(PhotoError):
            function()


def _decode_or_photo_error(image: bytes, orientation: int) -> None:
    try:
        photo = decode(image, sniff(image[:HEAD_BYTES], "").format, orientation, 50, 10**6)
    except PhotoError:
        return
    assert photo.pixels.dtype == np.uint8
    assert photo.pixels.shape[2:] == (3,)
    assert max(photo.pixels.shape[:2]) >= min(50, max(photo.width, photo.height))


def rows(path: Path) -> list[dict[str, str]]:
    with open(path, encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def read(path: Path, orientation: int = 1) -> Decoded:
    image = path.read_bytes()
    return decode(image, sniff(image[:HEAD_BYTES], str(path)).format, orientation, 640, MAX_PIXELS)


def test_album(data: Path) -> None:
    codes = {}
    for row in rows(data / "album" / "truth.csv"):
        try:
            photo = read(data / "album" / row["path"])
            codes[row["path"]] = "damaged" if photo.damage else "decoded"
        except PhotoError as error:
            codes[row["path"]] = error.code
        if row["decodes"]:
            assert (codes[row["path"]] == "decoded") == (row["decodes"] == "1"), row
    assert {path: code for path, code in codes.items() if code != "decoded"} == {
        "broken/empty.jpg": "empty",
        "broken/truncated.jpg": "damaged",
        "broken/text.jpg": "not_an_image",
        "broken/noise.png": "not_an_image",
        "broken/bomb.png": "bad_image",
        "broken/header-only.jpg": "bad_image",
    }


def test_cameras(data: Path) -> None:
    for row in rows(data / "cameras" / "dates.csv"):
        photo = read(data / "cameras" / row["path"])
        assert photo.damage is None, row
        if row["width"]:
            path = data / "cameras" / row["path"]
            image = path.read_bytes()
            header = read_header(image, sniff(image[:HEAD_BYTES], "").format, MAX_PIXELS)
            assert (header.width, header.height) == (float(row["width"]), float(row["height"])), row


@pytest.mark.parametrize("shape", ["landscape", "portrait"])
def test_camera_orientations_show_the_same_picture(data: Path, shape: str) -> None:
    folder = data / "cameras" / "orientation"
    upright = [read(folder / f"{shape}_{orientation}.jpg", orientation) for orientation in range(1, 9)]
    for photo in upright:
        assert (photo.width > photo.height) == (shape == "landscape")
        assert photo.pixels.shape == upright[0].pixels.shape
        assert np.corrcoef(photo.pixels.ravel(), upright[0].pixels.ravel())[0, 1] > 0.95
