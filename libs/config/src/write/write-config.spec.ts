import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type KeepalivedConfig, diffConfigs, isEmptyDiff, isUsable, parseKeepalivedConfig } from '../index.ts';
import { grammarBlocks } from '../language/language.ts';
import { writeKeepalivedConfig } from './write-config.ts';

const CORPUS =
  process.env['KEEPFLEET_CORPUS'] ?? fileURLToPath(new URL('../../../../../shared/corpus/', import.meta.url));
const SAMPLES = fileURLToPath(new URL('../../samples/', import.meta.url));

function read(text: string): KeepalivedConfig {
  return parseKeepalivedConfig({ file: 't', text, configId: 'l1' }).config;
}

/** What reading the written text changes; nothing but the order of blocks may. */
function expectSame(config: KeepalivedConfig): void {
  const text = writeKeepalivedConfig(config);
  const again = read(text);
  const diff = diffConfigs(config, again);
  expect(isEmptyDiff(diff), `${JSON.stringify(diff)}\n${text.slice(0, 2000)}`).toBe(true);
  expect(writeKeepalivedConfig(again)).toBe(text);
}

function confFiles(directory: string): string[] {
  return existsSync(directory) ? readdirSync(directory).filter((name) => name.endsWith('.conf')) : [];
}

describe('the written configuration', () => {
  it.each(confFiles(SAMPLES))('of the sample %s gives its model again, with nothing to report', (name) => {
    const config = read(readFileSync(`${SAMPLES}/${name}`, 'utf8'));
    expectSame(config);
    expect(parseKeepalivedConfig({ file: 't', text: writeKeepalivedConfig(config) }).diagnostics).toEqual([]);
  });

  it('reads well', () => {
    const text = 'vrrp_instance V { interface eth0\nvirtual_router_id 7\nvirtual_ipaddress { 192.0.2.1 } }';
    expect(writeKeepalivedConfig(read(text))).toBe(`global_defs {
}

vrrp_instance V {
    state BACKUP
    interface eth0
    virtual_router_id 7
    version 2
    priority 100
    advert_int 1
    garp_master_delay 5
    garp_master_repeat 5
    virtual_ipaddress {
        192.0.2.1/32
    }
}
`);
  });

  it('has a service by what is around it now, also where that was another when it was written before', () => {
    const text =
      'virtual_server 192.0.2.1 80 {\n protocol TCP\n smtp_alert off\n real_server 10.0.0.1 80 {\n smtp_alert\n }\n}';
    const config = read(text);
    const withAlert = (alert: boolean) => ({ ...config, globalDefs: { ...config.globalDefs, smtpAlert: alert } });
    for (const alert of [true, false, true, false])
      expect(writeKeepalivedConfig(withAlert(alert))).toBe(writeKeepalivedConfig(structuredClone(withAlert(alert))));
    expect(writeKeepalivedConfig(withAlert(true))).not.toBe(writeKeepalivedConfig(withAlert(false)));
  });

  const corpus = confFiles(CORPUS);
  it(`of each of ${corpus.length} real files gives its model again`, () => {
    for (const name of corpus) expectSame(read(readFileSync(`${CORPUS}/${name}`, 'utf8')));
  });

  it('keeps every word of a command and of a name, whatever it is made of', () => {
    const odd = fc.string({
      unit: fc.constantFrom(
        'a',
        ' ',
        '"',
        "'",
        '\\',
        '#',
        '!',
        '{',
        '}',
        '$',
        '@',
        '~',
        '\t',
        '\n',
        '\u00e9',
        '1',
        'include',
      ),
      maxLength: 8,
    });
    const model = read('vrrp_script S { script /bin/true }');
    fc.assert(
      fc.property(fc.array(odd, { minLength: 1, maxLength: 4 }), (argv) => {
        const [script] = model.scripts;
        const config = { ...model, scripts: script === undefined ? [] : [{ ...script, command: { argv } }] };
        expect(read(writeKeepalivedConfig(config)).scripts[0]?.command.argv).toEqual(argv);
      }),
      { numRuns: 500 },
    );
  });
});

