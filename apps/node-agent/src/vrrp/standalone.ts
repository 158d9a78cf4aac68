import { mkdirSync, readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { z } from 'zod';
import { createLog } from '../log.ts';
import { runVrrp } from './index.ts';
import { vrrpSettingsSchema } from './schemas.ts';

// The vrrp process by itself, for trials and for tests against other routers: `standalone.ts [--run-dir DIR] FILE`, a
// keepalived.conf or the settings that become of one in JSON.
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { 'run-dir': { type: 'string', default: '/run/keepfleet' } },
});
const [file] = positionals;
const runDirectory = values['run-dir'];
if (file === undefined) {
  process.stderr.write('usage: standalone.ts [--run-dir DIR] FILE.conf|SETTINGS.json\n');
  process.exitCode = 2;
} else {
  const settings = vrrpSettingsSchema.safeParse(await settingsOf(file));
  if (!settings.success) {
    process.stderr.write(`${file}: ${z.prettifyError(settings.error)}\n`);
    process.exitCode = 2;
  } else {
    mkdirSync(runDirectory, { recursive: true, mode: 0o755 });
    await runVrrp({ runDirectory, version: 'standalone', log: createLog('vrrp'), settings: settings.data });
  }
}

async function settingsOf(path: string): Promise<unknown> {
  const text = readFileSync(path, 'utf8');
  if (!path.endsWith('.conf')) return JSON.parse(text);
  const { formatDiagnostic, parseKeepalivedConfig } = await import('@keepfleet/config');
  const { vrrpSettings } = await import('../settings/index.ts');
  const { config, diagnostics } = parseKeepalivedConfig({ file: path, text });
  for (const diagnostic of diagnostics) process.stderr.write(`${formatDiagnostic(diagnostic)}\n`);
  // As the link would carry it.
  return JSON.parse(JSON.stringify(vrrpSettings(config)));
}
