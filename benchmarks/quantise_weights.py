"""Write packaged weights in eight bits (weights/eight_bits.py), with their card.

    python benchmarks/quantise_weights.py NAME [--only PREFIX] [--to FOLDER]

Evaluate them beside those in half precision before they replace them: `lift3d evaluate TASK --weights FOLDER/NAME.safetensors`.
--only: arrays whose names begin with PREFIX; the others stay in half precision. The card keeps its scores and notes the eight
bits.
"""

from __future__ import annotations

import argparse
import hashlib
import json
from pathlib import Path

import numpy as np

import lift3d.weights as store
from lift3d.weights.eight_bits import pack_arrays

NOTE = "stored in eight bits"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("name")
    parser.add_argument("--only", default="")
    parser.add_argument("--to", type=Path, default=store.FOLDER)
    given = parser.parse_args()
    from safetensors.numpy import save

    found = store.find(given.name)
    card = json.loads(found.file.with_suffix(".json").read_text("utf-8"))
    arrays = store.load_arrays(found.file)
    chosen = {name: array for name, array in arrays.items() if name.startswith(given.only)}
    others = {
        name: array.astype(np.float16) if array.dtype.kind == "f" else array
        for name, array in arrays.items()
        if name not in chosen
    }
    data = save(dict(sorted((others | pack_arrays(chosen)).items())))
    card["sha256"] = hashlib.sha256(data).hexdigest()
    card["note"] = "; ".join(filter(None, (card.get("note"), NOTE)))
    given.to.mkdir(parents=True, exist_ok=True)
    (given.to / f"{given.name}.safetensors").write_bytes(data)
    text = json.dumps(card, indent=1, ensure_ascii=False) + "\n"
    (given.to / f"{given.name}.json").write_text(text, "utf-8")
    print(f"{found.bytes / 1e6:.1f} MB -> {len(data) / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
