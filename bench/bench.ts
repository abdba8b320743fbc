/**
 * Runs one benchmark: Madang and its peers side by side, interleaved, on one machine.
 *
 *     npm run bench -- fan-out                     about ten minutes
 *     npm run bench -- mutations --quick           about two
 *     npm run bench -- idle --json idle.json       the raw figures too
 *     npm run bench -- idle --rounds 3             other than five rounds
 */
import { parseArgs } from 'node:util';
import { installPeers } from './lib/contenders.js';
import { buildLoad } from './lib/load.js';
import { machine } from './lib/machine.js';
import { MADANG_SETTINGS } from './lib/madang.js';
import { print, reportOf, save } from './lib/report.js';
import { sizeOf } from './lib/scenario.js';
import { SCENARIOS } from './scenarios/index.js';

const MS_PER_SECOND = 1000;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    quick: { type: 'boolean', default: false },
    tiny: { type: 'boolean', default: false },
    rounds: { type: 'string' },
    json: { type: 'string' },
  },
});

const [name = ''] = positionals;
const scenario = SCENARIOS[name];
if (scenario === undefined) {
  console.error(
    `usage: npm run bench -- NAME [--quick] [--rounds N] [--json FILE]\n  NAME: ${Object.keys(SCENARIOS).join(', ')}`,
  );
  process.exit(1);
}

const started = performance.now();
installPeers();
buildLoad();
console.log(
  `Node ${machine.node}, ${machine.cores} cores, ${machine.pinned ? 'one for the server, one for the load' : 'not pinned'}`,
);
console.log(
  `Madang: ${Object.entries(MADANG_SETTINGS)
    .map(([key, value]) => `${key}=${value}`)
    .join(' ')}`,
);
const outcome = await scenario(sizeOf(values));
const report = reportOf(name, values.quick, outcome);
print(report, (performance.now() - started) / MS_PER_SECOND);
if (values.json !== undefined) save(values.json, report);
