// The list of slides; it grows while the server finds them.

import { element, fillList, find, showMessage } from "./elements.js";
import { pixels, resolution } from "./lengths.js";
import { slides, thumbnailOf, viewOf } from "./server.js";

const THUMBNAIL = 320;
const PAUSE = 700; // milliseconds between two looks

const shown = new Map(); // by id: what was listed, and the element that shows it

function facts(slide) {
  if (slide.state !== "ready") {
    return "";
  }
  const power = slide.objective_power ? `, ${slide.objective_power}\u00d7` : "";
  const scale = slide.mpp ? `, ${resolution(slide.mpp)}` : "";
  return `${slide.vendor}, ${pixels(slide.width, slide.height)}${scale}${power}`;
}

function card(slide) {
  const parts = slide.id.split("/");
  const told = element("div", { class: "told" });
  told.append(element("div", { class: "name" }, parts.pop()));
  if (parts.length) {
    told.append(element("div", { class: "folder" }, parts.join("/")));
  }
  if (slide.state === "failed") {
    told.append(element("div", { class: "reason" }, slide.error));
    const link = element("a", { href: viewOf(slide.id), class: "failed" }, told);
    return element("li", {}, link);
  }
  told.append(element("div", { class: "facts" }, facts(slide)));
  const picture = element("div", { class: "picture" });
  if (slide.state === "ready") {
    picture.append(
      element("img", { src: thumbnailOf(slide, THUMBNAIL), alt: "", loading: "lazy" }),
    );
  }
  return element("li", {}, element("a", { href: viewOf(slide.id) }, picture, told));
}

function filter() {
  const words = find("search").value.toLowerCase().split(/\s+/).filter(Boolean);
  let visible = 0;
  for (const { slide, item } of shown.values()) {
    const text = `${slide.id} ${slide.vendor ?? ""}`.toLowerCase();
    item.hidden = !words.every((word) => text.includes(word));
    visible += item.hidden ? 0 : 1;
  }
  return visible;
}

function show(list) {
  const items = list.slides.map((slide) => {
    const before = shown.get(slide.id);
    const isSame = before && JSON.stringify(before.slide) === JSON.stringify(slide);
    return { slide, item: isSame ? before.item : card(slide) };
  });
  shown.clear();
  items.forEach((entry) => shown.set(entry.slide.id, entry));
  find("slides").replaceChildren(...items.map(({ item }) => item));
  tellLeftOut(find("failed"), list.left_out.filter((left) => left.is_failure));
  tellLeftOut(find("left-out"), list.left_out.filter((left) => !left.is_failure));
  tellCount(list.complete);
}

function tellLeftOut(section, left) {
  section.hidden = left.length === 0;
  fillList(section.querySelector("dl"), left.map(({ name, reason }) => [name, reason]));
}

function tellCount(isComplete) {
  const visible = filter();
  const all = shown.size;
  const count = visible === all ? `${all}` : `${visible} of ${all}`;
  const noun = all === 1 ? "slide" : "slides";
  find("count").textContent = `${count} ${noun}${isComplete ? "" : ", looking for more"}`;
  document.body.dataset.complete = String(isComplete);
}

async function follow() {
  try {
    const list = await slides();
    show(list);
    if (!list.complete) {
      setTimeout(follow, PAUSE);
    }
  } catch (error) {
    showMessage(`The list of slides cannot be had: ${error.message}`);
  }
}

find("search").addEventListener("input", () => {
  tellCount(document.body.dataset.complete === "true");
});
document.addEventListener("keydown", (event) => {
  if (event.key === "/" && event.target !== find("search")) {
    event.preventDefault();
    find("search").focus();
  }
});
follow();
