/**
 * The gRPC contracts, generated from proto/ by `npm run proto`: model (shared states), agent (agent link), fleet (API for
 * people), gossip (members), local (an agent's own socket).
 */
export * as agent from './generated/keepfleet/agent/v1/agent.ts';
export * as fleet from './generated/keepfleet/fleet/v1/fleet.ts';
export * as gossip from './generated/keepfleet/gossip/v1/gossip.ts';
export * as local from './generated/keepfleet/local/v1/local.ts';
export * as model from './generated/keepfleet/model/v1/model.ts';
export { toJson } from './json.ts';
export { CLAIM_STATES, type ClaimWords, routerClaim } from './router-claim.ts';
