"""Licences and holders are read as packages state them, and never guessed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lift3d.corpus.packages.licences import UNCLEAR, Copyright, Terms, licence_in_text, licence_of, spdx

TEXT = """Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/
Comment: made up

Files: *
Copyright: 2001-2008, The Team (<http://team.org>)
           and its friends
           (C) 2010, 2011 Ann Other <ann@other.org>
License: GPL-2+

Files: data/chairs/* data/a?b.obj
Copyright: 2012 Bob;Eve
License: CC-BY-SA-3.0 or GPL-3

Files: data/chairs/old.obj
 data/[1].obj
Copyright: ???? Zed Ltd.
License: CC0
 some words

License: GPL-2+
 Files: no field but text
"""


def test_the_last_paragraph_that_fits_counts():
    rights = Copyright(TEXT)
    assert licence_of(rights, "x") == ("GPL-2.0-or-later", ("The Team and its friends", "Ann Other"))
    for path in ("data/chairs/deep/x.obj", "data/a/b.obj", "data/a1b.obj"):
        assert rights.terms_of(path) == Terms("CC-BY-SA-3.0 OR GPL-3.0-only", ("Bob", "Eve"))
    for path in ("data/chairs/old.obj", "data/[1].obj"):
        assert rights.terms_of(path) == Terms("CC0-1.0", ("Zed Ltd.",))
    assert rights.terms_of("data/1.obj").licence == "GPL-2.0-or-later"


def test_files_without_a_paragraph_are_unclear():
    for text in ("", "This package was made by hand.\nGPL", "Files: a\nLicense:\n"):
        assert Copyright(text).terms_of("a") == Terms(UNCLEAR, ())


@pytest.mark.parametrize(
    ("short", "full"),
    [
        ("LGPL-2.1+", "LGPL-2.1-or-later"),
        ("GPL-2, and CC-BY-3.0-USA", "GPL-2.0-only AND CC-BY-3.0-US"),
        ("CC-BY-SA-4.0-with-exception", "CC-BY-SA-4.0-with-exception"),
        ("public-domain", "public-domain"),
    ],
)
def test_names_become_spdx_where_there_is_one(short, full):
    assert spdx(short) == full


def test_many_holders_are_not_all_named():
    assert Terms("x", ("A", "B")).author("them") == "A; B"
    assert Terms("x").author("them") == "them"
    assert Terms("x", tuple("ABCDEF")).author("them") == "them (6 people in debian/copyright)"


def test_texts_beside_models():
    assert licence_in_text("Released under\nCreative Commons Zero (Public Domain)") == "CC0-1.0"
    assert licence_in_text("<b>Creative Commons Attribution 3.0</b>") == "CC-BY-3.0"
    assert licence_in_text("Creative Commons Attribution 3.0 United States") == "CC-BY-3.0-US"
    assert licence_in_text("creative commons attribution-NonCommercial-ShareAlike 4.0") == "CC-BY-NC-SA-4.0"
    assert licence_in_text("Creative Commons Zero, or Creative Commons Attribution 3.0") is None
    assert licence_in_text("a Creative Commons License or copyright") is None


@given(
    st.text(alphabet="File: *?[]ab/\n\\GPL-2+,License.Copyright", max_size=300), st.text("ab/*", max_size=20)
)
def test_any_text_gives_an_answer(text, path):
    licence, holders = licence_of(Copyright(text), path)
    assert licence and all(holders)


def test_patterns_with_many_stars_are_answered_at_once():
    rights = Copyright("Files: *" + "a*" * 40 + "b\nLicense: MIT\n")
    assert rights.terms_of("a" * 4000).licence == UNCLEAR
