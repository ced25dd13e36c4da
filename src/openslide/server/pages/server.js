// Addresses of the server, all relative to its pages, so that they hold behind a proxy too.

// Parts of a path, with what is not plain in them escaped.
export function path(id) {
  return id.split("/").map(encodeURIComponent).join("/");
}

export function viewOf(id) {
  return `view?slide=${encodeURIComponent(id)}`;
}

export function thumbnailOf(slide, size) {
  return `${path(slide.id)}/thumbnail.jpeg?size=${size}`;
}

export function associatedImage(slide, name, size) {
  const picture = `associated/${encodeURIComponent(name)}.jpeg`;
  return `${path(slide.id)}/${picture}?size=${size}&v=${slide.version}`;
}

// The JSON at an address; an Error with the server's own words where there is none.
export async function json(address) {
  return (await answer(address)).content;
}

async function answer(address) {
  const response = await fetch(address);
  const content = await response.json().catch(() => undefined);
  if (!response.ok) {
    throw new Error(content?.detail ?? `the server answered ${response.status}`);
  }
  if (content === undefined) {
    throw new Error("the server's answer is no JSON");
  }
  return { content, headers: response.headers };
}

export const slideOf = (id) => json(`api/slides/${path(id)}`);
export const slides = () => json("api/slides");

// GeoJSON, and where in the slide its coordinates begin, in level-0 pixels.
export async function annotationsOf(slide) {
  const { content, headers } = await answer(`${path(slide.id)}/annotations.geojson`);
  const [x, y] = (headers.get("OpenSlide-Offset") ?? "0,0").split(",").map(Number);
  return { content, offset: { x, y } };
}
