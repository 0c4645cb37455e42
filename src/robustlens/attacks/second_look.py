"""An attack that looks twice at a model before it begins, and warns of what makes it doubtful.

    @second_look
    @attack
    def autoattack(model, x, y, ball, *, generator): ...

For the attack that people measure with directly. Inside a measurement that has looked by itself
(`evaluation`, `sanity`) it does not look again.
"""

from functools import wraps
from typing import Any, ParamSpec, cast

from robustlens.attacks.method import Found, Method
from robustlens.doubts import AT_RANDOM, watched
from robustlens.types import Images, Model

P = ParamSpec("P")


def second_look(method: Method[P]) -> Method[P]:
    """Return the attack with a look at the model around it; version "rand" expects randomness."""

    def found(*args: P.args, **kwargs: P.kwargs) -> Found:
        model, x = cast(tuple[Model, Images], args[:2])
        expected = (AT_RANDOM,) if kwargs.get("version") == "rand" else ()
        with watched(model, x, expected=expected):
            return method.found(*args, **kwargs)

    @wraps(method)
    def images(*args: P.args, **kwargs: P.kwargs) -> Images:
        return found(*args, **kwargs).images

    extended: Any = images
    extended.found = wraps(method.found)(found)
    return cast(Method[P], images)
