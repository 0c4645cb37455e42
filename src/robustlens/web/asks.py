"""What requests ask and what answers say: nothing passes that is not named here."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from robustlens.web.steps import MOST

Finite = Annotated[float, Field(gt=0, le=10000, allow_inf_nan=False)]
Index = Annotated[int, Field(ge=0, le=1_000_000)]


class Ask(BaseModel):
    """What a request asks."""

    model_config = ConfigDict(extra="forbid")


class NewDesk(Ask):
    """A desk for the nets of a name."""

    model: Annotated[str, Field(max_length=100)]


class AskPush(Ask):
    """Steps towards a class, or to more of a unit: one of the two."""

    label: Index | None = None
    unit: Index | None = None
    steps: Annotated[int, Field(ge=1, le=MOST)] = 1
    strength: Finite = 1.0
    eps: Finite = 40.0
    norm: Literal["l2", "linf"] = "l2"

    @model_validator(mode="after")
    def _one(self) -> "AskPush":
        if (self.label is None) == (self.unit is None):
            raise ValueError("give label or unit, one of the two")
        return self


class AskAnchor(Ask):
    """Where the ball begins: here and to stay, or wherever the picture is painted on."""

    pinned: bool


class AskStart(Ask):
    """A new picture: an empty sheet, a blurred guess of a class, or one of the nets' images."""

    kind: Literal["grey", "seed", "image"]
    label: Index = 0
    index: Index = 0


class AskTool(Ask):
    """What a tool is told; what is left out is as in its form."""

    settings: dict[str, Any] = Field(default_factory=dict)


class AskTake(Ask):
    """A picture that the last tool made."""

    index: Index


class AskUnit(Ask):
    """A unit of what the head of the robust net reads."""

    unit: Index


class AskFilm(Ask):
    """The way up to here, moving."""

    kind: Literal["webp", "gif"] = "webp"


class Problem(BaseModel):
    """Why a request is refused."""

    detail: Any


class Model(BaseModel):
    """A pair of nets: what it takes, and what is here for it."""

    name: str
    standard: str | None
    shape: tuple[int, int, int]
    classes: tuple[str, ...]
    units: int  # that the head of the robust net reads; 0: it has none to show
    seeds: bool
    images: bool  # pictures like those of its training are on this machine


class Shown(BaseModel):
    """A sheet as a page shows it; lists have an entry a net, the robust one first."""

    pictures: list[str]  # PNG as data URIs
    chances: list[list[float]]  # of every class
    moved: list[float]  # l2 distance from the centre of the ball
    pinned: bool
    masked: bool
    second: str | None
    said: str
    undo: int  # steps that can be taken back
    redo: int
    count: int  # sheets that were ever laid on the desk


class Opened(Shown):
    """A new desk, and what lies on it."""

    desk: str


class Share(BaseModel):
    """A unit, and how much of a decision is due to it."""

    unit: int
    value: float
    share: float


class Why(BaseModel):
    """Units that speak for what the net sees, against what it sees next."""

    first: str
    second: str
    gap: float
    units: list[Share]
