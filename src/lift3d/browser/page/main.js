// The page: a photo in, what happens to it in words, the model in the viewer, files out.
import { Viewer } from "./viewer/viewer.js";
import { addControls } from "./viewer/controls.js";

const LONGEST = 1600, MOST_BYTES = 64e6, MOST_PIXELS = 120e6;
const byId = (id) => document.getElementById(id);
let worker = null, viewer = null, busy = false, waiting = null, addresses = [];

function start() {
  // a worker from a blob inherits the policy of this page (index.html): no connection but to the folder that it came from
  const source = `import ${JSON.stringify(new URL("worker.js", import.meta.url).href)};`;
  worker = new Worker(URL.createObjectURL(new Blob([source], { type: "text/javascript" })), { type: "module" });
  worker.onmessage = ({ data }) => handlers[data.kind](data);
  worker.onerror = () => {
    worker.terminate();
    worker = null;
    fail("This browser cannot run the networks. One from 2023 or later can.");
  };
}

const handlers = {
  ready: () => {},
  progress: ({ sentence, fraction }) => tell(`${sentence} …`, fraction),
  mask: (found) => showMask(found),
  failed: ({ sentence }) => fail(sentence),
  done: (found) => show(found),
};

function tell(sentence, fraction) {
  byId("status").textContent = sentence;
  byId("status").className = "";
  byId("bar").hidden = fraction === null;
  if (fraction !== null) byId("bar").value = fraction;
}

function fail(sentence) {
  tell(sentence, null);
  byId("status").className = "error";
  byId("seen").hidden = true; // the photo before has nothing to do with it
  finish();
}

/** Take the photo that was given meanwhile, if any. */
function finish() {
  busy = false;
  const next = waiting;
  waiting = null;
  if (next) take(next);
}

/** Of several files the first is taken. */
function takeFirst(files) {
  const all = [...files];
  if (all.length > 1) byId("more").textContent = `${all.length} files were given; one photo makes a model: ${all[0].name} is taken.`;
  else byId("more").textContent = "";
  take(all[0]);
}

async function take(file) {
  if (!file) return;
  if (busy) {
    waiting = file;
    byId("more").textContent = `${file.name} comes next.`;
    return;
  }
  busy = true;
  byId("result").hidden = true;
  tell("Reading the photo …", 0);
  try {
    if (file.size > MOST_BYTES) throw new Error("This file is larger than 64 MB. Give a photo.");
    const photo = await decoded(file);
    if (!worker) start();
    worker.postMessage(photo, [photo.data.buffer]);
  } catch (error) {
    fail(error.message);
  }
}

/** The photo, upright as its EXIF data say, its longer side at most LONGEST: { data (RGBA), width, height, name }. */
async function decoded(file) {
  let bitmap;
  try {
    bitmap = await createImageBitmap(file, { imageOrientation: "from-image" });
  } catch {
    const cut = file.size ? "or it is cut short" : "and it is empty";
    throw new Error(`${file.name} is no picture that this browser can read, ${cut}. Give a whole JPEG, PNG or WebP.`);
  }
  if (bitmap.width * bitmap.height > MOST_PIXELS) throw new Error("This picture has more than 120 million pixels. Give a smaller one.");
  if (Math.min(bitmap.width, bitmap.height) < 24) throw new Error("This picture has only a few pixels. Give a larger one.");
  const scale = Math.min(1, LONGEST / Math.max(bitmap.width, bitmap.height));
  const canvas = byId("photo");
  canvas.width = Math.max(1, Math.round(bitmap.width * scale));
  canvas.height = Math.max(1, Math.round(bitmap.height * scale));
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.imageSmoothingQuality = "high";
  context.drawImage(bitmap, 0, 0, canvas.width, canvas.height);
  bitmap.close();
  byId("seen").hidden = false;
  byId("caption").textContent = "The photo.";
  const found = pixels(context);
  return { ...found, opaque: found.data.every((value, k) => k % 4 !== 3 || value === 255) };
}

function pixels(context) {
  const { data, width, height } = context.getImageData(0, 0, context.canvas.width, context.canvas.height);
  return { data, width, height };
}

/** Darken what does not belong to the object. */
function showMask({ mask, width, height, cutOut }) {
  byId("caption").textContent = cutOut ? "The photo, cut out by its transparency." : "The photo; what does not belong to the object is dark.";
  const context = byId("photo").getContext("2d", { willReadFrequently: true }), picture = context.getImageData(0, 0, width, height);
  for (let k = 0; k < mask.length; k += 1) {
    if (mask[k]) continue;
    for (let c = 0; c < 3; c += 1) picture.data[4 * k + c] *= 0.35;
  }
  context.putImageData(picture, 0, 0);
}

async function show({ glb, stl, faces, confidence, warnings }) {
  for (const address of addresses) URL.revokeObjectURL(address);
  addresses = [["glb", glb, "model/gltf-binary"], ["stl", stl, "model/stl"]].map(([name, data, type]) => {
    const address = URL.createObjectURL(new Blob([data], { type }));
    byId(`save-${name}`).href = address;
    return address;
  });
  byId("facts").textContent = `Predicted, not measured: ${faces.toLocaleString("en")} triangles, a closed surface, confidence ${Math.round(100 * confidence)} % (how sure the network is of its voxels, not how good the model is). Thin parts may be lost. Its size is unknown; the STL is 100 mm long.`;
  byId("warnings").replaceChildren(...warnings.map((sentence) => Object.assign(document.createElement("li"), { textContent: sentence })));
  byId("result").hidden = false;
  try {
    if (!viewer) {
      viewer = new Viewer(byId("viewer"), { label: "the model" });
      addControls(viewer, byId("viewer"));
    }
    await viewer.load(glb);
  } catch (error) {
    byId("facts").textContent += ` It cannot be shown here (${error.message}), but saved.`;
  }
  tell("Done.", null);
  finish();
}

const drop = byId("drop");
// anywhere on the page, so that a drop beside the box does not replace the page by the picture
for (const name of ["dragenter", "dragover"]) addEventListener(name, (event) => { event.preventDefault(); drop.classList.add("over"); });
for (const name of ["dragleave", "drop"]) addEventListener(name, (event) => { event.preventDefault(); drop.classList.remove("over"); });
addEventListener("drop", (event) => takeFirst(event.dataTransfer.files));
for (const id of ["choose", "camera"]) {
  byId(id).addEventListener("change", (event) => {
    takeFirst(event.target.files);
    event.target.value = "";
  });
}
addEventListener("paste", (event) => takeFirst(event.clipboardData?.files || []));
byId("served").remove(); // modules run only where the page is served
tell("", null);
