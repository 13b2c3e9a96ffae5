// The toolbar of the viewer: everything with the keyboard, too.
import { VIEWS } from "./viewer.js";

const NAMES = { texture: "Colours", plain: "Plain", wireframe: "Wireframe", confidence: "Confidence" };
let count = 0;

function element(name, attributes, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (key.startsWith("on")) made.addEventListener(key.slice(2), value);
    else if (value === true) made.setAttribute(key, "");
    else if (value !== false && value !== null) made.setAttribute(key, value);
  }
  made.append(...children);
  return made;
}

/** Add the toolbar to `place`, which holds the viewer. */
export function addControls(viewer, place) {
  count += 1;
  const id = (name) => `viewer-${name}-${count}`;
  const select = (name, label, entries, change) => {
    const box = element("select", { id: id(name), onchange: () => change(box.value) }, ...entries.map(([value, text]) => element("option", { value }, text)));
    return [element("span", { class: "viewer-item" }, element("label", { for: id(name) }, label), box), box];
  };
  const toggle = (text, title, change) => {
    const button = element("button", { type: "button", "aria-pressed": "false", title, onclick: () => {
      const on = button.getAttribute("aria-pressed") !== "true";
      button.setAttribute("aria-pressed", String(on));
      change(on);
    } }, text);
    return button;
  };
  const [modeItem, mode] = select("mode", "Show", Object.entries(NAMES), (value) => viewer.setMode(value));
  const [viewItem, view] = select("view", "From", Object.keys(VIEWS).map((name) => [name, name]), (value) => viewer.frame(value));
  const slider = element("input", { type: "range", id: id("cut"), min: 0, max: 1000, value: 500, disabled: true, "aria-label": "Where it is cut" });
  const [cutItem, cut] = select("axis", "Cut", [["", "whole"], ["x", "across"], ["y", "level"], ["z", "lengthwise"]], () => section());
  const section = () => {
    slider.disabled = cut.value === "";
    viewer.setSection(cut.value || null, slider.value / 1000);
  };
  slider.addEventListener("input", section);
  const measure = toggle("Measure", "The distance between two points", (on) => viewer.setMeasuring(on));
  const turn = toggle("Turn", "Turn the model by itself", (on) => viewer.setTurning(on));
  const full = element("button", { type: "button", onclick: () => (document.fullscreenElement ? document.exitFullscreen() : place.requestFullscreen?.()) }, "Full screen");
  const status = element("p", { class: "viewer-status", role: "status", "aria-live": "polite" });
  const facts = element("p", { class: "viewer-facts" });
  const bar = element("div", { class: "viewer-bar", role: "toolbar", "aria-label": "Viewer" }, modeItem, viewItem, cutItem, slider, measure, turn, full);
  place.prepend(bar);
  place.append(status, facts);
  viewer.on("measure", (text) => { status.textContent = text; });
  viewer.on("load", () => {
    const option = [...mode.options].find((one) => one.value === "confidence");
    option.disabled = !viewer.hasConfidence;
    option.title = viewer.hasConfidence ? "" : "Only predicted models with the option for uncertainty have it";
    mode.options[0].textContent = viewer.hasTexture ? NAMES.texture : "As it is";
    const size = viewer.unit === null ? "size unknown, since the file has no unit; lengths are percentages of the longest side" : viewer.size;
    facts.textContent = [size, viewer.cellText].filter(Boolean).join("; ");
    view.value = "start";
  });
  return bar;
}
