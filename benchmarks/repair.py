"""Repair of damaged meshes: how many become solid, by an independent predicate, and how far their surfaces move.

    python benchmarks/repair.py [--only NAME] [--stride N] [--jobs N]

Prints a table by type of damage and writes benchmarks/results/repair.json.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections import defaultdict
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests" / "helpers"))

from damage import Case, damaged_meshes  # noqa: E402
from solid_twin import why_not_solid  # noqa: E402

from lift3d.context import Context  # noqa: E402
from lift3d.errors import SolidError  # noqa: E402
from lift3d.geometry.mesh.distances import hausdorff  # noqa: E402
from lift3d.maps.mesh_to_solid import NAME, MeshToSolid  # noqa: E402


def run(case: Case) -> dict[str, Any]:
    context = Context()
    start = time.process_time()
    row: dict[str, Any] = {"name": case.name, "faces": len(case.f)}
    try:
        out = MeshToSolid()(case.mesh, context)
    except SolidError as refusal:
        return {**row, "solid": False, "refused": str(refusal), "expected": case.refusable}
    row["cpu_s"] = round(time.process_time() - start, 2)
    note = context.report[NAME]
    reasons = why_not_solid(out)
    row |= {
        "solid": not reasons,
        "reasons": reasons,
        "fallback": note["remeshed"],
        "steps": note["steps"],
        "faces_after": len(out.faces),
        "to_input": note["hausdorff_percent_of_diagonal"],
        "output_to_input": note["output_to_input_percent"],
    }
    if case.original is not None:
        v, f = case.original
        moved = hausdorff(np.array(out.vertices), np.array(out.faces, np.int32), v, f.astype(np.int32), 10000)
        row["to_original"] = round(
            100 * moved / float(np.linalg.norm(np.ptp(v[f].reshape(-1, 3), axis=0))), 4
        )
    return row


def summary(rows: list[dict[str, Any]]) -> dict[str, Any]:
    solid = [r for r in rows if r["solid"]]
    meant = [r for r in rows if not r.get("expected")]
    known = [r["to_original"] for r in solid if "to_original" in r]
    inputs = [r["to_input"] for r in solid]
    outputs = [r["output_to_input"] for r in solid]
    return {
        "meshes": len(rows),
        "solid": len(solid),
        "refused_with_reason": sum("refused" in r for r in rows),
        "solid_fraction_of_repairable": round(len(solid) / max(len(meant), 1), 4),
        "neither": sum(not r["solid"] and "refused" not in r for r in rows),
        "remeshed": sum(bool(r.get("fallback")) for r in rows),
        "median_to_undamaged_percent": round(float(np.median(known)), 4) if known else None,
        "p90_to_undamaged_percent": round(float(np.percentile(known, 90)), 4) if known else None,
        "median_to_damaged_percent": round(float(np.median(inputs)), 4) if inputs else None,
        "median_new_surface_to_damaged_percent": round(float(np.median(outputs)), 4) if outputs else None,
        "median_cpu_s": float(np.median([r["cpu_s"] for r in solid])) if solid else None,
    }


def table(rows: list[dict[str, Any]]) -> str:
    kinds: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for r in rows:
        parts = r["name"].split("-")
        special = parts[0] in ("open", "two", "self", "flat")
        kinds["-".join(parts[:2]) if special else parts[1]].append(r)
    lines = [
        f"{'damage':16s} meshes solid remeshed  moved: median / worst, % of the diagonal, from the undamaged"
    ]
    for kind, some in kinds.items():
        known = [r["to_original"] for r in some if "to_original" in r] or [float("nan")]
        solid = sum(r["solid"] for r in some)
        anew = sum(bool(r.get("fallback")) for r in some)
        worst = f"{np.median(known):8.4f} / {max(known):.3f}"
        lines.append(f"{kind:16s} {len(some):6d} {solid:5d} {anew:8d}  {worst}")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--only", default="")
    parser.add_argument("--stride", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--output", type=Path, default=ROOT / "benchmarks/results/repair.json")
    options = parser.parse_args()
    cases = [c for c in damaged_meshes() if options.only in c.name][:: options.stride]
    rows = []
    with ProcessPoolExecutor(options.jobs) as pool:
        for row in pool.map(run, cases):
            rows.append(row)
            print(json.dumps(row), file=sys.stderr, flush=True)
    print(table(rows))
    found = {"stride": options.stride, **summary(rows)}
    print(json.dumps(found, indent=2))
    options.output.parent.mkdir(parents=True, exist_ok=True)
    options.output.write_text(json.dumps({"summary": found, "meshes": rows}, indent=1) + "\n")


if __name__ == "__main__":
    main()
