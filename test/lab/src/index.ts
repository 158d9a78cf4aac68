/**
 * The lab of the article, alive: client C1, directors L1 to L3, web servers W1 to W4 and the controller, with the real
 * kernel IPVS, snmpd and nginx. `npm run lab` drives it by hand; tests use `Lab` here: `Lab.up()` or `Lab.attach()`, then
 * `exec`, `fault`, `client.get`, `client.load`, `waitFor`, and `down()` at the end. `runInGuest` runs one script in a
 * throw-away guest whose kernel has IPVS, without any network but its own loopback.
 *
 * A second lab beside the usual one has a word of its own: `KEEPFLEET_LAB=word npm run lab`.
 *
 * Left out: networks beyond the four of the plan, and links that lose their carrier inside guests.
 */
export type { UpOptions } from './arguments.ts';
export { Load, LabClient, type HttpAnswer, type LoadOptions, type LoadResult } from './client.ts';
export type { Fault, KillTarget } from './fault.ts';
export { Lab, LabError, type ExecOptions, type ExecResult, type Running, type WaitOptions } from './lab.ts';
export type { Shot } from './load-main.ts';
export { client, controllerHost, directors, hosts, serviceUrls, virtualAddresses, webServers } from './plan.ts';
export type { HostStatus, LabStatus } from './status.ts';
export { usableCpus } from './kernel.ts';
export { runInGuest, type GuestRun } from './throw-away-guest.ts';
export { withoutIpvs } from './without-ipvs.ts';
