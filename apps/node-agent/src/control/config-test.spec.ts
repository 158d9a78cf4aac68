import { chmodSync, mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { configTestText, dumpConfiguration, testConfiguration } from './config-test.ts';
import { readConfiguration } from './configuration.ts';

let directory = '';
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'kf-config-test-'));
});
afterEach(() => rmSync(directory, { recursive: true }));

function test(text: string, options: Parameters<typeof testConfiguration>[1] = {}) {
  const path = join(directory, 'keepalived.conf');
  writeFileSync(path, text);
  return testConfiguration(path, options);
}

const instance = (inner: string) =>
  `vrrp_instance V {\n interface lo9\n virtual_router_id 7\n virtual_ipaddress {\n 192.0.2.1\n }\n ${inner}\n}\n`;

describe('--config-test', () => {
  it.each([
    ['global_defs {\n router_id a\n}\n', 'clean', 0],
    ['global_defs {\n router_idd a\n}\n', 'warnings', 5],
    ['global_defs {\n router_id\n}\n', 'errors', 4],
    [instance(''), 'warnings', 5],
    [instance('notify_master /bin/sh'), 'security', 6],
    [instance('priority'), 'errors', 4],
    ['', 'errors', 4],
  ])('%j is %s', async (text, verdict, exitCode) => {
    expect(await test(text)).toMatchObject({ verdict, exitCode });
  });

  it('has a code of its own for a file that is not there', async () => {
    const found = await testConfiguration(join(directory, 'none.conf'));
    expect(found).toMatchObject({ verdict: 'missing', exitCode: 7, diagnostics: [] });
    expect(configTestText(found)).toContain('none.conf');
  });

  it.each([
    ['the file itself', (huge: string) => huge, 'more than 16777216'],
    ['an include', (huge: string) => `includer ${huge}`, 'more than 67108864'],
  ])('refuses 1 GiB as %s without reading it', async (what, use, reason) => {
    const huge = join(directory, 'huge.conf');
    writeFileSync(huge, 'global_defs {\n}\n');
    // Of holes: it takes no place, and reading it would take a gigabyte of memory.
    truncateSync(huge, 2 ** 30);
    const before = process.memoryUsage().rss;
    const found = await (what === 'an include' ? test(`${use(huge)}\n`) : testConfiguration(huge));
    expect(found.exitCode).not.toBe(0);
    expect(JSON.stringify(found)).toContain(reason);
    expect(process.memoryUsage().rss - before).toBeLessThan(2 ** 28);
  });

  it('takes every include for necessary when told so', async () => {
    const text = 'include none.conf\n';
    expect(await test(text)).toMatchObject({ verdict: 'warnings' });
    expect(await test(text, { allIncludes: true })).toMatchObject({ verdict: 'errors' });
  });

  it('reads no include that may be executed', async () => {
    writeFileSync(join(directory, 'x.conf'), 'global_defs {\n}\n');
    chmodSync(join(directory, 'x.conf'), 0o755);
    expect((await test('includer x.conf\n')).diagnostics).toMatchObject([{ kind: 'include', severity: 'error' }]);
  });

  it('shows each finding with its line, and no secret', async () => {
    const text = configTestText(await test(instance('authentication {\n auth_typ PASS\n auth_pass tellnone\n }')));
    expect(text).toContain('did you mean "auth_type"?');
    expect(text).toContain(' | ');
    expect(text).not.toContain('tellnone');
  });
});

describe('--dump-conf', () => {
  it('writes what a file means, without its secrets', () => {
    const path = join(directory, 'keepalived.conf');
    writeFileSync(path, instance('authentication {\n auth_type PASS\n auth_pass tellnone\n }'));
    const reading = readConfiguration(path);
    const text = reading.ok ? dumpConfiguration(reading.configuration.config) : '';
    expect(text).toContain('virtual_router_id 7');
    expect(text).toContain('priority 100');
    expect(text).not.toContain('tellnone');
  });
});
