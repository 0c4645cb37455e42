import pytest

from robustlens.errors import InputError, TrainingDiverged, UnknownName


def test_messages_say_what_came_what_was_expected_and_what_to_change() -> None:
    error = InputError("eps is -1", "a number >= 0", "change eps")
    assert str(error) == "eps is -1; expected a number >= 0 (change eps)."
    assert (error.received, error.expected, error.change) == (
        "eps is -1", "a number >= 0", "change eps",
    )  # fmt: skip
    assert str(InputError("a", "b")) == "a; expected b."
    assert isinstance(error, ValueError)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("pdg", "unknown attack 'pdg'; expected one of fgsm, pgd; did you mean 'pgd'?."),
        ("zzz", "unknown attack 'zzz'; expected one of fgsm, pgd."),
    ],
)
def test_unknown_names_list_the_known(name: str, message: str) -> None:
    assert str(UnknownName("attack", name, iter(["pgd", "fgsm"]))) == message


def test_divergence_is_no_input_error() -> None:
    assert not issubclass(TrainingDiverged, ValueError)
