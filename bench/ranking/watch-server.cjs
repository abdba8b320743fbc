/**
 * Loaded into a server before it: counts the executions of `roomsChanged`, and measures for how long its event loop
 * was blocked. Says `watched N {…}` at the N-th SIGUSR2: since the last one.
 */
const { monitorEventLoopDelay } = require('node:perf_hooks');

const NS_PER_MS = 1e6;
const execution = require(
  require.resolve('graphql/execution/execute.js', { paths: [process.env.ENTRY_POINT] }),
);
const { execute } = execution;
let executions = 0;
execution.execute = (args) => {
  if (args.rootValue?.roomsChanged !== undefined) executions += 1;
  return execute(args);
};

const delay = monitorEventLoopDelay({ resolution: 1 });
delay.enable();
let asked = 0;
process.on('SIGUSR2', () => {
  asked += 1;
  const figures = {
    executions,
    blockedP99Ms: delay.percentile(99) / NS_PER_MS,
    blockedMaxMs: delay.max / NS_PER_MS,
  };
  console.log(`watched ${asked} ${JSON.stringify(figures)}`);
  executions = 0;
  delay.reset();
});
