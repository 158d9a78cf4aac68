import { parseArguments } from './arguments.ts';
import { runDaemon } from './daemon.ts';
import { runVerb } from './verbs.ts';

const words = process.argv.slice(2);
if (words[0] === 'daemon') {
  await runDaemon(words[1] ?? '');
} else {
  const parsed = parseArguments(words);
  // A reader that has seen enough, as `head`, is no fault. A lab in the foreground takes itself down first.
  if (!parsed.ok || parsed.value.verb !== 'up') {
    process.stdout.on('error', (error) => process.exit('code' in error && error.code === 'EPIPE' ? 0 : 1));
  }
  if (parsed.ok) {
    process.exitCode = await runVerb(parsed.value);
  } else {
    process.stderr.write(`lab: ${parsed.message}; all verbs: npm run lab -- help\n`);
    process.exitCode = 2;
  }
}
