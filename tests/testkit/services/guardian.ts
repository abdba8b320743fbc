import { spawn, type ChildProcess } from 'node:child_process';

/**
 * A shell that outlives us by a moment. It reads what we own from a pipe; when the pipe closes, because we
 * ended or were killed, it kills and removes all of it. So nothing that a test started survives its run.
 *
 * Lines: `+p PID`, `-p PID` (processes), `+c ENGINE NAME`, `-c ENGINE NAME` (containers), `+d FOLDER`.
 */
const SCRIPT = `
owned=""
while read -r line; do
  case "$line" in
    -*) gone="+\${line#-}"; kept=""
        while read -r one; do [ "$one" = "$gone" ] || kept="$kept
$one"; done <<END
$owned
END
        owned="$kept" ;;
    *) owned="$owned
$line" ;;
  esac
done
for turn in p c d; do
  while read -r what first second; do
    case "$turn $what" in
      "p +p") kill -9 "$first" 2>/dev/null ;;
      "c +c") "$first" rm -f "$second" >/dev/null 2>&1 ;;
      "d +d") rm -rf "$first" ;;
    esac
  done <<END
$owned
END
done
`;

let shell: ChildProcess | undefined;

function tell(line: string): void {
  if (shell === undefined) {
    // Its own session: the Ctrl-C that ends us must not end it too.
    shell = spawn('/bin/sh', ['-c', SCRIPT], { stdio: ['pipe', 'ignore', 'ignore'], detached: true });
    shell.unref();
    const pipe = shell.stdin;
    if (pipe !== null && 'unref' in pipe && typeof pipe.unref === 'function') pipe.unref();
    pipe?.on('error', () => undefined);
  }
  shell.stdin?.write(`${line}\n`);
}

/** Kills this process when we are gone. Returns what to call when it ended by itself. */
export function ownProcess(pid: number): () => void {
  tell(`+p ${pid}`);
  return () => tell(`-p ${pid}`);
}

/** Removes this container when we are gone. Returns what to call when it ended by itself. */
export function ownContainer(engine: string, name: string): () => void {
  tell(`+c ${engine} ${name}`);
  return () => tell(`-c ${engine} ${name}`);
}

/** Removes this folder (a path without spaces) when we are gone. */
export function ownFolder(path: string): void {
  tell(`+d ${path}`);
}
