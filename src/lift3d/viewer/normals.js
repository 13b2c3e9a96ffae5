// Normals that are smooth across texture seams and sharp at creases.

const SHARP = Math.cos((40 * Math.PI) / 180);
/* Faces that meet at a larger angle are shaded apart. */
const MOST_FACES = 64;
/* Where more faces meet at a position, such as the tip of a cone, all of them count; the comparison would take too long. */

/** The number of the position of each vertex: vertices at the same position have the same one. */
function positionNumbers(positions) {
  const count = positions.length / 3;
  const bits = new Int32Array(Float32Array.from(positions, (value) => value + 0).buffer); // -0 becomes 0
  let size = 1;
  while (size < 2 * count) size *= 2;
  const table = new Int32Array(size).fill(-1);
  const numbers = new Uint32Array(count);
  let used = 0;
  for (let v = 0; v < count; v += 1) {
    const x = bits[3 * v], y = bits[3 * v + 1], z = bits[3 * v + 2];
    let hash = Math.imul(x, 0x9e3779b1) ^ Math.imul(y, 0x85ebca6b) ^ Math.imul(z, 0xc2b2ae35);
    hash = Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d);
    for (let slot = (hash ^ (hash >>> 13)) & (size - 1); ; slot = (slot + 1) & (size - 1)) {
      const other = table[slot];
      if (other < 0) {
        table[slot] = v;
        numbers[v] = used;
        used += 1;
        break;
      }
      if (bits[3 * other] === x && bits[3 * other + 1] === y && bits[3 * other + 2] === z) {
        numbers[v] = numbers[other];
        break;
      }
    }
  }
  return { numbers, used };
}

/** The cross product of two sides of each triangle, and its length. */
function faceNormals(positions, indices) {
  const faces = indices.length / 3;
  const cross = new Float32Array(3 * faces), length = new Float32Array(faces);
  for (let f = 0; f < faces; f += 1) {
    const a = 3 * indices[3 * f], b = 3 * indices[3 * f + 1], c = 3 * indices[3 * f + 2];
    const ux = positions[b] - positions[a], uy = positions[b + 1] - positions[a + 1], uz = positions[b + 2] - positions[a + 2];
    const vx = positions[c] - positions[a], vy = positions[c + 1] - positions[a + 1], vz = positions[c + 2] - positions[a + 2];
    const x = uy * vz - uz * vy, y = uz * vx - ux * vz, z = ux * vy - uy * vx;
    cross[3 * f] = x; cross[3 * f + 1] = y; cross[3 * f + 2] = z;
    length[f] = Math.sqrt(x * x + y * y + z * z);
  }
  return { cross, length };
}

/**
 * Vertices with normals, more than there were where faces meet at a crease.
 * Returns { source, normals, indices }: the vertex that each new one is a copy of, its normal, and the triangles.
 */
export function creasedNormals(positions, indices) {
  const faces = indices.length / 3;
  const { numbers, used } = positionNumbers(positions);
  const { cross, length } = faceNormals(positions, indices);
  const first = new Uint32Array(used + 1), around = new Uint32Array(indices.length);
  for (const vertex of indices) first[numbers[vertex] + 1] += 1;
  for (let n = 0; n < used; n += 1) first[n + 1] += first[n];
  const next = first.slice();
  for (let k = 0; k < indices.length; k += 1) {
    const number = numbers[indices[k]];
    around[next[number]] = (k / 3) | 0;
    next[number] += 1;
  }
  const source = new Uint32Array(indices.length), normals = new Float32Array(3 * indices.length), sorted = new Uint32Array(indices.length);
  const latest = new Int32Array(positions.length / 3).fill(-1), earlier = new Int32Array(indices.length);
  let made = 0;
  for (let f = 0; f < faces; f += 1) {
    for (let corner = 3 * f; corner < 3 * f + 3; corner += 1) {
      const vertex = indices[corner], from = first[numbers[vertex]], to = first[numbers[vertex] + 1];
      const all = length[f] === 0 || to - from > MOST_FACES;
      let x = 0, y = 0, z = 0;
      for (let k = from; k < to; k += 1) {
        const other = around[k], a = 3 * f, b = 3 * other;
        const dot = cross[a] * cross[b] + cross[a + 1] * cross[b + 1] + cross[a + 2] * cross[b + 2];
        if (!all && dot < SHARP * length[f] * length[other]) continue;
        x += cross[b]; y += cross[b + 1]; z += cross[b + 2];
      }
      const size = Math.sqrt(x * x + y * y + z * z) || 1;
      x /= size; y /= size; z /= size;
      let copy = latest[vertex];
      while (copy >= 0 && x * normals[3 * copy] + y * normals[3 * copy + 1] + z * normals[3 * copy + 2] < 0.9999) copy = earlier[copy];
      if (copy < 0) {
        copy = made;
        made += 1;
        source[copy] = vertex;
        normals[3 * copy] = x; normals[3 * copy + 1] = y; normals[3 * copy + 2] = z;
        earlier[copy] = latest[vertex];
        latest[vertex] = copy;
      }
      sorted[corner] = copy;
    }
  }
  return { source: source.slice(0, made), normals: normals.slice(0, 3 * made), indices: sorted };
}

/** The rows of an array of vertices that belong to `source`. size: numbers in a row. */
export function rowsOf(values, size, source) {
  const rows = new values.constructor(size * source.length);
  for (let k = 0; k < source.length; k += 1) for (let i = 0; i < size; i += 1) rows[size * k + i] = values[size * source[k] + i];
  return rows;
}
