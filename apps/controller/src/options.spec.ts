import { describe, expect, it } from 'vitest';
import { parseOptions } from './options.ts';

const tls = ['--tls-cert', 'c.pem', '--tls-key', 'k.pem', '--tls-client-ca', 'ca.pem'];

describe('options', () => {
  it('take flags before the environment, and the environment before the usual', () => {
    const environment = { KEEPFLEET_STATE_DIR: '/srv/a', KEEPFLEET_NAME: 'env' };
    const parsed = parseOptions([...tls, '--name', 'flag', '--agent-listen', '172.31.0.100:7443'], environment);
    expect(parsed).toMatchObject({
      ok: true,
      value: {
        kind: 'run',
        options: {
          name: 'flag',
          stateDir: '/srv/a',
          agentListen: { kind: 'tcp', host: '172.31.0.100', port: 7443 },
          agentTls: { cert: 'c.pem', key: 'k.pem', clientCa: 'ca.pem' },
          restListen: { kind: 'tcp', host: '127.0.0.1', port: 7480 },
          heartbeatMs: 2000,
        },
      },
    });
  });

  it.each([
    [['--bogus'], 'unknown option --bogus'],
    [[...tls, 'extra'], 'unexpected argument "extra"'],
    [[...tls, '--name'], '--name needs a value'],
    [[], '--tls-cert, --tls-key, --tls-client-ca missing'],
    [['--insecure-plaintext', '--agent-listen', '172.31.0.100:7443'], 'only on loopback'],
    [['--insecure-plaintext', ...tls], 'contradicts --tls-client-ca'],
    [[...tls, '--rest-listen', '0.0.0.0:7480'], '--rest-listen: beyond loopback'],
    [[...tls, '--api-listen', '[2001:db8::1]:7481'], '--api-listen: beyond loopback'],
    [[...tls, '--agent-listen', 'controller:7443'], '"controller" is not an IP address'],
    [[...tls, '--agent-listen', '127.0.0.1:99999'], '--agent-listen'],
    [[...tls, '--heartbeat-interval', '5'], '--heartbeat-interval: write a time'],
    [[...tls, '--keep-events', 'many'], '--keep-events'],
    [[...tls, '--log-level', 'loud'], '--log-level'],
  ])('name the mistake in %j', (argv, mistake) => {
    const parsed = parseOptions(argv, {});
    expect(parsed.ok).toBe(false);
    if (!parsed.ok) expect(parsed.error).toEqual([expect.stringContaining(mistake)]);
  });

  it('tell every mistake at once', () => {
    const parsed = parseOptions(['--bogus', '--name'], {});
    expect(parsed).toEqual({ ok: false, error: ['unknown option --bogus', '--name needs a value'] });
  });

  it('accept an API beyond loopback under an authority for people, and a UNIX socket without one', () => {
    const parsed = parseOptions(
      [...tls, '--rest-listen', '0.0.0.0:7480', '--api-client-ca', 'people.pem', '--api-listen', 'unix:/run/k.sock'],
      {},
    );
    expect(parsed).toMatchObject({
      ok: true,
      value: { options: { apiTls: { clientCa: 'people.pem' }, apiListen: { kind: 'unix', path: '/run/k.sock' } } },
    });
  });
});
