import { execFile, execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type KeywordExample, parseKeepalivedConfig } from '@keepfleet/config';
import { complaintsOf } from './config-verdicts.ts';

const INSTANCE = 'interface eth0\nvirtual_router_id 7\nvirtual_ipaddress {\n192.0.2.1\n}\n';

/** A file in which nothing is wrong, with some lines more in one of its blocks. */
export function fileWith(block: string, lines: string): string {
  const put = (name: string) => (name === block ? `${lines}\n` : '');
  const checks: Readonly<Record<string, string>> = {
    TCP_CHECK: '',
    HTTP_GET: `url {\npath /\n${put('url')}}\n`,
    MISC_CHECK: 'misc_path /bin/true\nuser root\n',
    SMTP_CHECK: '',
    DNS_CHECK: '',
    UDP_CHECK: '',
    FILE_CHECK: 'track_file F\n',
    BFD_CHECK: 'name B\n',
  };
  const chosen = block === 'url' ? 'HTTP_GET' : block;
  const check = checks[chosen] === undefined ? '' : `${chosen} {\n${checks[chosen]}${put(chosen)}}\n`;
  const parts: Readonly<Record<string, string>> = {
    vrrp_script: `vrrp_script S {\nscript /bin/true\nuser root\n${put('vrrp_script')}}\n`,
    track_file: `track_file F {\nfile /tmp/f\n${put('track_file')}}\n`,
    vrrp_track_process: `vrrp_track_process P {\nprocess "/usr/sbin/some"\n${put('vrrp_track_process')}}\n`,
    bfd_instance: `bfd_instance B {\nneighbor_ip 192.0.2.9\n${put('bfd_instance')}}\n`,
    garp_group: `garp_group {\ninterface eth1\n${put('garp_group')}}\n`,
    SSL: `SSL {\n${put('SSL')}}\n`,
  };
  const needs = [
    ...(block === 'FILE_CHECK' ? ['track_file'] : []),
    ...(block === 'BFD_CHECK' ? ['bfd_instance'] : []),
    ...(parts[block] === undefined ? [] : [block]),
  ];
  const tracked = block === 'vrrp_script' ? 'track_script {\nS\n}\n' : '';
  const inner = block === 'authentication' ? `authentication {\nauth_type PASS\nauth_pass some\n${put(block)}}\n` : '';
  return [
    `global_defs {\nenable_script_security\nscript_user root\n${put('global_defs')}}\n`,
    put('the top level'),
    ...needs.map((name) => parts[name] ?? ''),
    `vrrp_instance V {\n${INSTANCE}${tracked}${inner}${put('vrrp_instance')}}\n`,
    block === 'vrrp_sync_group'
      ? `vrrp_instance W {\n${INSTANCE.replaceAll(' 7', ' 8').replaceAll('.1\n', '.2\n')}}\nvrrp_sync_group G {\ngroup {\nV\nW\n}\n${put(block)}}\n`
      : '',
    `virtual_server 192.0.2.1 80 {\nprotocol TCP\nlb_algo wrr\nlb_kind NAT\n${put('virtual_server')}`,
    `real_server 192.0.2.10 80 {\nweight 1\n${put('real_server')}${check}}\n`,
    'real_server 192.0.2.11 80 {\nweight 5\n}\n}\n',
  ].join('');
}

/** Of a keepalived that a signal ended: some keywords make it fall. */
export const DIED = -1;

export interface Judgement {
  /** What each finds fault with that it does not in the file without the lines. */
  readonly theirs: readonly string[];
  readonly ours: readonly string[];
  /** keepalived's exit code. */
  readonly code: number;
}

/** Asks `keepalived -t`, and the parser; of a file that keepalived was asked about before it is not asked again. */
/** In a namespace that has eth0 and eth1. */
export class Judge {
  readonly #namespace = `kf-keywords-${process.pid}`;
  readonly #directory = mkdtempSync(join(tmpdir(), 'kf-keywords-'));
  readonly #known = new Map<string, Promise<{ code: number; complaints: readonly string[] }>>();
  #files = 0;

  constructor() {
    execFileSync('ip', ['netns', 'add', this.#namespace]);
    for (const name of ['eth0', 'eth1'])
      execFileSync('ip', ['-n', this.#namespace, 'link', 'add', name, 'type', 'bridge']);
  }

  async judge({ block, text }: Pick<KeywordExample, 'block' | 'text'>): Promise<Judgement> {
    const [plain, whole] = [fileWith(block, ''), fileWith(block, text)];
    const [before, after] = [await this.#keepalived(plain), await this.#keepalived(whole)];
    const known = new Set([...before.complaints, ...ours(plain)]);
    return {
      theirs: after.complaints.filter((one) => !known.has(one)),
      ours: ours(whole).filter((one) => !known.has(one)),
      code: after.code,
    };
  }

  close(): void {
    execFileSync('ip', ['netns', 'delete', this.#namespace]);
    rmSync(this.#directory, { recursive: true });
  }

  #keepalived(text: string): Promise<{ code: number; complaints: readonly string[] }> {
    const known = this.#known.get(text);
    if (known !== undefined) return known;
    const file = join(this.#directory, `${++this.#files}.conf`);
    writeFileSync(file, text);
    const answer = new Promise<{ code: number; complaints: readonly string[] }>((resolve, reject) => {
      execFile(
        'ip',
        ['netns', 'exec', this.#namespace, 'keepalived', '-t', '-f', file],
        { timeout: 120_000 },
        (error, stdout, stderr) => {
          rmSync(file, { force: true });
          if (error !== null && typeof error.code !== 'number' && error.signal === undefined) reject(error);
          else
            resolve({
              code: typeof error?.code === 'number' ? error.code : error === null ? 0 : DIED,
              complaints: complaintsOf(`${stdout}${stderr}`).map((one) => one.text),
            });
        },
      );
    });
    this.#known.set(text, answer);
    return answer;
  }
}

function ours(text: string): string[] {
  return parseKeepalivedConfig({ file: 'f', text })
    .diagnostics.filter(({ kind }) => kind !== 'not-implemented')
    .map(({ kind, message }) => `${message} [${kind}]`);
}
