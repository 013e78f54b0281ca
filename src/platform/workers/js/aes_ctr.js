// a256ctr: AES-256 in counter mode by WebCrypto, which is faster than WebAssembly and keeps bodies out of its memory.

const BLOCK_BYTES = 16;

/** A keystream of AES-256 in counter mode, at a position. Confidential only, not authenticated. */
export class AesCtr {
  /** @type {Promise<CryptoKey>} */
  #key;
  /**
   * The counter block of the next block: 12 bytes of nonce and a 32-bit big-endian index.
   *
   * @type {Uint8Array<ArrayBuffer>}
   */
  #counter;
  #index;
  /** The number of bytes of that block that are used up. */
  #skip;

  /**
   * Makes the keystream from byte `skip` of the block with this counter block on.
   *
   * @param {Uint8Array<ArrayBuffer>} key 32 bytes, which are cleared
   * @param {Uint8Array<ArrayBuffer>} counterBlock
   * @param {number} skip
   */
  constructor(key, counterBlock, skip) {
    this.#key = crypto.subtle.importKey("raw", key, "AES-CTR", false, ["encrypt"]);
    // WebCrypto has a copy.
    key.fill(0);
    // `encrypt` reports the error.
    this.#key.catch(() => {});
    this.#counter = counterBlock;
    this.#index = new DataView(counterBlock.buffer, counterBlock.byteOffset).getUint32(12);
    this.#skip = skip;
  }

  /**
   * Resolves to the encrypted bytes, in a new buffer. `bytes` must not change until then. The caller has checked that they end within the keystream.
   *
   * @param {Uint8Array<ArrayBuffer>} bytes
   */
  async encrypt(bytes) {
    const key = await this.#key;
    const skip = this.#skip;
    let data = bytes;
    if (skip > 0) {
      data = new Uint8Array(skip + bytes.byteLength);
      data.set(bytes, skip);
    }
    // The counter has 32 bits. A longer one would reach the metadata's keystream behind the last block.
    const encrypted = await crypto.subtle.encrypt({ name: "AES-CTR", counter: this.#counter, length: 32 }, key, data);
    const end = skip + bytes.byteLength;
    this.#index += Math.floor(end / BLOCK_BYTES);
    this.#skip = end % BLOCK_BYTES;
    new DataView(this.#counter.buffer, this.#counter.byteOffset).setUint32(12, this.#index);
    return new Uint8Array(encrypted, skip);
  }
}
