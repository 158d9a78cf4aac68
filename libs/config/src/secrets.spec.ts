import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { filesInMemory, formatDiagnosticWithSource, parseKeepalivedConfig } from './index.ts';

function shown(text: string, environment: Record<string, string> = {}): string {
  const { diagnostics } = parseKeepalivedConfig({
    file: '/etc/k.conf',
    text,
    environment,
    loader: filesInMemory({ '/etc/inner.conf': text.replace(/^include .*$/m, '') }),
  });
  return diagnostics.map(formatDiagnosticWithSource).join('\n');
}

describe('a diagnostic', () => {
  it('shows its line with a caret below the column', () => {
    expect(shown('vrrp_instance V {\n\tinterface eth0\n\tvirtual_router_id 300\n}\n').split('\n').slice(0, 3)).toEqual([
      '/etc/k.conf:3:20: warning: "virtual_router_id" takes 1 to 255, not 300, and is left out [out-of-range]',
      ' 3 | \tvirtual_router_id 300',
      '   | \t                  ^',
    ]);
  });

  it('shows the part of a long line that its column is in', () => {
    const lines = shown(`global_defs {\n${' '.repeat(600)}vrrp_strikt\n}\n`).split('\n');
    expect(lines[1]).toContain('vrrp_strikt');
    expect(lines[1]?.length).toBeLessThan(170);
    expect(lines[1]?.indexOf('vrrp_strikt')).toBe(lines[2]?.indexOf('^'));
  });

  it('shows a line of an included file', () => {
    const { diagnostics } = parseKeepalivedConfig({
      file: '/etc/k.conf',
      text: 'include inner.conf\n',
      loader: filesInMemory({ '/etc/inner.conf': '\nvrrp_instnce V {\n}\n' }),
    });
    expect(diagnostics).toMatchObject([{ file: '/etc/inner.conf', line: 2, sourceLine: 'vrrp_instnce V {' }]);
  });

  it('lets no control character through to the terminal', () => {
    expect(shown('\u001b[2Jx "\u001b]0;y\u0007"\n')).not.toMatch(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/);
  });
});

describe('a secret', () => {
  // No fixed text of a diagnostic has these letters next to each other.
  const secret = fc
    .string({
      unit: fc.constantFrom('Q', 'J', 'Z', '7', '\u00e9', '$', '-', '\\', "'"),
      minLength: 6,
      maxLength: 14,
    })
    .filter((text) => /^[QJZ7\u00e9-]/.test(text) && !/\\$/.test(text));
  const simple = fc.string({ unit: fc.constantFrom('Q', 'J', 'Z', '7'), minLength: 4, maxLength: 14 });

  const instance = (inner: string) => `vrrp_instance V {\n${inner}\n priority high\n}\n`;
  const plain: [string, (secret: string) => string][] = [
    ['a password', (s) => instance(`authentication {\n auth_type PSS\n auth_pass ${s}\n }`)],
    ['a password and more on its line', (s) => instance(`authentication {\n auth_pass ${s} ${s} x\n }`)],
    ['a quoted password', (s) => instance(`authentication {\n auth_pass "${s} ${s}" x\n }`)],
    ['a password whose quote is open', (s) => instance(`authentication {\n auth_pass "${s}\n }`)],
    ['a password cut by a comment', (s) => instance(`authentication {\n auth_pass x!${s}\n }`)],
    ['a password in the wrong block', (s) => `global_defs {\n auth_pass ${s} {\n}\n}\n`],
    ['a password after a misspelt keyword', (s) => instance(`authentication {\n auth_passs ${s}\n }`)],
    ['a password in one line with its block', (s) => instance(`authentication { auth_type PASS auth_pass ${s} }`)],
    ['a password for another node', (s) => instance(`authentication {\n @other auth_pass ${s}\n auth_pass\n }`)],
    ['a password with a NUL', (s) => instance(`authentication {\n auth_pass ${s}\0\n }`)],
    ['the key of auth_hmac', (s) => instance(`auth_hmac {\n key 300 ${s} x\n }`)],
    ['the key of auth_hmac without its number', (s) => instance(`auth_hmac {\n key ${s}\n }`)],
    ['the password of SSL', (s) => `SSL {\n password ${s} x\n passwordd y\n}\n`],
  ];
  const simpler: [string, (secret: string) => string][] = [
    ['a password on the next line', (s) => instance(`authentication {\n auth_pass\n ${s}\n }`)],
    ['a password between braces', (s) => instance(`authentication {\n auth_pass {\n ${s}\n }\n }`)],
    ['a definition', (s) => `$P=${s}\n$P\n${instance(`authentication {\n auth_pass $P y\n }\n priority $P\n ${s}`)}`],
    [
      'a definition of a definition',
      (s) => `$P=x\${Q}\n$Q=${s}\n${instance(`authentication {\n auth_pass \${P}\n }\n $Q`)}`,
    ],
    ['a definition by its name', (s) => `$DB_PASSWORD=${s}\n${instance('priority ${DB_PASSWORD}')}`],
    [
      'a definition of several lines',
      (s) => `$A= \\\n authentication { \\\n auth_pass ${s} y \\\n }\n${instance(`$A\n state ${s}`)}`,
    ],
    ['a list', (s) => `$A=auth_pass \${P} y\n~LST(P, ${s}) $A\n~LST(P, ${s}) nothing \${P}\n~LST(P, ${s}\n`],
    [
      'an included file',
      (s) => `include inner.conf\n${instance(`authentication {\n auth_pass ${s} y\n }\n state ${s}`)}`,
    ],
  ];

  it.each(plain)('is in no message and no line when it is %s', (_what, text) => {
    fc.assert(
      fc.property(secret, (value) => {
        const output = shown(text(value));
        expect(output).not.toBe('');
        expect(output).not.toContain(value);
      }),
    );
  });

  it.each(simpler)('is in no message and no line when it is %s', (_what, text) => {
    fc.assert(
      fc.property(simple, (value) => {
        const output = shown(text(value));
        expect(output).not.toBe('');
        expect(output).not.toContain(value);
      }),
    );
  });

  it('of the environment is masked where it is used as one', () => {
    const output = shown(instance('authentication {\n auth_pass ${_ENV P} y\n }\n state ${_ENV P}'), { P: 'QJZ7QJ' });
    expect(output).toContain('"********"');
    expect(output).not.toContain('QJZ7QJ');
  });

  it('too short to be told from a number is masked where it is cited', () => {
    const output = shown(instance('authentication {\n auth_pass 9\n }\n state 9\n virtual_router_id 900'));
    expect(output).toContain('unknown state "********"');
    expect(output).toContain('not 900');
  });
});
