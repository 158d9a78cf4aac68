import { type Instant, after, instant, millis, seconds } from '@keepfleet/machine';
import { Swim, type SwimOutput, lanTunables } from '@keepfleet/swim';
import { seededRandom } from '@keepfleet/testkit';
import { ip } from '@keepfleet/wire';

/** Longest queue that a member keeps, whatever it is told. */
const MAX_QUEUED = 4096;
const MAX_MEMBERS = 16_384;

const NONCE = 12;
const TAG = 16;

/** Whose bytes: anybody's in a fleet without a key, a stranger's or an insider's in one that has one. */
export type TargetKind = 'plain' | 'stranger' | 'insider';

/** A member that is given bytes by a stranger: as a datagram, and as a stream of its own. */
export class GossipTarget {
  readonly #machine: Swim;
  readonly #kind: TargetKind;
  #now: Instant = instant(0);
  #streams = 0;

  constructor(kind: TargetKind) {
    this.#kind = kind;
    // No key opens what a stranger sends, and any opens what an insider does: all that the machine asks of a cipher here.
    const cipher = {
      seal: (plain: Uint8Array) => new Uint8Array(plain.length + NONCE + TAG),
      open: (sealed: Uint8Array) => (kind === 'insider' ? sealed.subarray(NONCE, -TAG) : undefined),
    };
    this.#machine = new Swim(
      {
        ...lanTunables,
        name: 'us',
        advertise: { address: ip('10.0.0.1'), port: 7946 },
        tags: {},
        seeds: [],
        label: '',
        // What it makes them believe is forgotten before it slows the run down.
        gossipToDead: seconds(1),
        rememberFailed: seconds(2),
        rememberLeft: seconds(2),
      },
      { random: seededRandom(1), ...(kind === 'plain' ? {} : { cipher }) },
    );
    this.#machine.handle({ kind: 'start' }, this.#now);
  }

  get believed(): number {
    return this.#machine.snapshot().members.length - 1;
  }

  take(content: string): void {
    const sealed = `01${'00'.repeat(NONCE)}${content}${'00'.repeat(TAG)}`;
    const [datagram, data] =
      this.#kind === 'insider'
        ? [sealed, `0a${(sealed.length / 2).toString(16).padStart(8, '0')}${sealed}`]
        : [content, content];
    const from = { address: ip('192.0.2.66'), port: 40_000 };
    this.#now = after(this.#now, millis(1));
    const outputs: SwimOutput[] = [...this.#machine.handle({ kind: 'datagram', from, data: datagram }, this.#now)];
    const stream = `in-${++this.#streams}`;
    this.#machine.handle({ kind: 'stream-accepted', stream, from }, this.#now);
    const half = data.length - (data.length % 4 === 0 ? data.length / 2 : 0);
    outputs.push(...this.#machine.handle({ kind: 'stream-data', stream, data: data.slice(0, half) }, this.#now));
    outputs.push(...this.#machine.handle({ kind: 'stream-data', stream, data: data.slice(half) }, this.#now));
    this.#machine.handle({ kind: 'stream-closed', stream, reason: 'closed' }, this.#now);
    const deadline = this.#machine.nextDeadline();
    if (deadline !== undefined && deadline <= this.#now) outputs.push(...this.#machine.timeout(this.#now));
    if (this.#kind === 'stranger' && outputs.some(({ kind }) => kind !== 'problem' && kind !== 'close-stream'))
      throw new Error(`without a key something was done: ${outputs.map(({ kind }) => kind).join()}`);
    // What it was made to open goes nowhere.
    for (const output of outputs)
      if (output.kind === 'open-stream')
        this.#machine.handle({ kind: 'stream-closed', stream: output.stream, reason: 'refused' }, this.#now);
  }

  /** Without the key nothing has changed; with none, what is believed is bounded. */
  check(): void {
    const { members, queued, phase } = this.#machine.snapshot();
    if (this.#kind === 'stranger' && members.length !== 1)
      throw new Error(`${members.length - 1} members were believed without a key`);
    if (members.length > MAX_MEMBERS || queued > MAX_QUEUED)
      throw new Error(`${members.length} members, ${queued} messages: more than is ever to be kept`);
    if (phase !== 'running') throw new Error(`the member is ${phase}`);
  }
}
