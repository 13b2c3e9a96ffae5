"""A plan of a segmentation network of three stages for tests."""

from __future__ import annotations

from typing import Any

from lift3d.nets.segmentation.plan import Intensity, Plan


def small_plan(**changes: Any) -> Plan:
    """The plan of a network of 4, 8 and 8 channels for two labels; changes: other values of its fields."""
    values: dict[str, Any] = {
        "modality": "mr",
        "spacing": (1.0, 1.0, 1.0),
        "patch": (16, 16, 8),
        "strides": ((1, 1, 1), (2, 2, 2), (2, 2, 2)),
        "kernels": ((3, 3, 3),) * 3,
        "widths": (4, 8, 8),
        "blocks": (1, 1, 2),
        "ids": (1, 2),
        "names": ("front", "back"),
        "mirror": (0,),
        "extents": ((16.0, 20.0, 14.0), (20.0, 24.0, 18.0), (22.0, 26.0, 20.0)),
        "intensity": Intensity(-2.0, 2.0, 0.0, 1.0),
        "contrast": (0.0, 2.0, -2.0),
    }
    return Plan(**{**values, **changes})
