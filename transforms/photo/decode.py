"""From the bytes of a photo to upright RGB pixels at a bounded cost.

Pillow decodes everything but HEIC, which pillow-heif does. For JPEG it gives the same pixels as
OpenCV's reduced decoding, and prints nothing on damaged files. The limits, in one place:

- JPEG, HEIC, WebP, GIF, TIFF and multi-picture files: the first (HEIC: the primary) picture only;
  thumbnails that are embedded in a file are never decoded.
- Transparent pixels are laid over white; 16-bit pixels keep their upper 8 bits.
- Colour profiles are ignored: pixels are taken as sRGB, and CMYK is converted without a profile.
- 12-bit and lossless JPEG, and TIFF with 32-bit or uncompressed YCbCr pixels, are not decoded.
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

import numpy as np
import pillow_heif
from PIL import Image, ImageFile
from PIL.BmpImagePlugin import BmpImageFile
from PIL.GifImagePlugin import GifImageFile
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile
from PIL.TiffImagePlugin import TiffImageFile
from PIL.WebPImagePlugin import WebPImageFile

from headcount.models.quiet import SILENT_STDERR, WhileAny, silent_log
from headcount.schemas.errors import PhotoError

END_OF_IMAGE: Final = b"\xff\xd9"
"""The marker that ends a JPEG."""


class _JpegFile(JpegImageFile):
    """Pillow's reader, less its search of EXIF for a resolution, which refuses some pictures."""

    def _read_dpi_from_exif(self) -> None:
        pass


_Opened = ImageFile.ImageFile | pillow_heif.HeifFile

_OPENERS: Final[dict[str, Callable[[io.BytesIO], ImageFile.ImageFile]]] = {
    # Not Image.open: it would also try other formats, and read the index of a multi-picture JPEG.
    "jpeg": _JpegFile,
    "png": PngImageFile,
    "webp": WebPImageFile,
    "tiff": TiffImageFile,
    "bmp": BmpImageFile,
    "gif": GifImageFile,
}

_UPRIGHT: Final = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""What turns a stored picture upright, by EXIF orientation."""

_TURNED_BY_READER: Final = frozenset({"heic", "tiff"})
"""libheif applies rotation boxes, Pillow a TIFF's orientation tag; that must stay the only turn."""

_NEW_SUBFILE_TYPE, _REDUCED_RESOLUTION = 254, 1
_DNG_VERSION: Final = 50706


@dataclass(frozen=True, slots=True)
class Header:
    """Size as stored, or upright for the formats that their reader turns (HEIC, TIFF)."""

    width: int
    height: int


@dataclass(frozen=True, slots=True)
class Decoded:
    """A photo, upright.

    `pixels` is RGB uint8 [h, w, 3], read-only, and may be smaller than the photo; `width` and `height`
    are those of the full-size upright photo, so a box in `pixels` times `width / pixels.shape[1]` is a
    box in the photo. `damage` says what is missing in a picture that was decoded in part, else None.
    """

    pixels: np.ndarray
    width: int
    height: int
    damage: str | None = None


def read_header(image: bytes, format: str | None, max_pixels: int) -> Header:
    """The size of a photo, without decoding a pixel. Arguments and errors as for `decode`."""
    with _photo_errors():
        return Header(*_open(image, format, max_pixels).size)


def decode(
    image: bytes, format: str | None, orientation: int | None, longer_side: int, max_pixels: int
) -> Decoded:
    """Decodes a photo, reduced by the largest whole factor that leaves its longer side >= `longer_side`.

    `format` is one of `transforms.photo.file_types.PHOTO_FORMATS` (None: not a picture). `orientation` is the
    EXIF orientation, 1 to 8, anything else counting as 1; HEIC and TIFF state theirs themselves, and it is
    ignored. A JPEG that ends after its header is decoded as far as it goes (the rest is one colour), with
    `damage` set; other formats must be complete.

    Raises PhotoError: `empty`, `not_an_image`, `too_large` (more than `max_pixels`, by the header),
    `bad_image`, or `out_of_memory`.
    """
    with _photo_errors():
        opened = _open(image, format, max_pixels)
        width, height = opened.size
        picture, damage = _load(opened, image, longer_side)
        picture = _to_rgb(picture)
        remaining = max(picture.size) // longer_side
        if remaining > 1:
            picture = picture.reduce(remaining)
        if format not in _TURNED_BY_READER and orientation in _UPRIGHT:
            picture = picture.transpose(_UPRIGHT[orientation])
            if orientation >= 5:
                width, height = height, width
        return Decoded(np.asarray(picture), width, height, damage)


