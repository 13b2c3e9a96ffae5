// The viewer: one model, looked at from all around, cut, measured.
import {
  BackSide, Box3, BufferAttribute, BufferGeometry, CylinderGeometry, DirectionalLight, DoubleSide, FrontSide, GridHelper, Group, HemisphereLight,
  Mesh, MeshBasicMaterial, MeshLambertMaterial, PerspectiveCamera, Plane, Raycaster, RepeatWrapping, Scene, SphereGeometry, SRGBColorSpace, Texture, Vector2, Vector3,
  WebGLRenderer,
} from "./vendor/three.module.min.js";
import { OrbitControls } from "./vendor/OrbitControls.js";
import { lengthText, readGlb } from "./glb.js";
import { creasedNormals, rowsOf } from "./normals.js";

export const MODES = ["texture", "plain", "wireframe", "confidence"];
export const VIEWS = { start: [35, 20], front: [0, 0], right: [90, 0], back: [180, 0], left: [270, 0], top: [0, 89.9], below: [0, -89.9] };
const AXES = { x: new Vector3(1, 0, 0), y: new Vector3(0, 1, 0), z: new Vector3(0, 0, 1) };
const GREY = 0xc4c9d0;
/* Of a model without colours. */
const MARGIN = 1.12;
const CLICK_PIXELS = 5;
const STEP = Math.PI / 18;

export class Viewer {
  /** element: fills it. options: label, the name of the model for screen readers. */
  constructor(element, options = {}) {
    this.element = element;
    this.handlers = {};
    this.mode = "texture";
    this.unit = null;
    this.longest = 1;
    this.points = [];
    this.measuring = false;
    this.renderer = new WebGLRenderer({ antialias: true, alpha: true, preserveDrawingBuffer: true });
    this.renderer.localClippingEnabled = true;
    this.renderer.setPixelRatio(Math.min(devicePixelRatio, 2));
    this.canvas = this.renderer.domElement;
    this.canvas.tabIndex = 0;
    this.canvas.className = "viewer-canvas";
    this.canvas.setAttribute("role", "application");
    this.canvas.setAttribute("aria-label", `3-D view of ${options.label || "the model"}. Arrow keys turn it, plus and minus zoom, 0 resets.`);
    element.append(this.canvas);
    this.scene = new Scene();
    this.camera = new PerspectiveCamera(35, 1, 0.01, 100);
    // together 0.9 on a surface that faces the camera, and at most 1.03 of the colour of its texture
    this.scene.add(this.camera, new HemisphereLight(0xffffff, 0xd8d4ce, 1.75));
    const lamp = new DirectionalLight(0xffffff, 1.5);
    lamp.position.set(-0.25, 0.4, 1);
    this.camera.add(lamp, lamp.target); // it shines from beside the camera, wherever the model is
    this.controls = new OrbitControls(this.camera, this.canvas);
    this.controls.addEventListener("change", () => this.draw());
    this.controls.addEventListener("start", () => { this.framed = null; });
    this.model = new Group();
    this.marks = new Group();
    this.scene.add(this.model, this.marks);
    this.plane = new Plane(new Vector3(0, -1, 0), Infinity);
    this.observer = new ResizeObserver(() => this.resize());
    this.observer.observe(this.canvas);
    this.canvas.addEventListener("keydown", (event) => this.key(event));
    this.canvas.addEventListener("pointerdown", (event) => { this.down = [event.clientX, event.clientY]; });
    this.canvas.addEventListener("pointerup", (event) => this.click(event));
    this.resize();
  }

  on(name, handler) { (this.handlers[name] ||= []).push(handler); }
  emit(name, value) { for (const handler of this.handlers[name] || []) handler(value); }

  /** Show a GLB: its address, or an ArrayBuffer. confidence: one of the same shape whose colours show the confidence. */
  async load(source, confidence = null) {
    const found = await parsed(source);
    this.unit = found.unit;
    this.model.clear();
    this.texts = [];
    for (const primitive of found.primitives) await this.add(primitive, "texture");
    if (confidence) for (const primitive of (await parsed(confidence)).primitives) await this.add(primitive, "confidence");
    this.box = new Box3().setFromObject(this.model);
    const size = this.box.getSize(new Vector3());
    this.longest = Math.max(size.x, size.y, size.z) || 1;
    this.hasTexture = found.primitives.some((one) => one.picture || one.colours);
    this.hasConfidence = Boolean(confidence);
    this.addGrid();
    this.setMode("texture");
    this.frame("start");
    this.size = [size.x, size.z, size.y].map((side) => lengthText(side, this.unit, this.longest)).join(" × ");
    this.emit("load", this);
  }

