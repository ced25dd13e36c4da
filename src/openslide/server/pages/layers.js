// What OpenSeadragon asks for: the layers of a slide, which have their own grids of tiles.

import { path } from "./server.js";

export function layerSource(slide) {
  const layers = slide.layers;
  const finest = layers.length - 1; // as OpenSeadragon counts, the coarsest is 0
  const layer = (level) => layers[finest - level];
  const source = new OpenSeadragon.TileSource({
    width: slide.width,
    height: slide.height,
    tileWidth: layers[0].tile_width,
    tileHeight: layers[0].tile_height,
    tileOverlap: 0,
    minLevel: 0,
    maxLevel: finest,
  });
  const folder = `${path(slide.id)}_layers`;
  return Object.assign(source, {
    getLevelScale: (level) => 1 / layer(level).downsample,
    getTileWidth: (level) => layer(level).tile_width,
    getTileHeight: (level) => layer(level).tile_height,
    getNumTiles: (level) => new OpenSeadragon.Point(layer(level).columns, layer(level).rows),
    getTileUrl: (level, x, y) => `${folder}/${finest - level}/${x}_${y}.jpeg?v=${slide.version}`,
  });
}

export function deepZoomSource(slide) {
  return `${path(slide.id)}.dzi`;
}
