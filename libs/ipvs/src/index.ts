/**
 * The model of the kernel's IPVS and the rules that keepalived.conf puts on top of it: attribute codec of the generic
 * netlink family, plan of the operations from the desired to the actual table, quorum, sorry server, adoption of what is
 * there; connection sync daemons and the kernel's timeouts. Left out: the netlink socket (the driver's), the checkers (the
 * health library). Format: linux/ip_vs.h.
 *
 * Call order: `owned`, then a `table` as read from the kernel, then `configure`; afterwards `health` and `table` as they
 * come. After each call carry out the outputs in order: keep `own` on disk, send each operation of `apply` as encoded by
 * encodeOperation, answer a refusal with `refused`. OptionsKeeper is told of each operation whether it is `done` or `refused`. reportOf gives the snapshot for everybody else, reportInParts the same little by little.
 */
export * from './balancer.ts';
export * from './decode.ts';
export * from './encode.ts';
export * from './kernel-options.ts';
export * from './messages.ts';
export * from './options-codec.ts';
export * from './options-keeper.ts';
export * from './model.ts';
export * from './plan.ts';
export * from './report.ts';
export * from './settings.ts';
export * from './snapshot.ts';
export { type WeightEffect, makesWeights, noEffect, weightOf } from './weight.ts';
export type { AttributeError } from './attributes.ts';
export { IPVS_FAMILY, IPVS_VERSION, ipvsCommand } from './numbers.ts';
