import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from robustlens.data import load, save
from robustlens.data.sources import measured_split, splits
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


def test_all_of_a_folder_and_what_is_held_out_is_said(
    photos: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    whole, train, test = (load(str(photos), split) for split in ("all", "train", "test"))
    assert (whole.piece, train.piece, test.piece) == (
        ("all", 10, 10), ("train", 8, 10), ("test", 2, 10)
    )  # fmt: skip
    rows = Counter(row.numpy().tobytes() for row in whole.images)
    parts = [Counter(row.numpy().tobytes() for row in part.images) for part in (train, test)]
    assert parts[0] + parts[1] == rows
    assert measured_split(str(photos)) == "all"
    assert splits(str(photos)) == ()
    said = " ".join(capsys.readouterr().err.split())
    assert "photos, train, 8 images, cut from 10 as the data have no splits of their own" in said
    assert '(left to "train": 8)' in said


def test_the_split_is_said_once(photos: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for _ in range(3):
        load(str(photos), "test")
    assert capsys.readouterr().err.count("cut from 10") == 1


@pytest.mark.parametrize(
    ("train", "held_out"),
    [
        ("train", "test"), ("train", "val"), ("Train", "Test"), ("TRAIN", "TEST"),
        ("training", "testing"), ("Train", "valid"), ("train", "Validation"),
    ],
)  # fmt: skip
def test_folders_for_the_splits(tmp_path: Path, train: str, held_out: str) -> None:
    for name in ("a", "b"):
        picture(tmp_path / train / name / "1.png")
        picture(tmp_path / train / name / "4.png")
        picture(tmp_path / held_out / name / "2.JPG")
    assert [len(load(str(tmp_path), split)) for split in ("train", "test", "all")] == [4, 2, 6]
    assert measured_split(str(tmp_path)) == "test"
    picture(tmp_path / held_out / "c" / "3.webp")
    with pytest.raises(InputError, match=f"has c in only one of {train} and {held_out}"):
        load(str(tmp_path))


def test_one_split_alone(tmp_path: Path) -> None:
    for kind in ("train", "Test"):
        for name in "ab":
            picture(tmp_path / kind.lower() / kind / name / "1.png")
    train, test = str(tmp_path / "train"), str(tmp_path / "test")
    assert (splits(train), splits(test)) == (("train",), ("test",))
    assert len(load(train)) == len(load(train, "all")) == len(load(test, "test")) == 2
    for name, split in ((train, "test"), (test, "train")):
        with pytest.raises(InputError, match=f"has no {split} images, only"):
            load(name, split)
    with pytest.raises(InputError, match=r"no test images, only train; .*--split train"):
        measured_split(train)


def test_a_class_may_be_called_train(tmp_path: Path) -> None:
    for name in ("bus", "train"):
        picture(tmp_path / name / "1.png")
    assert load(str(tmp_path), "all").classes == ("bus", "train")


@pytest.mark.parametrize("twins", [("train", "Train", "test"), ("train", "val", "valid")])
def test_two_folders_for_one_split(tmp_path: Path, twins: tuple[str, ...]) -> None:
    for name in twins:
        picture(tmp_path / name / "a" / "1.png")
    with pytest.raises(InputError, match=r"each could be its (train|test) images"):
        load(str(tmp_path))


def test_what_machines_leave_behind_is_not_there(
    photos: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = load(str(photos), "all").digest
    for name in ("__MACOSX/cat/._0.png", ".ipynb_checkpoints/0.png", "cat/._1.png", "cat/.2.png"):
        picture(photos / name.replace("._", "x")).rename(photos / name)
    for name in (".DS_Store", "Thumbs.db", "cat/desktop.ini", "dog/.DS_Store"):
        (photos / name).write_bytes(b"x")
    capsys.readouterr()
    assert load(str(photos), "all").digest == before
    assert not capsys.readouterr().err


def test_what_is_left_out_is_counted_in_one_line(
    photos: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    picture(photos / "stray.png")
    picture(photos / "cat" / "deep" / "er" / "9.BMP")
    (photos / "cat" / "7.heic").write_text("x")
    picture(photos / "Cat" / "1.gif", "P")
    data = load(str(photos), "all")
    assert (len(data), data.classes) == (12, ("Cat", "cat", "dog"))
    (line,) = capsys.readouterr().err.splitlines()
    for words in (
        "1 picture left out, outside the class folders",
        "1 file left out, no picture by its name (.heic)",
        "1 file left out, no picture by its name (.txt)",
        "1 picture in a folder within a class folder, read as of that class",
        "2 class folders with one name but for its case, kept apart: Cat, cat",
    ):
        assert words in line


def test_links_are_followed(photos: Path, tmp_path: Path) -> None:
    (photos / "dog").rename(tmp_path / "elsewhere")
    (photos / "dog").symlink_to(tmp_path / "elsewhere")
    (photos / "cat" / "circle").symlink_to(photos / "cat")
    assert load(str(photos), "all").labels.bincount().tolist() == [5, 5]
    (photos / "bird").symlink_to(tmp_path / "nowhere")
    with pytest.raises(InputError, match=r"the link .*bird leads nowhere"):
        load(str(photos))


def test_a_folder_that_may_not_be_read(photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = Path.iterdir

    def refuse(path: Path) -> Iterator[Path]:
        if path.name == "dog":
            raise PermissionError(13, "Permission denied")
        return whole(path)

    monkeypatch.setattr(Path, "iterdir", refuse)
    with pytest.raises(InputError, match=r"cannot read the folder .*dog: Permission denied"):
        load(str(photos))


def test_order_of_classes_is_that_of_text(tmp_path: Path) -> None:
    for name in ("1", "2", "10"):
        picture(tmp_path / name / "1.png")
    data = load(str(tmp_path), "all")
    assert data.classes == ("1", "10", "2")
    assert "3 classes: 0 1, 1 10, 2 2" in repr(data)


def test_names_in_latin1(tmp_path: Path) -> None:
    root = os.fsdecode(os.fsencode(tmp_path) + b"/\xe9t\xe9")
    for name in (b"caf\xe9", b"tea"):
        place = Path(root) / os.fsdecode(name)
        picture(place / "1.png").rename(place / os.fsdecode(b"\xe9.png"))
    data = load(root, "all")
    assert (data.name, data.classes) == ("été", ("café", "tea"))
    save(data, tmp_path / "saved")
    assert load(str(tmp_path / "saved"), "all").classes == data.classes


def test_a_name_for_the_folder_one_stands_in(photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(photos)
    assert load(".", "all").name == "photos"


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


def test_what_was_left_out_is_counted_by_reason(photos: Path) -> None:
    plain = load(str(photos), "all")
    assert plain.reading.left_out == {"files no picture by its name (.txt)": 1}
    for name in ("stray.png", "cat/deep.png"):
        picture(photos / name)
    (photos / "cat" / "deep").mkdir()
    picture(photos / "cat" / "deep" / "1.png")
    for name in ("cat/a.heic", "dog/b.heic", "dog/none"):
        (photos / name).write_text("x")
    (photos / "list.csv").write_text("x")
    for split in ("all", "train"):
        data = load(str(photos), split)
        assert data.reading.left_out == {
            "files no picture by its name (.heic)": 2,
            "files no picture by its name (.txt)": 1,
            "files no picture by its name (no ending)": 1,
            "files outside the class folders": 1,
            "pictures outside the class folders": 1,
        }
        inside = "pictures in a folder within a class folder, read as of that class"
        assert data.reading.otherwise == {inside: 1}
        assert data.take(4).to("cpu").reading == data.reading
    assert load(str(photos), "all").digest != plain.digest  # of the pictures, not of the counts


@pytest.mark.parametrize(
    ("sizes", "said"),
    [
        (((8, 8),), ""),
        (((16, 16),), "they were 16x16 (4)"),
        (((8, 8), (16, 8)), "they were 8x8 (2), 16x8 (2)"),
        (((6, 6), (9, 20), (30, 40), (5, 5)), "they were 5x5 (1), 6x6 (1), 9x20 (1), 30x40 (1)"),
        (((6, 6), (9, 20), (30, 40), (5, 9), (7, 7)), "5 sizes between 6x6 and 30x40"),
    ],
)
def test_what_was_resized_is_said(
    tmp_path: Path, sizes: tuple[tuple[int, int], ...], said: str
) -> None:
    (tmp_path / "cat").mkdir()
    for k in range(max(4, len(sizes))):
        Image.new("RGB", sizes[k % len(sizes)]).save(tmp_path / "cat" / f"{k}.png")
    data = load(str(tmp_path), "all", size=8)
    assert data.shape == (3, 8, 8)
    assert data.reading.resized.endswith(said)
    how = "the middle square of each, resized to 8x8 (Lanczos); "
    assert data.reading.resized.startswith(how if said else "")
    assert bool(data.reading.resized) == bool(said)


def test_what_was_shrunk_is_said() -> None:
    assert load("fashion", "test", size=28).reading.resized == ""
    said = load("fashion", "test", size=14).reading.resized
    assert said == "shrunk from 28x28 to 14x14, each pixel the mean of a block"
