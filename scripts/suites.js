/**
 * The suites of `npm test`, the cheap ones first. Seconds are the budget on two idle cores; `projects` are
 * those of vitest.config.ts. What fails in a suite that is not `deterministic` runs once more.
 *
 * @type {readonly { name: string, projects: readonly string[], seconds: number, filters?: readonly string[], deterministic?: boolean }[]}
 */
export const SUITES = [
  { name: 'unit+contract', projects: ['unit', 'testkit', 'contract'], seconds: 120 },
  { name: 'simulation', projects: ['simulation'], seconds: 60, deterministic: true },
  { name: 'client', projects: ['client'], seconds: 60 },
  { name: 'api', projects: ['api'], seconds: 120 },
  { name: 'live', projects: ['live'], seconds: 180 },
  { name: 'packaging', projects: ['packaging'], seconds: 120 },
  { name: 'docs', projects: ['docs'], seconds: 60 },
  { name: 'examples', projects: ['examples'], seconds: 240 },
  { name: 'browser', projects: ['e2e'], seconds: 300 },
  { name: 'ranking', projects: ['ranking'], seconds: 120 },
  { name: 'faults', projects: ['faults'], seconds: 240 },
  { name: 'security', projects: ['security'], seconds: 180 },
];

/** Suites that run only when they are named: `npm test -- embedded`. */
export const NAMED_SUITES = [
  // What depends on Node's own parts; run on a second Node version too.
  { name: 'embedded', projects: ['unit', 'contract'], seconds: 90, filters: ['unit', 'sqlite', 'memory'] },
  // Every benchmark in a tiny form: installs the peers, and measures nothing that a busy machine would not move.
  { name: 'bench', projects: ['bench'], seconds: 120 },
];

/** One step each, before the suites. A step that others stand on ends the run when it fails. */
export const CHECKS = [
  { name: 'codegen', command: ['npm', 'run', '--silent', 'codegen'], essential: true },
  { name: 'types', command: ['npm', 'run', '--silent', 'typecheck:only'], essential: false },
  { name: 'lint', command: ['npm', 'run', '--silent', 'lint:only'], essential: false },
  { name: 'schema lint', command: ['npm', 'run', '--silent', 'lint:schema'], essential: false },
  { name: 'dead code', command: ['npm', 'run', '--silent', 'lint:dead'], essential: false },
  { name: 'format', command: ['npm', 'run', '--silent', 'format:check'], essential: false },
  { name: 'build', command: ['npm', 'run', '--silent', 'build:only'], essential: true },
];
