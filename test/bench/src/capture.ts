import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { CAPTURE_FILTER, type Frame, FrameReader } from './frames.ts';
import type { Space, Stand } from './stand.ts';

const START_MS = 5_000;
const AT_CLIENT = { space: 'client', interface: 'eth0' } as const;

export interface CaptureOptions {
  /** Frames are given as they come. Otherwise they come in blocks, which costs the machine less. */
  readonly live: boolean;
  /** Where to look; default the client's end of its cable. */
  readonly at?: { readonly space: Space; readonly interface: string };
}

/** What arrives at the client of a stand, stamped by the kernel: how late the bench itself looks does not matter. */
export class Capture {
  readonly frames: Frame[] = [];
  readonly #tcpdump: ChildProcess;
  readonly #waiting = new Set<() => void>();
  #errors = '';

  private constructor(tcpdump: ChildProcess) {
    this.#tcpdump = tcpdump;
    const reader = new FrameReader();
    tcpdump.stdout?.on('data', (piece: Buffer) => {
      this.frames.push(...reader.read(piece));
      for (const look of this.#waiting) look();
    });
    tcpdump.stderr?.on('data', (piece: Buffer) => {
      this.#errors += piece.toString();
      for (const look of this.#waiting) look();
    });
  }

  static async start(stand: Stand, { live, at = AT_CLIENT }: CaptureOptions): Promise<Capture> {
    const options = live ? ['--immediate-mode'] : ['-B', '8192'];
    const output = ['-i', at.interface, '-s', '128', '--time-stamp-precision=nano', '-U', '-w', '-'];
    const capture = new Capture(stand.spawn(at.space, ['tcpdump', '-n', ...options, ...output, CAPTURE_FILTER]));
    await capture.#until(() => capture.#errors.includes('listening on') || undefined, START_MS, 'tcpdump listens');
    return capture;
  }

  /** The first frame at or after a time for which `wanted` holds, also one that is here already. */
  first(what: string, after: number, deadline: number, wanted: (frame: Frame) => boolean): Promise<Frame> {
    let next = this.frames.findLastIndex(({ at }) => at < after) + 1;
    return this.#until(
      () => {
        for (; next < this.frames.length; next++) {
          const frame = this.frames[next];
          if (frame !== undefined && frame.at >= after && wanted(frame)) return frame;
        }
        return undefined;
      },
      deadline,
      what,
    );
  }

  last(before: number, wanted: (frame: Frame) => boolean): Frame | undefined {
    return this.frames.findLast((frame) => frame.at < before && wanted(frame));
  }

  /** Ends it. Without `live`, the frames of the last second may be lost: wait for one that comes later than yours. */
  async stop(): Promise<void> {
    const closed = once(this.#tcpdump, 'close');
    this.#tcpdump.kill('SIGINT');
    await closed;
    const dropped = /(\d+) packets? dropped by kernel/.exec(this.#errors)?.[1];
    if (dropped !== '0') throw new Error(`tcpdump missed ${dropped ?? 'an unknown number of'} packets`);
  }

  #until<T>(condition: () => T | undefined, deadline: number, what: string): Promise<T> {
    return new Promise((resolve, reject) => {
      const look = () => {
        const value = condition();
        if (value === undefined) return;
        done();
        resolve(value);
      };
      const timeout = setTimeout(() => {
        done();
        reject(new Error(`not within ${deadline} ms: ${what}`));
      }, deadline);
      const done = () => {
        clearTimeout(timeout);
        this.#waiting.delete(look);
      };
      this.#waiting.add(look);
      look();
    });
  }
}
