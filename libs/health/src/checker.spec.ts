import { createHash } from 'node:crypto';
import { type Instant, after, between, instant, millis, seconds } from '@keepfleet/machine';
import { asciiBytes, hex, ip, latin1Text, unhex } from '@keepfleet/wire';
import { describe, expect, it } from 'vitest';
import {
  Checker,
  type CheckerInput,
  type CheckerOutput,
  type HttpCheckSettings,
  type MiscCheckSettings,
  type PatternSearch,
  type ScheduledCheckSettings,
  type TcpCheckSettings,
  type UrlSettings,
  WatchedChecker,
  describeChecker,
  questionOf,
} from './index.ts';

const schedule = {
  delayLoop: seconds(10),
  retry: 1,
  delayBeforeRetry: seconds(3),
  warmup: seconds(10),
  alpha: false,
  logAllFailures: false,
  rise: 1,
  latency: null,
};
const connection = {
  address: ip('192.168.1.10'),
  port: 80,
  bindAddress: null,
  bindPort: null,
  bindInterface: null,
  fwmark: null,
  connectTimeout: seconds(5),
};
const url: UrlSettings = {
  path: '/',
  virtualHost: null,
  statusCodes: [{ first: 200, last: 200 }],
  digest: null,
  pattern: null,
  method: 'GET',
  headers: [],
  body: null,
};
const http: HttpCheckSettings = {
  kind: 'http',
  schedule,
  connection,
  tls: null,
  protocol: '1.0',
  virtualHost: null,
  urls: [url],
  fastRecovery: false,
};
const tcp: TcpCheckSettings = { kind: 'tcp', schedule, connection };

function md5() {
  const hash = createHash('md5');
  return { update: (bytes: Uint8Array) => void hash.update(bytes), hex: () => hash.digest('hex') };
}

const search: PatternSearch = ({ source, flags }, text, from) => {
  const pattern = new RegExp(source, `${flags}g`);
  pattern.lastIndex = from;
  return pattern.exec(text)?.index ?? -1;
};

/** A checker with its own clock, driven by hand. */
class Bench {
  now: Instant = instant(0);
  readonly checker: Checker;
  attempt = 0;

  constructor(settings: ScheduledCheckSettings, up = true, random = 0) {
    this.checker = new Checker(settings, up, { random: () => random, md5, search }, this.now);
    this.handle({ kind: 'start' });
  }

  handle(input: CheckerInput): readonly CheckerOutput[] {
    return this.#seen(this.checker.handle(input, this.now));
  }

  /** Jumps to the next deadline. */
  expire(): readonly CheckerOutput[] {
    this.now = this.checker.nextDeadline() ?? this.now;
    return this.#seen(this.checker.timeout(this.now));
  }

  /** Waits for the next run and lets it meet this answer. */
  answer(text: string): readonly CheckerOutput[] {
    this.expire();
    this.handle({ kind: 'connected', attempt: this.attempt });
    this.handle({ kind: 'data', attempt: this.attempt, hex: hex(asciiBytes(text)) });
    return this.handle({ kind: 'closed', attempt: this.attempt });
  }

  refuse(): readonly CheckerOutput[] {
    this.expire();
    return this.handle({ kind: 'error', attempt: this.attempt, reason: 'refused the connection' });
  }

  #seen(outputs: readonly CheckerOutput[]): readonly CheckerOutput[] {
    for (const output of outputs) if (output.kind === 'connect' || output.kind === 'run') this.attempt = output.attempt;
    return outputs;
  }
}

const verdicts = (outputs: readonly CheckerOutput[]) => outputs.filter((output) => output.kind === 'verdict');
const good = 'HTTP/1.1 200 OK\r\nServer: nginx\r\n\r\nW1\n';
const bad = 'HTTP/1.1 503 Service Unavailable\r\n\r\n';

