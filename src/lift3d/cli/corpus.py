"""`lift3d corpus build | show | render`: shapes to learn from, and pictures of them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lift3d.cli.errors import explained

if TYPE_CHECKING:
    from lift3d.corpus.dataset import Corpus

CACHE = "~/.cache/lift3d"

app = typer.Typer(
    help="Free shapes to learn from: built from Debian packages or from your own meshes.",
    no_args_is_help=True,
    rich_markup_mode=None,
)


def build(
    folder: Annotated[Path, typer.Argument(help="Where the corpus goes.")],
    only: Annotated[
        list[str] | None, typer.Option(help="A source by name; give it again for more. All if not given.")
    ] = None,
    limit: Annotated[int | None, typer.Option(help="Things of each source, spread evenly.")] = None,
    from_: Annotated[
        Path | None,
        typer.Option("--from", help="A folder of meshes instead: yours, ShapeNetCore, ModelNet, Objaverse."),
    ] = None,
    up: Annotated[
        str, typer.Option(help="With --from: the upright axis of OBJ, OFF, PLY and STL files.")
    ] = "z",
    licence: Annotated[str, typer.Option(help="With --from: the licence of the meshes.")] = "not stated",
    author: Annotated[str, typer.Option(help="With --from: who made them.")] = "not stated",
    cache: Annotated[Path, typer.Option(help="Where packages are downloaded and unpacked.")] = Path(CACHE),
    debs: Annotated[Path | None, typer.Option(help="A folder of .deb files, where there is no apt.")] = None,
    processes: Annotated[
        int | None, typer.Option(min=1, help="Processes; one per core if not given.")
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print nothing but errors.")] = False,
) -> None:
    """Build a corpus; the same command goes on where a killed build stopped."""
    from lift3d.cli.bars import Bars
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
    """Counts by category, licence and source; where the contact sheets and the attribution are."""
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
    output: Annotated[Path, typer.Option("-o", "--output", help="Where the shards go: a folder.")],
    views: Annotated[int, typer.Option(help="Pictures of each shape, all around it: 1 to 1000.")] = 24,
    size: Annotated[int, typer.Option(help="Pixels along each side.")] = 128,
    recipe: Annotated[str, typer.Option(help="clean, natural or hard.")] = "natural",
    split: Annotated[str | None, typer.Option(help="train, val or test; all if not given.")] = None,
    limit: Annotated[int | None, typer.Option(help="Shapes, drawn by hash; all if not given.")] = None,
    with_: Annotated[str, typer.Option("--with", help="More of each picture: depth,normals.")] = "",
    seed: Annotated[int, typer.Option(help="Another number gives other pictures.")] = 0,
    processes: Annotated[
        int | None, typer.Option(min=1, help="Processes; one per core if not given.")
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print nothing but errors.")] = False,
) -> None:
    """Pictures of a corpus with masks, cameras and what else is true of them, in shards that stream."""
    from lift3d.cli.bars import Bars
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


def photographs(
    folder: Annotated[Path, typer.Argument(help="Where the photographs go.")],
    cache: Annotated[Path, typer.Option(help="Where packages are downloaded and unpacked.")] = Path(CACHE),
    debs: Annotated[Path | None, typer.Option(help="A folder of .deb files, where there is no apt.")] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print nothing but errors.")] = False,
) -> None:
    """Photographs and things cut out of them, from Debian packages: what masks learn from beside pictures of a corpus."""
    from lift3d.cli.bars import Bars
    from lift3d.corpus.pictures.photographs import collect_photographs

    with Bars(quiet) as bars:
        done = collect_photographs(folder, cache.expanduser(), debs, bars.say, bars.step)
    if not quiet:
        typer.echo(f"{done['photographs']} photographs and {done['cutouts']} cut-outs in {folder}")


def summary(corpus: Corpus, everything: bool = False) -> list[str]:
    """What a person wants to know of a corpus."""
    card = corpus.card
    lines = [
        f"corpus    {corpus.folder}",
        f"shapes    {card['shapes']} in {card['families']} families, of {card['tried']} things tried; "
        f"{card['repeats']} repeated others",
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
        known = f"each is named with its reason in {corpus.folder / 'README.md'}"
        lines.append(f"left out  {len(bad)} {'file' if len(bad) == 1 else 'files'}; {known}")
        lines += [f"          {row['key']}: {row['why']}" for row in bad[:3]]
    lines.append(f"sheets    {corpus.folder / 'sheets'}; attribution {corpus.folder / 'ATTRIBUTION.csv'}")
    return lines


for command in (build, show, render, photographs):
    app.command()(explained(command))
