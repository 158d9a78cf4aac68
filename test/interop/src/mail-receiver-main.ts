import { receiveMails } from './mail-receiver.ts';

/** A mail server in the network namespace that it was started in: a line of JSON for each mail. */
await receiveMails(Number(process.argv[2]), (mail) => process.stdout.write(`${JSON.stringify(mail)}\n`));
process.stdout.write('"ready"\n');
