// The networks: graphs and weights from this folder, computed by onnxruntime-web in this browser.
import * as ort from "./onnxruntime/ort.wasm.min.mjs";

ort.env.wasm.wasmPaths = new URL("./onnxruntime/", import.meta.url).href;
ort.env.wasm.numThreads = globalThis.crossOriginIsolated ? Math.min(4, navigator.hardwareConcurrency || 1) : 1;
ort.env.logLevel = "error";

/** All networks of networks.json, as { name: { run(inputs) -> outputs, card } }. loaded(fraction): called as their bytes arrive. */
export async function openNetworks(loaded) {
  const list = await (await fetched("networks.json")).json();
  const total = list.reduce((sum, one) => sum + one.bytes, 0);
  let have = 0;
  const out = {};
  for (const one of list) {
    const parts = [];
    for (const name of [one.graph, one.weights]) {
      parts.push(await bytesOf(await fetched(name), (count) => {
        have += count;
        loaded(Math.min(have / total, 1));
      }));
    }
    const [graph, weights] = parts;
    const options = { executionProviders: ["wasm"], externalData: [{ path: one.weights, data: expanded(weights, one.parts) }] };
    const session = await ort.InferenceSession.create(graph, options);
    out[one.name] = { card: one.card, run: (inputs) => run(session, inputs) };
  }
  return out;
}

async function fetched(name) {
  let answer;
  try {
    answer = await fetch(new URL(name, import.meta.url));
  } catch {
    throw new Error(`${name} could not be loaded. Check the connection, and give the photo again.`);
  }
  if (!answer.ok) throw new Error(`${name} is missing beside this page (${answer.status}): write the folder again with lift3d export --page`);
  return answer;
}

async function bytesOf(answer, arrived) {
  const pieces = [], reader = answer.body.getReader();
  let length = 0;
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    pieces.push(value);
    length += value.length;
    arrived(value.length);
  }
  const out = new Uint8Array(length);
  let at = 0;
  for (const piece of pieces) {
    out.set(piece, at);
    at += piece.length;
  }
  return out;
}

/** Weights as the graph reads them. parts: [kind, number] of each tensor in the order of the file: "f16" becomes single precision, others stay. */
function expanded(weights, parts) {
  const size = parts.reduce((sum, [kind, count]) => sum + count * (kind === "f16" ? 4 : Number(kind)), 0);
  const out = new Uint8Array(size), view = new DataView(weights.buffer), floats = new DataView(out.buffer), table = halves();
  let from = 0, to = 0;
  for (const [kind, count] of parts) {
    if (kind === "f16") {
      for (let k = 0; k < count; k += 1) floats.setUint32(to + 4 * k, table[view.getUint16(from + 2 * k, true)], true);
      from += 2 * count;
      to += 4 * count;
    } else {
      const length = count * Number(kind);
      out.set(weights.subarray(from, from + length), to);
      from += length;
      to += length;
    }
  }
  return out;
}

let cached = null;
/** The bits in single precision of each number in half precision. */
function halves() {
  if (cached) return cached;
  cached = new Uint32Array(65536);
  const value = new Float32Array(1), bits = new Uint32Array(value.buffer);
  for (let half = 0; half < 65536; half += 1) {
    const exponent = (half >> 10) & 31, fraction = half & 1023;
    if (exponent === 31) value[0] = fraction ? NaN : Infinity;
    else value[0] = exponent ? (1 + fraction / 1024) * 2 ** (exponent - 15) : fraction * 2 ** -24;
    cached[half] = (bits[0] & 0x7fffffff) | ((half & 0x8000) << 16);
  }
  return cached;
}

/** inputs: { name: [Float32Array, shape] }; returns { name: Float32Array }. */
async function run(session, inputs) {
  const given = Object.fromEntries(Object.entries(inputs).map(([name, [data, shape]]) => [name, new ort.Tensor("float32", data, shape)]));
  const found = await session.run(given);
  return Object.fromEntries(Object.entries(found).map(([name, tensor]) => [name, tensor.data]));
}
