/** Runs on the client: `load-main.ts RATE TIMEOUT URL...` sends requests at a rate and prints one line for each. */
import { request } from 'node:http';

/** One request: when it was sent (milliseconds of the epoch), how long it took, what came back. */
export interface Shot {
  at: number;
  took: number;
  url: string;
  /** 0 when there was no answer. */
  status: number;
  body: string;
  failure: string;
}

export function parseShot(line: string): Shot {
  const [at = '0', took = '0', status = '0', url = '', body = '', failure = ''] = line.split('\t');
  return { at: Number(at), took: Number(took), status: Number(status), url, body, failure };
}

function formatShot({ at, took, status, url, body, failure }: Shot): string {
  return [at, took, status, url, body, failure].join('\t');
}

function shoot(url: string, timeout: number): Promise<Shot> {
  const at = Date.now();
  return new Promise((resolve) => {
    const end = (status: number, body: string, failure: string) => {
      resolve({ at, took: Date.now() - at, url, status, body: body.trim(), failure });
    };
    // A connection of its own: each request is a decision of the scheduler.
    const sent = request(url, { agent: false, signal: AbortSignal.timeout(timeout) }, (response) => {
      let body = '';
      response.setEncoding('utf8').on('data', (text: string) => (body += text));
      response.on('end', () => end(response.statusCode ?? 0, body, ''));
      response.on('error', (error) => end(0, body, error.message));
    });
    sent.on('error', (error) => end(0, '', 'code' in error ? String(error.code) : error.message));
    sent.end();
  });
}

async function main(rate: number, timeout: number, urls: string[]): Promise<void> {
  const underWay = new Set<Promise<void>>();
  let count = 0;
  const began = performance.now();
  const timer = setInterval(() => {
    // By the clock, not by the tick: a late tick sends what is due.
    const due = ((performance.now() - began) * rate) / 1000;
    while (count < due) {
      const url = urls[count++ % urls.length] ?? '';
      const shot = shoot(url, timeout).then((done) => {
        underWay.delete(shot);
        process.stdout.write(`${formatShot(done)}\n`);
      });
      underWay.add(shot);
    }
  }, 1000 / rate);
  await new Promise((resolve) => process.once('SIGTERM', resolve));
  clearInterval(timer);
  await Promise.all(underWay);
}

if (import.meta.main) {
  const [rate = '50', timeout = '5000', ...urls] = process.argv.slice(2);
  await main(Number(rate), Number(timeout), urls);
}