describe('a schedule', () => {
  it('begins after one second and a random part of the warm-up', () => {
    expect(new Bench(tcp, true, 0.5).checker.nextDeadline()).toBe(seconds(6));
  });

  it('comes again after delay_loop, and does nothing before', () => {
    const bench = new Bench(tcp);
    bench.expire();
    bench.handle({ kind: 'connected', attempt: 1 });
    expect(bench.checker.nextDeadline()).toBe(after(seconds(1) as unknown as Instant, seconds(10)));
    expect(bench.checker.timeout(after(bench.now, millis(9_999)))).toEqual([]);
  });

  it('makes up for a late run at once, and for a very late one little by little', () => {
    const bench = new Bench(tcp);
    const late = (milliseconds: number) => {
      bench.now = after(bench.checker.nextDeadline() ?? bench.now, millis(milliseconds));
      for (const output of bench.checker.timeout(bench.now))
        if (output.kind === 'connect') bench.handle({ kind: 'connected', attempt: output.attempt });
      return between(bench.now, bench.checker.nextDeadline() ?? bench.now);
    };
    expect([300, 0].map(late)).toEqual([millis(9_700), seconds(10)]);
    expect([2_500, 0, 0, 0].map(late)).toEqual([seconds(9), seconds(9), millis(9_500), seconds(10)]);
    // Of whole intervals nothing is made up.
    expect([30_100, 0].map(late)).toEqual([millis(9_900), seconds(10)]);
  });

  it('is not sooner after a failure', () => {
    const bench = new Bench(tcp);
    bench.now = after(bench.checker.nextDeadline() ?? bench.now, millis(300));
    for (const output of bench.checker.timeout(bench.now))
      if (output.kind === 'connect') bench.handle({ kind: 'error', attempt: output.attempt, reason: 'refused' });
    expect(between(bench.now, bench.checker.nextDeadline() ?? bench.now)).toBe(seconds(10));
  });

  it('does not forgive the first failure', () => {
    const bench = new Bench(tcp);
    expect(verdicts(bench.refuse())).toEqual([{ kind: 'verdict', up: false, reason: 'refused the connection' }]);
  });

  it('forgives as many failures as retry says, delay_before_retry apart', () => {
    const bench = new Bench({ ...tcp, schedule: { ...schedule, retry: 2 } });
    bench.expire();
    bench.handle({ kind: 'connected', attempt: 1 });
    for (let failure = 0; failure < 2; failure++) {
      expect(verdicts(bench.refuse())).toEqual([]);
      expect(bench.checker.nextDeadline()).toBe(after(bench.now, seconds(3)));
    }
    expect(verdicts(bench.refuse())).toHaveLength(1);
    expect(bench.checker.status).toMatchObject({ up: false, failures: 3 });
    expect(bench.checker.nextDeadline()).toBe(after(bench.now, seconds(10)));
    bench.refuse();
    expect(bench.checker.nextDeadline()).toBe(after(bench.now, seconds(10)));
  });

  it('brings a server up by one success', () => {
    const bench = new Bench(tcp, false);
    bench.expire();
    expect(verdicts(bench.handle({ kind: 'connected', attempt: 1 }))).toHaveLength(1);
    expect(bench.checker.status).toMatchObject({ up: true, ran: true, failures: 0 });
  });

  it('keeps a failing server that began as down as down, without a second verdict', () => {
    const bench = new Bench(tcp, false);
    expect(verdicts(bench.refuse())).toEqual([]);
    expect(bench.checker.status.up).toBe(false);
  });
});

describe('other times for the same question', () => {
  const slower = { ...tcp, schedule: { ...schedule, delayLoop: seconds(60), retry: 1 } };
  const heir = (bench: Bench, settings: ScheduledCheckSettings) => {
    const checker = new Checker(settings, bench.checker, { random: () => 0, md5, search }, bench.now);
    checker.handle({ kind: 'start' }, bench.now);
    return checker;
  };

  it('leave the verdict as it is', () => {
    const bench = new Bench(tcp);
    bench.refuse();
    expect(heir(bench, slower).status).toEqual(bench.checker.status);
    expect(bench.checker.status).toMatchObject({ up: false, ran: true, failures: 1 });
  });

  it('count on with the retries that are left, as many as there are now', () => {
    const bench = new Bench({ ...tcp, schedule: { ...schedule, retry: 3 } });
    bench.expire();
    bench.handle({ kind: 'connected', attempt: bench.attempt });
    bench.refuse();
    for (const [retry, forgiven] of [
      [3, 2],
      [2, 1],
      [1, 0],
      [0, 0],
    ] as const) {
      const checker = heir(bench, { ...slower, schedule: { ...slower.schedule, retry } });
      let failures = 0;
      for (let attempt = 1; checker.status.up; attempt++) {
        const due = checker.nextDeadline() ?? instant(0);
        checker.timeout(due);
        checker.handle({ kind: 'error', attempt, reason: 'refused' }, due);
        failures++;
      }
      expect(failures - 1).toBe(forgiven);
    }
  });

  it('are the same question, and another path or port is not', () => {
    expect(questionOf(slower)).toBe(questionOf(tcp));
    const impatient = { ...tcp, connection: { ...connection, connectTimeout: seconds(1) } };
    expect(questionOf(impatient)).toBe(questionOf(tcp));
    expect(questionOf({ ...tcp, connection: { ...connection, port: 81 } })).not.toBe(questionOf(tcp));
    expect(questionOf({ ...http, urls: [{ ...url, path: '/x' }] })).not.toBe(questionOf(http));
  });
});

