// The solid: a coarse prediction, sharpened by the predicted visible surface and thickness (geometry/voxels/layer_fusion.py), stood upright.
import { distances, meanOfReflections, resampleCrop, resizeMap, withReflection } from "./pixels.js";
import { MOST_DEPTH, ViewFrame, unit, uprightAxes } from "./frame.js";

const GRID = 64, FINE = 128, LONG = 88, MARGIN = 2;
const ALONG = 0.7;
const FRONT = { gain: 3, scale: 0.04, limit: 5 }, BACK = { gain: 1.7, scale: 0.13, limit: 3 }, BIAS = -1;
const RAMP = 1.5, EDGE_ODDS = 3, LEAST_ODDS = 1.5, INSIDE = 0.5, DEPTH_MARGIN = 1.06, LEAST_RAYS = 8, CLIP = 1e-4;
const DEBRIS = 0.02, BASE_CUT = 0.012, BASE_SLOPE = 0.5;
const STEPS = [[1, 0, 0], [0, 1, 0], [0, 0, 1], [1, 1, 0], [1, 0, 1], [0, 1, 1], [1, 1, 1]];
/* The edges of the tetrahedra in surface.js. */
const clamp = (value, low, high) => Math.min(Math.max(value, low), high);

/** (4, side, side): colours in [-1, 1] over grey and the coverage of the object in a crop of the photo. */
export function cutOut({ data, width, height }, mask, crop, side) {
  const weighted = new Float32Array(4 * mask.length);
  for (let k = 0; k < mask.length; k += 1) {
    if (!mask[k]) continue;
    for (let c = 0; c < 3; c += 1) weighted[4 * k + c] = data[4 * k + c];
    weighted[4 * k + 3] = 255;
  }
  const small = resampleCrop({ data: weighted, width, height }, 4, crop, side, false), out = new Float32Array(4 * side * side);
  for (let k = 0; k < side * side; k += 1) {
    const coverage = small[4 * k + 3] / 255;
    for (let c = 0; c < 3; c += 1) out[c * side * side + k] = 2 * small[4 * k + c] / 255 - coverage;
    out[3 * side * side + k] = coverage;
  }
  return out;
}

/** { field, size, start, step, frame, axes, shift, scale, confidence }: a field that is positive inside the solid, on an upright grid. */
export async function predictSolid(photo, mask, crop, networks) {
  const frame = new ViewFrame(photo.width, photo.height, crop), level = networks.image_to_voxels.card.threshold;
  const side = networks.image_to_voxels.card.side;
  const picture = cutOut(photo, mask, crop, side);
  const found = await networks.image_to_voxels.run({ pictures: [withReflection(picture, 4, side), [2, 1, 4, side, side]] });
  const coarse = smoothedAlongRays(meanOfReflections(found.occupancy, GRID));
  const extent = Math.exp(clamp((found.depth[0] + found.depth[1]) / 2, -4, 4));
  const up = unit([6, 7, 8].map((k, axis) => found.rotation[k] + (axis === 0 ? -1 : 1) * found.rotation[9 + k]));

  const layered = networks.image_to_layers, wide = layered.card.side;
  const layers = await layered.run({ cutout: [withReflection(cutOut(photo, mask, crop, wide), 4, wide), [2, 4, wide, wide]] });
  const half = wide / 2;
  const nearness = meanOfReflections(layers.nearness, half), thickness = meanOfReflections(layers.thickness, half).map(Math.exp);
  const coverage = cutOut(photo, mask, crop, 2 * FINE).slice(3 * 4 * FINE * FINE);
  const fused = fuse(coarse, extent, level, nearness, thickness, half, coverage, MOST_DEPTH / frame.halfWidth);
  frame.setExtent(fused.half);
  return { ...standUpright(fused.occupancy, level, frame, uprightAxes(up)), confidence: confidenceOf(coarse) };
}

/** Smoothed along the rays, the first axis, by a Gaussian. */
export function smoothedAlongRays(values) {
  const kernel = [-3, -2, -1, 0, 1, 2, 3].map((k) => Math.exp(-k * k / (2 * ALONG * ALONG))), sum = kernel.reduce((a, b) => a + b);
  const layer = GRID * GRID, out = new Float32Array(values.length);
  const reflected = (k) => (k < 0 ? -1 - k : k >= GRID ? 2 * GRID - 1 - k : k);
  for (let d = 0; d < GRID; d += 1) {
    for (let t = -3; t <= 3; t += 1) {
      const from = reflected(d + t) * layer, weight = kernel[t + 3] / sum;
      for (let k = 0; k < layer; k += 1) out[d * layer + k] += weight * values[from + k];
    }
  }
  return out;
}

