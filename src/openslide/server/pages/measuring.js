// Measuring a distance: one click where it begins, another where it ends; or Enter, which
// takes what is in the middle of the view.

import { find, press } from "./elements.js";
import { length } from "./lengths.js";

const COLOR = "#0b6bd3";
const CROSS = 9; // pixels of the screen

export function addMeasuring(viewer, overlay, slide) {
  const button = find("measure");
  const status = find("status");
  let isOn = false;
  let start = null;
  let end = null;
  let isFixed = false;
  let isByKey = false;

  const told = () => {
    const [x, y] = [end.x - start.x, end.y - start.y];
    if (slide.mpp === null) {
      return `${Math.round(Math.hypot(x, y))} pixels`;
    }
    return length(Math.hypot(x * slide.mpp[0], y * slide.mpp[1]));
  };
  const update = () => {
    const words = isByKey ? "Click, or press Enter," : "Click";
    status.textContent = start && end ? told() : isOn ? `${words} where the distance begins` : "";
    viewer.forceRedraw();
    overlay.paint();
  };
  const toggle = (on, byKey) => {
    isOn = on;
    isByKey = on && byKey;
    start = end = null;
    press(button, on);
    viewer.element.classList.toggle("measuring", on);
    if (isByKey) {
      viewer.canvas.focus(); // which arrows move
    }
    update();
  };
  const place = (point) => {
    if (start === null || isFixed) {
      [start, end, isFixed] = [point, null, false];
    } else {
      [end, isFixed] = [point, true];
    }
    update();
  };
  const middle = () => {
    const { viewport } = viewer;
    return viewport.viewportToImageCoordinates(viewport.getCenter(true));
  };
  const position = (point) => viewer.viewport.viewerElementToImageCoordinates(point);

  button.addEventListener("click", (event) => toggle(!isOn, event.detail === 0));
  viewer.addHandler("canvas-click", (event) => {
    if (!isOn || !event.quick) {
      return;
    }
    event.preventDefaultAction = true;
    isByKey = false;
    place(position(event.position));
  });
  viewer.addHandler("update-viewport", () => {
    if (isByKey && start && !isFixed) {
      end = middle();
      status.textContent = told();
    }
  });
  viewer.element.addEventListener("pointermove", (event) => {
    if (isOn && !isByKey && start && !isFixed) {
      const box = viewer.element.getBoundingClientRect();
      end = position(new OpenSeadragon.Point(event.clientX - box.left, event.clientY - box.top));
      update();
    }
  });
  overlay.add((context, scale) => {
    if (isByKey) {
      paintCross(context, middle(), scale);
    }
    if (!start || !end) {
      return;
    }
    context.lineWidth = 2.5 / scale;
    context.strokeStyle = context.fillStyle = COLOR;
    context.beginPath();
    context.moveTo(start.x, start.y);
    context.lineTo(end.x, end.y);
    context.stroke();
    for (const point of [start, end]) {
      context.beginPath();
      context.arc(point.x, point.y, 4 / scale, 0, 2 * Math.PI);
      context.fill();
    }
  });
  return {
    toggle: () => toggle(!isOn, true),
    stop: () => toggle(false),
    placeInMiddle: () => isByKey && place(middle()),
  };
}

function paintCross(context, { x, y }, scale) {
  const arm = CROSS / scale;
  context.lineWidth = 1.5 / scale;
  context.strokeStyle = COLOR;
  context.beginPath();
  context.moveTo(x - arm, y);
  context.lineTo(x + arm, y);
  context.moveTo(x, y - arm);
  context.lineTo(x, y + arm);
  context.stroke();
}