describe('keywords of our own', () => {
  it('let a server come up only by several successes', () => {
    const bench = new Bench({ ...tcp, schedule: { ...schedule, rise: 3 } }, false);
    const connect = () => {
      bench.expire();
      return verdicts(bench.handle({ kind: 'connected', attempt: bench.attempt }));
    };
    expect([connect(), connect()]).toEqual([[], []]);
    expect(connect()).toHaveLength(1);
    expect(bench.refuse()).not.toEqual([]);
    expect(bench.checker.status.up).toBe(true);
  });

  it('turn slow answers into a smaller share, in steps, and quick ones back into the whole', () => {
    const latency = { target: millis(100), leastShare: 0.2 };
    const bench = new Bench({ ...tcp, schedule: { ...schedule, latency } });
    const took = (milliseconds: number) => {
      bench.expire();
      bench.now = after(bench.now, millis(milliseconds));
      bench.handle({ kind: 'connected', attempt: bench.attempt });
      return bench.checker.effect.share;
    };
    expect(took(50)).toBe(1);
    expect(took(105)).toBe(1);
    for (let i = 0; i < 20; i++) took(400);
    expect(bench.checker.effect.share).toBeCloseTo(0.25);
    for (let i = 0; i < 20; i++) took(4_000);
    expect(bench.checker.effect.share).toBe(0.2);
    for (let i = 0; i < 40; i++) took(10);
    expect(bench.checker.effect.share).toBe(1);
  });
});

describe('MISC_CHECK', () => {
  const misc: MiscCheckSettings = {
    kind: 'misc',
    schedule: { ...schedule, retry: 0 },
    argv: ['/bin/check'],
    user: null,
    timeout: seconds(4),
    dynamic: true,
    secure: false,
  };
  const exited = (bench: Bench, status: number | null, signal: string | null = null) => {
    bench.expire();
    return bench.handle({ kind: 'exited', attempt: bench.attempt, status, signal });
  };

  it('counts the time to the next run from the start of this one', () => {
    const bench = new Bench(misc);
    bench.expire();
    const began = bench.now;
    bench.now = after(bench.now, seconds(3));
    bench.handle({ kind: 'exited', attempt: 1, status: 0, signal: null });
    expect(bench.checker.nextDeadline()).toBe(after(began, seconds(10)));
  });

  it('takes a weight from its exit code, and gives it back with 0', () => {
    const bench = new Bench(misc);
    exited(bench, 9);
    expect(bench.checker.effect.replaced).toBe(7);
    exited(bench, 2);
    expect(bench.checker.effect.replaced).toBe(0);
    exited(bench, 1);
    expect(bench.checker.status).toMatchObject({ up: false, lastResult: 'exited with status 1' });
    exited(bench, 0);
    expect(bench.checker.effect.replaced).toBeNull();
    expect(bench.checker.status.up).toBe(true);
  });

  it('without misc_dynamic is down by any code but 0', () => {
    const bench = new Bench({ ...misc, dynamic: false });
    exited(bench, 2);
    expect(bench.checker.status.up).toBe(false);
  });

  it('is ended when it takes too long, and put down when that does not help', () => {
    const bench = new Bench(misc);
    bench.expire();
    expect(bench.expire()).toEqual([{ kind: 'kill', attempt: 1, signal: 'SIGTERM' }]);
    expect(bench.now).toBe(seconds(5));
    expect(bench.expire()).toEqual([{ kind: 'kill', attempt: 1, signal: 'SIGKILL' }]);
    bench.handle({ kind: 'exited', attempt: 1, status: null, signal: 'SIGKILL' });
    expect(bench.checker.status).toMatchObject({ up: false, lastResult: 'did not end within 4 s' });
  });

  it('that not even SIGKILL ends fails whenever it was due, and is never run beside itself', () => {
    const bench = new Bench({ ...misc, schedule: { ...misc.schedule, retry: 1 } });
    exited(bench, 0);
    bench.expire();
    for (const signal of ['SIGTERM', 'SIGKILL']) expect(bench.expire()).toEqual([{ kind: 'kill', attempt: 2, signal }]);
    const result = 'did not end within 4 s';
    expect(bench.expire()).toEqual([{ kind: 'ran', success: false, result, first: false }]);
    expect(bench.expire()).toEqual([
      { kind: 'ran', success: false, result, first: false },
      { kind: 'verdict', up: false, reason: result },
    ]);
    expect(bench.handle({ kind: 'exited', attempt: 2, status: null, signal: 'SIGKILL' })).toEqual([]);
    expect(bench.expire()).toEqual([{ kind: 'run', attempt: 3 }]);
  });

  it('is asked to end when its check is no longer wanted', () => {
    const bench = new Bench(misc);
    bench.expire();
    expect(bench.handle({ kind: 'stop' })).toEqual([{ kind: 'abandon', attempt: 1 }]);
    expect(bench.checker.nextDeadline()).toBeUndefined();
  });

  it('says that it cannot be run', () => {
    const bench = new Bench(misc);
    bench.expire();
    bench.handle({ kind: 'error', attempt: 1, reason: 'cannot be run: there is no program /bin/check' });
    expect(bench.checker.status.lastResult).toBe('cannot be run: there is no program /bin/check');
  });
});

