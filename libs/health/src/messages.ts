/** `attempt` is the connection that an input is about, as given by the `connect` output; inputs about older ones are ignored. */
export type CheckerInput =
  | { readonly kind: 'start' }
  | { readonly kind: 'stop' }
  | { readonly kind: 'connected'; readonly attempt: number }
  | { readonly kind: 'data'; readonly attempt: number; readonly hex: string }
  /** The other side has sent all it has to send. */
  | { readonly kind: 'closed'; readonly attempt: number }
  /** The connection could not be made, or broke. */
  | { readonly kind: 'error'; readonly attempt: number; readonly reason: string };

export type CheckerOutput =
  /** Open a connection as the settings say, with TLS where they say so. */
  | { readonly kind: 'connect'; readonly attempt: number }
  | { readonly kind: 'send'; readonly attempt: number; readonly hex: string }
  | { readonly kind: 'close'; readonly attempt: number }
  /** A run has ended. */
  | { readonly kind: 'ran'; readonly success: boolean; readonly result: string }
  /** The state of the checker changed. */
  | { readonly kind: 'verdict'; readonly up: boolean; readonly reason: string };

/** Why a run failed. */
export type CheckFailure =
  | { readonly kind: 'no-connection'; readonly reason: string }
  | { readonly kind: 'connect-timeout'; readonly seconds: number }
  | { readonly kind: 'answer-timeout'; readonly seconds: number }
  | { readonly kind: 'broken-answer'; readonly error: ResponseError }
  | { readonly kind: 'body-too-long'; readonly limit: number }
  | { readonly kind: 'wrong-status'; readonly status: number; readonly want: string }
  | { readonly kind: 'wrong-digest'; readonly digest: string; readonly want: string };

/** Why bytes are not an HTTP answer. */
export type ResponseError =
  | { readonly kind: 'not-http' }
  | { readonly kind: 'head-too-long' }
  | { readonly kind: 'bad-content-length' }
  | { readonly kind: 'bad-chunk' }
  | { readonly kind: 'closed-early' };

/** Words for an operator, to follow the name of what was checked. */
export function describeFailure(failure: CheckFailure): string {
  switch (failure.kind) {
    case 'no-connection':
      return failure.reason;
    case 'connect-timeout':
      return `did not accept a connection within ${failure.seconds} s`;
    case 'answer-timeout':
      return `did not answer within ${failure.seconds} s`;
    case 'broken-answer':
      return responseErrorText[failure.error.kind];
    case 'body-too-long':
      return `answered with more than ${failure.limit} bytes, too many to take a digest of`;
    case 'wrong-status':
      return `answered ${failure.status}, want ${failure.want}`;
    case 'wrong-digest':
      return `answered a body with MD5 ${failure.digest}, want ${failure.want}`;
  }
}

const responseErrorText: Readonly<Record<ResponseError['kind'], string>> = {
  'not-http': 'answered something that is not HTTP',
  'head-too-long': 'answered with a header longer than any sensible one',
  'bad-content-length': 'answered with a Content-Length that is not a number',
  'bad-chunk': 'answered with a broken chunked body',
  'closed-early': 'closed the connection before its answer was complete',
};
