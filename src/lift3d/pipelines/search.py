"""The models of an index that are nearest to a photo, a model or a text: the pipeline of `lift3d search`."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import overload

import trimesh

from lift3d.context import Context, Progress
from lift3d.errors import InputError
from lift3d.inference.embedding import EmbeddingNetwork
from lift3d.io.image.photos import PHOTO_SUFFIXES
from lift3d.maps.image_to_embedding import ImageToEmbedding
from lift3d.maps.words_to_embedding import WordsToEmbedding
from lift3d.pipelines.arguments import (
    ModelSource,
    PathLike,
    PhotoSource,
    load_model_parts,
    load_photo,
    name_of,
    or_silent,
    reader_warnings,
)
from lift3d.pipelines.index import FOLDER, MODEL_SUFFIXES
from lift3d.search_index.database import DATABASE
from lift3d.search_index.ranking import rank_texts
from lift3d.search_index.store import ModelIndex
from lift3d.search_index.word_match import NEAR
from lift3d.taxonomy.categories import CATEGORIES, UNKNOWN
from lift3d.types import Embedding, Mesh, Neighbour, Neighbours, Words

MAX_TEXT = 400
"""Characters of a query in words."""
QUERY_NAMES = {"image": "photo", "shape": "model", "text": "words"}
"""Modality of a query -> its name in JSON."""
Query = PhotoSource | ModelSource
"""The path of a photo or model, words, an array (H, W, 3) uint8, a Pillow image or a mesh."""


@dataclass(frozen=True)
class SearchResult(Sequence[Neighbour]):
    """A sequence of `Neighbour`s, nearest first. modality: of the query, "image", "shape" or "text"; root: the folder that the
    names of the neighbours start from; warnings: sentences on what in the query's file could not be used, and
    on a result in which nothing is near to the words."""

    modality: str
    neighbours: Neighbours
    root: Path
    warnings: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.neighbours)

    def __iter__(self) -> Iterator[Neighbour]:
        return iter(self.neighbours.items)

    @overload
    def __getitem__(self, index: int) -> Neighbour: ...

    @overload
    def __getitem__(self, index: slice) -> tuple[Neighbour, ...]: ...

    def __getitem__(self, index: int | slice) -> Neighbour | tuple[Neighbour, ...]:
        """One neighbour, or a tuple of neighbours."""
        return self.neighbours.items[index]

    def path(self, neighbour: Neighbour) -> Path:
        """The file of a neighbour; it may have been deleted since it was indexed."""
        return self.root / neighbour.name

    def to_json(self, query: str) -> str:
        """The result of a query as JSON text."""
        rows = [{"rank": k + 1, "path": n.name, "score": round(n.score, 5)} for k, n in enumerate(self)]
        about = {"query": query, "by": QUERY_NAMES[self.modality], "found": rows}
        return (
            json.dumps(about | ({"warnings": list(self.warnings)} if self.warnings else {}), indent=1) + "\n"
        )


def search(
    query: Query,
    *,
    index: PathLike | None = None,
    count: int = 5,
    weights: str | None = None,
    progress: Progress | None = None,
) -> SearchResult:
    """Find the `count` models of an index that are nearest to a query.

    query: the path of a photo or a model, words such as "round table", an array (H, W, 3) uint8, a Pillow image or a mesh.
    index: the folder of an index or the folder that was indexed; None takes the only one in or directly below the current folder.
    weights: of the embedding, those with which the index was built; the package's own if None.

    Raises InputError for a query or an index that cannot be used.
    """
    modality = query_modality(query)
    if count < 1:
        raise InputError(f"the number of results is {count}", "give 1 or more")
    folder = find_index(None if index is None else Path(index), Path.cwd())
    with ModelIndex(folder) as store:
        if not len(store):
            raise InputError(
                f"the index {folder} holds no models", "put some below its folder and run lift3d index"
            )
        network = EmbeddingNetwork(weights)
        store.require(network.name)
        warnings: list[str] = []
        embedding = embed_query(query, modality, weights, Context(progress=or_silent(progress)), warnings)
        found = store.search(embedding, count, network.similarity_weights(modality))
        if not is_near(found):
            warnings.append(f"nothing in the index is near {json.dumps(query)}; the nearest are listed")
        return SearchResult(modality, found, store.root, tuple(warnings))


def is_near(found: Neighbours) -> bool:
    """Whether a result has an entry that is near to the words of the query; True for a query that is not in words."""
    known = [one.nearness for one in found.items if one.nearness is not None]
    return not known or max(known) >= NEAR


def query_modality(query: Query) -> str:
    """ "image", "shape" or "text": by the type of a value in memory, else by the ending of the path.

    Raises InputError for a file that does not exist, a folder, or a file that is neither a photo nor a model.
    """
    if isinstance(query, trimesh.Trimesh):
        return "shape"
    if not isinstance(query, str | os.PathLike):
        return "image"
    text = os.fspath(query)
    if not text.strip() or (len(text) > MAX_TEXT and not _exists(text)):
        raise InputError(
            f"the query has {len(text)} characters" if text.strip() else "there is nothing to look for",
            "describe the object in a few words, as in 'round table'",
        )
    path = Path(text).expanduser()
    ending = path.suffix.lower()
    if ending in PHOTO_SUFFIXES or ending in MODEL_SUFFIXES:
        if not path.is_file():
            raise InputError(
                f"{text} does not exist", "name a photo or a model, or describe the object in words"
            )
        return "image" if ending in PHOTO_SUFFIXES else "shape"
    if path.exists():
        raise InputError(
            f"{text} is {'a folder' if path.is_dir() else 'neither a photo nor a model'}",
            "name a photo or a model, or describe the object in words",
        )
    return "text"


def _exists(query: str) -> bool:
    try:
        return Path(query).expanduser().exists()
    except OSError:  # longer than a file name may be
        return False


def find_index(given: Path | None, here: Path) -> Path:
    """The folder of an index: the given one or that of the given folder of models; for None the only one in or directly below
    `here`. Raises InputError where there is none or more than one."""
    if given is not None:
        return given if (given / DATABASE).is_file() or not (given / FOLDER).is_dir() else given / FOLDER
    if (here / FOLDER / DATABASE).is_file():
        return here / FOLDER
    if (here / DATABASE).is_file():
        return here
    below = sorted(path.parent for path in here.glob(f"*/{FOLDER}/{DATABASE}"))
    if len(below) == 1:
        return below[0]
    if below:
        some = ", ".join(path.parent.name for path in below[:4])
        raise InputError(
            f"there are {len(below)} indices here, of {some}",
            f"choose one with --index {below[0].parent.name}",
        )
    raise InputError("there is no index here", "make one with lift3d index FOLDER, or name one with --index")


def embed_query(
    query: Query, modality: str, weights: str | None, context: Context, warnings: list[str] | None = None
) -> Embedding:
    """The embedding of a query of a modality. warnings: a list to which sentences on what in a file could not be used are
    added. Raises InputError for a model without a shape."""
    warnings = [] if warnings is None else warnings
    if modality == "text":
        return WordsToEmbedding(weights)(Words(str(query)), context)
    if modality == "image":
        photo = load_photo(query, context)  # type: ignore[arg-type]
        warnings += reader_warnings(query, photo.warnings, "the photo")
        return ImageToEmbedding(weights)(photo, context)
    assert isinstance(query, str | os.PathLike | Mesh)
    try:
        loaded = load_model_parts(query)
        warnings += reader_warnings(query, loaded.warnings)
        return EmbeddingNetwork(weights).embed_parts(loaded.parts)
    except InputError as error:
        if error.advice:
            raise
        name = os.fspath(query) if isinstance(query, str | os.PathLike) else name_of(query, "the mesh")
        raise InputError(f"{name} cannot be searched for: {error.cause}", "give another model") from error


def nearest_categories(embedding: Embedding, network: EmbeddingNetwork, count: int = 3) -> list[str]:
    """The `count` categories whose names are nearest to an embedding (zero-shot classification)."""
    from lift3d.taxonomy.captions import category_text

    names = [name for name in CATEGORIES if name != UNKNOWN]
    order = rank_texts(embedding.vectors, network.embed_texts([category_text(name) for name in names]))
    return [names[int(i)] for i in order[:count]]
