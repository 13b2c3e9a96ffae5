"""Mesh to solid: the least change that makes the predicate true, and a plain word about what was changed.

Steps are taken in the order of how much they change, and the predicate (`geometry.topology`) is asked after
each; the first solid is taken. When none is reached, the surface is made anew around the old one's winding
number (`geometry.repair.remesh`).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from lift3d.context import Context
from lift3d.errors import SolidError
from lift3d.geometry.mesh.distances import directed_distances, nondegenerate_faces
from lift3d.geometry.mesh.recentre import recentring_shift
from lift3d.geometry.mesh.self_intersection import self_intersections
from lift3d.geometry.mesh.solidity import inspect_arrays
from lift3d.geometry.mesh.winding_number import build_winding_tree, winding_in_tree
from lift3d.geometry.repair.cleaning import (
    drop_debris,
    drop_degenerate,
    drop_duplicates,
    drop_invalid,
    weld,
    weld_boundaries,
    zip_cracks,
)
from lift3d.geometry.repair.holes import fill_holes
from lift3d.geometry.repair.nonmanifold import (
    remove_fins_and_walls,
    separate_coincident_vertices,
    split_nonmanifold_vertices,
)
from lift3d.geometry.repair.orientation import orient_consistently, orient_outward
from lift3d.geometry.repair.remesh import remesh
from lift3d.geometry.repair.shell_union import collapse_intersecting_faces, simplify_within, unite_shells
from lift3d.geometry.repair.transfer_visuals import transfer_visuals
from lift3d.geometry.repair.working_mesh import (
    Soup,
    bounding_diagonal,
    count_boundary_edges,
    drop_unused_vertices,
    face_areas,
    is_closed_and_oriented,
    signed_volumes,
)
from lift3d.geometry.surface.decimation import decimate
from lift3d.mapping import Card, Mapping, register
from lift3d.types import F64, Mesh

NAME = "mesh_to_solid"
FLAT = 1e-6
THIN = 1e-5
TOO_FAR = 10_000.0
"""Times its size from the origin: single precision holds no thing there. What lies nearer is tried."""
SLIVERS = 60
MOST_FACES = 20_000_000


@dataclass
class _Log:
    """What was done, in words, in order."""

    steps: list[str] = field(default_factory=list)
    filled: Soup | None = None
    """All holes filled, if that makes sense, though perhaps crossing: what to make anew."""

    def count(self, number: int, done: str, one: str = "face", many: str = "") -> None:
        if number:
            self.steps.append(f"{number} {one if number == 1 else many or one + 's'} {done}")


@register(
    Card(
        name=NAME,
        source="Mesh",
        target="Mesh",
        guarantees=(
            "every edge has exactly two faces, consistently oriented",
            "positive volume, no self-intersection, no debris",
            "says what changed and how far the surface moved",
        ),
        reference="Jacobson, Kavan & Sorkine-Hornung 2013; Barill et al. 2018",
    )
)
@dataclass(frozen=True)
class MeshToSolid(Mapping[Mesh, Mesh]):
    """resolution: grid steps along the longest side if the surface must be made anew; may_remesh: False
    refuses rather than to make it anew; samples: points for the Hausdorff distance."""

    resolution: int = 144
    may_remesh: bool = True
    samples: int = 20000

    def apply(self, source: Mesh, context: Context) -> Mesh:
        v, f = np.array(source.vertices, np.float64), np.array(source.faces, np.int64)
        if recentring_shift(v, TOO_FAR).any():
            raise SolidError(
                "the mesh lies so far from the origin that its coordinates are too coarse for its size",
                "move it to the origin (lift3d.geometry.mesh.recentre says by how much)",
            )
        start = _start(v, f)
        log = _Log()
        for share, soup in enumerate(_attempts(start, log)):
            context.progress("repair", min(0.1 * share, 0.8))
            if _is_solid(soup):
                return self._finish(source, start, soup, log, False, context)
        if not self.may_remesh:
            raise SolidError(
                f"the mesh could not be made solid by small steps ({'; '.join(log.steps) or 'none applied'})",
                "allow remeshing",
            )
        soup = self._anew(start, log)
        return self._finish(source, start, soup, log, True, context)

    def _anew(self, start: Soup, log: _Log) -> Soup:
        cleaned, _ = orient_consistently(_cleaned(start, _Log()))
        cleaned, _ = orient_outward(cleaned)
        finer = 2 * self.resolution
        tries = [(cleaned, self.resolution), (cleaned, finer)]
        if log.filled is not None:
            tries.insert(0, (log.filled, self.resolution))
        for source, resolution in tries:
            v, f, step = remesh(source.v, source.f, resolution)
            if len(f) == 0 or not _resembles(cleaned, v, f):
                continue
            for soup in _thinned(drop_debris(Soup(v, f, np.full(len(f), -1, np.int32))), step):
                if _is_solid(soup):
                    percent = 100 * step / bounding_diagonal(cleaned.v, cleaned.f)
                    log.steps.append(f"surface made anew with a grid step of {percent:.2g} % of the diagonal")
                    return soup
        raise SolidError(
            "most of the surface encloses no volume, so nothing solid can be meant",
            "close or thicken it in a modelling program",
        )

    def _finish(
        self, source: Mesh, start: Soup, soup: Soup, log: _Log, fallback: bool, context: Context
    ) -> Mesh:
        scale = bounding_diagonal(start.v, start.f)
        there = directed_distances(start.v, start.f, soup.v, soup.f, self.samples, context.seed)
        back = directed_distances(soup.v, soup.f, start.v, start.f, self.samples, context.seed)
        untouched = not log.steps and (len(soup.f), len(soup.v)) == (len(source.faces), len(source.vertices))
        mesh, visuals = (source.copy(), "unchanged") if untouched else transfer_visuals(source, soup)
        context.note(
            NAME,
            steps=log.steps,
            fallback=fallback,
            hausdorff_percent_of_diagonal=round(100 * float(max(there.max(), back.max())) / scale, 4),
            input_to_output_percent=round(100 * float(there.max()) / scale, 4),
            output_to_input_percent=round(100 * float(back.max()) / scale, 4),
            visuals=visuals,
            faces_before=len(source.faces),
            faces_after=len(mesh.faces),
        )
        context.progress("repair", 1.0)
        return mesh


def _start(v: F64, f: np.ndarray) -> Soup:
    """The finite part of the input, or a refusal in one sentence."""
    if len(f) == 0:
        raise SolidError("the mesh has no faces", "check that the file holds a surface and not only points")
    if len(f) > MOST_FACES:
        raise SolidError(f"the mesh has {len(f)} faces, more than {MOST_FACES}", "reduce it first")
    f = np.where((f >= 0) & (f < len(v)), f, -1).astype(np.int32)
    soup = drop_invalid(Soup(v, f, np.arange(len(f), dtype=np.int32)))
    if len(soup.f) == 0:
        raise SolidError("no face of the mesh has finite coordinates", "export the file again")
    if len(nondegenerate_faces(soup.v, soup.f)) == 0:
        raise SolidError("no face of the mesh has an area", "export the file again")
    p = soup.v - soup.v.mean(0)
    spread = np.linalg.svd(p.T @ p, compute_uv=False)
    if spread[2] <= (FLAT**2) * spread[0]:
        raise SolidError(
            "the mesh is a flat sheet without any thickness",
            "extrude it in a modelling program before repair",
        )
    return soup


def _is_solid(soup: Soup) -> bool:
    if not is_closed_and_oriented(weld(soup).f):
        return False
    total = float(signed_volumes(soup.v, soup.f).sum())
    if total < THIN * float(face_areas(soup.v, soup.f).sum()) * bounding_diagonal(soup.v, soup.f):
        return False
    return inspect_arrays(soup.v, soup.f, 1).is_solid


def _cleaned(soup: Soup, log: _Log) -> Soup:
    welded = weld(soup)
    log.count(len(soup.v) - len(welded.v), "merged with others in the same place", "vertex", "vertices")
    proper = drop_degenerate(welded)
    log.count(len(welded.f) - len(proper.f), "without area dropped")
    single = drop_duplicates(proper)
    log.count(len(proper.f) - len(single.f), "that repeated another dropped")
    return single


def _attempts(start: Soup, log: _Log) -> Iterator[Soup]:
    """The mesh after one more step each; what was done up to each is in the log."""
    yield start
    soup = _cleaned(start, log)
    yield soup
    if is_closed_and_oriented(start.f):  # shells that share no vertex numbers, though perhaps places
        cleaning, log.steps = log.steps, []
        yield from _united(start, log)
        log.steps = cleaning
    rim = count_boundary_edges(soup.f)
    if rim:
        soup = drop_duplicates(drop_degenerate(weld_boundaries(soup)))
        soup = drop_duplicates(drop_degenerate(zip_cracks(soup)))
        log.count(rim - count_boundary_edges(soup.f), "closed by joining what nearly touched", "open edge")
        yield soup
    soup, turned = orient_consistently(soup)
    soup, outward = orient_outward(soup)
    log.count(turned + outward, "turned around")
    yield soup
    crumbs = drop_debris(soup)
    log.count(len(soup.f) - len(crumbs.f), "of debris dropped")
    soup = crumbs
    yield soup
    soup, walls = remove_fins_and_walls(soup)
    log.count(walls, "of fins or inner walls dropped")
    soup, fans = split_nonmanifold_vertices(soup)
    log.count(fans, "split, where several parts met in one", "vertex", "vertices")
    soup, turned = orient_consistently(soup)
    soup, outward = orient_outward(soup)
    log.count(turned + outward, "turned around")
    apart, moved = separate_coincident_vertices(soup)
    if moved == 0 or is_closed_and_oriented(soup.f):
        yield apart
    yield from _filled(soup, log, len(start.f) if is_closed_and_oriented(start.f) else -1)


def _filled(soup: Soup, log: _Log, whole: int) -> Iterator[Soup]:
    """Holes filled, then shells united (unless all `whole` faces have been tried as they came)."""
    filled, holes = fill_holes(soup)
    if holes and not _plausible(soup, filled):
        return
    log.count(holes, "filled", "hole")
    filled = drop_debris(filled)
    log.filled = filled if is_closed_and_oriented(filled.f) else None
    apart, moved = separate_coincident_vertices(filled)
    yield apart
    log.count(moved, "drawn apart from others in the same place", "vertex", "vertices")
    # A whole mesh that was closed from the start has been through the union already.
    if is_closed_and_oriented(filled.f) and len(filled.f) != whole:
        yield from _united(filled, log)


def _united(soup: Soup, log: _Log) -> Iterator[Soup]:
    """Closed shells united, then slivers tidied away; when nothing helps, the log forgets it."""
    mark = len(log.steps)
    yield from _unions(soup, log)
    del log.steps[mark:]


def _unions(soup: Soup, log: _Log) -> Iterator[Soup]:
    soup, outward = orient_outward(soup)
    log.count(outward, "turned around")
    yield soup
    united = unite_shells(soup)
    if united is None:
        return
    log.count(united[1], "united", "shell")
    soup = drop_debris(united[0])
    yield separate_coincident_vertices(split_nonmanifold_vertices(soup)[0])[0]
    if len(self_intersections(soup.v, soup.f, SLIVERS)) >= SLIVERS:
        return  # more than rounding: the surface is folded, and no cut resolves it
    scale = bounding_diagonal(soup.v, soup.f)
    for tolerance in (1e-6, 1e-5, 1e-4, 3e-4):
        simpler = simplify_within(soup, tolerance * scale)
        if simpler is None:
            return
        simpler = drop_debris(simpler)
        yield separate_coincident_vertices(split_nonmanifold_vertices(simpler)[0])[0]
        for _ in range(4):
            simpler = collapse_intersecting_faces(simpler)
            yield separate_coincident_vertices(split_nonmanifold_vertices(simpler)[0])[0]


def _plausible(before: Soup, after: Soup) -> bool:
    """False when large fillings lie where the rest of the surface already says inside or outside."""
    new = after.f[len(before.f) :]
    area = face_areas(after.v, new)
    if area.sum() < 0.1 * face_areas(before.v, before.f).sum():
        return True
    w = winding_in_tree(build_winding_tree(before.v, before.f), after.v[new].mean(1), np.inf)
    return float((area * np.abs(w - 0.5)).sum()) < 0.3 * float(area.sum())


def _resembles(old: Soup, v: F64, f: np.ndarray) -> bool:
    """At least half of the old surface lies within 3 % of the diagonal of the new one."""
    distance = directed_distances(old.v, old.f, v, f, 4000)[:4000]
    return float((distance < 0.03 * bounding_diagonal(old.v, old.f)).mean()) >= 0.5


def _thinned(soup: Soup, step: float) -> Iterator[Soup]:
    """Fewer faces where the surface is flat (within a tenth of a step), else as it is."""
    soup = drop_unused_vertices(soup)
    for part, error in ((20, 0.1), (4, 0.03)):  # dense folds may allow only the milder one
        v, f = decimate(soup.v, soup.f, max(2000, len(soup.f) // part), error * step)
        if len(f) < len(soup.f):
            yield Soup(v, f, np.full(len(f), -1, np.int32))
    yield soup
