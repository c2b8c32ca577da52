// What must hold of package-lock.json so that `npm ci` passes on every platform and from every registry.

/** Where npm looks for `name` when the package at `path` asks for it: its own folder first, then outwards. */
function* places(path, name) {
  for (let folder = path; folder !== ''; folder = folder.slice(0, Math.max(folder.lastIndexOf('/'), 0))) {
    yield `${folder}/node_modules/${name}`;
  }
  yield `node_modules/${name}`;
}

/** The optional packages that some entry of the lock names and that have no entry of their own. */
export function missingOptional(lock) {
  const missing = new Map();
  for (const [path, entry] of Object.entries(lock.packages)) {
    for (const [name, range] of Object.entries(entry.optionalDependencies ?? {})) {
      if ([...places(path, name)].some((place) => lock.packages[place] !== undefined)) continue;
      missing.set(name, { path: `node_modules/${name}`, name, range, dev: entry.dev === true });
    }
  }
  return [...missing.values()];
}

/** Everything wrong with a lock, one sentence each. */
export function lockProblems(lock) {
  const problems = missingOptional(lock).map(
    ({ name, range }) => `${name}@${range} has no entry: run \`node scripts/complete-lock.mjs\``,
  );
  for (const [path, entry] of Object.entries(lock.packages)) {
    if (/^[a-z+]+:\/\//.test(entry.resolved ?? '')) {
      problems.push(
        `${path} records where it was downloaded from: .npmrc has omit-lockfile-registry-resolved, lock again`,
      );
    }
  }
  return problems;
}
