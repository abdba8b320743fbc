/** Before a build, with the folder that it makes: what a former build left there must not be packed. */
import { rmSync } from 'node:fs';

rmSync(process.argv[2], { recursive: true, force: true });