/** 1 minus the mean entropy, in bits, of the voxels that may be occupied. */
function confidenceOf(values) {
  let sum = 0, count = 0;
  for (const value of values) {
    if (value <= 0.05) continue;
    const p = clamp(value, 1e-6, 1 - 1e-6);
    sum += 1 + p * Math.log2(p) + (1 - p) * Math.log2(1 - p);
    count += 1;
  }
  return count ? sum / count : 0;
}

/** { occupancy (FINE^3, axes w v u), half }: the coarse solid, sharpened by the layers (m, m); see layer_fusion.py. */
export function fuse(coarse, extent, level, nearness, thickness, m, coverage, most) {
  const small = resizeMap(coverage, 2 * FINE, m).map((value) => (value > INSIDE ? 1 : 0));
  const { nearest } = distances(small, m, m);
  if (nearest[0] < 0) throw new Error("The object in this photo is too small. Move closer to it.");
  const n = FINE, cell = 2 / n, limit = most / DEPTH_MARGIN;
  const surface = resizeMap(Float32Array.from(nearest, (k) => -nearness[k]), m, n);
  const thick = resizeMap(Float32Array.from(nearest, (k) => thickness[k]), m, n);
  const border = resizeMap(signedDistance(coverage, 2 * n), 2 * n, n);
  const shift = depthShift(coarse, extent, level, resizeMap(surface, n, GRID), resizeMap(coverage, 2 * n, GRID));
  const front = surface.map((value) => clamp(value - shift, -limit, limit - cell)), far = front.map((value, k) => value + Math.max(thick[k], cell));
  let reach = extent / DEPTH_MARGIN;
  for (let k = 0; k < n * n; k += 1) if (border[k] > 0) reach = Math.max(reach, -front[k], far[k]);
  const half = Math.min(reach * DEPTH_MARGIN, most), threshold = Math.log(level / (1 - level));
  const out = new Float32Array(n * n * n), ray = new Float64Array(n);
  for (let j = 0; j < n; j += 1) {
    for (let i = 0; i < n; i += 1) {
      const at = j * n + i, edge = border[at] / (RAMP * cell);
      if (edge <= -1) continue;
      let best = -Infinity;
      for (let k = 0; k < n; k += 1) {
        const s = ((k + 0.5) / n * 2 - 1) * half;
        const p = clamp(along(coarse, (i + 0.5) / n * GRID - 0.5, (j + 0.5) / n * GRID - 0.5, (s / extent + 1) / 2 * GRID - 0.5), CLIP, 1 - CLIP);
        let odds = Math.log(p / (1 - p)) - threshold + BIAS;
        odds += FRONT.gain * clamp((s - front[at]) / FRONT.scale, -FRONT.limit, 1);
        odds += BACK.gain * clamp((far[at] - s) / BACK.scale, -BACK.limit, 1);
        ray[k] = odds;
        best = Math.max(best, odds);
      }
      const more = edge > 0 ? Math.max(LEAST_ODDS - best, 0) : 0;
      for (let k = 0; k < n; k += 1) {
        const odds = edge < 1 ? Math.min(ray[k] + more, EDGE_ODDS * edge) : ray[k] + more;
        out[k * n * n + at] = 1 / (1 + Math.exp(-(odds + threshold)));
      }
    }
  }
  return { occupancy: out, half };
}

/** The coarse occupancy between voxel centres, held beyond its sides but 0 before and behind it. */
function along(values, x, y, z) {
  if (z < 0 || z >= GRID - 1) return 0;
  const k = Math.floor(z), fz = z - k, layer = GRID * GRID;
  const i = clamp(Math.floor(x), 0, GRID - 2), j = clamp(Math.floor(y), 0, GRID - 2), fx = clamp(x - i, 0, 1), fy = clamp(y - j, 0, 1);
  const at = k * layer + j * GRID + i;
  const plane = (start) => (values[start] * (1 - fx) + values[start + 1] * fx) * (1 - fy) + (values[start + GRID] * (1 - fx) + values[start + GRID + 1] * fx) * fy;
  return plane(at) * (1 - fz) + plane(at + layer) * fz;
}

