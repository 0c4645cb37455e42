"""Pictures as people have them: turned, transparent, of 16 bits, moving; and written whole."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import ExifTags, Image

from robustlens.errors import InputError, UnknownName
from robustlens.vision.photo import (
    drawn,
    pixels,
    read_mask,
    read_photo,
    save_picture,
    save_walk,
)
from robustlens.vision.sheet import sheet


def saved(image: Image.Image, path: Path, **options: object) -> Path:
    image.save(path, **options)
    return path


def test_a_picture_is_turned_as_its_exif_says(tmp_path: Path) -> None:
    image = Image.new("RGB", (6, 4), "black")
    image.putpixel((0, 0), (255, 0, 0))
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6  # to be turned a quarter to the right
    photo = read_photo(saved(image, tmp_path / "a.png", exif=exif), grey=False)
    assert photo.image.size == (4, 6)
    assert photo.image.getpixel((3, 0)) == (255, 0, 0)
    assert photo.notes == ()


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P"])
def test_transparent_parts_lie_on_white(tmp_path: Path, mode: str) -> None:
    if mode == "P":
        image = Image.new("P", (3, 2), 1)
        image.putpalette([200, 0, 0, 0, 0, 0])
        image.putpixel((0, 0), 0)
        path = saved(image, tmp_path / "a.png", transparency=0)
    else:
        image = Image.new(mode, (3, 2), (0,) * (len(mode) - 1) + (255,))
        image.putpixel((0, 0), (200,) * (len(mode) - 1) + (0,))
        path = saved(image, tmp_path / "a.png")
    photo = read_photo(path, grey=False)
    assert photo.image.getpixel((0, 0)) == (255, 255, 255)
    assert photo.image.getpixel((1, 0)) == (0, 0, 0)
    assert photo.clear is not None
    assert photo.clear.tolist() == [[True, False, False], [False] * 3]
    assert "transparent parts laid on white" in photo.notes


def test_transparency_is_turned_with_the_picture(tmp_path: Path) -> None:
    image = Image.new("RGBA", (4, 2), (0, 0, 0, 255))
    image.putpixel((0, 0), (0, 0, 0, 0))
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 3
    photo = read_photo(saved(image, tmp_path / "a.png", exif=exif), grey=True)
    assert photo.clear is not None
    assert photo.clear.nonzero().tolist() == [[1, 3]]


def test_sixteen_bits_become_the_nearest_of_eight(tmp_path: Path) -> None:
    levels = np.array([[0, 257, 65535, 32896]], np.uint16)
    photo = read_photo(saved(Image.fromarray(levels), tmp_path / "a.png"), grey=True)
    assert np.asarray(photo.image).tolist() == [[0, 1, 255, 128]]


def test_of_a_moving_picture_the_first_frame_is_taken_and_said(tmp_path: Path) -> None:
    frames = [Image.new("RGB", (4, 4), colour) for colour in ("red", "lime", "blue")]
    path = saved(frames[0], tmp_path / "a.gif", save_all=True, append_images=frames[1:])
    photo = read_photo(path, grey=False)
    assert photo.image.getpixel((0, 0)) == (255, 0, 0)
    assert photo.notes == ("the first of its 3 frames",)
    grey = read_photo(path, grey=True)
    assert "its colours read as grey, which is what the net takes" in grey.notes


@pytest.mark.parametrize("content", [b"", b"no picture", b"\x89PNG\r\n\x1a\n123"])
def test_what_is_no_picture_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.png").write_bytes(content)
    with pytest.raises(InputError, match="cannot read the image"):
        read_photo(tmp_path / "a.png", grey=False)
    with pytest.raises(InputError, match=r"cannot read the image .*absent\.png"):
        read_photo(tmp_path / "absent.png", grey=False)


def test_a_picture_of_too_many_pixels_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("robustlens.vision.photo.PIXELS", 100)
    path = saved(Image.new("L", (11, 10)), tmp_path / "a.png")
    with pytest.raises(InputError, match="11 x 10 pixels"):
        read_photo(path, grey=True)


def test_a_mask_is_white_or_else_opaque(tmp_path: Path) -> None:
    photo = read_photo(saved(Image.new("L", (3, 1)), tmp_path / "p.png"), grey=True)
    white = Image.fromarray(np.array([[0, 127, 128]], np.uint8))
    assert read_mask(saved(white, tmp_path / "a.png"), photo).tolist() == [[False, False, True]]
    strokes = Image.new("RGBA", (3, 1), (0, 0, 0, 0))
    strokes.putpixel((1, 0), (0, 0, 0, 255))
    assert read_mask(saved(strokes, tmp_path / "b.png"), photo).tolist() == [[False, True, False]]
    other = saved(Image.new("L", (1, 3)), tmp_path / "c.png")
    with pytest.raises(InputError, match="of 1 x 3 pixels for a picture of 3 x 1"):
        read_mask(other, photo)


@pytest.mark.parametrize("name", ["a.png", "a.webp", "a.bmp", "a.tif", "a.TIFF"])
def test_a_picture_is_written_to_the_level(tmp_path: Path, name: str) -> None:
    x = torch.arange(24).view(1, 3, 2, 4).float() * 10 / 255
    save_picture(drawn(x[0]), tmp_path / name)
    back = read_photo(tmp_path / name, grey=False)
    torch.testing.assert_close(pixels(back.image), x)
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_what_cannot_be_written_is_refused(tmp_path: Path) -> None:
    image = Image.new("L", (4, 4))
    with pytest.raises(UnknownName, match=r"unknown suffix '\.pdf'"):
        save_picture(image, tmp_path / "a.pdf")
    with pytest.raises(UnknownName, match=r"one of \.gif, \.webp"):
        save_walk([image], tmp_path / "a.png")
    with pytest.raises(InputError, match="no frame"):
        save_walk([], tmp_path / "a.gif")
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="cannot write"):
        save_picture(image, tmp_path / "file" / "a.png")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


@pytest.mark.parametrize("name", ["a.gif", "a.webp"])
def test_a_walk_is_an_animation_whose_last_frame_stays(tmp_path: Path, name: str) -> None:
    frames = [Image.new("L", (8, 8), level) for level in (0, 100, 200)]
    save_walk(frames, tmp_path / name, seconds=0.3)
    with Image.open(tmp_path / name) as found:
        assert found.n_frames == 3
        levels, times = [], []
        for place in range(3):
            found.seek(place)
            found.load()
            levels.append(found.convert("L").getpixel((4, 4)))
            times.append(found.info["duration"])
    assert levels == pytest.approx([0, 100, 200], abs=2)
    assert times == [100, 100, 1500]


def test_a_sheet_has_each_pixel_as_a_sharp_square() -> None:
    x = torch.rand(5, 1, 4, 4, generator=torch.Generator().manual_seed(0))
    page = sheet(x, 3)
    assert page.size == (3 * 128 + 2 * 8, 2 * 128 + 8)
    assert page.getpixel((0, 0)) == page.getpixel((31, 31)) == round(float(x[0, 0, 0, 0]) * 255)
    assert page.getpixel((130, 0)) == 255
    assert sheet(x).size == page.size
    with pytest.raises(InputError, match="0 images"):
        sheet(x[:0])
