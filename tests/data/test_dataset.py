import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from robustlens.data import Augmentation, Dataset, batches
from robustlens.data import dataset as module
from robustlens.data.dataset import stratified
from robustlens.errors import InputError
from robustlens.streams import stream

IMAGES = torch.zeros(4, 1, 2, 2, dtype=torch.uint8)
LABELS = torch.tensor([0, 1, 0, 1])
CLASSES = ("a", "b")


@pytest.mark.parametrize(
    ("images", "labels", "classes", "message"),
    [
        (IMAGES.float(), LABELS, CLASSES, r"images are torch.float32 .* expected torch.uint8"),
        (IMAGES[0], LABELS, CLASSES, r"images are torch.uint8 of shape \(1, 2, 2\)"),
        (IMAGES[:0], LABELS[:0], CLASSES, "at least one image"),
        (IMAGES, LABELS.int(), CLASSES, "labels are torch.int32"),
        (IMAGES, LABELS[:3], CLASSES, r"of shape \(3,\); expected torch.int64 of shape \(4,\)"),
        (IMAGES, LABELS - 1, CLASSES, "labels run from -1 to 0; expected 0 to 1"),
        (IMAGES, LABELS, ("a",), "labels run from 0 to 1; expected 0 to 0, for 1 classes"),
    ],
)
def test_what_is_not_a_data_set_is_refused(
    images: Tensor, labels: Tensor, classes: tuple[str, ...], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        Dataset(images, labels, classes, "x")


def test_length_shape_device_and_subset(toy: Dataset) -> None:
    assert (len(toy), toy.shape) == (24, (3, 6, 5))
    part = toy.to("cpu").subset(torch.tensor([5, 2]))
    assert part.labels.tolist() == [2, 2]
    assert torch.equal(part.images, toy.images[[5, 2]])
    part.images.zero_()
    assert toy.images.any()


def test_digest_follows_pixels_labels_and_shape_only(
    toy: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    same = Dataset(toy.images.clone(), toy.labels, ("x", "y", "z"), "other")
    assert toy.digest == same.digest == toy.digest
    assert len(toy.digest) == 16
    darker = toy.images.clone()
    darker[-1, -1, -1, -1] ^= 1
    others = [
        Dataset(darker, toy.labels, toy.classes, "toy"),
        Dataset(toy.images, toy.labels.flip(0), toy.classes, "toy"),
        Dataset(toy.images.reshape(24, 3, 5, 6), toy.labels, toy.classes, "toy"),
        Dataset(toy.images.transpose(2, 3), toy.labels, toy.classes, "toy"),
    ]
    assert len({toy.digest, *(other.digest for other in others)}) == 5
    monkeypatch.setattr(module, "CHUNK", 7)
    assert b"".join(module.chunks(toy.images)) == toy.images.numpy().tobytes()


@given(labels=st.lists(st.integers(0, 3), min_size=1, max_size=40), data=st.data())
def test_take_is_balanced_first_and_in_order(labels: list[int], data: st.DataObject) -> None:
    n = data.draw(st.integers(1, len(labels)))
    pixels = torch.arange(len(labels), dtype=torch.uint8).view(-1, 1, 1, 1)
    whole = Dataset(pixels, torch.tensor(labels), tuple("abcd"), "x")
    taken = whole.take(n)
    kept = taken.images.flatten().tolist()
    assert len(kept) == n
    assert kept == sorted(kept)
    counts = torch.bincount(taken.labels, minlength=4).tolist()
    for label, count in enumerate(counts):
        of_class = [i for i, value in enumerate(labels) if value == label]
        assert [i for i in kept if labels[i] == label] == of_class[:count]
        # A class gives one less than the most at least, unless it has no more.
        assert count >= min(max(counts) - 1, len(of_class))


def test_a_limit_is_a_number_of_images_or_all_for_0(toy: Dataset) -> None:
    assert toy.limited(0) is toy
    assert torch.equal(toy.limited(5).images, toy.take(5).images)
    for wrong in (-1, len(toy) + 1):
        with pytest.raises(InputError, match=f"n is {wrong}"):
            toy.limited(wrong)


def test_it_prints_itself_in_one_line(toy: Dataset) -> None:
    assert "\n" not in repr(toy)
    assert repr(toy).startswith(f"Dataset({toy.name!r}, n=24, shape=(3, 6, 5), ")


@pytest.mark.parametrize("n", [0, 25])
def test_take_refuses_what_is_not_there(toy: Dataset, n: int) -> None:
    with pytest.raises(InputError, match=f"n is {n}; expected 1 to 24, the images of toy"):
        toy.take(n)


@given(
    labels=st.lists(st.integers(0, 3), min_size=10, max_size=60),
    fraction=st.floats(0.2, 0.8),
    seed=st.integers(0, 9),
)
def test_split_is_a_stratified_partition(labels: list[int], fraction: float, seed: int) -> None:
    pixels = torch.arange(len(labels), dtype=torch.uint8).view(-1, 1, 1, 1)
    whole = Dataset(pixels, torch.tensor(labels), tuple("abcd"), "x")
    rest, part = whole.split(fraction, seed)
    kept = [side.images.flatten().tolist() for side in (rest, part)]
    assert sorted(kept[0] + kept[1]) == list(range(len(labels)))
    assert kept == [sorted(side) for side in kept]
    wanted = torch.bincount(whole.labels, minlength=4) * fraction
    got = torch.bincount(part.labels, minlength=4)
    assert ((got - wanted).abs() <= 0.5 + 1e-5).all()
    again = whole.split(fraction, seed)
    assert torch.equal(again.part.images, part.images)


def test_split_depends_on_the_seed_and_refuses_nonsense(toy: Dataset) -> None:
    assert toy.split(0.5, 0).part.digest != toy.split(0.5, 1).part.digest
    for fraction in (0.0, 1.0, float("nan")):
        with pytest.raises(InputError, match=r"fraction is .* expected a number between 0 and 1"):
            toy.split(fraction, 0)
    with pytest.raises(InputError, match=r"3 images cut at 0.1 leave one side empty"):
        stratified(torch.tensor([0, 1, 2]), 0.1, stream(0, "x"))


def test_batches_in_order_cover_everything_once(toy: Dataset) -> None:
    got = list(batches(toy, 10))
    assert [len(y) for _, y in got] == [10, 10, 4]
    assert torch.equal(torch.cat([y for _, y in got]), toy.labels)
    x = torch.cat([x for x, _ in got])
    assert x.dtype == torch.float32
    assert torch.equal((x * 255).round().to(torch.uint8), toy.images)
    assert float(x.max()) <= 1


def test_batches_shuffle_by_their_generator(toy: Dataset) -> None:
    first, again, other = (
        torch.cat([x for x, _ in batches(toy, 7, stream(seed, "t"))]) for seed in (0, 0, 1)
    )
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    ordered = torch.cat([x for x, _ in batches(toy, 7)])
    assert not torch.equal(first, ordered)
    assert torch.equal(first.flatten(1).sum(1).sort().values, ordered.flatten(1).sum(1).sort()[0])


def test_batches_augment_bytes_and_floats_alike(toy: Dataset) -> None:
    augment = Augmentation(padding=2, flip=True, cutout=2, jitter=0.3, noise=0.1)
    ours = [x for x, _ in batches(toy, 7, stream(0, "t"), augment)]
    wrapped = [x for x, _ in batches(toy, 7, stream(0, "t"), lambda x, g: augment(x, g))]
    assert all(torch.equal(a, b) for a, b in zip(ours, wrapped, strict=True))
    (x, _), *_ = batches(toy, 7, stream(0, "t"), lambda x, g: x * 0)
    assert x.dtype == torch.float32
    assert not x.any()


def test_batches_refuse_at_the_call(toy: Dataset) -> None:
    with pytest.raises(InputError, match="size is 0; expected at least 1 image"):
        batches(toy, 0)
    with pytest.raises(InputError, match="augment without a generator"):
        batches(toy, 4, augment=Augmentation())
