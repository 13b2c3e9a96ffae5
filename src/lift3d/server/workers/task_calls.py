"""The tasks in a worker: each calls one function of `lift3d.api` and returns what the page shows.

A result has `model` (the file to look at, or none), `facts` (pairs of a word and a value), `warnings`, and where there are any
`photos` (what became of each) and `labels` (categories with probabilities)."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import numpy as np

from lift3d import api
from lift3d.geometry.parts.convert import y_up_to_z_up
from lift3d.server.workers.call import Call
from lift3d.types import Mesh
from lift3d.units import format_length, format_memory, format_seconds

Result = dict[str, Any]


def reconstruct(call: Call) -> Result:
    """model.glb with its preview and report."""
    options = {name: value for name, value in call.options.items() if value not in (None, [])}
    out = api.reconstruct(
        call.files(), call.outputs / "model.glb", **options, memory=call.memory, work=call.work, progress=call.progress,
        message=call.say, command=["lift3d", "serve"],
    )  # fmt: skip
    report, model = out.report, out.report["model"]
    photos = [
        {key: call.named(str(row.get(key, ""))) for key in ("name", "status", "reason", "advice")}
        for row in report.get("inputs", [])
    ]
    size = (
        " × ".join(map(format_length, model["size"]))
        if model["unit"]
        else "unknown: give a height or a width"
    )
    facts = [
        (
            "Solid",
            "yes: closed, oriented, without self-intersection or debris"
            if model["is_solid"]
            else "no: a scene is open",
        ),
        ("Made by", "prediction of a network" if out.confidence is not None else "measurement"),
        ("Size", size),
        ("Triangles", f"{model['faces']:,}"),
    ]
    if model.get("coverage") is not None:
        facts.append(("Surface seen by photos", f"{100 * model['coverage']:.0f} %"))
    run = report["run"]
    facts.append(("Took", f"{format_seconds(run['seconds'])}, {format_memory(run['peak_memory'])}"))
    if (colours := call.outputs / "model.uncertainty.ply").exists():  # for the viewer
        api.convert(colours, colours.with_suffix(".glb"), message=lambda sentence: None)
    _rename_inputs(call)
    return {
        "model": "model.glb",
        "preview": "model.png",
        "facts": facts,
        "warnings": list(out.warnings),
        "photos": photos,
    }


def _rename_inputs(call: Call) -> None:
    """Write the client's names of the photos into the report."""
    path = call.outputs / "model.report.json"
    text = path.read_text("utf-8")
    for item in call.inputs:
        text = text.replace(item["file"], json.dumps(item["name"], ensure_ascii=False)[1:-1])
    path.write_text(text.replace(json.dumps(str(call.folder))[1:-1], "job"), "utf-8")


def texture(call: Call) -> Result:
    """model.glb with colours."""
    mesh = api.texture(
        call.files("model")[0], call.files("photo"), call.outputs / "model.glb", **call.options, progress=call.progress,
        message=call.say,
    )  # fmt: skip
    return {
        "model": "model.glb",
        "preview": "model.png",
        "facts": [("Triangles", f"{len(mesh.faces):,}")],
        "warnings": [],
    }


def repair(call: Call) -> Result:
    """model.glb, solid."""
    mesh, warnings = _upright(call)
    _, report = api.repair(
        mesh,
        call.outputs / "model.glb",
        seed=call.options["seed"],
        progress=call.progress,
        return_report=True,
    )
    facts = [
        ("Result", "solid: closed, oriented, without self-intersection"),
        ("Found", "; ".join(report.defects) or "no defects: the model was solid"),
        ("Did", "; ".join(report.steps) or "nothing"),
        ("Moved", f"at most {report.new_surface_percent:g} % of the diagonal"),
        ("Triangles", f"{report.faces_before:,} before, {report.faces_after:,} after"),
    ]
    return {"model": "model.glb", "verdict": "good", "facts": facts, "warnings": warnings}


def check(call: Call) -> Result:
    """report.json, and the model to be looked at."""
    mesh, warnings = _upright(call)
    report = api.check(mesh, bed=call.options["bed"])
    (call.outputs / "report.json").write_text(json.dumps(report.to_dict(), indent=2) + "\n", "utf-8")
    facts = [("Printable", "yes" if report.printable else "no: repair it, or scale it to the printer's bed")]
    facts += [("Defect", failure) for failure in report.failures]
    for line in report.to_text().splitlines():
        word, colon, value = line.partition(": ")
        if colon and not line.startswith(" "):
            facts.append((word, value.rstrip(".").replace("NO", "no")))
    api.save(mesh, call.outputs / "model.glb", message=lambda sentence: None)
    verdict = "good" if report.printable else "bad"
    return {"model": "model.glb", "verdict": verdict, "facts": facts, "warnings": warnings}


def _upright(call: Call) -> tuple[Mesh, list[str]]:
    """(the given model, z up, what in its file could not be used)."""
    path = call.files()[0]
    mesh = api.load(path)
    warnings = [f"{call.inputs[0]['name']}: {text}" for text in mesh.metadata.get("warnings", ())]
    if call.options["up"] == "y" and path.suffix not in (".glb", ".3mf", ".usdz"):
        mesh.vertices = y_up_to_z_up(np.asarray(mesh.vertices))
    return mesh, warnings