  async add(primitive, layer) {
    const { source, normals, indices } = creasedNormals(primitive.positions, primitive.indices);
    const geometry = new BufferGeometry();
    const attribute = (name, values, size) => geometry.setAttribute(name, new BufferAttribute(rowsOf(values, size, source), size));
    attribute("position", primitive.positions, 3);
    geometry.setAttribute("normal", new BufferAttribute(normals, 3));
    geometry.setIndex(new BufferAttribute(indices, 1));
    if (primitive.uv) attribute("uv", primitive.uv, 2);
    if (primitive.colours) attribute("color", primitive.colours, primitive.colourSize);
    let map = null;
    if (primitive.picture && primitive.uv) {
      map = new Texture(await createImageBitmap(primitive.picture, { colorSpaceConversion: "none", premultiplyAlpha: "none" }));
      map.flipY = false;
      map.wrapS = map.wrapT = RepeatWrapping;
      map.colorSpace = SRGBColorSpace;
      map.anisotropy = 4;
      map.needsUpdate = true;
    }
    const common = { side: DoubleSide, clippingPlanes: [this.plane] };
    const { alphaMode, baseColour } = primitive;
    const coloured = new MeshLambertMaterial({
      ...common, map, color: GREY, vertexColors: Boolean(primitive.colours), transparent: alphaMode === "BLEND", alphaTest: alphaMode === "MASK" ? 0.5 : 0,
    });
    if (baseColour) {
      coloured.color.setRGB(...baseColour.slice(0, 3));
      coloured.opacity = alphaMode === "OPAQUE" ? 1 : baseColour[3];
    } else if (primitive.colours) coloured.color.setRGB(1, 1, 1);
    const plain = new MeshLambertMaterial({ ...common, color: GREY });
    const wire = new MeshBasicMaterial({ color: 0x2f6f9f, wireframe: true, clippingPlanes: [this.plane] });
    const mesh = new Mesh(geometry, coloured);
    mesh.userData = { layer, materials: { texture: coloured, confidence: coloured, plain, wireframe: wire } };
    const inside = new Mesh(geometry, new MeshBasicMaterial({ color: 0xd08a4a, side: BackSide, clippingPlanes: [this.plane] }));
    inside.userData = { layer, inside: true };
    inside.raycast = () => {};
    this.model.add(mesh, inside);
  }

  addGrid() {
    if (this.grid) this.scene.remove(this.grid);
    const rough = this.longest / 5;
    const power = 10 ** Math.floor(Math.log10(rough));
    this.cell = power * (rough / power >= 5 ? 5 : rough / power >= 2 ? 2 : 1);
    const count = 2 * Math.ceil((0.9 * this.longest) / this.cell);
    this.grid = new GridHelper(count * this.cell, count, 0x7f8a97, 0x7f8a97);
    this.grid.material.transparent = true;
    this.grid.material.opacity = 0.35;
    const centre = this.box.getCenter(new Vector3());
    this.grid.position.set(centre.x, this.box.min.y - 1e-3 * this.longest, centre.z);
    this.scene.add(this.grid);
    this.cellText = this.unit === null ? "" : `one square is ${lengthText(this.cell, this.unit, this.longest)}`;
  }

  /** "texture", "plain", "wireframe", or "confidence" where there is one. */
  setMode(mode) {
    if (!MODES.includes(mode) || (mode === "confidence" && !this.hasConfidence)) return;
    this.mode = mode;
    for (const mesh of this.model.children) {
      mesh.visible = (mesh.userData.layer === "confidence") === (mode === "confidence");
      if (mesh.userData.inside) mesh.visible &&= mode !== "wireframe" && this.cut !== undefined && this.cut !== null;
      else {
        mesh.material = mesh.userData.materials[mode];
        if (mode !== "wireframe") this.setSide(mesh.material);
      }
    }
    this.emit("mode", mode);
    this.draw();
  }

