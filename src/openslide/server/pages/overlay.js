// A canvas over the slide; what is painted on it is in level-0 pixels, and moves along.

export class Overlay {
  constructor(viewer) {
    this.viewer = viewer;
    this.painters = [];
    this.canvas = document.createElement("canvas");
    this.canvas.className = "overlay";
    viewer.element.append(this.canvas);
    viewer.addHandler("update-viewport", () => this.paint());
    viewer.addHandler("resize", () => this.paint());
  }

  // painter(context, scale): scale is how many pixels of the screen a level-0 pixel has.
  add(painter) {
    this.painters.push(painter);
  }

  paint() {
    const { canvas, viewer } = this;
    const ratio = window.devicePixelRatio || 1;
    const width = Math.round(viewer.element.clientWidth * ratio);
    const height = Math.round(viewer.element.clientHeight * ratio);
    if (canvas.width !== width || canvas.height !== height) {
      canvas.width = width;
      canvas.height = height;
      canvas.style.width = `${width / ratio}px`;
      canvas.style.height = `${height / ratio}px`;
    }
    const context = canvas.getContext("2d");
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.clearRect(0, 0, width, height);
    if (!viewer.world.getItemCount()) {
      return;
    }
    const [origin, right, lower] = [[0, 0], [1, 0], [0, 1]].map((p) => this.onScreen(...p));
    context.setTransform(
      ratio * (right.x - origin.x), ratio * (right.y - origin.y),
      ratio * (lower.x - origin.x), ratio * (lower.y - origin.y),
      ratio * origin.x, ratio * origin.y,
    );
    const scale = Math.hypot(right.x - origin.x, right.y - origin.y);
    this.painters.forEach((painter) => painter(context, scale));
  }

  // Where a level-0 pixel is now, in pixels of the screen.
  onScreen(x, y) {
    const { viewport } = this.viewer;
    const size = this.viewer.world.getItemAt(0).getContentSize().x;
    return viewport.pixelFromPoint(new OpenSeadragon.Point(x / size, y / size), true);
  }

  // What is shown now, in level-0 pixels: {left, upper, right, lower}.
  shown() {
    const box = this.viewer.viewport.getBoundsNoRotate(true);
    const size = this.viewer.world.getItemAt(0).getContentSize().x;
    return {
      left: box.x * size,
      upper: box.y * size,
      right: (box.x + box.width) * size,
      lower: (box.y + box.height) * size,
    };
  }
}
