import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type GlobalDefs, parseKeepalivedConfig } from '@keepfleet/config';
import { waitFor } from '@keepfleet/testkit';
import { SMTPServer, type SMTPServerOptions } from 'smtp-server';
import { afterAll, afterEach, describe, expect, it } from 'vitest';
import type { Log } from '../log.ts';
import { Mailer, MOST_WAITING, alertOf } from './index.ts';

const DEADLINE = 120_000;
const directory = mkdtempSync(join(tmpdir(), 'kf-mail-'));
const file = (name: string) => join(directory, name);
execFileSync(
  'openssl',
  [
    ...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '1'],
    ...['-subj', '/CN=mail.example', '-keyout', file('key'), '-out', file('certificate')],
  ],
  { stdio: 'ignore' },
);
afterAll(() => rmSync(directory, { recursive: true }));

const errors: string[] = [];
const nothing = () => undefined;
const log: Log = {
  debug: nothing,
  info: nothing,
  warn: nothing,
  error: (_: object, text?: string) => errors.push(text ?? ''),
} as never;

const closers: (() => void)[] = [];
afterEach(() => {
  for (const close of closers.splice(0)) close();
  errors.length = 0;
});

interface Received {
  readonly secure: boolean;
  readonly user: string | undefined;
  readonly from: string;
  readonly to: readonly string[];
  readonly text: string;
}

/** A mail server on a port of its own that keeps what it gets. */
async function mailServer(options: Partial<SMTPServerOptions> = {}): Promise<{ port: number; mails: Received[] }> {
  const mails: Received[] = [];
  const server = new SMTPServer({
    key: readFileSync(file('key')),
    cert: readFileSync(file('certificate')),
    authOptional: true,
    logger: false,
    onAuth: ({ username, password }, _session, callback) =>
      password === 'right' ? callback(null, { user: username }) : callback(new Error('no')),
    onData(stream, session, callback) {
      let text = '';
      stream.on('data', (bytes: Buffer) => (text += bytes.toString()));
      stream.on('end', () => {
        const { mailFrom, rcptTo } = session.envelope;
        mails.push({
          secure: session.secure,
          user: typeof session.user === 'string' ? session.user : undefined,
          from: mailFrom === false ? '' : mailFrom.address,
          to: rcptTo.map(({ address }) => address),
          text,
        });
        callback();
      });
    },
    ...options,
  });
  server.on('error', nothing);
  const port = await new Promise<number>((resolve) => {
    const listening = server.listen(0, '127.0.0.1', () => {
      const address = listening.address();
      resolve(address !== null && typeof address === 'object' ? address.port : 0);
    });
  });
  closers.push(() => server.close());
  return { port, mails };
}

function globals(port: number, lines = ''): GlobalDefs {
  const text = `global_defs {\n router_id L1\n notification_email {\n a@example.org\n b@example.org\n }\n notification_email_from l1@example.org\n smtp_server 127.0.0.1 ${port}\n ${lines}\n}\n`;
  return parseKeepalivedConfig({ file: 'k.conf', text }).config.globalDefs;
}

function mailer(settings: GlobalDefs): Mailer {
  const made = new Mailer(log, 50);
  closers.push(() => made.close());
  made.configure(settings);
  return made;
}