  /** Both sides of a surface are shown; of a model that is cut, the outer one, since the inner one is coloured as the cut. */
  setSide(material) {
    const side = this.cut ? FrontSide : DoubleSide;
    if (material.side !== side) { material.side = side; material.needsUpdate = true; }
  }

  /** Cut the model across an axis ("x", "y" upward, "z") so that `fraction` of it stays; null shows it whole. */
  setSection(axis, fraction = 0.5) {
    this.cut = axis;
    if (axis === null) {
      this.plane.constant = Infinity;
    } else {
      this.plane.normal.copy(AXES[axis]).negate();
      this.plane.constant = this.box.min[axis] + fraction * (this.box.max[axis] - this.box.min[axis]);
    }
    this.setMode(this.mode);
  }

  /** Whether clicks set the ends of a length. */
  setMeasuring(on) {
    this.measuring = on;
    this.points = [];
    this.marks.clear();
    this.canvas.classList.toggle("measuring", on);
    this.emit("measure", on ? "Click two points of the model; or turn it with the arrow keys and press Enter for the point in the middle." : "");
    this.draw();
  }

  /** Look from a direction of VIEWS, from where the model fills the picture, also when it turns about the upright axis. */
  frame(name) {
    const [azimuth, elevation] = VIEWS[name].map((angle) => (angle * Math.PI) / 180);
    const centre = this.box.getCenter(new Vector3());
    const half = this.box.getSize(new Vector3()).multiplyScalar(0.5);
    const radius = half.length() || 1;
    const along = new Vector3(Math.sin(azimuth) * Math.cos(elevation), Math.sin(elevation), Math.cos(azimuth) * Math.cos(elevation));
    const right = new Vector3(Math.cos(azimuth), 0, -Math.sin(azimuth));
    const above = new Vector3().crossVectors(along, right);
    const tall = Math.tan((this.camera.fov * Math.PI) / 360), wide = tall * this.camera.aspect;
    let distance = radius / 10;
    for (let k = 0; k < 16; k += 1) { // points on the circles at the top and the bottom of the model
      const angle = (k * Math.PI) / 4, across = name === "start" ? Math.hypot(half.x, half.z) : 0;
      const corner = across ? new Vector3(across * Math.sin(angle), 0, across * Math.cos(angle)) : new Vector3(k & 2 ? half.x : -half.x, 0, k & 4 ? half.z : -half.z);
      corner.y = k < 8 ? half.y : -half.y;
      const needed = MARGIN * Math.max(Math.abs(corner.dot(right)) / wide, Math.abs(corner.dot(above)) / tall);
      distance = Math.max(distance, corner.dot(along) + needed);
    }
    this.camera.position.copy(centre).addScaledVector(along, distance);
    this.camera.near = distance / 200;
    this.camera.far = distance + 20 * radius;
    this.camera.updateProjectionMatrix();
    this.framed = name; // until the user moves it
    this.controls.target.copy(centre);
    this.controls.minDistance = radius / 20;
    this.controls.maxDistance = distance + 8 * radius;
    this.controls.update();
    this.draw();
  }

  /** Turn by itself, or stop. */
  setTurning(on) {
    this.framed = null;
    this.controls.autoRotate = on;
    let before = performance.now();
    const step = (now) => {
      if (!this.controls.autoRotate || this.disposed) return;
      this.controls.update(Math.max(0, now - before) / 1000);
      before = now;
      requestAnimationFrame(step);
    };
    if (on) requestAnimationFrame(step);
  }

  orbit(right, up) {
    this.framed = null;
    const offset = this.camera.position.clone().sub(this.controls.target);
    const radius = offset.length();
    const azimuth = Math.atan2(offset.x, offset.z) + right;
    const elevation = Math.max(-1.55, Math.min(1.55, Math.asin(offset.y / radius) + up));
    offset.set(Math.sin(azimuth) * Math.cos(elevation), Math.sin(elevation), Math.cos(azimuth) * Math.cos(elevation));
    this.camera.position.copy(this.controls.target).addScaledVector(offset, radius);
    this.controls.update();
  }

