// The picture: one at a time. The server sends the next one when this one was seen; a hidden page asks for none.

export class Picture {
  // `seen()` has the server send the next one.
  constructor(canvas, seen) {
    this.canvas = canvas;
    this.seen = seen;
    this.unseen = false;
    document.addEventListener("visibilitychange", () => this.#ask());
  }

  // A new connection: whatever was asked for on the old one does not come any more.
  reset() {
    this.unseen = false;
  }

  async show(blob) {
    const bitmap = await createImageBitmap(blob);
    const { canvas } = this;
    if (canvas.width !== bitmap.width || canvas.height !== bitmap.height) {
      canvas.width = bitmap.width;
      canvas.height = bitmap.height;
    }
    canvas.getContext("2d").drawImage(bitmap, 0, 0);
    bitmap.close();
    this.unseen = true;
    this.#ask();
  }

  #ask() {
    if (!this.unseen || document.hidden) return;
    this.unseen = false;
    this.seen();
  }
}