def convert(call: Call) -> Result:
    """The model in the wanted format, and as GLB to be looked at."""
    mesh, warnings = _upright(call)
    target = call.outputs / f"model.{call.options['format']}"
    written = api.save(mesh, target, message=call.say)
    if target.suffix != ".glb":
        api.save(mesh, call.outputs / "model.glb", message=lambda sentence: None)
    facts = [("Wrote", ", ".join(path.name for path in written))]
    if target.suffix == ".stl":
        facts.append(("Note", "STL stores the shape only: no texture, no colours, no unit"))
    return {"model": "model.glb", "facts": facts, "warnings": warnings}


def complete(call: Call) -> Result:
    """model.glb, closed."""
    out = api.complete(
        call.files()[0],
        call.outputs / "model.glb",
        **call.options,
        progress=call.progress,
        command=["lift3d", "serve"],
    )
    known = (
        "all: it was closed already"
        if out.known_fraction is None
        else f"{100 * out.known_fraction:.0f} % of the surface"
    )
    facts = [("Known", known), ("Triangles", f"{len(out.mesh.faces):,}")]
    return {"model": "model.glb", "preview": "model.png", "facts": facts, "warnings": list(out.warnings)}


def render(call: Call) -> Result:
    """A film."""
    options = dict(call.options)
    film = call.outputs / f"turntable.{options.pop('film')}"
    api.render(call.files()[0], film, **options, progress=call.progress)
    return {
        "model": None,
        "preview": film.name if film.suffix == ".gif" else None,
        "facts": [],
        "warnings": [],
    }


def classify(call: Call) -> Result:
    """label.json."""
    out = api.classify(call.files()[0], **call.options, progress=call.progress)
    labels = [{"name": name, "probability": round(value, 4)} for name, value in out.top(5)]
    (call.outputs / "label.json").write_text(
        json.dumps({"labels": labels, "notes": out.notes}, indent=2) + "\n", "utf-8"
    )
    return {
        "model": None,
        "facts": [("Most probable", out.name.replace("_", " "))],
        "labels": labels,
        "warnings": out.notes,
    }


def mask(call: Call) -> Result:
    """cut-out.png."""
    image = api.mask(call.files()[0], call.outputs / "cut-out.png", **_prompts(call))
    found = image.segmentation
    facts = [] if found is None else [("Covers", f"{100 * found.area_fraction:.0f} % of the photo")]
    if found is not None and found.other_objects:
        facts.append(("Other objects", f"{found.other_objects}: choose one by a click or a box"))
    return {"model": None, "preview": "cut-out.png", "facts": facts, "warnings": list(image.warnings)}


def _prompts(call: Call) -> dict[str, Any]:
    return {name: value for name, value in call.options.items() if value not in (None, [])}


def depth(call: Call) -> Result:
    """depth.png, .npy, a preview, and points.ply."""
    points = call.outputs / "points.ply" if call.options["points"] else None
    found = api.depth(call.files()[0], call.outputs / "depth.png", points=points, message=call.say)
    facts = [
        ("Pixels", f"{found.z.shape[1]} × {found.z.shape[0]}"),
        ("Scale", "unknown: the median depth is 1"),
    ]
    return {"model": None, "preview": "depth.preview.png", "facts": facts, "warnings": []}


def relief(call: Call) -> Result:
    """model.glb, a block."""
    return _block(call, api.relief)


def lithophane(call: Call) -> Result:
    """model.glb, a plate."""
    options = {name: value for name, value in call.options.items() if value is not None}
    return _block(call, api.lithophane, options)


def _block(call: Call, make: Callable[..., Any], options: dict[str, Any] | None = None) -> Result:
    mesh = make(
        call.files()[0], call.outputs / "model.glb", **(call.options if options is None else options),
        progress=call.progress, message=call.say,
    )  # fmt: skip
    facts = [("Size", " × ".join(map(format_length, mesh.extents))), ("Triangles", f"{len(mesh.faces):,}")]
    return {"model": "model.glb", "preview": "model.png", "facts": facts, "warnings": []}


def generate(call: Call) -> Result:
    """The models and their sheet."""
    options = {name: value for name, value in call.options.items() if value is not None}
    folder = call.outputs / "models"
    api.generate(options.pop("category"), folder, **options, progress=call.progress, message=call.say)
    for path in sorted(folder.iterdir()):
        path.replace(call.outputs / path.name)
    folder.rmdir()
    models = sorted(path.name for path in call.outputs.glob("*.glb"))
    return {
        "model": models[0],
        "preview": "sheet.png",
        "facts": [("Models", str(len(models)))],
        "warnings": [],
    }


CALLS: dict[str, Callable[[Call], Result]] = {
    run.__name__: run
    for run in (
        reconstruct, texture, repair, check, convert, complete, render, classify, mask, depth, relief, lithophane, generate,
    )
}  # fmt: skip
