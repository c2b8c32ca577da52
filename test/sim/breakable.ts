import { AsyncLocalStorage } from 'node:async_hooks';

/**
 * Makes a method breakable for what a function runs, and for nothing else. A test that times out goes on beside those
 * that follow it: with a method that is broken in the whole process their simulations would find what it plants.
 * @returns runs something for which the method is what `change` makes of the original
 */
export function breakable<Method>(
  owner: object,
  name: string,
): <T>(change: (original: Method) => Method, run: () => T) => T {
  const methods = owner as Record<string, unknown>;
  const original = methods[name] as Method;
  const broken = new AsyncLocalStorage<Method>();
  methods[name] = function (this: unknown, ...args: unknown[]): unknown {
    return Reflect.apply((broken.getStore() ?? original) as (...args: unknown[]) => unknown, this, args);
  };
  return (change, run) => broken.run(change(original), run);
}
