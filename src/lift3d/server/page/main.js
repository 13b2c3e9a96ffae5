// The page: which part is shown, the list of jobs, and news from the server.
import { byId, h, stateText } from "./dom.js";
import { ask, follow, ServerError } from "./api.js";
import { NewJob } from "./newjob.js";
import { JobView } from "./jobview.js";

const jobs = new Map();
let creator = null;
let view = null;
let stream = null;
let tasks = [];

function notice(text) {
  byId("notice").textContent = text;
  byId("notice").hidden = !text;
}

function failed(error) {
  if (error instanceof ServerError && error.status === 401) return showLogin();
  return notice(error.message);
}

function showLogin() {
  stream?.close();
  byId("app").hidden = true;
  byId("login").hidden = false;
  byId("token").focus();
}

const chosen = () => location.hash.match(/^#\/job\/([A-Za-z0-9]+)$/)?.[1] || null;

function drawList() {
  const list = byId("jobs");
  const order = [...jobs.values()].sort((a, b) => b.created - a.created).slice(0, 200);
  byId("history-empty").hidden = order.length > 0;
  byId("to-jobs").hidden = order.length === 0;
  byId("to-jobs").textContent = `Jobs (${order.length})`;
  for (const job of order) {
    let row = list.querySelector(`[data-job="${job.id}"]`);
    if (!row) {
      row = h("li", { "data-job": job.id }, h("a", { href: `#/job/${job.id}` }, h("span", {}, job.title), h("br"), h("span", { className: "state" })));
      const after = [...list.children].find((other) => jobs.get(other.dataset.job).created < job.created);
      list.insertBefore(row, after || null);
    }
    const state = row.querySelector(".state");
    state.textContent = `${job.task_title}: ${stateText(job)}`;
    state.className = `state state-${job.result?.verdict === "bad" ? "failed" : job.state}`;
    const link = row.firstChild;
    if (job.id === chosen()) link.setAttribute("aria-current", "true");
    else link.removeAttribute("aria-current");
  }
}

byId("to-jobs").addEventListener("click", () => {
  byId("history").scrollIntoView();
  byId("history").focus({ preventScroll: true });
});

function route() {
  const id = chosen();
  notice("");
  if (view && view.id !== id) { view.close(); view = null; }
  const stage = byId("stage");
  if (!id) {
    if (stage.firstChild !== creator.element) stage.replaceChildren(creator.element);
  } else if (!view) {
    const job = jobs.get(id);
    if (!job) {
      stage.replaceChildren(h("div", { className: "panel" }, h("p", {}, "There is no such job: it may have been deleted, or have expired."), h("a", { href: "#/" }, "Begin a new one")));
    } else {
      view = new JobView(id, tasks, failed, (made) => { onJob(made); location.hash = `#/job/${made.id}`; });
      stage.replaceChildren(view.element);
      view.show(job);
    }
  }
  document.title = id && jobs.get(id) ? `${jobs.get(id).title} – lift3d` : "lift3d";
  drawList();
}

function onJob(job) {
  jobs.set(job.id, job);
  drawList();
  if (job.id === chosen()) {
    if (view) view.show(job);
    else route();
  }
}

function onDeleted(id) {
  jobs.delete(id);
  byId("jobs").querySelector(`[data-job="${id}"]`)?.remove();
  if (id === chosen()) location.hash = "#/";
  drawList();
}

async function begin() {
  byId("login").hidden = true;
  try {
    const [known, found] = await Promise.all([ask("GET", "tasks"), ask("GET", "jobs?limit=1000")]);
    tasks = known.tasks;
    for (const job of found.jobs) jobs.set(job.id, job);
    byId("log-out").hidden = !found.login;
    creator = new NewJob(tasks, (job) => { onJob(job); location.hash = `#/job/${job.id}`; });
    byId("app").hidden = false;
    addEventListener("hashchange", () => { route(); byId("main").focus({ preventScroll: true }); });
    stream = follow(onJob, onDeleted, (open) => notice(open ? "" : "The connection to the server is interrupted; trying again …"));
    route();
  } catch (error) {
    failed(error);
  }
}

byId("login-form").addEventListener("submit", async (event) => {
  event.preventDefault();
  try {
    await ask("POST", "session", { token: byId("token").value.trim() });
    byId("token").value = "";
    byId("log-out").hidden = false;
    notice("");
    begin();
  } catch (error) {
    notice(error.message);
  }
});
byId("log-out").addEventListener("click", async () => { await ask("DELETE", "session"); location.reload(); });
// A file dropped beside the zone must not replace the page.
for (const name of ["dragover", "drop"]) addEventListener(name, (event) => event.preventDefault());
byId("skip").addEventListener("click", (event) => { event.preventDefault(); byId("stage").focus(); });
begin();
