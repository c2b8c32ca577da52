import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import * as esbuild from 'esbuild';

const root = new URL('../../', import.meta.url);
const at = (path: string): string => fileURLToPath(new URL(path, root));

/** The oldest browsers in which the page works: those that know `light-dark()`. */
const BROWSERS = ['chrome123', 'firefox125', 'safari17.5'];

async function bundle(entry: string): Promise<string> {
  const { outputFiles } = await esbuild.build({
    entryPoints: [at(entry)],
    bundle: true,
    write: false,
    minify: true,
    format: 'iife',
    platform: 'browser',
    target: BROWSERS,
    legalComments: 'none',
    logLevel: 'warning',
  });
  return (outputFiles[0]?.text ?? '').trim();
}

function hashOf(text: string): string {
  return `sha256-${createHash('sha256').update(text).digest('base64')}`;
}

/** Returns the text of the page that shows a simulated cluster. */
export function buildPage(): Promise<string> {
  return build('src/page/page.html', 'dist/page/main.js');
}

/** Returns the text of the page that shows a running store; its launcher serves it. */
export function buildLivePage(): Promise<string> {
  return build('src/live/live.html', 'dist/live/main.js');
}

/**
 * One file that holds everything, with one classic inline script, so that it works from file:// too. Its policy allows
 * that script and that style by their hashes.
 */
async function build(html: string, entry: string): Promise<string> {
  const [page, bundled, style] = await Promise.all([
    readFile(at(html), 'utf8'),
    bundle(entry),
    bundle('src/page/style.css'),
  ]);
  // A closing tag inside would end the script early.
  const script = bundled.replaceAll('</script', '<\\/script');
  return page
    .replace('%SCRIPT_HASH%', hashOf(script))
    .replace('%STYLE_HASH%', hashOf(style))
    .replace('<style></style>', () => `<style>${style}</style>`)
    .replace('<script></script>', () => `<script>${script}</script>`);
}
