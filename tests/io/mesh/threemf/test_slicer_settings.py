"""Settings of slicers: modifiers and supports are no part of the shape, negative parts are cut away."""

from __future__ import annotations

from pathlib import Path

import pytest
from threemf_files import box_object, is_box, model, package, warnings_of

from lift3d.io.mesh.meshes import load_mesh
from lift3d.io.mesh.threemf.slicer_settings import role_of


def two_boxes_in_one_mesh() -> str:
    """Triangles 0 to 11 are the box 1 x 2 x 3, 12 to 23 a larger one around its upper half."""
    first, second = box_object(), box_object(size=(2, 4, 1.5), at=(-0.5, -1, 1.5))
    for i in range(7, -1, -1):
        for corner in ("v1", "v2", "v3"):
            second = second.replace(f'{corner}="{i}"', f'{corner}="{i + 8}"')
    points = second.split("<vertices>")[1].split("</vertices>")[0]
    triangles = second.split("<triangles>")[1].split("</triangles>")[0]
    return first.replace("</vertices>", points + "</vertices>").replace(
        "</triangles>", triangles + "</triangles>"
    )


def prusa(kind: str, key: str = "volume_type", last: int = 23) -> str:
    matrix = '<metadata type="volume" key="matrix" value="5 0 0 9 0 5 0 9 0 0 5 9 0 0 0 1"/>'
    return (
        '<config><object id="1" instances_count="1"><metadata type="object" key="name" value="x"/>'
        f'<volume firstid="0" lastid="11"><metadata type="volume" key="volume_type" value="ModelPart"/>{matrix}</volume>'
        f'<volume firstid="12" lastid="{last}"><metadata type="volume" key="{key}" value="{kind}"/>{matrix}</volume>'
        "</object></config>"
    )


@pytest.mark.parametrize("name", ["Slic3r_PE_model.config", "SuperSlicer_model.config"])
@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("ParameterModifier", "modifier"),
        ("SupportEnforcer", "support enforcer"),
        ("SupportBlocker", "support blocker"),
        ("SeamPosition", "seam"),
        ("BrimPatch", "brim"),
    ],
)
def test_volumes_of_prusaslicer(tmp_path: Path, kind: str, words: str, name: str) -> None:
    path = package(tmp_path / "a.3mf", model(two_boxes_in_one_mesh()), **{f"Metadata__{name}": prusa(kind)})
    mesh = load_mesh(path)
    assert is_box(mesh) and words in warnings_of(mesh) and "left out" in warnings_of(mesh)


def test_old_modifiers_and_volumes_of_slic3r(tmp_path: Path) -> None:
    config = prusa("1", "modifier")
    mesh = load_mesh(
        package(
            tmp_path / "a.3mf", model(two_boxes_in_one_mesh()), **{"Metadata__Slic3r_PE_model.config": config}
        )
    )
    assert is_box(mesh) and "modifier" in warnings_of(mesh)
    volumes = '<slic3r:volumes><slic3r:volume ts="0" te="11"/><slic3r:volume ts="12" te="23" modifier="1"/></slic3r:volumes>'
    text = model(two_boxes_in_one_mesh().replace("</mesh>", volumes + "</mesh>"))
    mesh = load_mesh(package(tmp_path / "b.3mf", text))
    assert is_box(mesh) and "modifier" in warnings_of(mesh)


def test_negative_volumes_are_cut_away(tmp_path: Path) -> None:
    config = {"Metadata__Slic3r_PE_model.config": prusa("NegativeVolume")}
    mesh = load_mesh(package(tmp_path / "a.3mf", model(two_boxes_in_one_mesh()), **config))
    assert mesh.is_watertight and is_box(mesh, (1, 2, 1.5)) and "cut away" in warnings_of(mesh)


def test_a_negative_volume_that_is_open_is_said(tmp_path: Path) -> None:
    config = {"Metadata__Slic3r_PE_model.config": prusa("NegativeVolume", last=22)}
    text = model(two_boxes_in_one_mesh().rpartition("<triangle ")[0] + "</triangles></mesh></object>")
    mesh = load_mesh(package(tmp_path / "a.3mf", text, **config))
    assert is_box(mesh) and "not cut away everywhere" in warnings_of(mesh)


def bambu(subtype: str) -> str:
    return (
        '<config><object id="3"><metadata key="name" value="x"/><part id="1" subtype="normal_part"/>'
        f'<part id="2" subtype="{subtype}"><metadata key="matrix" value="9 0 0 0 0 9 0 0 0 0 9 0 0 0 0 1"/></part></object>'
        '<plate><metadata key="plater_id" value="1"/></plate></config>'
    )


@pytest.mark.parametrize("apart", [False, True])
@pytest.mark.parametrize("subtype", ["modifier_part", "support_enforcer", "support_blocker", "negative_part"])
def test_parts_of_bambu_studio(tmp_path: Path, subtype: str, apart: bool) -> None:
    boxes = box_object() + box_object(2, size=(2, 4, 1.5), at=(-0.5, -1, 1.5))
    path = ' p:path="/3D/Objects/a.model"' if apart else ""
    whole = "".join(f'<component objectid="{n}"{path}/>' for n in (1, 2))
    text = model(
        ("" if apart else boxes) + f'<object id="3"><components>{whole}</components></object>',
        '<item objectid="3"/>',
    )
    parts = {"3D__Objects__a.model": model(boxes, "")} if apart else {}
    mesh = load_mesh(
        package(tmp_path / "a.3mf", text, **parts, **{"Metadata__model_settings.config": bambu(subtype)})
    )
    size = (1, 2, 1.5) if subtype == "negative_part" else (1, 2, 3)
    assert is_box(mesh, size) and subtype.split("_")[0] in warnings_of(mesh)


@pytest.mark.parametrize("old", [False, True])
@pytest.mark.parametrize("key", ["infill_mesh", "cutting_mesh", "anti_overhang_mesh", "support_mesh"])
def test_settings_of_cura(tmp_path: Path, key: str, old: bool) -> None:
    new = f'<metadatagroup><metadata name="cura:{key}">True</metadata></metadatagroup>'
    before = (
        '<settings xmlns="http://software.ultimaker.com/xml/cura/3mf/2015/10">'
        f'<setting key="{key}">True</setting></settings>'
    )
    second = box_object(2, size=(9, 9, 9)).replace("<mesh>", (before if old else new) + "<mesh>")
    mesh = load_mesh(
        package(tmp_path / "a.3mf", model(box_object() + second, '<item objectid="1"/><item objectid="2"/>'))
    )
    assert is_box(mesh) and "left out" in warnings_of(mesh)


def test_damaged_settings_and_unknown_types_are_said(tmp_path: Path) -> None:
    text = model(two_boxes_in_one_mesh())
    mesh = load_mesh(
        package(tmp_path / "a.3mf", text, **{"Metadata__Slic3r_PE_model.config": "<config><object"})
    )
    assert len(mesh.faces) == 24 and "are damaged" in warnings_of(mesh)
    mesh = load_mesh(
        package(tmp_path / "b.3mf", text, **{"Metadata__Slic3r_PE_model.config": prusa("Hologram")})
    )
    assert len(mesh.faces) == 24 and "unknown type 'Hologram'" in warnings_of(mesh)


def test_roles() -> None:
    assert [role_of(t) for t in ("ModelPart", "normal_part", "", "0")] == ["part"] * 4
    assert role_of("negative_part") == role_of("NegativeVolume") == "negative part"
