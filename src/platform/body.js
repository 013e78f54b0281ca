/**
 * What a read comes to. Throws "timed out" after `timeoutMs`: the read is left alone then, and ends with the
 * request that it was made for.
 */
export async function inTime(read, timeoutMs) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(reject, timeoutMs, "timed out");
  });
  try {
    return await Promise.race([read, late]);
  } finally {
    clearTimeout(timer);
  }
}
