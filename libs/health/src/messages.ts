/** `attempt` is the connection or the script that an input is about, as given by its output; inputs about older ones are ignored. */
export type CheckerInput =
  | { readonly kind: 'start' }
  | { readonly kind: 'stop' }
  /** Runs rest: the service is not this node's to serve. A run that goes on is given up. */
  | { readonly kind: 'suspend' }
  | { readonly kind: 'resume' }
  | { readonly kind: 'connected'; readonly attempt: number }
  /** Bytes of a stream, or one datagram. */
  | { readonly kind: 'data'; readonly attempt: number; readonly hex: string }
  /** HTTP/2: the head of the answer. */
  | { readonly kind: 'head'; readonly attempt: number; readonly status: number; readonly fields: HeaderFields }
  /** HTTP/2: what follows the body. */
  | { readonly kind: 'trailers'; readonly attempt: number; readonly fields: HeaderFields }
  /** HTTP/2: the answer is complete. */
  | { readonly kind: 'ended'; readonly attempt: number }
  /** The other side sends no more. */
  | { readonly kind: 'closed'; readonly attempt: number }
  /** The connection could not be made, or broke. */
  | { readonly kind: 'error'; readonly attempt: number; readonly reason: string }
  /** This node has no descriptor, port or memory left to ask with: that says nothing about the server. */
  | { readonly kind: 'unable'; readonly attempt: number; readonly reason: string }
  /** The script has ended: by itself with `status`, or by a signal. */
  | {
      readonly kind: 'exited';
      readonly attempt: number;
      readonly status: number | null;
      readonly signal: string | null;
    };

/** Names in lower case. */
export type HeaderFields = Readonly<Record<string, string>>;

export type CheckerOutput =
  /** Open a connection as the settings say, with TLS where they say so. */
  | { readonly kind: 'connect'; readonly attempt: number }
  | { readonly kind: 'send'; readonly attempt: number; readonly hex: string }
  /** HTTP/2: send one request. */
  | {
      readonly kind: 'request';
      readonly attempt: number;
      readonly fields: HeaderFields;
      /** Hexadecimal. */
      readonly body: string;
    }
  | { readonly kind: 'close'; readonly attempt: number }
  /** Start the script. */
  | { readonly kind: 'run'; readonly attempt: number }
  | { readonly kind: 'kill'; readonly attempt: number; readonly signal: 'SIGTERM' | 'SIGKILL' }
  /** Nothing is told of the script any more: end it, and put it down where that does not help. */
  | { readonly kind: 'abandon'; readonly attempt: number }
  /** A run was not made, and the next one comes as if it had been. */
  | { readonly kind: 'not-run'; readonly reason: string }
  /** A run has ended; `first` when it is the first one. */
  | { readonly kind: 'ran'; readonly success: boolean; readonly result: string; readonly first: boolean }
  /** The state of the checker changed. */
  | { readonly kind: 'verdict'; readonly up: boolean; readonly reason: string }
  /** What the checker makes of the server's weight is another; see {@link WeightEffect}. */
  | { readonly kind: 'weight'; readonly effect: WeightEffect };

/** The server's weight is its configured one, or `replaced`, plus `added`, times `share`. */
export interface WeightEffect {
  readonly replaced: number | null;
  readonly added: number;
  /** Above 0, up to 1. */
  readonly share: number;
}

export const noWeightEffect: WeightEffect = { replaced: null, added: 0, share: 1 };

