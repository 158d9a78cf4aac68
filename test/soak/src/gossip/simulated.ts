import { seconds } from '@keepfleet/machine';
import { Fleet } from './fleet.ts';

// A fleet in virtual time, for the benchmark: how long its news take, and what a member costs. Prints one line.

const REST_S = 20;
const count = Number(process.argv[2] ?? '100');
if (!Number.isInteger(count) || count < 3 || count > 2000) throw new RangeError('members: a number from 3 to 2000');

const fleet = new Fleet({ settings: { compress: false } }).grow(count);
if (!fleet.settle(seconds(120))) throw new Error(`${count} members did not find each other`);
const joined = fleet.lan.now / 1e6;
fleet.lan.run(seconds(15));

const bytes = () =>
  [...fleet.machines.values()].reduce((sum, machine) => {
    const { bytesOut, streamBytesOut } = machine.snapshot().stats;
    return sum + bytesOut + streamBytesOut;
  }, 0);
const before = { bytes: bytes(), processor: process.cpuUsage() };
fleet.lan.run(seconds(REST_S));
const share = REST_S * count;
const { user } = process.cpuUsage(before.processor);
const sent = (bytes() - before.bytes) / share;

fleet.seen.length = 0;
const toldAt = fleet.lan.now;
fleet.lan.input('n1', { kind: 'set-tags', tags: { role: 'agent', news: 'yes' } });
fleet.until(() => fleet.changes('updated', 'n1').length >= count, seconds(30));
const agreed = (fleet.lan.now - toldAt) / 1e6;

const killedAt = fleet.lan.now;
fleet.kill('n2');
fleet.until(() => fleet.notSeeing('n2', 'failed').length === 0, seconds(300));
const failed = fleet.changes('failed', 'n2').map(({ at }) => (at - killedAt) / 1e6);
const figure = (value: number) => value.toFixed(2);
process.stdout.write(
  `joined in ${figure(joined)} s; a tag known to all after ${figure(agreed)} s; a death first after ` +
    `${figure(Math.min(...failed))} s, to all after ${figure(Math.max(...failed))} s; at rest ${Math.round(sent)} bytes and ` +
    `${Math.round(user / share)} µs of processor a member and second\n`,
);
