"""What slicers note beside a 3MF model about its parts: which of them are no part of the printed shape.

PrusaSlicer and SuperSlicer keep volumes as ranges of triangles (Metadata/Slic3r_PE_model.config), Bambu Studio and
OrcaSlicer as components (Metadata/model_settings.config); Slic3r notes ranges in the mesh itself and Cura settings of the
object. The matrices in these files are already applied to the model.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from lift3d.io.mesh.threemf.package import Package
from lift3d.io.mesh.threemf.tables import Object

PART = "part"
NEGATIVE = "negative part"
MODIFIER = "modifier"
OTHERS = {
    "modifier": MODIFIER,
    "enforcer": "support enforcer",
    "blocker": "support blocker",
    "seam": "position of the seam",
    "brim": "brim",
}
_NAMES = {
    "modelpart": PART, "normalpart": PART, "part": PART, "negativevolume": NEGATIVE, "negativepart": NEGATIVE,
    "parametermodifier": MODIFIER, "modifierpart": MODIFIER, "supportenforcer": OTHERS["enforcer"],
    "supportblocker": OTHERS["blocker"], "seamposition": OTHERS["seam"], "brimpatch": OTHERS["brim"],
    "brimnegative": OTHERS["brim"],
}  # fmt: skip
_CURA = {
    "infill_mesh": MODIFIER,
    "cutting_mesh": MODIFIER,
    "anti_overhang_mesh": OTHERS["blocker"],
    "support_mesh": "support",
}
_TRUE = ("1", "true", "yes")


def role_of(text: str) -> str:
    """The role of a slicer's name of a type: "part", "negative part", "modifier"; the name itself if it is unknown."""
    key = "".join(c for c in text.lower() if c.isalnum())
    return _NAMES.get(key, PART if key in ("", "0") else text.strip()[:40])


@dataclass
class SlicerSettings:
    """Roles by object. ranges: (first triangle, last triangle, role) of an object; components: role of an object's
    component, both by the objects' numbers in the root model."""

    ranges: dict[str, list[tuple[int, int, str]]] = field(default_factory=dict)
    components: dict[str, dict[str, str]] = field(default_factory=dict)

    def ranges_of(self, shape: Object, in_root: bool) -> list[tuple[int, int, str]]:
        """The ranges of triangles of an object, from these settings or from its own volumes."""
        found = self.ranges.get(shape.number, []) if in_root else []
        return found or [(first, last, MODIFIER if m else PART) for first, last, m in shape.volumes]


def role_of_object(shape: Object) -> str:
    """The role of an object by Cura's settings, else by its type: "part", "support", "other"."""
    for key, role in _CURA.items():
        if shape.settings.get(f"cura:{key}", "").strip().lower() in _TRUE:
            return role
    kind = shape.attributes.get("type", "model").strip() or "model"
    if shape.components:  # the types of the components count
        return PART
    return {"model": PART, "surface": PART, "solidsupport": "support"}.get(kind, kind[:40])


def read_settings(package: Package) -> SlicerSettings:
    """The settings of every slicer that left any in the package; those that are damaged become warnings."""
    settings = SlicerSettings()
    for entry in package.names():
        name = entry.lower()
        if name.startswith("metadata/") and name.endswith(("_model.config", "model_settings.config")):
            reader = _ConfigReader(settings)
            if not package.scan(entry, reader.start):
                package.warnings.append(
                    f"the slicer's settings {entry[:80]} are damaged, so that modifiers may be taken for parts"
                )
            reader.finish()
    return settings


class _ConfigReader:
    """Elements of a configuration: <object id> with <volume firstid lastid> or <part id subtype>, and <metadata>."""

    def __init__(self, settings: SlicerSettings) -> None:
        self.settings = settings
        self.number = ""
        self.part = ""
        self.range: tuple[int, int] | None = None
        self.role = PART
        self.open = False

    def start(self, tag: str, a: dict[str, str]) -> None:
        name = tag.rpartition(" ")[2]
        if name in ("object", "volume", "part", "plate", "assemble"):
            self.finish()
        if name in ("plate", "assemble"):
            self.number = ""
        elif name == "object":
            self.number = a.get("id", "").strip()
        elif name in ("volume", "part") and self.number:
            self.open = True
            self.part = a.get("id", "").strip() if name == "part" else ""
            self.role = role_of(a.get("subtype", a.get("type", "")))
            first, last = a.get("firstid", "").strip(), a.get("lastid", "").strip()
            self.range = (int(first), int(last)) if first.isdigit() and last.isdigit() else None
        elif name == "metadata" and self.open:
            key, value = a.get("key", ""), a.get("value", "")
            if key in ("volume_type", "part_type", "subtype"):
                self.role = role_of(value)
            elif key == "modifier" and value.strip() in _TRUE and self.role == PART:
                self.role = MODIFIER

    def finish(self) -> None:
        """Note the volume that was open."""
        if self.open and self.range is not None:
            self.settings.ranges.setdefault(self.number, []).append((*self.range, self.role))
        elif self.open and self.part:
            self.settings.components.setdefault(self.number, {})[self.part] = self.role
        self.open = False
        self.range = None
