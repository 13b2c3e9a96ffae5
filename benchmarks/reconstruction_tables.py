"""The JSON files with the tables of the reconstruction benchmark."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

HERE = Path(__file__).resolve().parent


def r(value: Any, digits: int = 3) -> Any:
    return None if value is None else round(float(value), digits)


def tables(results: dict[str, Any], folder: Path) -> None:
    """The three JSON files of the surface that the photos saw."""
    plain = [n for n in results if "_" not in n]
    faint = [n for n in results if "_" in n]
    columns = [
        "set",
        "F 1 %",
        "F 0.5 %",
        "hull F 1 %",
        "sparse Poisson F 1 %",
        "rotation °",
        "processor s",
        "GiB",
        "faces",
    ]
    rows = []
    for n in [*plain, "mean", *faint, "mean, faint"]:
        if n.startswith("mean"):
            group = faint if "faint" in n else plain
            if not group:
                continue
            mean = lambda pick, group=group: r(np.mean([pick(results[g]) for g in group]))  # noqa: E731
            rows.append([
                n, mean(lambda x: x["surface"]["f_1"]), mean(lambda x: x["surface"]["f_05"]), mean(lambda x: x["hull"]["f_1"]),
                mean(lambda x: x.get("poisson", {}).get("f_1", 0.0)), None, mean(processor_seconds), None, None,
            ])  # fmt: skip
            continue
        x = results[n]
        rows.append([
            n, r(x["surface"]["f_1"]), r(x["surface"]["f_05"]), r(x["hull"]["f_1"]), r(x.get("poisson", {}).get("f_1")),
            r(x["cameras"]["rotation_deg"]), processor_seconds(x), r(x["peak_gib"], 2), x["faces"],
        ])  # fmt: skip
    note = (
        "26 rendered photos of 800x600 a set, cameras estimated, F-score of the surface visible in the photos; all outputs "
        "closed and solid. Processor seconds of all steps, one thread, beside other work. Poisson: of the sparse points, by "
        "Open3D, on the set's earlier cameras. `python benchmarks/reconstruction.py`"
    )
    write(folder, "geometry", {"table": {"columns": columns, "rows": rows, "note": note}, "sets": results})
    write(folder, "depths", {"table": {
        "columns": ["set", "within 0.5 % of true depth", "measured"],
        "rows": [[n, r(x["depth"]["within"]), r(x["depth"]["measured"])] for n, x in results.items()],
        "note": "Fractions of all pixels that show the object, over all depth maps of the set.",
    }})  # fmt: skip
    write(folder, "texture", {"table": {
        "columns": ["set", "PSNR dB", "PSNR with one gain per photo", "worst photo", "seen area textured"],
        "rows": [
            [
                n, r(x["texture"]["psnr"], 1), r(x["texture"]["psnr_gain"], 1), r(x["texture"]["worst"], 1),
                r(x.get("coverage_of_seen"), 4),
            ]
            for n, x in results.items() if "texture" in x
        ],
        "note": "Four photos per set are held out of the whole reconstruction and compared with renderings of the "
        "finished model. Seen area: of the finished model, by a separate depth test within 75 degrees.",
    }})  # fmt: skip


def write(folder: Path, name: str, value: Any) -> None:
    """One JSON file of results."""
    (folder / f"{name}.json").write_text(json.dumps(value, indent=1) + "\n", encoding="utf-8")


WHOLE = [
    "set", "F 1 %", "F 0.5 %", "IoU", "known F 1 %", "known IoU", "% inside", "% outside", "seen F 1 %", "photos placed", "up °",
    "processor s", "said",
]  # fmt: skip


def processor_seconds(x: dict[str, Any]) -> float | None:
    """Of all steps and threads, which other work on the machine changes little; None for a refusal."""
    return r(sum(step["cpu_seconds"] for step in x["steps"]), 0) if x.get("steps") else None


def whole_row(name: str, x: dict[str, Any]) -> list[Any]:
    """One row of the table of whole outputs."""
    placed = f"{x['registered']} of {x['photos']}" if "registered" in x and "photos" in x else None
    if "whole" not in x:
        said = "refused" if "refused" in x else "predicted" if x.get("predicted") else "model"
        if x.get("warnings"):
            said += ", warned"
        return [name, *([None] * 8), placed, None, processor_seconds(x), said]
    w = x["whole"]
    return [
        name, r(w["f_1"]), r(w["f_05"]), r(w["iou"]), r(w.get("f_known")), r(w.get("iou_known")), r(100 * w["inside"], 1),
        r(100 * w["outside"], 1), r(x["surface"]["f_1"]), placed, r(x.get("up_deg"), 1), processor_seconds(x),
        "warned" if x.get("warnings") else None,
    ]  # fmt: skip


def whole_table(results: dict[str, Any], folder: Path) -> None:
    """whole.json: every set that was run, by groups, with the mean and the worst of the scores of each group."""
    from set_lists import GROUPS, order

    names = sorted(results, key=order)
    group = {n: next((g for g, members in GROUPS.items() if n in members), "others") for n in names}
    rows = []
    for g in dict.fromkeys(group.values()):
        members = [n for n in names if group[n] == g]
        rows += [whole_row(n, results[n]) for n in members]
        scored = [results[n] for n in members if "whole" in results[n]]
        if len(scored) > 1:
            rows += [
                summary(f"{g}: mean", scored, np.mean, np.mean),
                summary(f"{g}: worst", scored, np.min, np.max),
            ]
    note = (
        "F: precision over all of the output's surface, recall over the surface that the photos saw. IoU: of the interiors, "
        "where the truth is solid. Inside, outside: output surface more than 1 % of the diagonal inside the true solid (caves) "
        "or outside it (lumps, remains of the table). Known: without the space outside the truth that fewer than two photos look "
        "into, which may be filled or open. `python benchmarks/reconstruction.py --only NAME or GROUP ...`"
    )
    write(
        folder,
        "whole",
        {"table": {"columns": WHOLE, "rows": rows, "note": note}, "sets": {n: results[n] for n in names}},
    )


def summary(name: str, scored: list[dict[str, Any]], good: Any, bad: Any) -> list[Any]:
    """A row over several sets; good and bad: how scores that should be high and low become one."""

    def over(values: list[float | None], how: Any, digits: int = 3) -> float | None:
        known = [v for v in values if v is not None]
        return r(how(known), digits) if known else None

    whole = [x["whole"] for x in scored]
    return [
        name, *(over([w.get(key) for w in whole], good) for key in ("f_1", "f_05", "iou", "f_known", "iou_known")),
        *(over([100 * w[key] for w in whole], bad, 1) for key in ("inside", "outside")),
        over([x["surface"]["f_1"] for x in scored], good), None,
        over([x.get("up_deg") for x in scored], bad, 1), over([processor_seconds(x) for x in scored], bad, 0), None,
    ]  # fmt: skip


def number(value: float | None) -> str:
    """Three digits."""
    return "none" if value is None else f"{value:.3f}"


def line(name: str, x: dict[str, Any]) -> str:
    """One line for the terminal."""
    if "refused" in x:
        return f"{name}: refused in {x['wall_s']:.0f} s: {x['refused']}"
    text = f"{name}: {x['registered']} of {x['photos']} photos, {x['kind']}, {x['wall_s']:.0f} s, {x['peak_gib']:.2f} GiB"
    if "whole" in x:
        w = x["whole"]
        text += (
            f"\n  whole F {w['f_1']:.3f} / {w['f_05']:.3f}, precision {w['precision_1']:.3f}, recall {w['recall_1']:.3f}, "
            f"IoU {number(w['iou'])}, known {number(w.get('f_known'))} / {number(w.get('iou_known'))}, "
            f"{100 * w['inside']:.1f} % inside (to {w['max_inside']:.1f} %), "
            f"{100 * w['outside']:.1f} % outside (to {w['max_outside']:.1f} %), "
            f"up {x['up_deg']:.1f} deg"
            f"\n  seen F {x['surface']['f_1']:.3f} / {x['surface']['f_05']:.3f}, depth {x['depth']['within']:.3f}, "
            f"PSNR {x.get('texture', {}).get('psnr', 0):.1f}"
        )
    return text + "".join(f"\n  warning: {w}" for w in x.get("warnings", []))
