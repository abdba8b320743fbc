/**
 * `npm test`: the checks, then each suite with its time budget, then a table and what failed. Ends with
 * `N passed, N failed`; exits 1 when anything failed, when something was skipped, or when nothing ran.
 *
 * Test files on real services, browsers and timers that failed run once more, by themselves, after their suite: others
 * can starve a machine for a minute. What passes then is listed as unsteady. A broken promise (`violations` in the
 * message) is not asked twice.
 *
 *     npm test                 everything
 *     npm test -- live faults  these suites alone
 */
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, existsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { CHECKS, NAMED_SUITES, SUITES } from './suites.js';

/**
 * A budget is for two idle cores. Shared machines were seen to take twice as long, so a suite over its budget
 * is reported, and only one that took this many times as long fails the run.
 */
const FAR_OVER = 3;

/** How much of a failure's message is repeated at the end of a run. */
const REMARK_LINES = 30;

const chosen = process.argv.slice(2);
const known = [...SUITES, ...NAMED_SUITES];
const suites = chosen.length === 0 ? SUITES : known.filter(({ name }) => chosen.includes(name));
const unknown = chosen.filter((name) => !known.some((suite) => suite.name === name));
if (unknown.length > 0) {
  console.error(`No suite ${unknown.join(', ')}; there are: ${known.map(({ name }) => name).join(', ')}`);
  process.exit(1);
}

const folder = mkdtempSync(join(tmpdir(), 'madang-results-'));
const services = join(folder, 'services');
const security = join(folder, 'security');
const rows = [];
/** A text per test that failed, or that passed only when it ran again. */
const remarks = [];
let passed = 0;
let failed = 0;

/** @returns {Promise<{ ok: boolean, seconds: number }>} */
function run(command, args) {
  const started = performance.now();
  return new Promise((resolve) => {
    const child = spawn(command, args, {
      stdio: 'inherit',
      env: { ...process.env, MADANG_TEST_SERVICES_FILE: services, MADANG_SECURITY_FILE: security },
    });
    const done = (ok) => resolve({ ok, seconds: (performance.now() - started) / 1000 });
    child.once('error', () => done(false));
    child.once('exit', (code) => done(code === 0));
  });
}

async function check({ name, command, essential }) {
  console.log(`\n== ${name}`);
  const { ok, seconds } = await run(command[0], command.slice(1));
  if (!ok) remarks.push(`FAILED ${name}`);
  rows.push({ name, passed: ok ? 1 : 0, failed: ok ? 0 : 1, seconds, note: ok ? '' : 'FAILED' });
  return ok || !essential;
}

async function suite({ name, projects, seconds: budget, filters = [], deterministic = false }) {
  console.log(`\n== ${name} (budget ${budget} s)`);
  const first = await vitest(name, projects, filters);
  const failures = failuresOf(first.files);
  let { ok, seconds, files } = first;
  let late = [];
  if (!deterministic && failures.length > 0 && !failures.some(({ message }) => /violation/i.test(message))) {
    console.log(`\n== ${name}: what failed, once more by itself`);
    const second = await vitest(name, projects, [...new Set(failures.map(({ file }) => file))]);
    seconds += second.seconds;
    files = new Map([...files, ...second.files]);
    const still = failuresOf(files);
    ok = second.ok && still.length === 0;
    late = failures.filter((one) => !still.some(({ file, test }) => file === one.file && test === one.test));
  }
  const count = (...kinds) =>
    [...files.values()].flatMap(({ tests }) => tests).filter(({ status }) => kinds.includes(status)).length;
  const failed = failuresOf(files);
  const row = { name, passed: count('passed'), failed: failed.length, seconds, budget };
  const skipped = count('pending', 'skipped', 'todo', 'disabled');
  const problems = [];
  if (skipped > 0) problems.push(`${skipped} SKIPPED`);
  if (row.passed + row.failed === 0) problems.push('NO TESTS');
  if (!ok && row.failed === 0 && problems.length === 0) problems.push('FAILED outside a test');
  if (seconds > budget * FAR_OVER) problems.push(`OVER ${FAR_OVER} x BUDGET`);
  row.failed += problems.length;
  if (problems.length > 0) remarks.push(`FAILED ${name}: ${problems.join(', ')}`);
  if (row.failed > 0 && problems.length === 0) problems.push('FAILED');
  if (late.length > 0) problems.push(`${late.length} UNSTEADY`);
  if (seconds > budget && seconds <= budget * FAR_OVER) problems.push('OVER BUDGET');
  rows.push({ ...row, note: problems.join(', ') });
  remarks.push(...late.map((one) => remark('UNSTEADY', one)), ...failed.map((one) => remark('FAILED', one)));
}