/** Lines that the grammar's own forms make, in the blocks the model holds. */
function lines(block: string, except: RegExp): fc.Arbitrary<string> {
  const table = grammarBlocks().find(({ name }) => name === block)?.table ?? {};
  const statements = Object.entries(table).flatMap(([keyword, { form, block: opens }]) => {
    if (opens !== undefined || except.test(keyword)) return [];
    const integer = (low: number, high: number) =>
      fc.oneof(fc.integer({ min: low, max: Math.min(high, low + 9) }), fc.integer({ min: low, max: high }));
    const parameters = (): fc.Arbitrary<string> => {
      switch (form?.kind) {
        case undefined:
        case 'none':
          return fc.constant('');
        case 'integer':
          return integer(form.low, form.high).map(String);
        case 'seconds':
          return integer(Math.ceil(form.low * 100), Math.floor(form.high * 100)).map((value) => String(value / 100));
        case 'boolean':
          return fc.constantFrom('', 'on', 'off');
        case 'choice':
          return fc.constantFrom(...form.choices);
        case 'text':
          return fc.constantFrom('x', '"a b"', '"#1 {x}"', 'include', '"@a"');
        case 'words':
          return fc.constant('');
        case 'address':
          return fc.constantFrom('192.0.2.1', '2001:db8::1');
        case 'multicast':
          return fc.constant(form.family === 'ipv4' ? '224.0.0.77' : 'ff02::77');
        case 'interface':
          return fc.constantFrom('eth0', 'eth1.7');
        case 'command':
          return fc.constantFrom('/bin/true', '"/bin/x \'a b\' c" u', '\'/bin/x "a b"\' u g');
        case 'syntax':
          return fc.constant(form.example);
      }
    };
    return [parameters().map((text) => `${keyword} ${text}\n`)];
  });
  return fc.array(fc.oneof(...statements), { maxLength: 12 }).map((found) => found.join(''));
}

describe('any model', () => {
  it('is written and read again as the same', () => {
    const address = fc.constantFrom(
      '192.0.2.7/24 dev eth9 brd +',
      '192.0.2.8 label a:b scope link',
      '2001:db8::7',
      'fe80::7/64 home -nodad preferred_lft 9 no_track',
    );
    const tracked = fc.constantFrom('eth3', 'eth4 weight 7 reverse', 'eth5 weight -9');
    const check = fc.oneof(
      lines('TCP_CHECK', /^$/).map((inner) => `TCP_CHECK {\n${inner}}\n`),
      fc
        .tuple(lines('HTTP_GET', /^$/), lines('url', /^$/))
        .map(([inner, url]) => `SSL_GET {\n${inner}url {\n${url}}\n}\n`),
      lines('MISC_CHECK', /^user$/).map((inner) => `MISC_CHECK {\nmisc_path /bin/true\n${inner}}\n`),
      lines('DNS_CHECK', /^$/).map((inner) => `DNS_CHECK {\n${inner}}\n`),
      lines('BFD_CHECK', /^$/).map((inner) => `BFD_CHECK {\n${inner}}\n`),
    );
    const target = fc.constantFrom('192.0.2.1 80', '2001:db8::1 0', 'fwmark 7', 'group G');
    const service = fc
      .tuple(target, lines('virtual_server', /^$/), lines('real_server', /^$/), fc.array(check, { maxLength: 3 }))
      .map(
        ([to, inner, real, checks]) =>
          `virtual_server ${to} {\n${inner}real_server ${to.includes('::') ? '2001:db8::10' : '192.0.2.10'} 80 {\n${real}${checks.join('')}}\n}\n`,
      );
    const instance = fc
      .tuple(
        lines('vrrp_instance', /^(interface|virtual_router_id)$/),
        fc.array(address, { maxLength: 3 }),
        fc.array(tracked, { maxLength: 2 }),
        fc.boolean(),
      )
      .map(
        ([inner, addresses, tracks, password]) =>
          `vrrp_instance I {\ninterface eth0\nvirtual_router_id 7\n${password ? 'authentication {\nauth_type PASS\nauth_pass "a b\\\\"\n}\n' : ''}${inner}virtual_ipaddress {\n${addresses.join('\n')}\n}\nvirtual_ipaddress_excluded {\n${addresses.join('\n')}\n10.0.0.1\n}\ntrack_interface {\n${tracks.join('\n')}\n}\ntrack_script {\nS\n}\n}\n`,
      );
    const file = fc
      .tuple(
        lines('global_defs', /^$/),
        instance,
        lines('vrrp_script', /^$/),
        lines('vrrp_sync_group', /^$/),
        lines('bfd_instance', /^$/),
        fc.array(service, { maxLength: 2 }),
      )
      .map(
        ([globals, one, script, group, bfd, services]) =>
          `global_defs {\n${globals}}\n${one}vrrp_script S {\nscript /bin/true\n${script}}\nbfd_instance B {\nneighbor_ip 192.0.2.9\n${bfd}}\nvrrp_sync_group SG {\ngroup {\nI\n}\n${group}}\nvirtual_server_group G {\n192.0.2.1-9 80\nfwmark 9 inet\n}\nstatic_ipaddress {\n192.0.2.77\n}\nstatic_routes {\n192.0.2.0/24 via 192.0.2.254 dev eth0 mtu lock 1400\n}\nstatic_rules {\nfrom 192.0.2.0/24 table 9\n}\n${services.join('')}`,
      );
    let usable = 0;
    fc.assert(
      fc.property(file, (text) => {
        const result = parseKeepalivedConfig({ file: 't', text });
        if (isUsable(result)) usable++;
        expectSame(result.config);
      }),
      { numRuns: 1_000 },
    );
    expect(usable).toBeGreaterThan(50);
  });
});
