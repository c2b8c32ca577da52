import { readFile } from 'node:fs/promises';
import { UsageError } from '../../common/usage.js';

/** Reads the token that clients must show. @throws UsageError for a file that cannot be read, or holds no token */
export async function readToken(file: string): Promise<string> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    throw new UsageError(`cannot read --token-file: ${(error as Error).message}`);
  }
  const token = text.trim();
  if (/^[\x21-\x7e]{16,1024}$/u.test(token)) return token;
  throw new UsageError(
    `--token-file wants one line of 16 to 1024 visible ASCII characters in ${file}, such as openssl rand -hex 32 prints`,
  );
}
