"""Numbers as people type them: 0.25, 1e-3, 64/255.

number("64/255")        # 0.25098...
"""


def number(text: str) -> float:
    """Return a number, of digits or of a fraction. Raises `ValueError` where it is none."""
    top, slash, bottom = text.partition("/")
    try:
        return float(top) / (float(bottom) if slash else 1.0)
    except (ValueError, ZeroDivisionError):
        what = f"{text!r} is no number, such as 0.25, and no fraction, such as 64/255"
        raise ValueError(what) from None
