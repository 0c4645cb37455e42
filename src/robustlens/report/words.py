"""Numbers and times as people write them.

shown("clean accuracy", 0.648)     # "64.8%"
shown("mean radius", 1.2345)       # "1.23"
duration(312)                      # "5 min 12 s"
"""

import re

_SHARE = re.compile(r"\b(accurac(y|ies)|confidence|shares?|rates?)\b", re.IGNORECASE)


def shown(name: str, value: float, *others: float) -> str:
    """Return a value for readers: per cent when its name says it is a share, else 3 digits.

    `others` are values shown beside it: only when all lie in [0, 1] it is a share.
    """
    if _SHARE.search(name) and all(0 <= v <= 1 for v in (value, *others)):
        return f"{value:.1%}"
    if 1000 <= abs(value) < 1e6:
        return f"{float(f'{value:.3g}'):,.0f}"
    return f"{value:#.3g}".rstrip(".") if value else "0"


def interval(name: str, value: float, low: float, high: float, n: int) -> tuple[str, str]:
    """Return a value and its interval for readers: "64.8%", "[62.7%, 66.9%]"; n = 0: "exact"."""
    if n == 0:
        return shown(name, value), "exact"
    ends = shown(name, low, value, high), shown(name, high, value, low)
    return shown(name, value, low, high), f"[{ends[0]}, {ends[1]}]"


def duration(seconds: float) -> str:
    """Return a time in the two largest units that matter."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    return f"{minutes // 60} h {minutes % 60} min"
