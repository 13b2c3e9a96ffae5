"""`lift3d corpus build | show | render | scenes | photographs | shapes`: shapes and pictures for training."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lift3d.cli.console.errors import explained

if TYPE_CHECKING:
    from lift3d.corpus.dataset import Corpus

CACHE = "~/.cache/lift3d"
CACHE_HELP = "Folder where packages are downloaded and unpacked."
DEBS_HELP = "A folder of .deb files, for systems without apt."
PROCESSES_HELP = "Number of processes; one per core if not given."

app = typer.Typer(
    help="Build, show and render the corpus of shapes for training.",
    no_args_is_help=True,
    rich_markup_mode=None,
)


def build(
    folder: Annotated[Path, typer.Argument(help="Folder of the corpus.")],
    only: Annotated[
        list[str] | None,
        typer.Option(help="Name of a source; repeat the option for several. All if not given."),
    ] = None,
    limit: Annotated[int | None, typer.Option(help="Number of shapes of each source, evenly spaced.")] = None,
    from_: Annotated[
        Path | None,
        typer.Option(
            "--from", help="Build from a folder of meshes: your own, ShapeNetCore, ModelNet, Objaverse."
        ),
    ] = None,
    up: Annotated[str, typer.Option(help="With --from: upright axis of OBJ, OFF, PLY and STL files.")] = "z",
    licence: Annotated[str, typer.Option(help="With --from: licence of the meshes.")] = "not stated",
    author: Annotated[str, typer.Option(help="With --from: author of the meshes.")] = "not stated",
    cache: Annotated[Path, typer.Option(help=CACHE_HELP)] = Path(CACHE),
    debs: Annotated[Path | None, typer.Option(help=DEBS_HELP)] = None,
    processes: Annotated[int | None, typer.Option(min=1, help=PROCESSES_HELP)] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print only errors.")] = False,
) -> None:
    """Build a corpus; the same command resumes an interrupted build."""
    from lift3d.cli.console.bars import Bars
    from lift3d.corpus.build import BuildOptions
    from lift3d.corpus.build import build as run

    options = BuildOptions(
        only=tuple(only or ()), limit=limit, cache=cache.expanduser(), debs=debs, folder=from_, up=up, licence=licence,
        author=author, processes=processes,
    )  # fmt: skip
    with Bars(quiet) as bars:
        corpus = run(folder, options, bars.say, bars.step)
    if not quiet:
        for line in summary(corpus):
            typer.echo(line)


def show(
    folder: Annotated[Path, typer.Argument(help="A corpus.")],
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="Write a contact sheet of all categories: PNG.")
    ] = None,
) -> None:
    """Show counts by category, licence and source, and the files of the corpus."""
    from lift3d.corpus.dataset import Corpus
    from lift3d.corpus.overview import check_sheet_path, write_overview

    check_sheet_path(output)
    corpus = Corpus(folder)
    for line in summary(corpus, everything=True):
        typer.echo(line)
    if output is not None:
        write_overview(corpus, output)
        typer.echo(f"wrote {output}")


def render(
    folder: Annotated[Path, typer.Argument(help="A corpus.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="Folder of the shards.")],
    views: Annotated[int, typer.Option(help="Pictures of each shape from all around, 1 to 1000.")] = 24,
    size: Annotated[int, typer.Option(help="Pixels along each side.")] = 128,
    recipe: Annotated[
        str, typer.Option(help="Recipe of the pictures: clean, natural, close or hard.")
    ] = "natural",
    split: Annotated[str | None, typer.Option(help="Split: train, val or test; all if not given.")] = None,
    limit: Annotated[
        int | None, typer.Option(help="Number of shapes, sampled by hash; all if not given.")
    ] = None,
    with_: Annotated[
        str, typer.Option("--with", help="Images to write with each picture: depth,normals.")
    ] = "",
    seed: Annotated[int, typer.Option(help="Random seed; the same seed gives the same pictures.")] = 0,
    processes: Annotated[int | None, typer.Option(min=1, help=PROCESSES_HELP)] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print only errors.")] = False,
) -> None:
    """Render pictures of a corpus with masks and cameras, in shards."""
    from lift3d.cli.console.bars import Bars
    from lift3d.corpus.dataset import Corpus
    from lift3d.corpus.pictures.shard_plan import RenderOptions
    from lift3d.corpus.pictures.shards import render_shards as run

    extras = tuple(dict.fromkeys(word.strip() for word in with_.split(",") if word.strip()))
    options = RenderOptions(views, size, recipe, extras, split, limit, seed)
    with Bars(quiet) as bars:
        done = run(Corpus(folder), output, options, bars.say, bars.step, processes)
    if not quiet:
        counts = ", ".join(f"{name} {n}" for name, n in done["splits"].items())
        many = "s" if done["shapes"] != 1 else ""
        typer.echo(f"pictures  {done['pictures']} of {done['shapes']} shape{many}: {counts}")
        typer.echo(f"shards    {len(done['shards'])} in {output}, {done['bytes'] / 1e6:.1f} MB")


def scenes(
    folder: Annotated[list[Path], typer.Argument(help="One corpus or several.")],
    output: Annotated[
        Path, typer.Option("-o", "--output", help="Folder of the shards; shards that exist are kept.")
    ],
    split: Annotated[str, typer.Option(help="Split: train, val or test.")] = "train",
    count: Annotated[
        int, typer.Option(min=1, help="Number of scenes, in shards of 16; four pictures of each.")
    ] = 4000,
    seed: Annotated[int, typer.Option(min=0, help="Random seed; the same seed gives the same pictures.")] = 0,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print only errors.")] = False,
) -> None:
    """Render rooms and places outdoors with their depth, for training depth."""
    from lift3d.cli.console.bars import Bars
    from lift3d.corpus.dataset import Corpus
    from lift3d.corpus.scenes.depth_shards import SCENES, write_scenes

    with Bars(quiet) as bars:
        written = write_scenes(
            [Corpus(x) for x in folder], output, split, -(-count // SCENES), bars.step, seed=seed
        )
    if not quiet:
        typer.echo(f"{written} new shards in {output}")


def photographs(
    folder: Annotated[Path, typer.Argument(help="Folder of the photographs.")],
    cache: Annotated[Path, typer.Option(help=CACHE_HELP)] = Path(CACHE),
    debs: Annotated[Path | None, typer.Option(help=DEBS_HELP)] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print only errors.")] = False,
) -> None:
    """Collect photographs and cut-out objects from Debian packages, for training masks."""
    from lift3d.cli.console.bars import Bars
    from lift3d.corpus.pictures.photographs import collect_photographs

    with Bars(quiet) as bars:
        done = collect_photographs(folder, cache.expanduser(), debs, bars.say, bars.step)
    if not quiet:
        typer.echo(f"{done['photographs']} photographs and {done['cutouts']} cut-outs in {folder}")


def shapes(
    folder: Annotated[Path, typer.Argument(help="Folder of the shapes.")],
    count: Annotated[int, typer.Option(min=1, help="Number of shapes.")] = 1000,
    first: Annotated[int, typer.Option(min=0, help="Number of the first shape.")] = 0,
    seed: Annotated[int, typer.Option(min=0, help="The same seed and numbers give the same shapes.")] = 0,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print only errors.")] = False,
) -> None:
    """Make figures, animals, vehicles, buildings, furniture and plants from a seed, for `lift3d corpus build --from`."""
    from lift3d.cli.console.bars import Bars
    from lift3d.corpus.procedural.make import write_shapes

    with Bars(quiet) as bars:
        written = write_shapes(folder, count, seed, first, bars.step)
    if not quiet:
        typer.echo(f"{written} new shapes in {folder}; use them with:")
        typer.echo(f"lift3d corpus build CORPUS --from {folder} --licence CC0-1.0 --author lift3d")


def summary(corpus: Corpus, everything: bool = False) -> list[str]:
    """The card of a corpus as lines of text; everything: with counts by category, licence and source."""
    from lift3d.units import format_count

    card = corpus.card
    lines = [
        f"corpus    {corpus.folder}",
        f"shapes    {card['shapes']} in {card['families']} families, from {card['tried']} files; "
        f"{card['repeats']} duplicates",
        f"solid     {100 * card['solid_share']:.1f} %; textured {100 * card['textured_share']:.1f} %",
        "splits    " + ", ".join(f"{k} {v}" for k, v in card["splits"].items()),
    ]
    if everything:
        for title, values in (("category", card["categories"]), ("licence", card["licences"])):
            lines += ["", *(f"{v:>7}  {k}" for k, v in values.items())]
            lines.insert(len(lines) - len(values), f" shapes  {title}")
        lines += ["", "  tried  shapes  readable  source"]
        lines += [
            f"{s['tried']:>7} {s['shapes']:>7}   {100 * s['readable_share']:6.1f}%  {s['name']}: {s['about']}"
            for s in card["sources"]
        ]
        lines.append("")
    else:
        top = list(card["categories"].items())[:8]
        lines.append("largest   " + ", ".join(f"{k} {v}" for k, v in top))
    bad = card["unusable"] + card["left_out"]
    if bad:
        where = corpus.folder / "README.md"
        lines.append(f"left out  {format_count(len(bad), 'file')}; {where} lists each with its reason")
        lines += [f"          {row['key']}: {row['why']}" for row in bad[:3]]
    lines.append(f"sheets    {corpus.folder / 'sheets'}; attribution {corpus.folder / 'ATTRIBUTION.csv'}")
    return lines


for command in (build, show, render, scenes, photographs, shapes):
    app.command()(explained(command))
