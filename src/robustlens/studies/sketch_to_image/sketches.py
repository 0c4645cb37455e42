"""One sketch for each class, as a child would draw it; none was changed after a run.

Of Fashion-MNIST all but the shirt, which no few parts tell from a pullover.
"""

from robustlens.studies.sketch_to_image.drawing import Sketch, box, oval, polygon

BLACK, DARK, GREY, LIGHT, WHITE = (
    (v, v, v) for v in (0.0, 0.15, 0.5, 0.75, 0.95)
)  # fmt: skip
SKY, SEA, GRASS = (0.55, 0.75, 0.95), (0.15, 0.35, 0.6), (0.35, 0.55, 0.2)
LEAVES, ROAD, SAND = (0.15, 0.35, 0.12), (0.6, 0.6, 0.6), (0.8, 0.75, 0.65)
BROWN, TAN, RED, YELLOW = (0.4, 0.25, 0.12), (0.65, 0.5, 0.35), (0.75, 0.1, 0.1), (0.9, 0.75, 0.2)
GREEN, BLUE = (0.25, 0.5, 0.1), (0.15, 0.3, 0.7)

GARMENTS = {
    "T-shirt/top": Sketch(BLACK, (
        polygon(LIGHT, (0.1, 0.2), (0.3, 0.1), (0.7, 0.1), (0.9, 0.2), (0.85, 0.4), (0.72, 0.36),
                (0.72, 0.9), (0.28, 0.9), (0.28, 0.36), (0.15, 0.4)),
        oval(BLACK, 0.4, 0.02, 0.6, 0.18),
    )),
    "Trouser": Sketch(BLACK, (
        polygon(LIGHT, (0.33, 0.05), (0.67, 0.05), (0.7, 0.97), (0.55, 0.97), (0.5, 0.3),
                (0.45, 0.97), (0.3, 0.97)),
    )),
    "Pullover": Sketch(BLACK, (
        polygon(LIGHT, (0.28, 0.1), (0.72, 0.1), (0.92, 0.85), (0.78, 0.88), (0.72, 0.5),
                (0.72, 0.92), (0.28, 0.92), (0.28, 0.5), (0.22, 0.88), (0.08, 0.85)),
    )),
    "Dress": Sketch(BLACK, (
        polygon(LIGHT, (0.4, 0.05), (0.6, 0.05), (0.6, 0.35), (0.7, 0.95), (0.3, 0.95),
                (0.4, 0.35)),
    )),
    "Coat": Sketch(BLACK, (
        polygon(GREY, (0.28, 0.05), (0.72, 0.05), (0.9, 0.8), (0.78, 0.83), (0.74, 0.4),
                (0.76, 0.97), (0.24, 0.97), (0.26, 0.4), (0.22, 0.83), (0.1, 0.8)),
        box(DARK, 0.48, 0.1, 0.52, 0.97),
    )),
    "Sandal": Sketch(BLACK, (
        polygon(GREY, (0.05, 0.68), (0.5, 0.64), (0.95, 0.5), (0.95, 0.72), (0.05, 0.75)),
        polygon(LIGHT, (0.2, 0.66), (0.35, 0.45), (0.4, 0.45), (0.28, 0.66)),
        polygon(LIGHT, (0.6, 0.6), (0.75, 0.32), (0.8, 0.32), (0.68, 0.6)),
    )),
    "Sneaker": Sketch(BLACK, (
        polygon(LIGHT, (0.05, 0.6), (0.3, 0.52), (0.55, 0.36), (0.7, 0.42), (0.95, 0.36),
                (0.95, 0.7), (0.05, 0.7)),
        box(WHITE, 0.05, 0.66, 0.95, 0.72),
    )),
    "Bag": Sketch(BLACK, (
        oval(GREY, 0.3, 0.08, 0.7, 0.6),
        oval(BLACK, 0.36, 0.15, 0.64, 0.6),
        box(LIGHT, 0.12, 0.35, 0.88, 0.9),
    )),
    "Ankle boot": Sketch(BLACK, (
        polygon(LIGHT, (0.55, 0.08), (0.9, 0.08), (0.92, 0.88), (0.08, 0.88), (0.08, 0.68),
                (0.45, 0.55)),
        box(GREY, 0.08, 0.84, 0.92, 0.9),
    )),
}  # fmt: skip
THINGS = {
    "airplane": Sketch(SKY, (
        oval(WHITE, 0.08, 0.44, 0.92, 0.56),
        polygon(LIGHT, (0.45, 0.5), (0.6, 0.5), (0.4, 0.8), (0.3, 0.8)),
        polygon(LIGHT, (0.1, 0.48), (0.08, 0.28), (0.16, 0.28), (0.24, 0.48)),
    )),
    "automobile": Sketch(ROAD, (
        polygon(RED, (0.25, 0.45), (0.35, 0.28), (0.68, 0.28), (0.78, 0.45)),
        box(RED, 0.08, 0.44, 0.92, 0.68),
        polygon(DARK, (0.32, 0.44), (0.39, 0.32), (0.64, 0.32), (0.71, 0.44)),
        oval(BLACK, 0.15, 0.58, 0.33, 0.78),
        oval(BLACK, 0.67, 0.58, 0.85, 0.78),
    )),
    "bird": Sketch(LEAVES, (
        oval(BROWN, 0.25, 0.35, 0.7, 0.68),
        oval(BROWN, 0.6, 0.22, 0.82, 0.45),
        polygon(YELLOW, (0.8, 0.3), (0.93, 0.35), (0.8, 0.38)),
        polygon(DARK, (0.3, 0.5), (0.05, 0.62), (0.3, 0.6)),
        box(DARK, 0.45, 0.66, 0.48, 0.85),
        box(DARK, 0.54, 0.66, 0.57, 0.85),
    )),
    "cat": Sketch(SAND, (
        polygon(GREY, (0.2, 0.4), (0.22, 0.08), (0.45, 0.28)),
        polygon(GREY, (0.8, 0.4), (0.78, 0.08), (0.55, 0.28)),
        oval(GREY, 0.16, 0.2, 0.84, 0.84),
        oval(YELLOW, 0.28, 0.42, 0.42, 0.54),
        oval(YELLOW, 0.58, 0.42, 0.72, 0.54),
        oval(BLACK, 0.33, 0.42, 0.37, 0.54),
        oval(BLACK, 0.63, 0.42, 0.67, 0.54),
        polygon((0.8, 0.5, 0.5), (0.44, 0.6), (0.56, 0.6), (0.5, 0.68)),
    )),
    "deer": Sketch(GRASS, (
        oval(TAN, 0.2, 0.42, 0.68, 0.66),
        polygon(TAN, (0.58, 0.52), (0.68, 0.22), (0.78, 0.22), (0.68, 0.56)),
        oval(TAN, 0.66, 0.16, 0.9, 0.32),
        polygon(BROWN, (0.7, 0.2), (0.62, 0.02), (0.66, 0.02), (0.75, 0.18)),
        *(box(TAN, left, 0.6, left + 0.05, 0.92) for left in (0.24, 0.34, 0.54, 0.63)),
    )),
    "dog": Sketch(GRASS, (
        oval(TAN, 0.2, 0.15, 0.8, 0.8),
        oval(BROWN, 0.1, 0.18, 0.3, 0.62),
        oval(BROWN, 0.7, 0.18, 0.9, 0.62),
        oval(LIGHT, 0.34, 0.48, 0.66, 0.82),
        oval(BLACK, 0.33, 0.34, 0.42, 0.44),
        oval(BLACK, 0.58, 0.34, 0.67, 0.44),
        oval(BLACK, 0.42, 0.52, 0.58, 0.63),
    )),
    "frog": Sketch(SAND, (
        oval(GREEN, 0.15, 0.4, 0.85, 0.85),
        oval(GREEN, 0.25, 0.22, 0.45, 0.48),
        oval(GREEN, 0.55, 0.22, 0.75, 0.48),
        oval(BLACK, 0.31, 0.28, 0.39, 0.38),
        oval(BLACK, 0.61, 0.28, 0.69, 0.38),
    )),
    "horse": Sketch(GRASS, (
        oval(BROWN, 0.18, 0.4, 0.7, 0.66),
        polygon(BROWN, (0.56, 0.5), (0.7, 0.15), (0.82, 0.2), (0.7, 0.58)),
        polygon(BROWN, (0.68, 0.14), (0.95, 0.3), (0.92, 0.38), (0.72, 0.3)),
        polygon(DARK, (0.2, 0.46), (0.06, 0.7), (0.12, 0.72), (0.25, 0.55)),
        *(box(BROWN, left, 0.6, left + 0.07, 0.94) for left in (0.22, 0.33, 0.53, 0.63)),
    )),
    "ship": Sketch(SKY, (
        box(SEA, -1.0, 0.62, 2.0, 2.0),
        polygon(DARK, (0.05, 0.5), (0.95, 0.5), (0.82, 0.7), (0.15, 0.7)),
        box(WHITE, 0.3, 0.32, 0.72, 0.5),
        box(RED, 0.45, 0.14, 0.55, 0.32),
    )),
    "truck": Sketch(ROAD, (
        box(WHITE, 0.3, 0.15, 0.95, 0.68),
        box(BLUE, 0.05, 0.36, 0.3, 0.7),
        box(DARK, 0.08, 0.4, 0.24, 0.52),
        box(DARK, 0.05, 0.68, 0.95, 0.73),
        *(oval(BLACK, left, 0.64, left + 0.16, 0.82) for left in (0.12, 0.55, 0.74)),
    )),
}  # fmt: skip
SKETCHES = GARMENTS | THINGS
"""A sketch for each class that has one, by the name of the class."""
