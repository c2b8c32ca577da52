// Adds to package-lock.json an entry for every optional package that npm left out.
//
// The platform binaries of the tools are optional dependencies. npm 11.16 and later leave those out of the lock that
// the registry in use does not serve, and `npm ci` then rejects that same lock. An entry needs the version and the
// platforms only; npm asks the registry for the rest on the platform that wants it.
//
// Usage: node scripts/complete-lock.mjs          (run it after every `npm install` that changed a version)

import { execFile } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { promisify } from 'node:util';

import { missingOptional } from './lock.mjs';

const run = promisify(execFile);
const lockFile = new URL('../package-lock.json', import.meta.url);

/** The platforms a binary package is for, read from its name: `@scope/cli-linux-arm64-musl`. */
function platformsOf(name) {
  const words = name
    .replace(/^@[^/]+\//, '')
    .split(/[/-]/)
    .filter((word) => word !== 'cli' && word !== 'binding');
  const systems = [
    'aix',
    'android',
    'darwin',
    'freebsd',
    'linux',
    'netbsd',
    'openbsd',
    'openharmony',
    'sunos',
    'win32',
  ];
  const cpus = ['arm', 'arm64', 'ia32', 'loong64', 'mips64el', 'ppc64', 'riscv64', 's390x', 'wasm32', 'x64'];
  const os = words.filter((word) => systems.includes(word));
  const cpu = words.filter((word) => cpus.includes(word));
  if (os.length !== 1 || cpu.length !== 1) {
    throw new Error(`cannot tell the platform of ${name} from its name`);
  }
  if (words.some((word) => word.startsWith('musl'))) return { os, cpu, libc: ['musl'] };
  if (words.some((word) => word.startsWith('gnu'))) return { os, cpu, libc: ['glibc'] };
  return { os, cpu };
}

/** What the registry says of `name@version`, or undefined where it does not serve the package. */
async function published(name, version) {
  try {
    const fields = ['dist.integrity', 'license', 'os', 'cpu', 'libc', 'engines'];
    const { stdout } = await run('npm', ['view', `${name}@${version}`, ...fields, '--json']);
    return stdout.trim() === '' ? undefined : JSON.parse(stdout);
  } catch {
    return undefined;
  }
}

const lock = JSON.parse(await readFile(lockFile, 'utf8'));
const missing = missingOptional(lock);
for (const { path, name, range, dev } of missing) {
  if (!/^\d+\.\d+\.\d+$/.test(range)) {
    throw new Error(`${name} is wanted as ${range}: only an exact version can be entered without the registry`);
  }
  const known = await published(name, range);
  const { os, cpu, libc } = known?.os === undefined ? platformsOf(name) : known;
  lock.packages[path] = {
    version: range,
    ...(known?.['dist.integrity'] === undefined ? {} : { integrity: known['dist.integrity'] }),
    cpu,
    ...(dev ? { dev: true } : {}),
    ...(libc === undefined ? {} : { libc }),
    ...(known?.license === undefined ? {} : { license: known.license }),
    optional: true,
    os,
    ...(known?.engines === undefined ? {} : { engines: known.engines }),
  };
}
if (missing.length > 0) {
  lock.packages = Object.fromEntries(Object.entries(lock.packages).sort(([a], [b]) => a.localeCompare(b, 'en')));
  await writeFile(lockFile, `${JSON.stringify(lock, undefined, 2)}\n`);
}
console.log(`package-lock.json: ${missing.length} entries added`);
