// The list of slides; it grows while the server finds them.

import { element, fillList, find, showMessage } from "./elements.js";
import { pixels, resolution } from "./lengths.js";
import { slides, thumbnailOf, viewOf } from "./server.js";

const THUMBNAIL = 320;
const PAUSE = 700; // milliseconds between two looks
const LONG_PAUSE = 5000; // where the server does not answer

const shown = new Map(); // by id: what was listed, and the element that shows it

function facts(slide) {
  if (slide.state !== "ready") {
    return "";
  }
  const power = slide.objective_power ? `, ${slide.objective_power}\u00d7` : "";
  const scale = slide.mpp ? `, ${resolution(slide.mpp)}` : "";
  return `${slide.vendor ?? "unknown format"}, ${pixels(slide.width, slide.height)}${scale}${power}`;
}

// The same element all the time, so that it keeps the focus while more is known of it.
function card() {
  return element("li", {}, element("a"));
}

function fill(item, slide) {
  const link = item.firstElementChild;
  link.setAttribute("href", viewOf(slide.id));
  link.className = slide.state === "failed" ? "failed" : "";
  link.replaceChildren(...contents(slide));
}

function contents(slide) {
  const parts = slide.id.split("/");
  const told = element("div", { class: "told" });
  told.append(element("div", { class: "name" }, parts.pop()));
  if (parts.length) {
    told.append(element("div", { class: "folder" }, parts.join("/")));
  }
  if (slide.state === "failed") {
    told.append(element("div", { class: "reason" }, slide.error));
    return [told];
  }
  told.append(element("div", { class: "facts" }, facts(slide)));
  const picture = element("div", { class: "picture" });
  if (slide.state === "ready") {
    picture.append(
      element("img", { src: thumbnailOf(slide, THUMBNAIL), alt: "", loading: "lazy" }),
    );
  }
  return [picture, told];
}

// Puts items into a list in their order, and moves none that is in its place.
function arrange(list, items) {
  const kept = new Set(items);
  [...list.children].filter((item) => !kept.has(item)).forEach((item) => item.remove());
  let next = list.firstElementChild;
  for (const item of items) {
    if (item === next) {
      next = next.nextElementSibling;
    } else {
      list.insertBefore(item, next);
    }
  }
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
    const item = before?.item ?? card();
    if (JSON.stringify(before?.slide) !== JSON.stringify(slide)) {
      fill(item, slide);
    }
    return { slide, item };
  });
  shown.clear();
  items.forEach((entry) => shown.set(entry.slide.id, entry));
  arrange(find("slides"), items.map(({ item }) => item));
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
    find("message").hidden = true;
    show(list);
    if (!list.complete) {
      setTimeout(follow, PAUSE);
    }
  } catch (error) {
    showMessage(`The list of slides cannot be had: ${error.message}`);
    setTimeout(follow, LONG_PAUSE);
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
