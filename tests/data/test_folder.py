from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from robustlens.data import load
from robustlens.errors import InputError

SIDE = (8, 6)


def picture(path: Path, mode: str = "RGB", size: tuple[int, int] = SIDE) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    width, height = size
    seed = int.from_bytes(path.name.encode()[-6:], "little")
    pixels = np.random.default_rng(seed).integers(256, size=(height, width, 3), dtype=np.uint8)
    Image.fromarray(pixels).convert(mode).save(path)
    return path


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    for name in ("dog", "cat"):
        for index in range(5):
            picture(tmp_path / "photos" / name / f"{index}.png")
    (tmp_path / "photos" / ".hidden").mkdir()
    (tmp_path / "photos" / "cat" / "notes.txt").write_text("not an image")
    return tmp_path / "photos"


def test_class_folders_and_their_fixed_fifth(photos: Path) -> None:
    train, test = load(str(photos)), load(str(photos), "test")
    assert train.classes == test.classes == ("cat", "dog")
    assert train.labels.tolist() == [0] * 4 + [1] * 4
    assert test.labels.tolist() == [0, 1]
    assert train.shape == (3, 6, 8)
    assert train.name == "photos"
    kept = {image.numpy().tobytes() for data in (train, test) for image in data.images}
    originals = [np.asarray(Image.open(path)) for path in photos.glob("*/*.png")]
    assert kept == {pixels.transpose(2, 0, 1).tobytes() for pixels in originals}


@pytest.mark.parametrize("held_out", ["test", "val"])
def test_folders_for_the_splits(tmp_path: Path, held_out: str) -> None:
    for name in ("a", "b"):
        picture(tmp_path / "train" / name / "1.png")
        picture(tmp_path / held_out / name / "2.JPG")
    assert len(load(str(tmp_path))) == len(load(str(tmp_path), "test")) == 2
    picture(tmp_path / held_out / "c" / "3.webp")
    with pytest.raises(InputError, match=f"has c in only one of train and {held_out}"):
        load(str(tmp_path))


def test_grey_only_when_all_are(photos: Path) -> None:
    for path in photos.glob("*/*.png"):
        picture(path, "LA" if path.name == "1.png" else "L")
    assert load(str(photos)).shape == (1, 6, 8)
    assert load(str(photos), "test").shape == (1, 6, 8)
    picture(photos / "cat" / "0.png")
    assert load(str(photos)).shape == load(str(photos), "test").shape == (3, 6, 8)


def test_sizes_must_agree_or_be_made_to(photos: Path) -> None:
    picture(photos / "dog" / "3.png", size=(7, 9))
    with pytest.raises(InputError, match=r"cat/\d.png is 8x6 and .*dog/3.png is 7x9; .*--size"):
        load(str(photos))
    assert load(str(photos), size=4).shape == (3, 4, 4)


def test_size_crops_to_the_centre(tmp_path: Path) -> None:
    wide = np.zeros((6, 10, 3), np.uint8)
    wide[:, 2:8] = 200
    for name in ("1", "2", "3"):
        (tmp_path / "a").mkdir(exist_ok=True)
        Image.fromarray(wide).save(tmp_path / "a" / f"{name}.png")
    assert (load(str(tmp_path), size=3).images == 200).all()


def test_exif_orientation_is_honoured(tmp_path: Path) -> None:
    upright = picture(tmp_path / "a" / "1.png", size=(6, 8))
    exif = Image.Exif()
    exif[0x0112] = 6
    with Image.open(upright) as image:
        lying = image.transpose(Image.Transpose.ROTATE_90)
        for name in ("2.png", "3.png"):
            lying.save(tmp_path / "a" / name, exif=exif)
    train = load(str(tmp_path)).images
    assert train.shape == (2, 3, 8, 6)
    assert (train[0] == train[1]).all()


@pytest.mark.parametrize("damage", [slice(0), slice(9), slice(60), slice(-40)])
def test_a_corrupt_image_among_good_ones_is_named(tmp_path: Path, damage: slice) -> None:
    for place in ("train/dog/1.png", "train/dog/2.png", "test/dog/1.png"):
        picture(tmp_path / place)
    path = tmp_path / "train" / "dog" / "2.png"
    path.write_bytes(path.read_bytes()[damage])
    with pytest.raises(InputError, match=r"cannot read the image .*dog/2.png: .*PNG, JPEG"):
        load(str(tmp_path))


def test_a_bomb_is_refused(photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 10)
    with pytest.raises(InputError, match=r"cannot read the image .* decompression bomb"):
        load(str(photos))


def test_empty_folders(photos: Path, tmp_path: Path) -> None:
    (photos / "empty").mkdir()
    with pytest.raises(InputError, match=r"class folder .*empty holds no image; .*\.webp"):
        load(str(photos))
    (tmp_path / "nothing").mkdir()
    with pytest.raises(InputError, match=r"nothing holds no folders; expected .*CLASS"):
        load(str(tmp_path / "nothing"))
