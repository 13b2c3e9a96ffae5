"""Small pictures of the photos of a job, for its page."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from PIL import Image as Pil

from lift3d.context import Context
from lift3d.errors import Lift3dError
from lift3d.server.workers.call import Call

SIDE, QUALITY = 256, 80


def write_thumbnails(call: Call, send: Callable[..., Any]) -> None:
    """Write thumbs/NUMBER.jpg for each photo that can be read, where it is not there yet, and send an event."""
    from lift3d.io.image.photos import read_photos

    folder = call.folder / "thumbs"
    folder.mkdir(exist_ok=True)
    written = []
    for number, (item, file) in enumerate(zip(call.inputs, call.files())):
        if item["kind"] != "photo":
            continue
        path = folder / f"{number}.jpg"
        if not path.exists():
            try:
                image = read_photos([str(file)], max_size=SIDE, context=Context()).images[0]
            except Lift3dError:
                continue  # the task itself will say why
            Pil.fromarray(np.asarray(image.pixels)).save(path, quality=QUALITY)
        written.append(number)
    if written:
        send(event="thumbnails", numbers=written)
