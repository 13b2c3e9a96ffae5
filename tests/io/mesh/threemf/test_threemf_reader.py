"""3MF models: which objects are the model, and what is said of all else."""

from __future__ import annotations

from pathlib import Path

import pytest
from threemf_files import (
    START,
    box_mesh,
    box_object,
    is_box,
    model,
    package,
    raw_package,
    relations,
    warnings_of,
)

from lift3d.errors import InputError
from lift3d.io.mesh.meshes import load_mesh


def test_any_prefix_means_its_namespace(tmp_path: Path) -> None:
    text = model(box_object()).replace("<model xmlns=", "<c:model xmlns:c=").replace("</model>", "</c:model>")
    for name in (
        "resources",
        "object",
        "mesh",
        "vertices",
        "vertex",
        "triangles",
        "triangle",
        "build",
        "item",
    ):
        text = text.replace(f"<{name}", f"<c:{name}").replace(f"</{name}", f"</c:{name}")
    assert is_box(load_mesh(package(tmp_path / "a.3mf", text)))


def test_elements_of_other_namespaces_are_not_geometry(tmp_path: Path) -> None:
    slices = (
        '<s:slicestack id="5" zbottom="0"><s:slice ztop="1"><s:vertices><s:vertex x="0" y="0"/></s:vertices>'
        '<s:polygon startv="0"><s:segment v2="0"/></s:polygon></s:slice></s:slicestack>'
    )
    mesh = load_mesh(package(tmp_path / "a.3mf", model(slices + box_object(attributes='s:slicestackid="5"'))))
    assert is_box(mesh) and "slices (slice extension) are not read" in warnings_of(mesh)
    strange = '<x:thing xmlns:x="http://example.com/9"><x:vertex x="9" y="9" z="9"/></x:thing>'
    mesh = load_mesh(package(tmp_path / "b.3mf", model(strange + box_object())))
    assert is_box(mesh) and "http://example.com/9 are not read" in warnings_of(mesh)
    only = '<object id="1" s:slicestackid="5"><mesh><vertices/><triangles/></mesh></object>'
    with pytest.raises(InputError, match="by slices only"):
        load_mesh(package(tmp_path / "c.3mf", model(slices + only)))


def test_required_extensions(tmp_path: Path) -> None:
    for known in ("m", "p", "m p b s t bo sc v d"):
        path = package(tmp_path / "a.3mf", model(box_object(), attributes=f'requiredextensions="{known}"'))
        assert is_box(load_mesh(path))
    unknown = 'xmlns:us="http://example.com/2999/12" requiredextensions="m us"'
    with pytest.raises(
        InputError, match="requires the extension http://example.com/2999/12, which lift3d does not know"
    ):
        load_mesh(package(tmp_path / "b.3mf", model(box_object(), attributes=unknown)))
    with pytest.raises(InputError, match="'us' that it does not declare"):
        load_mesh(package(tmp_path / "c.3mf", model(box_object(), attributes='requiredextensions="us"')))
    wanted = unknown.replace("requiredextensions", "recommendedextensions")
    assert "recommends" in warnings_of(
        load_mesh(package(tmp_path / "d.3mf", model(box_object(), attributes=wanted)))
    )


@pytest.mark.parametrize("kind", ["support", "solidsupport", "other"])
def test_support_and_other_objects_are_no_part_of_the_model(tmp_path: Path, kind: str) -> None:
    both = box_object() + box_object(2, f'type="{kind}"', size=(2, 4, 1), at=(-1, -1, 1))
    items = '<item objectid="1"/><item objectid="2"/>'
    mesh = load_mesh(package(tmp_path / "a.3mf", model(both, items)))
    assert (
        is_box(mesh) and "left out" in warnings_of(mesh) and kind.removeprefix("solid") in warnings_of(mesh)
    )
    whole = (
        both
        + '<object id="3"><components><component objectid="1"/><component objectid="2"/></components></object>'
    )
    mesh = load_mesh(package(tmp_path / "b.3mf", model(whole, '<item objectid="3"/>')))
    assert is_box(mesh) and "left out" in warnings_of(mesh)


def test_surfaces_are_read_and_support_alone_is_refused(tmp_path: Path) -> None:
    assert is_box(load_mesh(package(tmp_path / "a.3mf", model(box_object(attributes='type="surface"')))))
    with pytest.raises(InputError, match="only support"):
        load_mesh(package(tmp_path / "b.3mf", model(box_object(attributes='type="support"'))))


def test_items_that_are_not_printable_and_objects_outside_the_build(tmp_path: Path) -> None:
    two = box_object() + box_object(2, size=(5, 5, 5))
    mesh = load_mesh(
        package(tmp_path / "a.3mf", model(two, '<item objectid="1"/><item objectid="2" printable="0"/>'))
    )
    assert is_box(mesh) and "not printable" in warnings_of(mesh)
    mesh = load_mesh(package(tmp_path / "b.3mf", model(two)))
    assert is_box(mesh) and "1 object that its build does not use is left out" in warnings_of(mesh)
    mesh = load_mesh(package(tmp_path / "c.3mf", model(box_object(), '<item objectid="1" printable="0"/>')))
    assert is_box(mesh) and "they are read" in warnings_of(mesh)


