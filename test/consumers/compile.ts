import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import process from 'node:process';

import { run } from '../repo/repository.js';

/** What a consumer's tsconfig.json says. */
export interface Setting {
  readonly files: readonly ('types-core.ts' | 'types-log.ts' | 'types-transport.ts')[];
  readonly resolution: 'node16' | 'nodenext' | 'bundler';
  readonly dom: boolean;
  /** Are the global types of @types/node there? */
  readonly node: boolean;
}

const everything = ['types-core.ts', 'types-log.ts', 'types-transport.ts'] as const;

/** For a folder in which all packages are installed, and so is @types/node, which the transport brings. */
export const wholeSettings: readonly Setting[] = [
  { files: everything, resolution: 'node16', dom: true, node: true },
  { files: everything, resolution: 'nodenext', dom: false, node: true },
  { files: everything, resolution: 'bundler', dom: true, node: true },
  { files: everything, resolution: 'bundler', dom: false, node: true },
];

const withoutTransport = ['types-core.ts', 'types-log.ts'] as const;

/** For a folder with the core and the log, and no @types/node. Something must say what an AbortSignal is. */
export const bareSettings: readonly Setting[] = [
  { files: withoutTransport, resolution: 'nodenext', dom: true, node: false },
  { files: withoutTransport, resolution: 'bundler', dom: true, node: false },
];

export function describeSetting({ resolution, dom, node }: Setting): string {
  return `${resolution}, ${dom ? 'with' : 'without'} DOM, ${node ? 'with' : 'without'} @types/node`;
}

/** Compiles in `folder` with a compiler's `tsc`, checking the declarations too. Returns its complaints. */
export async function compile(folder: string, tsc: string, setting: Setting): Promise<string> {
  const compilerOptions = {
    noEmit: true,
    strict: true,
    skipLibCheck: false,
    target: 'es2022',
    lib: setting.dom ? ['es2022', 'dom'] : ['es2022'],
    types: setting.node ? ['node'] : [],
    module: setting.resolution === 'bundler' ? 'esnext' : setting.resolution,
    moduleResolution: setting.resolution,
  };
  const config = JSON.stringify({ compilerOptions, files: setting.files });
  await writeFile(join(folder, 'tsconfig.json'), config);
  const args = [tsc, '-p', '.', '--pretty', 'false'];
  const { code, stdout, stderr } = await run(process.execPath, args, { cwd: folder, timeoutMs: 120_000 });
  return code === 0 ? '' : stdout + stderr;
}