/** Distance to the border of the silhouette in half sides of the square, positive inside; beyond the square is outside. */
function signedDistance(coverage, side) {
  const wide = side + 2, outside = new Uint8Array(wide * wide).fill(1), inside = new Uint8Array(side * side);
  for (let j = 0; j < side; j += 1) {
    for (let i = 0; i < side; i += 1) {
      if (coverage[j * side + i] <= INSIDE) continue;
      outside[(j + 1) * wide + i + 1] = 0;
      inside[j * side + i] = 1;
    }
  }
  const inner = distances(outside, wide, wide).square, outer = distances(inside, side, side).square, out = new Float32Array(side * side);
  for (let j = 0; j < side; j += 1) {
    for (let i = 0; i < side; i += 1) {
      const at = j * side + i;
      out[at] = (inside[at] ? Math.sqrt(inner[(j + 1) * wide + i + 1]) - 0.5 : 0.5 - Math.min(Math.sqrt(outer[at]), side)) * 2 / side;
    }
  }
  return out;
}

/** The median difference in depth between the visible surface and that of the coarse solid. */
function depthShift(coarse, extent, level, front, coverage) {
  const layer = GRID * GRID, found = [];
  for (let k = 0; k < layer; k += 1) {
    if (coverage[k] <= INSIDE) continue;
    for (let d = 0; d < GRID; d += 1) {
      if (coarse[d * layer + k] <= level) continue;
      found.push(front[k] - (d / GRID * 2 - 1) * extent);
      break;
    }
  }
  if (found.length < LEAST_RAYS) return 0;
  found.sort((a, b) => a - b);
  return (found[(found.length - 1) >> 1] + found[found.length >> 1]) / 2;
}

/** The occupancy of the view frame as a field on an upright grid: standing on z = 0 with a flat base, longest side 1. */
export function standUpright(occupancy, level, frame, axes) {
  const n = FINE, low = [Infinity, Infinity, Infinity], high = [-Infinity, -Infinity, -Infinity];
  const full = occupancy.map((value) => (value > level ? 1 : 0));
  removeDebris(full, [n, n, n]);
  for (let d = 0, at = 0; d < n; d += 1) {
    for (let j = 0; j < n; j += 1) {
      for (let i = 0; i < n; i += 1, at += 1) {
        if (!full[at]) {
          occupancy[at] = Math.min(occupancy[at], level * 0.999);
          continue;
        }
        for (let c = 0; c < 8; c += 1) {
          const p = frame.unproject((i + (c & 1)) / n * 2 - 1, (j + ((c >> 1) & 1)) / n * 2 - 1, (d + (c >> 2)) / n * 2 - 1);
          for (let a = 0; a < 3; a += 1) {
            const value = axes[a][0] * p[0] + axes[a][1] * p[1] + axes[a][2] * p[2];
            low[a] = Math.min(low[a], value);
            high[a] = Math.max(high[a], value);
          }
        }
      }
    }
  }
  if (low[0] === Infinity) throw new Error("No solid was recognised. Take a photo that shows the whole object from a corner.");
  const scale = 1 / Math.max(...high.map((value, a) => value - low[a])), step = 1 / LONG;
  const shift = [-(low[0] + high[0]) / 2 * scale, -(low[1] + high[1]) / 2 * scale, -low[2] * scale];
  const size = low.map((value, a) => Math.ceil((high[a] - value) * scale / step) + 2 * MARGIN);
  const start = low.map((value, a) => value * scale + shift[a] + step / 2 - MARGIN * step);
  const field = new Float32Array(size[0] * size[1] * size[2]);
  for (let x = 0, at = 0; x < size[0]; x += 1) {
    for (let y = 0; y < size[1]; y += 1) {
      for (let z = 0; z < size[2]; z += 1, at += 1) {
        const height = start[2] + z * step - BASE_CUT;
        const p = toView([start[0] + x * step, start[1] + y * step, start[2] + z * step], { axes, shift, scale });
        const [u, v, w] = frame.project(p[0], p[1], p[2]);
        const value = sample(occupancy, n, (u + 1) / 2 * n - 0.5, (v + 1) / 2 * n - 0.5, (w + 1) / 2 * n - 0.5);
        field[at] = Math.min(value - level, height / step * BASE_SLOPE);
      }
    }
  }
  const kept = field.map((value) => (value > 0 ? 1 : 0));
  removeDebris(kept, size, true);
  for (let k = 0; k < field.length; k += 1) if (!kept[k] && field[k] > 0) field[k] = -1e-3;
  fillHollows(field, kept, size);
  return { field, size, start, step, frame, axes, shift, scale };
}

