"""What a file is, by its first bytes and its name.

The bytes win over the name. Only raw files need their name: most of them are TIFF by their first
bytes, and the picture that a TIFF reader finds in them is a thumbnail.
"""

from __future__ import annotations

import os
import struct
from dataclasses import dataclass
from typing import Final

HEAD_BYTES: Final = 64
"""How many of a file's first bytes `sniff` looks at."""

PHOTO_FORMATS: Final = frozenset({"jpeg", "png", "webp", "tiff", "bmp", "gif", "heic"})
"""What `transforms.photo.decode` can decode."""

_SIGNATURES: Final = (
    (0, b"\xff\xd8\xff", "jpeg"),
    (0, b"\x89PNG\r\n\x1a\n", "png"),
    (0, b"GIF87a", "gif"),
    (0, b"GIF89a", "gif"),
    (8, b"WEBP", "webp"),
    (8, b"AVI ", "video"),
    (0, b"II*\0\x10\0\0\0CR", "raw"),
    (0, b"II*\0", "tiff"),
    (0, b"MM\0*", "tiff"),
    (0, b"II+\0", "tiff"),
    (0, b"MM\0+", "tiff"),
    (0, b"FUJIFILMCCD-RAW", "raw"),
    (0, b"IIU\0", "raw"),
    (0, b"IIRO", "raw"),
    (0, b"IIRS", "raw"),
    (0, b"FOVb", "raw"),
    (0, b"\0MRM", "raw"),
    (6, b"HEAPCCDR", "raw"),
    (0, b"\x1aE\xdf\xa3", "video"),
    (0, b"%PDF-", "pdf"),
)
"""Offset, bytes there, type; the first that fits. A RIFF file's own word stands at offset 8."""

_HEIC_BRANDS: Final = frozenset({b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs"})
_HEIF_BRANDS: Final = frozenset({b"mif1", b"msf1", b"mif2", b"miaf"})
"""Brands of the HEIF container, which holds HEVC pictures, AVIF ones or others."""
_AVIF_BRANDS: Final = frozenset({b"avif", b"avis"})

_BMP_HEADER_SIZES: Final = frozenset({12, 16, 40, 52, 56, 64, 108, 124})

_EXTENSIONS: Final = {
    "photo": "jpg jpeg jpe jfif jif mpo png apng webp tif tiff bmp dib gif heic heif hif",
    "raw": "3fr arw cr2 cr3 crw dcr dng erf fff gpr iiq k25 kdc mef mos mrw nef nrw orf pef raf raw rw2 rwl "
    "sr2 srf srw x3f",
    "video": "3g2 3gp asf avi flv insv lrv m2t m2ts m2v m4v mkv mod mov mp4 mpe mpeg mpg mts mxf ogv qt rm "
    "tod ts vob webm wmv",
    "audio": "aac aif aiff amr flac m4a mid mp3 oga ogg opus wav wma",
    "archive": "7z bz2 gz iso rar tar tgz xz zip",
}
_OWN_WORD: Final = (
    "aae ai avif bin cfg csv ctg dat db doc docx eps exe html ico ini jp2 json jxl lnk log md nomedia odt "
    "pdf picasa ppt pptx ps psb psd py rtf svg tga thm tmp tsv txt url vcf xcf xls xlsx xml xmp yaml"
)
_TYPE_OF_EXTENSION: Final = (
    {extension: extension for extension in _OWN_WORD.split()}
    | {extension: kind for kind, extensions in _EXTENSIONS.items() for extension in extensions.split()}
    | {"htm": "html", "yml": "yaml", "j2k": "jp2"}
)
"""The word under which files of an extension are counted; any other extension counts as `other`."""


@dataclass(frozen=True, slots=True)
class FileKind:
    """What a file is: a candidate for a photo, or something to skip and count under `file_type`."""

    file_type: str
    """One of a closed set of words: a photo format, or such as `raw`, `video`, `json`, `other`."""

    candidate: bool
    """Whether its bytes or its name say photo."""

    @property
    def format(self) -> str | None:
        """Which of PHOTO_FORMATS decodes it; None for a candidate whose content is not a picture."""
        return self.file_type if self.file_type in PHOTO_FORMATS else None


def sniff(head: bytes, name: str) -> FileKind:
    """The kind of a file that begins with `head` (HEAD_BYTES, or the whole of a shorter file).

    `name` may be a path. What says photo by its name alone is a candidate without a format.
    """
    content = _content_type(head)
    named = _TYPE_OF_EXTENSION.get(os.path.splitext(name)[1][1:].lower())
    if content == "tiff" and named == "raw":
        return FileKind("raw", candidate=False)
    if content in PHOTO_FORMATS or named == "photo":
        return FileKind(content or "other", candidate=True)
    return FileKind(named or content or "other", candidate=False)


def _content_type(head: bytes) -> str | None:
    for offset, signature, content in _SIGNATURES:
        if head.startswith(signature, offset) and (offset != 8 or head.startswith(b"RIFF")):
            return content
    if head.startswith(b"BM") and len(head) >= 18 and _uint32(head, 14) in _BMP_HEADER_SIZES:
        return "bmp"
    if head.startswith(b"ftyp", 4):
        return _iso_media_type(head)
    return None


def _iso_media_type(head: bytes) -> str:
    """The type by the brands of the `ftyp` box (ISO/IEC 14496-12, 23008-12): MP4 and MOV are `video`."""
    brands_end = min(len(head), int.from_bytes(head[:4], "big"))
    major = head[8:12]
    brands = {major, *(head[at : at + 4] for at in range(16, brands_end, 4))}
    if major == b"crx ":
        return "raw"
    if major in _HEIC_BRANDS:
        return "heic"
    if major in _AVIF_BRANDS or (major in _HEIF_BRANDS and brands & _AVIF_BRANDS):
        return "avif"
    return "heic" if major in _HEIF_BRANDS else "video"


def _uint32(data: bytes, offset: int) -> int:
    return int(struct.unpack_from("<I", data, offset)[0])
