import { loadConfig } from '../config.js';
import { StartError } from '../lib/start-error.js';
import { makeAuthKey } from '../visitors/auth-keys.js';
import { backup } from './backup.js';
import { check } from './check.js';
import { verify } from './verify.js';

const HELP: readonly string[] = ['help', '--help', '-h'];

type Environment = Readonly<Record<string, string | undefined>>;

const USAGE =
  'usage: madang [key | check | verify ROOM_ID | backup FILE | help]; without a command it serves the chat';

/**
 * Runs a subcommand of the program; each line that it prints is one finding.
 *
 * @returns the exit code: 0 when all is well, else 1.
 * @throws ConfigError or StartError in words for the operator.
 */
export async function runCommand(
  command: string,
  operands: readonly string[],
  env: Environment,
  print: (line: string) => void,
): Promise<number> {
  const [operand] = operands;
  if (HELP.includes(command)) {
    print(USAGE);
    return 0;
  }
  if (command === 'key' && operands.length === 0) {
    print(makeAuthKey());
    return 0;
  }
  if (command === 'check' && operands.length === 0) return check(loadConfig(env), print);
  if (command === 'verify' && operand !== undefined && operands.length === 1) {
    return verify(loadConfig(env), operand, print);
  }
  if (command === 'backup' && operand !== undefined && operands.length === 1) {
    return backup(loadConfig(env), operand, print);
  }
  throw new StartError(USAGE);
}
