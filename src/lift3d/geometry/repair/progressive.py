"""Repair in small steps, the least change first: cleaning, welding of cracks, orientation, hole filling, union of shells."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from lift3d.geometry.mesh.self_intersection import self_intersections
from lift3d.geometry.mesh.solidity import inspect_arrays
from lift3d.geometry.mesh.winding_number import build_winding_tree, winding_in_tree
from lift3d.geometry.repair.cleaning import (
    drop_debris,
    drop_degenerate,
    drop_duplicates,
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
from lift3d.geometry.repair.shell_union import collapse_intersecting_faces, simplify_within, unite_shells
from lift3d.geometry.repair.winding_union import has_hairline_gaps, unite_windings
from lift3d.geometry.repair.working_mesh import (
    Soup,
    bounding_diagonal,
    count_boundary_edges,
    face_areas,
    is_closed_and_oriented,
    signed_volumes,
)

MIN_THICKNESS = 1e-5
"""Least volume of a solid in units of area times bounding_diagonal."""
MAX_CUTS, MOST_LEFT = 3, 1000
"""Most times that a surface is cut again, and most self-intersections for which it is."""
SMALL_JITTER = (0.0, 1e-6)
"""Displacements for these cuts, see `winding_union.JITTER`."""
MAX_SLIVER_PAIRS = 60
"""Self-intersections after a union that count as rounding errors; more mean a folded surface."""


@dataclass
class RepairLog:
    """The steps taken so far, one phrase each. filled: the mesh with all holes filled, possibly self-intersecting; late:
    candidates with hairline gaps and their steps, which are tried last."""

    steps: list[str] = field(default_factory=list)
    filled: Soup | None = None
    late: list[tuple[Soup, list[str]]] = field(default_factory=list)

    def count(self, number: int, done: str, one: str = "face", many: str = "") -> None:
        """Add "`number` faces `done`" unless the number is 0."""
        if number:
            self.steps.append(f"{number} {one if number == 1 else many or one + 's'} {done}")


def is_solid(soup: Soup) -> bool:
    """Whether the welded mesh passes the predicate of `lift3d.geometry.mesh.solidity` and has a volume above rounding."""
    if not is_closed_and_oriented(weld(soup).f):
        return False
    total = float(signed_volumes(soup.v, soup.f).sum())
    if total < MIN_THICKNESS * float(face_areas(soup.v, soup.f).sum()) * bounding_diagonal(soup.v, soup.f):
        return False
    return inspect_arrays(soup.v, soup.f, 1).is_solid


def clean(soup: Soup, log: RepairLog) -> Soup:
    """Coincident vertices merged, degenerate and duplicate faces dropped."""
    welded = weld(soup)
    log.count(len(soup.v) - len(welded.v), "merged with coincident ones", "vertex", "vertices")
    proper = drop_degenerate(welded)
    log.count(len(welded.f) - len(proper.f), "without area dropped")
    single = drop_duplicates(proper)
    log.count(len(proper.f) - len(single.f), "that repeated another dropped")
    return single


def attempts(start: Soup, log: RepairLog) -> Iterator[Soup]:
    """Candidates for the solid, each one step further from `start`; `log` describes the last one."""
    yield start
    soup = clean(start, log)
    yield soup
    if is_closed_and_oriented(start.f):  # shells that share no vertex indices, but may touch
        cleaning, log.steps = log.steps, []
        yield from _united(start, log)
        log.steps = cleaning
    rim = count_boundary_edges(soup.f)
    if rim:
        soup = drop_duplicates(drop_degenerate(weld_boundaries(soup)))
        soup = drop_duplicates(drop_degenerate(zip_cracks(soup)))
        log.count(rim - count_boundary_edges(soup.f), "closed by joining nearby boundaries", "open edge")
        yield soup
    soup = _oriented(soup, log)
    yield soup
    clear = drop_debris(soup)
    log.count(len(soup.f) - len(clear.f), "of debris dropped")
    soup = clear
    yield soup
    soup, walls = remove_fins_and_walls(soup)
    log.count(walls, "of fins or inner walls dropped")
    soup, fans = split_nonmanifold_vertices(soup)
    log.count(fans, "split, where several parts met in one", "vertex", "vertices")
    soup = _oriented(soup, log)
    apart, moved = separate_coincident_vertices(soup)
    if moved == 0 or is_closed_and_oriented(soup.f):
        yield apart
    yield from _filled(soup, log, len(start.f) if is_closed_and_oriented(start.f) else -1)
    steps = log.steps
    for candidate, before in log.late:
        log.steps = before
        yield candidate
    log.steps = steps


def _oriented(soup: Soup, log: RepairLog) -> Soup:
    """Consistent orientation, normals outwards."""
    soup, flipped = orient_consistently(soup)
    soup, outward = orient_outward(soup)
    log.count(flipped + outward, "flipped")
    return soup


def _filled(soup: Soup, log: RepairLog, closed_count: int) -> Iterator[Soup]:
    """Holes filled, then shells united, unless the `closed_count` faces of a closed input were united before."""
    filled, holes = fill_holes(soup)
    if holes and not _plausible(soup, filled):
        return
    log.count(holes, "filled", "hole")
    filled = drop_debris(filled)
    log.filled = filled if is_closed_and_oriented(filled.f) else None
    apart, moved = separate_coincident_vertices(filled)
    yield apart
    log.count(moved, "separated from coincident ones", "vertex", "vertices")
    # An input that was closed from the start has been through the union already.
    if is_closed_and_oriented(filled.f) and len(filled.f) != closed_count:
        yield from _united(filled, log)


def _united(soup: Soup, log: RepairLog) -> Iterator[Soup]:
    """Candidates from the union of closed shells; the log drops their steps when none of them was taken."""
    mark = len(log.steps)
    for candidate in _unions(soup, log):
        if has_hairline_gaps(candidate):
            log.late.append((candidate, log.steps.copy()))
        else:
            yield candidate
    del log.steps[mark:]


def _unions(soup: Soup, log: RepairLog) -> Iterator[Soup]:
    """The shells oriented outwards, their union, and the union by winding numbers."""
    soup, outward = orient_outward(soup)
    log.count(outward, "flipped")
    yield soup
    mark = len(log.steps)
    united = unite_shells(soup)
    if united is not None:
        log.count(united[1], "united", "shell")
        yield from _without_slivers(united[0])
        yield from _cut_again(united[0])
        del log.steps[mark:]
    log.steps.append("cut where it intersects itself, and what it encloses united")
    wound = []
    for candidate in unite_windings(soup):
        wound.append(drop_debris(_separated(candidate)))
        yield wound[-1]
        yield from _cut_again(wound[-1])
    for candidate in wound:
        yield from _without_slivers(candidate)


def _cut_again(soup: Soup) -> Iterator[Soup]:
    """A closed soup cut along the intersections that rounding left, as long as they become fewer, at most MAX_CUTS times."""
    left = len(self_intersections(soup.v, soup.f, MOST_LEFT))
    for _ in range(MAX_CUTS):
        again = next(unite_windings(soup, SMALL_JITTER), None) if left < MOST_LEFT else None
        if again is None:
            return
        soup = drop_debris(_separated(again))
        yield soup
        before, left = left, len(self_intersections(soup.v, soup.f, MOST_LEFT))
        if left >= before or not is_closed_and_oriented(soup.f):
            return


def _separated(soup: Soup) -> Soup:
    """The soup with surfaces that only touch, in a vertex or at one place, apart."""
    return separate_coincident_vertices(split_nonmanifold_vertices(soup)[0])[0]


def _without_slivers(soup: Soup) -> Iterator[Soup]:
    """The soup without debris, then with slivers that rounding folds over collapsed at growing tolerances."""
    soup = drop_debris(soup)
    yield _separated(soup)
    if len(self_intersections(soup.v, soup.f, MAX_SLIVER_PAIRS)) >= MAX_SLIVER_PAIRS:
        return
    scale = bounding_diagonal(soup.v, soup.f)
    for tolerance in (1e-6, 1e-5, 1e-4, 3e-4):
        simpler = simplify_within(soup, tolerance * scale)
        if simpler is None:
            return
        simpler = drop_debris(simpler)
        yield _separated(simpler)
        for _ in range(4):
            simpler = collapse_intersecting_faces(simpler)
            yield _separated(simpler)


def _plausible(before: Soup, after: Soup) -> bool:
    """False if large fillings lie where the winding number of the rest is far from 1/2, so clearly inside or outside."""
    new = after.f[len(before.f) :]
    area = face_areas(after.v, new)
    if area.sum() < 0.1 * face_areas(before.v, before.f).sum():
        return True
    w = winding_in_tree(build_winding_tree(before.v, before.f), after.v[new].mean(1), np.inf)
    return float((area * np.abs(w - 0.5)).sum()) < 0.3 * float(area.sum())
