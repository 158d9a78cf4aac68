import { PassThrough } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { parseFault } from './fault.ts';
import { JsonLines } from './json-lines.ts';
import { Jobs } from './jobs.ts';
import { parseReply, parseStewardRequest } from './protocol.ts';
import { Requests } from './requests.ts';

/** Both sides of the protocol over a pair of streams, as between the daemon and a steward. */
function pair(): { requests: Requests; noise: string[]; toServer: PassThrough } {
  const [toServer, toClient] = [new PassThrough(), new PassThrough()];
  const noise: string[] = [];
  const requests: Requests = new Requests((message) => void client.send(message));
  const client: JsonLines = new JsonLines(toClient, toServer, (message) => void requests.receive(message));
  const server: JsonLines = new JsonLines(
    toServer,
    toClient,
    (message) => {
      const request = parseStewardRequest(message);
      if (request?.op === 'run') jobs.start(request);
      if (request?.op === 'signal') {
        void server.send({ id: request.id, kind: 'done', result: jobs.signal(request.job, request.signal) });
      }
    },
    (line) => noise.push(line),
  );
  const jobs = new Jobs((reply) => server.send(reply));
  return { requests, noise, toServer };
}

describe('commands over the protocol', () => {
  it('keeps both outputs and the exit code apart, byte by byte', async () => {
    const { requests } = pair();
    const { outcome } = requests.run({ argv: ['sh', '-c', "printf '\\000\\377\\n'; printf oops >&2; exit 3"] });
    const { code, stdout, stderr } = await outcome;
    expect([code, [...stdout], stderr.toString()]).toEqual([3, [0, 255, 10], 'oops']);
  });

  it('runs commands side by side', async () => {
    const { requests } = pair();
    const outcomes = Array.from(
      { length: 5 },
      (_, index) => requests.run({ argv: ['sh', '-c', `exit ${index}`] }).outcome,
    );
    expect((await Promise.all(outcomes)).map(({ code }) => code)).toEqual([0, 1, 2, 3, 4]);
  });

  it('kills a command that does not end in time, and all it started', async () => {
    const { requests } = pair();
    const outcome = await requests.run({ argv: ['sh', '-c', 'sleep 60 & wait'], timeout: 50 }).outcome;
    expect(outcome).toMatchObject({ code: 124, reason: expect.stringContaining('no end after 0.05 s') });
  });

  it('does not wait for what a command left in the background', async () => {
    const { requests } = pair();
    const outcome = await requests.run({ argv: ['sh', '-c', 'sleep 30 & echo started $!'] }).outcome;
    expect(outcome.code).toBe(0);
    process.kill(Number(outcome.stdout.toString().split(' ')[1]));
  });

  it('reports a command that is not there, and one ended by a signal', async () => {
    const { requests } = pair();
    expect(await requests.run({ argv: ['/nonesuch'] }).outcome).toMatchObject({ code: 127 });
    const { id, outcome } = requests.run({ argv: ['sleep', '60'] });
    expect(await requests.ask({ op: 'signal', job: id, signal: 'SIGTERM' })).toBe(true);
    expect(await outcome).toMatchObject({ code: 143, reason: 'sleep was ended by SIGTERM' });
  });

  it('fails what is under way when the peer ends', async () => {
    const requests = new Requests(() => {});
    const { outcome } = requests.run({ argv: ['true'] });
    requests.end('the power is gone');
    await expect(outcome).rejects.toThrow('the power is gone');
  });

  it('hands lines that are no message to the noise', async () => {
    const { requests, noise, toServer } = pair();
    toServer.write('login: \n');
    expect((await requests.run({ argv: ['true'] }).outcome).code).toBe(0);
    expect(noise).toEqual(['login: ']);
  });
});

describe('messages that are none', () => {
  it.each([
    [null],
    ['text'],
    [{}],
    [{ id: 1, op: 'run', argv: [] }],
    [{ id: 1, op: 'run', argv: [1] }],
    [{ id: 1, op: 'run', argv: ['a'], timeout: 'soon' }],
    [{ id: 1, op: 'signal', job: 1, signal: 'SIGNONE' }],
    [{ id: 1, op: 'service', name: 'agent', action: 'pause' }],
    [{ op: 'facts' }],
  ])('%j is no request', (value) => {
    expect(parseStewardRequest(value)).toBeUndefined();
  });

  it.each([[{ id: 1 }], [{ id: 1, kind: 'exit' }], [{ id: 1, kind: 'output', stream: 'tty', data: '' }], [[]]])(
    '%j is no reply',
    (value) => {
      expect(parseReply(value)).toBeUndefined();
    },
  );

  it.each([
    [{ kind: 'kill', host: 'L1', target: 'init' }],
    [{ kind: 'partition', hosts: ['L1'] }],
    [{ kind: 'partition', hosts: ['L1', 'L2'], network: 'dmz' }],
    [{ kind: 'link-down', host: 'L1' }],
    ['heal'],
  ])('%j is no fault', (value) => {
    expect(parseFault(value)).toBeUndefined();
  });
});
