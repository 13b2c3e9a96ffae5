"""Mesh to solid: the least change that makes the mesh pass the predicate of solids, and a record of that change.

Repair steps are tried in the order of how much they change (`geometry.repair.progressive`); after each the predicate
(`geometry.mesh.solidity`) is checked, and the first solid is taken. If none is found, the surface is extracted anew from the
generalised winding number (`geometry.repair.remesh`; Jacobson et al. 2013, Barill et al. 2018).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lift3d.context import Context
from lift3d.errors import SolidError
from lift3d.geometry.guarantees.fingerprint import SAME_BYTES
from lift3d.geometry.guarantees.shapes import SOLID, SOLID_UNCHANGED
from lift3d.geometry.mesh.distances import directed_distances, nondegenerate_faces
from lift3d.geometry.mesh.recentre import recentring_shift
from lift3d.geometry.repair.cleaning import drop_debris, drop_invalid
from lift3d.geometry.repair.orientation import orient_consistently, orient_outward
from lift3d.geometry.repair.progressive import RepairLog, attempts, clean, is_solid
from lift3d.geometry.repair.remesh import remesh
from lift3d.geometry.repair.simplify_remeshed import simplify_remeshed
from lift3d.geometry.repair.transfer_visuals import transfer_visuals
from lift3d.geometry.repair.working_mesh import Soup, bounding_diagonal, drop_unused_vertices
from lift3d.geometry.surface.decimation import decimate
from lift3d.mapping import Card, Mapping, register
from lift3d.types import F64, Mesh, RepairResult

NAME = "mesh_to_solid"
FLATNESS = 1e-6
"""A mesh is a flat sheet if its spread across the best-fitting plane, relative to that along it, is smaller than this."""
FAR = 10_000.0
"""Distance from the origin in units of the mesh's size beyond which single precision cannot represent the mesh."""
MAX_FACES = 20_000_000


@register(
    Card(
        name=NAME,
        source="Mesh",
        target="Mesh",
        guarantees=(SOLID, SOLID_UNCHANGED, SAME_BYTES),
        reference="Jacobson, Kavan & Sorkine-Hornung 2013; Barill et al. 2018",
    )
)
@dataclass(frozen=True)
class MeshToSolid(Mapping[Mesh, Mesh]):
    """Options.

    resolution: grid steps along the longest side if the surface must be extracted anew. may_remesh: False raises SolidError
    instead of remeshing. samples: number of points for the Hausdorff distance.
    """

    resolution: int = 144
    may_remesh: bool = True
    samples: int = 20000

    def apply(self, source: Mesh, context: Context) -> Mesh:
        """The repaired mesh; SolidError if no solid can be derived from `source`."""
        return self.repair(source, context).mesh

    def repair(self, source: Mesh, context: Context | None = None) -> RepairResult:
        """The repaired mesh with the record of its repair; SolidError if no solid can be derived from `source`."""
        context = context if context is not None else Context()
        v, f = np.array(source.vertices, np.float64), np.array(source.faces, np.int64)
        if recentring_shift(v, FAR).any():
            raise SolidError(
                "the mesh lies so far from the origin that its coordinates are too coarse for its size",
                "move it to the origin (lift3d.geometry.mesh.recentre says by how much)",
            )
        start = _valid_part(v, f)
        log = RepairLog()
        for index, soup in enumerate(attempts(start, log)):
            context.progress("repair", min(0.1 * index, 0.8))
            if is_solid(soup):
                return self._result(source, start, soup, log, False, context)
        if not self.may_remesh:
            raise SolidError(
                f"the mesh could not be made solid by small steps ({'; '.join(log.steps) or 'none applied'})",
                "allow remeshing",
            )
        soup = self._remeshed(start, log)
        return self._result(source, start, soup, log, True, context)

    def _remeshed(self, start: Soup, log: RepairLog) -> Soup:
        """A solid extracted from winding numbers; SolidError where the surface encloses nothing."""
        cleaned, _ = orient_consistently(clean(start, RepairLog()))
        cleaned, _ = orient_outward(cleaned)
        tries = [(cleaned, self.resolution), (cleaned, 2 * self.resolution)]
        if log.filled is not None:
            tries.insert(0, (log.filled, self.resolution))
        for source, resolution in tries:
            v, f, step = remesh(source.v, source.f, resolution)
            if len(f) == 0 or not _resembles(cleaned, v, f):
                continue
            dense = drop_debris(Soup(v, f, np.full(len(f), -1, np.int32)))
            for soup, deviation in _simplified(dense, step, len(start.f)):
                if is_solid(soup):
                    percent = 100 / bounding_diagonal(cleaned.v, cleaned.f)
                    words = f"surface remeshed with a grid step of {percent * step:.2g} % of the diagonal"
                    simpler = f", simplified within {percent * deviation:.2g} %" if deviation else ""
                    log.steps.append(words + simpler)
                    return soup
        raise SolidError(
            "most of the surface encloses no volume, so it does not describe a solid",
            "close or thicken it in a modelling program",
        )

    def _result(
        self, source: Mesh, start: Soup, soup: Soup, log: RepairLog, remeshed: bool, context: Context
    ) -> RepairResult:
        """The result with distances between input and output, noted in the report."""
        scale = bounding_diagonal(start.v, start.f)
        there = directed_distances(start.v, start.f, soup.v, soup.f, self.samples, context.seed)
        back = directed_distances(soup.v, soup.f, start.v, start.f, self.samples, context.seed)
        untouched = not log.steps and (len(soup.f), len(soup.v)) == (len(source.faces), len(source.vertices))
        mesh, visuals = (source.copy(), "unchanged") if untouched else transfer_visuals(source, soup)
        forward, backward = (round(100 * float(d.max()) / scale, 4) for d in (there, back))
        result = RepairResult(mesh, tuple(log.steps), remeshed, forward, backward, visuals, len(source.faces))
        context.note(
            NAME,
            steps=log.steps,
            remeshed=remeshed,
            hausdorff_percent_of_diagonal=result.hausdorff,
            input_to_output_percent=forward,
            output_to_input_percent=backward,
            visuals=visuals,
            faces_before=result.faces_before,
            faces_after=len(mesh.faces),
        )
        context.progress("repair", 1.0)
        return result


