// Fills of the cache.

/** A source that sends less than this in the time that a step is given counts as stalled. */
const STEP_BYTES = 16 * 1024;
const READ_BYTES = 256 * 1024;

/**
 * Moves a stream into another one, a chunk with each step, so that the caller sees progress. The runtime's own `pipeTo` says nothing until it
 * ends.
 */
export class Pump {
  #reader;
  #writer;
  #buffer = new ArrayBuffer(READ_BYTES);

  /**
   * @param {ReadableStream<Uint8Array>} source
   * @param {WritableStream<Uint8Array>} sink
   */
  constructor(source, sink) {
    this.#reader = source.getReader({ mode: "byob" });
    this.#writer = sink.getWriter();
    // The step that meets an error reports it.
    this.#writer.closed.catch(() => {});
  }

  /** Moves a chunk; resolves to false at the end. */
  async step() {
    const { value } = await this.#reader.readAtLeast(STEP_BYTES, new Uint8Array(this.#buffer));
    if (!value?.byteLength) {
      await this.#writer.close();
      return false;
    }
    await this.#writer.write(value);
    this.#buffer = value.buffer;
    return true;
  }

  /**
   * Breaks both streams off.
   *
   * @param {unknown} reason
   */
  abort(reason) {
    this.#reader.cancel(reason).catch(() => {});
    this.#writer.abort(reason).catch(() => {});
  }
}
