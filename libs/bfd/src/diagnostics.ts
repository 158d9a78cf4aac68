/** Values of the Diag field in the order of the standard, RFC 5880 section 4.1; 9 to 31 are reserved. */
export const DIAGNOSTICS = [
  'No Diagnostic',
  'Control Detection Time Expired',
  'Echo Function Failed',
  'Neighbor Signaled Session Down',
  'Forwarding Plane Reset',
  'Path Down',
  'Concatenated Path Down',
  'Administratively Down',
  'Reverse Concatenated Path Down',
] as const;

export const NO_DIAGNOSTIC = 0;
export const DETECTION_TIME_EXPIRED = 1;
export const NEIGHBOR_SIGNALED_DOWN = 3;
export const PATH_DOWN = 5;
export const ADMINISTRATIVELY_DOWN = 7;

export function diagnosticText(code: number): string {
  return DIAGNOSTICS[code] ?? `reserved diagnostic ${code}`;
}
