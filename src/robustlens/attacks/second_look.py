"""An attack that looks twice at a model before it begins, and says what makes it doubtful.

    @second_look
    @attack
    def autoattack(model, x, y, ball, *, generator): ...

For the attack that people measure with directly. Inside a measurement that has looked by itself
(`evaluation`, `sanity`) it does not look again.
"""

from functools import wraps
from typing import Any, ParamSpec, cast

from robustlens.attacks.method import Found, Method
from robustlens.doubts import AT_RANDOM, doubt, doubts, heeded, quiet
from robustlens.types import Images, Model

P = ParamSpec("P")


def second_look(method: Method[P]) -> Method[P]:
    """Return the attack with a look at the model around it; version "rand" expects randomness."""

    def looked(*args: P.args, **kwargs: P.kwargs) -> Found:
        model, x = cast(tuple[Model, Images], args[:2])
        expected = (AT_RANDOM,) if kwargs.get("version") == "rand" else ()
        said = doubts(model, x, expected=expected) if heeded() else ()
        with quiet():
            result = method.found(*args, **kwargs)
        doubt(*said, level=4)  # afterwards: what is refused needs no doubts
        return result

    @wraps(method)
    def images(*args: P.args, **kwargs: P.kwargs) -> Images:
        return looked(*args, **kwargs).images

    @wraps(method.found)
    def found(*args: P.args, **kwargs: P.kwargs) -> Found:
        return looked(*args, **kwargs)

    extended: Any = images
    extended.found = found
    return cast(Method[P], images)
