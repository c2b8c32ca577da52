/** A list that is as short as leaving things out makes it, with what makes it interesting still true. */
export async function shrink<T>(
  items: readonly T[],
  interesting: (candidate: readonly T[]) => boolean | Promise<boolean>,
  limit = 5000,
): Promise<readonly T[]> {
  let best = items;
  let tried = 0;
  // Halves first, then ever smaller pieces; after each success from the back again, as what comes last needs least.
  for (let size = Math.ceil(best.length / 2); size >= 1; ) {
    let removed = false;
    for (let end = best.length; end > 0 && tried < limit; end -= size) {
      const candidate = [...best.slice(0, Math.max(0, end - size)), ...best.slice(end)];
      tried++;
      if (await interesting(candidate)) {
        best = candidate;
        removed = true;
      }
    }
    if (tried >= limit || (size === 1 && !removed)) break;
    if (!removed || size > best.length) size = Math.max(1, Math.floor(Math.min(size, best.length) / 2));
  }
  return best;
}
