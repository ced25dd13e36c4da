// The view in the address of the page: #x=..&y=..&zoom=..&turn=.., the middle in level-0
// pixels, how many pixels of the screen one of them has, and degrees clockwise.

import { find } from "./elements.js";

function read() {
  const given = new URLSearchParams(location.hash.slice(1));
  const [x, y, zoom] = ["x", "y", "zoom"].map((name) => Number.parseFloat(given.get(name)));
  const turn = Number.parseFloat(given.get("turn") ?? "0");
  return [x, y, zoom, turn].every(Number.isFinite) && zoom > 0 ? { x, y, zoom, turn } : null;
}

export function addPlace(viewer, slide) {
  const go = (isAtOnce) => {
    const { viewport } = viewer;
    const place = read();
    if (place) {
      viewport.setRotation(place.turn, isAtOnce);
      viewport.zoomTo(viewport.imageToViewportZoom(place.zoom), null, isAtOnce);
      const middle = viewport.imageToViewportCoordinates(place.x, place.y);
      viewport.panTo(middle, isAtOnce);
    } else {
      const { x, y, width, height } = slide.bounds;
      viewport.fitBounds(viewport.imageToViewportRectangle(x, y, width, height), isAtOnce);
    }
  };
  const note = () => {
    const { viewport } = viewer;
    const { x, y } = viewport.viewportToImageCoordinates(viewport.getCenter());
    const zoom = viewport.viewportToImageZoom(viewport.getZoom());
    const turn = Math.round(viewport.getRotation()) % 360;
    const place = `#x=${Math.round(x)}&y=${Math.round(y)}&zoom=${zoom.toPrecision(4)}`;
    history.replaceState(null, "", turn ? `${place}&turn=${turn}` : place);
  };
  const share = async () => {
    note();
    try {
      await navigator.clipboard.writeText(location.href);
      find("status").textContent = "The address of this view is copied";
    } catch {
      find("status").textContent = "The address of this page shows this view";
    }
  };
  go(true);
  viewer.addHandler("animation-finish", note);
  window.addEventListener("hashchange", () => go(false));
  find("share").addEventListener("click", share);
  find("fit").addEventListener("click", () => viewer.viewport.goHome());
  return { share };
}
