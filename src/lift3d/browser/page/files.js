// The model as files: GLB with its texture, and STL.

const JSON_CHUNK = 0x4e4f534a, BIN_CHUNK = 0x004e4942, FLOAT = 5126, UINT = 5125;
const STL_SIDE = 100;
/* Longest side of an STL in millimetres, since a photo does not tell the size. */

/** An ArrayBuffer. positions: z up, turned to y up as the format wants; picture: the bytes of a JPEG. */
export function glb({ positions, indices, uv }, picture, facts) {
  const turned = new Float32Array(positions.length), low = [Infinity, Infinity, Infinity], high = [-Infinity, -Infinity, -Infinity];
  for (let k = 0; k < positions.length; k += 3) {
    turned.set([positions[k], positions[k + 2], -positions[k + 1]], k);
    for (let a = 0; a < 3; a += 1) {
      low[a] = Math.min(low[a], turned[k + a]);
      high[a] = Math.max(high[a], turned[k + a]);
    }
  }
  const parts = [turned, uv, indices, picture].map((one) => new Uint8Array(one.buffer, one.byteOffset, one.byteLength));
  const views = [];
  let length = 0;
  for (const part of parts) {
    views.push({ buffer: 0, byteOffset: length, byteLength: part.length });
    length += part.length + ((4 - part.length % 4) % 4);
  }
  const document = {
    asset: { version: "2.0", generator: "lift3d", extras: { unit: null, ...facts } },
    scene: 0, scenes: [{ nodes: [0] }], nodes: [{ mesh: 0 }],
    meshes: [{ primitives: [{ attributes: { POSITION: 0, TEXCOORD_0: 1 }, indices: 2, material: 0 }] }],
    materials: [{ pbrMetallicRoughness: { baseColorTexture: { index: 0 }, metallicFactor: 0, roughnessFactor: 1 } }],
    textures: [{ source: 0, sampler: 0 }], samplers: [{ magFilter: 9729, minFilter: 9987, wrapS: 33071, wrapT: 33071 }],
    images: [{ bufferView: 3, mimeType: "image/jpeg" }],
    accessors: [
      { bufferView: 0, componentType: FLOAT, count: turned.length / 3, type: "VEC3", min: low, max: high },
      { bufferView: 1, componentType: FLOAT, count: uv.length / 2, type: "VEC2" },
      { bufferView: 2, componentType: UINT, count: indices.length, type: "SCALAR" },
    ],
    bufferViews: views, buffers: [{ byteLength: length }],
  };
  let text = JSON.stringify(document);
  text += " ".repeat((4 - new TextEncoder().encode(text).length % 4) % 4);
  const json = new TextEncoder().encode(text), out = new Uint8Array(12 + 8 + json.length + 8 + length), view = new DataView(out.buffer);
  view.setUint32(0, 0x46546c67, true);
  view.setUint32(4, 2, true);
  view.setUint32(8, out.length, true);
  view.setUint32(12, json.length, true);
  view.setUint32(16, JSON_CHUNK, true);
  out.set(json, 20);
  view.setUint32(20 + json.length, length, true);
  view.setUint32(24 + json.length, BIN_CHUNK, true);
  parts.forEach((part, k) => out.set(part, 28 + json.length + views[k].byteOffset));
  return out.buffer;
}

/** An ArrayBuffer: the triangles, z up, in millimetres with a longest side of STL_SIDE. */
export function stl({ positions, indices }) {
  const low = [Infinity, Infinity, Infinity], high = [-Infinity, -Infinity, -Infinity];
  for (let k = 0; k < positions.length; k += 1) {
    low[k % 3] = Math.min(low[k % 3], positions[k]);
    high[k % 3] = Math.max(high[k % 3], positions[k]);
  }
  const scale = STL_SIDE / Math.max(...high.map((value, a) => value - low[a])), faces = indices.length / 3;
  const out = new DataView(new ArrayBuffer(84 + 50 * faces));
  new Uint8Array(out.buffer).set(new TextEncoder().encode("lift3d, millimetres, the size is not measured"));
  out.setUint32(80, faces, true);
  for (let f = 0; f < faces; f += 1) {
    const p = [0, 1, 2].map((k) => [0, 1, 2].map((a) => (positions[3 * indices[3 * f + k] + a] - (a === 2 ? low[2] : 0)) * scale));
    const e = p[1].map((value, a) => value - p[0][a]), g = p[2].map((value, a) => value - p[0][a]);
    const normal = [e[1] * g[2] - e[2] * g[1], e[2] * g[0] - e[0] * g[2], e[0] * g[1] - e[1] * g[0]], length = Math.hypot(...normal) || 1;
    [normal.map((value) => value / length), ...p].flat().forEach((value, k) => out.setFloat32(84 + 50 * f + 4 * k, value, true));
  }
  return out.buffer;
}
