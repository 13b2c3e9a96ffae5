"""The steps of a reconstruction in words, and an estimate of the time left."""

from __future__ import annotations

import time

STEP_LABELS = {
    "photos": "reading the photos",
    "cameras": "finding the cameras",
    "depths": "measuring depth",
    "shape": "predicting the shape",
    "surface": "extracting the surface",
    "solid": "checking that it is solid",
    "texture": "painting the texture",
    "albedo": "removing the light",
    "output": "writing",
}
TIME_SHARES = {
    "photos": 2,
    "cameras": 25,
    "depths": 40,
    "shape": 4,
    "surface": 17,
    "solid": 3,
    "texture": 12,
    "albedo": 0,
    "output": 3,
}
"""Usual percentages of the time of the steps of a measured model, for the estimate."""
PREDICTED_SHARES = {
    "photos": 2,
    "shape": 25,
    "surface": 23,
    "solid": 5,
    "texture": 30,
    "albedo": 5,
    "output": 10,
}
"""The same for a predicted one, which has no cameras to find."""
MIN_DONE, MIN_SECONDS = 0.04, 2.0
"""No estimate is made before this fraction is done and this time has passed."""


class Estimate:
    """Time left, from the elapsed time and the fraction of the work that is done."""

    def __init__(self) -> None:
        self.started = time.monotonic()
        self.done: dict[str, float] = {}
        self.whole = 0.0

    def update(self, step: str, fraction: float) -> float:
        """Record the progress of a step; returns the fraction of all work that is done, which never decreases."""
        self.done[step] = max(fraction, self.done.get(step, 0.0))
        predicted = "shape" in self.done and not self.done.keys() & {"cameras", "depths"}
        shares = PREDICTED_SHARES if predicted else TIME_SHARES
        for earlier in list(shares)[: list(shares).index(step)]:
            self.done[earlier] = 1.0
        done = sum(shares[name] * part for name, part in self.done.items()) / sum(shares.values())
        self.whole = max(self.whole, done)
        return self.whole

    def seconds_left(self, whole: float) -> float | None:
        """Seconds until all is done, of which the fraction `whole` is; None while it is too early to say."""
        used = time.monotonic() - self.started
        if whole < MIN_DONE or used < MIN_SECONDS:
            return None
        return used * (1 - whole) / whole
