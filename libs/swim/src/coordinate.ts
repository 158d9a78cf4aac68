import type { RandomSource } from '@keepfleet/machine';
import { decoding } from './decoding.ts';
import { type SwimResult, failure } from './errors.ts';
import { Fields } from './msgpack.ts';
import { begin } from './packet.ts';

/**
 * Where a member is in a space in which distance is round-trip time (Vivaldi: Dabek, Cox, Kaashoek, Morris, SIGCOMM
 * 2004), as serf keeps it and tells it in the payload of every ack. All lengths are seconds.
 */
export interface Coordinate {
  readonly vector: readonly number[];
  /** How sure the member is of its place; falls from 1.5 towards 0. */
  readonly error: number;
  /** What the access link adds to every round trip. */
  readonly height: number;
  /** What the space has got wrong lately, on average. */
  readonly adjustment: number;
}

/** First byte of an ack's payload that holds a coordinate. */
const COORDINATE_PAYLOAD = 1;

// serf's constants: coordinates of members that use others do not fit into one space.
const DIMENSIONS = 8;
const ERROR_MAX = 1.5;
const ERROR_GAIN = 0.25;
const FORCE_GAIN = 0.25;
const ADJUSTMENT_WINDOW = 20;
const HEIGHT_MIN = 10e-6;
const LATENCY_FILTER = 3;
const GRAVITY_RHO = 150;
const ZERO = 1e-6;
/** A longer round trip is a stall and no distance. */
const MAX_ROUND_TRIP = 10;

const origin: Coordinate = {
  vector: new Array<number>(DIMENSIONS).fill(0),
  error: ERROR_MAX,
  height: HEIGHT_MIN,
  adjustment: 0,
};

/** `01`, then {Adjustment, Error, Height, Vec}: doubles. */
export function encodeCoordinate(coordinate: Coordinate): Uint8Array<ArrayBuffer> {
  const out = begin(COORDINATE_PAYLOAD).map(4);
  out.text('Adjustment').double(coordinate.adjustment).text('Error').double(coordinate.error);
  out.text('Height').double(coordinate.height).text('Vec').list(coordinate.vector.length);
  for (const component of coordinate.vector) out.double(component);
  return out.finish();
}

/** The coordinate in an ack's payload; undefined for an ack without one. */
export function decodeCoordinate(payload: Uint8Array): SwimResult<Coordinate> | undefined {
  if (payload.length === 0) return undefined;
  if (payload[0] !== COORDINATE_PAYLOAD) return failure('unknown-type', 'the payload of an ack is no coordinate');
  const read = decoding(payload.subarray(1), (reader) => {
    const fields = Fields.read(reader);
    return {
      vector: fields.numbers('Vec'),
      error: fields.number('Error'),
      height: fields.number('Height'),
      adjustment: fields.number('Adjustment'),
    };
  });
  if (!read.ok) return read;
  return usable(read.value) ? read : failure('malformed', 'a coordinate of other dimensions, or not finite');
}

/** Round-trip time between two members, seconds, as far as their coordinates tell. */
export function distance(a: Coordinate, b: Coordinate): number {
  const raw = rawDistance(a, b);
  const adjusted = raw + a.adjustment + b.adjustment;
  return adjusted > 0 ? adjusted : raw;
}

/** Our own place, moved a little by every round trip measured. */
export class Place {
  readonly #random: RandomSource;
  #own: Coordinate = origin;
  readonly #samples = new Array<number>(ADJUSTMENT_WINDOW).fill(0);
  #sampled = 0;
  readonly #latencies = new Map<string, readonly number[]>();

  constructor(random: RandomSource) {
    this.#random = random;
  }

  get coordinate(): Coordinate {
    return this.#own;
  }

  /** A direct ping of `member`, at `other`, took `roundTrip` seconds. */
  measured(member: string, other: Coordinate, roundTrip: number): void {
    if (roundTrip < 0 || roundTrip > MAX_ROUND_TRIP) return;
    const rtt = this.#filtered(member, roundTrip);
    this.#vivaldi(other, rtt);
    this.#adjust(other, rtt);
    // A weak pull to the origin keeps the whole space from drifting away.
    const pull = -((distance(origin, this.#own) / GRAVITY_RHO) ** 2);
    this.#own = this.#pushed(pull, origin);
    if (!usable(this.#own)) this.#own = origin;
  }

  forget(member: string): void {
    this.#latencies.delete(member);
  }

  /** The median of the last few: one late ack is no distance. */
  #filtered(member: string, rtt: number): number {
    const latest = [...(this.#latencies.get(member) ?? []), rtt].slice(-LATENCY_FILTER);
    this.#latencies.set(member, latest);
    return [...latest].sort((a, b) => a - b)[Math.floor(latest.length / 2)] ?? rtt;
  }

  #vivaldi(other: Coordinate, measured: number): void {
    const apart = distance(this.#own, other);
    const rtt = Math.max(measured, ZERO);
    const wrongness = Math.abs(apart - rtt) / rtt;
    const weight = this.#own.error / Math.max(this.#own.error + other.error, ZERO);
    const error = ERROR_GAIN * weight * wrongness + this.#own.error * (1 - ERROR_GAIN * weight);
    this.#own = { ...this.#own, error: Math.min(error, ERROR_MAX) };
    this.#own = this.#pushed(FORCE_GAIN * weight * (rtt - apart), other);
  }

  #adjust(other: Coordinate, rtt: number): void {
    this.#samples[this.#sampled++ % ADJUSTMENT_WINDOW] = rtt - rawDistance(this.#own, other);
    const sum = this.#samples.reduce((total, sample) => total + sample, 0);
    this.#own = { ...this.#own, adjustment: sum / (2 * ADJUSTMENT_WINDOW) };
  }

  #pushed(force: number, from: Coordinate): Coordinate {
    const { unit, length } = this.#direction(from);
    const vector = this.#own.vector.map((component, i) => component + (unit[i] ?? 0) * force);
    const height =
      length > ZERO ? ((this.#own.height + from.height) * force) / length + this.#own.height : this.#own.height;
    return { ...this.#own, vector, height: Math.max(height, HEIGHT_MIN) };
  }

  /** From the other to us; two at the same place are driven apart in a random direction. */
  #direction(from: Coordinate): { readonly unit: readonly number[]; readonly length: number } {
    const apart = this.#own.vector.map((component, i) => component - (from.vector[i] ?? 0));
    const length = magnitude(apart);
    if (length > ZERO) return { unit: apart.map((component) => component / length), length };
    const any = apart.map(() => this.#random() - 0.5);
    const size = magnitude(any);
    return {
      unit: size > ZERO ? any.map((component) => component / size) : apart.map((_, i) => (i === 0 ? 1 : 0)),
      length: 0,
    };
  }
}

function rawDistance(a: Coordinate, b: Coordinate): number {
  return magnitude(a.vector.map((component, i) => component - (b.vector[i] ?? 0))) + a.height + b.height;
}

function magnitude(vector: readonly number[]): number {
  return Math.sqrt(vector.reduce((sum, component) => sum + component * component, 0));
}

function usable({ vector, error, height, adjustment }: Coordinate): boolean {
  return vector.length === DIMENSIONS && [...vector, error, height, adjustment].every(Number.isFinite);
}
