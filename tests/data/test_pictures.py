"""Each kind of pixel a file may hold: the right value, or a refusal that names the file."""

import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from robustlens.data import load
from robustlens.errors import InputError

WIDE = np.linspace(0, 65535, 64).astype(np.uint16).reshape(8, 8)
GREY = (WIDE >> 8).astype(np.uint8)
RGB = np.stack([GREY, 255 - GREY, GREY // 2], axis=-1)
PALETTE = Image.fromarray(RGB).quantize(16)
NEAREST = np.rint(WIDE / 257).astype(int)[None]
BLACK = Image.new("RGB", (8, 8))


def planes(pixels: Any) -> Any:
    return np.asarray(pixels).astype(int).transpose(2, 0, 1)


def read(folder: Path) -> Any:
    data = load(str(folder), "all")
    assert len(data) == 1
    return data.images[0].numpy().astype(int)


def pnm(kind: bytes, top: int, values: Any) -> bytes:
    return kind + b" 8 8 %d\n" % top + values.astype(">u2").tobytes()


@pytest.mark.parametrize(
    ("name", "write", "expected"),
    [
        ("a.png", lambda p: Image.fromarray(WIDE).save(p), NEAREST),
        ("a.tif", lambda p: Image.fromarray(WIDE).save(p), NEAREST),
        ("a.TIFF", lambda p: Image.fromarray(WIDE).save(p, compression="tiff_lzw"), NEAREST),
        ("a.tif", lambda p: Image.fromarray(WIDE.astype(">u2")).save(p), NEAREST),
        ("a.tif", lambda p: Image.fromarray(WIDE).save(p, tiffinfo={262: 0}), 255 - NEAREST),
        ("a.pgm", lambda p: p.write_bytes(pnm(b"P5", 65535, WIDE)), NEAREST),
        (
            "a.pgm",
            lambda p: p.write_bytes(pnm(b"P5", 1023, WIDE >> 6)),
            np.rint((WIDE >> 6) / 1023 * 255).astype(int)[None],
        ),
        (
            "a.ppm",
            lambda p: p.write_bytes(pnm(b"P6", 65535, np.repeat(WIDE, 3, axis=1))),
            np.repeat(NEAREST, 3, axis=0),
        ),
        ("a.png", lambda p: Image.fromarray(GREY > 99).save(p), 255 * (GREY > 99)[None]),
        (
            "a.png",
            lambda p: Image.merge("LA", [Image.fromarray(v) for v in (GREY, RGB[..., 1])]).save(p),
            GREY[None],
        ),
        ("a.png", lambda p: Image.fromarray(np.dstack([RGB, GREY])).save(p), planes(RGB)),
        ("a.png", lambda p: PALETTE.save(p), planes(PALETTE.convert("RGB"))),
        (
            "a.png",
            lambda p: PALETTE.save(p, transparency=bytes(range(16))),
            planes(PALETTE.convert("RGB")),
        ),
        ("a.png", lambda p: PALETTE.save(p, transparency=3), planes(PALETTE.convert("RGB"))),
        ("a.png", lambda p: Image.fromarray(GREY).save(p, transparency=0), GREY[None]),
        ("a.bmp", lambda p: Image.fromarray(RGB).save(p), planes(RGB)),
        ("a.gif", lambda p: Image.fromarray(GREY).save(p), GREY[None]),
        (
            "a.tif",
            lambda p: Image.new("CMYK", (8, 8), (0, 255, 255, 0)).save(p),
            np.array([255, 0, 0]).reshape(3, 1, 1) * np.ones((3, 8, 8), int),
        ),
        ("a.png", lambda p: Image.fromarray(RGB[:1]).save(p), planes(RGB[:1])),
        ("a.png", lambda p: Image.fromarray(GREY[:, :1]).save(p), GREY[None, :, :1]),
    ],
)
def test_each_kind_of_pixel(
    tmp_path: Path, name: str, write: Callable[[Path], None], expected: Any
) -> None:
    (tmp_path / "a").mkdir()
    write(tmp_path / "a" / name)
    assert np.array_equal(read(tmp_path), expected)


@pytest.mark.parametrize("suffix", ["gif", "tif", "webp", "png"])
def test_the_first_of_several_frames_is_read_and_said(
    tmp_path: Path, suffix: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "a").mkdir()
    first = PALETTE if suffix == "gif" else Image.fromarray(RGB)
    lossless = {"lossless": True} if suffix == "webp" else {}
    path = tmp_path / "a" / f"1.{suffix}"
    first.save(path, save_all=True, append_images=[BLACK, BLACK], **lossless)
    assert np.array_equal(read(tmp_path), planes(first.convert("RGB")))
    assert "1 picture of several frames, only the first read" in capsys.readouterr().err


def test_transparency_is_dropped_and_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "a").mkdir()
    for name in "123":
        Image.fromarray(np.dstack([RGB, GREY])).save(tmp_path / "a" / f"{name}.png")
    load(str(tmp_path), "all")
    assert "3 pictures with transparency, which is dropped" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("image", "mode"),
    [
        (Image.fromarray(WIDE.astype(np.int32)), "I"),
        (Image.fromarray(WIDE.astype(np.float32)), "F"),
        (Image.new("LAB", (8, 8)), "LAB"),
    ],
)
def test_pixels_without_a_largest_value_are_refused(
    tmp_path: Path, image: Image.Image, mode: str
) -> None:
    (tmp_path / "a").mkdir()
    image.save(tmp_path / "a" / "1.tif")
    with pytest.raises(InputError, match=rf"a/1.tif holds pixels of Pillow's mode {mode};"):
        load(str(tmp_path), "all")


