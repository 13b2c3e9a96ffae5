// The options of a task as form fields, made from their JSON schema.
import { h } from "./dom.js";

const WORDS = {
  max_size: "Largest side of photos", faces: "Triangles", texture: "Texture size", kind: "Object or scene", not_at: "Beside the object (pixels)",
  at: "On the object (pixels)", box: "Box around the object (pixels)", up: "Upright axis", bed: "Printer's build volume",
};
const title = (name) => WORDS[name] || (name[0].toUpperCase() + name.slice(1).replaceAll("_", " "));

/** The part of a schema that is not null, and whether null is allowed. */
function plain(schema) {
  if (!schema.anyOf) return { schema, optional: false };
  const found = schema.anyOf.find((part) => part.type !== "null");
  return { schema: { ...found, description: schema.description }, optional: schema.anyOf.length > 1 };
}

export class Options {
  /** given: values to begin with, the defaults otherwise; prefix: of the ids of the fields. */
  constructor(schema, given = {}, prefix = "option") {
    this.fields = [];
    this.given = given;
    this.prefix = prefix;
    const rows = Object.entries(schema.properties || {}).map(([name, property]) => this.field(name, property));
    this.element = h("div", { className: "fields" }, rows);
  }

  field(name, property) {
    const { schema, optional } = plain(property);
    const id = `${this.prefix}-${name}`;
    const initial = property.default ?? null;
    const start = name in this.given ? this.given[name] : initial;
    let input, read;
    if (schema.type === "boolean") {
      if (optional) {
        input = h("select", { id }, h("option", { value: "" }, "automatic"), h("option", { value: "1" }, "yes"), h("option", { value: "0" }, "no"));
        input.value = start === null ? "" : start ? "1" : "0";
        read = () => (input.value === "" ? null : input.value === "1");
      } else {
        input = h("input", { id, type: "checkbox" });
        input.checked = start === true;
        read = () => input.checked;
      }
    } else if (schema.enum) {
      input = h("select", { id }, schema.enum.map((value) => h("option", { value }, value)));
      input.value = start ?? schema.enum[0];
      read = () => input.value;
    } else if (schema.type === "integer" || schema.type === "number") {
      input = h("input", { id, type: "number", min: schema.minimum, max: schema.maximum, step: schema.type === "integer" ? 1 : "any" });
      input.value = start ?? "";
      read = () => (input.value === "" ? initial : Number(input.value));
    } else if (schema.type === "array") {
      input = h("input", { id, placeholder: "512,300  640,200" });
      input.value = (start || []).join(" ");
      read = () => input.value.trim().split(/\s+/).filter(Boolean);
    } else {
      input = h("input", { id });
      input.value = start ?? "";
      read = () => input.value.trim() || initial;
    }
    this.fields.push({ name, read, initial });
    return h("div", { className: "field" }, h("label", { for: id }, title(name)), input, schema.description && h("small", {}, schema.description));
  }

  /** The options that differ from their defaults. */
  get values() {
    const out = {};
    for (const { name, read, initial } of this.fields) {
      const value = read();
      if (JSON.stringify(value) !== JSON.stringify(initial ?? (Array.isArray(value) ? [] : initial))) out[name] = value;
    }
    return out;
  }
}
