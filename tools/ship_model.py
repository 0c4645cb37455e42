"""Ship a trained model: its weights in float16, measured, with its card in the table of the zoo.

    python tools/ship_model.py fashion-l2-1.5 runs/models/X/weights.safetensors --package \\
        --data fashion
    python tools/ship_model.py cifar10-l2-0.5 weights/cifar10-l2-0.5.safetensors   # a new card only

The weights go to weights/, or with --package beside the card, into the wheel. The card is
src/robustlens/zoo/shipped/NAME.json; nothing else has to be edited. Clean accuracy is measured on
all test images, PGD-20 and AutoAttack on --pgd and --autoattack of them, in the ball of the
recipe; after training with noise, certified accuracy on --certified of them. After a kill, the
same command goes on.
"""

import argparse
from pathlib import Path

from robustlens.cli.command import device
from robustlens.zoo import ship
from robustlens.zoo.table import SHIPPED, WEIGHTS


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("name")
    parser.add_argument("weights", type=Path, help="a checkpoint of `robustlens train`")
    parser.add_argument("--package", action="store_true", help="into the wheel, not weights/")
    parser.add_argument("--data", default="", help="whose test images; default: the recipe's")
    parser.add_argument("--purpose", default="", help="what it is for, in a sentence")
    parser.add_argument("--pgd", type=int, default=1000, help="images for PGD-20")
    parser.add_argument("--autoattack", type=int, default=1000, help="images for AutoAttack")
    parser.add_argument("--certified", type=int, default=500, help="images for certificates")
    parser.add_argument("--device", default="auto")
    options = parser.parse_args()
    ship(
        options.weights,
        options.name,
        SHIPPED if options.package else WEIGHTS,
        data=options.data,
        purpose=options.purpose,
        pgd=options.pgd,
        autoattack=options.autoattack,
        certified=options.certified,
        device=device(options.device),
    )


if __name__ == "__main__":
    main()
