// The description of the REST interface, from /openapi.json and /api/tasks.
import { byId, h } from "./dom.js";
import { ask } from "./api.js";

const response = await fetch("/openapi.json");
const api = response.ok ? await response.json() : { paths: {} };
for (const [path, methods] of Object.entries(api.paths)) {
  for (const [method, route] of Object.entries(methods)) {
    const rows = (route.parameters || []).map((p) => h("tr", {}, h("th", { scope: "row" }, p.name), h("td", {}, p.in), h("td", {}, p.schema?.type || ""), h("td", {}, p.description || p.schema?.description || "")));
    byId("routes").append(h("section", { className: "panel" },
      h("h3", {}, h("code", {}, `${method.toUpperCase()} ${path}`)), h("p", {}, route.summary || ""), h("p", { className: "quiet" }, route.description || ""),
      rows.length ? h("table", {}, h("tbody", {}, rows)) : null));
  }
}
try {
  const { tasks } = await ask("GET", "tasks");
  for (const task of tasks) {
    const rows = Object.entries(task.options.properties || {}).map(([name, p]) => h("tr", {}, h("th", { scope: "row" }, name), h("td", {}, JSON.stringify(p.default ?? null)), h("td", {}, p.description || "")));
    byId("routes").append(h("section", { className: "panel" }, h("h3", {}, "Task ", h("code", {}, task.name)),
      h("p", {}, `${task.title}; files: ${task.accepts.join(", ") || "none"}`), h("table", {}, h("tbody", {}, rows))));
  }
} catch (error) {
  byId("routes").append(h("p", { className: "warning" }, error.message));
}
