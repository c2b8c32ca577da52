// For Jest and vitest, whose `test` is a global.
import { uses } from './whole.js';

for (const [name, use] of Object.entries(uses)) test(name, use, 20_000);