/** Why a run failed. */
export type CheckFailure =
  | { readonly kind: 'no-connection'; readonly reason: string }
  | { readonly kind: 'connect-timeout'; readonly seconds: number }
  | { readonly kind: 'answer-timeout'; readonly seconds: number }
  | { readonly kind: 'broken-answer'; readonly error: ResponseError }
  | { readonly kind: 'body-too-long'; readonly limit: number }
  | { readonly kind: 'wrong-status'; readonly status: number; readonly want: string }
  | { readonly kind: 'wrong-digest'; readonly digest: string; readonly want: string }
  | { readonly kind: 'pattern-missing'; readonly pattern: string }
  | { readonly kind: 'pattern-found'; readonly pattern: string }
  | { readonly kind: 'pattern-too-slow'; readonly pattern: string }
  | { readonly kind: 'smtp-refused'; readonly step: string; readonly answer: string; readonly want: number }
  | { readonly kind: 'not-smtp'; readonly step: string }
  | { readonly kind: 'broken-dns'; readonly reason: string }
  | { readonly kind: 'dns-refused'; readonly code: string }
  | { readonly kind: 'dns-answers'; readonly found: number; readonly want: number }
  | { readonly kind: 'dns-truncated'; readonly found: number }
  | { readonly kind: 'dns-wrong-answer'; readonly found: string; readonly want: string }
  | { readonly kind: 'wrong-reply'; readonly reason: string }
  | { readonly kind: 'grpc-status'; readonly status: string }
  | { readonly kind: 'not-grpc'; readonly reason: string }
  | { readonly kind: 'not-serving'; readonly status: string }
  | { readonly kind: 'script-failed'; readonly status: number }
  | { readonly kind: 'script-killed'; readonly signal: string }
  | { readonly kind: 'script-timeout'; readonly seconds: number }
  | { readonly kind: 'no-script'; readonly reason: string };

/** Why bytes are not an HTTP answer. */
export type ResponseError =
  | { readonly kind: 'not-http' }
  | { readonly kind: 'head-too-long' }
  | { readonly kind: 'too-many-interim' }
  | { readonly kind: 'bad-content-length' }
  | { readonly kind: 'bad-chunk' }
  | { readonly kind: 'closed-early' };

/** Words for an operator, to follow the name of what was checked. */
export function describeFailure(failure: CheckFailure): string {
  switch (failure.kind) {
    case 'no-connection':
    case 'no-script':
      return failure.reason;
    case 'connect-timeout':
      return `did not accept a connection within ${failure.seconds} s`;
    case 'answer-timeout':
      return `did not answer within ${failure.seconds} s`;
    case 'broken-answer':
      return responseErrorText[failure.error.kind];
    case 'body-too-long':
      return `answered with more than ${failure.limit} bytes, too many to look through`;
    case 'wrong-status':
      return `answered ${failure.status}, want ${failure.want}`;
    case 'wrong-digest':
      return `answered a body with MD5 ${failure.digest}, want ${failure.want}`;
    case 'pattern-missing':
      return `answered a body in which the pattern ${failure.pattern} is not found`;
    case 'pattern-found':
      return `answered a body in which the pattern ${failure.pattern} is found`;
    case 'pattern-too-slow':
      return `answered a body that takes too long, or too much memory, to look through for ${failure.pattern}: write a simpler regex`;
    case 'smtp-refused':
      return `answered "${failure.answer}" to ${failure.step}, want ${failure.want}`;
    case 'not-smtp':
      return `answered something to ${failure.step} that is not SMTP`;
    case 'broken-dns':
      return `answered something that is not DNS: ${failure.reason}`;
    case 'dns-refused':
      return `answered ${failure.code}`;
    case 'dns-answers':
      return `answered with ${failure.found} records, want ${failure.want}`;
    case 'dns-truncated':
      return `answered with more records than a datagram holds, and what is wanted is not among the ${failure.found} in it; check a name with fewer`;
    case 'dns-wrong-answer':
      return `answered ${failure.found}, want ${failure.want}`;
    case 'wrong-reply':
      return `replied something else than wanted: ${failure.reason}`;
    case 'grpc-status':
      return `answered with gRPC status ${failure.status}`;
    case 'not-grpc':
      return `answered something that is not gRPC: ${failure.reason}`;
    case 'not-serving':
      return `says that it is ${failure.status}`;
    case 'script-failed':
      return `exited with status ${failure.status}`;
    case 'script-killed':
      return `was ended by ${failure.signal}`;
    case 'script-timeout':
      return `did not end within ${failure.seconds} s`;
  }
}

const responseErrorText: Readonly<Record<ResponseError['kind'], string>> = {
  'not-http': 'answered something that is not HTTP',
  'head-too-long': 'answered with a header longer than any sensible one',
  'too-many-interim': 'answered with one interim answer (1xx) after the other, and no final one',
  'bad-content-length': 'answered with a Content-Length that is not a number',
  'bad-chunk': 'answered with a broken chunked body',
  'closed-early': 'closed the connection before its answer was complete',
};
