import { writeFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import process from 'node:process';
import { parseArgs } from 'node:util';
import { buildPage } from './page-file.js';
import { servePage } from './serve.js';

const USAGE = `usage: npm run view -- [--port N]     serve the page on this machine (default: any free port)
       npm run view -- --out FILE     write the page to a file, which works from file:// too`;

interface Call {
  readonly out: string | undefined;
  readonly port: number;
}

/** Reads the command line. @throws Error that says what is wrong with it */
export function readCall(args: readonly string[]): Call | 'help' {
  const { values } = parseArgs({
    args: [...args],
    options: { out: { type: 'string' }, port: { type: 'string', default: '0' }, help: { type: 'boolean', short: 'h' } },
  });
  if (values.help === true) return 'help';
  const port = Number(values.port);
  if (!Number.isInteger(port) || port < 0 || port > 65_535) throw new Error(`--port: ${values.port} is not a port`);
  return { out: values.out, port };
}

/** Runs the command. Resolves with its exit code; while it serves, the process lives on. */
export async function main(args: readonly string[]): Promise<number> {
  let call: Call | 'help';
  try {
    call = readCall(args);
  } catch (error) {
    process.stderr.write(`${(error as Error).message}\n${USAGE}\n`);
    return 2;
  }
  if (call === 'help') {
    process.stdout.write(`${USAGE}\n`);
    return 0;
  }
  const page = await buildPage();
  if (call.out !== undefined) {
    await writeFile(call.out, page);
    process.stdout.write(`the page is in ${resolve(call.out)}: open it in a browser\n`);
    return 0;
  }
  const { url } = await servePage(page, call.port);
  process.stdout.write(`the page is at ${url} (Ctrl-C stops it)\n`);
  return 0;
}
