"""`lift3d models`, `lift3d export`, `lift3d maps` and `lift3d doctor`: networks, mappings, and the state of the installation."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from lift3d.mapping import Card


def models(
    name: Annotated[
        str | None,
        typer.Argument(help="A network, the folder of a run or an exported file, whose card is shown."),
    ] = None,
) -> None:
    """List the networks that come with lift3d, or show the card of one.

    The list has name, size, licence, whether the network has learned from free data alone, task and the metric on the test split;
    the card has the metrics of the baselines as well.
    """
    from lift3d import api
    from lift3d.weights import find

    if name is not None:
        pairs = find(name).describe()
        width = max(len(title) for title, _ in pairs)
        for title, text in pairs:
            typer.echo(f"{title:<{width}}  {text}")
        return
    rows = [found.summary() for found in api.list_models()]
    shown = ("name", "size", "licence", "origin", "task")
    widths = {key: max(len(row[key]) for row in rows) for key in shown}
    for row in rows:
        cells = [f"{row[key]:<{width}}" for key, width in widths.items()]
        typer.echo("  ".join([*cells, row["metric"]]).rstrip())


def export(
    output: Annotated[Path, typer.Option("-o", "--output", help="NAME.onnx; with --all or --page a folder.")],
    network: Annotated[
        str | None, typer.Argument(help="A network of `lift3d models`, or efficientnet_lite0.")
    ] = None,
    every: Annotated[bool, typer.Option("--all", help="Write all networks of the package.")] = False,
    page: Annotated[
        bool,
        typer.Option(
            "--page", help="Write a web page that turns a photo into a model in the visitor's browser."
        ),
    ] = False,
    weights: Annotated[
        str | None, typer.Option(help="Weights of the network: the folder of a run or a weights file.")
    ] = None,
    onnxruntime_web: Annotated[
        Path | None,
        typer.Option(
            help="With --page: the npm package onnxruntime-web, .tgz or folder; else npm fetches it."
        ),
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print only errors.")] = False,
) -> None:
    """Write networks as ONNX files, which run without torch, or as a page that runs them in a browser."""
    from lift3d import api
    from lift3d.errors import InputError

    if every and (network is not None or weights is not None):
        raise InputError("--all takes neither a network nor --weights", "leave out one of them")
    if page and (every or network is not None):
        raise InputError("--page takes neither a network nor --all", "leave out one of them")
    if onnxruntime_web is not None and not page:
        raise InputError("--onnxruntime-web is for --page", "leave it out")
    if not every and not page and network is None and weights is None:
        raise InputError("no network is named", "name one of `lift3d models`, or give --weights or --all")

    def say(sentence: str) -> None:
        if not quiet:
            typer.echo(sentence)

    if page:
        api.export_page(output, weights=weights, onnxruntime_web=onnxruntime_web, message=say)
        return
    api.export(network, output, weights=weights, message=say)


def maps(
    dot: Annotated[
        bool, typer.Option("--dot", help="Print the graph in the DOT language of Graphviz.")
    ] = False,
) -> None:
    """List the mappings between representations and their guarantees."""
    from lift3d.maps import registry

    cards = [mapping.card for mapping in registry().values()]
    if dot:
        typer.echo("digraph lift3d {\n  rankdir=LR;\n  node [shape=box];")
        for card in cards:
            style = "dashed" if card.method == "learned" else "solid"
            typer.echo(f'  "{card.source}" -> "{card.target}" [label="{card.name}", style={style}];')
        typer.echo("}")
        return
    parts = components(cards)
    names = {name for part in parts for name in part}
    connected = "one connected graph" if len(parts) == 1 else f"{len(parts)} separate graphs"
    typer.echo(f"{len(cards)} mappings between {len(names)} representations, {connected}:")
    for source in sorted(names):
        targets = [f"{card.target} ({card.name})" for card in cards if card.source == source]
        if targets:
            typer.echo(f"  {source} -> {', '.join(targets)}")
    typer.echo("")
    width = max(len(card.name) for card in cards)
    for card in cards:
        typer.echo(f"{card.name:<{width}}  {card.source} -> {card.target}  [{card.method}]")
        for guarantee in card.guarantees:
            typer.echo(f"{'':<{width}}    {guarantee}")


def components(cards: list[Card]) -> list[set[str]]:
    """Connected components of the graph of representations, regardless of the direction of the mappings."""
    parts: list[set[str]] = []
    for card in cards:
        joined = {card.source, card.target}
        touching = [part for part in parts if part & joined]
        parts = [part for part in parts if not part & joined] + [joined.union(*touching)]
    return parts


def doctor() -> None:
    """Check versions, threads, memory and optional packages.

    The exit code is 1 if a required part is broken.
    """
    from lift3d.runtime.doctor import examine

    findings = examine()
    width = max(len(finding.name) for finding in findings)
    for finding in findings:
        state = "ok     " if finding.ok else ("BROKEN " if finding.needed else "missing")
        typer.echo(f"{state} {finding.name:<{width}}  {finding.found}")
    if any(finding.needed and not finding.ok for finding in findings):
        raise typer.Exit(1)
