"""Extensions of glTF that a file may require: those that are read, and those that do not matter for shape and base colour.

A file that requires any other extension is refused, as the specification demands.
"""

from __future__ import annotations

from lift3d.errors import InputError

READ = {
    "CESIUM_RTC", "EXT_mesh_gpu_instancing", "EXT_texture_avif", "EXT_texture_webp", "KHR_materials_pbrSpecularGlossiness",
    "KHR_mesh_primitive_restart", "KHR_mesh_quantization", "KHR_node_visibility", "KHR_texture_transform",
}  # fmt: skip
"""Extensions that the reader understands."""
FALLBACK = {"KHR_texture_basisu", "MSFT_texture_dds", "EXT_texture_video"}
"""Pictures that the reader does not decode: it reads the picture that stands in for them, or says that there is none."""
HARMLESS = {
    "CESIUM_primitive_outline", "EXT_mesh_features", "EXT_instance_features", "EXT_mesh_manifold", "EXT_structural_metadata",
    "EXT_feature_metadata", "FB_ngon_encoding", "FB_geometry_metadata", "GODOT_single_root", "KHR_interactivity",
    "KHR_node_hoverability", "KHR_node_selectability", "KHR_implicit_shapes", "KHR_collision_shapes",
    "KHR_physics_rigid_bodies", "KHR_rigid_bodies", "KHR_camera", "KHR_environment_map", "KHR_techniques_webgl",
    "KHR_primitive_outline", "VRM",
}  # fmt: skip
"""Extensions without influence on shape and base colour."""
HARMLESS_FAMILIES = (
    "KHR_materials_", "EXT_materials_", "ADOBE_materials_", "NV_materials_", "KHR_lights_", "EXT_lights_", "KHR_xmp",
    "KHR_animation_", "KHR_audio", "MSFT_", "OMI_", "VRMC_", "AGI_", "MOZ_", "HUBS_", "GOOGLE_", "EXT_property_",
)  # fmt: skip
"""Beginnings of the names of further extensions without influence on shape and base colour."""
COMPRESSION = {
    "KHR_draco_mesh_compression", "EXT_meshopt_compression", "KHR_meshopt_compression", "MESHOPT_compression",
    "MPEG_mesh_compression",
}  # fmt: skip
"""Extensions that compress meshes."""


def unread(name: str, extension: str) -> InputError:
    """The error for a file `name` whose shape cannot be read without an extension."""
    if extension in COMPRESSION:
        cause = f"{name} is compressed with {extension}, which lift3d does not read"
        return InputError(cause, "export it without compression")
    cause = f"{name} needs the glTF extension {extension[:80]}, which lift3d does not read"
    return InputError(cause, "export it without that extension")


def require_readable(name: str, required: object) -> None:
    """Raise InputError if the list `required` of a file holds an extension that its reader must know and does not."""
    names = required if isinstance(required, list) else []
    for extension in sorted({str(entry) for entry in names}):
        if extension in READ | FALLBACK | HARMLESS or extension.startswith(HARMLESS_FAMILIES):
            continue
        raise unread(name, extension)