describe('a node without descriptors', () => {
  it('makes no server fail: the run is left out and the next one comes', () => {
    const bench = new Bench(tcp);
    bench.expire();
    expect(bench.handle({ kind: 'unable', attempt: 1, reason: 'no descriptor' })).toEqual([
      { kind: 'close', attempt: 1 },
      { kind: 'not-run', reason: 'no descriptor' },
    ]);
    expect(bench.checker.status).toMatchObject({ up: true, ran: false, failures: 0 });
    expect(bench.checker.nextDeadline()).toBe(after(bench.now, seconds(10)));
  });
});

describe('a process that was held up', () => {
  const late = (bench: Bench, by = seconds(20)) => {
    bench.now = after(bench.checker.nextDeadline() ?? bench.now, by);
    return bench.checker.timeout(bench.now);
  };

  it('gives the server its time once more, and once only in a run', () => {
    const bench = new Bench(tcp);
    bench.expire();
    expect(late(bench)).toEqual([]);
    expect(bench.checker.nextDeadline()).toBe(after(bench.now, seconds(5)));
    expect(verdicts(late(bench))).toEqual([
      { kind: 'verdict', up: false, reason: 'did not accept a connection within 5 s' },
    ]);
    bench.expire();
    expect(late(bench)).toEqual([]);
  });

  it('takes the rest of an answer that began before', () => {
    const bench = new Bench(http);
    bench.expire();
    bench.handle({ kind: 'connected', attempt: 1 });
    expect(late(bench, seconds(100))).toEqual([]);
    bench.handle({ kind: 'data', attempt: 1, hex: hex(asciiBytes(good)) });
    expect(bench.checker.nextDeadline()).toBe(after(bench.now, seconds(5)));
    bench.handle({ kind: 'closed', attempt: 1 });
    expect(bench.checker.status).toMatchObject({ up: true, lastResult: 'answered 200' });
  });

  it('does not end a script for it', () => {
    const bench = new Bench({
      kind: 'misc',
      schedule,
      argv: ['x'],
      user: null,
      timeout: seconds(4),
      dynamic: false,
      secure: false,
    });
    bench.expire();
    expect(late(bench)).toEqual([]);
    expect(late(bench)).toEqual([{ kind: 'kill', attempt: 1, signal: 'SIGTERM' }]);
  });

  it('is none where a timer is late as timers are', () => {
    const bench = new Bench(tcp);
    bench.expire();
    expect(verdicts(late(bench, millis(100)))).toHaveLength(1);
  });
});

