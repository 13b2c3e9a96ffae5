// Elements and words.

/** An element with attributes, listeners (onclick ...) and children; null children are left out. */
export function h(name, attributes = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
    else if (key === "className") element.className = value;
    else element.setAttribute(key, value === true ? "" : value);
  }
  for (const child of children.flat(Infinity)) {
    if (child !== null && child !== undefined && child !== false) element.append(child);
  }
  return element;
}

export const byId = (id) => document.getElementById(id);

export function bytes(amount) {
  if (amount >= 1e9) return `${(amount / 1e9).toFixed(1)} GB`;
  return amount >= 1e6 ? `${(amount / 1e6).toFixed(1)} MB` : `${Math.max(1, Math.round(amount / 1e3))} kB`;
}

export function duration(seconds) {
  const whole = Math.round(seconds);
  if (whole >= 3600) return `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} min`;
  return whole >= 60 ? `${Math.floor(whole / 60)} min ${whole % 60} s` : `${whole} s`;
}

export function when(seconds) {
  return new Date(seconds * 1000).toLocaleString(undefined, { dateStyle: "medium", timeStyle: "short" });
}

/** What a job is doing, as a sentence. */
export function stateText(job) {
  if (job.state === "queued") return job.position > 1 ? `waits: ${job.position - 1} before it` : "waits for its turn";
  if (job.state === "running") {
    const left = job.seconds_left ? `, about ${duration(job.seconds_left)} left` : "";
    const again = job.attempts > 1 ? "goes on after an interruption: " : "";
    return `${again}${job.label || "starting"}, ${Math.round(100 * job.fraction)} %${left}`;
  }
  if (job.state === "done") return job.result?.verdict === "bad" ? "done, not printable" : "done";
  return job.state === "failed" ? "failed" : "cancelled";
}
