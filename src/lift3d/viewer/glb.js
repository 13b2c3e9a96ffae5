// GLB files as lift3d writes them: triangles with positions, texture coordinates or colours, and one picture.

const MAGIC = 0x46546c67, JSON_CHUNK = 0x4e4f534a, BIN_CHUNK = 0x004e4942;
const SIZES = { SCALAR: 1, VEC2: 2, VEC3: 3, VEC4: 4 };
const ARRAYS = { 5120: Int8Array, 5121: Uint8Array, 5122: Int16Array, 5123: Uint16Array, 5125: Uint32Array, 5126: Float32Array };
const LIMITS = { 5120: 127, 5121: 255, 5122: 32767, 5123: 65535 };

/** { unit, primitives: [{ positions, indices, uv, colours, colourSize, baseColour, alphaMode, picture }] } of an ArrayBuffer. Throws an Error. */
export function readGlb(buffer) {
  const view = new DataView(buffer);
  if (buffer.byteLength < 20 || view.getUint32(0, true) !== MAGIC) throw new Error("the file is not a GLB");
  let document = null, binary = null;
  for (let at = 12; at + 8 <= buffer.byteLength;) {
    const length = view.getUint32(at, true), kind = view.getUint32(at + 4, true);
    if (at + 8 + length > buffer.byteLength) throw new Error("the file is cut short");
    const chunk = new Uint8Array(buffer, at + 8, length);
    if (kind === JSON_CHUNK) document = JSON.parse(new TextDecoder().decode(chunk));
    if (kind === BIN_CHUNK) binary = chunk;
    at += 8 + length;
  }
  if (!document || !binary) throw new Error("the file holds no model");
  const bytesOf = (index) => {
    const part = document.bufferViews[index];
    return { start: binary.byteOffset + (part.byteOffset || 0), length: part.byteLength, stride: part.byteStride || 0 };
  };
  const read = (index, floats) => {
    const accessor = document.accessors[index];
    const size = SIZES[accessor.type], Type = ARRAYS[accessor.componentType];
    const { start, stride } = bytesOf(accessor.bufferView);
    const offset = start + (accessor.byteOffset || 0), wide = size * Type.BYTES_PER_ELEMENT;
    const out = new Type(accessor.count * size);
    const source = new Uint8Array(buffer), target = new Uint8Array(out.buffer);
    if (!stride || stride === wide) target.set(source.subarray(offset, offset + accessor.count * wide));
    else for (let k = 0; k < accessor.count; k += 1) target.set(source.subarray(offset + k * stride, offset + k * stride + wide), k * wide);
    if (floats && Type !== Float32Array) return Float32Array.from(out, (value) => value / LIMITS[accessor.componentType]);
    return out;
  };
  const pictureOf = (material) => {
    const texture = material?.pbrMetallicRoughness?.baseColorTexture;
    if (!texture) return null;
    const image = document.images[document.textures[texture.index].source];
    const { start, length } = bytesOf(image.bufferView);
    return new Blob([new Uint8Array(buffer, start, length)], { type: image.mimeType });
  };
  const primitives = document.meshes.flatMap((mesh) => mesh.primitives).filter((one) => (one.mode ?? 4) === 4).map((one) => {
    const material = document.materials?.[one.material] || null;
    const colours = one.attributes.COLOR_0;
    const positions = read(one.attributes.POSITION, false);
    return {
      positions,
      indices: one.indices === undefined ? Uint32Array.from({ length: positions.length / 3 }, (_, k) => k) : Uint32Array.from(read(one.indices, false)),
      uv: one.attributes.TEXCOORD_0 === undefined ? null : read(one.attributes.TEXCOORD_0, true),
      colours: colours === undefined ? null : read(colours, true),
      colourSize: colours === undefined ? 0 : SIZES[document.accessors[colours].type],
      baseColour: material && (material.pbrMetallicRoughness?.baseColorFactor || [1, 1, 1, 1]), // null without a material
      alphaMode: material?.alphaMode || "OPAQUE",
      picture: pictureOf(material),
    };
  });
  if (!primitives.length) throw new Error("the file holds no triangles");
  const extras = document.asset?.extras || {};
  return { unit: "unit" in extras && extras.unit === null ? null : "m", primitives };
}

/** A length in metres, or a fraction of the longest side where there is no unit, in words. */
export function lengthText(length, unit, longest) {
  if (unit === null) return `${(100 * length / longest).toFixed(1)} % of the longest side`;
  if (length < 0.0995) return `${(1000 * length).toPrecision(3)} mm`;
  return length < 1 ? `${(100 * length).toPrecision(3)} cm` : `${length.toPrecision(4)} m`;
}