describe('a result', () => {
  it('goes to no terminal as a control sequence, nor at any length', () => {
    const bench = new Bench({ kind: 'smtp', schedule, connection, heloName: 'x' });
    bench.answer('550 \x1b[31mred\r\n');
    expect(bench.checker.status.lastResult).toBe('answered "550 ?[31mred" to the connection, want 220');
    const misc = new Bench({
      kind: 'misc',
      schedule,
      argv: ['x'],
      user: null,
      timeout: seconds(4),
      dynamic: false,
      secure: false,
    });
    misc.expire();
    misc.handle({ kind: 'error', attempt: 1, reason: 'x'.repeat(10_000) });
    expect(misc.checker.status.lastResult?.length).toBeLessThan(310);
  });
});

describe('a rest', () => {
  it('gives up what goes on, and goes on where it was', () => {
    const bench = new Bench(tcp);
    bench.expire();
    expect(bench.handle({ kind: 'suspend' })).toEqual([{ kind: 'close', attempt: 1 }]);
    expect(bench.checker.nextDeadline()).toBeUndefined();
    bench.now = after(bench.now, seconds(100));
    bench.handle({ kind: 'resume' });
    expect(bench.expire()).toEqual([{ kind: 'connect', attempt: 2 }]);
    expect(bench.checker.status.ran).toBe(false);
  });
});

describe('what is watched', () => {
  const file = (weight: number) =>
    new WatchedChecker({ kind: 'file', schedule, name: 'f', path: '/f', weight }, true, instant(0));

  it('adds the number times the weight', () => {
    const checker = file(-2);
    expect(checker.number(5, instant(1))).toEqual([
      { kind: 'ran', success: true, result: 'holds 5', first: true },
      { kind: 'weight', effect: { replaced: null, added: -10, share: 1 } },
    ]);
    expect(checker.number(5, instant(2))).toEqual([]);
    expect(checker.effect.added).toBe(-10);
  });

  it('is down by a number too low to be a weight, and without a weight by any but 0', () => {
    expect(verdicts(file(1).number(-0x8000_0000, instant(1)))).toHaveLength(1);
    expect(verdicts(file(0).number(1, instant(1)))).toHaveLength(1);
    expect(verdicts(file(0).number(0, instant(1)))).toEqual([]);
  });

  it('is up and down with its session', () => {
    const checker = new WatchedChecker({ kind: 'bfd', schedule, name: 'b' }, true, instant(0));
    expect(verdicts(checker.session(false, instant(1)))).toEqual([{ kind: 'verdict', up: false, reason: 'is down' }]);
    expect(verdicts(checker.session(true, instant(2)))).toHaveLength(1);
  });
});

describe('TCP_CHECK', () => {
  it('succeeds when the connection is there, and closes it', () => {
    const bench = new Bench(tcp);
    expect(bench.expire()).toEqual([{ kind: 'connect', attempt: 1 }]);
    expect(bench.handle({ kind: 'connected', attempt: 1 })).toEqual([
      { kind: 'close', attempt: 1 },
      { kind: 'ran', success: true, result: 'accepted a connection', first: true },
    ]);
  });

  it('gives up after connect_timeout and ignores what comes later', () => {
    const bench = new Bench(tcp);
    bench.expire();
    const outputs = bench.expire();
    expect(bench.now).toBe(seconds(6));
    expect(outputs).toEqual([
      { kind: 'close', attempt: 1 },
      { kind: 'ran', success: false, result: 'did not accept a connection within 5 s', first: true },
      { kind: 'verdict', up: false, reason: 'did not accept a connection within 5 s' },
    ]);
    expect(bench.handle({ kind: 'connected', attempt: 1 })).toEqual([]);
    expect(bench.handle({ kind: 'error', attempt: 1, reason: 'late' })).toEqual([]);
  });

  it('stops in the middle of a connection', () => {
    const bench = new Bench(tcp);
    bench.expire();
    expect(bench.handle({ kind: 'stop' })).toEqual([{ kind: 'close', attempt: 1 }]);
    expect(bench.checker.nextDeadline()).toBeUndefined();
  });
});

