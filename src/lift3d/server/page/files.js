// Files that the user chose: drop zone, thumbnails, order, and their way to the server.
import { bytes, h } from "./dom.js";
import { ask, send } from "./api.js";

const AT_ONCE = 3;
const PICTURES = /^image\/(jpeg|png|webp)$/;

/** All files of a drop, folders included. */
async function filesOf(transfer) {
  const entries = [...transfer.items].map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
  if (!entries.length) return [...transfer.files];
  const out = [];
  const walk = async (entry) => {
    if (entry.isFile) {
      out.push(await new Promise((resolve, reject) => entry.file(resolve, reject)));
      return;
    }
    const reader = entry.createReader();
    for (;;) {
      const some = await new Promise((resolve, reject) => reader.readEntries(resolve, reject));
      if (!some.length) break;
      for (const child of some) await walk(child);
    }
  };
  for (const entry of entries) await walk(entry);
  return out;
}

export class Files {
  /** changed is called whenever the list or the state of a file changes. */
  constructor(changed) {
    this.items = [];
    this.changed = changed;
    this.list = h("ul", { className: "thumbs", "aria-label": "Chosen files" });
    this.problems = h("div", { role: "status" });
    this.element = h("div", {}, this.zone(), this.problems, h("div", { className: "scroll" }, this.list));
  }

  zone() {
    const choose = (attributes) => {
      const input = h("input", { type: "file", hidden: true, ...attributes, onchange: () => { this.add([...input.files]); input.value = ""; } });
      return input;
    };
    const files = choose({ multiple: true, id: "choose-files" });
    const folder = choose({ webkitdirectory: true });
    const camera = choose({ accept: "image/*", capture: "environment" });
    const phone = matchMedia("(pointer: coarse)").matches;
    const zone = h("div", { id: "drop" },
      h("p", {}, h("strong", {}, "Drop photos, a folder, a video or a model here")),
      h("p", { className: "quiet" }, "JPEG, PNG, WebP, TIFF, HEIC; MP4, MOV; GLB, OBJ, PLY, STL, 3MF, OFF, USDZ; a ZIP of photos"),
      h("div", { className: "row" },
        h("button", { type: "button", onclick: () => files.click() }, "Choose files"),
        h("button", { type: "button", onclick: () => folder.click() }, "Choose a folder"),
        phone && h("button", { type: "button", onclick: () => camera.click() }, "Take a photo")),
      files, folder, camera);
    zone.addEventListener("dragover", (event) => { event.preventDefault(); zone.classList.add("over"); });
    zone.addEventListener("dragleave", () => zone.classList.remove("over"));
    zone.addEventListener("drop", async (event) => {
      event.preventDefault();
      zone.classList.remove("over");
      this.add(await filesOf(event.dataTransfer));
    });
    return zone;
  }

  add(files) {
    const order = new Intl.Collator("en", { numeric: true });
    const chosen = files.filter((file) => !file.name.startsWith(".")).sort((a, b) => order.compare(a.name, b.name));
    for (const file of chosen) this.items.push({ file, name: file.name, size: file.size, state: "waits", fraction: 0, uploads: [] });
    this.draw();
    this.pump();
  }

  pump() {
    const busy = this.items.filter((item) => item.state === "sending").length;
    for (const item of this.items.filter((i) => i.state === "waits").slice(0, Math.max(0, AT_ONCE - busy))) this.transfer(item);
  }

  async transfer(item) {
    item.state = "sending";
    const sending = send(item.file, (fraction) => { item.fraction = fraction; this.show(item); });
    item.abort = sending.abort;
    try {
      const found = await sending.promise;
      item.uploads = found.files;
      item.state = "ready";
      for (const left of found.left_out) this.say(left.reason);
    } catch (error) {
      item.state = "refused";
      item.reason = error.message;
      item.again = error.status === 0 || error.status >= 500;
    }
    if (this.items.includes(item)) this.show(item);
    else for (const upload of item.uploads) ask("DELETE", `uploads/${upload.id}`).catch(() => {});
    this.pump();
    this.changed();
  }

  say(sentence) {
    this.problems.append(h("p", { className: "warning" }, sentence));
  }

  remove(item) {
    this.items = this.items.filter((other) => other !== item);
    if (item.state === "sending") item.abort();
    for (const upload of item.uploads) ask("DELETE", `uploads/${upload.id}`).catch(() => {});
    if (item.url) URL.revokeObjectURL(item.url);
    item.element?.remove();
    this.changed();
  }

  first(item) {
    this.items = [item, ...this.items.filter((other) => other !== item)];
    this.list.prepend(item.element);
    this.draw();
  }

  draw() {
    for (const item of this.items) {
      if (!item.element) {
        if (PICTURES.test(item.file.type)) item.url = URL.createObjectURL(item.file);
        const picture = item.url ? h("img", { src: item.url, alt: "", onerror: (event) => event.target.replaceWith("?") }) : h("span", {}, item.name.split(".").pop().toUpperCase());
        item.status = h("span", {});
        item.firstButton = h("button", { type: "button", onclick: () => this.first(item), "aria-label": `Make ${item.name} the first` }, "Make first");
        item.againButton = h("button", { type: "button", hidden: true, onclick: () => { item.state = "waits"; this.show(item); this.pump(); } }, "Send again");
        item.element = h("li", {},
          h("div", { className: "picture" }, picture), h("span", {}, item.name), item.status,
          h("div", { className: "row" }, item.firstButton, item.againButton,
            h("button", { type: "button", onclick: () => this.remove(item), "aria-label": `Remove ${item.name}` }, "Remove")));
        this.list.append(item.element);
      }
      this.show(item);
    }
    this.items.forEach((item, k) => { item.firstButton.hidden = k === 0 || item.state === "refused"; });
    this.changed();
  }

  show(item) {
    const many = item.uploads.length > 1 ? `${item.uploads.length} photos, ` : "";
    const words = {
      waits: "waits", sending: `sending, ${Math.round(100 * item.fraction)} %`, ready: `${many}${bytes(item.size)}`, refused: item.reason,
    };
    item.againButton.hidden = !(item.state === "refused" && item.again);
    if (item.state === "refused") item.firstButton.hidden = true;
    item.status.textContent = words[item.state];
    item.status.className = item.state === "refused" ? "bad" : "quiet";
  }

  get uploads() { return this.items.flatMap((item) => item.uploads); }
  get pending() { return this.items.some((item) => item.state === "waits" || item.state === "sending"); }

  /** The job has taken the files. */
  clear() {
    for (const item of this.items) if (item.url) URL.revokeObjectURL(item.url);
    this.items = [];
    this.list.replaceChildren();
    this.problems.replaceChildren();
    this.changed();
  }
}
