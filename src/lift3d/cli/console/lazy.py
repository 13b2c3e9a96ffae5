"""The commands of `lift3d` by name. The module of a command is imported only when that command is called."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import typer
from typer.core import TyperGroup

COMMANDS = {
    "reconstruct": (
        "reconstruct",
        "Reconstruct a textured 3D model from photos, a video or the frames of a depth camera.",
    ),
    "check": ("meshes", "Check whether a mesh is printable; exit code 1 if it is not."),
    "repair": ("meshes", "Make a mesh solid with the smallest change, and report what changed."),
    "complete": ("complete", "Complete a partial scan of one object to a closed solid."),
    "convert": ("meshes", "Write a mesh in another format, with its texture and unit."),
    "texture": ("texture", "Colour a mesh by photos of the object."),
    "render": ("render", "Render views of a model, or a turntable film."),
    "view": ("view", "Look at a model in the browser: one HTML file that needs no server and no network."),
    "generate": ("shapes", "Generate new models of a category; each is closed and printable."),
    "interpolate": ("shapes", "Interpolate between two models; each step is closed and printable."),
    "classify": ("classify", "Classify the object of a model or a photo."),
    "index": ("search", "Index a folder of models for search."),
    "search": ("search", "Search an index by photo, model or text."),
    "mask": ("mask", "Cut the object out of a photo; the background becomes transparent."),
    "depth": ("depth", "Predict the depth of a photo."),
    "explain": ("networks.explain", "Show which pixels or voxels an output of a network is based on."),
    "lithophane": ("relief", "A photo as a plate whose thickness shows it when light falls through."),
    "relief": ("relief", "A photo with its depth, or a mesh, as a bas-relief."),
    "volume": (
        "medical.volume",
        "Make closed models of what a CT or MR volume shows, or of its labels.",
    ),
    "segment": (
        "medical.segment",
        "Find structures in a CT or MR volume by a network, as labels and as closed models.",
    ),
    "measure": (
        "medical.measure",
        "Measure structures of a volume or a mesh, or compare two segmentations.",
    ),
    "serve": ("serve", "Serve a page to drop photos on, and a REST interface."),
    "train": ("train", "Train a network, or resume training from the last checkpoint."),
    "tune": (
        "networks.tune",
        "Search for good options of a training run; the same command resumes a search.",
    ),
    "evaluate": ("train", "Evaluate a network on the test split, beside its baselines."),
    "models": ("info", "List the networks that come with lift3d, or show the card of one."),
    "export": (
        "info",
        "Write networks as ONNX files, which run without torch, or as a page that runs them in a browser.",
    ),
    "maps": ("info", "List the mappings between representations and their guarantees."),
    "doctor": ("info", "Check versions, threads, memory and optional packages."),
    "corpus": ("corpus", "Build, show and render the corpus of shapes for training."),
}
"""Name -> (module of `lift3d.cli`, first sentence of its help). The sentences are repeated here so that `lift3d --help` imports
no command; a test compares them with the docstrings."""


class LazyGroup(TyperGroup):
    """The group of all commands; imports the module of a command on demand."""

    def __init__(self, **attributes: Any) -> None:
        super().__init__(**attributes)
        self.commands: Any = dict.fromkeys(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """The parsed command, or None for an unknown name."""
        if cmd_name in COMMANDS and self.commands[cmd_name] is None:
            self.commands[cmd_name] = load_command(cmd_name)
        return self.commands.get(cmd_name)

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Write the list of commands, each with the first sentence of its help."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, sentence) for name, (_, sentence) in COMMANDS.items()])


def load_command(name: str) -> Any:
    """Import the module of a command and build its parser. KeyError for an unknown name."""
    from lift3d.cli.console.errors import explained
    from lift3d.cli.console.renamed import RenamingCommand

    found = getattr(import_module(f"lift3d.cli.{COMMANDS[name][0]}"), "app" if name == "corpus" else name)
    if isinstance(found, typer.Typer):
        return typer.main.get_command(found)
    app = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)
    app.command(name, cls=RenamingCommand)(explained(found))
    return typer.main.get_command(app)
