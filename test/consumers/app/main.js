// What a program does with the packages, one line for each use. No `await` at the top: it is bundled to CommonJS too.
import { uses } from './whole.js';

async function main() {
  for (const [name, use] of Object.entries(uses)) {
    await use();
    console.log(`ok: ${name}`);
  }
}

main().catch((error) => {
  console.error(error);
  process.exitCode = 1;
});
