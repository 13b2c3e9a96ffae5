// Pictures and maps as flat arrays in rows: { data, width, height } with channels interleaved.

/** The triangle-filtered weights with which one output pixel sums input pixels (Pillow's bilinear resize, which averages when it reduces). */
function taps(start, end, size) {
  const scale = (end - start) / size, wide = Math.max(scale, 1);
  const low = Math.floor(start), high = Math.ceil(end), out = [];
  for (let k = 0; k < size; k += 1) {
    const centre = start + (k + 0.5) * scale;
    const first = Math.max(Math.floor(centre - wide + 0.5), low), last = Math.min(Math.floor(centre + wide + 0.5), high);
    const weights = [];
    let sum = 0;
    for (let at = first; at < last; at += 1) {
      const weight = Math.max(0, 1 - Math.abs((at - centre + 0.5) / wide));
      weights.push(weight);
      sum += weight;
    }
    out.push({ first, weights: weights.map((one) => one / sum) });
  }
  return out;
}

/** (size, size, channels) Float32Array: the square of a picture around (x, y), resampled. Outside, its border is repeated, or all is 0. */
export function resampleCrop({ data, width, height }, channels, crop, size, repeat = true) {
  const across = taps(crop.x - crop.half, crop.x + crop.half, size), down = taps(crop.y - crop.half, crop.y + crop.half, size);
  const top = Math.floor(crop.y - crop.half), rows = Math.ceil(crop.y + crop.half) - top;
  const wide = new Float32Array(rows * size * channels), out = new Float32Array(size * size * channels);
  for (let r = 0; r < rows; r += 1) {
    const y = top + r;
    if (!repeat && (y < 0 || y >= height)) continue;
    const row = Math.min(Math.max(y, 0), height - 1) * width;
    for (let k = 0; k < size; k += 1) {
      const { first, weights } = across[k];
      for (let t = 0; t < weights.length; t += 1) {
        const x = first + t;
        if (!repeat && (x < 0 || x >= width)) continue;
        const from = (row + Math.min(Math.max(x, 0), width - 1)) * channels, to = (r * size + k) * channels;
        for (let c = 0; c < channels; c += 1) wide[to + c] += weights[t] * data[from + c];
      }
    }
  }
  for (let k = 0; k < size; k += 1) {
    const { first, weights } = down[k];
    for (let t = 0; t < weights.length; t += 1) {
      const from = (first - top + t) * size * channels, to = k * size * channels;
      for (let c = 0; c < size * channels; c += 1) out[to + c] += weights[t] * wide[from + c];
    }
  }
  return out;
}

/** Value of a map at a position between pixel centres; outside: 0 if `zero`, else that of the border. */
export function bilinear(map, width, height, x, y, zero) {
  const x0 = Math.floor(x), y0 = Math.floor(y), fx = x - x0, fy = y - y0;
  const at = (i, j) => {
    if (i < 0 || j < 0 || i >= width || j >= height) {
      if (zero) return 0;
      return map[Math.min(Math.max(j, 0), height - 1) * width + Math.min(Math.max(i, 0), width - 1)];
    }
    return map[j * width + i];
  };
  return (at(x0, y0) * (1 - fx) + at(x0 + 1, y0) * fx) * (1 - fy) + (at(x0, y0 + 1) * (1 - fx) + at(x0 + 1, y0 + 1) * fx) * fy;
}

/** A map (side, side) of a crop in the pixels of the photo; 0 outside the crop. */
export function pasteCrop(map, side, crop, width, height) {
  const out = new Float32Array(width * height), scale = side / (2 * crop.half);
  for (let y = 0; y < height; y += 1) {
    for (let x = 0; x < width; x += 1) {
      const u = (x + 0.5 - crop.x + crop.half) * scale - 0.5, v = (y + 0.5 - crop.y + crop.half) * scale - 0.5;
      if (u > -1 && v > -1 && u < side && v < side) out[y * width + x] = bilinear(map, side, side, u, v, true);
    }
  }
  return out;
}

/** The part of a map of the photo that a crop covers, (side, side); 0 outside the photo. */
export function cropOf(map, width, height, crop, side) {
  const out = new Float32Array(side * side), step = 2 * crop.half / side;
  for (let j = 0; j < side; j += 1) {
    for (let i = 0; i < side; i += 1) {
      out[j * side + i] = bilinear(map, width, height, crop.x - crop.half + (i + 0.5) * step - 0.5, crop.y - crop.half + (j + 0.5) * step - 0.5, true);
    }
  }
  return out;
}

/** A square map resampled to another side, with the half-pixel rule. */
export function resizeMap(map, from, to) {
  const out = new Float32Array(to * to), step = from / to;
  for (let j = 0; j < to; j += 1) {
    for (let i = 0; i < to; i += 1) out[j * to + i] = bilinear(map, from, from, (i + 0.5) * step - 0.5, (j + 0.5) * step - 0.5, false);
  }
  return out;
}

