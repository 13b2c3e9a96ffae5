// The volume that one photo of an object spans (geometry/voxels/view_frame.py), with points as arrays of three numbers.

const FIELD_OF_VIEW = 45 * Math.PI / 180;
export const MOST_DEPTH = 0.95;

export const dot = (a, b) => a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
export const cross = (a, b) => [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]];
export const unit = (a) => a.map((value) => value / Math.max(Math.hypot(...a), 1e-12));

export class ViewFrame {
  /** crop { x, y, half } of a photo of a common lens; the object's centre lies at depth 1. */
  constructor(width, height, crop) {
    this.crop = crop;
    this.focal = Math.max(width, height) / 2 / Math.tan(FIELD_OF_VIEW / 2);
    this.centre = [width / 2, height / 2];
    const [x, y, z] = unit([(crop.x - this.centre[0]) / this.focal, (crop.y - this.centre[1]) / this.focal, 1]), k = 1 / (1 + z);
    this.rotation = [[1 - x * x * k, -x * y * k, -x], [-x * y * k, 1 - y * y * k, -y], [x, y, z]];
    const slope = (u) => { const ray = this.ray(u, 0); return ray[0] / ray[2]; };
    this.halfWidth = (slope(1) - slope(-1)) / 2;
    this.halfDepth = 1;
  }

  /** The ray (view frame) through a place of the crop, each of u and v in [-1, 1]. */
  ray(u, v) {
    const { crop, centre, focal, rotation } = this;
    const camera = [(crop.x + u * crop.half - centre[0]) / focal, (crop.y + v * crop.half - centre[1]) / focal, 1];
    return rotation.map((row) => dot(row, camera));
  }

  /** Half the depth extent, from half widths of the crop. */
  setExtent(half) {
    this.halfDepth = Math.min(half * this.halfWidth, MOST_DEPTH);
  }

  /** A point of the view frame from its cell coordinates. */
  unproject(u, v, w) {
    const ray = this.ray(u, v), z = 1 + this.halfDepth * w;
    return [ray[0] / ray[2] * z, ray[1] / ray[2] * z, z];
  }

  /** Cell coordinates (u, v, w) of a point of the view frame. */
  project(x, y, z) {
    const { crop, centre, focal, rotation: r } = this;
    const a = r[0][0] * x + r[1][0] * y + r[2][0] * z, b = r[0][1] * x + r[1][1] * y + r[2][1] * z, c = r[0][2] * x + r[1][2] * y + r[2][2] * z;
    return [(focal * a / c + centre[0] - crop.x) / crop.half, (focal * b / c + centre[1] - crop.y) / crop.half, (z - 1) / this.halfDepth];
  }
}

/** Axes (rows) of the upright frame in the view frame: z is `up`, y the viewing direction on the ground. */
export function uprightAxes(up) {
  let ahead = [-up[2] * up[0], -up[2] * up[1], 1 - up[2] * up[2]];
  if (Math.hypot(...ahead) < 0.05) ahead = [up[1] * up[0], -1 + up[1] * up[1], up[1] * up[2]];
  ahead = unit(ahead);
  return [cross(ahead, up), ahead, up];
}