@contextmanager
def _as_we_need_pillow() -> Iterator[None]:
    """Without a limit of pixels, since `max_pixels` is checked before any is decoded, in one thread, and
    without words: what it warns of or logs as an error is of no use here or arrives as an exception.
    """
    before = Image.MAX_IMAGE_PIXELS, pillow_heif.options.DECODE_THREADS
    Image.MAX_IMAGE_PIXELS, pillow_heif.options.DECODE_THREADS = None, 1
    try:
        with silent_log("PIL"), warnings.catch_warnings(action="ignore"):
            yield
    finally:
        Image.MAX_IMAGE_PIXELS, pillow_heif.options.DECODE_THREADS = before


_PILLOW: Final = WhileAny(_as_we_need_pillow)


@contextmanager
def _photo_errors() -> Iterator[None]:
    """Turns whatever a library raises on a photo into PhotoError."""
    try:
        with _PILLOW:
            yield
    except PhotoError:
        raise
    except MemoryError as error:
        raise PhotoError("out_of_memory", f"MemoryError: {error}") from error
    except Exception as error:  # damaged bytes make readers raise anything, SyntaxError included
        raise PhotoError("bad_image", f"{type(error).__name__}: {error}") from error


def _open(image: bytes, format: str | None, max_pixels: int) -> _Opened:
    """The photo with its header read and its size checked, and no pixel decoded."""
    if not image:
        raise PhotoError("empty")
    if format is None:
        raise PhotoError("not_an_image", f"begins with {image[:8]!r}")
    opened = pillow_heif.HeifFile(image) if format == "heic" else _OPENERS[format](io.BytesIO(image))
    width, height = opened.size
    if width < 1 or height < 1:
        raise PhotoError("bad_image", f"the header says {width} x {height} pixels")
    if width * height > max_pixels:
        raise PhotoError("too_large", f"{width} x {height} is more than {max_pixels} pixels")
    if isinstance(opened, TiffImageFile) and _is_raw_thumbnail(opened):
        raise PhotoError("not_an_image", "the first picture of this TIFF is the thumbnail of a raw file")
    return opened


def _is_raw_thumbnail(tiff: TiffImageFile) -> bool:
    reduced = tiff.tag_v2.get(_NEW_SUBFILE_TYPE, 0) & _REDUCED_RESOLUTION
    return bool(reduced) or _DNG_VERSION in tiff.tag_v2


def _load(opened: _Opened, image: bytes, longer_side: int) -> tuple[Image.Image, str | None]:
    """The decoded picture, not yet fully reduced, and its damage."""
    if isinstance(opened, pillow_heif.HeifFile):
        return opened.to_pillow(), None
    if isinstance(opened, TiffImageFile):
        with SILENT_STDERR:
            opened.load()
        return opened, None
    if not isinstance(opened, JpegImageFile):
        opened.load()
        return opened, None
    try:
        return _load_jpeg(opened, longer_side), None
    except OSError as error:
        return _load_jpeg(_JpegFile(io.BytesIO(image + END_OF_IMAGE)), longer_side), str(error)


def _load_jpeg(jpeg: JpegImageFile, longer_side: int) -> JpegImageFile:
    """Decodes, scaled down by 2, 4 or 8 in the inverse DCT where the longer side stays >= `longer_side`."""
    factor = max(1, max(jpeg.size) // longer_side)
    jpeg.draft(None, (max(1, jpeg.width // factor), max(1, jpeg.height // factor)))
    jpeg.load()
    return jpeg


def _to_rgb(picture: Image.Image) -> Image.Image:
    if picture.mode.startswith("I;16"):
        picture = Image.fromarray((np.asarray(picture) >> 8).astype(np.uint8))
    if picture.mode in ("I", "F"):
        raise PhotoError("bad_image", f"pixels of type {picture.mode} (32 bit) are not supported")
    if picture.has_transparency_data:
        if picture.mode != "RGBA":
            picture = picture.convert("RGBA")
        white = Image.new("RGB", picture.size, "white")
        white.paste(picture, mask=picture)
        return white
    return picture if picture.mode == "RGB" else picture.convert("RGB")
