// The scale bar, and the buttons of magnifications.

import { element, find, press } from "./elements.js";
import { length } from "./lengths.js";

const LONGEST_BAR = 160; // pixels of the screen
const MAGNIFICATIONS = [1, 2, 5, 10, 20, 40, 60, 80, 100];
const MICRONS_AT_ONE = 10; // an objective of 40 gives pixels of about 0.25 microns

export const screenPixels = (viewer) =>
  viewer.viewport.viewportToImageZoom(viewer.viewport.getZoom(true));

// The longest of 1, 2, 5, 10 ... that does not exceed a length.
export function roundLength(most) {
  const power = 10 ** Math.floor(Math.log10(most));
  return [5, 2, 1].find((digit) => digit * power <= most * (1 + 1e-9)) * power;
}

export function addScaleBar(viewer, slide) {
  if (slide.mpp === null) {
    return;
  }
  const bar = find("scale-bar");
  const update = () => {
    const micronsPerPixel = slide.mpp[0] / screenPixels(viewer);
    const microns = roundLength(LONGEST_BAR * micronsPerPixel);
    const line = bar.firstElementChild;
    line.textContent = length(microns);
    line.style.width = `${microns / micronsPerPixel}px`;
    bar.dataset.microns = microns;
    bar.hidden = false;
  };
  viewer.addHandler("update-viewport", update);
}

// The magnification of level 0: what the slide says, else what its resolution suggests.
function objectivePower(slide) {
  if (slide.objective_power) {
    return slide.objective_power;
  }
  return slide.mpp ? MICRONS_AT_ONE / slide.mpp[0] : null;
}

// Made before the viewer is, which fits the slide into what room they leave.
export class Magnifications {
  constructor(slide) {
    this.power = objectivePower(slide);
    const steps = this.power === null ? [] : MAGNIFICATIONS.filter((m) => m < this.power * 0.99);
    const last = this.power === null ? [] : [Math.round(this.power * 10) / 10];
    const isGuessed = !slide.objective_power;
    this.buttons = [...steps, ...last].map((step) => {
      const title = `Magnification ${step}${isGuessed ? ", by the resolution" : ""}`;
      const words = `${isGuessed ? "\u2248" : ""}${step}\u00d7`;
      return { step, button: element("button", { title }, words) };
    });
    find("magnifications").replaceChildren(...this.buttons.map(({ button }) => button));
  }

  attach(viewer) {
    for (const { step, button } of this.buttons) {
      button.addEventListener("click", () => {
        viewer.viewport.zoomTo(viewer.viewport.imageToViewportZoom(step / this.power));
      });
    }
    viewer.addHandler("update-viewport", () => {
      const now = screenPixels(viewer) * this.power;
      this.buttons.forEach(({ step, button }) => press(button, Math.abs(now / step - 1) < 0.03));
    });
  }
}
