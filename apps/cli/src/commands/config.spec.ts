import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { seconds } from '../program.ts';
import type { fleet } from '@keepfleet/rpc';
import type { Controller } from '../connection.ts';
import { ConfigCheckCommand, ConfigCheckOnNodeCommand, ConfigFormatCommand, ConfigLanguageCommand } from './config.ts';

let directory = '';
let path = '';
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'kf-cli-config-'));
  path = join(directory, 'keepalived.conf');
});
afterEach(() => rmSync(directory, { recursive: true }));

const write = (text: string) => writeFileSync(path, text);
const instance =
  'vrrp_instance V {\n interface eth0 # ours\n virtual_router_id 7\n virtual_ipaddress {\n 192.0.2.1\n }\n}\n';

describe('keepfleet config check', () => {
  it.each([
    ['global_defs {\n router_id a\n}\n', 0],
    ['global_defs {\n router_idd a\n}\n', 5],
    ['global_defs {\n router_id\n}\n', 4],
  ])('%j ends with %i', async (text, exitCode) => {
    write(text);
    expect(await new ConfigCheckCommand(path, {}).runLocally()).toMatchObject({ exitCode });
  });

  it('checks against the facts of another node', async () => {
    write(instance);
    const facts = join(directory, 'facts.json');
    writeFileSync(facts, JSON.stringify({ interfaces: [{ name: 'wan', loopback: false }] }));
    const answer = await new ConfigCheckCommand(path, { facts }).runLocally();
    expect(answer).toMatchObject({ exitCode: 5, text: expect.stringContaining('no interface eth0') });
  });

  it('asks the controller what a node would say, and shows it as its own', async () => {
    const included = join(directory, 'more.conf');
    writeFileSync(included, 'global_defs {\n}\n');
    write(`include more.conf\n${instance}`);
    const asked: fleet.CheckConfigRequest[] = [];
    const finding = {
      kind: 'host-interface',
      message: 'V: no interface eth0',
      hint: '',
      file: path,
      line: 3,
      column: 12,
    };
    const controller = {
      checkConfig: (request: fleet.CheckConfigRequest) => {
        asked.push(request);
        const findings = [{ ...finding, error: false, sourceLine: ' interface eth0 # ours' }];
        return Promise.resolve({ usable: true, findings, configId: 'l1' });
      },
    } as unknown as Controller;
    const answer = await new ConfigCheckOnNodeCommand(path, 'L1', {}).run(controller);
    expect(asked).toEqual([
      {
        node: 'L1',
        file: path,
        text: readFileSync(path, 'utf8'),
        includes: { [included]: 'global_defs {\n}\n' },
        configId: '',
      },
    ]);
    expect(answer).toMatchObject({
      exitCode: 5,
      text: expect.stringContaining(`${path}:3:12: warning: V: no interface eth0`),
    });
    expect(answer.text).toContain('can be used on L1');
  });

  it('has a code of its own for a file that is not there', () => {
    expect(() => new ConfigCheckCommand(join(directory, 'none'), {}).runLocally()).toThrowError(
      expect.objectContaining({ exitCode: 7 }),
    );
  });
});

describe('keepfleet config fmt', () => {
  it('writes a file in its one form, once, with its comments', async () => {
    write(instance);
    expect(await new ConfigFormatCommand(path, { check: true }).runLocally()).toMatchObject({ exitCode: 1 });
    await new ConfigFormatCommand(path, { write: true }).runLocally();
    expect(readFileSync(path, 'utf8')).toContain('    interface eth0 # ours\n');
    expect(await new ConfigFormatCommand(path, { check: true }).runLocally()).toMatchObject({ exitCode: 0 });
  });

  it.each([
    ['an error', 'global_defs {\n router_id\n}\n'],
    ['a keyword it would lose', 'global_defs {\n nonsense\n}\n'],
    ['a definition it would write out', '$A=x\nglobal_defs {\n router_id $A\n}\n'],
  ])('leaves a file with %s as it is', (_what, text) => {
    write(text);
    expect(() => new ConfigFormatCommand(path, { write: true }).runLocally()).toThrow(path);
    expect(readFileSync(path, 'utf8')).toBe(text);
  });

  it('writes definitions out when told so', async () => {
    write('$A=x\nglobal_defs {\n router_id $A\n}\n');
    const answer = await new ConfigFormatCommand(path, { expand: true }).runLocally();
    expect(answer.text).toContain('router_id x');
  });
});

it('keepfleet config language lists the keywords', async () => {
  const { text } = await new ConfigLanguageCommand().runLocally();
  expect(text).toContain('vrrp_instance > priority 1..255');
});

it.each([
  ['60', 60],
  ['60s', 60],
  ['5m', 300],
  ['1h', 3_600],
])('%s is a time to confirm', (text, value) => {
  expect(seconds(text)).toBe(value);
  expect(() => seconds(`${text}x`)).toThrow('no time');
});
