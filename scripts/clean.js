/** Before a build: what a former build left must not be packed. */
import { rmSync } from 'node:fs';

rmSync('dist', { recursive: true, force: true });
