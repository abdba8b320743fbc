export { createApp, type App, type AppOptions } from './app.js';
export { ConfigError, loadConfig, type Config } from './config.js';
export { createLogger } from './lib/logger.pino.js';
export type { Logger } from './lib/logger.js';
export { StartError } from './lib/start-error.js';
export type { HostIdentity, Identify } from './transport/caller.js';