@pytest.mark.parametrize("kind", ["EPS", "PDF", "ICO"])
def test_other_formats_behind_a_known_ending_are_refused(tmp_path: Path, kind: str) -> None:
    (tmp_path / "a").mkdir()
    Image.fromarray(RGB).save(tmp_path / "a" / "1.png", format=kind)
    with pytest.raises(InputError, match=r"cannot read the image .*a/1.png"):
        load(str(tmp_path), "all")


def test_a_cut_photograph_and_a_broken_link_are_named(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    noise = np.random.default_rng(0).integers(256, size=(64, 64, 3)).astype(np.uint8)
    path = tmp_path / "a" / "1.jpg"
    Image.fromarray(noise).save(path)
    path.write_bytes(path.read_bytes()[:2000])
    with pytest.raises(InputError, match=r"cannot read the image .*a/1.jpg: .*truncated"):
        load(str(tmp_path), "all")
    path.unlink()
    path.symlink_to(tmp_path / "nowhere.jpg")
    with pytest.raises(InputError, match=r"cannot read the image .*a/1.jpg"):
        load(str(tmp_path), "all")


@pytest.mark.parametrize("suffix", ["png", "webp", "tif"])
@pytest.mark.parametrize("orientation", range(10))
def test_every_orientation_in_every_format(tmp_path: Path, suffix: str, orientation: int) -> None:
    pixels = np.random.default_rng(0).integers(256, size=(6, 10, 3)).astype(np.uint8)
    upright = {
        2: pixels[:, ::-1], 3: pixels[::-1, ::-1], 4: pixels[::-1], 5: pixels.transpose(1, 0, 2),
        6: np.rot90(pixels, -1), 7: pixels[::-1, ::-1].transpose(1, 0, 2), 8: np.rot90(pixels),
    }.get(orientation, pixels)  # fmt: skip
    exif = Image.Exif()
    exif[0x0112] = orientation
    (tmp_path / "a").mkdir()
    lossless = {"lossless": True} if suffix == "webp" else {}
    Image.fromarray(pixels).save(tmp_path / "a" / f"1.{suffix}", exif=exif, **lossless)
    assert np.array_equal(read(tmp_path), planes(upright))


def exif(kind: int, count: int, value: bytes) -> bytes:
    entry = struct.pack("<HHI", 0x0112, kind, count) + value
    return b"Exif\0\0II*\0\x08\0\0\0\x01\0" + entry + b"\0\0\0\0"


@pytest.mark.parametrize(
    ("kind", "count", "value", "turned"),
    [
        (3, 1, b"\6\0\0\0", True),  # a short, as it must be
        (4, 1, b"\6\0\0\0", True),  # a long
        (2, 2, b"6\0\0\0", False),  # text
        (1, 1, b"\6\0\0\0", False),  # a byte
        (7, 4, b"\6\0\0\0", False),  # undefined
        (3, 2, b"\6\0\1\0", False),  # two shorts
        (3, 1, b"\x63\0\0\0", False),  # 99
        (3, 1, b"\0\0\0\0", False),
        (9, 1, b"\xfa\xff\xff\xff", False),  # -6
    ],
)
def test_an_orientation_of_the_wrong_type_is_ignored(
    tmp_path: Path, kind: int, count: int, value: bytes, turned: bool
) -> None:
    (tmp_path / "a").mkdir()
    image = Image.new("RGB", (8, 4), (9, 9, 9))
    image.save(tmp_path / "a" / "1.jpg", exif=exif(kind, count, value))
    assert read(tmp_path).shape == ((3, 8, 4) if turned else (3, 4, 8))
