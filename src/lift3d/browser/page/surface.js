// The surface of a field where it is zero, by marching tetrahedra (Doi & Koide 1991): closed, oriented, without self-intersections.

const PATHS = [[[0, 1, 2], 1], [[1, 2, 0], 1], [[2, 0, 1], 1], [[0, 2, 1], -1], [[2, 1, 0], -1], [[1, 0, 2], -1]];
/* The tetrahedra of a cube: orders in which a path from one corner to the opposite one takes the axes, and their orientations. */
const ONE = [[0, 1, 2, 3], [1, 0, 3, 2], [2, 3, 0, 1], [3, 2, 1, 0]];
const TWO = { 3: [0, 1, 2, 3], 5: [0, 2, 3, 1], 9: [0, 3, 1, 2], 6: [1, 2, 0, 3], 10: [1, 3, 2, 0], 12: [2, 3, 0, 1] };
/* Corners in even permutations: first those that are inside (with three: the one that is outside). */
const LEAST = 0.03;
/* Least distance of a vertex from a grid point, in grid edges. */

/** { positions (3 N), indices (3 F) } of a field on a grid, its last axis the fastest; its outermost points must not be positive. */
export function surfaceOf({ field, size, start, step }) {
  const [a, b, c] = size, offsets = [b * c, c, 1];
  const vertexOf = new Map(), positions = [], indices = [];
  const vertex = (p, q) => {
    const low = Math.min(p, q), high = Math.max(p, q), key = low * 8 + directionOf(high - low, offsets);
    let found = vertexOf.get(key);
    if (found === undefined) {
      const t = Math.min(Math.max(field[low] / (field[low] - field[high]), LEAST), 1 - LEAST);
      const [x, y, z] = [Math.floor(low / (b * c)), Math.floor(low / c) % b, low % c];
      const d = directionOf(high - low, offsets);
      found = positions.length / 3;
      positions.push(start[0] + step * (x + t * (d & 1)), start[1] + step * (y + t * ((d >> 1) & 1)), start[2] + step * (z + t * (d >> 2)));
      vertexOf.set(key, found);
    }
    return found;
  };
  const corner = new Int32Array(4);
  const triangle = (p, q, r, sign) => { if (sign > 0) indices.push(p, q, r); else indices.push(p, r, q); };
  for (let x = 0; x < a - 1; x += 1) {
    for (let y = 0; y < b - 1; y += 1) {
      for (let z = 0; z < c - 1; z += 1) {
        const origin = (x * b + y) * c + z;
        let inside = 0;
        for (let k = 0; k < 8; k += 1) inside += field[origin + (k & 1) * offsets[0] + ((k >> 1) & 1) * offsets[1] + (k >> 2)] > 0 ? 1 : 0;
        if (inside === 0 || inside === 8) continue;
        for (const [order, sign] of PATHS) {
          corner[0] = origin;
          for (let k = 0; k < 3; k += 1) corner[k + 1] = corner[k] + offsets[order[k]];
          let code = 0, count = 0;
          for (let k = 0; k < 4; k += 1) if (field[corner[k]] > 0) { code |= 1 << k; count += 1; }
          if (count === 1 || count === 3) {
            const [i, j, k, l] = ONE[Math.log2(count === 1 ? code : 15 - code)].map((one) => corner[one]);
            triangle(vertex(i, j), vertex(i, k), vertex(i, l), count === 1 ? sign : -sign);
          } else if (count === 2) {
            const [i, j, k, l] = TWO[code].map((one) => corner[one]);
            const quad = [vertex(i, k), vertex(i, l), vertex(j, l), vertex(j, k)];
            triangle(quad[0], quad[1], quad[2], sign);
            triangle(quad[0], quad[2], quad[3], sign);
          }
        }
      }
    }
  }
  return { positions: Float32Array.from(positions), indices: Uint32Array.from(indices) };
}

/** The direction of an edge of the grid as bits: 1 along x, 2 along y, 4 along z. */
function directionOf(difference, [dx, dy]) {
  const x = difference >= dx ? 1 : 0, rest = difference - x * dx, y = rest >= dy ? 1 : 0;
  return x + 2 * y + 4 * (rest - y * dy);
}
