"""A folder of the user's meshes, or a collection in the layout of ShapeNetCore, ModelNet or Objaverse.

ShapeNetCore   SYNSET/MODEL/models/model_normalized.obj (v2) or SYNSET/MODEL/model.obj (v1); Y up
ModelNet       CATEGORY/train|test/NAME.off; Z up; its test split is kept
Objaverse      glbs/PART/UID.glb, optionally with lvis-annotations.json(.gz) in the folder
anything else  the category of a file is the name of its folder; files of the top folder have none
"""

from __future__ import annotations

import gzip
import json
import os
import re
import zlib
from collections.abc import Sequence
from pathlib import Path

from lift3d.corpus.entry import Entry
from lift3d.errors import InputError
from lift3d.geometry.parts.convert import y_up_to_z_up_parts
from lift3d.io.files.read import read_bytes
from lift3d.io.mesh.meshes import SUFFIXES_WITH_UP_AXIS, load_parts
from lift3d.types import Part

ENDINGS = (".glb", ".gltf", ".obj", ".off", ".ply", ".stl", ".3mf", ".usdz")
MAX_FILES = 2_000_000
"""Maximum number of meshes in a folder."""
ANNOTATIONS = ("lvis-annotations.json", "lvis-annotations.json.gz")
MAX_ANNOTATIONS = 256 << 20
SYNSETS = dict(
    re.findall(
        r"(\d+)=(\w+)",
        """02691156=airplane 02747177=trash_bin 02773838=bag 02801938=basket 02808440=bathtub 02818832=bed
    02828884=bench 02843684=birdhouse 02871439=bookshelf 02876657=bottle 02880940=bowl 02924116=bus 02933112=cabinet
    02942699=camera 02946921=can 02954340=cap 02958343=car 02992529=cellphone 03001627=chair 03046257=clock
    03085013=keyboard 03207941=dishwasher 03211117=display 03261776=earphone 03325088=faucet 03337140=file_cabinet
    03467517=guitar 03513137=helmet 03593526=jar 03624134=knife 03636649=lamp 03642806=laptop 03691459=loudspeaker
    03710193=mailbox 03759954=microphone 03761084=microwave 03790512=motorcycle 03797390=mug 03928116=piano
    03938244=pillow 03948459=pistol 03991062=flowerpot 04004475=printer 04074963=remote_control 04090263=rifle
    04099429=rocket 04225987=skateboard 04256520=sofa 04330267=stove 04379243=table 04401088=telephone 04460130=tower
    04468005=train 04530566=watercraft 04554684=washer""",
    )
)
"""The 55 categories of ShapeNetCore by their WordNet 3.0 offsets."""


