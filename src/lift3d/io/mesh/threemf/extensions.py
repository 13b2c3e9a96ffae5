"""Namespaces of 3MF: which specification an element belongs to, whatever its prefix and version."""

from __future__ import annotations

import re
from functools import cache

from lift3d.errors import InputError

CORE = "core"
MATERIALS = "material"
PRODUCTION = "production"
ALTERNATIVES = "production/alternatives"
BEAMS = "beamlattice"
BALLS = "beamlattice/balls"
SLICES = "slice"
BOOLEANS = "booleanoperations"
DISPLACEMENT = "displacement"
VOLUMETRIC = "volumetric"
IMPLICIT = "implicit"
SECURE = "securecontent"
SETS = "trianglesets"
SLIC3R = "slic3r"
CURA = "cura"

STANDARD = {
    CORE, MATERIALS, PRODUCTION, ALTERNATIVES, BEAMS, BALLS, SLICES, BOOLEANS, DISPLACEMENT, VOLUMETRIC, IMPLICIT,
    SECURE, SETS,
}  # fmt: skip
"""Specifications of the 3MF consortium that lift3d knows; what is not read of them becomes a warning where it is used."""
_OLD_NAMES = {"metadata": CORE, "lattice": BEAMS, "boolean": BOOLEANS}
_OWNERS = re.compile(
    r"https?://(?:schemas\.microsoft\.com|schemas\.3mf\.io|(?:www\.)?3mf\.io|www\.hp\.com/schemas)/"
    r"3dmanufacturing/([a-z/]+?)/\d{4}/\d{2}/?"
)
_VENDORS = (
    (re.compile(r"http://schemas\.slic3r\.org/3mf/.*"), SLIC3R),
    (re.compile(r"https?://software\.ultimaker\.com/xml/cura/3mf/.*"), CURA),
    (re.compile(r"http://schemas\.microsoft\.com/3dmanufacturing/2013/01"), CORE),
)


@cache
def specification(uri: str) -> str:
    """The specification of a namespace, one of the names above; "" for no namespace, the namespace itself if it is
    unknown."""
    found = _OWNERS.fullmatch(uri.strip())
    if found is not None:
        name = _OLD_NAMES.get(found[1], found[1])
        return name if name in STANDARD else uri
    for pattern, name in _VENDORS:
        if pattern.fullmatch(uri):
            return name
    return uri


def require_extensions(prefixes: str, namespaces: dict[str, str], name: str) -> None:
    """Raises InputError if a model requires an extension that lift3d does not know.

    prefixes: the attribute requiredextensions; namespaces: URI by prefix; name: of the file.
    """
    for prefix in prefixes.split():
        uri = namespaces.get(prefix, prefix if "://" in prefix else "")
        known = specification(uri)
        if known in STANDARD or known in (SLIC3R, CURA):
            continue
        what = (
            f"the extension {uri[:100]}" if uri else f"an extension {prefix[:40]!r} that it does not declare"
        )
        raise InputError(
            f"{name} requires {what}, which lift3d does not know, so that its shape could be read wrongly",
            "export it without that extension",
        )