def test_an_empty_build_reads_each_object_once(tmp_path: Path) -> None:
    whole = box_object() + '<object id="2"><components><component objectid="1"/></components></object>'
    mesh = load_mesh(package(tmp_path / "a.3mf", model(whole, "")))
    assert is_box(mesh) and "build is empty" in warnings_of(mesh)


def test_triangles_with_two_equal_corners_are_dropped_and_said(tmp_path: Path) -> None:
    text = model(box_object()).replace("</triangles>", '<triangle v1="3" v2="3" v3="1"/></triangles>')
    mesh = load_mesh(package(tmp_path / "a.3mf", text))
    assert is_box(mesh) and "1 triangle with two equal corners is dropped" in warnings_of(mesh)


def test_a_transform_that_flattens_is_refused(tmp_path: Path) -> None:
    flat = '<item objectid="1" transform="1 0 0 0 1 0 0 0 0 0 0 0"/>'
    with pytest.raises(InputError, match="flattens an object"):
        load_mesh(package(tmp_path / "a.3mf", model(box_object(), flat)))


def test_mirrored_items_keep_their_outside(tmp_path: Path) -> None:
    mirrored = '<item objectid="1" transform="-1 0 0 0 1 0 0 0 1 0 0 0"/>'
    assert is_box(load_mesh(package(tmp_path / "a.3mf", model(box_object(), mirrored))))


@pytest.mark.parametrize(
    ("operation", "volume"), [("union", 6 + 12 - 3), ("difference", 3), ("intersection", 3), ("", 6 + 12 - 3)]
)
@pytest.mark.parametrize("element", ["booleanshape", "booleans"])
def test_boolean_shapes(tmp_path: Path, operation: str, volume: float, element: str) -> None:
    tool = box_object(2, size=(2, 4, 1.5), at=(-0.5, -1, 1.5))
    how = f' operation="{operation}"' if operation else ""
    shape = f'<bo:{element} objectid="1"{how}><bo:boolean objectid="2"/></bo:{element}>'
    text = model(box_object() + tool + f'<object id="3">{shape}</object>', '<item objectid="3"/>')
    mesh = load_mesh(package(tmp_path / "a.3mf", text))
    assert mesh.is_watertight and mesh.volume * 1e9 == pytest.approx(volume)
    assert "boolean operations extension" in warnings_of(mesh)


def test_boolean_shapes_nest_and_move_their_operands(tmp_path: Path) -> None:
    cut = '<bo:boolean objectid="1" transform="1 0 0 0 1 0 0 0 1 0.5 0 0"/>'
    first = f'<object id="3"><bo:booleanshape objectid="1" operation="difference">{cut}</bo:booleanshape></object>'
    second = (
        '<object id="4"><bo:booleanshape objectid="3" operation="difference">'
        '<bo:boolean objectid="1" transform="1 0 0 0 1 0 0 0 1 0 0 2"/></bo:booleanshape></object>'
    )
    text = model(box_object() + first + second, '<item objectid="4" transform="-1 0 0 0 1 0 0 0 1 0 0 0"/>')
    mesh = load_mesh(package(tmp_path / "a.3mf", text))
    assert mesh.volume * 1e9 == pytest.approx(0.5 * 2 * 2) and mesh.is_watertight


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        ('<bo:booleanshape objectid="1" operation="xor"/>', "unknown boolean operation 'xor'"),
        ('<bo:booleanshape objectid="3"/>', "contain themselves"),
        ('<bo:booleanshape objectid="9"/>', "does not hold"),
        (
            '<bo:booleanshape objectid="1" operation="difference"><bo:boolean objectid="1"/></bo:booleanshape>',
            "leaves nothing",
        ),
        ('<bo:booleanshape objectid="2"/>', "no closed surface"),
        ("<d:displacementmesh/>", "displaced by a picture"),
        ('<v:levelset functionid="1" meshid="1"/>', "level set"),
    ],
)
def test_shapes_that_cannot_be_read_are_refused(tmp_path: Path, shape: str, message: str) -> None:
    open_box = box_object(2).replace('<triangle v1="1"', '<t:no v1="1"', 1)
    text = model(box_object() + open_box + f'<object id="3">{shape}</object>', '<item objectid="3"/>')
    with pytest.raises(InputError, match=message):
        load_mesh(package(tmp_path / "a.3mf", text))


def test_colours_in_the_volume_are_said(tmp_path: Path) -> None:
    mesh = load_mesh(
        package(tmp_path / "a.3mf", model(box_object(inner="<v:volumedata><v:color/></v:volumedata>")))
    )
    assert is_box(mesh) and "in its volume" in warnings_of(mesh)


