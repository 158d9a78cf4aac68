import { mkdirSync, readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { z } from 'zod';
import { createLog } from '../log.ts';
import { runBfd } from './index.ts';
import { bfdSettingsSchema } from './schemas.ts';

// The bfd process by itself: `standalone.ts --run-dir DIR SETTINGS.json`, for trials and for tests against other routers.
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { 'run-dir': { type: 'string', default: '/run/keepfleet' } },
});
const [file] = positionals;
const runDirectory = values['run-dir'];
if (file === undefined) {
  process.stderr.write('usage: standalone.ts [--run-dir DIR] SETTINGS.json\n');
  process.exitCode = 2;
} else {
  const settings = bfdSettingsSchema.safeParse(JSON.parse(readFileSync(file, 'utf8')));
  if (!settings.success) {
    process.stderr.write(`${file}: ${z.prettifyError(settings.error)}\n`);
    process.exitCode = 2;
  } else {
    mkdirSync(runDirectory, { recursive: true, mode: 0o755 });
    await runBfd({ runDirectory, version: 'standalone', log: createLog('bfd'), settings: settings.data });
  }
}