describe('a mail', () => {
  it('reaches the server with its recipients and its subject', async () => {
    const { port, mails } = await mailServer({ disabledCommands: ['STARTTLS'] });
    mailer(globals(port)).send({ subject: '[L1] something', text: 'a reason\n' });
    const mail = await waitFor(() => mails[0], { deadline: DEADLINE, what: 'a mail' });
    expect(mail).toMatchObject({ secure: false, from: 'l1@example.org', to: ['a@example.org', 'b@example.org'] });
    expect(mail.text).toMatch(/^Subject: \[L1\] something\r$/m);
    expect(mail.text).toMatch(/a reason/);
  });

  it.each([
    ['starttls', {}],
    ['implicit', { secure: true }],
  ])('goes over TLS (%s) with a name and a password', async (tls, options) => {
    const { port, mails } = await mailServer(options);
    mailer(globals(port, `smtp_tls ${tls}\n smtp_tls_verify off\n smtp_user l1\n smtp_password right`)).send({
      subject: 's',
      text: 't',
    });
    const mail = await waitFor(() => mails[0], { deadline: DEADLINE, what: 'a mail' });
    expect(mail).toMatchObject({ secure: true, user: 'l1' });
  });

  it('is not given to a server whose certificate nobody vouches for, and that is told', async () => {
    const { port, mails } = await mailServer();
    const made = mailer(globals(port, 'smtp_tls starttls'));
    made.send({ subject: 's', text: 't' });
    await waitFor(() => made.lost === 1, { deadline: DEADLINE, what: 'a mail given up' });
    expect(mails).toEqual([]);
    expect(made.problems[0]).toMatch(/mail: a mail could not be handed to 127\.0\.0\.1 port \d+: .*certificate/);
    expect(errors).toHaveLength(1);
  });

  it('that the server refuses for good is given up at once', async () => {
    const { port } = await mailServer();
    const made = mailer(globals(port, 'smtp_tls offered\n smtp_tls_verify off\n smtp_user l1\n smtp_password wrong'));
    made.send({ subject: 's', text: 't' });
    await waitFor(() => made.lost === 1, { deadline: DEADLINE, what: 'a mail given up' });
    expect(errors).toHaveLength(1);
  });

  it('that waits when the node ends is handed over, or tried once more and given up', async () => {
    const { port, mails } = await mailServer();
    const sender = mailer(globals(port, 'smtp_tls off'));
    for (let i = 0; i < 3; i++) sender.send({ subject: `n${i}`, text: 'x\n' });
    await sender.drained(DEADLINE);
    expect(mails.map(({ text }) => /Subject: (\S+)/.exec(text)?.[1])).toEqual(['n0', 'n1', 'n2']);
    const nobody = new Mailer(log, DEADLINE);
    closers.push(() => nobody.close());
    nobody.configure(globals(1));
    nobody.send({ subject: 's', text: 'x\n' });
    await waitFor(() => nobody.problems.length > 0, { deadline: DEADLINE, what: 'a first attempt' });
    await nobody.drained(10 * DEADLINE);
    expect(nobody.lost).toBe(1);
  });

  it('waits in a queue that has an end, and is sent when the server is back', async () => {
    const made = mailer(globals(9));
    for (let i = 0; i <= MOST_WAITING; i++) made.send({ subject: `${i}`, text: '' });
    made.send({ subject: 'one more', text: '' });
    expect(made.lost).toBe(2);
    expect(errors).toEqual(['16384 mails wait for the mail server; of more, the oldest are given up']);
    const { port, mails } = await mailServer();
    made.configure(globals(port, 'smtp_tls off'));
    await waitFor(() => mails.length > 3, { deadline: DEADLINE, what: 'mails' });
    expect(made.problems).toEqual(['mail: 2 given up since the start; the last because 16384 waited already']);
  });

  it('of a mass failure goes over one connection with all others', async () => {
    let connections = 0;
    const { port, mails } = await mailServer({
      onConnect(_, callback) {
        connections++;
        callback();
      },
    });
    const made = mailer(globals(port, 'smtp_tls off'));
    for (let i = 0; i < 400; i++) made.send({ subject: `n${i}`, text: 'x' });
    await waitFor(() => mails.length === 400, { deadline: DEADLINE, what: '400 mails' });
    expect(mails.map(({ text }) => /Subject: n(\d+)/.exec(text)?.[1])).toEqual(
      Array.from({ length: 400 }, (_, i) => `${i}`),
    );
    expect([connections, made.lost, made.problems]).toEqual([1, 0, []]);
  });

  it('that a server takes for ever without a silence is given up', async () => {
    const server = createServer((socket) => {
      socket.on('error', nothing);
      socket.write('220 slow\r\n');
      const timer = setInterval(() => socket.write('250-x\r\n'), 200);
      socket.once('close', () => clearInterval(timer));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    closers.push(() => server.close());
    const address = server.address();
    const port = address !== null && typeof address === 'object' ? address.port : 0;
    const made = mailer(globals(port, 'smtp_tls off\n smtp_connect_timeout 1'));
    made.send({ subject: 's', text: 't' });
    await waitFor(() => made.problems.length > 0, { deadline: DEADLINE, what: 'a problem' });
    expect(made.problems[0]).toMatch(/: the mail server has not taken it within 5 s; 0 given up/);
  });
});

describe('an event', () => {
  const config = parseKeepalivedConfig({
    file: 'k.conf',
    text: `global_defs {\n router_id L1\n smtp_server 127.0.0.1\n}\nvrrp_instance VI_1 {\n interface eth0\n virtual_router_id 1\n smtp_alert\n virtual_ipaddress {\n 192.0.2.1\n }\n}\nvirtual_server 192.0.2.1 80 {\n protocol TCP\n quorum 2\n hysteresis 1\n smtp_alert\n real_server 192.0.2.10 80 {\n }\n real_server 192.0.2.11 80 {\n smtp_alert off\n }\n}\n`,
  }).config;
  const service = 'tcp/192.0.2.1:80';

  it('of a server has the subject of keepalived and the reason', () => {
    expect(
      alertOf({ kind: 'real-server-down', service, server: '192.0.2.10:80', reason: 'TCP_CHECK refused' }, config),
    ).toEqual({
      subject: '[L1] Realserver [192.0.2.10]:tcp:80 of virtual server [192.0.2.1]:tcp:80 - DOWN',
      text: '=> CHECK failed on service <=\nReason: TCP_CHECK refused\n',
    });
  });

  it('of a quorum has its sum', () => {
    expect(alertOf({ kind: 'quorum-lost', service, weight: 0, quorum: 2 }, config)).toEqual({
      subject: '[L1] Virtualserver [192.0.2.1]:tcp:80 - DOWN',
      text: '=> Lost quorum 2-1=1 > 0 <=\n',
    });
  });

  it('of the end of the node is worth a mail with omega only', () => {
    const events = [
      { kind: 'real-server-down', service, server: '192.0.2.10:80', reason: 'stopped' },
      { kind: 'quorum-lost', service, weight: 0, quorum: 2, reason: 'stopped' },
    ] as const;
    const [one] = config.virtualServers;
    if (one === undefined) throw new Error('no virtual server');
    const told = (omega: boolean) =>
      events.map((event) => alertOf(event, { ...config, virtualServers: [{ ...one, omega }] })?.text.split('\n')[0]);
    expect(told(true)).toEqual(['=> Shutting down <=', '=> Shutting down <=']);
    expect(told(false)).toEqual([undefined, undefined]);
  });

  const change = (to: string, reason = 'master-down') =>
    ({ kind: 'state-changed', instance: 'VI_1', from: 'backup', to, reason, priority: 100 }) as never;

  it.each([
    ['master', 'Entering MASTER state', 'VRRP Instance is now owning VRRP VIPs'],
    ['backup', 'Entering BACKUP state', 'VRRP Instance is no longer owning VRRP VIPs'],
    ['fault', 'Entering FAULT state', 'VRRP Instance is no longer owning VRRP VIPs'],
  ])('of an instance has the words of keepalived: %s', (to, title, text) => {
    expect(alertOf(change(to), config)).toEqual({
      subject: `[L1] VRRP Instance VI_1 - ${title}`,
      text: `=> ${text} <=\nReason: master-down\n`,
    });
  });

  it('of an instance is worth a mail when it stops, and none when it begins anew with other settings', () => {
    expect(alertOf(change('initialize', 'stopped'), config)?.subject).toBe('[L1] VRRP Instance VI_1 - Stopping');
    expect(alertOf(change('initialize', 'reconfigured'), config)).toBeUndefined();
  });

  it('of a sync group has its state, and no_email_faults is for groups, too', () => {
    const of = (state: string) => ({ kind: 'group-changed', group: 'G1', state }) as never;
    const subject = (state: string, globals: string) =>
      alertOf(
        of(state),
        parseKeepalivedConfig({
          file: 'k.conf',
          text: `global_defs {\n router_id L1\n ${globals}\n}\nvrrp_sync_group G1 {\n group {\n VI_1\n }\n}\nvrrp_instance VI_1 {\n interface eth0\n virtual_router_id 1\n virtual_ipaddress {\n 192.0.2.1\n }\n}\n`,
        }).config,
      )?.subject;
    expect(subject('master', 'smtp_alert_vrrp')).toBe('[L1] VRRP Group G1 - Entering MASTER state');
    expect(subject('fault', 'smtp_alert_vrrp')).toBe('[L1] VRRP Group G1 - Entering FAULT state');
    expect(subject('fault', 'smtp_alert_vrrp\n no_email_faults')).toBeUndefined();
    expect(subject('master', '')).toBeUndefined();
  });

  it('without smtp_alert is worth none', () => {
    expect(
      alertOf({ kind: 'real-server-down', service, server: '192.0.2.11:80', reason: 'x' }, config),
    ).toBeUndefined();
  });
});
