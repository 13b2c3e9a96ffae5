"""What a search has found: the file for `lift3d train --config`, the table of its trials, and which options matter."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import PIL.Image
import PIL.ImageDraw
import PIL.ImageFont

from lift3d.io.files.atomic import write_bytes
from lift3d.train.tuning.plan import Plan
from lift3d.train.tuning.study import finished, is_whole, last_step, score_of

if TYPE_CHECKING:
    import optuna
    from optuna.trial import FrozenTrial

BEST, TABLE, PICTURE = "best.json", "trials.csv", "importance.png"
FEWEST = 4
"""Whole trials from which on importances are computed."""
WIDTH, ROW, LABEL, MARGIN = 720, 34, 170, 22
"""Of the picture of importances, in pixels."""
PAPER, INK, COLOUR = (250, 249, 247), (46, 46, 46), (20, 92, 214)


@dataclass(frozen=True)
class Findings:
    """trials: all finished ones, the best first; best: the best one, None where none was validated; default: the score of the
    default options, None where that trial is not finished; importance: options and the part that each has in the differences
    between the scores, the largest first; empty for too few trials. metric: the name of the score."""

    trials: list[FrozenTrial]
    best: FrozenTrial | None
    default: float | None
    importance: list[tuple[str, float]]
    metric: str


def find(study: optuna.Study, plan: Plan) -> Findings:
    """The findings of a study."""
    trials = finished(study)

    def rank(trial: FrozenTrial) -> tuple[float, int]:
        score = score_of(trial)
        return (float("inf") if score is None else -score, trial.number)

    trials = sorted(trials, key=rank)
    scored = [t for t in trials if score_of(t) is not None]
    default = next((score_of(t) for t in scored if t.params == plan.defaults), None)
    metric = study.user_attrs.get("data", {}).get("better", "score")
    return Findings(trials, scored[0] if scored else None, default, importances(study, trials, plan), metric)


def importances(study: optuna.Study, trials: Sequence[FrozenTrial], plan: Plan) -> list[tuple[str, float]]:
    """Importances by PED-ANOVA (Watanabe, Bansal & Hutter 2023, arXiv:2304.10255), which add up to 1; of whole trials alone."""
    whole = [t for t in trials if is_whole(t, plan) and t.state.name == "COMPLETE"]
    if len(whole) < FEWEST or len({score_of(t) for t in whole}) < 2:
        return []
    import optuna

    evaluator = optuna.importance.PedAnovaImportanceEvaluator(target_quantile=0.25)
    found = optuna.importance.get_param_importances(study, evaluator=evaluator)
    return sorted(found.items(), key=lambda pair: -pair[1])


def write_findings(found: Findings, plan: Plan, folder: Path) -> list[Path]:
    """Write the best options, the table and the picture of importances into the folder of the study; returns the files. Nothing
    where no trial was validated."""
    if found.best is None:
        return []
    score = score_of(found.best)
    best = {
        "task": plan.name, "options": {**plan.fixed, **found.best.params}, "metric": found.metric, "score": score,
        "default_score": found.default, "trial": found.best.number + 1, "trials": len(found.trials),
        "steps": plan.config.steps,
    }  # fmt: skip
    write_bytes(folder / BEST, (json.dumps(best, indent=1, sort_keys=True) + "\n").encode())
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(["trial", found.metric, "state", "steps", "seconds", *plan.space])
    for trial in found.trials:
        writer.writerow([*_cells(trial), *(trial.params.get(name, "") for name in plan.space)])
    write_bytes(folder / TABLE, text.getvalue().encode())
    if not found.importance:
        return [folder / BEST, folder / TABLE]
    out = io.BytesIO()
    importance_picture(found.importance).save(out, format="PNG")
    write_bytes(folder / PICTURE, out.getvalue())
    return [folder / BEST, folder / TABLE, folder / PICTURE]


def _cells(trial: FrozenTrial) -> list[Any]:
    """Number, score, state, last step and seconds of a trial."""
    score, seconds = score_of(trial), trial.duration.total_seconds() if trial.duration else 0.0
    state = "diverged" if "diverged" in trial.user_attrs else trial.state.name.lower()
    return [
        trial.number + 1,
        "" if score is None else f"{score:.4f}",
        state,
        last_step(trial),
        f"{seconds:.0f}",
    ]


def table_lines(found: Findings, plan: Plan, most: int = 40) -> list[str]:
    """The trials as lines of text, the best first, with the values of their options."""
    head = ["trial", found.metric, "state", "steps", "s", *plan.space]
    rows = [
        [*map(str, _cells(trial)), *(_short(trial.params.get(name)) for name in plan.space)]
        for trial in found.trials[:most]
    ]
    widths = [max(len(row[k]) for row in [head, *rows]) for k in range(len(head))]
    lines = ["  ".join(f"{cell:>{w}}" for cell, w in zip(row, widths)) for row in [head, *rows]]
    more = len(found.trials) - most
    return lines if more <= 0 else [*lines, f"and {more} more in {TABLE}"]


def _short(value: Any) -> str:
    return "" if value is None else f"{value:.3g}" if isinstance(value, float) else str(value)


def verdict(found: Findings, plan: Plan) -> str:
    """One sentence: the best trial beside the default options after equal steps."""
    assert found.best is not None
    best = score_of(found.best) or 0.0
    text = f"best {found.metric} {best:.4f}, of trial {found.best.number + 1}"
    if found.default is None:
        return f"{text}; the trial with the default options is not finished"
    against = f"the default options have {found.default:.4f} after the same {plan.config.steps} steps"
    if found.best.params == plan.defaults:
        return f"{text}, which has the default options: no other trial of {len(found.trials)} was better"
    return f"{text}; {against}"


def importance_picture(importance: Sequence[tuple[str, float]]) -> PIL.Image.Image:
    """A bar for each option."""
    picture = PIL.Image.new("RGB", (WIDTH, 2 * MARGIN + ROW * len(importance)), PAPER)
    draw, font = PIL.ImageDraw.Draw(picture), PIL.ImageFont.load_default(size=17)
    longest = WIDTH - LABEL - 2 * MARGIN - 64
    top = max(value for _, value in importance) or 1.0
    for k, (name, value) in enumerate(importance):
        y = MARGIN + k * ROW
        draw.text((MARGIN, y + 5), name, fill=INK, font=font)
        end = LABEL + MARGIN + round(longest * value / top)
        draw.rectangle((LABEL + MARGIN, y + 5, max(end, LABEL + MARGIN + 1), y + ROW - 6), fill=COLOUR)
        draw.text((end + 8, y + 5), f"{100 * value:.0f} %", fill=INK, font=font)
    return picture
