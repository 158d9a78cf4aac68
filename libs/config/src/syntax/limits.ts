/** What a text may cost. A text beyond a limit is reported and cut off there, never read for ever. */
export interface Limits {
  /** Of a line as written and after substitution. Default 1024, keepalived's buffer; a longer line is dropped. */
  readonly lineBytes: number;
  /** Lines that definitions and repetitions may make; default 1,000,000, about a second and 500 MB. */
  readonly expandedLines: number;
  /** Default 32. */
  readonly includeDepth: number;
  /** Files that one parse reads; default 10,000. Files that include each other twice would double with each level. */
  readonly includes: number;
  /** Blocks within blocks; default 64, where keepalived's own are five. */
  readonly blockDepth: number;
}

export const DEFAULT_LIMITS: Limits = {
  lineBytes: 1_024,
  expandedLines: 1_000_000,
  includeDepth: 32,
  includes: 10_000,
  blockDepth: 64,
};
