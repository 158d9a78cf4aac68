/**
 * Health checks of real servers as machines, with keepalived's schedule (delay_loop, retry, delay_before_retry, warmup,
 * alpha), and what may be told of weights (dynamic scripts, files, latency, slow start). HTTP/1 (RFC 9112), SMTP (RFC 5321),
 * DNS (RFC 1035), ICMP echo (RFC 792, 4443) and the messages of grpc.health.v1, each as much as a check needs. Left out:
 * sockets, processes, TLS, the framing of HTTP/2, MD5 and regular expressions, which the driver gives. A real server is up
 * when all its checkers are.
 *
 * Call order for a Checker: `handle({kind: 'start'})`, then a timer at nextDeadline for `timeout`, and the events of each
 * connection (`connect`) or script (`run`) that came out; `stop` ends it. A WatchedChecker is told what it watches.
 */
export { Checker } from './checker.ts';
export * from './conversation.ts';
export { conversationOf } from './conversations.ts';
export { DNS_TYPES, type DnsRecord, decodeAnswers, decodeHeader, encodeQuery, isDnsName } from './dns-message.ts';
export { MAX_BODY, MAX_SEARCHED } from './exchange.ts';
export { MAX_HEAD, MAX_INTERIM, ResponseReader } from './http-response.ts';
export * from './messages.ts';
export * from './settings.ts';
export { SlowStart } from './slow-start.ts';
export type { CheckerStatus } from './verdict.ts';
export { WatchedChecker } from './watched.ts';
