// The object in a photo: the network on the whole photo, then on two closer crops (maps/image_to_mask.py without its refinement of edges).
import { cropOf, meanOfReflections, pasteCrop, regions, resampleCrop, resizeMap, squareCrop, withReflection } from "./pixels.js";

const MEAN = 127, SCALE = 128, PROMPTS = 5;
const CROPS = [1.5, 1.2];
const LEAST_AREA = 0.004, LEAST_PEAK = 0.75, SMALL_HOLES = 0.01, OTHER = 0.15;
const OPAQUE = 128, TRANSPARENT_PART = 0.02;

/** { mask, others } of a photo { data (RGBA), width, height }; others: how many other objects there are. Throws an Error where nothing stands out. */
export async function findObject(photo, network) {
  const given = transparency(photo);
  if (given) return { mask: given, others: 0 };
  const { width, height } = photo, side = network.card.side, level = network.card.threshold;
  const whole = { x: width / 2, y: height / 2, half: Math.max(width, height) / 2 };
  const first = pasteCrop(await look(photo, whole, side, network), side, whole, width, height);
  const { mask: rough, others } = largest(first, level, width, height);
  let area = 0, peak = 0;
  for (let k = 0; k < rough.length; k += 1) {
    if (!rough[k]) continue;
    area += 1;
    peak = Math.max(peak, first[k]);
  }
  if (area < LEAST_AREA * rough.length || peak < LEAST_PEAK) throw new Error("No single object stands out in this photo. Let it fill half of the photo, before a calm background.");
  const near = squareCrop(rough, width, height, CROPS[0]);
  const total = cropOf(first, width, height, near, side), weight = new Float32Array(side * side).fill(1);
  for (const wider of CROPS) {
    const inner = Math.round(side * wider / CROPS[0]), start = (side - inner) >> 1;
    const map = resizeMap(await look(photo, { ...near, half: near.half * wider / CROPS[0] }, side, network), side, inner);
    for (let j = 0; j < inner; j += 1) {
      for (let i = 0; i < inner; i += 1) {
        total[(start + j) * side + start + i] += map[j * inner + i];
        weight[(start + j) * side + start + i] += 1;
      }
    }
  }
  const { mask } = largest(pasteCrop(total.map((value, k) => value / weight[k]), side, near, width, height), level, width, height);
  fillSmallHoles(mask, width, height);
  return { mask, others };
}

async function look(photo, crop, side, network) {
  const pixels = resampleCrop(photo, 4, crop, side), picture = new Float32Array((3 + PROMPTS) * side * side);
  for (let k = 0; k < side * side; k += 1) {
    for (let c = 0; c < 3; c += 1) picture[c * side * side + k] = (Math.round(pixels[4 * k + c]) - MEAN) / SCALE;
  }
  const channels = 3 + PROMPTS;
  const { probability } = await network.run({ image: [withReflection(picture, channels, side), [2, channels, side, side]] });
  return meanOfReflections(probability, side);
}

/** The mask that transparency gives, or null for a photo without. */
function transparency({ data, width, height }) {
  const mask = new Uint8Array(width * height);
  let full = 0;
  for (let k = 0; k < mask.length; k += 1) full += (mask[k] = data[4 * k + 3] >= OPAQUE ? 1 : 0);
  return full > 0 && full < (1 - TRANSPARENT_PART) * mask.length ? mask : null;
}

function largest(probability, level, width, height) {
  const { labels, sizes } = regions(probability.map((value) => (value > level ? 1 : 0)), width, height);
  let best = 1;
  for (let k = 2; k < sizes.length; k += 1) if (sizes[k] > sizes[best]) best = k;
  const mask = Uint8Array.from(labels, (label) => (label === best ? 1 : 0));
  return { mask, others: sizes.filter((size) => size >= OTHER * (sizes[best] || 1)).length - 1 };
}

function fillSmallHoles(mask, width, height) {
  const { labels, sizes } = regions(mask.map((value) => 1 - value), width, height);
  const outer = new Set();
  for (let x = 0; x < width; x += 1) outer.add(labels[x]).add(labels[(height - 1) * width + x]);
  for (let y = 0; y < height; y += 1) outer.add(labels[y * width]).add(labels[y * width + width - 1]);
  const area = mask.reduce((sum, value) => sum + value, 0);
  const holes = sizes.reduce((sum, size, label) => sum + (label && !outer.has(label) ? size : 0), 0);
  if (holes >= SMALL_HOLES * area) return;
  for (let k = 0; k < mask.length; k += 1) if (!mask[k] && !outer.has(labels[k])) mask[k] = 1;
}
