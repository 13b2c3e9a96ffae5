"""The direction of gravity that a phone or a drone recorded with a photo.

iPhones store the accelerometer's vector in the maker note (tag 8 of Apple's IFD, as ExifTool lists its tags): in units of
g, in the frame of the device held upright, x to the right of its screen, y to its top and z out of it; at rest it points down.
Drones of DJI state pitch and roll of the gimbal in degrees in XMP (`drone-dji:GimbalPitchDegree`, `GimbalRollDegree`).
"""

from __future__ import annotations

import math
import re
import struct

from PIL import Image as Pil

Vector = tuple[float, float, float]

APPLE = b"Apple iOS\x00"
ACCELERATION = 8
SIGNED_RATIONAL = 10
MAX_ENTRIES = 200
STILL = (0.9, 1.1)
"""Range of the acceleration in g within which the camera was at rest, so that it is gravity."""
MAX_XMP = 1 << 20
SIDES = {1: (1, 0, 0, 1), 3: (-1, 0, 0, -1), 6: (0, -1, 1, 0), 8: (0, 1, -1, 0)}
"""Of each orientation without a mirror: x and y of the upright picture by x and y of the stored one."""


def recorded_gravity(picture: Pil.Image) -> Vector | None:
    """Unit vector that points down in the frame of the upright photo's camera, x right, y down, z forward; None where the file
    states none, or the photo is mirrored."""
    return _of_phone(picture.getexif()) or _of_drone(picture.info.get("xmp"))


def _of_phone(exif: Pil.Exif) -> Vector | None:
    """From the maker note of an iPhone's rear camera."""
    tags = exif.get_ifd(0x8769)
    found = _apple_acceleration(tags.get(0x927C))
    side = SIDES.get(exif.get(0x0112, 1))
    if found is None or side is None or "front" in str(tags.get(0xA434, "")).lower():
        return None
    right, top, out = found
    x, y = (
        -top,
        -right,
    )  # the stored picture lies on its side: its right is the bottom of the phone held upright
    return _unit((side[0] * x + side[1] * y, side[2] * x + side[3] * y, -out), STILL)


def _apple_acceleration(note: object) -> Vector | None:
    """The three numbers of tag 8 of a maker note; None where they are not there or the note is damaged."""
    if not isinstance(note, bytes) or not note.startswith(APPLE) or note[12:14] not in (b"MM", b"II"):
        return None
    order = ">" if note[12:14] == b"MM" else "<"
    try:
        (count,) = struct.unpack_from(order + "H", note, 14)
        for i in range(min(count, MAX_ENTRIES)):
            tag, kind, number, offset = struct.unpack_from(order + "HHII", note, 16 + 12 * i)
            if (tag, kind, number) == (ACCELERATION, SIGNED_RATIONAL, 3):
                n = struct.unpack_from(order + "6i", note, offset)
                return n[0] / n[1], n[2] / n[3], n[4] / n[5]
    except (struct.error, ZeroDivisionError):
        pass
    return None


def _of_drone(xmp: object) -> Vector | None:
    """From the gimbal's angles in XMP."""
    if not isinstance(xmp, (bytes, str)) or len(xmp) > MAX_XMP:
        return None
    text = xmp.decode("utf-8", "replace") if isinstance(xmp, bytes) else xmp
    angles = []
    for name in ("GimbalPitchDegree", "GimbalRollDegree"):
        found = re.search(rf"drone-dji:{name}\s*(?:=\s*[\"']|>)\s*([+-]?\d{{1,3}}(?:\.\d{{1,9}})?)", text)
        if found is None:
            return None
        angles.append(math.radians(float(found.group(1))))
    pitch, roll = angles
    return _unit(
        (math.sin(roll) * math.cos(pitch), math.cos(roll) * math.cos(pitch), -math.sin(pitch)), (0.99, 1.01)
    )


def _unit(vector: Vector, lengths: tuple[float, float]) -> Vector | None:
    """The vector scaled to length 1; None where its length is outside the range."""
    length = math.hypot(*vector)
    if not lengths[0] <= length <= lengths[1]:
        return None
    return vector[0] / length, vector[1] / length, vector[2] / length