/** Make the field positive in closed hollows: empty space that is not connected with the border of the grid. */
function fillHollows(field, kept, [a, b, c]) {
  const outside = new Uint8Array(field.length), stack = [];
  const visit = (x, y, z) => {
    const at = (x * b + y) * c + z;
    if (x < 0 || y < 0 || z < 0 || x >= a || y >= b || z >= c || kept[at] || outside[at]) return;
    outside[at] = 1;
    stack.push(at);
  };
  visit(0, 0, 0); // the border is empty, and connected
  while (stack.length) {
    const at = stack.pop(), z = at % c, y = Math.floor(at / c) % b, x = Math.floor(at / (b * c));
    // over the edges of the tetrahedra in surface.js, so that what remains is closed there as well
    for (const [i, j, k] of STEPS) {
      visit(x + i, y + j, z + k);
      visit(x - i, y - j, z - k);
    }
  }
  for (let k = 0; k < field.length; k += 1) if (!kept[k] && !outside[k]) field[k] = 1e-3;
}

/** A point of the upright frame in the view frame. */
export function toView(p, { axes, shift, scale }) {
  const q = p.map((value, a) => (value - shift[a]) / scale);
  return [0, 1, 2].map((c) => axes[0][c] * q[0] + axes[1][c] * q[1] + axes[2][c] * q[2]);
}

function sample(values, n, x, y, z) {
  const i = Math.floor(x), j = Math.floor(y), k = Math.floor(z);
  if (i < -1 || j < -1 || k < -1 || i >= n || j >= n || k >= n) return 0;
  const fx = x - i, fy = y - j, fz = z - k;
  let sum = 0;
  for (let c = 0; c < 8; c += 1) {
    const a = i + (c & 1), b = j + ((c >> 1) & 1), d = k + (c >> 2);
    if (a < 0 || b < 0 || d < 0 || a >= n || b >= n || d >= n) continue;
    sum += values[(d * n + b) * n + a] * (c & 1 ? fx : 1 - fx) * ((c >> 1) & 1 ? fy : 1 - fy) * (c >> 2 ? fz : 1 - fz);
  }
  return sum;
}

/** Clear the components below DEBRIS of the size of the largest. tetrahedral: connected over the edges of the tetrahedra in surface.js,
 * else over all 26 neighbours. */
function removeDebris(full, [a, b, c], tetrahedral = false) {
  const labels = new Int32Array(full.length), sizes = [0], stack = [];
  for (let start = 0; start < full.length; start += 1) {
    if (!full[start] || labels[start]) continue;
    const label = sizes.push(0) - 1;
    labels[start] = label;
    stack.push(start);
    while (stack.length) {
      const at = stack.pop(), z = at % c, y = Math.floor(at / c) % b, x = Math.floor(at / (b * c));
      sizes[label] += 1;
      for (let i = Math.max(x - 1, 0); i <= Math.min(x + 1, a - 1); i += 1) {
        for (let j = Math.max(y - 1, 0); j <= Math.min(y + 1, b - 1); j += 1) {
          for (let k = Math.max(z - 1, 0); k <= Math.min(z + 1, c - 1); k += 1) {
            const other = (i * b + j) * c + k;
            if (!full[other] || labels[other]) continue;
            if (tetrahedral && Math.max(i - x, j - y, k - z) > 0 && Math.min(i - x, j - y, k - z) < 0) continue;
            labels[other] = label;
            stack.push(other);
          }
        }
      }
    }
  }
  const least = DEBRIS * Math.max(...sizes);
  for (let k = 0; k < full.length; k += 1) if (labels[k] && sizes[labels[k]] < least) full[k] = 0;
}