  zoom(factor) {
    this.framed = null;
    const offset = this.camera.position.clone().sub(this.controls.target).multiplyScalar(factor);
    this.camera.position.copy(this.controls.target).add(offset);
    this.controls.update();
  }

  key(event) {
    const acts = {
      ArrowLeft: () => this.orbit(-STEP, 0), ArrowRight: () => this.orbit(STEP, 0), ArrowUp: () => this.orbit(0, STEP), ArrowDown: () => this.orbit(0, -STEP),
      "+": () => this.zoom(0.85), "=": () => this.zoom(0.85), "-": () => this.zoom(1.18), 0: () => this.frame("start"), Home: () => this.frame("start"),
      Enter: () => this.measuring && this.mark(new Vector2(0, 0)),
    };
    if (!acts[event.key] || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    acts[event.key]();
  }

  click(event) {
    if (!this.measuring || !this.down) return;
    if (Math.hypot(event.clientX - this.down[0], event.clientY - this.down[1]) > CLICK_PIXELS) return;
    const box = this.canvas.getBoundingClientRect();
    this.mark(new Vector2(((event.clientX - box.left) / box.width) * 2 - 1, 1 - ((event.clientY - box.top) / box.height) * 2));
  }

  /** Set an end of a length where a ray meets the model. position: in the picture, -1 to 1. */
  mark(position) {
    const ray = new Raycaster();
    ray.setFromCamera(position, this.camera);
    const meshes = this.model.children.filter((mesh) => !mesh.userData.inside && mesh.visible);
    const hit = ray.intersectObjects(meshes, false).find((one) => this.plane.constant === Infinity || this.plane.distanceToPoint(one.point) >= 0);
    if (!hit) { this.emit("measure", "There is no surface at this place."); return; }
    if (this.points.length === 2) { this.points = []; this.marks.clear(); }
    this.points.push(hit.point);
    for (const [layer, scale] of [[1, 1.6], [2, 1]]) this.addMark(new SphereGeometry(scale * this.longest / 110), layer, hit.point);
    if (this.points.length === 2) {
      const [a, b] = this.points, middle = a.clone().lerp(b, 0.5);
      for (const [layer, scale] of [[1, 2], [2, 1]]) {
        const rod = new CylinderGeometry(scale * this.longest / 500, scale * this.longest / 500, a.distanceTo(b));
        this.addMark(rod, layer, middle).quaternion.setFromUnitVectors(AXES.y, b.clone().sub(a).normalize());
      }
      this.length = this.points[0].distanceTo(this.points[1]);
      this.emit("measure", `Distance: ${lengthText(this.length, this.unit, this.longest)}`);
    } else this.emit("measure", "Now the other end.");
    this.draw();
  }

  /** A shape in front of everything: red (layer 2) with a white border (layer 1). */
  addMark(geometry, layer, position) {
    const shape = new Mesh(geometry, new MeshBasicMaterial({ color: layer === 1 ? 0xffffff : 0xc2185b, depthTest: false, transparent: true }));
    shape.position.copy(position);
    shape.renderOrder = layer;
    this.marks.add(shape);
    return shape;
  }

  resize() {
    const { clientWidth: width, clientHeight: height } = this.canvas;
    if (!width || !height) return;
    this.renderer.setSize(width, height, false);
    this.camera.aspect = width / height;
    this.camera.updateProjectionMatrix();
    if (this.framed) this.frame(this.framed);
    this.draw();
  }

  draw() {
    if (this.pending || this.disposed) return;
    this.pending = true;
    requestAnimationFrame(() => {
      this.pending = false;
      if (!this.disposed) this.renderer.render(this.scene, this.camera);
    });
  }

  dispose() {
    this.disposed = true;
    this.observer.disconnect();
    this.controls.dispose();
    this.scene.traverse((object) => {
      object.geometry?.dispose();
      for (const material of [object.material].flat().filter(Boolean)) { material.map?.dispose(); material.dispose(); }
    });
    this.renderer.dispose();
    this.canvas.remove();
  }
}

async function parsed(source) {
  if (source instanceof ArrayBuffer) return readGlb(source);
  const response = await fetch(source, { credentials: "same-origin" });
  if (!response.ok) throw new Error(`the server answered ${response.status}`);
  return readGlb(await response.arrayBuffer());
}
