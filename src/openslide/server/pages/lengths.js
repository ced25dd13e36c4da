// Lengths in words; those of a slide are in microns.

const MICRONS = "\u00b5m";

export function length(microns) {
  if (microns >= 1000) {
    return `${rounded(microns / 1000)} mm`;
  }
  if (microns < 0.1) {
    return `${rounded(microns * 1000)} nm`;
  }
  return `${rounded(microns)} ${MICRONS}`;
}

function rounded(value) {
  return Number(value.toPrecision(3)).toString();
}

export function pixels(width, height) {
  return `${width.toLocaleString("en")} \u00d7 ${height.toLocaleString("en")} pixels`;
}

export function resolution(mpp) {
  return mpp === null ? "unknown" : `${rounded(mpp[0])} ${MICRONS} per pixel`;
}