def test_components_in_other_parts(tmp_path: Path) -> None:
    inner = model(box_object(7), "")
    for path in ("/3D/Objects/a.model", "3D/objects/A.MODEL", "/3D/Objects/./a%2Emodel", "Objects/a.model"):
        text = model(
            f'<object id="2"><components><component objectid="7" p:path="{path}"/></components></object>',
            '<item objectid="2"/>',
        )
        assert is_box(load_mesh(package(tmp_path / "a.3mf", text, **{"3D__Objects__a.model": inner})))
        text = model("", f'<item objectid="7" p:path="{path}"/>')
        assert is_box(load_mesh(package(tmp_path / "b.3mf", text, **{"3D__Objects__a.model": inner})))
    with pytest.raises(InputError, match="lacks its part"):
        load_mesh(package(tmp_path / "c.3mf", model("", '<item objectid="7" p:path="/3D/b.model"/>')))


def test_the_full_alternative_is_read_where_it_can_be(tmp_path: Path) -> None:
    other = '<pa:alternatives><pa:alternative objectid="7" path="/3D/full.model"/></pa:alternatives>'
    text = model(f'<object id="1" pa:modelresolution="lowres">{box_mesh((9, 9, 9))}{other}</object>')
    mesh = load_mesh(package(tmp_path / "a.3mf", text, **{"3D__full.model": model(box_object(7), "")}))
    assert is_box(mesh)
    mesh = load_mesh(package(tmp_path / "b.3mf", text))
    assert is_box(mesh, (9, 9, 9)) and "low resolution" in warnings_of(mesh)


def test_encrypted_content(tmp_path: Path) -> None:
    store = (
        '<keystore><resourcedatagroup><resourcedata path="/3D/secret.model"/></resourcedatagroup></keystore>'
    )
    text = model("", '<item objectid="7" p:path="/3D/secret.model"/>', 'requiredextensions="p sc"')
    with pytest.raises(InputError, match="is encrypted.*secret.model"):
        load_mesh(
            package(
                tmp_path / "a.3mf", text, **{"Secure__keystore.xml": store, "3D__secret.model": b"\x01\x02"}
            )
        )
    mesh = load_mesh(package(tmp_path / "b.3mf", model(box_object()), **{"Secure__keystore.xml": store}))
    assert is_box(mesh)


def test_instructions_for_printers_are_no_model(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="instructions for a printer"):
        load_mesh(package(tmp_path / "a.3mf", model("", ""), **{"Metadata__plate_1.gcode": "G1 X0"}))


def test_paint_and_display_properties_are_said(tmp_path: Path) -> None:
    shown = '<m:pbmetallicdisplayproperties id="9"><m:pbmetallic name="a" metallicness="1"/></m:pbmetallicdisplayproperties>'
    mesh = load_mesh(package(tmp_path / "a.3mf", model(shown + box_object(triangle=' paint_color="4"'))))
    assert is_box(mesh) and "painted" in warnings_of(mesh) and "display properties" in warnings_of(mesh)


def test_two_objects_with_one_number_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="two objects with the number 1"):
        load_mesh(package(tmp_path / "a.3mf", model(box_object() + box_object())))


@pytest.mark.parametrize(
    ("target", "entry"),
    [
        ("/3D/3dmodel.model", "3D/3dmodel.model"),
        ("3D/3dmodel.model", "3d/3DModel.MODEL"),
        ("/my%20parts/a b.model", "my parts/a%20b.model"),
        ("/other/root.xml", "other/root.xml"),
        ("/3D/3dmodel.model", "3D\\3dmodel.model"),
        ("/3D/3dmodel.model", "/3D/3dmodel.model"),
    ],
)
def test_the_root_is_the_part_that_the_relationships_name(tmp_path: Path, target: str, entry: str) -> None:
    decoy = model(box_object(size=(9, 9, 9)))
    entries: dict[str, str | bytes] = {"_rels/.rels": relations(target), entry: model(box_object())}
    if entry.startswith(("my", "other")):
        entries["3D/3dmodel.model"] = decoy
    assert is_box(load_mesh(raw_package(tmp_path / "a.3mf", entries)))


def test_packages_without_relationships_are_read_with_a_warning(tmp_path: Path) -> None:
    text = model(box_object())
    for rels, words in (
        (None, "are missing"),
        ("<broken", "are damaged"),
        (relations("/3D/no.model"), "is missing"),
        (relations("/3D/3dmodel.model", kind="http://x"), "name no root model"),
    ):
        entries: dict[str, str | bytes] = {"3D/3dmodel.model": text}
        if rels is not None:
            entries["_rels/.rels"] = rels
        mesh = load_mesh(raw_package(tmp_path / "a.3mf", entries))
        assert is_box(mesh) and words in warnings_of(mesh)
    both = relations("/3D/3dmodel.model", "/3D/b.model", kind=START)
    mesh = load_mesh(raw_package(tmp_path / "b.3mf", {"_rels/.rels": both, "3D/3dmodel.model": text}))
    assert is_box(mesh) and "2 root models" in warnings_of(mesh)


def test_what_is_no_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="without a 3D model"):
        load_mesh(raw_package(tmp_path / "a.3mf", {"word/document.xml": "<a/>"}))
    with pytest.raises(InputError, match="no 3MF model but <svg>"):
        load_mesh(package(tmp_path / "b.3mf", "<svg/>"))
