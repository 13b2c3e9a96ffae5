// One job: its progress, what became of its photos, and its result.
import { bytes, duration, h, stateText, when } from "./dom.js";
import { ask } from "./api.js";
import { Options } from "./form.js";

const FORMATS = [
  ["glb", "GLB", "for the web and games"], ["stl", "STL", "for printing, shape only"], ["3mf", "3MF", "for printing, with colours"],
  ["obj", "OBJ", "in a ZIP"], ["ply", "PLY", "in a ZIP"], ["usdz", "USDZ", "for iPhone and iPad"],
];
const USED = new Set(["registered", "read", "used", "predicted"]);

export class JobView {
  /** made is called with a job that was begun on the same files. */
  constructor(id, tasks, failed, made) {
    this.id = id;
    this.tasks = tasks;
    this.made = made;
    this.failed = failed;
    this.state = "";
    this.live = h("p", { className: "quiet", role: "status" });
    this.bar = h("progress", { max: 1, value: 0, "aria-label": "Progress" });
    this.title = h("h2", {});
    this.meta = h("p", { className: "quiet" });
    this.messages = h("div", {});
    this.buttons = h("div", { className: "row" });
    this.photos = h("div", {});
    this.converting = h("p", { role: "status" });
    this.result = h("div", {});
    this.again = h("div", {});
    this.element = h("article", { className: "panel", "aria-label": "Job" },
      this.title, this.meta, this.live, this.bar, this.buttons, this.result, this.messages, this.photos, this.again);
  }

  /** Show a summary from the list; the rest is asked for when the state changes. */
  async show(summary) {
    this.summary = summary;
    this.title.textContent = summary.title;
    const took = summary.ended && summary.started ? `, took ${duration(summary.ended - summary.started)}` : "";
    this.meta.textContent = `${summary.task_title}, ${when(summary.created)}${took}`;
    const sentence = stateText(summary);
    const spoken = summary.state === "running" ? `${summary.label}` : sentence;
    if (this.spoken !== spoken || summary.state === "running") this.live.textContent = `${sentence[0].toUpperCase()}${sentence.slice(1)}`;
    this.spoken = spoken;
    this.live.className = summary.result?.verdict === "bad" ? "state-failed" : `state-${summary.state}`;
    this.bar.hidden = !["queued", "running"].includes(summary.state);
    if (summary.state === "queued") this.bar.removeAttribute("value");
    else this.bar.value = summary.fraction;
    this.sayMessages(summary);
    const key = `${summary.state}${summary.bytes}`;
    if (this.state !== key || (summary.state === "running" && !this.drawnThumbnails)) {
      this.state = key;
      await this.details();
    }
  }

  sayMessages(job) {
    const lines = job.messages.map((text) => h("p", { className: "quiet" }, text));
    const warnings = (job.result?.warnings || []).map((text) => h("p", { className: "warning" }, text));
    const error = job.error && h("div", { className: "error", role: "alert" },
      h("p", {}, h("strong", {}, `${job.error.cause}.`)), job.error.advice && h("p", {}, `What to try: ${job.error.advice}.`));
    const log = lines.length ? h("details", {}, h("summary", {}, "Messages"), lines) : null;
    this.messages.replaceChildren(...[error, ...warnings, log].filter(Boolean));
  }

  async details() {
    let job;
    try { job = await ask("GET", `jobs/${this.id}`); } catch (error) { this.failed(error); return; }
    this.job = job;
    this.drawButtons(job);
    this.drawPhotos(job);
    if (job.state === "done" && !this.drawn) {
      this.drawn = true;
      await this.drawResult(job);
    }
  }

  drawButtons(job) {
    const over = !["queued", "running"].includes(job.state);
    const act = async (event, action) => {
      event.target.disabled = true;
      try { await action(); } catch (error) { event.target.disabled = false; this.failed(error); }
    };
    const again = (task, options) => async () => this.made(await ask("POST", `jobs/${this.id}/again`, { task, options }));
    this.again.replaceChildren();
    const task = this.tasks.find((one) => one.name === job.task);
    if (over && task) {
      const form = new Options(task.options, job.options, "again");
      this.again.append(h("details", {}, h("summary", {}, "Do it again with other options"), form.element,
        h("button", { type: "button", className: "primary", onclick: (event) => act(event, again(job.task, form.values)) }, "Start again")));
    }
    this.buttons.replaceChildren(...[
      job.result?.verdict === "bad" && job.task === "check" && h("button", { type: "button", className: "primary",
        onclick: (event) => act(event, again("repair", { up: job.options.up })) }, "Repair it"),
      !over && h("button", { type: "button", onclick: (event) => act(event, () => ask("POST", `jobs/${this.id}/cancel`)) }, "Cancel"),
      over && h("button", { type: "button", onclick: (event) => confirm("Delete this job and all its files?") && act(event, () => ask("DELETE", `jobs/${this.id}`)) }, "Delete"),
    ].filter(Boolean));
  }

