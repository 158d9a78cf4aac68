// One member of npm's swim, started in the directory where that is installed. Prints a line for each change it sees.
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';

const require = createRequire(join(process.cwd(), 'package.json'));
// A native module that it takes a checksum from, for people to compare; none is built here.
const farmhash = require.resolve('farmhash');
require.cache[farmhash] = { id: farmhash, filename: farmhash, loaded: true, exports: { hash32: crc32 } };

const Swim = require('swim');
const { host, seeds, timing } = JSON.parse(process.argv[2] ?? '{}');
const swim = new Swim({ local: { host }, codec: 'json', ...timing });
const tell = ({ host: about, state }) => process.stdout.write(`${about} ${state}\n`);
swim.on(Swim.EventType.Change, tell);
swim.on(Swim.EventType.Update, tell);
swim.on(Swim.EventType.Error, () => undefined);
swim.bootstrap(seeds, () => {
  for (const member of swim.members()) tell(member);
});
