/**
 * The link between the control process and the vrrp and lvs processes of a node (messages.ts draws it). A process makes
 * a {@link LinkServer} and calls `event` and `changed`; control makes a {@link LinkClient} for each and calls
 * `configure` and `command`. Either end may come and go.
 */
export { type Plain, alikeItems, withLikeness } from './alike.ts';
export { isSame } from './delta.ts';
export { type EventPosition, LinkClient, type LinkClientOptions, type LinkListener } from './link-client.ts';
export { LinkError, type LinkErrorCode } from './link-error.ts';
export { LinkServer, type LinkServerOptions, type LinkedProcess, type Refusal, socketPath } from './link-server.ts';
export type { Hello, Outcome, Role, StopMode } from './messages.ts';
