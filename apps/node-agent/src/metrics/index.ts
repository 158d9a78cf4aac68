/** Metrics for Prometheus, off unless agent.yaml asks for them. Call order: a `MetricsServer`, `start`, `close`. */
export * from './exposition.ts';
export * from './server.ts';
