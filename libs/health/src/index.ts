/**
 * Health checks of real servers as machines: TCP_CHECK, HTTP_GET and SSL_GET with keepalived's schedule (delay_loop, retry,
 * delay_before_retry, warmup, alpha). Left out: sockets, TLS and MD5, which the driver gives; the other checkers. A real
 * server is up when all its checkers are. HTTP is RFC 9112, of which only what a check needs.
 *
 * Call order: `handle({kind: 'start'})`, then a timer at nextDeadline for `timeout`, and the connection's events for each
 * `connect` that came out; `stop` ends it.
 */
export { Checker, type CheckerEnvironment, type CheckerStatus } from './checker.ts';
export { type DigestStream, MAX_BODY } from './exchange.ts';
export { MAX_HEAD, ResponseReader } from './http-response.ts';
export * from './messages.ts';
export * from './settings.ts';