  drawPhotos(job) {
    const reports = new Map((job.result?.photos || []).map((photo) => [photo.name, photo]));
    this.drawnThumbnails = !job.inputs.length || job.inputs.some((input) => input.thumbnail || input.kind !== "photo");
    if (!job.inputs.length) return;
    const items = job.inputs.map((input, k) => {
      const report = reports.get(input.name);
      const used = report && USED.has(report.status);
      const status = !report ? null : used ? h("span", { className: "good" }, "used")
        : h("span", { className: "bad" }, `left out: ${report.reason || report.status}${report.advice ? `; ${report.advice}` : ""}`);
      return h("li", {},
        h("div", { className: "picture" }, input.thumbnail
          ? h("img", { src: `/api/jobs/${this.id}/thumbnails/${k}`, alt: "", loading: "lazy" }) : h("span", {}, input.kind)),
        h("span", {}, input.name), status || h("span", { className: "quiet" }, bytes(input.bytes)));
    });
    const left = [...reports.values()].filter((photo) => !USED.has(photo.status)).length;
    const note = left ? `, ${left} left out` : "";
    const box = h("details", { open: job.inputs.length <= 12 || left > 0 },
      h("summary", {}, `${job.inputs.length} file${job.inputs.length > 1 ? "s" : ""}${note}`), h("ul", { className: "thumbs scroll" }, items));
    this.photos.replaceChildren(box);
  }

  async drawResult(job) {
    const { result } = job;
    const facts = h("dl", {}, result.facts.map(([word, value]) => [h("dt", {}, word), h("dd", {}, value)]));
    const labels = result.labels && h("table", {}, h("caption", {}, "Categories"), h("tbody", {}, result.labels.map((label) =>
      h("tr", {}, h("th", { scope: "row" }, label.name.replaceAll("_", " ")), h("td", {}, h("meter", { min: 0, max: 1, value: label.probability }), ` ${(100 * label.probability).toFixed(0)} %`)))));
    const file = (name) => `/api/jobs/${this.id}/files/${encodeURIComponent(name)}`;
    const preview = result.preview && h("img", { className: "preview", src: `${file(result.preview)}?inline=true`, alt: `Picture of the result of ${job.title}` });
    const formats = result.model && h("div", {}, h("h3", {}, "Download the model"), h("div", { className: "row" },
      FORMATS.map(([format, name, use]) => h("a", { className: "button", href: `/api/jobs/${this.id}/model/${format}`, download: true, title: use, onclick: (event) => this.convert(event) }, name))), this.converting,
      h("p", {}, h("a", { rel: "ar", href: `/api/jobs/${this.id}/model/usdz?inline=true` }, h("img", { src: "/page/icon.svg", alt: "", width: 20, height: 20 }), " See it in your room (AR on iPhone and iPad)")));
    const others = h("div", {}, h("h3", {}, "Files"), h("ul", {}, result.files.map((row) =>
      h("li", {}, h("a", { href: file(row.name), download: true }, row.name), h("span", { className: "quiet" }, ` ${bytes(row.bytes)}`)))));
    const side = h("div", {}, facts, labels, formats, others);
    const main = h("div", {});
    this.result.replaceChildren(h("div", { className: "result" }, main, side));
    if (result.model) {
      const place = h("div", { id: "viewer" });
      main.append(place);
      const confidence = result.files.some((row) => row.name === "model.uncertainty.glb") ? file("model.uncertainty.glb") : null;
      await this.openViewer(place, file(result.model), job, confidence);
    }
    if (preview) main.append(preview);
  }

  /** The first request of a format converts the model, which takes seconds: say so, then let the browser download it. */
  async convert(event) {
    const link = event.currentTarget;
    if (link.dataset.ready || link.textContent === "GLB") return;
    event.preventDefault();
    this.converting.textContent = `Writing ${link.textContent} …`;
    try {
      const response = await fetch(link.href, { headers: { range: "bytes=0-0" }, credentials: "same-origin" });
      if (!response.ok) throw new Error((await response.json()).error?.text || `the server answered ${response.status}.`);
      await response.arrayBuffer();
      this.converting.textContent = "";
      link.dataset.ready = "yes";
      link.click();
    } catch (error) {
      this.converting.textContent = error.message;
    }
  }

  async openViewer(place, url, job, confidence) {
    try {
      const { createViewer } = await import("./model.js");
      this.viewer = await createViewer(place, url, job.title, confidence);
    } catch (error) {
      place.replaceChildren(h("p", { className: "warning" }, `The model cannot be shown here (${error.message}); download it instead.`));
    }
  }

  close() { this.viewer?.dispose(); }
}
