"""DICOM series as volumes: found by content, grouped into stacks, ordered by position along the normal, decoded and rescaled.

Headers (`headers`, `fields`) become one `Slice` for every picture or frame (`slices`); other objects are named (`objects`).
Slices are grouped (`series`), repeated ones separated (`repeats`), ordered (`stack`), decoded (`pixels`), assembled (`volume`).
"""
