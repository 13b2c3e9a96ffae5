// The panel in which a job is put together.
import { h } from "./dom.js";
import { ask } from "./api.js";
import { Files } from "./files.js";
import { Options } from "./form.js";

export class NewJob {
  /** started is called with the job. */
  constructor(tasks, started) {
    this.tasks = tasks;
    this.started = started;
    this.chosen = false;
    this.select = h("select", { id: "task", onchange: () => { this.chosen = true; this.showTask(); } },
      tasks.map((task) => h("option", { value: task.name }, task.title)));
    this.options = h("div", {});
    this.button = h("button", { type: "submit", className: "primary" }, "Start");
    this.hint = h("p", { className: "quiet", role: "status" });
    this.error = h("p", { className: "error", role: "alert", hidden: true });
    this.files = new Files(() => this.update());
    this.element = h("form", { className: "panel", onsubmit: (event) => { event.preventDefault(); this.start(); } },
      h("h2", {}, "New model"),
      this.files.element,
      h("div", { className: "field" }, h("label", { for: "task" }, "What to do"), this.select),
      h("details", {}, h("summary", {}, "Options"), this.options),
      this.error,
      h("div", { className: "row" }, this.button, this.hint));
    this.showTask();
  }

  get task() { return this.tasks.find((task) => task.name === this.select.value); }

  showTask() {
    this.form = new Options(this.task.options);
    this.options.replaceChildren(this.form.element);
    this.update();
  }

  /** What fits the files, unless the user has chosen. */
  suggest(kinds) {
    const models = kinds.filter((kind) => kind === "model").length;
    const wanted = !kinds.length ? this.select.value : models === 0 ? "reconstruct" : kinds.length > models ? "texture" : "repair";
    if (!this.chosen && this.select.value !== wanted) {
      this.select.value = wanted;
      this.showTask();
    }
  }

  update() {
    if (!this.files) return;
    const uploads = this.files.uploads;
    this.suggest(uploads.map((upload) => upload.kind));
    const wrong = uploads.find((upload) => !this.task.accepts.includes(upload.kind));
    let hint = "";
    const refused = this.files.items.filter((item) => item.state === "refused").length;
    if (this.files.pending) hint = "Sending the files …";
    else if (wrong) hint = `${wrong.name} is a ${wrong.kind}, which this task does not take.`;
    else if (uploads.length < this.task.fewest) hint = this.task.accepts.length ? `Give ${this.task.accepts.map((kind) => `a ${kind}`).join(" or ")}.` : "";
    else if (uploads.length > this.task.most) hint = this.task.most ? `This task takes ${this.task.most} file${this.task.most > 1 ? "s" : ""}; remove the others.` : "This task takes no files; remove them.";
    else if (this.task.name === "reconstruct" && uploads[0]?.kind === "photo") {
      hint = uploads.length < 3 ? "The shape will be predicted by a network: twelve photos or more from all around measure it."
        : uploads.length < 12 ? "Twelve photos or more from all around give better models." : "";
    }
    const fits = !this.files.pending && !wrong && uploads.length >= this.task.fewest && uploads.length <= this.task.most;
    this.button.disabled = !fits;
    const left = refused ? `${uploads.length} usable, ${refused} refused and left out. ` : "";
    this.hint.textContent = left + hint;
  }

  async start() {
    this.button.disabled = true;
    this.error.hidden = true;
    try {
      const uploads = this.files.uploads.map((upload) => upload.id);
      const job = await ask("POST", "jobs", { task: this.task.name, uploads, options: this.form.values });
      this.files.clear();
      this.chosen = false;
      this.started(job);
    } catch (error) {
      this.error.textContent = error.message;
      this.error.hidden = false;
    }
    this.update();
  }
}
