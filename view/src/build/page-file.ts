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

/** One of the pages: what differs between them. */
interface Kind {
  readonly html: string;
  readonly entry: string;
  readonly title: string;
  /** What its policy allows besides script and style. */
  readonly policy: string;
}

/** Returns the text of the page that shows a simulated cluster. */
export function buildPage(): Promise<string> {
  const title = 'raft-ts: see it, break it';
  return build({ html: 'src/page/page.html', entry: 'dist/page/main.js', title, policy: '' });
}

/** Returns the text of the page that shows a running cluster; its launcher serves it. */
export function buildLivePage(): Promise<string> {
  const title = 'raft-ts: a running cluster';
  return build({ html: 'src/live/live.html', entry: 'dist/live/main.js', title, policy: "connect-src 'self'; " });
}

/**
 * One file that holds everything, with one classic inline script, so that it works from file:// too. Its policy allows
 * that script and that style by their hashes.
 */
async function build({ html, entry, title, policy }: Kind): Promise<string> {
  const [page, bundled, style] = await Promise.all([
    readFile(at(html), 'utf8').then(assemble),
    bundle(entry),
    bundle('src/page/style.css'),
  ]);
  // A closing tag inside would end the script early.
  const script = bundled.replaceAll('</script', '<\\/script');
  return page
    .replace('%TITLE%', title)
    .replace('%POLICY%', policy)
    .replace('%SCRIPT_HASH%', hashOf(script))
    .replace('%STYLE_HASH%', hashOf(style))
    .replace('<style></style>', () => `<style>${style}</style>`)
    .replace('<script></script>', () => `<script>${script}</script>`);
}

/** Puts the parts that pages share where comments name them: `<!-- stage -->` for `src/parts/stage.html`. */
async function assemble(page: string): Promise<string> {
  const pieces = page.split(/<!-- (\w+) -->/u).map(async (piece, i) => {
    if (i % 2 === 0) return piece;
    return (await readFile(at(`src/parts/${piece}.html`), 'utf8')).trimEnd();
  });
  return (await Promise.all(pieces)).join('');
}
