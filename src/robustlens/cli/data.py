"""`robustlens data list | get | show | build`."""

from pathlib import Path

from robustlens.cli.command import Answer
from robustlens.cli.flags import data as flags
from robustlens.cli.images import described, reading
from robustlens.data import contact_sheet, get, load
from robustlens.data.dataset import numbered
from robustlens.data.holdout import words
from robustlens.data.listing import readable
from robustlens.data.sources import splits
from robustlens.errors import InputError
from robustlens.files import replacing


class DataGet(flags.DataGet):
    """`robustlens data get`, at work."""

    def run(self) -> Answer:
        """Download it."""
        path = get(self.name, self.folder)
        return Answer({"name": self.name, "path": str(path)}, f"{self.name} is at {path}")


class DataShow(flags.DataShow):
    """`robustlens data show`, at work."""

    def run(self) -> Answer:
        """Draw it."""
        if self.columns < 1:
            raise InputError(f"columns is {self.columns}", "at least 1", "change --columns")
        split = self.split or ("train" if splits(self.name) else "all")
        data = load(self.name, split, size=self.size)
        path = self.out or Path(f"{readable(Path(self.name).stem) or data.name}.png")
        sheet = contact_sheet(data, columns=self.columns)
        with replacing(path) as temporary:
            sheet.save(temporary, format="PNG")
        channels, height, width = data.shape
        payload = {
            "name": data.name,
            "split": split,
            "images": len(data),
            "held out": described(data)["held out"],
            "shape": data.shape,
            "reading": reading(data),
            "classes": data.classes,
            "digest": data.digest,
            "sheet": str(path),
        }
        text = (
            f"{words(data)} of {height} x {width}, "
            f"{channels} channel{'s' if channels > 1 else ''}, {len(data.classes)} classes, "
            f"digest {data.digest}\nclasses: {numbered(data.classes)}\nsheet: {path}"
        )
        text += f"\npixels: {data.reading.resized}" * bool(data.reading.resized)
        return Answer(payload, text)
