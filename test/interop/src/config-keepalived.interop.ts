import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { type KeepalivedConfig, type Diagnostic, formatDiagnostic, parseKeepalivedConfig } from '@keepfleet/config';
import { afterAll, describe, it } from 'vitest';

// One file, two readers: our verdict beside that of `keepalived -t`. Needs root and Debian's keepalived.

const DEBIAN = '/usr/share/doc/keepalived/samples';
const OURS = fileURLToPath(new URL('../../../libs/config/samples', import.meta.url));
const TIMEOUT = 30_000;

/** Files that keepalived finds fault with and we do not, or the other way round; what agrees must not be here. */
const EXPLAINED: Readonly<Record<string, string>> = {
  SMTP_CHECK: 'we say that the host block is deprecated; keepalived takes it in silence',
  SSL_GET:
    'AH is not carried out here, so its conflict with state MASTER is not looked at; that it has no effect we say',
  fwmark: 'that a mark has no protocol is not said here',
  track_interface: 'whether a route can be tracked is not looked at yet',
  vrrp: 'we say that the second line of an address has no effect; keepalived takes the first in silence',
  'vrrp.localcheck': 'exit code 6 is about the safety of scripts on the host, which the parser does not look at',
  'vrrp.routes': 'the meaning of route lines is not read yet',
  'vrrp.rules': 'the meaning of rule lines is not read yet',
  'vrrp.static_ipaddress': 'whether a route can be tracked is not looked at yet',
};

interface Case {
  readonly title: string;
  readonly path: string;
  readonly configId: string;
}

const debian = existsSync(DEBIAN)
  ? readdirSync(DEBIAN).flatMap((name): Case[] =>
      name.startsWith('keepalived.conf.')
        ? [{ title: name.slice('keepalived.conf.'.length), path: `${DEBIAN}/${name}`, configId: 'l1' }]
        : [],
    )
  : [];
const ours = readdirSync(OURS).flatMap((name): Case[] =>
  name.endsWith('.conf')
    ? ['l1', 'l2', 'l3'].map((configId) => ({ title: `${name} on ${configId}`, path: `${OURS}/${name}`, configId }))
    : [],
);

function run(...command: string[]): { readonly code: number | null; readonly output: string } {
  const [program = '', ...rest] = command;
  const { status, stdout, stderr, error } = spawnSync(program, rest, { encoding: 'utf8', timeout: TIMEOUT });
  if (error !== undefined) throw error;
  return { code: status, output: `${stdout}${stderr}` };
}

const spaces: string[] = [];

/** A namespace with an interface of each name, down and without addresses. */
function namespace(interfaces: ReadonlySet<string>): string {
  const name = `kf-config-${process.pid}-${spaces.length + 1}`;
  assert.equal(run('ip', 'netns', 'add', name).code, 0, 'a namespace needs root');
  spaces.push(name);
  for (const link of interfaces) {
    const { code, output } = run('ip', '-n', name, 'link', 'add', link, 'type', 'bridge');
    assert.equal(code, 0, `${link}: ${output}`);
  }
  return name;
}

function interfacesOf(config: KeepalivedConfig, text: string): ReadonlySet<string> {
  const owners = [...config.vrrpInstances, ...config.syncGroups];
  return new Set([
    ...config.vrrpInstances.map((instance) => instance.interface),
    ...config.vrrpInstances.flatMap(({ addresses, excludedAddresses }) =>
      [...addresses, ...excludedAddresses].map((address) => address.interface),
    ),
    ...config.staticAddresses.map((address) => address.interface),
    ...owners.flatMap(({ trackInterfaces }) => trackInterfaces.map(({ name }) => name)),
    ...Array.from(
      text.matchAll(/\b(?:dev|oif|iif|lvs_sync_daemon(?:_interface)?)[ \t]+([\w.-]{1,15})/g),
      (match) => match[1] ?? '',
    ),
  ]);
}

function findings(diagnostics: readonly Diagnostic[]): readonly Diagnostic[] {
  return diagnostics.filter(({ kind }) => kind !== 'not-implemented');
}

/** keepalived's exit codes: 0 nothing to report, 2 not readable to its end, 4 and 5 something to report; the others say nothing of the text. */
function agree(code: number | null, found: readonly Diagnostic[]): boolean {
  switch (code) {
    case 0:
      return found.length === 0;
    case 2:
      return found.some(({ severity }) => severity === 'error');
    case 4:
    case 5:
      return found.length > 0;
    default:
      return false;
  }
}

describe('our verdict beside that of keepalived -t', () => {
  afterAll(() => {
    for (const name of spaces) run('ip', 'netns', 'delete', name);
  });

  it('is asked for the samples of Debian too', () => {
    assert.ok(debian.length > 20);
  });

  for (const { title, path, configId } of [...debian, ...ours]) {
    it(`${title} is judged alike, or the difference is explained`, () => {
      const text = readFileSync(path, 'utf8');
      const { config, diagnostics } = parseKeepalivedConfig({ file: path, text, configId });
      const space = namespace(interfacesOf(config, text));
      const { code, output } = run('ip', 'netns', 'exec', space, 'keepalived', '-t', '-i', configId, '-f', path);
      const found = findings(diagnostics);
      const explained = Object.hasOwn(EXPLAINED, title);
      assert.equal(
        agree(code, found),
        !explained,
        `${explained ? 'the explanation is out of date' : 'unexplained'}\nkeepalived: ${code}\n${output}\nwe:\n${found.map(formatDiagnostic).join('\n')}`,
      );
    });
  }

  it('has explanations only for files that are compared', () => {
    const titles = new Set([...debian, ...ours].map(({ title }) => title));
    assert.deepEqual(
      Object.keys(EXPLAINED).filter((title) => !titles.has(title)),
      [],
    );
  });
});
