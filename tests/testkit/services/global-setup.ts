import { appendFileSync } from 'node:fs';
import { DESK_VARIABLE, openDesk } from './desk.js';
import { createServiceProvider } from './provider.js';

/**
 * Runs in the main process of a test run. Nothing is started here: the first test that needs a service makes
 * the desk start it, and all the others share it. At the end the run says which servers answered.
 */
export default async function setup(): Promise<(() => Promise<void>) | undefined> {
  if (process.env[DESK_VARIABLE] !== undefined) return undefined;
  const provider = createServiceProvider(process.env);
  const desk = await openDesk(provider);
  process.env[DESK_VARIABLE] = desk.url;
  return async () => {
    delete process.env[DESK_VARIABLE];
    const file = process.env['MADANG_TEST_SERVICES_FILE'];
    for (const line of provider.report()) {
      console.log(`   Answered: ${line}`);
      if (file !== undefined) appendFileSync(file, `${line}\n`);
    }
    await desk.close();
    await provider.close();
  };
}
