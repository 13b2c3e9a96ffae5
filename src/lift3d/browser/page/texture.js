// Colours of the solid: the photo on what it shows, a soft copy of it on the rest.
import { bilinear, blurred, distances, resampleCrop, resizeMap } from "./pixels.js";
import { cross, dot } from "./frame.js";
import { toView } from "./solid.js";

const MOST = 1024, DEPTH_MAP = 512, TOLERANCE = 0.02, FACING = 0.12, RIM = 2, SOFT = 0.06;

/** { positions, indices, uv, picture { data, width, height } }: vertices are doubled where both copies of the photo are used. */
export function texture({ positions, indices }, solid, photo, mask) {
  const { frame } = solid, count = positions.length / 3;
  const view = new Float32Array(positions.length), cell = new Float32Array(2 * count);
  for (let k = 0; k < count; k += 1) {
    const p = toView([positions[3 * k], positions[3 * k + 1], positions[3 * k + 2]], solid), [u, v] = frame.project(p[0], p[1], p[2]);
    view.set(p, 3 * k);
    cell[2 * k] = u;
    cell[2 * k + 1] = v;
  }
  const shown = shownFaces(view, cell, indices);
  const copies = new Int32Array(2 * count).fill(-1), outPositions = [], uv = [], out = new Uint32Array(indices.length);
  for (let k = 0; k < indices.length; k += 1) {
    const vertex = indices[k], copy = shown[Math.floor(k / 3)] ? 0 : 1;
    if (copies[2 * vertex + copy] < 0) {
      copies[2 * vertex + copy] = outPositions.length / 3;
      outPositions.push(positions[3 * vertex], positions[3 * vertex + 1], positions[3 * vertex + 2]);
      const across = Math.min(Math.max((cell[2 * vertex] + 1) / 2, 0.002), 0.998), down = Math.min(Math.max((cell[2 * vertex + 1] + 1) / 2, 0.002), 0.998);
      uv.push((across + copy) / 2, down);
    }
    out[k] = copies[2 * vertex + copy];
  }
  return { positions: Float32Array.from(outPositions), indices: out, uv: Float32Array.from(uv), picture: atlas(photo, mask, frame.crop) };
}

/** Of each face whether the photo shows it: it faces the camera, and nothing is before it. */
function shownFaces(view, cell, indices) {
  const depth = new Float32Array(DEPTH_MAP * DEPTH_MAP).fill(Infinity), faces = indices.length / 3, out = new Uint8Array(faces);
  const pixel = (vertex, axis) => (cell[2 * vertex + axis] + 1) / 2 * DEPTH_MAP - 0.5;
  for (let f = 0; f < faces; f += 1) {
    const [a, b, c] = indices.subarray(3 * f, 3 * f + 3), x = [a, b, c].map((one) => pixel(one, 0)), y = [a, b, c].map((one) => pixel(one, 1));
    const area = (x[1] - x[0]) * (y[2] - y[0]) - (x[2] - x[0]) * (y[1] - y[0]);
    if (Math.abs(area) < 1e-9) continue;
    for (let j = Math.max(Math.ceil(Math.min(...y)), 0); j <= Math.min(Math.max(...y), DEPTH_MAP - 1); j += 1) {
      for (let i = Math.max(Math.ceil(Math.min(...x)), 0); i <= Math.min(Math.max(...x), DEPTH_MAP - 1); i += 1) {
        const q = ((i - x[0]) * (y[2] - y[0]) - (x[2] - x[0]) * (j - y[0])) / area, r = ((x[1] - x[0]) * (j - y[0]) - (i - x[0]) * (y[1] - y[0])) / area;
        if (q < 0 || r < 0 || q + r > 1) continue;
        const z = view[3 * a + 2] * (1 - q - r) + view[3 * b + 2] * q + view[3 * c + 2] * r;
        if (z < depth[j * DEPTH_MAP + i]) depth[j * DEPTH_MAP + i] = z;
      }
    }
  }
  for (let f = 0; f < faces; f += 1) {
    const corners = [...indices.subarray(3 * f, 3 * f + 3)], [p, q, r] = corners.map((one) => [view[3 * one], view[3 * one + 1], view[3 * one + 2]]);
    const normal = cross(q.map((value, k) => value - p[k]), r.map((value, k) => value - p[k])), length = Math.hypot(...normal) * Math.hypot(...p);
    if (length === 0 || -dot(normal, p) / length < FACING) continue;
    const middle = (axis) => corners.reduce((sum, one) => sum + pixel(one, axis), 0) / 3;
    const i = Math.round(middle(0)), j = Math.round(middle(1));
    if (i < 0 || j < 0 || i >= DEPTH_MAP || j >= DEPTH_MAP) continue;
    out[f] = (p[2] + q[2] + r[2]) / 3 <= depth[j * DEPTH_MAP + i] + TOLERANCE ? 1 : 0;
  }
  return out;
}

/** RGBA: on the left the crop of the photo, whose colours are continued beyond the object, on the right the same, soft. */
function atlas({ data, width, height }, mask, crop) {
  const side = Math.min(MOST, Math.max(64, Math.ceil(2 * crop.half))), area = side * side;
  const weighted = new Float32Array(4 * mask.length);
  for (let k = 0; k < mask.length; k += 1) {
    if (!mask[k]) continue;
    for (let c = 0; c < 3; c += 1) weighted[4 * k + c] = data[4 * k + c];
    weighted[4 * k + 3] = 1;
  }
  const small = resampleCrop({ data: weighted, width, height }, 4, crop, side, false);
  const beside = new Uint8Array(area), inner = new Uint8Array(area), inside = new Uint8Array(area);
  for (let k = 0; k < area; k += 1) beside[k] = small[4 * k + 3] < 0.999 ? 1 : 0;
  const toEdge = distances(beside, side, side).square;
  for (let k = 0; k < area; k += 1) {
    inside[k] = small[4 * k + 3] > 0.5 ? 1 : 0;
    inner[k] = toEdge[k] > RIM * RIM ? 1 : 0;
  }
  const { nearest } = distances(inner.includes(1) ? inner : inside, side, side);
  const coarse = Math.min(256, side), radius = Math.max(1, Math.round(SOFT * coarse));
  const spread = (map) => blurred(resizeMap(map, side, coarse), coarse, coarse, radius);
  const weight = spread(Float32Array.from(inside)), soft = [0, 1, 2].map((c) => spread(Float32Array.from(inside, (value, k) => value * small[4 * k + c])));
  const out = new Uint8ClampedArray(8 * area);
  for (let j = 0; j < side; j += 1) {
    for (let i = 0; i < side; i += 1) {
      const from = nearest[j * side + i], left = 4 * (j * 2 * side + i), right = left + 4 * side;
      const x = (i + 0.5) * coarse / side - 0.5, y = (j + 0.5) * coarse / side - 0.5, full = Math.max(bilinear(weight, coarse, coarse, x, y, false), 1e-6);
      for (let c = 0; c < 3; c += 1) {
        out[left + c] = from < 0 ? 128 : small[4 * from + c] / small[4 * from + 3];
        out[right + c] = bilinear(soft[c], coarse, coarse, x, y, false) / full;
      }
      out[left + 3] = out[right + 3] = 255;
    }
  }
  return { data: out, width: 2 * side, height: side };
}
