/** A whole number drawn evenly from [0, n), from the host's source. */
export function hostRandom(n: number): number {
  return Math.floor(((crypto.getRandomValues(new Uint32Array(1))[0] as number) / 2 ** 32) * n);
}
