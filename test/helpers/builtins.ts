import { syncBuiltinESMExports } from 'node:module';

type Functions = Record<string, unknown>;

/** Undoes what `replaceBuiltin` did, the last first. */
const undo: (() => void)[] = [];

/**
 * Puts functions in the place of those of a module of node, for whoever imports it by name too, until
 * `restoreBuiltins`.
 *
 * @param module its default export
 * @param make gets the real function, and returns what is called instead
 */
export function replaceBuiltin<M extends object, K extends keyof M & string>(
  module: M,
  name: K,
  make: (real: M[K]) => M[K],
): void {
  const real = module[name];
  (module as Functions)[name] = make(real);
  syncBuiltinESMExports();
  undo.push(() => {
    (module as Functions)[name] = real;
  });
}

/** Gives all modules their own functions back. */
export function restoreBuiltins(): void {
  for (const one of undo.splice(0).reverse()) one();
  syncBuiltinESMExports();
}
