import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const root = new URL('../../', import.meta.url);
const at = (path: string): string => fileURLToPath(new URL(path, root));

/** The oldest browsers in which the page works: those that know `light-dark()`. */
const BROWSERS = ['chrome123', 'firefox125', 'safari17.5'];

async function bundle(entry: string): Promise<string> {
  const { outputFiles } = await build({
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

/**
 * Returns the text of the page: one file that holds everything, with one classic inline script, so that it works from
 * file:// too. Its policy allows that script and that style by their hashes, and no request at all.
 */
export async function buildPage(): Promise<string> {
  const [page, bundled, style] = await Promise.all([
    readFile(at('src/page/page.html'), 'utf8'),
    bundle('dist/page/main.js'),
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
