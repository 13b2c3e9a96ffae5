"""What the server can do: for each task its options, the files that it takes, and the words for them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from lift3d.errors import InputError
from lift3d.server import options as o
from lift3d.server.content import Kind

WORDS: dict[str, str] = {
    "photo": "a photo",
    "video": "a video",
    "model": "a model",
    "archive": "a ZIP archive",
}


@dataclass(frozen=True)
class Task:
    """name: in requests. title: on the page. options: model of the options. accepts: kinds of files. fewest, most: of all files.
    extra: what must be installed, "" for nothing."""

    name: str
    title: str
    options: type[o.Options]
    accepts: tuple[Kind, ...]
    fewest: int = 1
    most: int = 1

    def check(self, kinds: Sequence[str]) -> None:
        """Raise InputError unless the task takes files of these kinds."""
        wanted = " or ".join(WORDS[kind] for kind in self.accepts)
        for kind in kinds:
            if kind not in self.accepts:
                raise InputError(f"'{self.title}' does not take {WORDS[kind]}", f"give {wanted}")
        if len(kinds) < self.fewest:
            raise InputError(f"'{self.title}' has no file to work on", f"give {wanted}")
        if len(kinds) > self.most:
            limit = (
                "no files"
                if self.most == 0
                else "one file"
                if self.most == 1
                else f"at most {self.most} files"
            )
            raise InputError(f"'{self.title}' was given {len(kinds)} files", f"give {limit}")
        if "video" in kinds and len(kinds) > 1:
            raise InputError("a video and something else were given", "give one video, or photos")
        if self.name == "texture" and (kinds.count("model") != 1 or "photo" not in kinds):
            raise InputError(
                f"'{self.title}' needs one model and at least one photo of it",
                f"{kinds.count('model')} models and {kinds.count('photo')} photos were given",
            )


TASKS = {
    task.name: task
    for task in (
        Task("reconstruct", "3D model from photos", o.ReconstructOptions, ("photo", "video"), most=400),
        Task("repair", "Repair a model", o.RepairOptions, ("model",)),
        Task("check", "Check for printing", o.CheckOptions, ("model",)),
        Task("convert", "Convert a model", o.ConvertOptions, ("model",)),
        Task("texture", "Colour a model by photos", o.TextureOptions, ("model", "photo"), 2, 25),
        Task("complete", "Complete a scan", o.CompleteOptions, ("model",)),
        Task("render", "Turntable film", o.RenderOptions, ("model",)),
        Task("classify", "Name the object", o.ClassifyOptions, ("photo", "model")),
        Task("mask", "Cut out an object", o.MaskOptions, ("photo",)),
        Task("depth", "Depth of a photo", o.DepthOptions, ("photo",)),
        Task("relief", "Relief", o.ReliefOptions, ("photo", "model")),
        Task("lithophane", "Lithophane", o.LithophaneOptions, ("photo",)),
        Task("generate", "Generate models", o.GenerateOptions, (), 0, 0),
    )
}


def find_task(name: str) -> Task:
    """The task of a name. InputError for an unknown one."""
    if name not in TASKS:
        raise InputError(f"there is no task '{name[:40]}'", f"use one of {', '.join(TASKS)}")
    return TASKS[name]
