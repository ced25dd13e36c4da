// Measuring a distance: one click where it begins, another where it ends.

import { find, press } from "./elements.js";
import { length } from "./lengths.js";

const COLOR = "#0b6bd3";

export function addMeasuring(viewer, overlay, slide) {
  const button = find("measure");
  const status = find("status");
  let isOn = false;
  let start = null;
  let end = null;
  let isFixed = false;

  const told = () => {
    const [x, y] = [end.x - start.x, end.y - start.y];
    if (slide.mpp === null) {
      return `${Math.round(Math.hypot(x, y))} pixels`;
    }
    return length(Math.hypot(x * slide.mpp[0], y * slide.mpp[1]));
  };
  const update = () => {
    status.textContent = start && end ? told() : isOn ? "Click where the distance begins" : "";
    viewer.forceRedraw();
    overlay.paint();
  };
  const toggle = (on) => {
    isOn = on;
    start = end = null;
    press(button, on);
    viewer.element.classList.toggle("measuring", on);
    update();
  };
  const position = (point) => viewer.viewport.viewerElementToImageCoordinates(point);

  button.addEventListener("click", () => toggle(!isOn));
  viewer.addHandler("canvas-click", (event) => {
    if (!isOn || !event.quick) {
      return;
    }
    event.preventDefaultAction = true;
    const point = position(event.position);
    if (start === null || isFixed) {
      [start, end, isFixed] = [point, null, false];
    } else {
      [end, isFixed] = [point, true];
    }
    update();
  });
  viewer.element.addEventListener("pointermove", (event) => {
    if (isOn && start && !isFixed) {
      const box = viewer.element.getBoundingClientRect();
      end = position(new OpenSeadragon.Point(event.clientX - box.left, event.clientY - box.top));
      update();
    }
  });
  overlay.add((context, scale) => {
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
  return { toggle: () => toggle(!isOn), stop: () => toggle(false) };
}
