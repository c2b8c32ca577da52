import process from 'node:process';

// mocha adds the files of the command line to those of this file, where one who names some wants only these.
const named = process.argv.slice(2).some((arg) => /^--spec\b|\.test\.js$/.test(arg));

export default {
  spec: named ? [] : ['test/dist/**/*.test.js'],
  reporter: './scripts/reporter.mjs',
  // Only a hang takes as long, on the slowest machine with others beside: no test is red because of the time it takes.
  timeout: 120_000,
  // An `.only` that was left behind would hide every other test.
  forbidOnly: process.env['CI'] !== undefined,
  // Stacks name the .ts file and line.
  'node-option': ['enable-source-maps'],
};