/** One run of vitest; `files` is what each test file gave. */
async function vitest(name, projects, filters) {
  const results = join(folder, `${name.replaceAll(' ', '-')}.json`);
  rmSync(results, { force: true });
  const args = ['node_modules/vitest/vitest.mjs', 'run', ...projects.flatMap((p) => ['--project', p])];
  const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${results}`];
  const { ok, seconds } = await run(process.execPath, [...args, ...reporters, ...filters]);
  const { testResults = [] } = existsSync(results) ? JSON.parse(readFileSync(results, 'utf8')) : {};
  const files = new Map(
    testResults.map(({ name: file, status, message, assertionResults: tests }) => [
      file,
      { status, message, tests },
    ]),
  );
  return { ok, seconds, files };
}

/** A file that failed without a failing test (its import, its hooks) is one failure. */
function failuresOf(files) {
  return [...files].flatMap(([file, { status, message, tests }]) => {
    const failed = tests.filter((test) => test.status === 'failed');
    if (failed.length === 0) return status === 'failed' ? [{ file, test: 'the file itself', message }] : [];
    return failed.map((test) => ({ file, test: test.fullName, message: test.failureMessages.join('\n') }));
  });
}

function remark(word, { file, test, message }) {
  const lines = message.split('\n').slice(0, REMARK_LINES);
  return [`${word} ${relative(process.cwd(), file)} > ${test}`, ...lines].join('\n    ');
}

const sorted = (rows) =>
  rows
    .trim()
    .split('\n')
    .toSorted((a, b) => a.localeCompare(b, 'en', { numeric: true }))
    .join('\n');

function report() {
  const width = Math.max(...rows.map(({ name }) => name.length));
  console.log(`\n${'suite'.padEnd(width)}  passed  failed  seconds  budget`);
  for (const row of rows) {
    const cells = [row.passed, row.failed, row.seconds.toFixed(1), row.budget ?? ''];
    const widths = [6, 6, 7, 6];
    const text = cells.map((cell, index) => String(cell).padStart(widths[index])).join('  ');
    console.log(`${row.name.padEnd(width)}  ${text}  ${row.note}`.trimEnd());
    passed += row.passed;
    failed += row.failed;
  }
  const total = rows.reduce((sum, { seconds }) => sum + seconds, 0);
  console.log(`${'all'.padEnd(width)}  ${' '.repeat(16)}${total.toFixed(1).padStart(7)}`);
  if (existsSync(security)) console.log(`\n${sorted(readFileSync(security, 'utf8'))}`);
  for (const text of remarks) console.log(`\n${text}`);
  if (existsSync(services)) {
    const lines = new Set(readFileSync(services, 'utf8').trim().split('\n'));
    console.log(`\nAnswered, on Node ${process.version}:`);
    for (const line of lines) console.log(`  ${line}`);
  }
}

try {
  let go = true;
  for (const step of CHECKS) if (go && (chosen.length === 0 || step.essential)) go = await check(step);
  for (const one of suites) if (go) await suite(one);
  report();
} finally {
  rmSync(folder, { recursive: true, force: true });
}
if (passed === 0) failed += 1;
console.log(`\n${passed} passed, ${failed} failed`);
process.exitCode = failed > 0 ? 1 : 0;
