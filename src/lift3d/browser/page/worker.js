// The work on a photo, beside the page so that it stays responsive. Everything happens here: nothing is sent anywhere.
import { openNetworks } from "./networks.js";
import { findObject } from "./mask.js";
import { squareCrop } from "./pixels.js";
import { predictSolid } from "./solid.js";
import { surfaceOf } from "./surface.js";
import { texture } from "./texture.js";
import { glb, stl } from "./files.js";

const MARGIN = 1.12, LEAST_PIXELS = 24;
let networks = null;

const say = (sentence, fraction) => postMessage({ kind: "progress", sentence, fraction });

async function work(photo) {
  const opaque = photo.opaque;
  networks ||= openNetworks((fraction) => say("Loading the networks", 0.5 * fraction));
  let open;
  try {
    open = await networks;
  } catch (error) {
    networks = null; // to be tried again
    throw error;
  }
  say("Looking for the object", 0.5);
  const { mask, others } = await findObject(photo, open.image_to_mask);
  const crop = squareCrop(mask, photo.width, photo.height, MARGIN);
  if (!crop || 2 * crop.half < LEAST_PIXELS) throw new Error("The object in this photo is too small. Move closer to it, or give a larger photo.");
  postMessage({ kind: "mask", mask, cutOut: !opaque, width: photo.width, height: photo.height });
  say("Predicting its shape", 0.65);
  const solid = await predictSolid(photo, mask, crop, open);
  say("Finding its surface", 0.85);
  const surface = surfaceOf(solid);
  say("Colouring it", 0.9);
  const coloured = texture(surface, solid, photo, mask);
  let ground = Infinity;
  for (let k = 2; k < surface.positions.length; k += 3) ground = Math.min(ground, surface.positions[k]);
  for (const one of [surface, coloured]) for (let k = 2; k < one.positions.length; k += 3) one.positions[k] -= ground;
  const picture = await jpeg(coloured.picture), warnings = [];
  if (others) warnings.push(`There are ${others + 1} objects in this photo; the largest is used.`);
  const facts = { how: "predicted from one photo", confidence: Number(solid.confidence.toFixed(3)) };
  const model = glb(coloured, picture, facts), print = stl(surface);
  postMessage({ kind: "done", glb: model, stl: print, faces: surface.indices.length / 3, confidence: solid.confidence, warnings }, [model, print]);
}

async function jpeg({ data, width, height }) {
  const canvas = new OffscreenCanvas(width, height);
  canvas.getContext("2d").putImageData(new ImageData(data, width, height), 0, 0);
  return new Uint8Array(await (await canvas.convertToBlob({ type: "image/jpeg", quality: 0.92 })).arrayBuffer());
}

onmessage = async ({ data }) => {
  try {
    await work(data);
  } catch (error) {
    postMessage({ kind: "failed", sentence: error.message || String(error) });
  }
};
postMessage({ kind: "ready" });
