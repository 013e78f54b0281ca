// Copies bodies into the cache.

/** A step reads at least this much, except at the end. A source that sends less within the time limit of a step counts as stalled. */
const STEP_BYTES = 16 * 1024;
const READ_BYTES = 256 * 1024;

/**
 * Copies a stream into another one, one chunk per step, so that the caller sees progress. The runtime's own `pipeTo` reports nothing until it
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

  /** Copies a chunk. Resolves to false at the end of the source. */
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
   * Aborts both streams.
   *
   * @param {unknown} reason
   */
  abort(reason) {
    this.#reader.cancel(reason).catch(() => {});
    this.#writer.abort(reason).catch(() => {});
  }
}
