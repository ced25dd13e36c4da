// Annotations of a GeoJSON file, as QuPath writes it: outlines, in level-0 pixels from where
// the server says that they begin.

import { element, find, press } from "./elements.js";
import { annotationsOf } from "./server.js";

const PALETTE = ["#d1495b", "#00798c", "#edae49", "#6a4c93", "#3f8f4f", "#2e5eaa", "#8c5a2b"];
const UNNAMED = "without a class";
const POINT = 4; // radius on the screen
const LEAST = 2; // what is smaller on the screen is painted as a dot

class Outline {
  constructor(feature, color, name, offset) {
    this.offset = offset;
    this.color = color;
    this.className = name;
    this.name = String(feature.properties?.name ?? "");
    this.path = new Path2D();
    this.points = [];
    this.isArea = false;
    this.box = { left: Infinity, upper: Infinity, right: -Infinity, lower: -Infinity };
    this.add(feature.geometry);
  }

  add(geometry) {
    const { type, coordinates, geometries } = geometry;
    if (type === "GeometryCollection") {
      geometries.forEach((part) => this.add(part));
    } else if (type === "Polygon") {
      coordinates.forEach((ring) => this.line(ring, true));
    } else if (type === "MultiPolygon") {
      coordinates.forEach((polygon) => polygon.forEach((ring) => this.line(ring, true)));
    } else if (type === "LineString") {
      this.line(coordinates, false);
    } else if (type === "MultiLineString") {
      coordinates.forEach((line) => this.line(line, false));
    } else if (type === "Point") {
      this.point(coordinates);
    } else if (type === "MultiPoint") {
      coordinates.forEach((point) => this.point(point));
    } else {
      throw new TypeError(`there is no geometry ${type}`);
    }
  }

  line(points, isRing) {
    points.forEach((point, index) => {
      const [x, y] = this.include(point);
      if (index) {
        this.path.lineTo(x, y);
      } else {
        this.path.moveTo(x, y);
      }
    });
    if (isRing) {
      this.path.closePath();
      this.isArea = true;
    }
  }

  point(point) {
    this.points.push(this.include(point));
  }

  include([column, row]) {
    const { box, offset } = this;
    const [x, y] = [column + offset.x, row + offset.y];
    if (typeof column !== "number" || typeof row !== "number") {
      throw new TypeError("coordinates are numbers");
    }
    box.left = Math.min(box.left, x);
    box.upper = Math.min(box.upper, y);
    box.right = Math.max(box.right, x);
    box.lower = Math.max(box.lower, y);
    return [x, y];
  }

  isIn(shown) {
    const { left, upper, right, lower } = this.box;
    return left <= shown.right && right >= shown.left
      && upper <= shown.lower && lower >= shown.upper;
  }

  paint(context, scale) {
    const { left, upper, right, lower } = this.box;
    context.strokeStyle = context.fillStyle = this.color;
    if (!this.points.length && Math.max(right - left, lower - upper) * scale < LEAST) {
      context.fillRect(left, upper, LEAST / scale, LEAST / scale);
      return;
    }
    if (this.isArea) {
      context.globalAlpha = 0.12;
      context.fill(this.path, "evenodd");
      context.globalAlpha = 1;
    }
    context.stroke(this.path);
    for (const [x, y] of this.points) {
      context.beginPath();
      context.arc(x, y, POINT / scale, 0, 2 * Math.PI);
      context.fill();
    }
  }
}

function classOf(feature) {
  return String(feature.properties?.classification?.name ?? UNNAMED);
}

// The colour that a feature names, as [red, green, blue] or as QuPath packs it.
function namedColor({ properties }) {
  const named = properties?.classification?.color ?? properties?.classification?.colorRGB
    ?? properties?.color;
  if (Array.isArray(named) && named.length >= 3 && named.every(Number.isFinite)) {
    return `rgb(${named.slice(0, 3).join(" ")})`;
  }
  if (Number.isInteger(named)) {
    return `rgb(${(named >> 16) & 255} ${(named >> 8) & 255} ${named & 255})`;
  }
  return null;
}

// The outlines of a file, and how many of its features are none.
function outlinesOf(content, offset) {
  const features = Array.isArray(content) ? content : content.features ?? [content];
  const colors = new Map();
  const outlines = [];
  let malformed = 0;
  for (const feature of features.filter((one) => one?.geometry !== null)) {
    try {
      const name = classOf(feature);
      if (!colors.has(name)) {
        colors.set(name, namedColor(feature) ?? PALETTE[colors.size % PALETTE.length]);
      }
      const color = namedColor(feature) ?? colors.get(name);
      outlines.push(new Outline(feature, color, name, offset));
    } catch {
      malformed += 1;
    }
  }
  return { outlines, malformed };
}

export async function addAnnotations(viewer, overlay, slide) {
  if (!slide.annotations) {
    return { toggle: () => {} };
  }
  const { content, offset } = await annotationsOf(slide);
  const { outlines, malformed } = outlinesOf(content, offset);
  if (malformed) {
    find("status").textContent = `${malformed} annotations are malformed, and not shown`;
  }
  const hidden = new Set();
  const button = find("outlines");
  let isOn = true;
  const toggle = () => {
    isOn = !isOn;
    press(button, isOn);
    overlay.paint();
  };
  button.addEventListener("click", toggle);
  overlay.add((context, scale) => {
    if (isOn) {
      const shown = overlay.shown();
      context.lineWidth = 1.8 / scale;
      outlines
        .filter((outline) => !hidden.has(outline.className) && outline.isIn(shown))
        .forEach((outline) => outline.paint(context, scale));
    }
  });
  addNames(viewer, overlay, outlines, () => isOn);
  listClasses(outlines, hidden, () => overlay.paint());
  viewer.element.dataset.outlines = outlines.length;
  overlay.paint();
  return { toggle };
}

// What the outline under a click is called.
function addNames(viewer, overlay, outlines, isOn) {
  viewer.addHandler("canvas-click", (event) => {
    if (!isOn() || !event.quick || event.preventDefaultAction) {
      return;
    }
    const { x, y } = viewer.viewport.viewerElementToImageCoordinates(event.position);
    const context = overlay.canvas.getContext("2d");
    context.save();
    context.setTransform(1, 0, 0, 1, 0, 0);
    const hit = outlines.findLast(
      (outline) => outline.isArea && context.isPointInPath(outline.path, x, y, "evenodd"),
    );
    context.restore();
    if (hit) {
      event.preventDefaultAction = true;
    }
    find("status").textContent = hit ? [hit.className, hit.name].filter(Boolean).join(": ") : "";
  });
}

function listClasses(outlines, hidden, paint) {
  const section = find("classes");
  const counts = new Map();
  for (const { className, color } of outlines) {
    counts.set(className, { color, count: (counts.get(className)?.count ?? 0) + 1 });
  }
  const items = [...counts].map(([name, { color, count }]) => {
    const box = element("input", { type: "checkbox" });
    const swatch = element("span", { class: "swatch" });
    swatch.style.background = color;
    box.checked = true;
    box.addEventListener("change", () => {
      hidden[box.checked ? "delete" : "add"](name);
      paint();
    });
    return element("li", {}, element("label", {}, box, " ", swatch, `${name} (${count})`));
  });
  section.querySelector("ul").replaceChildren(...items);
  section.hidden = false;
}
