"""One HTML file with the viewer and a model in it, which opens from disk and asks nothing of the network.

The ES modules and the model are gzip and base64 in `<template>` elements. `boot.js` unpacks them with `DecompressionStream`,
the modules into `blob:` addresses in the order of their imports. A content security policy allows no other script, no other
style and no connection.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import html
import posixpath
import re
from functools import cache
from pathlib import Path

HERE = Path(__file__).parent
ENTRIES = ("viewer.js", "controls.js")
STYLES = ("page.css", "viewer.css")
_IMPORT = re.compile(r"""((?:\bfrom|\bimport)\s*)(["'])(\.{1,2}/[\w./-]+)\2""")
_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="referrer" content="no-referrer">
<link rel="icon" href="data:,">
<title>{title}</title>
<style>{style}</style>
</head>
<body>
<main>
<h1 title="{title}">{title}</h1>
<p id="note" role="status">The model is being unpacked.</p>
<noscript><p>This page needs JavaScript.</p></noscript>
<div id="viewer" class="viewer" aria-busy="true"></div>
</main>
{modules}
{models}
<script>{script}</script>
</body>
</html>
"""


def viewer_html(model: bytes, title: str, confidence: bytes | None = None) -> bytes:
    """The HTML file that shows a GLB. The same arguments give the same bytes.

    title: shown as it is, in the title and above the model. confidence: a GLB of the same shape whose colours show the
    confidence of a prediction.
    """
    models = {"model": model} | ({} if confidence is None else {"confidence": confidence})
    script = (HERE / "boot.js").read_text("utf-8")
    style = "".join((HERE / name).read_text("utf-8") for name in STYLES)
    policy = (
        f"default-src 'none'; script-src {_source(script)} blob:; style-src {_source(style)}; img-src data: blob:; "
        "base-uri 'none'; form-action 'none'"
    )
    page = _PAGE.format(
        policy=policy,
        title=html.escape(title),
        style=style,
        modules=_modules(),
        models="\n".join(_packed("model", name, data) for name, data in models.items()),
        script=script,
    )
    return page.encode("utf-8")


@cache
def _modules() -> str:
    """The modules of the viewer, each after those that it imports, with "module:NAME" in place of the paths of imports."""
    done: dict[str, str] = {}

    def visit(name: str) -> None:
        if name in done:
            return

        def rewritten(match: re.Match[str]) -> str:
            other = posixpath.normpath(posixpath.join(posixpath.dirname(name), match[3]))
            visit(other)
            return f'{match[1]}"module:{other}"'

        text = _IMPORT.sub(rewritten, (HERE / name).read_text("utf-8"))
        done[name] = _packed("module", name, text.encode("utf-8"))

    for entry in ENTRIES:
        visit(entry)
    return "\n".join(done.values())


def _packed(what: str, name: str, data: bytes) -> str:
    """A template element whose text is the data, gzip in base64."""
    text = base64.b64encode(gzip.compress(data, 9 if what == "module" else 6, mtime=0)).decode("ascii")
    return f'<template data-{what}="{name}">{text}</template>'


def _source(text: str) -> str:
    """The expression of the content security policy that allows an inline script or style of this text."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode('utf-8')).digest()).decode('ascii')}'"