describe('HTTP_GET', () => {
  it('sends the request of keepalived', () => {
    const bench = new Bench(http);
    bench.expire();
    const [sent] = bench.handle({ kind: 'connected', attempt: 1 });
    expect(sent?.kind === 'send' && latin1Text(unhex(sent.hex))).toBe(
      'GET / HTTP/1.0\r\nUser-Agent: KeepAliveClient (keepfleet)\r\nHost: 192.168.1.10:80\r\n\r\n',
    );
  });

  it('asks for the virtual host, of the url first, and lets no line end through', () => {
    const bench = new Bench({
      ...http,
      protocol: '1.1',
      virtualHost: 'a.example',
      urls: [{ ...url, path: '/ä\r\nX: y', virtualHost: 'b.example' }],
    });
    bench.expire();
    const [sent] = bench.handle({ kind: 'connected', attempt: 1 });
    expect(sent?.kind === 'send' && latin1Text(unhex(sent.hex))).toBe(
      'GET /%C3%A4%0D%0AX:%20y HTTP/1.1\r\nUser-Agent: KeepAliveClient (keepfleet)\r\nConnection: close\r\nHost: b.example\r\n\r\n',
    );
  });

  it('goes down by a wrong status, with the reason, and up again by the second good answer', () => {
    const bench = new Bench(http);
    expect(verdicts(bench.answer(bad))).toEqual([{ kind: 'verdict', up: false, reason: 'answered 503, want 200' }]);
    expect(verdicts(bench.answer(good))).toEqual([]);
    expect(bench.checker.nextDeadline()).toBe(after(bench.now, seconds(10)));
    expect(verdicts(bench.answer(good))).toEqual([{ kind: 'verdict', up: true, reason: 'answered 200' }]);
  });

  it('is up again at once with fast_recovery: the second question follows the first', () => {
    const bench = new Bench({ ...http, fastRecovery: true });
    bench.answer(bad);
    expect(verdicts(bench.answer(good))).toEqual([]);
    expect(bench.checker.nextDeadline()).toBe(bench.now);
    expect(verdicts(bench.answer(good))).toHaveLength(1);
  });

  it('needs one good answer where nothing has failed yet', () => {
    // Down by alpha, or by a check of another kind, such as a file.
    for (const alpha of [true, false]) {
      const bench = new Bench({ ...http, schedule: { ...schedule, alpha } }, false);
      expect(verdicts(bench.answer(good))).toHaveLength(1);
    }
  });

  it('accepts 200 to 299 where no status is given', () => {
    const bench = new Bench({ ...http, urls: [{ ...url, statusCodes: [] }] });
    expect(verdicts(bench.answer('HTTP/1.1 204 No Content\r\n\r\n'))).toEqual([]);
    expect(bench.checker.status).toMatchObject({ up: true, lastResult: 'answered 204' });
  });

  it('takes every url in turn, each on a connection of its own, and names the one that failed', () => {
    const bench = new Bench({ ...http, urls: [url, { ...url, path: '/b' }] });
    bench.expire();
    bench.handle({ kind: 'connected', attempt: 1 });
    bench.handle({ kind: 'data', attempt: 1, hex: hex(asciiBytes(good)) });
    expect(bench.handle({ kind: 'closed', attempt: 1 })).toEqual([
      { kind: 'close', attempt: 1 },
      { kind: 'connect', attempt: 2 },
    ]);
    bench.handle({ kind: 'connected', attempt: 2 });
    bench.handle({ kind: 'data', attempt: 2, hex: hex(asciiBytes(bad)) });
    const outputs = bench.handle({ kind: 'closed', attempt: 2 });
    expect(verdicts(outputs)).toEqual([{ kind: 'verdict', up: false, reason: '/b: answered 503, want 200' }]);
  });

  it('compares the digest of the body', () => {
    const digest = createHash('md5').update('W1\n').digest('hex');
    const right = new Bench({ ...http, urls: [{ ...url, digest }] });
    right.answer(good);
    expect(right.checker.status).toMatchObject({ up: true, lastResult: 'answered 200, the digest fits' });
    const wrong = new Bench({ ...http, urls: [{ ...url, digest: '0'.repeat(32) }] });
    wrong.answer(good);
    expect(wrong.checker.status.lastResult).toBe(`answered a body with MD5 ${digest}, want ${'0'.repeat(32)}`);
  });

  it('looks for a pattern in the body, between offsets, or wants it absent', () => {
    const pattern = { source: 'w1', flags: 'i', negate: false, from: 0, before: null };
    const result = (options: Partial<typeof pattern> | { before: number }) => {
      const bench = new Bench({ ...http, urls: [{ ...url, pattern: { ...pattern, ...options } }] });
      bench.answer('HTTP/1.1 200 OK\r\n\r\n0123 W1\n');
      return bench.checker.status.lastResult;
    };
    expect(result({})).toBe('answered 200, the pattern fits');
    expect(result({ flags: '' })).toBe('answered a body in which the pattern w1 is not found');
    expect(result({ from: 6 })).toBe('answered a body in which the pattern w1 is not found');
    expect(result({ before: 5 })).toBe('answered a body in which the pattern w1 is not found');
    expect(result({ before: 6 })).toBe('answered 200, the pattern fits');
    expect(result({ negate: true })).toBe('answered a body in which the pattern w1 is found');
  });

  it('sends what it is told: method, fields, body', () => {
    const bench = new Bench({
      ...http,
      urls: [{ ...url, method: 'POST', headers: [{ name: 'Host', value: 'h\r\nX: y' }], body: 'ä' }],
    });
    bench.expire();
    const [sent] = bench.handle({ kind: 'connected', attempt: 1 });
    expect(sent?.kind === 'send' && latin1Text(unhex(sent.hex))).toBe(
      'POST / HTTP/1.0\r\nUser-Agent: KeepAliveClient (keepfleet)\r\nHost: h??X: y\r\nContent-Length: 2\r\n\r\n\xc3\xa4',
    );
  });

  it('over HTTP/2 sends fields and judges the answer', () => {
    const bench = new Bench({ ...http, protocol: '2' });
    bench.expire();
    expect(bench.handle({ kind: 'connected', attempt: 1 })).toMatchObject([
      { kind: 'request', fields: { ':method': 'GET', ':path': '/', ':authority': '192.168.1.10:80' }, body: '' },
    ]);
    bench.handle({ kind: 'head', attempt: 1, status: 200, fields: {} });
    bench.handle({ kind: 'ended', attempt: 1 });
    expect(bench.checker.status.lastResult).toBe('answered 200');
  });

  it('over HTTP/2 fails by an answer that is cut off', () => {
    const bench = new Bench({ ...http, protocol: '2' });
    bench.expire();
    bench.handle({ kind: 'connected', attempt: 1 });
    bench.handle({ kind: 'head', attempt: 1, status: 200, fields: {} });
    bench.handle({ kind: 'data', attempt: 1, hex: '41' });
    bench.handle({ kind: 'closed', attempt: 1 });
    expect(bench.checker.status.lastResult).toBe('closed the connection before its answer was complete');
  });

  it('fails by an answer that stops', () => {
    const bench = new Bench(http);
    bench.expire();
    bench.handle({ kind: 'connected', attempt: 1 });
    bench.handle({ kind: 'data', attempt: 1, hex: hex(asciiBytes('HTTP/1.1 200')) });
    bench.expire();
    expect(bench.checker.status.lastResult).toBe('did not answer within 5 s');
  });

  it('does not wait for ever for an answer that drips', () => {
    const bench = new Bench(http);
    bench.expire();
    bench.handle({ kind: 'connected', attempt: 1 });
    bench.handle({ kind: 'data', attempt: 1, hex: hex(asciiBytes('HTTP/1.1 200 OK\r\n\r\n')) });
    for (let second = 0; second < 60; second++) {
      bench.now = after(bench.now, seconds(1));
      if (bench.checker.timeout(bench.now).length > 0) break;
      bench.handle({ kind: 'data', attempt: 1, hex: '41' });
    }
    expect(bench.now).toBe(seconds(51));
    expect(bench.checker.status).toMatchObject({ up: false, lastResult: 'did not answer within 5 s' });
  });

  it('has a name with everything that tells it apart', () => {
    expect(describeChecker(http)).toBe('HTTP_GET http://192.168.1.10:80/');
    expect(describeChecker({ ...tcp, connection: { ...connection, address: ip('fd00::10') } })).toBe(
      'TCP_CHECK [fd00::10]:80',
    );
  });
});
