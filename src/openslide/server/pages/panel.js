// What the slide says of itself.

import { element, fillList, find, press } from "./elements.js";
import { pixels, resolution } from "./lengths.js";
import { associatedImage } from "./server.js";

const PICTURE = 700; // pixels

export function addPanel(slide) {
  const panel = find("panel");
  const button = find("show-panel");
  const toggle = () => {
    panel.hidden = !panel.hidden;
    press(button, !panel.hidden);
  };
  button.addEventListener("click", toggle);
  fillList(panel.querySelector("#summary dl"), summary(slide));
  fillList(panel.querySelector("#properties dl"), Object.entries(slide.properties));
  showPictures(slide);
  showHidden(slide);
  return { toggle };
}

function summary(slide) {
  const native = slide.layers.filter((layer) => layer.native).length;
  const levels = `${slide.levels.length}, ${native} of them sent as they are stored`;
  return [
    ["Format", slide.vendor ?? "unknown"],
    ["Size", pixels(slide.width, slide.height)],
    ["Resolution", resolution(slide.mpp)],
    ["Objective", slide.objective_power ? `${slide.objective_power}\u00d7` : "unknown"],
    ["Levels", levels],
  ];
}

function showPictures(slide) {
  const section = find("associated");
  const pictures = slide.associated_images.map(({ name, width, height }) => {
    const told = element("figcaption", {}, `${name}, ${pixels(width, height)}`);
    const address = associatedImage(slide, name, PICTURE);
    const image = element("img", { src: address, alt: name, loading: "lazy" });
    return element("figure", {}, image, told);
  });
  section.append(...pictures);
  section.hidden = pictures.length === 0;
}

function showHidden(slide) {
  const section = find("hidden");
  section.querySelector("ul").replaceChildren(
    ...slide.hidden.map((name) => element("li", {}, name)),
  );
  section.hidden = slide.hidden.length === 0;
}
