import { SMTPServer } from 'smtp-server';

export interface ReceivedMail {
  readonly subject: string;
  readonly body: string;
}

/** A mail server on 127.0.0.1 that takes everything. */
export function receiveMails(port: number, received: (mail: ReceivedMail) => void): Promise<SMTPServer> {
  const server = new SMTPServer({
    authOptional: true,
    disabledCommands: ['STARTTLS', 'AUTH'],
    logger: false,
    // There is no name service to wait for where the tests run.
    disableReverseLookup: true,
    onData(stream, _session, callback) {
      let text = '';
      stream.on('data', (bytes: Buffer) => (text += bytes.toString('latin1')));
      stream.on('end', () => {
        const [head = '', ...rest] = text.split('\r\n\r\n');
        const subject = /^Subject: (.*)$/m.exec(head.replace(/\r\n[ \t]/g, ' ').replace(/\r/g, ''))?.[1];
        received({ subject: subject ?? text, body: rest.join('\r\n\r\n').replace(/\r/g, '').trim() });
        callback();
      });
    },
  });
  server.on('error', () => undefined);
  return new Promise((resolve) => server.listen(port, '127.0.0.1', () => resolve(server)));
}
