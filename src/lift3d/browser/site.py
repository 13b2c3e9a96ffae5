"""A folder with a page on which a photo becomes a model in the visitor's browser.

The page's own modules and the viewer are copied. Each network is its packaged graph with references to a file of weights, which
stay in half precision as in the package; the page expands them when it loads them. onnxruntime-web, which computes the graphs in
WebAssembly, is 14 MB and not part of lift3d: it is read from its npm package, and each file compared with its checksum.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import tarfile
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lift3d.errors import InputError, MissingExtra
from lift3d.inference.onnx.network import Arrays, network_arrays, packaged_graph
from lift3d.weights import PretrainedCfg

HERE = Path(__file__).parent / "page"
VIEWER = Path(__file__).parents[1] / "viewer"
NETWORKS = ("image_to_mask", "image_to_voxels", "image_to_layers")
PACKAGE, VERSION = "onnxruntime-web", "1.30.0"
RUNTIME = {
    "ort.wasm.min.mjs": "219e6a1fc8a9938268d18efca3c91d310bd2f4a59bbd13744df5b2b7fc6cee3b",
    "ort-wasm-simd-threaded.mjs": "e13f7f94fc51b4ca72b12faeb1ee95f4ace6dfbc8939bc718aabdc0a27c4299b",
    "ort-wasm-simd-threaded.wasm": "3398c10d07d229bd91b364548e130e0e51a8e5704b88c7c083ebbeb78842dee2",
}
"""Files of onnxruntime-web, and their sha256."""
MAX_FILE = 64 << 20
DOWNLOAD_SECONDS = 600
ADVICE = (
    f"fetch it with `npm pack {PACKAGE}@{VERSION}` and give {PACKAGE}-{VERSION}.tgz with --onnxruntime-web"
)
MIT = """Permission is hereby granted, free of charge, to any person obtaining a copy of this software and associated
documentation files (the "Software"), to deal in the Software without restriction, including without
limitation the rights to use, copy, modify, merge, publish, distribute, sublicense, and/or sell copies of
the Software, and to permit persons to whom the Software is furnished to do so, subject to the following
conditions:

The above copyright notice and this permission notice shall be included in all copies or substantial
portions of the Software.

THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR IMPLIED, INCLUDING BUT NOT
LIMITED TO THE WARRANTIES OF MERCHANTABILITY, FITNESS FOR A PARTICULAR PURPOSE AND NONINFRINGEMENT. IN NO
EVENT SHALL THE AUTHORS OR COPYRIGHT HOLDERS BE LIABLE FOR ANY CLAIM, DAMAGES OR OTHER LIABILITY, WHETHER IN
AN ACTION OF CONTRACT, TORT OR OTHERWISE, ARISING FROM, OUT OF OR IN CONNECTION WITH THE SOFTWARE OR THE USE
OR OTHER DEALINGS IN THE SOFTWARE.
"""


def require_onnx_package() -> None:
    """Raise MissingExtra where the package onnx is not installed."""
    try:
        import onnx  # noqa: F401
    except ImportError as error:
        raise MissingExtra("writing networks for the browser", "export") from error


def runtime_files(source: Path | None) -> dict[str, bytes]:
    """The files of onnxruntime-web by name. source: its npm package (.tgz) or the folder of the installed package; None: fetched
    by npm. InputError where it is not there, or is another version."""
    if source is None:
        return _fetched()
    if source.is_dir():
        return _checked(_from_folder(source), source)
    return _checked(_from_archive(source), source)


def _fetched() -> dict[str, bytes]:
    npm = shutil.which("npm")
    if npm is None:
        raise InputError(f"the page needs {PACKAGE} {VERSION}, which is not part of lift3d", ADVICE)
    with tempfile.TemporaryDirectory() as folder:
        try:
            subprocess.run(
                [npm, "pack", f"{PACKAGE}@{VERSION}"],
                cwd=folder,
                check=True,
                capture_output=True,
                timeout=DOWNLOAD_SECONDS,
            )
        except (OSError, subprocess.SubprocessError) as error:
            raise InputError(f"npm could not fetch {PACKAGE} {VERSION}", ADVICE) from error
        found = next(iter(Path(folder).glob("*.tgz")), None)
        if found is None:
            raise InputError(f"npm could not fetch {PACKAGE} {VERSION}", ADVICE)
        return _checked(_from_archive(found), found)


def _from_folder(source: Path) -> dict[str, bytes]:
    out = {}
    for name in RUNTIME:
        path = next((p for p in (source / "dist" / name, source / name) if p.is_file()), None)
        if path is not None and path.stat().st_size <= MAX_FILE:
            out[name] = path.read_bytes()
    return out


def _from_archive(source: Path) -> dict[str, bytes]:
    out = {}
    try:
        with tarfile.open(source, "r:gz") as archive:
            for member in archive:
                name = member.name.removeprefix("package/dist/")
                if name in RUNTIME and member.isfile() and member.size <= MAX_FILE:
                    file = archive.extractfile(member)
                    assert file is not None
                    out[name] = file.read()
    except FileNotFoundError as error:
        raise InputError(f"{source} does not exist", ADVICE) from error
    except (OSError, tarfile.TarError, EOFError) as error:
        raise InputError(f"{source} is not the npm package {PACKAGE}", ADVICE) from error
    return out


def _checked(files: dict[str, bytes], source: Path) -> dict[str, bytes]:
    for name, digest in RUNTIME.items():
        if hashlib.sha256(files.get(name, b"")).hexdigest() != digest:
            what = "another version of" if name in files else "lacks"
            raise InputError(f"{source} is not {PACKAGE} {VERSION}: {what} {name}", ADVICE)
    return files


def site_files(runtime: dict[str, bytes], found: dict[str, PretrainedCfg]) -> dict[str, bytes]:
    """The files of the page by path. found: the card of each of NETWORKS. InputError for weights that fit no packaged graph."""
    own = sorted(path for path in HERE.iterdir() if path.is_file())
    files = {path.name: path.read_bytes() for path in own}
    for name in ("viewer.js", "controls.js", "glb.js", "normals.js", "viewer.css"):
        files[f"viewer/{name}"] = (VIEWER / name).read_bytes()
    for name in ("three.module.min.js", "three.core.min.js", "OrbitControls.js"):
        files[f"viewer/vendor/{name}"] = (VIEWER / "vendor" / name).read_bytes()
    files |= {f"onnxruntime/{name}": data for name, data in runtime.items()}
    entries: list[dict[str, Any]] = []
    for mapping, card in found.items():
        graph, weights, parts = _packed(mapping, card)
        names = f"networks/{mapping}.onnx", f"networks/{mapping}.bin"
        files |= dict(zip(names, (graph, weights)))
        side = int(card.image_size or card.config.get("side", 0))
        entries.append(
            {
                "name": mapping, "graph": names[0], "weights": names[1], "bytes": len(graph) + len(weights), "parts": parts,
                "card": {"side": side, "threshold": card.threshold},
            }
        )  # fmt: skip
    files["networks.json"] = json.dumps(entries).encode()
    files["LICENCES.txt"] = _licences(found).encode()
    return files


def _packed(mapping: str, card: PretrainedCfg) -> tuple[bytes, bytes, list[tuple[str, int]]]:
    """The graph that refers to its file of weights, that file, and its tensors as (kind, number of elements): "f16", which the
    page expands, or the bytes of an element."""
    import onnx

    arrays: Arrays = network_arrays(mapping, card)
    model = onnx.load_model_from_string(packaged_graph(mapping, card, arrays).read_bytes())
    data, parts, offset = list[bytes](), list[tuple[str, int]](), 0
    for tensor in model.graph.initializer:
        if tensor.data_location != onnx.TensorProto.EXTERNAL:
            continue
        values: NDArray[Any] = arrays[tensor.name]
        length = int(values.nbytes)
        if tensor.data_type == onnx.TensorProto.FLOAT:
            length = 4 * values.size
            half = values.astype(np.float16)
            exact = np.array_equal(half.astype(np.float32), values.astype(np.float32))
            values = half if exact else values.astype(np.float32)
        parts.append(("f16" if values.dtype == np.float16 else str(values.itemsize), int(values.size)))
        data.append(np.ascontiguousarray(values).tobytes())
        del tensor.external_data[:]
        for key, value in (("location", f"networks/{mapping}.bin"), ("offset", offset), ("length", length)):
            entry = tensor.external_data.add()
            entry.key, entry.value = key, str(value)
        offset += length
    return model.SerializeToString(), b"".join(data), parts


def _licences(found: dict[str, PretrainedCfg]) -> str:
    rule = "\n" + 72 * "-" + "\n"
    networks = "".join(f"{name}: {card.licence}\n" for name, card in found.items())
    return rule.join(
        (
            "This page and its networks are of lift3d (Apache-2.0).\n\n" + networks,
            "The viewer uses three.js:\n\n" + (VIEWER / "vendor" / "LICENSE-three").read_text("utf-8"),
            f"The networks are computed by {PACKAGE} {VERSION} (MIT): Copyright (c) Microsoft Corporation\n\n{MIT}",
        )
    )
