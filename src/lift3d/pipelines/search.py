"""From what a person gives, a photo, a model or words, to the nearest models of an index."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from lift3d.context import Context
from lift3d.errors import InputError
from lift3d.index.ranking import rank_texts
from lift3d.index.store import DATABASE, ModelIndex
from lift3d.inference.embedding import EmbeddingNetwork
from lift3d.io.files.atomic import write_bytes
from lift3d.io.image.photos import PHOTO_SUFFIXES, read_photos
from lift3d.io.mesh.meshes import load_parts
from lift3d.maps.image_to_embedding import ImageToEmbedding
from lift3d.maps.words_to_embedding import WordsToEmbedding
from lift3d.pipelines.index import FOLDER, MODELS
from lift3d.taxonomy.categories import CATEGORIES, UNKNOWN
from lift3d.types import Embedding, Neighbours, Words

Progress = Callable[[str, float], None]
MOST_WORDS = 400
"""Characters of what is asked in words."""


@dataclass(frozen=True)
class SearchResult:
    """What was asked for ("photo", "model" or "words"), the finds, and the folder that their names start from."""

    asked: str
    neighbours: Neighbours
    root: Path

    def to_json(self, query: str) -> str:
        rows = [
            {"rank": k + 1, "path": n.name, "score": round(n.score, 5)}
            for k, n in enumerate(self.neighbours.items)
        ]
        return json.dumps({"query": query, "by": self.asked, "found": rows}, indent=1) + "\n"


def query_modality(query: str) -> str:
    """ "photo", "model" or "words", by the query's ending; InputError for a file that is not there."""
    if not query.strip() or len(query) > MOST_WORDS and not _there(query):
        raise InputError(
            "there is nothing to look for" if not query.strip() else f"the question has {len(query)} letters",
            "ask in a few words, as in 'round table'",
        )
    path = Path(query).expanduser()
    ending = path.suffix.lower()
    if ending in PHOTO_SUFFIXES or ending in MODELS:
        if not path.is_file():
            raise InputError(f"{query} does not exist", "name a photo or a model, or ask in words")
        return "photo" if ending in PHOTO_SUFFIXES else "model"
    if path.exists():
        raise InputError(
            f"{query} is {'a folder' if path.is_dir() else 'neither a photo nor a model'}",
            "name a photo or a model, or ask in words",
        )
    return "words"


def _there(query: str) -> bool:
    try:
        return Path(query).expanduser().exists()
    except OSError:  # longer than a name may be
        return False


def find_index(given: Path | None, here: Path) -> Path:
    """The index's folder: the given one or that of the given folder of models; else the only one in or right below `here`."""
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


def embed_query(query: str, asked: str, weights: str | None, context: Context) -> Embedding:
    """The query's place in the space of these weights."""
    if asked == "words":
        return WordsToEmbedding(weights)(Words(query), context)
    path = Path(query).expanduser()
    if asked == "photo":
        return ImageToEmbedding(weights)(read_photos([path], context=context).images[0], context)
    try:
        return EmbeddingNetwork(weights).embed_parts(load_parts(path).parts)
    except InputError as error:
        if error.advice:
            raise
        raise InputError(f"{query} cannot be looked for: {error.cause}", "give another model") from error


def find(query: str, index: Path, count: int, weights: str | None, progress: Progress) -> SearchResult:
    """The `count` models of the index that are nearest to the query."""
    asked = query_modality(query)
    if count < 1:
        raise InputError(f"{count} finds were asked for", "ask for 1 or more")
    with ModelIndex(index) as store:
        if not len(store):
            raise InputError(
                f"the index {index} holds no models", "put some below its folder and run lift3d index"
            )
        space = EmbeddingNetwork(weights)
        store.require(space.name)
        place = embed_query(query, asked, weights, Context(progress=progress))
        return SearchResult(
            asked, store.search(place, count, space.similarity_weights(place.modality)), store.root
        )


def categories_of(place: Embedding, space: EmbeddingNetwork, count: int = 3) -> list[str]:
    """The categories whose words are nearest: what it is called, though the network was given no list of answers."""
    from lift3d.taxonomy.captions import category_text

    names = [name for name in CATEGORIES if name != UNKNOWN]
    order = rank_texts(place.vectors, space.embed_texts([category_text(name) for name in names]))
    return [names[int(i)] for i in order[:count]]


def write_json(found: SearchResult, query: str, path: Path) -> None:
    write_bytes(path, found.to_json(query).encode())