/** The square around the pixels of a mask, `margin` times as large; null for an empty mask. */
export function squareCrop(mask, width, height, margin) {
  let left = width, right = -1, top = height, bottom = -1;
  for (let y = 0; y < height; y += 1) {
    for (let x = 0; x < width; x += 1) {
      if (!mask[y * width + x]) continue;
      left = Math.min(left, x);
      right = Math.max(right, x + 1);
      top = Math.min(top, y);
      bottom = Math.max(bottom, y + 1);
    }
  }
  if (right < 0) return null;
  return { x: (left + right) / 2, y: (top + bottom) / 2, half: Math.max(Math.max(right - left, bottom - top) / 2 * margin, 1) };
}

/** Connected regions over edges: { labels (Int32Array, 0 outside), sizes (sizes[label]) }. */
export function regions(mask, width, height) {
  const labels = new Int32Array(mask.length), sizes = [0], stack = [];
  for (let start = 0; start < mask.length; start += 1) {
    if (!mask[start] || labels[start]) continue;
    const label = sizes.push(0) - 1;
    labels[start] = label;
    stack.push(start);
    while (stack.length) {
      const at = stack.pop(), x = at % width, y = (at - x) / width;
      sizes[label] += 1;
      for (const other of [x > 0 ? at - 1 : -1, x < width - 1 ? at + 1 : -1, y > 0 ? at - width : -1, y < height - 1 ? at + width : -1]) {
        if (other >= 0 && mask[other] && !labels[other]) {
          labels[other] = label;
          stack.push(other);
        }
      }
    }
  }
  return { labels, sizes };
}

/** Of each pixel of a map the squared distance to the nearest pixel where `mask` is set, and its index (Felzenszwalb & Huttenlocher 2012). */
export function distances(mask, width, height) {
  const square = new Float64Array(mask.length), nearest = new Int32Array(mask.length).fill(-1);
  for (let x = 0; x < width; x += 1) {
    let last = -1;
    for (let y = 0; y < height; y += 1) {
      if (mask[y * width + x]) last = y;
      nearest[y * width + x] = last;
    }
    last = -1;
    for (let y = height - 1; y >= 0; y -= 1) {
      const at = y * width + x;
      if (mask[at]) last = y;
      if (last >= 0 && (nearest[at] < 0 || last - y < y - nearest[at])) nearest[at] = last;
      square[at] = nearest[at] < 0 ? Infinity : (nearest[at] - y) ** 2;
    }
  }
  const found = new Int32Array(mask.length), out = new Float64Array(mask.length);
  const hull = new Int32Array(width), from = new Float64Array(width + 1);
  for (let y = 0; y < height; y += 1) {
    const row = y * width;
    let count = 0;
    for (let x = 0; x < width; x += 1) {
      if (square[row + x] === Infinity) continue;
      let start = -Infinity;
      while (count) {
        const other = hull[count - 1];
        start = (square[row + x] + x * x - square[row + other] - other * other) / (2 * (x - other));
        if (start > from[count - 1]) break;
        count -= 1;
      }
      from[count] = count ? start : -Infinity;
      hull[count] = x;
      count += 1;
    }
    for (let x = 0, k = 0; x < width; x += 1) {
      if (!count) {
        out[row + x] = Infinity;
        found[row + x] = -1;
        continue;
      }
      while (k + 1 < count && from[k + 1] < x) k += 1;
      const other = hull[k];
      out[row + x] = (x - other) ** 2 + square[row + other];
      found[row + x] = nearest[row + other] * width + other;
    }
  }
  return { square: out, nearest: found };
}

/** A map blurred by three passes of a mean over 2 radius + 1 pixels in both directions, close to a Gaussian. */
export function blurred(map, width, height, radius) {
  let now = map;
  for (let pass = 0; pass < 3; pass += 1) now = boxMean(boxMean(now, width, height, radius, 1, width), height, width, radius, width, 1);
  return now;
}

function boxMean(map, count, lines, radius, step, next) {
  const out = new Float32Array(map.length), area = 2 * radius + 1;
  for (let line = 0; line < lines; line += 1) {
    const start = line * next;
    let sum = 0;
    for (let k = -radius; k <= radius; k += 1) sum += map[start + Math.min(Math.max(k, 0), count - 1) * step];
    for (let k = 0; k < count; k += 1) {
      out[start + k * step] = sum / area;
      sum += map[start + Math.min(k + radius + 1, count - 1) * step] - map[start + Math.max(k - radius, 0) * step];
    }
  }
  return out;
}

/** A picture (channels, side, side) and its reflection, one after the other: the input of networks whose answers are averaged over both. */
export function withReflection(picture, channels, side) {
  const out = new Float32Array(2 * picture.length);
  out.set(picture);
  for (let row = 0; row < channels * side; row += 1) {
    for (let x = 0; x < side; x += 1) out[picture.length + row * side + x] = picture[row * side + side - 1 - x];
  }
  return out;
}

/** The mean of a map and of the reflection of the map of the reflected picture. */
export function meanOfReflections(pair, side) {
  const count = pair.length / 2, out = new Float32Array(count);
  for (let row = 0; row < count / side; row += 1) {
    for (let x = 0; x < side; x += 1) out[row * side + x] = (pair[row * side + x] + pair[count + row * side + side - 1 - x]) / 2;
  }
  return out;
}