def _valid_part(v: F64, f: NDArray[np.int64]) -> Soup:
    """The faces with finite corners; SolidError if too little is left to enclose a volume."""
    if len(f) == 0:
        raise SolidError("the mesh has no faces", "check that the file holds a surface and not only points")
    if len(f) > MAX_FACES:
        raise SolidError(f"the mesh has {len(f)} faces, more than {MAX_FACES}", "reduce it first")
    f = np.where((f >= 0) & (f < len(v)), f, -1)
    indices = f.astype(np.int32)
    soup = drop_invalid(Soup(v, indices, np.arange(len(indices), dtype=np.int32)))
    if len(soup.f) == 0:
        raise SolidError("no face of the mesh has finite coordinates", "export the file again")
    if len(nondegenerate_faces(soup.v, soup.f)) == 0:
        raise SolidError("no face of the mesh has an area", "export the file again")
    p = soup.v - soup.v.mean(0)
    spread = np.linalg.svd(p.T @ p, compute_uv=False)
    if spread[2] <= (FLATNESS**2) * spread[0]:
        raise SolidError(
            "the mesh is a flat sheet without any thickness",
            "extrude it in a modelling program before repair",
        )
    return soup


def _resembles(old: Soup, v: F64, f: NDArray[np.int32]) -> bool:
    """Whether at least half of the old surface lies within 3 % of the diagonal of the new one."""
    distance = directed_distances(old.v, old.f, v, f, 4000)[:4000]
    return float((distance < 0.03 * bounding_diagonal(old.v, old.f)).mean()) >= 0.5


def _simplified(soup: Soup, step: float, faces: int) -> Iterator[tuple[Soup, float]]:
    """(surface, deviation from the remeshed one or 0). The remeshed surface simplified within 10 % of a grid step, then
    within 3 %, then not simplified; before these, if they have more faces than the input, about within one step."""
    soup = drop_unused_vertices(soup)
    for part, error in ((20, 0.1), (4, 0.03)):  # dense folds may allow only the smaller error
        v, f = decimate(soup.v, soup.f, max(2000, len(soup.f) // part), error * step)
        if part == 20 and len(f) > faces:
            for p, g, deviation in simplify_remeshed(v, f, soup.v, soup.f, step):
                yield Soup(p, g, np.full(len(g), -1, np.int32)), deviation
        if len(f) < len(soup.f):
            yield Soup(v, f, np.full(len(f), -1, np.int32)), 0.0
    yield soup, 0.0
