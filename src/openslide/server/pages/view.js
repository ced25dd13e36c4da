// A slide: view?slide=ID shows the slide of that address.
// With &tiles=deepzoom it asks for Deep Zoom tiles instead of the slide's own.

import { addAnnotations } from "./annotations.js";
import { find, showMessage } from "./elements.js";
import { deepZoomSource, layerSource } from "./layers.js";
import { addMeasuring } from "./measuring.js";
import { Overlay } from "./overlay.js";
import { addPanel } from "./panel.js";
import { addPlace } from "./place.js";
import { addScaleBar, Magnifications } from "./scale.js";
import { slideOf } from "./server.js";

const NO_VIEWER = "OpenSeadragon, which shows slides, is not part of this installation. "
  + "In a checkout, `make viewer` brings it; then install the package again.";

function makeViewer(source) {
  return OpenSeadragon({
    element: find("viewer"),
    tileSources: source,
    showNavigationControl: false,
    showNavigator: true,
    navigatorPosition: "TOP_RIGHT",
    animationTime: 0.4,
    maxZoomPixelRatio: 4,
    minZoomImageRatio: 0.6,
    visibilityRatio: 0.2,
    preserveImageSizeOnResize: true,
    imageLoaderLimit: 8,
    tileRetryMax: 3, // of a server that is busy
    tileRetryDelay: 1500, // milliseconds
    gestureSettingsMouse: { clickToZoom: false, dblClickToZoom: true },
  });
}

// Keys that OpenSeadragon does not know; those it does work where the slide has the focus.
function addKeys(actions) {
  document.addEventListener("keydown", (event) => {
    const isTyping = event.target instanceof HTMLInputElement && event.target.type !== "checkbox";
    if (isTyping || event.ctrlKey || event.metaKey || event.altKey) {
      return;
    }
    if (event.key === "Enter" && event.target.closest("button, a, input")) {
      return; // it has a meaning of its own there
    }
    actions[event.key]?.();
  });
}

function open(slide) {
  const magnifications = new Magnifications(slide);
  find("outlines").hidden = !slide.annotations;
  const isDeepZoom = new URLSearchParams(location.search).get("tiles") === "deepzoom";
  const viewer = makeViewer(isDeepZoom ? deepZoomSource(slide) : layerSource(slide));
  const overlay = new Overlay(viewer);
  const measuring = addMeasuring(viewer, overlay, slide);
  const panel = addPanel(slide);
  viewer.addHandler("canvas-key", (event) => {
    // Mirrored, what is painted over the slide would not fit it.
    event.preventDefaultAction = event.originalEvent.key.toLowerCase() === "f";
  });
  viewer.addHandler("open-failed", ({ message }) => showMessage(message));
  viewer.addHandler("tile-load-failed", () => {
    find("status").textContent = "Some of what is shown here could not be loaded";
  });
  viewer.addOnceHandler("open", async () => {
    addScaleBar(viewer, slide);
    magnifications.attach(viewer);
    const place = addPlace(viewer, slide);
    viewer.canvas.focus();
    const annotations = await addAnnotations(viewer, overlay, slide).catch((error) => {
      find("status").textContent = `The annotations cannot be shown: ${error.message}`;
      return { toggle: () => {} };
    });
    addKeys({
      m: measuring.toggle,
      Enter: measuring.placeInMiddle,
      Escape: measuring.stop,
      o: annotations.toggle,
      p: panel.toggle,
      c: place.share,
      0: () => viewer.viewport.goHome(),
    });
    document.body.dataset.ready = "true";
  });
  window.viewer = viewer; // for consoles, and tests
}

function giveUp(reason) {
  showMessage(reason);
  find("tools").hidden = true;
}

async function start() {
  const id = new URLSearchParams(location.search).get("slide") ?? "";
  find("name").textContent = id;
  document.title = id || "Slide";
  try {
    const slide = await slideOf(id);
    if (slide.state === "failed") {
      giveUp(slide.error);
    } else if (window.OpenSeadragon === undefined) {
      giveUp(NO_VIEWER);
    } else {
      open(slide);
    }
  } catch (error) {
    giveUp(error.message);
  }
}

start();
