"""`lift3d maps` and `lift3d doctor`: what there is, and whether all of it works here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from lift3d.mapping import Card


def maps(
    dot: Annotated[bool, typer.Option("--dot", help="Print the graph in Graphviz' DOT language.")] = False,
) -> None:
    """The graph of mappings: name, source, target and what each guarantees."""
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
    whole = "one connected graph" if len(parts) == 1 else f"{len(parts)} graphs that nothing connects"
    typer.echo(f"{len(cards)} mappings between {len(names)} representations, {whole}:")
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
    """Representations that mappings connect, whichever way they go."""
    parts: list[set[str]] = []
    for card in cards:
        joined = {card.source, card.target}
        touching = [part for part in parts if part & joined]
        parts = [part for part in parts if not part & joined] + [joined.union(*touching)]
    return parts


def doctor() -> None:
    """Versions, threads, memory, optional parts present or missing; exit code 1 if something is broken."""
    from lift3d.runtime.doctor import examine

    findings = examine()
    width = max(len(finding.name) for finding in findings)
    for finding in findings:
        state = "ok     " if finding.ok else ("BROKEN " if finding.needed else "missing")
        typer.echo(f"{state} {finding.name:<{width}}  {finding.found}")
    if any(finding.needed and not finding.ok for finding in findings):
        raise typer.Exit(1)