class Folder:
    """The meshes below a folder, `root`. up: "y" or "z", the up axis of formats that do not state it (OBJ, OFF, PLY, STL).

    Raises InputError when `root` is not a folder.
    """

    packages: tuple[str, ...] = ()

    def __init__(
        self, root: Path, up: str = "z", licence: str = "not stated", author: str = "not stated"
    ) -> None:
        if not root.is_dir():
            raise InputError(f"{root} is not a folder", "give the folder that holds the meshes with --from")
        self.root, self.up, self.licence, self.author = root, up, licence, author
        self.name = re.sub(r"[^A-Za-z0-9._-]+", "-", root.resolve().name) or "models"
        self.layout = ""
        self.about = f"models of the folder {root.resolve().name}"

    def needs(self, path: str) -> bool:
        """Whether this file of a package is needed."""
        return True

    def entries(self, roots: Sequence[Path] = ()) -> list[Entry]:
        """All models below the roots of the unpacked packages, sorted by key."""
        files = sorted(self._files(), key=lambda file: file.relative_to(self.root).as_posix())
        if not files:
            raise InputError(
                f"{self.root} holds no meshes", f"give a folder with files that end in {', '.join(ENDINGS)}"
            )
        paths = [file.relative_to(self.root).as_posix() for file in files]
        self.layout = detect_layout(paths)
        names = self._annotations() if self.layout == "Objaverse" else {}
        found = []
        for file, path in zip(files, paths):
            category, identity, split = parse_path(path, self.layout)
            category = names.get(identity, category)
            found.append(
                Entry(
                    f"{self.name}/{path}", file, identity.replace("_", " "), (category or "",), identity,
                    self.licence, self.author, category=category, split=split,
                )
            )  # fmt: skip
        return found

    def load(self, entry: Entry) -> list[Part]:
        """The parts of a model, right-handed and Z up. Raises InputError for a damaged file."""
        model = load_parts(entry.file)
        y_up = entry.file.suffix.lower() not in SUFFIXES_WITH_UP_AXIS and (
            self.up == "y" or self.layout == "ShapeNetCore"
        )
        return y_up_to_z_up_parts(model.parts) if y_up else model.parts

    def _files(self) -> list[Path]:
        """All mesh files below the root, without hidden ones."""
        found: list[Path] = []

        def refuse(error: OSError) -> None:
            raise InputError(
                f"the folder {error.filename} cannot be read ({(error.strerror or 'no reason given').lower()})",
                "make it readable, or move it out of the way",
            )

        for folder, folders, files in os.walk(self.root, onerror=refuse):
            folders[:] = sorted(name for name in folders if not name.startswith("."))
            found += [
                Path(folder, name) for name in files if name.lower().endswith(ENDINGS) and name[0] != "."
            ]
            if len(found) > MAX_FILES:
                raise InputError(
                    f"{self.root} holds more than {MAX_FILES} meshes", "give one of its subfolders"
                )
        return found

    def _annotations(self) -> dict[str, str]:
        """Objaverse's category of each model by its uid; empty where its list is not in the folder."""
        for name in ANNOTATIONS:
            file = self.root / name
            if not file.is_file():
                continue
            try:
                data = read_bytes(file, MAX_ANNOTATIONS)
                if name.endswith(".gz"):
                    data = zlib.decompressobj(31).decompress(data, MAX_ANNOTATIONS)
                lists = json.loads(data)
                return {str(uid): _word(str(word)) for word, uids in lists.items() for uid in uids}
            except (ValueError, AttributeError, TypeError, zlib.error, gzip.BadGzipFile) as error:
                raise InputError(
                    f"{file.name} is not a list of models by category ({error})", "remove it or copy it again"
                ) from error
        return {}


def detect_layout(paths: Sequence[str]) -> str:
    """The collection whose layout more than half of the paths have, "folder" without one."""
    kinds = {
        "ShapeNetCore": r"(^|/)0\d{7}/[^/]+/(models/model_normalized|model)\.obj$",
        "ModelNet": r"(^|/)[^/]+/(train|test)/[^/]+\.off$",
        "Objaverse": r"(^|/)glbs/\d{3}-\d{3}/[0-9a-f]{32}\.glb$",
    }
    for name, pattern in kinds.items():
        if sum(re.search(pattern, path) is not None for path in paths) > len(paths) / 2:
            return name
    return "folder"


def parse_path(path: str, layout: str) -> tuple[str | None, str, str | None]:
    """(category, identity, split) of a file by its path in a layout; None for what the path does not state."""
    parts = path.split("/")
    stem = parts[-1].rsplit(".", 1)[0]
    if layout == "ShapeNetCore":
        at = next((i for i, part in enumerate(parts) if re.fullmatch(r"0\d{7}", part)), None)
        if at is not None and at + 1 < len(parts):
            return SYNSETS.get(parts[at], parts[at]), parts[at + 1], None
    if layout == "ModelNet" and len(parts) >= 3 and parts[-2] in ("train", "test"):
        return _word(parts[-3]), stem, parts[-2]
    if layout == "Objaverse":
        return None, stem, None
    return (_word(parts[-2]) if len(parts) > 1 else None), path.rsplit(".", 1)[0], None


def _word(text: str) -> str:
    """A category's name in lower case, words joined by underscores."""
    return re.sub(r"[\W_]+", "_", text.lower()).strip("_") or "unknown"
