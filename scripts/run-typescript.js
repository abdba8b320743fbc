import { register } from 'tsx/esm/api';

// Preload with `--import`, to run from sources. `--import tsx` itself leaves out worker threads on Node 20, and
// the embedded store has one; this runs in every thread.
register();
