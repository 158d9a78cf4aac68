/** Of vrrp and bfd, which do little and must do it in time, ahead of others; of the checker as of any other process. */
export const DEFAULT_NICE = { vrrp: -10, checker: 0, bfd: -10 } as const;
